"""From answers to the cells of the evidence decomposition, and from cells to what each demonstration showed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

from icl.answers import answer_table, naming_left_out, nothing_known
from icl.errors import UserError
from icl.factors import FACTORS, REPEATED_FACTORS, Factor, get_factor
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalise
from icl.prompts.mode_columns import with_label_mode
from icl.scores import Column, validate_scores

__all__ = [
    "CONDITION",
    "EVIDENCE_COLUMNS",
    "EvidenceLayout",
    "count_cells",
    "evidence_cells",
    "evidence_layout",
    "label_evidence",
    "untold_factors",
    "validate_evidence_cells",
]

_FACTORS = tuple(one for one in FACTORS if one.role != "model" and one.name not in ("example_length", "num_shots"))

EVIDENCE_COLUMNS: tuple[Column, ...] = (
    Column("model", "str", "scorer's name"),
    Column("task", "str", "task's name"),
    Column("demonstration_set_id", "str", "which demonstrations; empty where there are none"),
    *(Column(one.name, one.dtype, one.meaning, absent=one.default) for one in _FACTORS if one.is_optional),
    *(Column(one.name, one.dtype, one.meaning) for one in _FACTORS if not one.is_optional),
    Column("num_shots", "int64", "demonstrations in the prompt"),
    Column("num_correct", "int64", "prompts whose gold label had the highest log-probability"),
    Column("num_prompts", "int64", "prompts of the cell"),
    Column("num_labels", "int64", "candidates of a prompt, m"),
    Column("share_correct", "float64", "shown labels that are right, ρ; NaN where that has no meaning"),
    Column("share_permuted", "float64", "shown labels that agree with the permuted mapping; NaN as share_correct"),
    Column("share_permuted_is_exact", "bool", "whether that was counted; else wrong ÷ (m − 1), its expectation"),
    Column("has_inputs", "bool", "whether inputs of the task are shown"),
    Column("has_label_space", "bool", "whether the shown labels are words of the label space"),
)

CONDITION = [one.name for one in _FACTORS if one.role == "condition"]
"""What is summed up together: draws, orders and sets are repetitions."""

_COMPONENTS = ("label_mode", "input_mode", "format")
"""Factors that the components of a demonstration's evidence follow from."""

_REPETITION = ["demonstration_set_id", *REPEATED_FACTORS]
_SERIES = ["model", "task"]
_CELL = [*_SERIES, *CONDITION, *_REPETITION, "num_shots"]
_OTHER_CANDIDATES = "symbols"


def label_evidence(
    share: float | Float[ndarray, "*shape"],
    label_noise: float | Float[ndarray, "*shape"],
    num_labels: int | Integer[ndarray, "*shape"],
) -> float | Float[ndarray, "*shape"]:
    """λ(ρ): expected log-likelihood ratio, in nats, of a label that follows a mapping with probability `share`.

    The mapping's own labels are right with probability 1 − η, else uniform on the other m − 1; without a task labels
    are uniform on m (science §7.2). Positive for labels that follow it more often than break-even, else negative.
    """
    followed = np.log((1 - label_noise) * num_labels)
    broken = np.log(label_noise * num_labels / (num_labels - 1))
    return share * followed + (1 - share) * broken


def evidence_cells(scores: pd.DataFrame, normalisation: str = DEFAULT_NORMALISATION) -> pd.DataFrame:
    """Count the right answers of every demonstration set in every condition of a score table.

    Answers are those of `icl.answers`; a zero-shot question counts once, however many sets asked it. Prompts without an
    answer are left out, as are those of label mode `symbols`: their candidates are other words, so that zero shots tell
    nothing of them. ρ is counted on the labels shown; it is NaN
    where no labels are shown or they are not of the inputs' label space. The share that agrees with the permuted
    mapping is exact in the modes flipped, flip_after and permuted and for two labels, elsewhere wrong ÷ (m − 1): what
    it is in expectation when wrong labels are uniform.

    Parameters
    ----------
    normalisation
        How candidates are compared, see `icl.metrics.normalise`.

    Returns
    -------
    pd.DataFrame
        `EVIDENCE_COLUMNS`.

    Raises
    ------
    UserError
        If the table is no score table, is of GINC, or its cells could not tell what a demonstration brings.
    """
    answers = answer_table(normalise(validate_scores(scores), normalisation))
    with naming_left_out(lambda: answers):
        return validate_evidence_cells(count_cells(answers))


