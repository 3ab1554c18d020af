"""Which components of the evidence decomposition, and which of their sums, the conditions of a run can tell apart."""

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.concept.evidence.layout import CONDITION, label_evidence

__all__ = [
    "COMPONENTS",
    "DATA",
    "DATA_AND_NOISE_PRIOR",
    "PRIOR",
    "Term",
    "cells_of",
    "identified_sums",
    "terms_of",
    "told_by",
    "weaker",
]

type Term = tuple[str, str]
"""Component, and the format of the noise (else empty)."""

COMPONENTS: dict[str, str] = {
    "inputs": "inputs of the task (α)",
    "label_space": "words of the label space (β)",
    "labels": "labels that are all right (γλ(1))",
    "wrong_labels": "lost where all labels are wrong instead of right (γ(λ(1) − λ(0)))",
    "noise": "noise of the format (ν)",
}
"""Component → meaning; each in nats per demonstration."""

DATA = "data"
DATA_AND_NOISE_PRIOR = "data and the prior of the label noise"
PRIOR = "prior"

_TYPICAL_LABEL_NOISE = 0.137  # any value will do: it fixes the ratio of labels to wrong_labels, not their size
_ZERO = 1e-9


def told_by(tree: xr.DataTree, series: int, weights: dict[Term, float]) -> str:
    """Tell what fixes a weighted sum of a series' components: `DATA`, `DATA_AND_NOISE_PRIOR` or `PRIOR`.

    Mean log-odds are linear in the start of each format and in the components where `labels` and `wrong_labels` count
    as two, since η is free. A sum is fixed by the data when no direction of the null space of the series' cells touches
    it; or given η's prior, when that holds once the two are tied by a known η.

    Parameters
    ----------
    series
        Position of the series.
    weights
        Component → weight.
    """
    columns, equations = _equations(tree, series)
    wanted = np.array([weights.get(column, 0.0) for column in columns])
    if _is_fixed(equations, wanted):
        return DATA
    num_labels = int(tree["constant_data"]["series_num_labels"].to_numpy()[series])
    right, wrong = (float(label_evidence(share, _TYPICAL_LABEL_NOISE, num_labels)) for share in (1.0, 0.0))
    tied = np.eye(len(columns))
    lost = columns.index(("wrong_labels", ""))
    tied[lost, columns.index(("labels", ""))] = (right - wrong) / right
    tied = np.delete(tied, lost, axis=1)
    return DATA_AND_NOISE_PRIOR if _is_fixed(equations @ tied, wanted @ tied) else PRIOR


def weaker(*told: str) -> str:
    """The least that any of several sums is told by."""
    return max(told, key=(DATA, DATA_AND_NOISE_PRIOR, PRIOR).index)


def identified_sums(tree: xr.DataTree, series: int) -> list[dict[Term, float]]:
    """Sums of two or more components that the data fix, each as component → weight; a basis of all that they fix."""
    columns, equations = _equations(tree, series)
    found = []
    # Starts come first, so that the reduced rows behind them are all that the data fix without a start.
    for row in _reduced(equations):
        weights = {column: float(weight) for column, weight in zip(columns, row) if abs(weight) > _ZERO}
        if len(weights) > 1 and not any(name == "start" for name, _ in weights):
            found.append(weights)
    return found


def terms_of(tree: xr.DataTree, series: int) -> list[Term]:
    """Components of a series, its formats' noises one by one."""
    fixed = tree["constant_data"].to_dataset()
    formats = fixed["style_format"].to_numpy()[fixed["style_series"].to_numpy() == series]
    return [*((name, "") for name in COMPONENTS if name != "noise"), *(("noise", str(written)) for written in formats)]


def cells_of(tree: xr.DataTree) -> pd.DataFrame:
    """Cells of a fit with what they showed, and the positions of their series and style."""
    fixed = tree["constant_data"].to_dataset()
    names = ["num_shots", "share_correct", "has_inputs", "has_label_space"]
    columns = {name: fixed[name].to_numpy() for name in names}
    columns |= {name: fixed[f"cell_{name}"].to_numpy() for name in (*CONDITION, "series", "style")}
    return pd.DataFrame(columns)


def _equations(tree: xr.DataTree, series: int) -> tuple[list[Term], Float[ndarray, "num_rows num_columns"]]:
    """Columns of a series, starts first, and their weights in the log-odds of each kind of cell."""
    table = cells_of(tree)
    cells = table[table["series"] == series]
    columns = [("start", written) for written in dict.fromkeys(cells["format"])] + terms_of(tree, series)
    n = cells["num_shots"].to_numpy(dtype=float)
    shown = {
        "inputs": cells["has_inputs"].to_numpy(dtype=float),
        "label_space": cells["has_label_space"].to_numpy(dtype=float),
        "labels": cells["share_correct"].notna().to_numpy(dtype=float),
        "wrong_labels": -(1 - cells["share_correct"]).fillna(0.0).to_numpy(dtype=float),
    }
    weights = []
    for name, written in columns:
        is_format = (cells["format"] == written).to_numpy(dtype=float)
        weights.append(is_format if name == "start" else -n * is_format if name == "noise" else n * shown[name])
    return columns, np.unique(np.column_stack(weights), axis=0)


def _is_fixed(equations: Float[ndarray, "num_rows num_columns"], wanted: Float[ndarray, " num_columns"]) -> bool:
    """Whether a linear form is fixed: no direction that the rows leave free moves it."""
    _, singular, directions = np.linalg.svd(equations, full_matrices=True)
    rank = int((singular > _ZERO * max(singular.max(initial=0.0), 1.0)).sum())
    return bool(np.abs(directions[rank:] @ wanted).max(initial=0.0) < _ZERO)


def _reduced(equations: Float[ndarray, "num_rows num_columns"]) -> Float[ndarray, "rank num_columns"]:
    """Reduced row echelon form, without its empty rows."""
    rows, rank = equations.copy(), 0
    for column in range(rows.shape[1]):
        if rank == len(rows):
            break
        pivot = rank + int(np.abs(rows[rank:, column]).argmax())
        if abs(rows[pivot, column]) < _ZERO:
            continue
        rows[[rank, pivot]] = rows[[pivot, rank]]
        rows[rank] /= rows[rank, column]
        others = np.arange(len(rows)) != rank
        rows[others] -= rows[others, column][:, None] * rows[rank]
        rank += 1
    return rows[:rank]
