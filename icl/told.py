"""Answers that a table tells: right, wrong, graded, or counted over several questions, without what was asked.

A published table seldom has the candidates' log-probabilities. Its rows become rows of the answer table all the same,
so that metrics and accounts read them like a run's; what such a row cannot tell is missing, with the reason.

Where questions were counted together, a row stands for all of them and its accuracy is their share of right answers.
Its query is then its own: which questions two such rows share is not known, so that a difference between them is
paired by demonstration set alone.
"""

import numpy as np
import pandas as pd

from icl.answers import ANSWER_COLUMNS
from icl.errors import UserError
from icl.factors import FACTORS
from icl.scores import PROMPT_KEYS, Column

__all__ = ["NO_PREDICTION", "NO_PROBABILITY", "TOLD_COLUMNS", "told_answers", "validate_told"]

NO_PROBABILITY = "the imported table holds no probabilities"
NO_PREDICTION = "the imported table says whether answers are right, not what they were"

TOLD_COLUMNS: tuple[Column, ...] = (
    Column("model", "str", "model's name"),
    Column("task", "str", "task's name"),
    *(Column(one.name, one.dtype, one.meaning, absent=one.default) for one in FACTORS),
    Column("query_id", "str", "question; empty where questions were counted together", absent=""),
    Column("demonstration_set_id", "str", "whose demonstrations were shown, or which run of the same", absent=""),
    Column("num_correct", "float64", "right answers; a fraction where the answer was graded"),
    Column("num_items", "int64", "questions that the row stands for", absent=1),
    Column("num_candidates", "Int64", "answers to choose from; missing where not known", absent=pd.NA),
    Column(
        "chance", "float64", "share that guessing answers right; 1 ÷ num_candidates where that is known", absent=np.nan
    ),
    Column("gold", "str", "right answer; empty where not known", absent=""),
    Column("prediction", "str", "the model's answer; empty where not known", absent=""),
)
"""Columns of a table of told answers; further ones are kept as they are."""


def validate_told(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its declared columns first and their types set; those that may be absent are filled in.

    Raises
    ------
    UserError
        If a column is missing, a count is impossible, or a row stands there twice.
    """
    names = [column.name for column in TOLD_COLUMNS]
    if missing := [column.name for column in TOLD_COLUMNS if not column.is_optional and column.name not in table]:
        raise UserError(f"a table of answers needs columns {', '.join(missing)}; icl.told.TOLD_COLUMNS lists all.")
    absent = {column.name: column.absent for column in TOLD_COLUMNS if column.name not in table}
    further = [name for name in table.columns if name not in names]
    table = table.assign(**absent)[[*names, *further]]
    table = table.astype({column.name: column.dtype for column in TOLD_COLUMNS}).reset_index(drop=True)
    if (
        bad := (table["num_items"] < 1) | (table["num_correct"] < 0) | (table["num_correct"] > table["num_items"])
    ).any():
        row = table[bad].iloc[0]
        raise UserError(
            f"{bad.sum():,} rows count more right answers than questions, or fewer than none: the first has "
            f"{row['num_correct']:g} right of {row['num_items']}; correct the counts."
        )
    if (bad := table["num_shots"] < 0).any():
        raise UserError(f"num_shots cannot be negative, got {table['num_shots'].min()}; correct the table.")
    if (bad := table["num_candidates"].fillna(2) < 2).any():
        raise UserError(
            f"num_candidates is the number of answers to choose from, at least 2, got {table['num_candidates'].min()}; "
            "leave it out where answers are free text."
        )
    if (bad := (table["chance"] < 0) | (table["chance"] >= 1)).any():
        raise UserError(
            f"chance is a share of at least 0 and below 1, got {table.loc[bad, 'chance'].iloc[0]:g}; correct it."
        )
    if twice := int(table.duplicated(list(PROMPT_KEYS)).sum()):
        raise UserError(f"{twice:,} rows are of the same model, task, condition, question and demonstration set.")
    return table


def told_answers(table: pd.DataFrame) -> pd.DataFrame:
    """Lay told answers out as an answer table.

    Parameters
    ----------
    table
        Columns of `TOLD_COLUMNS`, and further ones, which are kept behind the answer table's own.

    Returns
    -------
    DataFrame
        As of `icl.answers.answer_table`, one row for each of the table's.

    Raises
    ------
    UserError
        As `validate_told`.
    """
    table = validate_told(table)
    counted = table["query_id"] == ""
    query = table["query_id"].where(~counted, table["demonstration_set_id"])
    predicted = (table["gold"] != "") & (table["prediction"] != "")
    by_count = 1 / table["num_candidates"].to_numpy(dtype=float, na_value=np.nan)
    nothing = np.full(len(table), np.nan)
    none = np.full(len(table), None, dtype=object)
    answers = table.assign(
        query_id=query,
        asked_model=table["model"],
        prompt_id=query.where(~counted, "counted together, set " + query),
        probe="",
        num_wrong_shown=pd.array([pd.NA] * len(table), dtype="Int64"),
        gold=table["gold"].astype(object).where(predicted, None),
        prediction=table["prediction"].astype(object).where(predicted, None),
        accuracy=table["num_correct"] / table["num_items"],
        chance=np.where(table["num_candidates"].notna(), by_count, table["chance"]),
        num_boundaries=0,
        num_unclean=0,
        reason="",
        reason_of_probability=NO_PROBABILITY,
        **{name: nothing for name in _UNKNOWN_NUMBERS},
        **{name: none for name in _UNKNOWN},
    )
    order = [*PROMPT_KEYS, *ANSWER_COLUMNS]
    own = {column.name for column in TOLD_COLUMNS}
    return answers[order + [name for name in table.columns if name not in own | set(order)]]


_UNKNOWN_NUMBERS = ("confidence", "gold_probability", "log_score", "brier", "mapped_probability", "gold_place")
_UNKNOWN = ("distribution", "candidates", "logprobs", "mapped", "times_shown", "last_shown", "prediction_split")
