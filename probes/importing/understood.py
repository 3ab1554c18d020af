"""From columns of text to told answers and scores: numbers checked, conditions kept apart, what is not told said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from icl.covariates import COVARIATES
from icl.errors import UserError
from icl.factors import FACTORS
from icl.told import TOLD_COLUMNS, validate_told
from probes.importing.columns import Columns, Meaning
from probes.importing.fields import FIELDS, OUTCOMES
from probes.importing.numbers import counts_of_shares, decimals, numbers
from probes.importing.scores import score_rows
from probes.importing.source import is_missing
from probes.importing.untold import all_or_nothing, left_unused, untold_by_answers

__all__ = ["Understood", "understand"]

_OF_CELL = {name: name for name in ("model", "task", "num_shots", "candidate")}
_OF_CELL |= {"query_id": "query", "demonstration_set_id": "demonstration_set"}
"""Column that tells a cell from others → the field of an import that it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """Tables as the lab reads them.

    Attributes
    ----------
    told, scores : DataFrame or None
        Answers in the columns of `icl.told.TOLD_COLUMNS` with further factors and clusters behind them, and a score
        table; None where there is none.
    factors, clusters : tuple of str
        Further factors, and levels that repeat a condition.
    meanings : tuple
        Where everything was taken from.
    notices : tuple of str
        Sentences on what is not told, left out or taken for granted.
    covariates : dict
        Model → what is known of it.
    """

    told: pd.DataFrame | None
    scores: pd.DataFrame | None
    factors: tuple[str, ...]
    clusters: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    notices: tuple[str, ...]
    covariates: dict[str, dict[str, Any]]

    @property
    def models(self) -> tuple[str, ...]:
        """Models in the order of the table."""
        tables = [table["model"] for table in (self.scores, self.told) if table is not None]
        return tuple(dict.fromkeys(name for names in tables for name in names))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks in the order of the table."""
        tables = [table["task"] for table in (self.scores, self.told) if table is not None]
        return tuple(dict.fromkeys(name for names in tables for name in names))


def understand(columns: Columns, *, run: str) -> Understood:
    """Check columns and turn them into told answers, scores, or both.

    Parameters
    ----------
    run
        Identity of the import, for the score table.

    Raises
    ------
    UserError
        If a number is none or impossible, or rows of one cell differ in columns that mean nothing here.
    """
    notices = list(columns.notes)
    table = columns.table.assign(**_no_text(columns))
    unused = columns.unused
    lacking = _lacking(table)
    if lacking.all():
        raise UserError("no row has a value of what was measured; map another column.")
    if lacking.any():
        notices.append(f"{lacking.sum():,} of {len(table):,} rows have no value of what was measured and are left out.")
        table, unused = (part[~lacking].reset_index(drop=True) for part in (table, unused))
    keys = _keys(table, columns)
    is_score = ~is_missing(table["logprob"]) if "logprob" in table else pd.Series(False, index=table.index)
    _check_apart(keys, table, unused, is_score)
    told = scores = None
    if (~is_score).any():
        mine = ~is_score
        told = _told(keys[mine].reset_index(drop=True), table[mine].reset_index(drop=True), columns)
        notices += [*untold_by_answers(told), *all_or_nothing(told)]
    if is_score.any():
        scores = score_rows(*(part[is_score].reset_index(drop=True) for part in (keys, table)), run=run)
        notices.append("Log-probabilities come without prompts, so token boundaries and label counts are not known.")
    notices += left_unused(unused)
    return Understood(
        told=told,
        scores=scores,
        factors=columns.factors,
        clusters=columns.clusters,
        meanings=columns.meanings,
        notices=tuple(dict.fromkeys(notices)),
        covariates=_covariates(table),
    )


def _no_text(columns: Columns) -> dict[str, pd.Series]:
    """Cells of factors and clusters that stand for nothing are empty, and so are those of files that lack a column."""
    table = columns.table
    return {name: table[name].fillna("").map(lambda value: str(value).strip()) for name in table.columns}


def _lacking(table: pd.DataFrame) -> pd.Series:
    outcomes = [name for name in OUTCOMES if name in table] or ["gold", "prediction"]
    return pd.concat([is_missing(table[name]) for name in outcomes], axis=1).all(axis=1)


def _keys(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """`PROMPT_KEYS` of each row: further factors make the variant, clusters the demonstration set."""
    keys = pd.DataFrame({"model": table["model"], "task": table["task"]})
    for factor in FACTORS:
        if factor.name not in table:
            keys[factor.name] = factor.default
        elif factor.dtype == "str":
            keys[factor.name] = table[factor.name]
        else:
            found = numbers(table[factor.name], FIELDS[factor.name], f"the column of {factor.name}")
            if factor.name == "num_shots" and np.isnan(found).any():
                row = int(np.isnan(found).argmax()) + 1
                raise UserError(f"row {row} does not tell num_shots; fill it, or leave the row out of the table.")
            keys[factor.name] = pd.array([pd.NA if np.isnan(value) else int(value) for value in found], dtype="Int64")
    keys["variant"] = _joined(table, columns.factors)
    keys["query_id"] = table.get("query", "")
    sets = [name for name in columns.clusters if name != "task"]
    if "demonstration_set" in table and not sets:
        keys["demonstration_set_id"] = table["demonstration_set"]
    else:
        sets = (["demonstration_set"] if "demonstration_set" in table else []) + sets
        keys["demonstration_set_id"] = _joined(table, sets)
    return _pooled_tasks(keys) if "task" in columns.clusters else keys


def _pooled_tasks(keys: pd.DataFrame) -> pd.DataFrame:
    """Tasks as a cluster level: one task whose demonstration sets, or questions, are each task's own."""
    tasks = keys["task"]
    name = f"{tasks.nunique()} tasks"
    for column in ("query_id", "demonstration_set_id"):
        own = "task=" + tasks + (", " + keys[column]).where(keys[column] != "", "")
        keys[column] = own if column == "demonstration_set_id" else own.where(keys[column] != "", "")
    return keys.assign(task=name)


