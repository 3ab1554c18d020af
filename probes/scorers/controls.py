"""Control scorers, whose behaviour is known: what a probe must read off them is known as well."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.prompts.render import Prompt
from probes.scorers.scorer import Scorer

__all__ = ["CONTROLS", "ControlScorer"]


def _uniform(prompt: Prompt) -> np.ndarray:
    """Every candidate alike, whatever the prompt says."""
    return np.full(len(prompt.candidates), 1 / len(prompt.candidates))


def _majority(prompt: Prompt) -> np.ndarray:
    """Shares of the labels shown, each counted once more than it stands there."""
    counts = 1 + np.bincount(np.array(prompt.shown_indices, dtype=int), minlength=len(prompt.candidates))
    return counts / counts.sum()


def _copy_last_label(prompt: Prompt) -> np.ndarray:
    """The last label shown with probability 0.99, the rest alike; uniform where none is shown."""
    if not prompt.shown_indices:
        return _uniform(prompt)
    probabilities = np.full(len(prompt.candidates), 0.01 / (len(prompt.candidates) - 1))
    probabilities[prompt.shown_indices[-1]] = 0.99
    return probabilities


CONTROLS: dict[str, Callable[[Prompt], np.ndarray]] = {
    "uniform": _uniform,
    "majority": _majority,
    "copy-last-label": _copy_last_label,
}
"""Control's name → (prompt) → probability of each candidate."""


class ControlScorer(Scorer):
    """A scorer that answers by a rule of `CONTROLS`."""

    def __init__(self, name: str):
        self.name = name
        self._rule = CONTROLS[name]

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Apply the rule to each prompt; nats."""
        return np.log(np.stack([self._rule(prompt) for prompt in prompts]))

    def identity(self) -> dict[str, str]:
        """The rule's name is all that the scores depend on."""
        return {"scorer": "control", "rule": self.name}
