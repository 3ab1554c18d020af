"""What a curve does whatever the law: does it fall, turn, or collapse? From the counts alone, no account assumed.

A law fitted to a whole curve can say that signal exceeds noise while the curve has long been falling (demonstrations
sorted by label do that to models). So the last part of each curve, the upper half of log(1 + n), has a slope of its
own: weighted least squares of the logit of accuracy on log(1 + n). Its error knows the binomial noise, how far
demonstration sets differ, and how far cells stray from the line (Birge 1932), if by more than these.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray
from scipy.special import expit
from scipy.stats import norm

__all__ = ["SURE", "curve_shapes", "shape_sentences"]

SURE = 0.975
"""From this probability on a curve is said to fall."""

_FEWEST = 3
"""Shot counts that a slope needs, beyond which the curve is not called falling or rising."""

_CLEAR = 3.0
"""Standard errors between two cells that were picked for being extreme."""


_SHAPE = (
    "model",
    "condition",
    "from_shots",
    "slope",
    "slope_error",
    "prob_falls",
    "peak_shots",
    "turns",
    "collapses",
)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Logit of accuracy at each number of shots with its variance, sets taken together."""

    shots: Float[ndarray, " num_shots"]
    logit: Float[ndarray, " num_shots"]
    variance: Float[ndarray, " num_shots"]
    chance: float


def curve_shapes(tree: xr.DataTree) -> pd.DataFrame:
    """Describe each curve of a fit by its cells.

    Returns
    -------
    pd.DataFrame
        One row per model and condition with cells at three numbers of shots or more: model, condition, from_shots
        (where the last part begins), slope and slope_error (logit of accuracy per factor e of 1 + n), prob_falls =
        P(slope < 0), peak_shots, turns (whether it clearly rises to that peak and clearly falls from it), and collapses
        (whether the last cell keeps less than half of what the one before had above chance).
    """
    rows = []
    for (model, condition), curve in _curves(tree).items():
        if len(curve.shots) < _FEWEST:
            continue
        log_shots = np.log1p(curve.shots)
        last = max(_FEWEST, int((log_shots >= log_shots[-1] / 2).sum()))
        slope, error = _slope(log_shots[-last:], curve.logit[-last:], curve.variance[-last:])
        described = (
            model,
            condition,
            int(curve.shots[-last]),
            slope,
            error,
            float(norm.cdf(-slope / error)),
            int(curve.shots[curve.logit.argmax()]),
            _turns(curve),
            _collapses(curve),
        )
        rows.append(dict(zip(_SHAPE, described, strict=True)))
    return pd.DataFrame(rows, columns=_SHAPE)


def shape_sentences(tree: xr.DataTree) -> list[str]:
    """Say which curves fall, turn or collapse; nothing of those that rise or stay."""
    said = []
    for row in curve_shapes(tree).itertuples():
        curve = f"{row.model}, {row.condition}"
        if row.collapses:
            said.append(
                f"{curve}: accuracy collapses at the most shots; check that those prompts fit into the context."
            )
        if row.prob_falls >= SURE:
            said.append(
                f"{curve}: the curve falls from {row.from_shots} shots on (P = {row.prob_falls:.3f}), so more "
                "demonstrations do harm there, whatever the drift of the whole curve."
            )
        elif row.turns and not row.collapses:
            said.append(
                f"{curve}: the curve rises until {row.peak_shots} shots and falls after, which no law here expresses."
            )
    return said


def _curves(tree: xr.DataTree) -> dict[tuple[str, str], _Curve]:
    fixed = tree["constant_data"].to_dataset()
    names = ["cell_series", "cell_condition", "num_shots", "num_correct", "num_prompts", "chance"]
    cells = pd.DataFrame({name: fixed[name].to_numpy() for name in names})
    cells = cells[cells["num_shots"] > 0]
    right, wrong = cells["num_correct"] + 0.5, cells["num_prompts"] - cells["num_correct"] + 0.5
    cells = cells.assign(logit=np.log(right / wrong), noise=1 / right + 1 / wrong)
    condition = fixed["condition"].to_numpy()
    found = {}
    for (series, number), curve in cells.groupby(["cell_series", "cell_condition"], sort=False):
        by_shots = curve.groupby("num_shots")
        sets = by_shots.size().to_numpy()
        spread = by_shots["logit"].var(ddof=1).fillna(0.0).to_numpy()
        found[str(series), str(condition[int(number)])] = _Curve(
            shots=np.array(sorted(by_shots.groups), dtype=float),
            logit=by_shots["logit"].mean().to_numpy(),
            variance=np.maximum(spread, by_shots["noise"].mean().to_numpy()) / sets,
            chance=float(curve["chance"].mean()),
        )
    return found


def _slope(x: ndarray, y: ndarray, variance: ndarray) -> tuple[float, float]:
    """Weighted least-squares slope and its standard error, widened where cells stray by more than their errors."""
    weight = 1 / variance
    centred = x - np.average(x, weights=weight)
    information = (weight * centred**2).sum()
    slope = (weight * centred * y).sum() / information
    residual = y - np.average(y, weights=weight) - slope * centred
    birge = (weight * residual**2).sum() / max(len(x) - 2, 1)
    return float(slope), float(np.sqrt(max(birge, 1.0) / information))


def _turns(curve: _Curve) -> bool:
    peak = int(curve.logit.argmax())
    if peak in (0, len(curve.logit) - 1):
        return False
    ends = np.array([0, -1])
    apart = (curve.logit[peak] - curve.logit[ends]) / np.sqrt(curve.variance[peak] + curve.variance[ends])
    return bool((apart > _CLEAR).all())


def _collapses(curve: _Curve) -> bool:
    last, before = curve.logit[-1], curve.logit[-2]
    surely = (before - last) / np.sqrt(curve.variance[-1] + curve.variance[-2]) > _CLEAR
    left = expit(last) - curve.chance < 0.5 * (expit(before) - curve.chance)
    return bool(surely and left)
