"""A change of variables that straightens the ridges of a posterior, learned from a pilot of its draws.

Anchors, slopes and deviations of a learning curve trade off along curved ridges, on which a sampler has to take tiny
steps whatever straight stretching it learns. Here x = T(z): z is laid along the principal axes of the pilot's draws,
the loosest axis first, and each axis is bent by a quadratic of the looser ones,

    aᵢ = qᵢ(u₀, …, uᵢ₋₁) + sᵢ·zᵢ,   u = bounded a,   x = mean + B·a.

T is triangular, so its Jacobian determinant is a constant and the density of z is that of x: whatever the pilot was
like, the sampler draws from the right posterior, only sooner or later (Parno and Marzouk 2018, "Transport map
accelerated Markov chain Monte Carlo"). How far to trust the pilot's quadratics is learned by leaving out a chain at a
time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["Transport", "learn_transport"]

_MOST_BENDING = 15
"""So many of the loosest axes bend the others; the terms of a quadratic grow with its square."""

_PENALTIES = (0.003, 0.03, 0.3)
"""Ridge penalties tried, per draw."""

_LEAST_SPREAD = 0.05
"""A pilot's residual spread is not trusted below this share of an axis's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """The map from z to x.

    Attributes
    ----------
    mean, axes
        x = mean + axes @ a.
    bends
        qᵢ's coefficients of u_j·u_k, k ≤ j, with u₀ = 1 before the bounded axes; zeros where j exceeds i.
    spread
        sᵢ.
    """

    mean: Float[ndarray, " num_dims"]
    axes: Float[ndarray, "num_dims num_dims"]
    bends: Float[ndarray, "num_dims num_terms num_terms"]
    spread: Float[ndarray, " num_dims"]

    @property
    def parts(self) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """Mean, axes, bends and spread."""
        return self.mean, self.axes, self.bends, self.spread

    def forward(self, z: Float[ndarray, " num_dims"]) -> tuple[ndarray, Callable[[ndarray], ndarray]]:
        """Map z to x, and give what brings a gradient with respect to x back to one with respect to z."""
        from icl.concept.native import bend, unbend

        a = bend(z, self.bends, self.spread)
        return (
            self.mean + self.axes @ a,
            lambda gradient: unbend(a, gradient @ self.axes, self.bends, self.spread),
        )

    def inverse(self, x: Float[ndarray, "*draws num_dims"]) -> Float[ndarray, "*draws num_dims"]:
        """Map x to z."""
        a = np.linalg.solve(self.axes, (x - self.mean).reshape(-1, len(self.mean)).T).T
        terms = _with_one(a[:, : self.bends.shape[1] - 1])
        bent = np.einsum("nj,ijk,nk->ni", terms, self.bends, terms)
        return ((a - bent) / self.spread).reshape(x.shape)


def learn_transport(draws: Float[ndarray, "num_chains num_draws num_dims"]) -> Transport:
    """Learn the map from the draws of a pilot.

    Parameters
    ----------
    draws
        Of two chains or more.
    """
    num_chains, num_draws, num_dims = draws.shape
    x = draws.reshape(-1, num_dims)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    variances, axes = np.linalg.eigh(np.cov(((x - mean) / scale).T).reshape(num_dims, num_dims))
    order = np.argsort(-variances)
    widths = np.sqrt(np.maximum(variances[order], 1e-6))
    axes = scale[:, None] * axes[:, order] * widths
    a = np.linalg.solve(axes, (x - mean).T).T
    chain = np.repeat(np.arange(num_chains), num_draws)
    most = min(num_dims, _MOST_BENDING)
    bends, spread = np.zeros((num_dims, most + 1, most + 1)), np.ones(num_dims)
    terms = _with_one(a[:, :most])
    for first in range(1, most + 1):
        # The axis numbered `first` is bent by those before it, and all from `most` on by the same.
        bent = [first] if first < most else list(range(most, num_dims))
        if bent:
            j, k = np.tril_indices(first + 1)
            found = _ridge(terms[:, j] * terms[:, k], a[:, bent], chain)
            for place, axis in enumerate(bent):
                bends[axis, j, k] = found[:, place]
            left = a[:, bent] - (terms[:, j] * terms[:, k]) @ found
            spread[bent] = np.maximum(left.std(axis=0), _LEAST_SPREAD)
    return Transport(mean=mean, axes=axes, bends=bends, spread=spread)


def _ridge(
    terms: Float[ndarray, "num_rows num_terms"], targets: Float[ndarray, "num_rows num_targets"], chain: ndarray
) -> Float[ndarray, "num_terms num_targets"]:
    """Regress targets on terms with the penalty that predicts a left-out chain best; zeros where none helps."""
    folds = [(chain != left, chain == left) for left in np.unique(chain)]
    best, error = np.zeros((terms.shape[1], targets.shape[1])), (targets**2).sum(axis=0)
    for penalty in _PENALTIES:
        missed = sum(
            ((targets[held] - terms[held] @ _solved(terms[seen], targets[seen], penalty)) ** 2).sum(axis=0)
            for seen, held in folds
        )
        better = missed < error
        if better.any():
            best[:, better] = _solved(terms, targets[:, better], penalty)
            error[better] = missed[better]
    return best


def _solved(terms: ndarray, targets: ndarray, penalty: float) -> ndarray:
    square = terms.T @ terms + penalty * len(terms) * np.eye(terms.shape[1])
    return np.linalg.solve(square, terms.T @ targets)


def _with_one(a: Float[ndarray, "num_draws num_axes"]) -> Float[ndarray, "num_draws num_terms"]:
    from icl.concept.native import BOUND

    return np.column_stack([np.ones(len(a)), a * (1 + (a / BOUND) ** 4) ** -0.25])
