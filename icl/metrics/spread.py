"""The posterior of a spread: how far the true means lie apart, given that the measured ones are noisy.

One model stands behind every function: measured means ~ Normal(μ_c, s_c²) and μ_c ~ Normal(μ, τ²) with flat priors on μ
and τ. What is uncertain about the noise s_c (scaled inverse χ²) and τ are integrated over a grid, μ and μ_c drawn
exactly. A max − min or a standard deviation of the measured means themselves is biased upward.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError
from icl.metrics.uncertainty import LEVEL, Estimate, clustered_error

__all__ = ["posterior_sd", "posterior_spread", "sd_of_means", "spread_of_means"]

_NUM_DRAWS = 4000
_GRID = 200


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
        meant; otherwise it is that of these conditions.
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
        return Estimate(
            estimate=float(exact), reason="no prompt differs from another in how conditions differ: no interval"
        )
    drawn = statistic(_draw(means, errors, degrees, rng=np.random.default_rng(0)))
    low, middle, high = np.quantile(drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return Estimate(estimate=float(middle), standard_error=float(drawn.std()), low=float(low), high=float(high))


def _draw(
    means: Float[ndarray, " num_conditions"],
    errors: Float[ndarray, " num_conditions"],
    degrees: float | Float[ndarray, " num_conditions"] | None,
    *,
    rng: np.random.Generator,
) -> _Draws:
    """Draw from the posterior of the true means and of τ."""
    num_conditions = len(means)
    variances = np.broadcast_to(errors**2, (_GRID, num_conditions))
    if degrees is not None:
        each = np.broadcast_to(degrees, np.shape(degrees) or (1,))
        variances = variances * each / rng.chisquare(each, size=(_GRID, len(each)))
    # Geometric cells: fine below the smallest error, wide enough for the largest.
    widest = 4 * max(float(means.std()), float(np.sqrt((errors**2).mean())))
    finest = max(0.01 * float(errors[errors > 0].min()), 1e-6 * widest)
    edges = np.r_[0.0, np.geomspace(finest, widest, _GRID)]
    taus, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    weights = 1 / (variances[:, None] + taus[:, None] ** 2)  # noise, τ, condition
    total = weights.sum(axis=-1)
    centre = (weights * means).sum(axis=-1) / total
    misfit = (weights * (means - centre[..., None]) ** 2).sum(axis=-1)
    log_posterior = 0.5 * (np.log(weights).sum(axis=-1) - np.log(total) - misfit) + np.log(widths)
    posterior = np.exp(log_posterior - log_posterior.max()).ravel()
    drawn = rng.choice(posterior.size, p=posterior / posterior.sum(), size=_NUM_DRAWS)
    variance, tau = variances[drawn // _GRID], taus[drawn % _GRID]
    middle = centre.ravel()[drawn] + rng.standard_normal(_NUM_DRAWS) / np.sqrt(total.ravel()[drawn])
    gain = tau[:, None] ** 2 / (tau[:, None] ** 2 + variance)
    noise = np.sqrt(gain * variance) * rng.standard_normal((_NUM_DRAWS, num_conditions))
    return _Draws(means=middle[:, None] + gain * (means - middle[:, None]) + noise, deviation=tau)
