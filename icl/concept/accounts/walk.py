"""The sublinear walk: demonstrations move the log-odds of the right concept, the later the less (or the more).

With n demonstrations evidence has gone on for an operational time t(n) = ((1 + n)^b − 1)/b, which is n for b = 1,
log(1 + n) for b → 0, and for b < 0 never more than 1/|b|: such a model forgets, as though only so many demonstrations
counted. With m the middle of the shots asked, in log(1 + n),

    Z ~ Normal(ℓ₀ + g·t(n)/t(m),  s₀² + σ²·t(n)/t(m)),   π = E[sigmoid Z],
    p = miss + (hit − miss)·π·[r + (1 − r)·κ(n)],   κ(n) = 1 − exp(−n/(λ·number of labels)).

At b = 1 and κ = 1 that is drift–diffusion with a drift of g/m nats per demonstration and no spread of drifts. Evidence
is measured at the middle of the task's own shots, because what one demonstration adds differs by orders of magnitude
between GINC (n up to 64) and many-shot prompts (n up to thousands). κ is the share of labels that n demonstrations
have shown: what has not been shown is answered at a share r of the way only, so that curves of many labels can rise
twice. Curves may stray from all this, see `icl.concept.wander`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import exprel

from icl.concept.accounts.account import Account, Cells, Functions, Parameter
from icl.concept.accounts.drift import MISS, SKILL, START, START_DEVIATION, answer, expected_sigmoid, levels

__all__ = ["SUBLINEAR_WALK"]

_GAIN = Parameter(
    name="gain",
    unit="nats",
    meaning="g: what the demonstrations add to the log-odds from none to the middle of the shots asked",
    by=("condition",),
    location=1.5,
    spread=1.5,
    scatter=0.7,
    is_regressed=True,
    reason="from −1 to 4 nats (90 %): shots are chosen so that the curve moves within them; labels that mislead may "
    "make it fall",
)
_EXPONENT = Parameter(
    name="exponent",
    unit="",
    meaning="b: 1 where every demonstration adds as much as the first, 0 where evidence grows as log n, below 0 where "
    "it never exceeds that of 1/|b| demonstrations",
    location=0.4,
    spread=0.5,
    reason="from −0.4 to 1.2 (90 %): neither exact Bayes (1) nor logarithmic growth is ruled out",
)
_DIFFUSION = Parameter(
    name="diffusion",
    unit="nats",
    meaning="σ: how far prompts have drifted apart at the middle of the shots asked",
    location=0.0,
    spread=1.3,
    link="softplus",
    reason="0.1 to 2.3 nats (90 %), as at the start",
)
_CEILING_SHIFT = Parameter(
    name="ceiling_shift",
    unit="logit",
    meaning="by how much labels of this mode raise or lower the level that many demonstrations lead to",
    by=("label_mode",),
    location=0.0,
    spread=0.5,
    reason="labels that are wrong can cost accuracy even once the concept is found",
)
_UNSHOWN = Parameter(
    name="unshown_logit",
    unit="logit",
    meaning="logit of r, how far a query is answered whose label no demonstration has shown",
    location=0.0,
    spread=1.5,
    reason="8 % to 92 % of the way (90 %): candidates are known, so that what was not shown can be guessed",
)
_LABELS = Parameter(
    name="effective_labels",
    unit="share of all labels",
    meaning="λ: how many labels share the questions among them; below 1 where a few labels are frequent",
    location=-0.2,
    spread=0.4,
    link="exp",
    reason="from 0.4 to 1.6 times the labels (90 %): label sets of text tasks are seldom balanced",
)
_WANDER = Parameter(
    name="wander",
    unit="logit per √(log n)",
    meaning="ω: how far the curve strays from the law while 1 + n grows by a factor e",
    location=float(np.log(0.05)),
    spread=0.7,
    link="exp",
    reason="0.016 to 0.16 (90 %), at an accuracy of one half 0.6 to 6 points over a factor of ten in n: no law of "
    "a few parameters is exact over decades of n",
)


def _law(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    n = cells.num_shots
    time = _time(np.log1p(n), values["exponent"], functions) / _time(cells.middle, values["exponent"], functions)
    mean = values["start_log_odds"] + values["gain"] * time
    variance = values["start_deviation"] ** 2 + values["diffusion"] ** 2 * time
    identified = expected_sigmoid(mean, functions.sqrt(variance), functions.normal_cdf)
    unshown = 1 - functions.sigmoid(values["unshown_logit"])
    reached = identified * (1 - unshown * _share_not_shown(values, cells, functions))
    # Labels change nothing where none is shown.
    skill = values["skill_logit"] + values["ceiling_shift"] * (n / (1 + n))
    return answer(reached, {**values, "skill_logit": skill}, cells, functions)


def _time(log_shots: Any, exponent: Any, functions: Functions) -> Any:
    """((1 + n)^b − 1)/b from log(1 + n)."""
    return log_shots * functions.exprel(exponent * log_shots)


def _share_not_shown(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    """1 − κ, and 0 where answers are not of a small set of labels."""
    known = np.isfinite(cells.num_labels)
    labels = np.where(known, cells.num_labels, 1.0)
    return functions.exp(-cells.num_shots / (values["effective_labels"] * labels)) * known


def _derived(posterior: xr.Dataset, fixed: xr.Dataset) -> dict[str, xr.DataArray]:
    """What the first demonstrations add, the time t at which the odds are even, and levels of accuracy."""
    middle, exponent, gain = fixed["middle"], posterior["exponent"], posterior["gain"]
    first = gain / _posterior_time(middle, exponent)
    length = fixed["condition_example_length"]
    lengths = [posterior["example_length"].to_numpy()[0]] * length.size
    if bool(length.notnull().all()):
        lengths = [str(int(each)) for each in length.to_numpy()]
    at = {"format": fixed["condition_format"], "example_length": xr.DataArray(lengths, dims="condition")}
    start = posterior["start_log_odds"].sel(at).drop_vars(["format", "example_length"])
    found = {"first_step": first.transpose(*gain.dims), "even_odds_time": (-start / first).transpose(*gain.dims)}
    return found | levels(posterior, fixed)


def _posterior_time(log_shots: xr.DataArray, exponent: xr.DataArray) -> xr.DataArray:
    product = exponent * log_shots
    return log_shots * product.copy(data=exprel(product.to_numpy()))


def _shots_at(time: np.ndarray, first_step: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Demonstrations by which t(n) has passed: 0 where the start is there already, infinite where it never comes."""
    base, near = 1 + exponent * time, np.abs(exponent) < 1e-6
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shots = np.where(near, np.expm1(time), np.exp(np.log(base) / np.where(near, 1.0, exponent)) - 1)
    shots = np.where(base > 0, shots, np.inf)
    return np.where(time <= 0, np.where(first_step > 0, 0.0, np.inf), shots)