def count_cells(answers: pd.DataFrame) -> pd.DataFrame:
    """Count the answers of an answer table as `evidence_cells` does, those that could tell nothing as well."""
    if answers["example_length"].notna().any():
        raise UserError(
            "the evidence decomposition is of tasks in words, but these prompts have example lengths; "
            "fit a law of learning curves instead (`probe fit` without --account evidence)."
        )
    prompts = _prompts(answers[answers["label_mode"] != _OTHER_CANDIDATES])
    key = [*_CELL, "num_labels", "num_wrong_shown"]
    cells = prompts.groupby(key, dropna=False, sort=False, as_index=False).agg(
        num_correct=("correct", "sum"), num_prompts=("correct", "size")
    )
    cells["num_correct"] = cells["num_correct"].astype("int64")
    return _with_shares(cells)


def _prompts(answers: pd.DataFrame) -> pd.DataFrame:
    """One row a question asked: its answer, how many candidates and wrong labels it has."""
    prompts = answers[answers["accuracy"].notna()].rename(
        columns={"accuracy": "correct", "num_candidates": "num_labels"}
    )
    if len(answers) and prompts.empty:
        raise UserError(nothing_known(answers))
    none = prompts["num_shots"] == 0
    fixed = {one.name: one.bare for one in _FACTORS if not one.matters_bare}
    fixed |= {"demonstration_set_id": "", "num_wrong_shown": pd.NA}
    for name, value in fixed.items():
        prompts[name] = prompts[name].mask(none, value)
    asked = [*_SERIES, *(one.name for one in _FACTORS if one.matters_bare), "query_id", "prompt_id"]
    return prompts[~(none & prompts.duplicated([*asked, "num_shots"]))]


def _with_shares(cells: pd.DataFrame) -> pd.DataFrame:
    shown = cells["num_shots"] > 0
    without_words = with_label_mode(cells["label_mode"], lambda mode: mode.lacks_label_words)
    permuted = with_label_mode(cells["label_mode"], lambda mode: mode.permutes)
    wrong = (cells["num_wrong_shown"] / cells["num_shots"].where(shown)).astype("float64")
    wrong = wrong.where((cells["input_mode"] == "task") & ~without_words)
    exact = permuted | (cells["num_labels"] == 2) | (wrong == 0)
    return cells.assign(
        share_correct=1 - wrong,
        share_permuted=wrong.where(exact, wrong / (cells["num_labels"] - 1)),
        share_permuted_is_exact=exact,
        has_inputs=shown & (cells["input_mode"] == "task"),
        has_label_space=shown & ~without_words,
    )


