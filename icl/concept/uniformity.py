"""Judge the ranks of simulation-based calibration: are they uniform, do intervals cover, is the truth recovered?"""

from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError

__all__ = ["BAND", "MAX_DIVERGENCE_SHARE", "MAX_RHAT", "converged", "ecdf_band", "ecdf_difference", "summarise_ranks"]

BAND = 0.99
"""Probability that the ECDF of uniform values lies inside the band everywhere."""

MAX_RHAT = 1.05
"""A fit of a few hundred draws is said to have converged below this; its R-hat alone scatters by 1–2 hundredths."""

MAX_DIVERGENCE_SHARE = 0.01
"""And if no more of its draws diverged."""

_BAND_DRAWS = 2000


def summarise_ranks(ranks: pd.DataFrame, *, band: float = BAND) -> pd.DataFrame:
    """Sum up simulations, one row per quantity.

    Parameters
    ----------
    ranks
        What `icl.concept.sbc.simulations` yields, put together.
    band
        Level of the simultaneous band.

    Returns
    -------
    pd.DataFrame
        quantity; same_as (an earlier quantity that it is a rising function of, so that all ranks agree; else empty);
        simulations, and failed, those without a fit, which are left out of what follows but for converged;
        uniform (the ECDF lies inside its band everywhere) and max_difference (its largest distance from uniform);
        coverage of 90 % intervals with coverage_error (binomial standard error at 0.9); recovery (rank correlation of
        truth and posterior median) and contraction (1 − mean posterior variance ÷ variance of the truths); converged
        (share of fits) and median_draws (independent draws that a rank rests on).

    Raises
    ------
    UserError
        If there are no ranks.
    """
    if ranks.empty:
        raise UserError("there are no ranks to summarise; run one simulation or more.")
    first_with: dict[bytes, object] = {}
    rows = []
    for name, found in ranks.groupby("quantity", sort=False):
        first = first_with.setdefault(found[["rank", "num_draws"]].to_numpy().tobytes(), name)
        rows.append({"quantity": name, "same_as": "" if first == name else first} | _judged(found, band))
    return pd.DataFrame(rows)


def converged(ranks: pd.DataFrame) -> pd.Series:
    """Tell of each row whether its fit's chains agree well enough, see `MAX_RHAT`; not where it failed."""
    return (ranks["max_rhat"] <= MAX_RHAT) & (ranks["divergence_share"] <= MAX_DIVERGENCE_SHARE)


def _judged(rows: pd.DataFrame, band: float) -> dict:
    fitted = rows[rows["rank"].notna()]
    judged: dict = {"simulations": len(rows), "failed": len(rows) - len(fitted)}
    if len(fitted) < 2:
        return judged
    points, low, high = ecdf_band(len(fitted), band)
    difference = ecdf_difference(fitted["place"].to_numpy(), points)
    variance = fitted["truth"].var()
    return judged | {
        "uniform": bool(((low <= difference) & (difference <= high)).all()),
        "max_difference": float(np.abs(difference).max()),
        "coverage": fitted["inside90"].mean(),
        "coverage_error": float(np.sqrt(0.9 * 0.1 / len(fitted))),
        "recovery": fitted["truth"].corr(fitted["median"], method="spearman"),
        "contraction": 1 - (fitted["deviation"] ** 2).mean() / variance if variance > 0 else np.nan,
        "converged": converged(rows).mean(),
        "median_draws": fitted["num_draws"].median(),
    }


def ecdf_difference(
    values: Float[ndarray, " num_values"], points: Float[ndarray, " num_points"]
) -> Float[ndarray, " num_points"]:
    """ECDF of values in (0, 1) minus that of the uniform distribution, at `points`."""
    return np.searchsorted(np.sort(values), points, side="right") / len(values) - points


@lru_cache
def ecdf_band(num_values: int, level: float = BAND) -> tuple[ndarray, ndarray, ndarray]:
    """Points in [0, 1], and ends of the band that holds the ECDF difference of uniform values at all of them at once.

    Säilynoja, Bürkner, Vehtari 2022 (Statistics and Computing 32:32), simulated by ArviZ; ends are inclusive. The band
    depends on the number of values only, two or more.
    """
    from arviz_stats.ecdf_utils import ecdf_pit

    any_values = np.linspace(0, 1, num_values)
    points, _, low, high = ecdf_pit(any_values, level, _BAND_DRAWS, rng=np.random.default_rng(0))
    return points, low - points, high - points
