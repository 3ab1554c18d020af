"""Exact Bayes as a scorer: the ceiling of every GINC plot."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.ginc.exact import DEFAULT_SMOOTHING, infer
from icl.ginc.family import GincFamily
from icl.ginc.task import read_tokens, token_words
from icl.prompts.render import Prompt
from probes.scorers.scorer import Scorer

__all__ = ["OracleScorer"]


class OracleScorer(Scorer):
    """p(candidate | prompt) by the exact posterior over the family's pretraining concepts.

    Parameters
    ----------
    family
        The world; it must be the task's.
    smoothing
        ε of the transitions, see `icl.ginc.exact`.
    """

    name = "oracle"

    def __init__(self, family: GincFamily, *, smoothing: float = DEFAULT_SMOOTHING):
        self.family = family
        self.smoothing = smoothing

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Log-probabilities in nats; prompts of one length are inferred together."""
        tokens = [read_tokens(prompt.text, self.family) for prompt in prompts]
        lengths = np.array([len(row) for row in tokens])
        position = {word: token for token, word in enumerate(token_words(self.family))}
        scores = np.empty((len(prompts), len(prompts[0].candidates) if prompts else 0))
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            inference = infer(self.family, np.array([tokens[row] for row in rows]), smoothing=self.smoothing)
            for row, log_predictive in zip(rows.tolist(), inference.log_predictive[:, -1]):
                chosen = [position[candidate.text.strip()] for candidate in prompts[row].candidates]
                scores[row] = log_predictive[chosen]
        return scores

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Refuse prompts that are not GINC text."""
        for prompt in prompts:
            read_tokens(prompt.text, self.family)

    def identity(self) -> dict[str, str]:
        """Family and ε."""
        return {"scorer": "exact Bayes", "family": self.family.fingerprint, "smoothing": f"{self.smoothing:g}"}
