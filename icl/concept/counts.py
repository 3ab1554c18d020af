"""The counts table: one row = one cell, how many of its prompts were answered right."""

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalise
from icl.metrics.outcomes import CHANNEL
from icl.scores import PROMPT_KEYS, Column, validate_scores

__all__ = ["COUNT_COLUMNS", "ORACLE", "ZERO_SHOT", "counts_from_scores", "validate_counts"]

ORACLE = "oracle"
"""Name of the exact Bayes predictor: its cells are the others' ceiling."""

ZERO_SHOT = "zero_shot"
"""Label mode of every cell without demonstrations: there are no labels whose making could differ."""

COUNT_COLUMNS: tuple[Column, ...] = (
    Column("model", "str", "scorer's name"),
    Column("task", "str", "task's name"),
    Column("label_mode", "str", "how the shown labels were made; zero_shot where num_shots is 0"),
    Column("format", "str", "how a demonstration is written down"),
    Column("example_length", "Int64", "tokens in one GINC example, label included; missing for text tasks"),
    Column("num_shots", "int64", "demonstrations in the prompt"),
    Column("num_correct", "int64", "prompts whose gold label had the highest log-probability"),
    Column("num_prompts", "int64", "prompts of the cell"),
    Column("chance", "float64", "1 ÷ number of candidates"),
    Column("ceiling", "float64", "accuracy of the exact Bayes predictor in the same cell; NaN where unknown"),
)

_CELL = ["task", "label_mode", "format", "example_length", "num_shots"]
_PROMPT = list(PROMPT_KEYS)


