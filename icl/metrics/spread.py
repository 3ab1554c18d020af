"""The posterior of a spread: how far the true means lie apart, given that the measured ones are noisy."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.metrics.uncertainty import LEVEL, Estimate, clustered_error, num_clusters

__all__ = ["posterior_spread"]

_NUM_DRAWS = 4000
_GRID = 200


def posterior_spread(values: Float[ndarray, "num_prompts num_conditions"], sets: ndarray, queries: ndarray) -> Estimate:
    """Infer max − min of the conditions' true means.

    Model: measured means ~ Normal(μ, s²) about the mean of all conditions, μ_c ~ Normal(0, τ²). The noise s² is pooled
    over conditions and clustered both ways; its own uncertainty (scaled inverse χ²) and τ (flat prior) are integrated
    over a grid, μ is drawn exactly.

    Parameters
    ----------
    values
        One row a prompt (a query with a demonstration set), one column a condition.
    """
    num_prompts, num_conditions = values.shape
    if num_prompts < 3:
        return Estimate.missing(f"{num_prompts} prompts are too few to know their noise")
    own = values - values.mean(axis=1, keepdims=True)  # what all conditions share cannot move a spread
    means = own.mean(axis=0)
    errors = np.array([clustered_error(column, sets, queries)[0] for column in (own - means).T])
    noise = float((errors**2).sum() / (num_conditions - 1))
    if noise == 0:
        spread = float(means.max() - means.min())
        return Estimate(estimate=spread, reason="no prompt differs from another in how conditions differ: no interval")
    rng = np.random.default_rng(0)
    degrees = (num_conditions - 1) * (num_clusters(sets, queries) - 1)
    noises = noise * degrees / rng.chisquare(degrees, size=_GRID)
    taus = np.linspace(0, 4 * max(float(means.std()), np.sqrt(noise)), _GRID + 1)[1:]
    total = noises[:, None] + taus**2
    log_weight = -0.5 * ((num_conditions - 1) * np.log(total) + (means**2).sum() / total)
    weight = np.exp(log_weight - log_weight.max()).ravel()
    drawn = rng.choice(weight.size, p=weight / weight.sum(), size=_NUM_DRAWS)
    noise_drawn, tau_drawn = noises[drawn // _GRID], taus[drawn % _GRID]
    gain = (tau_drawn**2 / (tau_drawn**2 + noise_drawn))[:, None]
    true_means = gain * means + np.sqrt(gain * noise_drawn[:, None]) * rng.standard_normal((_NUM_DRAWS, num_conditions))
    spread_drawn = true_means.max(axis=1) - true_means.min(axis=1)
    low, middle, high = np.quantile(spread_drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return Estimate(estimate=float(middle), standard_error=float(spread_drawn.std()), low=float(low), high=float(high))
