"""Exact Bayes as a scorer: the ceiling of every GINC plot; tempered, a known floor below it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.ginc.exact import DEFAULT_SMOOTHING, infer
from icl.ginc.family import GincFamily
from icl.ginc.implied import tempered_predictive
from icl.ginc.task import read_tokens, token_words
from icl.prompts.render import Prompt
from probes.scorers.scorer import Scorer

__all__ = ["ORACLE", "TEMPERED", "OracleScorer"]

ORACLE = "oracle"

TEMPERED = "tempered"
"""With a share τ in brackets: a Bayesian that uses so much of each nat of evidence."""


class OracleScorer(Scorer):
    """p(candidate | prompt) by the exact posterior over the family's pretraining concepts.

    Parameters
    ----------
    family
        The world; it must be the task's.
    smoothing
        ε of the transitions, see `icl.ginc.exact`.
    temperature
        τ: the share of each nat of evidence that is used; exact Bayes at 1, the prior at 0.
    """

    def __init__(self, family: GincFamily, *, smoothing: float = DEFAULT_SMOOTHING, temperature: float = 1.0):
        self.family = family
        self.smoothing = smoothing
        self.temperature = temperature
        self.name = ORACLE if temperature == 1.0 else f"{TEMPERED}({temperature:g})"

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Log-probabilities in nats; prompts of one length are inferred together."""
        tokens = [read_tokens(prompt.text, self.family) for prompt in prompts]
        lengths = np.array([len(row) for row in tokens])
        position = {word: token for token, word in enumerate(token_words(self.family))}
        scores = np.empty((len(prompts), len(prompts[0].candidates) if prompts else 0))
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            inference = infer(self.family, np.array([tokens[row] for row in rows]), smoothing=self.smoothing)
            predictive = (
                inference.log_predictive if self.temperature == 1 else tempered_predictive(inference, self.temperature)
            )
            for row, log_predictive in zip(rows.tolist(), predictive[:, -1]):
                chosen = [position[candidate.text.strip()] for candidate in prompts[row].candidates]
                scores[row] = log_predictive[chosen]
        return scores

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Refuse prompts that are not GINC text."""
        for prompt in prompts:
            read_tokens(prompt.text, self.family)

    def identity(self) -> dict[str, str]:
        """Family, ε, and τ where it is not 1."""
        tempered = {} if self.temperature == 1 else {"temperature": f"{self.temperature:g}"}
        known = {"scorer": "exact Bayes", "family": self.family.fingerprint, "smoothing": f"{self.smoothing:g}"}
        return known | tempered
