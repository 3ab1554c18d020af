"""Contrasts of the outcome table with 90 % intervals, in points of accuracy, averaged over example lengths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.metrics.uncertainty import (
    LEVEL,
    Estimate,
    clustered_mean,
    clustered_share,
    clustered_share_difference,
    clustered_share_ratio,
)

__all__ = [
    "Quantity",
    "accuracy",
    "correct",
    "difference",
    "has",
    "oracle_share",
    "over_lengths",
    "paired_difference",
    "shots_gain",
    "spread_mean",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number that a claim is judged by, in points (percent), with its 90 % interval; NaN has a reason."""

    name: str
    estimate: float
    low: float
    high: float
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.estimate:.1f} [{self.low:.1f}, {self.high:.1f}]"


def has(outcomes: pd.DataFrame, model: str, experiment: str) -> bool:
    """Say whether a model was asked an experiment."""
    return bool(((outcomes["model"] == model) & (outcomes["experiment"] == experiment)).any())


def correct(
    outcomes: pd.DataFrame, model: str, experiment: str, *, column: str = "correct"
) -> dict[int, Float[ndarray, "num_prompts num_shots"]]:
    """Zeros and ones by example length: rows are prompts, the same for every model, columns rising shots."""
    rows = outcomes[(outcomes["model"] == model) & (outcomes["experiment"] == experiment)]
    tables = rows.groupby("example_length")
    return {
        int(length): block.pivot(index="prompt", columns="num_shots", values=column).sort_index(axis=1).to_numpy()
        for length, block in tables
    }


def accuracy(outcomes: pd.DataFrame, model: str, experiment: str, *, num_shots: int) -> Quantity:
    """Accuracy at one number of examples, averaged over example lengths."""
    place = _place(outcomes, num_shots)
    table = correct(outcomes, model, experiment)
    return over_lengths(model, [_estimate(clustered_share, block[:, place]) for block in table.values()])


def shots_gain(outcomes: pd.DataFrame, model: str, experiment: str, *, fewer: int, more: int) -> Quantity:
    """Accuracy at `more` examples minus that at `fewer`, paired by prompt, averaged over example lengths."""
    first, last = _place(outcomes, fewer), _place(outcomes, more)
    table = correct(outcomes, model, experiment)
    gains = [_estimate(clustered_share_difference, block[:, last] - block[:, first]) for block in table.values()]
    return over_lengths(model, gains)


def paired_difference(
    outcomes: pd.DataFrame, better: str, worse: str, experiment: str, *, num_shots: int | None = None
) -> Quantity:
    """Accuracy of one model minus another's on the same prompts, averaged over cells: all, or those of one n."""
    ours, theirs = correct(outcomes, better, experiment), correct(outcomes, worse, experiment)
    places = slice(None) if num_shots is None else [_place(outcomes, num_shots)]
    gains = [
        _estimate(clustered_share_difference, (ours[length] - theirs[length])[:, places].mean(axis=1))
        for length in ours.keys() & theirs.keys()
    ]
    return over_lengths(f"{better} − {worse}", gains)


def difference(name: str, first: Quantity, second: Quantity) -> Quantity:
    """Subtract two independent quantities; half-widths add up in quadrature."""
    estimate = first.estimate - second.estimate
    below = np.hypot(first.estimate - first.low, second.high - second.estimate)
    above = np.hypot(first.high - first.estimate, second.estimate - second.low)
    reason = first.reason or second.reason
    return Quantity(
        name=name, estimate=estimate, low=float(estimate - below), high=float(estimate + above), reason=reason
    )


def oracle_share(outcomes: pd.DataFrame, model: str, experiment: str, *, length: int, shots: Sequence[int]) -> Quantity:
    """Divide a model's accuracy by exact Bayes's on the same prompts, at some numbers of examples together; percent."""
    places = [_place(outcomes, num_shots) for num_shots in shots]
    ours = correct(outcomes, model, experiment)[length][:, places].mean(axis=1)
    ceiling = correct(outcomes, model, experiment, column="ceiling_correct")[length][:, places].mean(axis=1)
    prompts = np.arange(len(ours))
    return _quantity(f"k={length}", clustered_share_ratio(ours, ceiling, prompts, prompts))


def spread_mean(
    spreads: pd.DataFrame, model: str, *, length: int, column: str = "spread", level: float = LEVEL
) -> Quantity:
    """Average a column of `order_spreads` at one example length over sets of demonstrations, each drawn for itself."""
    rows = spreads[(spreads["model"] == model) & (spreads["example_length"] == length)]
    sets = np.arange(len(rows))
    return _quantity(f"k={length}", clustered_mean(rows[column].to_numpy(), sets, sets, level=level))


def over_lengths(name: str, estimates: Sequence[Estimate]) -> Quantity:
    """Average independent estimates, one an example length; half-widths add up in quadrature."""
    middle, low, high = (np.array([getattr(e, part) for e in estimates]) for part in ("estimate", "low", "high"))
    mean, count = float(middle.mean()), len(estimates)
    below = float(np.sqrt(((middle - low) ** 2).sum())) / count
    above = float(np.sqrt(((high - middle) ** 2).sum())) / count
    reason = next((e.reason for e in estimates if e.reason), "")
    return Quantity(name=name, estimate=100 * mean, low=100 * (mean - below), high=100 * (mean + above), reason=reason)


def _place(outcomes: pd.DataFrame, num_shots: int) -> int:
    return int(np.searchsorted(np.unique(outcomes["num_shots"]), num_shots))


def _estimate(average: Callable[..., Estimate], values: Float[ndarray, " num_prompts"]) -> Estimate:
    prompts = np.arange(len(values))
    return average(values, prompts, prompts)


def _quantity(name: str, found: Estimate) -> Quantity:
    low, high = 100 * found.low, 100 * found.high
    return Quantity(name=name, estimate=100 * found.estimate, low=low, high=high, reason=found.reason)
