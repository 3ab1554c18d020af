"""What is observed of a cell, given the probability of a right answer: a count, or a mean log-probability.

counts    correct ~ BetaBinomial(N, mean p, precision φ)
logprob   mean log p(gold) ~ StudentT(ν = 4, log p, √(its standard error² + ω²)), which forgives a cell that strays
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.special import betaln, gammaln
from scipy.stats import t as student_t

from icl.concept.accounts.account import Parameter
from icl.errors import unknown_name

__all__ = ["OBSERVATIONS", "Observation", "observation_named"]

_DEGREES = 4.0
_HIGHEST = 1 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One way to look at cells.

    Attributes
    ----------
    name, column
        Its name, and the column of the counts table that is observed.
    parameters
        What it adds to an account's parameters.
    likelihood
        (probability, values by parameter's name gathered to the cells, cells, observed data) → PyMC variable.
    log_density
        (probability, values, cells, observed) → log density of each cell, on NumPy arrays with leading dimensions.
    simulate
        (probability, values, cells, rng) → data that might have been observed.
    """

    name: str
    column: str
    parameters: tuple[Parameter, ...]
    likelihood: Callable[[Any, Mapping[str, Any], pd.DataFrame, Any], Any]
    log_density: Callable[[ndarray, Mapping[str, ndarray], pd.DataFrame, ndarray], ndarray]
    simulate: Callable[[ndarray, Mapping[str, ndarray], pd.DataFrame, np.random.Generator], ndarray]


_PRECISION = Parameter(
    name="log_precision",
    unit="log",
    meaning="log φ: precision of the counts; large where cells are close to binomial counts around the curve",
    location=7.0,
    spread=2.0,
    reason="binomial noise plus 1–2 points between repetitions; the spread admits pure binomial counts",
)
_EXCESS = Parameter(
    name="excess",
    unit="nats",
    meaning="ω: how far cells deviate from the curve beyond their standard error",
    location=-0.5,
    spread=1.3,
    link="softplus",
    scale=0.1,
    reason="about as far as 1–20 % of a probability",
)


_MOST_PRECISE = 20.0
"""log φ from which counts are binomial to seven digits. Beyond it the Beta functions would cancel to noise, in which a
sampler once stood still."""


def _beta(probability: Any, values: Mapping[str, Any], exp: Callable) -> tuple[Any, Any]:
    asked = values["log_precision"]
    precision = exp((asked + _MOST_PRECISE - abs(asked - _MOST_PRECISE)) / 2)  # the smaller of the two
    return probability * precision, (1 - probability) * precision


def _count_likelihood(probability: Any, values: Mapping[str, Any], cells: pd.DataFrame, observed: Any) -> Any:
    import pymc as pm

    alpha, beta = _beta(probability, values, pm.math.exp)
    prompts = cells["num_prompts"].to_numpy()
    return pm.BetaBinomial("num_correct", n=prompts, alpha=alpha, beta=beta, observed=observed, dims="cell")


def _count_log_density(
    probability: ndarray, values: Mapping[str, ndarray], cells: pd.DataFrame, observed: ndarray
) -> ndarray:
    alpha, beta = _beta(probability, values, np.exp)
    n = cells["num_prompts"].to_numpy(dtype=float)
    choose = gammaln(n + 1) - gammaln(observed + 1) - gammaln(n - observed + 1)
    return choose + betaln(observed + alpha, n - observed + beta) - betaln(alpha, beta)


def _simulate_counts(
    probability: ndarray, values: Mapping[str, ndarray], cells: pd.DataFrame, rng: np.random.Generator
) -> ndarray:
    alpha, beta = _beta(probability, values, np.exp)
    share = rng.beta(np.maximum(alpha, 1e-12), np.maximum(beta, 1e-12))
    return rng.binomial(cells["num_prompts"].to_numpy(), share)


def _logprob_scale(values: Mapping[str, Any], cells: pd.DataFrame) -> Any:
    error = cells["logprob_error"].to_numpy(dtype=float)
    return (error**2 + values["excess"] ** 2) ** 0.5


def _logprob_likelihood(probability: Any, values: Mapping[str, Any], cells: pd.DataFrame, observed: Any) -> Any:
    import pymc as pm

    scale = _logprob_scale(values, cells)
    return pm.StudentT(
        "mean_logprob", nu=_DEGREES, mu=pm.math.log(probability), sigma=scale, observed=observed, dims="cell"
    )


def _logprob_log_density(
    probability: ndarray, values: Mapping[str, ndarray], cells: pd.DataFrame, observed: ndarray
) -> ndarray:
    return student_t.logpdf(observed, _DEGREES, np.log(probability), _logprob_scale(values, cells))


def _simulate_logprob(
    probability: ndarray, values: Mapping[str, ndarray], cells: pd.DataFrame, rng: np.random.Generator
) -> ndarray:
    scale = _logprob_scale(values, cells)
    return np.log(probability) + scale * rng.standard_t(_DEGREES, size=np.broadcast(probability, scale).shape)


OBSERVATIONS: dict[str, Observation] = {
    "counts": Observation(
        name="counts",
        column="num_correct",
        parameters=(_PRECISION,),
        likelihood=_count_likelihood,
        log_density=_count_log_density,
        simulate=_simulate_counts,
    ),
    "logprob": Observation(
        name="logprob",
        column="mean_logprob",
        parameters=(_EXCESS,),
        likelihood=_logprob_likelihood,
        log_density=_logprob_log_density,
        simulate=_simulate_logprob,
    ),
}
"""Name → observation: right answers, or mean log-probabilities of the gold label."""


def observation_named(name: str) -> Observation:
    """Look an observation up.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name not in OBSERVATIONS:
        raise unknown_name("observation", name, OBSERVATIONS)
    return OBSERVATIONS[name]
