"""The posterior of a spread: how far the true means lie apart, given that the measured ones are noisy.

One model stands behind every function: measured means ~ Normal(μ_c, s_c²) and μ_c ~ Normal(μ, τ²) with flat priors on μ
and τ. What is uncertain about the noise s_c (scaled inverse χ²) and τ are integrated over a grid, μ and μ_c drawn
exactly. A max − min or a standard deviation of the measured means themselves is biased upward.

Flat on τ means flat on the spread and on the standard deviation of the true means, since both are τ times a number that
does not depend on it. For the length of a vector of normal means, which the standard deviation is, that prior makes
intervals far from 0 cover as often as they say (Tibshirani 1989, Biometrika 76, 604–608). It has no upper end: with two
or three conditions the means hardly bound τ, and a prior that ended near them would pull the spread down.

An equal-tailed interval of what is never negative never holds 0. Where equal means would lie as far apart as those
measured in more than 5 % of cases (the share of the lower tail), 0 is not ruled out and the interval begins there.
`benchmarks/spread_coverage.py` tells how often the intervals cover.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from icl.errors import UserError
from icl.metrics.uncertainty import LEVEL, Estimate, clustered_error

__all__ = [
    "posterior_sd",
    "posterior_spread",
    "sd_of_means",
    "sd_within_sets",
    "spread_of_means",
    "spread_within_sets",
]

_NUM_DRAWS = 4000
_GRID = 200
_FURTHEST, _NUM_FAR = 1e6, 60  # the flat prior of τ goes on to so many times what was measured, in coarser cells
_NO_NOISE = "conditions differ in the same way on every prompt: no interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    """Draws of the true means (draw, condition) and of the deviation τ of the conditions that might be asked."""

    means: Float[ndarray, "num_draws num_conditions"]
    deviation: Float[ndarray, " num_draws"]


def posterior_spread(values: Float[ndarray, "num_prompts num_conditions"], sets: ndarray, queries: ndarray) -> Estimate:
    """Infer max − min of the conditions' true means from prompts that were asked under every condition.

    The noise is that of the differences from the mean of all conditions, pooled over them and clustered both ways.

    Parameters
    ----------
    values
        One row a prompt (a query with a demonstration set), one column a condition.
    sets, queries
        Demonstration set and query of each row.
    """
    return _of_values(values, sets, queries, _range)


def posterior_sd(
    values: Float[ndarray, "num_prompts num_conditions"], sets: ndarray, queries: ndarray, *, sampled: bool = False
) -> Estimate:
    """Infer the standard deviation of the conditions' true means (divisor: conditions − 1); see `posterior_spread`.

    Parameters
    ----------
    sampled
        Whether the conditions were drawn at random from many more (orders, say) and the deviation of all of those is
        meant (which takes three or more); otherwise it is that of these conditions.
    """
    return _of_values(values, sets, queries, _all_deviation if sampled else _deviation)


def spread_of_means(
    means: Float[ndarray, " num_conditions"],
    errors: Float[ndarray, " num_conditions"],
    degrees: float | Float[ndarray, " num_conditions"] | None = None,
) -> Estimate:
    """Infer max − min of true means that were measured independently and unequally well.

    It holds as well where conditions that looked good were asked more often: the posterior depends on what was seen,
    not on why it was asked.

    Parameters
    ----------
    means
        Measured mean of each condition.
    errors
        Their standard errors, in the same unit.
    degrees
        Degrees of freedom of the errors: an array where each condition has an error estimate of its own, a number where
        all rest on one pooled estimate, None where the errors are known.

    Raises
    ------
    UserError
        If an error is negative or missing, or degrees are below 1.
    """
    return _of_means(means, errors, degrees, _range)


def sd_of_means(
    means: Float[ndarray, " num_conditions"],
    errors: Float[ndarray, " num_conditions"],
    degrees: float | Float[ndarray, " num_conditions"] | None = None,
    *,
    sampled: bool = False,
) -> Estimate:
    """Infer the standard deviation of true means; see `spread_of_means`, and `posterior_sd` for `sampled`."""
    return _of_means(means, errors, degrees, _all_deviation if sampled else _deviation)


def spread_within_sets(tables: Sequence[Float[ndarray, "num_queries num_conditions"]]) -> Estimate:
    """Infer the average over demonstration sets of max − min of their conditions' true means (orders, say).

    All sets share τ and the noise of one query's answer, so that what one set cannot tell apart the others can; the
    interval speaks of sets like these, of which these are a sample (t with sets − 1 degrees of freedom).

    Parameters
    ----------
    tables
        For each demonstration set one row a query, one column a condition.
    """
    return _within_sets(tables, _range)


def sd_within_sets(tables: Sequence[Float[ndarray, "num_queries num_conditions"]]) -> Estimate:
    """Infer the average over demonstration sets of their conditions' standard deviation; see `spread_within_sets`."""
    return _within_sets(tables, _deviation)


