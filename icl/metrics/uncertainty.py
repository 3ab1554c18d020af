"""Means of paired values with standard errors that are clustered by demonstration set and by query."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from icl.metrics.crossed import cells_of, degrees_of_freedom, residual_variance

__all__ = [
    "LEVEL",
    "Estimate",
    "clustered_error",
    "clustered_mean",
    "clustered_ratio",
    "clustered_share",
    "clustered_share_difference",
    "clustered_share_ratio",
    "counted_difference",
    "jackknife",
    "num_clusters",
    "t_interval",
    "unpaired_difference",
]

LEVEL = 0.9
"""Probability that an interval of the lab covers, unless it says another."""

_ONE_COUNT = "questions of one demonstration set, counted together: the interval covers other questions only"

_MOST_BLOCKS = 20
"""A jackknife leaves out one of this many blocks of whole clusters at a time, or one cluster where there are fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval; NaN with a reason where there is none.

    `degrees` are the degrees of freedom of the t distribution behind the interval; NaN where it has another source.
    `kind` is the reason without the numbers in it, for whoever counts reasons; empty where the reason has none.
    """

    estimate: float
    standard_error: float = np.nan
    low: float = np.nan
    high: float = np.nan
    degrees: float = np.nan
    reason: str = ""
    kind: str = ""

    @classmethod
    def missing(cls, reason: str, *, kind: str = "") -> "Estimate":
        """Say why there is no number."""
        return cls(estimate=np.nan, reason=reason, kind=kind)


def clustered_mean(
    values: Float[ndarray, " num_prompts"],
    sets: ndarray,
    queries: ndarray,
    *,
    items: Float[ndarray, " num_prompts"] | None = None,
    level: float = LEVEL,
) -> Estimate:
    """Average over prompts; sets and queries are crossed, so the error is clustered both ways.

    V = V_set + V_query − V_both, and never less than V_set or V_query (Cameron, Gelbach & Miller 2011, eq. 2.11).
    V_both is what neither sets nor queries explain; the plain variance of the prompts in its place would, with three
    sets, take away a third of what queries add. The t quantiles have Satterthwaite's degrees of freedom (see
    `icl.metrics.crossed`). With one demonstration set the interval covers other queries only, and says so.

    Parameters
    ----------
    items
        Of values that are shares of several questions, how many those are: each counts as much as it has of them, and
        a single one has the binomial error of its questions. None where each value is of one prompt.
    """
    if items is None:
        mean = float(values.mean())
        return t_interval(mean, *clustered_error(values - mean, sets, queries), level=level)
    weights = items / items.mean()
    mean = float((weights * values).mean())
    if num_clusters(sets, queries) < 2:
        error = float(np.sqrt(mean * (1 - mean) / items.sum()))
        return t_interval(mean, error, float(items.sum()) - 1, _ONE_COUNT, level=level)
    return t_interval(mean, *clustered_error(weights * (values - mean), sets, queries), level=level)


def clustered_share(
    values: Float[ndarray, " num_prompts"],
    sets: ndarray,
    queries: ndarray,
    *,
    items: Float[ndarray, " num_prompts"] | None = None,
) -> Estimate:
    """Average zeros and ones, or shares of `items` questions, keeping the interval inside 0..1.

    The interval is Wilson's score interval with as many trials as the clustered error is worth; where nothing varies it
    is worth one trial a query (or set, where there are more), so that "always right" still has an error bar.
    """
    plain = clustered_mean(values, sets, queries, items=items)
    if np.isnan(plain.low):
        return plain
    varies = plain.standard_error > 0
    alike = num_clusters(sets, queries) if items is None else max(num_clusters(sets, queries), items.mean())
    worth = plain.estimate * (1 - plain.estimate) / plain.standard_error**2 if varies else alike
    low, high = _wilson(plain.estimate, float(worth), plain.degrees)
    return replace(plain, low=low, high=high)


def clustered_share_difference(values: Float[ndarray, " num_prompts"], sets: ndarray, queries: ndarray) -> Estimate:
    """Average paired differences of zeros and ones, keeping the interval inside −1..1.

    Where no prompt differs the interval reaches as far on both sides as a share of 0 could be from 0.
    """
    plain = clustered_mean(values, sets, queries)
    if np.isnan(plain.low):
        return plain
    half = plain.high - plain.estimate if plain.standard_error > 0 else _unseen_share(sets, queries, plain.degrees)
    return replace(plain, low=max(-1.0, plain.estimate - half), high=min(1.0, plain.estimate + half))


def counted_difference(
    first: Float[ndarray, " num_pairs"],
    second: Float[ndarray, " num_pairs"],
    sets: ndarray,
    *,
    items: tuple[Float[ndarray, " num_pairs"], Float[ndarray, " num_pairs"]],
) -> Estimate:
    """Average paired differences of shares, each of `items` questions that are not told apart.

    The pairs are clustered by demonstration set. A single pair, and pairs that all differ alike, have the binomial
    error of their questions, as if the two sides had asked different ones.
    """
    difference = first - second
    mean = float(difference.mean())
    of_questions = sum(shares * (1 - shares) / size for shares, size in zip((first, second), items))
    own = float(np.sqrt(np.sum(of_questions))) / len(first)
    error, degrees, reason = clustered_error(difference - mean, sets, sets)
    if degrees < 1 or error == 0:
        degrees, reason = float(min(size.sum() for size in items)) - 1, _ONE_COUNT if degrees < 1 else reason
        error = own
    plain = t_interval(mean, error, degrees, reason)
    return replace(plain, low=max(-1.0, plain.low), high=min(1.0, plain.high))


def unpaired_difference(first: Estimate, second: Estimate, *, bounded: bool = True) -> Estimate:
    """Subtract one mean from another of other prompts, with Welch's degrees of freedom (Welch 1947).

    Parameters
    ----------
    bounded
        Whether both are shares, so that the interval stays inside −1..1.
    """
    estimate = first.estimate - second.estimate
    parts = [one.standard_error**2 for one in (first, second)]
    if np.isnan(parts).any():
        return Estimate(estimate=estimate, reason=first.reason if np.isnan(parts[0]) else second.reason)
    doubt = sum(part**2 / one.degrees for part, one in zip(parts, (first, second)))
    degrees = sum(parts) ** 2 / doubt if doubt > 0 else min(first.degrees, second.degrees)
    plain = t_interval(estimate, float(np.sqrt(sum(parts))), max(degrees, 1.0), "not paired: other demonstration sets")
    return replace(plain, low=max(-1.0, plain.low), high=min(1.0, plain.high)) if bounded else plain


def num_clusters(sets: ndarray, queries: ndarray) -> int:
    """The more of sets and queries: what prompts that all agree are worth, for then neither set nor query mattered."""
    return max(len(np.unique(sets)), len(np.unique(queries)))


def _unseen_share(sets: ndarray, queries: ndarray, degrees: float) -> float:
    """How large a share may be of which not one case was seen."""
    return _wilson(0.0, float(num_clusters(sets, queries)), degrees)[1]


def _wilson(share: float, trials: float, degrees: float | int) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927) with a t quantile."""
    t = float(stats.t.ppf((1 + LEVEL) / 2, degrees))
    centre = (share + t**2 / (2 * trials)) / (1 + t**2 / trials)
    half = t / (1 + t**2 / trials) * float(np.sqrt(share * (1 - share) / trials + t**2 / (4 * trials**2)))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def clustered_ratio(
    numerator: Float[ndarray, " num_prompts"],
    denominator: Float[ndarray, " num_prompts"],
    sets: ndarray,
    queries: ndarray,
    *,
    of_shares: bool = False,
) -> Estimate:
    """Divide one mean by another, with Fieller's interval; NaN where the denominator's interval covers 0.

    With `of_shares` both are means of zeros and ones, or differences of such: no interval of theirs has width 0. Where
    the two are in proportion on every prompt (or the numerator is always 0) no error can be seen; the interval then
    reaches as far on both sides as a share of 0 could be from 0, over the denominator, as that of a difference does.
    """
    below = (clustered_share_difference if of_shares else clustered_mean)(denominator, sets, queries)
    if np.isnan(below.low):
        return Estimate.missing(
            f"the denominator is {below.estimate:.3f} without an interval ({below.reason})",
            kind="the denominator has no interval",
        )
    if below.low <= 0 <= below.high:
        return Estimate.missing(
            f"the denominator is {below.estimate:.3f} with a 90 % interval of {below.low:.3f} to {below.high:.3f}, "
            "which covers 0",
            kind="the denominator's interval covers 0",
        )
    ratio = float(numerator.mean() / denominator.mean())
    influence = (numerator - ratio * denominator) / denominator.mean()
    error, degrees, reason = clustered_error(influence - influence.mean(), sets, queries)
    plain = t_interval(ratio, error, degrees, reason)
    if of_shares and error == 0:
        half = _unseen_share(sets, queries, below.degrees) / abs(float(denominator.mean()))
        return replace(plain, low=ratio - half, high=ratio + half)
    ends = _fieller(numerator, denominator, sets, queries, degrees) if error > 0 else None
    return plain if ends is None else replace(plain, low=min(ratio, ends[0]), high=max(ratio, ends[1]))


