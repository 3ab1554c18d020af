"""Control scorers, whose behaviour is known: what a probe must read off them is known as well."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError
from icl.prompts.render import Prompt
from probes.scorers.scorer import Scorer

__all__ = ["CONTROLS", "ControlScorer", "is_control"]


def _uniform(prompt: Prompt) -> np.ndarray:
    """All candidates equally likely, whatever the prompt says."""
    return np.full(len(prompt.candidates), 1 / len(prompt.candidates))


def _majority(prompt: Prompt) -> np.ndarray:
    """Shares of the labels shown, with one added to each count."""
    counts = 1 + np.bincount(np.array(prompt.shown_indices, dtype=int), minlength=len(prompt.candidates))
    return counts / counts.sum()


def _copy_last_label(prompt: Prompt) -> np.ndarray:
    """The last label shown with probability 0.99, the rest equally likely; uniform where none is shown."""
    if not prompt.shown_indices:
        return _uniform(prompt)
    probabilities = np.full(len(prompt.candidates), 0.01 / (len(prompt.candidates) - 1))
    probabilities[prompt.shown_indices[-1]] = 0.99
    return probabilities


def _recency(prompt: Prompt, strength: float = 2.0) -> np.ndarray:
    """The last label shown is preferred by 2 nats (or `recency(s)` by s), whatever it is; uniform where none is."""
    odds = np.ones(len(prompt.candidates))
    if prompt.shown_indices:
        odds[prompt.shown_indices[-1]] = np.exp(strength)
    return odds / odds.sum()


def _label_prior(prompt: Prompt) -> np.ndarray:
    """Each label half as probable as the one before it, whatever the prompt says."""
    odds = 0.5 ** np.arange(len(prompt.candidates))
    return odds / odds.sum()


def _gold_follower(prompt: Prompt) -> np.ndarray:
    """The gold label with probability 0.9, the rest equally likely: knows the task, ignores the demonstrations."""
    if prompt.is_content_free:
        return _uniform(prompt)
    probabilities = np.full(len(prompt.candidates), 0.1 / (len(prompt.candidates) - 1))
    probabilities[prompt.gold_index] = 0.9
    return probabilities


def _mapping_learner(prompt: Prompt) -> np.ndarray:
    """What the query's kind was called in the demonstrations, with one added to each count.

    It tells the kinds of inputs apart perfectly and knows nothing of their names but what is shown.
    """
    counts = np.ones(len(prompt.candidates))
    if prompt.is_content_free or prompt.demonstrations.input_mode != "task":
        return _uniform(prompt)
    for gold, shown in zip(prompt.demonstrations.gold_labels, prompt.shown_indices):
        counts[shown] += gold == prompt.gold_label
    return counts / counts.sum()


CONTROLS: dict[str, Callable[[Prompt], np.ndarray]] = {
    "uniform": _uniform,
    "majority": _majority,
    "copy-last-label": _copy_last_label,
    "recency": _recency,
    "label-prior": _label_prior,
    "gold-follower": _gold_follower,
    "mapping-learner": _mapping_learner,
}
"""Control's name → (prompt) → probability of each candidate."""


def is_control(model: str) -> bool:
    """Tell whether a model's name is a control's, an argument included."""
    return model.partition("(")[0] in CONTROLS


class ControlScorer(Scorer):
    """A scorer that answers by a rule of `CONTROLS`.

    Parameters
    ----------
    name
        A control's name; ``recency(1.5)`` sets the strength of its bias in nats.

    Raises
    ------
    UserError
        If the strength is no number, or the control takes none.
    """

    def __init__(self, name: str):
        self.name = name
        bare, _, argument = name.partition("(")
        self._rule = CONTROLS[bare]
        if argument:
            self._rule = partial(_recency, strength=_strength(name, bare, argument.removesuffix(")")))

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Apply the rule to each prompt; nats."""
        return np.log(np.stack([self._rule(prompt) for prompt in prompts]))

    def identity(self) -> dict[str, str]:
        """The rule's name is all that the scores depend on."""
        return {"scorer": "control", "rule": self.name}


def _strength(name: str, control: str, argument: str) -> float:
    if control != "recency":
        raise UserError(f"control '{control}' has no strength to set, got '{name}'; write just '{control}'.")
    try:
        strength = float(argument)
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength):
        raise UserError(f"recency needs a strength in nats, got '{name}'; write for example recency(1.5).")
    return strength
