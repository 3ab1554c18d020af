"""The posterior of a spread: how far the true means lie apart, given that the measured ones are noisy."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.metrics.uncertainty import LEVEL, Estimate

__all__ = ["posterior_spread"]

_NUM_DRAWS = 4000


def posterior_spread(values: Float[ndarray, "num_prompts num_conditions"], sets: ndarray, queries: ndarray) -> Estimate:
    """Infer max − min of the conditions' true means.

    Model: measured means ~ Normal(μ, V), μ_c ~ Normal(m, τ²), flat priors on m and τ. V is the covariance of the
    means within queries and demonstration sets, clustered both ways; τ is integrated over a grid, μ drawn exactly.

    Parameters
    ----------
    values
        One row a prompt (a query with a demonstration set), one column a condition.
    """
    num_prompts, num_conditions = values.shape
    if num_prompts < 3:
        return Estimate.missing(f"{num_prompts} prompts are too few to know their noise")
    means = values.mean(axis=0)
    covariance = _covariance(values - means, sets, queries)
    scale = max(float(means.std()), float(np.sqrt(np.diagonal(covariance).max())), 1e-12)
    # What all conditions share cannot move a spread, so contrasts against the mean are all that is inferred.
    centre = np.eye(num_conditions) - 1 / num_conditions
    noise, basis = np.linalg.eigh(centre @ covariance @ centre)
    measured = basis.T @ (means - means.mean())
    flat = np.abs(basis.T @ np.ones(num_conditions)) > 0.5  # the direction of the common mean
    noise, measured, basis = np.maximum(noise[~flat], 0), measured[~flat], basis[:, ~flat]
    taus = np.linspace(0, 4 * scale, 201)[1:]
    total = taus[:, None] ** 2 + noise
    log_weight = -0.5 * (np.log(total) + measured**2 / total).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    rng = np.random.default_rng(0)
    tau = rng.choice(taus, p=weight / weight.sum(), size=_NUM_DRAWS)
    gain = tau[:, None] ** 2 / (tau[:, None] ** 2 + noise)
    drawn = gain * measured + np.sqrt(gain * noise) * rng.standard_normal((_NUM_DRAWS, len(measured)))
    true_means = drawn @ basis.T
    spread = true_means.max(axis=1) - true_means.min(axis=1)
    low, middle, high = np.quantile(spread, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return Estimate(estimate=float(middle), standard_error=float(spread.std()), low=float(low), high=float(high))


def _covariance(
    residuals: Float[ndarray, "num_prompts num_conditions"], sets: ndarray, queries: ndarray
) -> Float[ndarray, "num_conditions num_conditions"]:
    """Two-way clustered covariance of the means, its negative eigenvalues raised to the one-way ones."""
    one_way = [_one_way(residuals, clusters) for clusters in (sets, queries) if len(np.unique(clusters)) > 1]
    if len(one_way) < 2:
        return one_way[0] if one_way else _one_way(residuals, np.arange(len(residuals)))
    both = one_way[0] + one_way[1] - _one_way(residuals, np.arange(len(residuals)))
    values, vectors = np.linalg.eigh(both)
    floor = np.einsum("ij,jk,ki->i", vectors.T, one_way[1], vectors)
    return (vectors * np.maximum(values, floor)) @ vectors.T


def _one_way(residuals: ndarray, clusters: ndarray) -> ndarray:
    _, cluster = np.unique(clusters, return_inverse=True)
    count = int(cluster.max()) + 1
    sums = np.zeros((count, residuals.shape[1]))
    np.add.at(sums, cluster, residuals)
    return count / (count - 1) * sums.T @ sums / len(residuals) ** 2