def _fieller(
    numerator: Float[ndarray, " num_prompts"],
    denominator: Float[ndarray, " num_prompts"],
    sets: ndarray,
    queries: ndarray,
    degrees: float,
) -> tuple[float, float] | None:
    """Ends of the ratios r for which numerator − r · denominator may have mean 0 (Fieller 1954), if they have ends."""
    above, below, both = (
        clustered_error(values - values.mean(), sets, queries)[0] ** 2
        for values in (numerator, denominator, numerator + denominator)
    )
    t, n, d = float(stats.t.ppf((1 + LEVEL) / 2, degrees)), float(numerator.mean()), float(denominator.mean())
    square, cross, plain = d**2 - t**2 * below, n * d - t**2 * (both - above - below) / 2, n**2 - t**2 * above
    if square <= 0 or cross**2 < square * plain:
        return None
    half = float(np.sqrt(cross**2 - square * plain))
    return (cross - half) / square, (cross + half) / square


def clustered_share_ratio(
    numerator: Float[ndarray, " num_prompts"],
    denominator: Float[ndarray, " num_prompts"],
    sets: ndarray,
    queries: ndarray,
) -> Estimate:
    """Divide one mean of zeros and ones by another, as `clustered_ratio` does, keeping the interval at 0 or more."""
    found = clustered_ratio(numerator, denominator, sets, queries, of_shares=True)
    return replace(found, low=float(np.maximum(found.low, 0.0)))  # NaN stays NaN