def _range(draws: _Draws) -> Float[ndarray, " num_draws"]:
    return np.ptp(draws.means, axis=1)


def _deviation(draws: _Draws) -> Float[ndarray, " num_draws"]:
    return draws.means.std(axis=1, ddof=1)


def _all_deviation(draws: _Draws) -> Float[ndarray, " num_draws"]:
    return draws.deviation


def _of_values(
    values: Float[ndarray, "num_prompts num_conditions"],
    sets: ndarray,
    queries: ndarray,
    statistic: Callable[[_Draws], ndarray],
) -> Estimate:
    num_prompts, num_conditions = values.shape
    if num_prompts < 3:
        return Estimate.missing(f"{num_prompts} prompts are too few to know their noise")
    own = values - values.mean(axis=1, keepdims=True)  # what all conditions share cannot move a spread
    means = own.mean(axis=0)
    found = [clustered_error(column, sets, queries) for column in (own - means).T]
    errors, degrees = (np.array([one[place] for one in found], dtype=float) for place in (0, 1))
    if np.isnan(errors).any():
        return Estimate.missing("one query with one demonstration set is too little to know the noise")
    # The differences from the mean of all conditions have lost one of them: C − 1 hold the noise of C.
    noise = np.sqrt((errors**2).sum() / max(num_conditions - 1, 1))
    return _of_means(means, np.full(num_conditions, noise), float((num_conditions - 1) * degrees.mean()), statistic)


def _within_sets(tables: Sequence[ndarray], statistic: Callable[[_Draws], ndarray]) -> Estimate:
    known = [table for table in tables if table.shape[0] > 1 and table.shape[1] > 1]
    if len(known) < 2:
        return Estimate.missing(f"{len(known)} demonstration sets with two or more queries and conditions are too few")
    squares, degrees = 0.0, 0
    for table in known:
        left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
        squares, degrees = squares + float((left**2).sum()), degrees + (table.shape[0] - 1) * (table.shape[1] - 1)
    means = [table.mean(axis=0) for table in known]
    if squares == 0:
        exact = np.mean([statistic(_Draws(means=own[None], deviation=np.zeros(1)))[0] for own in means])
        return Estimate(estimate=float(exact), reason=_NO_NOISE)
    rng = np.random.default_rng(0)
    noises = squares / rng.chisquare(degrees, size=_GRID)  # variance of one answer
    counts = [len(table) for table in known]
    widest = max(means, key=np.ptp)
    taus, widths = _tau_cells(widest, np.sqrt(squares / degrees / np.array([min(counts), max(counts)])))
    variances = [noises[:, None] / count for count in counts]
    log_posterior = np.log(widths) + sum(_log_density(own, each, taus) for own, each in zip(means, variances))
    noise, tau = _choose(log_posterior, rng)
    drawn_means = [_draw_means(own, each[noise], taus[tau], rng) for own, each in zip(means, variances)]
    each_set = [statistic(_Draws(means=drawn, deviation=taus[tau])) for drawn in drawn_means]
    between = np.std(each_set, axis=0, ddof=1) / np.sqrt(len(each_set))
    drawn = np.maximum(0.0, np.mean(each_set, axis=0) + between * rng.standard_t(len(each_set) - 1, size=_NUM_DRAWS))
    return _summary(drawn, equal=_equal_means(list(zip(means, variances))))


def _of_means(
    means: Float[ndarray, " num_conditions"],
    errors: Float[ndarray, " num_conditions"],
    degrees: float | Float[ndarray, " num_conditions"] | None,
    statistic: Callable[[_Draws], ndarray],
) -> Estimate:
    if len(means) < 2:
        return Estimate.missing(f"{len(means)} condition has no spread")
    if not (errors >= 0).all():
        raise UserError(f"standard errors must be 0 or more, got {np.min(errors)}; leave out conditions without one.")
    if degrees is not None and not np.all(np.asarray(degrees) >= 1):
        raise UserError(
            f"degrees of freedom must be 1 or more, got {np.min(degrees)}; ask each condition twice or more."
        )
    if not errors.any():
        (exact,) = statistic(_Draws(means=means[None], deviation=means.std(ddof=1, keepdims=True)))
        return Estimate(estimate=float(exact), reason=_NO_NOISE)
    if statistic is _all_deviation and len(means) < 3:  # the posterior of τ has no end (Gelman 2006, section 2.2)
        return Estimate.missing("two conditions do not determine how far all of them deviate")
    rng = np.random.default_rng(0)
    variances = _noise(errors, degrees, rng)
    taus, widths = _tau_cells(means, errors)
    noise, tau = _choose(_log_density(means, variances, taus) + np.log(widths), rng)
    drawn = _Draws(means=_draw_means(means, variances[noise], taus[tau], rng), deviation=taus[tau])
    found = _summary(statistic(drawn), equal=_equal_means([(means, variances)]))
    return replace(found, standard_error=np.nan) if statistic is _all_deviation else found  # τ's may be infinite


