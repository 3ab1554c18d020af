"""The grid of a counts table: which model, condition and curve each cell belongs to, as index arrays."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

from icl.concept.counts import ALL_SETS, CONDITION, tell_sides, validate_counts
from icl.concept.regressors import Regressors, regressors_of
from icl.errors import UserError

__all__ = ["NO_EXAMPLE_LENGTH", "Grid", "grid_of", "series_names"]

NO_EXAMPLE_LENGTH = "none"
"""Coordinate of the example length where the task has none."""

_CEILING_SLACK = 0.02
"""Added to the known ceiling: the oracle's accuracy is itself an estimate, and it is smoothed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cells and conditions of a counts table; a condition is (label mode, format, example length), shots > 0.

    Other factors in which cells differ are told by label mode and format, see `icl.concept.counts.tell_sides`.

    Attributes
    ----------
    cells
        The validated counts.
    conditions
        One row per condition: label_mode, format, example_length.
    models, label_modes, formats, example_lengths, sets
        Coordinates; example lengths as text, since a text task has none. With several tasks a model is one coordinate
        for each: ``model | task``. A demonstration set is one of a model: ``model | set``.
    model_names, tasks
        What those models are made of, and `of_model`, `of_task`: position of each one's name and task.
    cell_model, cell_format, cell_example_length
        Position of each cell's value in those coordinates.
    cell_condition
        Position of each cell's condition; −1 for zero-shot cells, which belong to none.
    condition_label_mode, condition_format
        Position of each condition's values in those coordinates.
    cell_set
        Position of each cell's demonstration set; −1 where it tells none.
    tokens_per_demonstration
        k of each condition: its example length, 1 where the task has none.
    regressors
        What the populations of several models or tasks are regressed on.
    """

    cells: pd.DataFrame
    conditions: pd.DataFrame
    models: tuple[str, ...]
    label_modes: tuple[str, ...]
    formats: tuple[str, ...]
    example_lengths: tuple[str, ...]
    sets: tuple[str, ...]
    model_names: tuple[str, ...]
    tasks: tuple[str, ...]
    of_model: Integer[ndarray, " num_models"]
    of_task: Integer[ndarray, " num_models"]
    cell_model: Integer[ndarray, " num_cells"]
    cell_format: Integer[ndarray, " num_cells"]
    cell_example_length: Integer[ndarray, " num_cells"]
    cell_condition: Integer[ndarray, " num_cells"]
    cell_set: Integer[ndarray, " num_cells"]
    condition_label_mode: Integer[ndarray, " num_conditions"]
    condition_format: Integer[ndarray, " num_conditions"]
    tokens_per_demonstration: Float[ndarray, " num_conditions"]
    regressors: Regressors

    @property
    def coords(self) -> dict[str, tuple[str, ...] | ndarray]:
        """Coordinates of every dimension, as PyMC and xarray take them."""
        return {
            "model": self.models,
            "condition": np.array([_label(row) for row in self.conditions.itertuples(index=False)], dtype=np.str_),
            "cell": np.arange(len(self.cells)),
            "label_mode": self.label_modes,
            "format": self.formats,
            "example_length": self.example_lengths,
            "demonstration_set": self.sets,
            "regressor": self.regressors.names,
        }

    @property
    def observed(self) -> Bool[ndarray, "num_models num_conditions"]:
        """Whether a model has any cell of a condition; where not, its row is prior only."""
        seen = np.zeros((len(self.models), len(self.conditions)), dtype=bool)
        shown = self.cell_condition >= 0
        seen[self.cell_model[shown], self.cell_condition[shown]] = True
        return seen

    @property
    def ceiling(self) -> Float[ndarray, "num_models num_example_lengths"]:
        """Highest accuracy there can be: of exact Bayes with a little slack, or 1."""
        return np.minimum(np.nan_to_num(self.per_example_length("ceiling"), nan=1.0) + _CEILING_SLACK, 1.0)

    @property
    def middle(self) -> Float[ndarray, " num_models"]:
        """Mean log(1 + n) over the shot counts that each model was asked at; at least log 2, one demonstration's."""
        asked = self.cells.assign(series=self.cell_model)[["series", "num_shots"]].drop_duplicates()
        mean = np.log1p(asked["num_shots"]).groupby(asked["series"]).mean()
        return np.maximum(mean.sort_index().to_numpy(dtype=float), np.log(2))

    @property
    def num_labels(self) -> Float[ndarray, " num_models"]:
        """How many labels each model's demonstrations can show; NaN where any token may be an answer, as on GINC."""
        return _num_labels(self.cells, self.cell_model, len(self.models))

    @property
    def has_example_lengths(self) -> bool:
        """Whether the cells know the tokens of an example, as GINC's do and text's do not."""
        return self.example_lengths != (NO_EXAMPLE_LENGTH,)

    def per_example_length(self, column: str) -> Float[ndarray, "num_models num_example_lengths"]:
        """Largest value of a column of the cells for each model and example length; NaN where there is none."""
        largest = np.full((len(self.models), len(self.example_lengths)), np.nan)
        np.fmax.at(largest, (self.cell_model, self.cell_example_length), self.cells[column].to_numpy())
        return largest


