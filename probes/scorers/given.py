"""Models that a run is given in Python: Transformers models in memory, and functions of prompts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError
from icl.prompts.render import Prompt
from probes.scorers.scorer import Scorer

__all__ = ["CallableScorer", "GivenModel"]


@dataclass(frozen=True, slots=True, eq=False)
class GivenModel:
    """A Transformers model in memory, its tokenizer, and its name in tables."""

    model: Any
    tokenizer: Any
    name: str


class CallableScorer(Scorer):
    """A function from prompts to log-probabilities (nats), as an array of one row a prompt.

    Parameters
    ----------
    ask
        The function; every prompt that it is given at once has as many candidates.
    name
        Name in tables.
    """

    def __init__(self, ask: Callable[[Sequence[Prompt]], Any], name: str):
        self._ask = ask
        self.name = name

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Log-probability in nats of each candidate; NaN where the function does not tell it.

        Raises
        ------
        UserError
            If the function returns something else than an array of that shape, or what is no log-probability.
        """
        returned = self._ask(prompts)
        try:
            found = np.asarray(returned, dtype=float)
        except (ValueError, TypeError) as error:
            raise self._refusal(f"a {type(returned).__name__} that is no array of numbers") from error
        wanted = (len(prompts), len(prompts[0].candidates) if prompts else 0)
        if found.shape != wanted:
            raise self._refusal(f"an array of shape {found.shape} for {wanted[0]} prompts of {wanted[1]} candidates")
        if (wrong := found[(found > 0) | np.isinf(found)]).size:
            raise self._refusal(f"{wrong[0]:g}, which is no log-probability in nats")
        return found

    def identity(self) -> dict[str, str]:
        """What the function is called; its code cannot be told from another's."""
        return {
            "scorer": "function of Python",
            "function": getattr(self._ask, "__qualname__", type(self._ask).__name__),
        }

    def _refusal(self, got: str) -> UserError:
        return UserError(
            f"model '{self.name}' returned {got}; let the function return an array (num_prompts, num_candidates) of "
            "log-probabilities, none above 0, NaN where there is none."
        )
