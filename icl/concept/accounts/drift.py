"""Accounts in which the log-odds of the right concept walk, shot by shot: drift–diffusion, pure drift, tempered Bayes.

At n demonstrations of k tokens (after the signal and noise of Xie §3)

    Z ~ Normal(ℓ₀ + n·(κ·k − ν),  s₀² + n·σ² + n²·τ_d²),   π = E[sigmoid Z],   p = miss + (hit − miss)·π.

Two concepts are told apart, the right one and the rest, so accuracy lives between `miss` and `hit`. A curve may
fall (drift < 0), but never below `miss`. Deliberately not expressed: a competing *permuted* concept that drags
accuracy under chance (`miss` then sinks below chance for that example length, for every label mode alike); drift
that changes with n (saturating evidence, contexts longer than the training window, which the falling ends of some
curves show); skill that differs between label modes once the concept is found; demonstrations whose variance
grows with k. Misfit of these kinds shows in the posterior predictive check and in a small precision.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import expit

from icl.concept.accounts.account import Account, Cells, Functions, Parameter

__all__ = [
    "DRIFT_DIFFUSION",
    "MISS",
    "PURE_DRIFT",
    "SKILL",
    "START",
    "START_DEVIATION",
    "TEMPERED_BAYES",
    "answer",
    "expected_sigmoid",
    "levels",
    "weighing",
]

# Monahan & Stefanski 1992, Handbook of the Logistic Distribution: sigmoid(z) = Σ w·Φ(s·z) ± 2e-9; columns w, s.
_PROBIT_MIXTURE = np.array(
    [
        [0.003246343272134, 1.365340806296348],
        [0.051517477033972, 1.059523971016916],
        [0.195077912673858, 0.830791313765644],
        [0.315569823632818, 0.650732166639391],
        [0.274149576158423, 0.508135425366489],
        [0.131076880695470, 0.396313345166341],
        [0.027912418727972, 0.308904252267995],
        [0.001449567805354, 0.238212616409306],
    ]
)


def expected_sigmoid(mean, deviation, normal_cdf):
    """Mean of sigmoid(Z), Z ~ Normal(mean, deviation²), by the probit mixture of Monahan and Stefanski.

    Exact to 1e-9 at every deviation, where 15 Gauss–Hermite nodes are off by 4 points at a deviation of 10 nats
    (they step over a sigmoid that is narrow against Z), which would bend the posterior.

    Parameters
    ----------
    mean, deviation
        Nats, any shape; NumPy arrays or PyTensor variables.
    normal_cdf
        Φ for that kind of value.
    """
    weight, slope = _PROBIT_MIXTURE.T
    scaled = slope * mean[..., None] / (1 + (slope * deviation[..., None]) ** 2) ** 0.5
    return (weight * normal_cdf(scaled)).sum(axis=-1)


_SIGNAL = Parameter(
    name="signal_of_label_mode",
    unit="nats per demonstration",
    meaning="what a demonstration of mean length with such labels adds to the log-odds; it grows as k",
    by=("label_mode",),
    location=0.0,
    spread=1.3,
    anchor="per shot",
    link="softplus",
    is_regressed=True,
    reason="0.1 to 2.3 nats per demonstration (90 %), one nat would settle most queries within five shots; the same "
    "prior as the noise's, so that a priori a curve is as likely to fall as to rise",
)
_NOISE = Parameter(
    name="noise_of_format",
    unit="nats per demonstration",
    meaning="what a demonstration written in this format subtracts from the log-odds",
    by=("format",),
    location=0.0,
    spread=1.3,
    anchor="per shot",
    link="softplus",
    reason="the same prior as the signal's",
)
START = Parameter(
    name="start_log_odds",
    unit="nats",
    meaning="log-odds of the right concept without demonstrations",
    by=("format", "example_length"),
    location=0.0,
    spread=2.0,
    is_regressed=True,
    reason="one standard deviation spans 12 % to 88 %: the query alone may already give the concept away",
)
MISS = Parameter(
    name="miss_logit",
    unit="logit",
    meaning="logit of (accuracy with the wrong concept ÷ ceiling)",
    by=("example_length",),
    location=0.0,
    spread=0.7,
    scatter=0.5,
    anchor="chance",
    reason="near chance with few candidates, with room for a biased model; with many, 10–70 % of GINC prompts are "
    "right under the wrong concept",
)
SKILL = Parameter(
    name="skill_logit",
    unit="logit",
    meaning="logit of how much of the way from miss to the ceiling the right concept brings",
    by=("example_length",),
    location=2.0,
    spread=1.5,
    scatter=0.5,
    is_regressed=True,
    reason="most of the way up; anything from 36 % to 99 % is plausible: well-trained models reach the ceiling",
)
START_DEVIATION = Parameter(
    name="start_deviation",
    unit="nats",
    meaning="how far prompts differ in log-odds before any demonstration",
    location=0.0,
    spread=1.3,
    link="softplus",
    reason="0.1 to 2.3 nats (90 %): from almost nothing to as much as two demonstrations",
)
_STEP_DEVIATION = Parameter(
    name="step_deviation",
    unit="nats per √demonstration",
    meaning="how much one demonstration's evidence differs from another's",
    location=0.0,
    spread=1.3,
    link="softplus",
    reason="about as large as a typical drift",
)
_DRIFT_DEVIATION = Parameter(
    name="drift_deviation",
    unit="nats per demonstration",
    meaning="how far prompts differ in their drift",
    location=0.0,
    spread=1.3,
    anchor="per shot",
    link="softplus",
    scale=0.3,
    reason="prompts differ in drift by less than the drift itself",
)
_TEMPERATURE = Parameter(
    name="temperature",
    unit="share",
    meaning="how much of each nat of exact evidence the model uses",
    by=("label_mode",),
    location=-0.7,
    spread=1.0,
    link="exp",
    is_regressed=True,
    reason="one half, within a factor of five (90 %): models lag behind the exact posterior, and none is expected far "
    "beyond it",
)


def answer(identified: Any, values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    """Mix the accuracy under the right and under the wrong concept."""
    miss = cells.ceiling * functions.sigmoid(values["miss_logit"])
    hit = miss + (cells.ceiling - miss) * functions.sigmoid(values["skill_logit"])
    return miss + (hit - miss) * identified


def _drift(values: Mapping[str, Any], cells: Cells) -> Any:
    return values["signal_of_label_mode"] * (cells.tokens / cells.mean_tokens) - values["noise_of_format"]


def _drift_diffusion(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    n = cells.num_shots
    mean = values["start_log_odds"] + n * _drift(values, cells)
    variance = (
        values["start_deviation"] ** 2 + n * values["step_deviation"] ** 2 + n**2 * values["drift_deviation"] ** 2
    )
    identified = expected_sigmoid(mean, functions.sqrt(variance), functions.normal_cdf)
    return answer(identified, values, cells, functions)


def _pure_drift(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    identified = functions.sigmoid(values["start_log_odds"] + cells.num_shots * _drift(values, cells))
    return answer(identified, values, cells, functions)


def weighing(weight: Any, values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    """Answer as a Bayesian who uses this share of each nat of exact evidence."""
    mean = values["start_log_odds"] + weight * cells.evidence
    variance = values["start_deviation"] ** 2 + (weight * cells.evidence_deviation) ** 2
    identified = expected_sigmoid(mean, functions.sqrt(variance), functions.normal_cdf)
    return answer(identified, values, cells, functions)


def _tempered_bayes(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    return weighing(values["temperature"], values, cells, functions)


def _signal_and_noise(posterior: xr.Dataset, fixed: xr.Dataset) -> dict[str, xr.DataArray]:
    """Signal, noise and drift of each condition, nats per demonstration, and the levels of accuracy."""
    tokens = fixed["condition_tokens"] / fixed["condition_tokens"].mean()
    signal = (
        posterior["signal_of_label_mode"].sel(label_mode=fixed["condition_label_mode"]).drop_vars("label_mode") * tokens
    )
    noise = posterior["noise_of_format"].sel(format=fixed["condition_format"]).drop_vars("format")
    signal, noise = (part.transpose("chain", "draw", "model", "condition") for part in (signal, noise))
    return {"signal": signal, "noise": noise, "drift": signal - noise} | levels(posterior, fixed)


def levels(posterior: xr.Dataset, fixed: xr.Dataset) -> dict[str, xr.DataArray]:
    """Accuracy under the wrong and under the right concept, (chain, draw, model, example_length)."""
    ceiling = fixed["ceiling_of_length"]
    miss = ceiling * _sigmoid(posterior["miss_logit"])
    hit = miss + (ceiling - miss) * _sigmoid(posterior["skill_logit"])
    return {"miss": miss, "hit": hit}


def _sigmoid(x: xr.DataArray) -> xr.DataArray:
    return x.copy(data=expit(x.to_numpy()))


DRIFT_DIFFUSION = Account(
    name="drift-diffusion",
    title="drift–diffusion",
    says="the log-odds of the right concept are a random walk over demonstrations whose drift is signal − noise",
    source="Xie et al. 2022 §3, as a random walk",
    parameters=(
        _SIGNAL,
        _NOISE,
        START,
        MISS,
        SKILL,
        START_DEVIATION,
        _STEP_DEVIATION,
        _DRIFT_DEVIATION,
    ),
    accuracy=_drift_diffusion,
    derive=_signal_and_noise,
)

PURE_DRIFT = Account(
    name="pure-drift",
    title="pure drift",
    says="every prompt's log-odds of the right concept move by signal − noise per demonstration, without randomness",
    source="Xie et al. 2022 §3: exp(n·r_n) with r_n at its limit",
    parameters=(_SIGNAL, _NOISE, START, MISS, SKILL),
    accuracy=_pure_drift,
    derive=_signal_and_noise,
)

TEMPERED_BAYES = Account(
    name="tempered-bayes",
    title="tempered Bayes",
    says="the model is an exact Bayesian that uses a share of each nat of evidence; needs the exact evidence (GINC)",
    source="log w ∝ log p(θ) + τ·log p(prompt | θ), averaged over prompts",
    parameters=(_TEMPERATURE, START, MISS, SKILL, START_DEVIATION),
    accuracy=_tempered_bayes,
    derive=levels,
    needs_evidence=True,
)
