"""The scorer contract: one call that language models, exact Bayes and control scorers all answer."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from icl.prompts.render import Prompt

__all__ = ["LabelAudit", "Scorer"]


@dataclass(frozen=True, slots=True)
class LabelAudit:
    """How a candidate was cut into tokens; `boundary_clean` is None for scorers that have no tokens."""

    num_label_tokens: int
    boundary_clean: bool | None


class Scorer(ABC):
    """A `name` and a call are the whole contract; the other methods have answers that suit a scorer of words."""

    name: str

    @abstractmethod
    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Log-probability in nats of each candidate, summed over its tokens; NaN where it could not be scored."""

    def check(self, prompts: Sequence[Prompt]) -> None:  # noqa: B027 — most scorers have nothing to refuse
        """Raise `UserError` if these prompts cannot be scored; called before anything is."""

    def audit(self, prompts: Sequence[Prompt]) -> list[list[LabelAudit]]:
        """Say for each prompt and candidate how it was cut into tokens."""
        return [[LabelAudit(1, None) for _ in prompt.candidates] for prompt in prompts]

    def num_tokens(self, prompts: Sequence[Prompt]) -> int:
        """Count the tokens that the scorer would read, for plans; 0 where reading costs nothing."""
        return 0

    def estimated_seconds(self, num_tokens: int) -> float:
        """Guess how long reading so many tokens takes on this machine, for plans."""
        return 0.0

    def token_lines(self, prompt: Prompt) -> list[str]:
        """Describe the tokens of one prompt, a line each, for `probe show`."""
        return [f"{self.name} reads text, not tokens"]

    def identity(self) -> dict[str, str]:
        """Everything beside the prompts that the scores depend on."""
        return {"scorer": type(self).__name__}