def validate_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its declared columns in order and dtypes set, zero-shot cells named so.

    Raises
    ------
    UserError
        If the table is no counts table or could not inform a learning curve.
    """
    names = [column.name for column in COUNT_COLUMNS]
    if missing := sorted(set(names) - set(counts.columns)):
        raise UserError(
            f"not a counts table: columns {missing} are missing; icl.concept.counts.COUNT_COLUMNS lists all."
        )
    if counts.empty:
        raise UserError("the counts table has no rows: nothing is left to fit; check which prompts could be scored.")
    may_be_missing = {"example_length", "ceiling"}
    if gaps := [name for name in names if name not in may_be_missing and counts[name].isna().any()]:
        raise UserError(f"columns {gaps} of the counts table have missing values; fill them or drop those cells.")
    try:
        typed = counts[names].astype({column.name: column.dtype for column in COUNT_COLUMNS}).reset_index(drop=True)
        whole = [
            name for name in ("num_shots", "num_correct", "num_prompts") if (typed[name] != counts[name].array).any()
        ]
    except (TypeError, ValueError) as error:
        raise UserError(f"a column of the counts table has the wrong type ({error}); see COUNT_COLUMNS.") from error
    if whole:
        raise UserError(f"{whole} of the counts table must be whole numbers; give counts, not shares.")
    counts = typed
    counts["label_mode"] = counts["label_mode"].where(counts["num_shots"] > 0, ZERO_SHOT)
    _check_values(counts)
    return counts


def _check_values(counts: pd.DataFrame) -> None:
    correct, prompts = counts["num_correct"], counts["num_prompts"]
    if (bad := (prompts < 1) | (correct < 0) | (correct > prompts)).any():
        raise UserError(
            f"num_correct must lie between 0 and num_prompts, got {correct[bad].iloc[0]} of {prompts[bad].iloc[0]} "
            f"in {bad.sum()} cells; correct the counts."
        )
    if (bad := counts["num_shots"] < 0).any():
        raise UserError(f"num_shots cannot be negative, got {counts['num_shots'].min()}; correct the counts.")
    for name in ("chance", "ceiling"):
        if (bad := (counts[name] <= 0) | (counts[name] > 1)).any():
            raise UserError(f"{name} is a share in (0, 1], got {counts.loc[bad, name].iloc[0]:g}; correct the counts.")
    if (twice := counts.duplicated(["model", *_CELL])).any():
        raise UserError(
            f"{twice.sum()} cells of the counts table stand there twice; give each cell one row "
            "(zero-shot cells are shared by all label modes)."
        )
    if counts["num_shots"].nunique() == 1:
        raise UserError(
            f"a learning curve needs two or more shot counts, got only {counts['num_shots'].iloc[0]} shots; "
            "run the probe at more shot counts, 0 among them."
        )
    if (correct == 0).all() or (correct == prompts).all():
        which = "wrong" if (correct == 0).all() else "right"
        raise UserError(
            f"every prompt of all {len(counts)} cells was answered {which}, so no curve can be fitted; "
            "use a task that is neither hopeless nor trivial for this model."
        )


def counts_from_scores(scores: pd.DataFrame, normalisation: str = DEFAULT_NORMALISATION) -> pd.DataFrame:
    """Count the right answers of every cell of a score table.

    A prompt's answer is the candidate of highest log-probability among those that were scored; candidates that
    tie share the prompt, and a cell's total is rounded. A zero-shot question counts once, however many sets asked it.
    Prompts whose gold label was not scored are left out. Cells with other than the task's own inputs become label modes
    of their own (``"gold, ood inputs"``), and a model asked by the channel method a model of its own. Rows of the model
    named ``oracle`` become the ceiling of the others, unless there are no others.

    Parameters
    ----------
    normalisation
        How candidates are compared, see `icl.metrics.normalise`.
    """
    scores = normalise(validate_scores(scores), normalisation)
    keys = scores[_PROMPT].apply(lambda column: column.astype("category"))
    prompt = keys.groupby(_PROMPT, observed=True, dropna=False, sort=False).ngroup()
    num_candidates = prompt.groupby(prompt).transform("size")

    scored = (scores["status"] == "ok").to_numpy()
    logprob = scores["logprob"].where(scored, -np.inf)
    best = scored & (logprob == logprob.groupby(prompt).transform("max")).to_numpy()
    num_best = pd.Series(best).groupby(prompt).transform("sum")

    gold = scores["is_gold"].to_numpy() & scored
    prompts = scores.loc[gold, _PROMPT].assign(
        correct=(best / num_best.clip(lower=1))[gold], chance=1 / num_candidates[gold]
    )
    # Without demonstrations every demonstration set asks the same question: one answer, counted once.
    asked = prompts[["model", *_CELL, "query_id"]].assign(prompt_id=scores.loc[gold, "prompt_id"])
    prompts = prompts[~((prompts["num_shots"] == 0) & asked.duplicated())]
    channel = prompts["method"] == "channel"
    prompts["model"] = prompts["model"].where(~channel, prompts["model"] + CHANNEL)
    foreign = (prompts["input_mode"] != "task") & (prompts["num_shots"] > 0)
    named = prompts["label_mode"] + ", " + prompts["input_mode"] + " inputs"
    prompts["label_mode"] = prompts["label_mode"].where(~foreign, named)
    prompts["label_mode"] = prompts["label_mode"].where(prompts["num_shots"] > 0, ZERO_SHOT)
    if prompts.empty:
        raise UserError("no prompt of the score table has a scored gold label; see its columns status and reason.")

    cells = prompts.groupby(["model", *_CELL], dropna=False, sort=False, as_index=False).agg(
        num_correct=("correct", "sum"), num_prompts=("correct", "size"), chance=("chance", "mean")
    )
    cells["num_correct"] = cells["num_correct"].round().astype("int64")
    return validate_counts(_with_ceiling(cells))


def _with_ceiling(cells: pd.DataFrame) -> pd.DataFrame:
    """Turn the oracle's cells into a column of the other models' cells."""
    is_oracle = cells["model"] == ORACLE
    if is_oracle.all():
        return cells.assign(ceiling=np.nan)
    oracle = cells[is_oracle].assign(ceiling=lambda table: table["num_correct"] / table["num_prompts"])
    oracle["ceiling"] = oracle["ceiling"].where(oracle["ceiling"] > 0)
    return cells[~is_oracle].merge(oracle[[*_CELL, "ceiling"]], on=_CELL, how="left")
