"""How curves stray from their law: random walks over log(1 + n) on the logit of a right answer.

No law of a few parameters is exact over three decades of n, and one that claims to be forecasts with intervals far too
narrow. Here the misfit is part of the account: between n and m the logit of accuracy moves by

    Normal(0, ω² · |log((1 + m) / (1 + n))|),

so that it stays small where cells pin the curve down, and grows with the distance, in log n, to the last of them. What
models have in common on one task (labels that come late, say) is a walk of the task's own, which all of them share.
This is the discrepancy of Kennedy and O'Hagan 2001, with a Wiener process in log n as its prior.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.concept.grid import Grid

__all__ = ["OWN_STEP", "SHARED_STEP", "WANDER", "WANDER_SHARED", "Walks", "walks_of"]

WANDER = "wander"
"""Name of the parameter ω: accounts that have it wander."""

OWN_STEP, SHARED_STEP = "wander_step", "wander_task_step"
"""Standard normal steps, one for each curve (each task's condition) and number of shots."""

WANDER_SHARED = "wander_shared"
"""Logit of the share of ω² that models on one task have in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walks:
    """What brings standard normal steps to the cells, in units of ω.

    Attributes
    ----------
    own
        Of each curve, a model's on a task under a condition.
    shared
        Of each task under a condition; without columns where no task has several models.
    """

    own: Float[ndarray, "num_cells num_steps"]
    shared: Float[ndarray, "num_cells num_shared_steps"]


def walks_of(grid: Grid) -> Walks:
    """Lay out the walks of a grid's curves; cells without demonstrations have not left their law."""
    several = len(grid.model_names) > 1
    task = grid.of_task[grid.cell_model]
    shots = grid.cells["num_shots"].to_numpy()
    own = _walks(np.column_stack([grid.cell_model, grid.cell_condition]), shots)
    shared = _walks(np.column_stack([task, grid.cell_condition]), shots)
    return Walks(own=own, shared=shared if several else shared[:, :0])


def _walks(
    curve: Integer[ndarray, "num_cells 2"], shots: Integer[ndarray, " num_cells"]
) -> Float[ndarray, "num_cells num_steps"]:
    """√ of how far each step goes in log(1 + n), where it belongs to the cell's past."""
    shown = shots > 0
    steps = np.unique(np.column_stack([curve, shots])[shown], axis=0)  # curve by curve, in order of n
    first = np.append(True, (np.diff(steps[:, :-1], axis=0) != 0).any(axis=1))
    before = np.where(first, 0, np.roll(steps[:, -1], 1))
    length = np.sqrt(np.log1p(steps[:, -1]) - np.log1p(before))
    same = (curve[:, None] == steps[None, :, :-1]).all(axis=-1)
    return np.where(same & shown[:, None] & (steps[:, -1] <= shots[:, None]), length, 0.0)