def _summary(drawn: Float[ndarray, " num_draws"], *, equal: float) -> Estimate:
    """Median and equal-tailed interval; it begins at 0 where equal means are not ruled out."""
    low, middle, high = np.quantile(drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    low = 0.0 if equal > (1 - LEVEL) / 2 else low
    return Estimate(estimate=float(middle), standard_error=float(drawn.std()), low=float(low), high=float(high))


def _equal_means(measured: Sequence[tuple[ndarray, ndarray]]) -> float:
    """Probability that equal true means would lie as far apart, over groups of means with draws of their variances.

    χ² given the noise (Cochran 1954); averaged over draws of one pooled noise it is that of the F test.
    """
    misfit = sum(_misfit(m, np.maximum(v, 1e-12 * v.max())[:, None])[:, 0] for m, v in measured)  # an error may be 0
    return float(stats.chi2.sf(misfit, sum(len(means) - 1 for means, _ in measured)).mean())


def _noise(
    errors: Float[ndarray, " num_conditions"],
    degrees: float | Float[ndarray, " num_conditions"] | None,
    rng: np.random.Generator,
) -> Float[ndarray, "num_noises num_columns"]:
    """Draw the variances of the measured means: one column where all share one, else a column a condition."""
    known = errors[:1] if np.ptp(errors) == 0 and not isinstance(degrees, ndarray) else errors
    variances = np.broadcast_to(known**2, (_GRID, len(known)))
    if degrees is None:
        return variances
    each = np.broadcast_to(degrees, np.shape(degrees) or (1,))
    return variances * each / rng.chisquare(each, size=(_GRID, len(each)))


def _tau_cells(means: ndarray, errors: ndarray) -> tuple[Float[ndarray, " num_taus"], Float[ndarray, " num_taus"]]:
    """Middle and width of geometric cells: fine from below the smallest error to beyond the largest, then coarse."""
    widest = 4 * max(float(means.std()), float(np.sqrt((errors**2).mean())))
    finest = max(0.01 * float(errors[errors > 0].min()), 1e-6 * widest)
    edges = np.r_[0.0, np.geomspace(finest, widest, _GRID), widest * np.geomspace(1, _FURTHEST, _NUM_FAR + 1)[1:]]
    return (edges[1:] + edges[:-1]) / 2, np.diff(edges)


def _log_density(
    means: Float[ndarray, " num_conditions"],
    variances: Float[ndarray, "num_noises num_columns"],
    taus: Float[ndarray, " num_taus"],
) -> Float[ndarray, "num_noises num_taus"]:
    """Log density of the measured means given noise and τ, the mean of all conditions integrated out."""
    total_variances = variances[:, None] + taus[:, None] ** 2
    shared_by = len(means) // variances.shape[1]
    total_weight = (1 / total_variances).sum(axis=-1)
    return -0.5 * (
        shared_by * np.log(total_variances).sum(axis=-1) + np.log(total_weight) + _misfit(means, total_variances)
    )


def _misfit(
    means: Float[ndarray, " num_conditions"], variances: Float[ndarray, "num_noises num_taus num_columns"]
) -> Float[ndarray, "num_noises num_taus"]:
    """Weighted squared distances from the weighted mean."""
    if variances.shape[-1] == 1:
        return ((means - means.mean()) ** 2).sum() / variances[..., 0]
    weights = 1 / variances
    centre = (weights * means).sum(axis=-1) / weights.sum(axis=-1)
    return (weights * (means - centre[..., None]) ** 2).sum(axis=-1)


def _choose(log_posterior: Float[ndarray, "num_noises num_taus"], rng: np.random.Generator) -> tuple[ndarray, ndarray]:
    """Draw places of the grid: noise and τ."""
    posterior = np.exp(log_posterior - log_posterior.max()).ravel()
    drawn = rng.choice(posterior.size, p=posterior / posterior.sum(), size=_NUM_DRAWS)
    return drawn // log_posterior.shape[1], drawn % log_posterior.shape[1]


def _draw_means(
    means: Float[ndarray, " num_conditions"],
    variance: Float[ndarray, "num_draws num_columns"],
    tau: Float[ndarray, " num_draws"],
    rng: np.random.Generator,
) -> Float[ndarray, "num_draws num_conditions"]:
    """Draw the true means given noise and τ."""
    variance = np.broadcast_to(variance, (len(tau), len(means)))
    weights = 1 / (variance + tau[:, None] ** 2)
    total = weights.sum(axis=1)
    middle = (weights * means).sum(axis=1) / total + rng.standard_normal(len(tau)) / np.sqrt(total)
    gain = tau[:, None] ** 2 * weights
    noise = np.sqrt(gain * variance) * rng.standard_normal(variance.shape)
    return middle[:, None] + gain * (means - middle[:, None]) + noise
