"""Forecasts of several accounts mixed by how well each forecast *other* curves: stacking without looking."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer, Num
from numpy import ndarray
from scipy.special import logsumexp

from icl.concept.scoring import stacking_weights

__all__ = ["Forecast", "mixed", "weights_elsewhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What an account says of the cells of one fold.

    Attributes
    ----------
    draws
        Predictive draws, as the cells are observed.
    log_score
        Log predictive density of each cell, nats.
    """

    draws: Num[ndarray, "num_draws num_cells"]
    log_score: Float[ndarray, " num_cells"]


def weights_elsewhere(
    log_score: Float[ndarray, "num_accounts num_cells"], unit: Integer[ndarray, " num_cells"]
) -> Float[ndarray, "num_accounts num_cells"]:
    """Stacking weights for each cell, from the units that it does not belong to; equal where there is no other.

    Parameters
    ----------
    log_score
        Of the held-out cells, nats.
    unit
        Number of each cell's unit: cells of one curve go wrong together, so a curve must not weigh its own forecast.
    """
    units = np.unique(unit)
    total = np.stack([log_score[:, unit == each].sum(axis=1) for each in units], axis=1)
    weights = np.full(log_score.shape, 1 / len(log_score))
    if len(units) > 1:
        for place, each in enumerate(units):
            weights[:, unit == each] = stacking_weights(np.delete(total, place, axis=1))[:, None]
    return weights


def mixed(
    forecasts: Mapping[str, Forecast], weights: Float[ndarray, "num_accounts num_cells"], rng: np.random.Generator
) -> Forecast:
    """Mix forecasts of the same cells: each draw of a cell is one of an account, as often as its weight says."""
    size = min(len(each.draws) for each in forecasts.values())
    choice = (rng.random((size, weights.shape[1]))[None] > np.cumsum(weights, axis=0)[:-1, None]).sum(axis=0)
    stacked = np.stack([each.draws[rng.permutation(len(each.draws))[:size]] for each in forecasts.values()])
    with np.errstate(divide="ignore"):  # an account of no weight
        score = logsumexp([each.log_score + np.log(w) for each, w in zip(forecasts.values(), weights)], axis=0)
    return Forecast(draws=np.take_along_axis(stacked, choice[None], axis=0)[0], log_score=score)