def _joined(table: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Write levels as ``name=value, name=value``; those that a row has no value of are left out."""
    written = pd.Series("", index=table.index)
    for name in names:
        values = table[name].where(~is_missing(table[name]), "")
        part = (f"{name}=" + values).where(values != "", "")
        written = written + (", " + part).where((written != "") & (part != ""), part)
    return written


def _check_apart(keys: pd.DataFrame, table: pd.DataFrame, unused: pd.DataFrame, is_score: pd.Series) -> None:
    """Refuse rows of one cell: nothing is pooled silently."""
    whole = keys.assign(candidate=table["candidate"].where(is_score, "") if "candidate" in table else "")
    twice = whole.duplicated(keep=False)
    if not twice.any():
        return
    first = whole[twice].drop_duplicates().iloc[0]
    same = (whole == first).fillna(False) | (whole.isna() & first.isna())
    rows = same.all(axis=1)
    group = whole[twice].groupby(list(whole.columns), dropna=False, sort=False).ngroup()
    apart = [
        name for name in unused.columns if unused.loc[twice, name].astype(str).groupby(group).nunique().gt(1).any()
    ]
    cell = ", ".join(f"{_OF_CELL[name]} {value}" for name, value in first.items() if name in _OF_CELL and str(value))
    remedy = (
        f"the columns {', '.join(map(repr, apart))} tell some of them apart: name a factor with --map NAME=COLUMN, "
        "what repeats a condition, such as runs or seeds, with --cluster COLUMN"
        if apart
        else "no column tells them apart: take repeated rows out of the table"
    )
    raise UserError(f"{twice.sum():,} rows share their cell with another, the first {rows.sum()} of {cell}; {remedy}.")


def _told(keys: pd.DataFrame, table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    right, items = _counts(table)
    further = {name: table[name] for name in (*columns.factors, *columns.clusters) if name != "task"}
    taken = {column.name for column in TOLD_COLUMNS}
    told = keys.assign(num_correct=right, num_items=items.astype(np.int64))
    for name in ("gold", "prediction"):
        if name in table:
            told[name] = table[name].where(~is_missing(table[name]), "")
    if "num_candidates" in table:
        found = numbers(table["num_candidates"], FIELDS["num_candidates"], "the column of num_candidates")
        told["num_candidates"] = pd.array([pd.NA if np.isnan(one) else int(one) for one in found], dtype="Int64")
    if "chance" in table:
        told["chance"] = numbers(table["chance"], FIELDS["chance"], "the column of chance")
    return validate_told(told.assign(**{name: values for name, values in further.items() if name not in taken}))


def _counts(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Right answers, and questions they are of, of each row."""
    outcome = next((name for name in OUTCOMES if name in table and name != "logprob"), None)
    if outcome is None:
        return (table["gold"] == table["prediction"]).to_numpy(dtype=float), np.ones(len(table))
    where = f"the column of {outcome}"
    values = numbers(table[outcome], FIELDS[outcome], where)
    if outcome in ("correct", "grade"):
        if "num_items" in table:
            raise UserError(
                f"{outcome} is of one question per row, so num_items means nothing beside it; leave num_items out, or "
                "map a share of several questions as accuracy."
            )
        if "query" not in table:
            raise UserError(
                f"{outcome} is of one question per row, and no column tells the question; add --map query=COLUMN."
            )
        return values, np.ones(len(table))
    items = _items(table, outcome, values)
    if outcome == "num_correct":
        return values, items
    scale = 100.0 if outcome == "percent" else 1.0
    places = decimals(table[outcome]) + (2 if outcome == "percent" else 0)
    return counts_of_shares(values / scale, items, places, where), items


def _items(table: pd.DataFrame, outcome: str, values: np.ndarray) -> np.ndarray:
    if "num_items" not in table:
        one = (
            "; if each row is one question, map it as correct"
            if outcome == "accuracy" and set(np.unique(values)) <= {0.0, 1.0}
            else ""
        )
        raise UserError(
            f"{outcome} is of a number of questions, and no column tells it; add --map num_items=COLUMN or --set "
            f"num_items=N (--set num_items[TASK]=N where tasks differ){one}."
        )
    items = numbers(table["num_items"], FIELDS["num_items"], "the column of num_items")
    if (bad := np.isnan(items) | (items < 1)).any():
        row = int(bad.argmax())
        raise UserError(
            f"row {row + 1} (task {table['task'].iloc[row]}) has no num_items of at least 1, as {bad.sum():,} rows "
            "have none; add --set num_items[TASK]=N."
        )
    return items


def _covariates(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What the table says of each model: one value each."""
    found: dict[str, dict[str, Any]] = {name: {} for name in dict.fromkeys(table["model"])}
    for one in COVARIATES:
        if (name := one.name) not in table:
            continue
        values = numbers(table[name], FIELDS[name], f"the column of {name}")
        for model, mine in pd.Series(values).groupby(table["model"].to_numpy(), sort=False):
            if mine.nunique() > 1:
                raise UserError(
                    f"{name} of model {model!r} is {mine.min():g} in one row and {mine.max():g} in another; map "
                    "another column."
                )
            if mine.notna().any():
                value = mine.dropna().iloc[0]
                found[str(model)][name] = bool(value) if one.dtype == "boolean" else int(value)
    return found