def _remark(posterior: xr.Dataset) -> list[str]:
    """Say of each model whether evidence adds up, and when the right concept becomes the likelier one."""
    said = []
    for model in posterior["model"].to_numpy():
        exponent = posterior["exponent"].sel(model=model).to_numpy().ravel()
        low, middle, high = np.quantile(exponent, [0.05, 0.5, 0.95])
        said.append(
            f"{model}: evidence grows as the power b = {middle:.2f} ({low:.2f} to {high:.2f}) of the demonstrations; "
            f"P(b < 1), that they add up to less than their sum, is {np.mean(exponent < 1):.2f}."
        )
        for condition in posterior["condition"].to_numpy():
            time = posterior["even_odds_time"].sel(model=model, condition=condition).to_numpy().ravel()
            shots = _shots_at(
                time, posterior["first_step"].sel(model=model, condition=condition).to_numpy().ravel(), exponent
            )
            low, middle, high = np.quantile(shots, [0.05, 0.5, 0.95], method="inverted_cdf")
            said.append(
                f"{model}, {condition}: half way from miss to hit after {middle:.3g} demonstrations "
                f"({low:.3g} to {high:.3g}; inf: never)."
            )
    return said


SUBLINEAR_WALK = Account(
    name="sublinear-walk",
    title="sublinear walk",
    says="the log-odds of the right concept grow as a power of n (1 where evidence adds up); what has not been "
    "shown is not known, and curves stray a little",
    source="Bigelow et al. 2025 (evidence that grows as a power of n), with the levels of drift–diffusion",
    parameters=(
        _GAIN,
        _EXPONENT,
        START,
        MISS,
        SKILL,
        _CEILING_SHIFT,
        START_DEVIATION,
        _DIFFUSION,
        _UNSHOWN,
        _LABELS,
        _WANDER,
    ),
    accuracy=_law,
    derive=_derived,
    remark=_remark,
)
