"""How probable a whole unseen unit is: demonstration sets with their effect integrated out, cells, tasks.

The effect of a demonstration set that was left out is unknown, so its cells hang together:

    log p(set) = log ∫ Π_cells p(cell | draw, u) · Normal(u; 0, spread²) du,

one integral for each draw of the other parameters, by the trapezoidal rule in asinh of the distance from the mode
(Takahasi & Mori 1974, Publications of RIMS 9).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from numpy import ndarray
from scipy.special import logsumexp
from scipy.stats import norm

from icl.concept.accounts.account import NUMPY
from icl.concept.grid import Grid
from icl.concept.hierarchy import SET_EFFECT
from icl.concept.layout import Layout

__all__ = ["MIN_TASKS", "Units", "log_integral", "unit_log_likelihood", "units_of"]

MIN_TASKS = 3
"""From this many tasks on a task is the unit that is left out: fewer could tell no new task."""

_NODES = 51
_REACH = 9.0
"""The rule reaches so many spreads to both sides of the mode."""

_SEARCH = np.linspace(-8.0, 8.0, 17)
_NEWTON_STEPS = 8
_DIFFERENCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What is left out at once.

    Attributes
    ----------
    word
        ``task``, ``demonstration set`` or ``cell``.
    reason
        Why this unit: one sentence.
    labels
        Name of each unit; cells that belong to no demonstration set are units of their own.
    of_cell
        Position of each cell's unit.
    """

    word: str
    reason: str
    labels: tuple[str, ...]
    of_cell: Integer[ndarray, " num_cells"]


def units_of(grid: Grid) -> Units:
    """Choose the unit that matters: a task, else a demonstration set, else a cell."""
    cells = grid.cells
    if len(grid.tasks) >= MIN_TASKS:
        reason = (
            "One whole task is left out at a time, with all its cells: what counts is the prediction of an unseen task."
        )
        return _numbered("task", reason, list(cells["task"]))
    names = _cell_names(cells)
    if grid.sets:
        reason = (
            "One whole demonstration set is left out at a time, with all its cells and its effect unknown; "
            "cells that show no demonstrations are left out one by one."
        )
        labels = [grid.sets[at] if at >= 0 else name for at, name in zip(grid.cell_set, names)]
        return _numbered("demonstration set", reason, labels)
    reason = (
        "One cell is left out at a time, because the table distinguishes neither several tasks nor demonstration sets."
    )
    return _numbered("cell", reason, names)


def _numbered(word: str, reason: str, labels: list[str]) -> Units:
    levels = tuple(dict.fromkeys(labels))
    position = {label: index for index, label in enumerate(levels)}
    of_cell = np.array([position[label] for label in labels], dtype=np.int64)
    return Units(word=word, reason=reason, labels=levels, of_cell=of_cell)


def _cell_names(cells: pd.DataFrame) -> list[str]:
    lengths = ["" if pd.isna(length) else f" | k={length}" for length in cells["example_length"]]
    named = zip(cells["model"], cells["task"], cells["label_mode"], cells["format"], lengths, cells["num_shots"])
    return [f"{model} | {task} | {mode} | {written}{k} | n={n}" for model, task, mode, written, k, n in named]