def grid_of(counts: pd.DataFrame) -> Grid:
    """Lay out a counts table of one or more models and tasks.

    Raises
    ------
    UserError
        If the table does not pass `validate_counts`, or mixes cells with and without example length.
    """
    cells = tell_sides(validate_counts(counts))
    if 0 < cells["example_length"].isna().sum() < len(cells):
        raise UserError("some cells have an example length and some have none; fit them separately.")
    shown = cells[cells["num_shots"] > 0]
    key = list(CONDITION)
    conditions = shown[key].drop_duplicates().sort_values(key).reset_index(drop=True)
    tasks, formats = _levels(cells["task"]), _levels(cells["format"])
    named = series_names(cells, tasks)
    models = _levels(named)
    series = cells.assign(series=named).drop_duplicates("series")
    own_set = named + " | " + cells["demonstration_set"]
    has_set = (cells["demonstration_set"] != ALL_SETS).to_numpy()
    sets = _levels(own_set[has_set])
    position = {name: index for index, name in enumerate(sets)}
    model_names = _levels(cells["model"])
    label_modes = _levels(shown["label_mode"])
    lengths = sorted({int(length) for length in cells["example_length"].dropna()})
    example_lengths = tuple(str(length) for length in lengths) or (NO_EXAMPLE_LENGTH,)
    cell_model = _positions(named, models)
    numbered = cells[key].merge(conditions.assign(condition=range(len(conditions))), on=key, how="left")
    return Grid(
        cells=cells,
        conditions=conditions,
        models=models,
        label_modes=label_modes,
        formats=formats,
        example_lengths=example_lengths,
        sets=sets,
        model_names=model_names,
        tasks=tasks,
        of_model=_positions(series["model"], model_names),
        of_task=_positions(series["task"], tasks),
        cell_model=cell_model,
        cell_format=_positions(cells["format"], formats),
        cell_example_length=_positions(_text(cells["example_length"]), example_lengths),
        cell_condition=numbered["condition"].fillna(-1).to_numpy(dtype=np.int64),
        cell_set=np.array([position.get(name, -1) for name in own_set], dtype=np.int64),
        condition_label_mode=_positions(conditions["label_mode"], label_modes),
        condition_format=_positions(conditions["format"], formats),
        tokens_per_demonstration=conditions["example_length"].astype("Float64").fillna(1.0).to_numpy(dtype=float),
        regressors=regressors_of(series, _num_labels(cells, cell_model, len(models))),
    )


def _num_labels(
    cells: pd.DataFrame, cell_model: Integer[ndarray, " num_cells"], num_models: int
) -> Float[ndarray, " num_models"]:
    if cells["example_length"].notna().any():
        return np.full(num_models, np.nan)
    chance = np.full(num_models, np.nan)
    np.fmax.at(chance, cell_model, cells["chance"].to_numpy())
    return np.where(chance > 0, 1 / np.where(chance > 0, chance, 1.0), np.nan)


def series_names(table: pd.DataFrame, tasks: Collection[str]) -> pd.Series:
    """Name the model of each row, with its task where there are several tasks: ``model | task``."""
    if len(tasks) < 2:
        return table["model"]
    return table["model"].astype("str") + " | " + table["task"].astype("str")


def _levels(column: pd.Series) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column))


def _text(lengths: pd.Series) -> list[str]:
    return [NO_EXAMPLE_LENGTH if pd.isna(length) else str(length) for length in lengths]


def _positions(column: pd.Series | list[str], levels: tuple[str, ...]) -> Integer[ndarray, " num_rows"]:
    position = {level: index for index, level in enumerate(levels)}
    return np.array([position[value] for value in column], dtype=np.int64)


def _label(condition: tuple) -> str:
    label_mode, written, length = condition
    return f"{label_mode} | {written}" + ("" if pd.isna(length) else f" | k={length}")
