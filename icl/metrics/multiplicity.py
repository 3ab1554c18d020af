"""Many comparisons at once: the p-value of each difference, and Holm's correction within a family of them."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from icl.metrics.uncertainty import LEVEL

__all__ = ["FAMILY", "holm", "with_p_values"]

FAMILY = ("model", "task", "metric", "score", "normalisation")
"""Rows that agree in these columns ask one question many times, and are corrected together."""


def with_p_values(metrics: pd.DataFrame, *, tested: Collection[str]) -> pd.DataFrame:
    """Fill the columns p_value and p_holm of a metrics table.

    p_value is the two-sided t test of "no difference" that belongs to the row's interval: below 0.1 exactly where the
    90 % interval leaves out 0. p_holm is that value after Holm's correction (`holm`) over all rows of the family that
    have one: calling "different" every row with p_holm ≤ 0.1 errs anywhere in a family with probability 0.1 at most.

    Parameters
    ----------
    metrics
        A metrics table, with columns estimate, standard_error, low, high and degrees.
    tested
        Names of the metrics that are tested, see `icl.metrics.catalogue.TESTED`; the others have NaN.
    """
    is_tested = metrics["metric"].isin(list(tested)).to_numpy()
    p_value = np.where(is_tested, _p_values(metrics), np.nan)
    p_holm = pd.Series(np.nan, index=metrics.index)
    if len(metrics):
        by_family = pd.Series(p_value, index=metrics.index).groupby([metrics[name] for name in FAMILY], dropna=False)
        p_holm = by_family.transform(lambda values: holm(values.to_numpy()))
    return metrics.assign(p_value=p_value, p_holm=p_holm)


def holm(p_values: Float[ndarray, " num_tests"]) -> Float[ndarray, " num_tests"]:
    """Adjust p-values so that their family errs with at most the level read off (Holm 1979, step-down Bonferroni).

    The i-th smallest of m is multiplied by m − i + 1, and none may be below a smaller one. NaN stays NaN and is not
    counted.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps * p_values[order]))
    return adjusted


def _p_values(metrics: pd.DataFrame) -> Float[ndarray, " num_rows"]:
    """Invert each row's interval: its side that faces 0, read as a t interval.

    That side is where shares near an edge, and differences of which not one prompt shows any, keep an error.
    """
    columns = ("estimate", "standard_error", "low", "high", "degrees")
    estimate, error, low, high, degrees = (metrics[name].to_numpy(dtype=float) for name in columns)
    t = stats.t.ppf((1 + LEVEL) / 2, degrees)
    half = np.fmax(np.where(estimate > 0, estimate - low, high - estimate), t * error)  # an end may have been clipped
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(estimate == 0, 0.0, np.abs(estimate) / half) * t
    return np.where(np.isnan(low), np.nan, 2 * stats.t.sf(distance, degrees))