def validate_evidence_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its declared columns in order and dtypes set.

    Raises
    ------
    UserError
        If the table is no table of cells, or could not tell what a demonstration brings.
    """
    names = [column.name for column in EVIDENCE_COLUMNS]
    cells = cells.assign(
        **{one.name: one.absent for one in EVIDENCE_COLUMNS if one.is_optional and one.name not in cells}
    )
    if missing := sorted(set(names) - set(cells.columns)):
        raise UserError(f"not a table of evidence cells: columns {missing} are missing; EVIDENCE_COLUMNS lists all.")
    if cells.empty:
        raise UserError("the table of evidence cells has no rows: nothing is left to fit.")
    may_be_missing = {"share_correct", "share_permuted"}
    if lacking := [name for name in names if name not in may_be_missing and cells[name].isna().any()]:
        raise UserError(f"columns {lacking} of the evidence cells have missing values; fill them or drop those cells.")
    try:
        typed = cells[names].astype({column.name: column.dtype for column in EVIDENCE_COLUMNS}).reset_index(drop=True)
        counts = ("num_shots", "num_correct", "num_prompts", "num_labels")
        whole = [name for name in counts if (typed[name] != cells[name].array).any()]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"a column of the evidence cells has the wrong type ({error}); see EVIDENCE_COLUMNS."
        ) from error
    if whole:
        raise UserError(f"{whole} of the evidence cells must be whole numbers; give counts, not shares.")
    _check_values(typed)
    return typed


def _check_values(cells: pd.DataFrame) -> None:
    correct, prompts = cells["num_correct"], cells["num_prompts"]
    if (bad := (prompts < 1) | (correct < 0) | (correct > prompts)).any():
        raise UserError(
            f"num_correct must lie between 0 and num_prompts, got {correct[bad].iloc[0]} of {prompts[bad].iloc[0]} "
            f"in {bad.sum()} cells; correct the counts."
        )
    if (bad := (cells["num_shots"] < 0) | (cells["num_labels"] < 2)).any():
        raise UserError(
            f"{bad.sum()} cells have fewer than 0 demonstrations or fewer than 2 labels; correct num_shots and "
            "num_labels."
        )
    shares = cells[["share_correct", "share_permuted"]]
    if ((shares < 0) | (shares > 1)).any(axis=None):
        raise UserError("share_correct and share_permuted are shares in [0, 1]; correct the cells.")
    if (twice := cells.duplicated(_CELL)).any():
        raise UserError(f"{twice.sum()} evidence cells occur twice; give each cell one row, and each run once.")
    if (cells.groupby(_SERIES)["num_labels"].nunique() > 1).any():
        raise UserError(
            "the prompts of one task have different numbers of labels, but the decomposition takes one number "
            "per task; fit the prompts of each number as a task of their own."
        )
    if cells["num_shots"].nunique() == 1:
        raise UserError(
            f"what a demonstration brings shows only between shot counts, got only {cells['num_shots'].iloc[0]} shots; "
            "run the probe at more shot counts, 0 among them."
        )
    for (model, task), mine in cells.groupby(_SERIES, sort=False):
        _check_moves(mine, f"{model} on {task}")


def _check_moves(cells: pd.DataFrame, whose: str) -> None:
    """Refuse a series whose answers are all alike."""
    correct, prompts = cells["num_correct"], cells["num_prompts"]
    if (correct == 0).all() or (correct == prompts).all():
        which = "wrong" if (correct == 0).all() else "right"
        raise UserError(
            f"{whose}: every prompt of all {len(cells)} cells was answered {which}, so nothing can be decomposed; "
            "fit another model, or use a task that is neither hopeless nor trivial for this one."
        )
    share = correct.sum() / prompts.sum()
    if ((correct - share * prompts).abs() < 0.5).all():  # no more than rounding
        raise UserError(
            f"{whose}: all {len(cells)} cells have the same share of right answers, {share:.0%}, so demonstrations "
            "change nothing that could be decomposed; fit another model, or use another task."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLayout:
    """Cells as arrays; a series is a model on a task, and a style is a format of a series.

    Attributes
    ----------
    cells
        The validated cells.
    series
        One row per series: model, task, num_labels.
    styles
        One row per series and format that has cells: series (its position), format.
    cell_series, cell_style
        Position of each cell's series and style.
    style_series
        Position of each style's series.
    has_labels
        Whether labels tell something of the mapping: ρ is known.
    walk_series
        Series of each step of a demonstration set's walk from one of its shot counts to the next.
    cell_walk, cell_walk_length
        Steps that lead to each cell, and the square roots of the demonstrations each adds; 0 where there is no step.
    """

    cells: pd.DataFrame
    series: pd.DataFrame
    styles: pd.DataFrame
    cell_series: Integer[ndarray, " num_cells"]
    cell_style: Integer[ndarray, " num_cells"]
    style_series: Integer[ndarray, " num_styles"]
    has_labels: Bool[ndarray, " num_cells"]
    walk_series: Integer[ndarray, " num_steps"]
    cell_walk: Integer[ndarray, "num_cells most_steps"]
    cell_walk_length: Float[ndarray, "num_cells most_steps"]

    def observed(self) -> Integer[ndarray, " num_cells"]:
        """Right answers of each cell."""
        return self.cells["num_correct"].to_numpy()

    @property
    def coords(self) -> dict[str, ndarray]:
        """Coordinates of every dimension."""
        series = (self.series["model"] + " | " + self.series["task"]).to_numpy(dtype=np.str_)
        formats = self.styles["format"].to_numpy(dtype=np.str_)
        style = [f"{series[at]} | {written}" for at, written in zip(self.style_series, formats)]
        return {
            "series": series,
            "style": np.array(style, dtype=np.str_),
            "cell": np.arange(len(self.cells)),
            "step": np.arange(len(self.walk_series)),
        }


def untold_factors(cells: pd.DataFrame) -> list[Factor]:
    """Name the factors of conditions that take several values in a table of cells and that no component follows."""
    shown = cells[cells["num_shots"] > 0]
    others = [get_factor(name) for name in CONDITION if name not in _COMPONENTS]
    return [one for one in others if (cells if one.matters_bare else shown)[one.name].nunique() > 1]


def evidence_layout(cells: pd.DataFrame) -> EvidenceLayout:
    """Lay out a table of cells.

    Raises
    ------
    UserError
        If the table does not pass `validate_evidence_cells`.
    """
    cells = validate_evidence_cells(cells)
    series = cells[[*_SERIES, "num_labels"]].drop_duplicates(ignore_index=True)
    cell_series = cells.groupby(_SERIES, sort=False).ngroup().to_numpy(dtype=np.int64)
    styled = pd.DataFrame({"series": cell_series, "format": cells["format"]})
    styles = styled.drop_duplicates(ignore_index=True)
    walk_series, cell_walk, cell_walk_length = _walks(cells, cell_series)
    return EvidenceLayout(
        cells=cells,
        series=series,
        styles=styles,
        cell_series=cell_series,
        cell_style=styled.groupby(["series", "format"], sort=False).ngroup().to_numpy(dtype=np.int64),
        style_series=styles["series"].to_numpy(dtype=np.int64),
        has_labels=cells["share_correct"].notna().to_numpy(dtype=bool),
        walk_series=walk_series,
        cell_walk=cell_walk,
        cell_walk_length=cell_walk_length,
    )


def _walks(cells: pd.DataFrame, cell_series: Integer[ndarray, " num_cells"]) -> tuple[ndarray, ndarray, ndarray]:
    """Steps between the shot counts of each demonstration set: its first n demonstrations are those of n shots."""
    walker = pd.DataFrame({"series": cell_series, "set": cells["demonstration_set_id"], "shots": cells["num_shots"]})
    steps = walker[walker["shots"] > 0].drop_duplicates().sort_values(["series", "set", "shots"], ignore_index=True)
    before = steps.groupby(["series", "set"])["shots"].shift(fill_value=0)
    length = np.sqrt((steps["shots"] - before).to_numpy(dtype=float))
    taken = walker.reset_index(names="cell").merge(steps.assign(step=range(len(steps))), on=["series", "set"])
    taken = taken[taken["shots_y"] <= taken["shots_x"]]
    place = taken.groupby("cell").cumcount().to_numpy()
    cell_walk = np.zeros((len(cells), place.max(initial=0) + 1), dtype=np.int64)
    cell_walk_length = np.zeros(cell_walk.shape)
    cell, step = taken["cell"].to_numpy(), taken["step"].to_numpy()
    cell_walk[cell, place], cell_walk_length[cell, place] = step, length[step]
    return steps["series"].to_numpy(dtype=np.int64), cell_walk, cell_walk_length
