"""Predictors of GINC tokens: exact Bayes and trained models answer one call, at many positions of a prompt at once."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.ginc.exact import DEFAULT_SMOOTHING, infer
from icl.ginc.family import GincFamily
from icl.ginc.implied import tempered_predictive

__all__ = ["ExactPredictor", "GincPredictor", "TemperedPredictor"]


class GincPredictor(ABC):
    """A `name`, the `family` whose tokens it reads, and a call."""

    name: str
    family: GincFamily

    @abstractmethod
    def __call__(
        self, tokens: Integer[ndarray, "num_prompts length"], positions: Integer[ndarray, " num_positions"]
    ) -> Float[ndarray, "num_prompts num_positions vocab_size"]:
        """Log-probability in nats of each token of the family's vocabulary after the token at each of `positions`.

        A model's mass on tokens of its own, such as a start of document, is left out: sums of probabilities are 1 or
        less.
        """

    def branches(
        self,
        prefixes: Integer[ndarray, "num_prefixes prefix_length"],
        queries: Integer[ndarray, "num_queries query_length"],
    ) -> Float[ndarray, "num_prefixes num_queries vocab_size"]:
        """Log-probabilities in nats of the token after every prefix that is followed by every query."""
        joined = np.concatenate(
            [np.repeat(prefixes, len(queries), axis=0), np.tile(queries, (len(prefixes), 1))], axis=1
        )
        last = np.array([joined.shape[1] - 1])
        return self(joined, last)[:, 0].reshape(len(prefixes), len(queries), -1)

    def close(self) -> None:  # noqa: B027 — exact Bayes holds nothing
        """Release what was loaded; a predictor that is asked again loads it again."""

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """Everything beside the prompts that the predictions depend on."""


class ExactPredictor(GincPredictor):
    """Exact Bayes over the family's pretraining concepts.

    Parameters
    ----------
    family
        The world.
    smoothing
        ε of the transitions, see `icl.ginc.exact`.
    """

    name = "oracle"

    def __init__(self, family: GincFamily, *, smoothing: float = DEFAULT_SMOOTHING):
        self.family = family
        self.smoothing = smoothing

    def __call__(
        self, tokens: Integer[ndarray, "num_prompts length"], positions: Integer[ndarray, " num_positions"]
    ) -> Float[ndarray, "num_prompts num_positions vocab_size"]:
        """Log-probabilities in nats; −inf for tokens that no state emits."""
        return infer(self.family, tokens, smoothing=self.smoothing, positions=positions).log_predictive

    def identity(self) -> dict[str, str]:
        """Family and ε."""
        return {"family": self.family.fingerprint, "smoothing": f"{self.smoothing:g}"}


class TemperedPredictor(ExactPredictor):
    """A Bayesian that uses a share τ of each nat of evidence: w_θ ∝ p(θ) · p(prompt | θ)^τ.

    Parameters
    ----------
    family
        The world.
    temperature
        τ ≥ 0; exact Bayes at 1, the prior at 0.
    smoothing
        ε of the transitions, see `icl.ginc.exact`.
    """

    def __init__(self, family: GincFamily, *, temperature: float, smoothing: float = DEFAULT_SMOOTHING):
        super().__init__(family, smoothing=smoothing)
        self.temperature = temperature
        self.name = f"tempered({temperature:g})"

    def __call__(
        self, tokens: Integer[ndarray, "num_prompts length"], positions: Integer[ndarray, " num_positions"]
    ) -> Float[ndarray, "num_prompts num_positions vocab_size"]:
        """Log-probabilities in nats; −inf for tokens that no state emits."""
        inference = infer(self.family, tokens, smoothing=self.smoothing, positions=positions)
        return tempered_predictive(inference, self.temperature)

    def identity(self) -> dict[str, str]:
        """Family, ε and τ."""
        return super().identity() | {"temperature": f"{self.temperature:g}"}