def jackknife(
    statistic: Callable[..., float], columns: tuple[ndarray, ...], sets: ndarray, queries: ndarray
) -> Estimate:
    """Estimate `statistic(*columns)` with a jackknife over demonstration sets and one over queries.

    Their variances go together as in `clustered_mean`; what both hold is told by a third one, over blocks that take
    equally much of each set and of each query. Where queries belong to one set each, the sets' variance holds theirs,
    and the other way round.
    """
    estimate = float(statistic(*columns))
    cells = cells_of(np.zeros(len(sets)), sets, queries)
    num_sets, num_queries = cells.num_sets, cells.num_queries
    set_code, query_code = pd.factorize(sets)[0], pd.factorize(queries)[0]
    if max(num_sets, num_queries) < 2:
        return Estimate(estimate=estimate, reason="one cluster only, so no interval")

    def variance(cluster: ndarray, most: int = _MOST_BLOCKS) -> tuple[float, int]:
        block = cluster % min(most, int(cluster.max()) + 1)
        count = int(block.max()) + 1
        left_out = np.array([statistic(*(column[block != b] for column in columns)) for b in range(count)])
        return float((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()), count

    if len(cells.values) in (num_sets, num_queries) or min(num_sets, num_queries) < 2:
        nested = num_sets > 1 and len(cells.values) == num_queries
        by_one, count = variance(set_code if nested else query_code if num_queries > 1 else set_code)
        return t_interval(estimate, float(np.sqrt(by_one)), count - 1, "")
    (by_set, set_blocks), (by_query, query_blocks) = variance(set_code), variance(query_code)
    fewest = min(set_blocks, query_blocks)
    left, _ = variance((set_code + query_code) % fewest, fewest)
    total = max(by_set + by_query - left, by_set, by_query)
    counts = {"num_sets": set_blocks, "num_queries": query_blocks}
    degrees = degrees_of_freedom(by_set=by_set, by_query=by_query, residual=left, total=total, **counts)
    return t_interval(estimate, float(np.sqrt(total)), degrees, "")


def t_interval(estimate: float, error: float, degrees: float | int, reason: str, *, level: float = LEVEL) -> Estimate:
    """Reach from the estimate as many errors as Student's t says, or say why not where no degree of freedom is left."""
    if degrees < 1:
        return Estimate(estimate=estimate, reason=reason)
    half = float(stats.t.ppf((1 + level) / 2, degrees)) * error
    return Estimate(
        estimate=estimate,
        standard_error=error,
        low=estimate - half,
        high=estimate + half,
        degrees=float(degrees),
        reason=reason,
    )


def clustered_error(
    residuals: Float[ndarray, " num_prompts"], sets: ndarray, queries: ndarray
) -> tuple[float, float, str]:
    """Standard error of a mean whose residuals are given, its degrees of freedom, and what to say about it."""
    cells = cells_of(residuals, sets, queries)
    by_set, by_query, by_cell = (
        _cluster_variance(cells.values, group) for group in (cells.sets, cells.queries, np.arange(len(cells.values)))
    )
    num_sets, num_queries = cells.num_sets, cells.num_queries
    if num_sets < 2 and num_queries < 2:
        return np.nan, 0.0, "one prompt only, so no interval"
    if num_sets < 2:
        return (
            float(np.sqrt(by_query)),
            num_queries - 1.0,
            "one demonstration set: the interval covers other queries only",
        )
    if num_queries < 2:
        return float(np.sqrt(by_set)), num_sets - 1.0, "one query: the interval covers other demonstration sets only"
    left = residual_variance(cells)
    if left is None:  # not crossed: prompts that share nothing are clusters of their own
        variance = max(by_set + by_query - by_cell, by_set, by_query)
        return float(np.sqrt(variance)), min(num_sets, num_queries) - 1.0, ""
    own = left / len(cells.values)
    variance = max(by_set + by_query - own, by_set, by_query)
    counts = {"num_sets": num_sets, "num_queries": num_queries}
    return (
        float(np.sqrt(variance)),
        degrees_of_freedom(by_set=by_set, by_query=by_query, residual=own, total=variance, **counts),
        "",
    )


def _cluster_variance(residuals: Float[ndarray, " num_prompts"], cluster: ndarray) -> float:
    """Variance of the mean from the sums of its clusters, numbered from 0; NaN for one cluster."""
    sums = np.bincount(cluster, weights=residuals)
    count = len(sums)
    return float(count / (count - 1) * (sums**2).sum() / len(residuals) ** 2) if count > 1 else np.nan
