"""The scorer contract: one call that language models, exact Bayes and control scorers all answer."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.prompts.render import Prompt

__all__ = ["Answer", "Progress", "Scorer", "as_table"]

type Progress = Callable[[int, int], None]
"""Called with (units done, units in all) while a scorer reads; `Scorer.unit` names the unit."""

_ASKED_TOGETHER = 128
"""Prompts that a scorer without a stream of its own is asked at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scorer says of one candidate of one prompt.

    Attributes
    ----------
    logprob : float
        log p(candidate | prompt) in nats, summed over its tokens; NaN where it could not be scored.
    num_tokens : int
        The candidate's tokens in the joint tokenisation of prompt and candidate.
    boundary_clean : bool or None
        Whether joint and separate tokenisation agree; None for scorers that have or tell no tokens.
    logprob_split : float
        Nats of the candidate cut separately from the prompt: `logprob` where the boundary is clean, NaN where that
        was not asked.
    vocabulary_rank : int or None
        The worst rank of its tokens among the whole vocabulary: 1 exactly where greedy decoding would write the
        candidate. None where the scorer does not know the vocabulary.
    reason : str
        Why `logprob` is NaN; empty where it is not.
    logprob_below : float
        Where `logprob` is NaN: nats that it is known to lie below; NaN where no bound is known.
    """

    logprob: float
    num_tokens: int = 1
    boundary_clean: bool | None = None
    logprob_split: float = math.nan
    vocabulary_rank: int | None = None
    reason: str = ""
    logprob_below: float = math.nan


class Scorer(ABC):
    """A `name` and a call are the whole contract; the other methods have answers that suit a scorer of words."""

    name: str

    unit: str = "prompt"
    """What `answer` counts its progress in."""

    has_weights: bool = False
    """Whether `load` takes a while."""

    @abstractmethod
    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Log-probability in nats of each candidate, summed over its tokens; NaN where it could not be scored."""

    def answer(
        self, prompts: Sequence[Prompt], *, progress: Progress | None = None
    ) -> Iterator[tuple[int, list[Answer]]]:
        """Yield each prompt's position with an answer for each of its candidates, in the order they become known."""
        for start in range(0, len(prompts), _ASKED_TOGETHER):
            part = prompts[start : start + _ASKED_TOGETHER]
            for offset, row in enumerate(self(part)):
                reasons = ["the scorer gave no number" if np.isnan(value) else "" for value in row]
                yield start + offset, [Answer(float(value), reason=reason) for value, reason in zip(row, reasons)]
            if progress:
                progress(start + len(part), len(prompts))

    def check(self, prompts: Sequence[Prompt]) -> None:  # noqa: B027 — most scorers have nothing to refuse
        """Raise `UserError` if these prompts cannot be scored, whatever their length; called before anything is."""

    def notices(self, prompts: Sequence[Prompt]) -> list[str]:
        """Say what this scorer makes of the texts of these prompts that a user should know before it is asked."""
        return []

    def load(self) -> None:  # noqa: B027 — most scorers have none
        """Load the weights now, so that the time this takes is told apart from reading."""

    @property
    def context_length(self) -> int | None:
        """Tokens that the scorer reads at most; None where there is no such number."""
        return None

    def too_long(self, prompts: Sequence[Prompt]) -> dict[int, int]:
        """Say which prompts are longer than `context_length`: position → tokens, the longest candidate included."""
        return {}

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

    def is_reproducible(self) -> bool:
        """Whether `identity` pins the scores down, so that an answer may be kept for other runs.

        False also for scorers that are cheaper to ask than to look up.
        """
        return False

    def reading(self) -> dict[str, object]:
        """Report what was read so far and how, for the manifest; empty where there is nothing to say."""
        return {}

    def precision_check(self, prompts: Sequence[Prompt]) -> dict[str, object]:
        """Measure on these prompts what reduced precision changes; empty for a scorer that has none."""
        return {}


def as_table(
    answers: Iterable[tuple[int, list[Answer]]], num_prompts: int
) -> Float[ndarray, "num_prompts num_candidates"]:
    """Gather answers into the array of a scorer's call: nats, one row a prompt in the order asked."""
    rows = dict(answers)
    return np.array([[answer.logprob for answer in rows[i]] for i in range(num_prompts)]).reshape(num_prompts, -1)