def unit_log_likelihood(
    layout: Layout, nodes: Mapping[str, ndarray], units: Units
) -> Float[ndarray, "num_draws num_units"]:
    """Log density of each unit at each draw, nats: summed over its cells, the effects of its sets integrated out."""
    if not layout.grid.sets:
        return _summed(layout.log_likelihood(nodes), units.of_cell, len(units.labels))
    grid = layout.grid
    gathered = layout.gathered(nodes)
    del gathered[SET_EFFECT]
    accuracy = layout.account.accuracy(gathered, layout.cells, NUMPY)
    # The accuracy does not change with the effect, so it is worked out once.
    fixed = replace(layout, account=replace(layout.account, accuracy=lambda *_: accuracy))
    observed, at = layout.observed(), np.maximum(grid.cell_set, 0)
    in_set = grid.cell_set >= 0
    weight = layout.set_weight(nodes)

    def cells_at(effect: Float[ndarray, "num_draws num_sets"]) -> Float[ndarray, "num_draws num_cells"]:
        moved = gathered | {SET_EFFECT: effect[:, at] * weight}
        return layout.observation.log_density(fixed.probability(moved), moved, grid.cells, observed)

    def sets_at(effect: Float[ndarray, "num_draws num_sets"]) -> Float[ndarray, "num_draws num_sets"]:
        return _summed(cells_at(effect)[:, in_set], grid.cell_set[in_set], len(grid.sets))

    spread = np.broadcast_to(nodes["set_spread"][:, None], (len(accuracy), len(grid.sets)))
    unit_of_set = np.zeros(len(grid.sets), dtype=np.int64)
    unit_of_set[grid.cell_set[in_set]] = units.of_cell[in_set]
    found = _summed(log_integral(sets_at, spread), unit_of_set, len(units.labels))
    alone = cells_at(np.zeros(spread.shape))[:, ~in_set]
    return found + _summed(alone, units.of_cell[~in_set], len(units.labels))


def log_integral(
    log_density: Callable[[ndarray], ndarray], spread: Float[ndarray, "*shape"], *, nodes: int = _NODES
) -> Float[ndarray, "*shape"]:
    """log ∫ exp(log_density(u)) · Normal(u; 0, spread²) du, elementwise.

    Nodes lie close together around the integrand's mode, by the width of its peak, so that a set of many prompts, whose
    peak is far narrower than the spread, is not stepped over; and ever farther apart up to `_REACH` spreads, so that
    what lies beside the peak counts too. Newton's steps find the mode from the best place of a coarse grid.

    Parameters
    ----------
    log_density
        u → log density, both of the shape of `spread`.
    spread
        Standard deviation of u.
    """

    def integrand(u: ndarray) -> ndarray:
        return log_density(u) + norm.logpdf(u, 0.0, spread)

    mode, deviation = _mode(integrand, spread)
    ends = np.arcsinh(_REACH * spread / deviation)
    places = [ends * share for share in np.linspace(-1.0, 1.0, nodes)]
    terms = [integrand(mode + deviation * np.sinh(place)) + np.log(np.cosh(place)) for place in places]
    return logsumexp(terms, axis=0) + np.log(deviation * 2 * ends / (nodes - 1))


def _mode(integrand: Callable[[ndarray], ndarray], spread: ndarray) -> tuple[ndarray, ndarray]:
    """Where an integrand is largest, and the deviation of the normal curve that fits it there."""
    heights = np.stack([integrand(place * spread) for place in _SEARCH])
    mode = _SEARCH[heights.argmax(axis=0)] * spread
    step = _DIFFERENCE * spread
    for _ in range(_NEWTON_STEPS):
        slope, curvature = _derivatives(integrand, mode, step, spread)
        longest = (spread + np.abs(mode)) / 2  # grows, so that a mode far outside the grid is reached
        mode = mode + np.clip(slope / curvature, -longest, longest)
    _, curvature = _derivatives(integrand, mode, step, spread)
    return mode, 1 / np.sqrt(curvature)


def _derivatives(
    integrand: Callable[[ndarray], ndarray], at: ndarray, step: ndarray, spread: ndarray
) -> tuple[ndarray, ndarray]:
    """Slope and (negative) curvature by differences; a curvature below the prior's half is taken as that."""
    low, middle, high = (integrand(at + shift * step) for shift in (-1, 0, 1))
    slope = (high - low) / (2 * step)
    curvature = -(high - 2 * middle + low) / step**2
    return slope, np.maximum(curvature, 0.5 / spread**2)


def _summed(values: ndarray, group: ndarray, num_groups: int) -> ndarray:
    total = np.zeros((len(values), num_groups))
    np.add.at(total.T, group, values.T)
    return total
