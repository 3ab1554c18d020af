"""The counts table: one row = one cell, how many of its prompts were answered right."""

import numpy as np
import pandas as pd

from icl.answers import answer_table, naming_left_out, nothing_known
from icl.covariates import COVARIATES
from icl.errors import UserError
from icl.factors import CONDITION_FACTORS, get_factor
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalise
from icl.scores import Column, validate_scores

__all__ = [
    "ALL_SETS",
    "CONDITION",
    "COUNT_COLUMNS",
    "ORACLE",
    "ZERO_SHOT",
    "counts_from_answers",
    "counts_from_scores",
    "tell_sides",
    "validate_counts",
]

ORACLE = "oracle"
"""Name of the exact Bayes predictor: its cells are the others' ceiling."""

ZERO_SHOT = get_factor("label_mode").bare
"""Label mode of every cell without demonstrations: there are no labels whose making could differ."""

CONDITION = ("label_mode", "format", "example_length")
"""What accounts tell demonstrations apart by; `tell_sides` brings every other factor of a condition under these."""

_SIDES = tuple(one for one in CONDITION_FACTORS if one.name not in (*CONDITION, "num_shots"))

ALL_SETS = "all"
"""Demonstration set of a cell that does not tell sets apart."""

COUNT_COLUMNS: tuple[Column, ...] = (
    Column("model", "str", "scorer's name"),
    Column("task", "str", "task's name"),
    Column("label_mode", "str", "how the shown labels were made; zero_shot where num_shots is 0"),
    Column("format", "str", "how a demonstration is written"),
    Column("example_length", "Int64", "tokens in one GINC example, label included; missing for text tasks"),
    Column("num_shots", "int64", "demonstrations in the prompt"),
    Column("num_correct", "int64", "prompts whose gold label had the highest log-probability"),
    Column("num_prompts", "int64", "prompts of the cell"),
    Column("chance", "float64", "1 ÷ number of candidates; 0 where answers are free text"),
    Column("ceiling", "float64", "accuracy of the exact Bayes predictor in the same cell; NaN where unknown"),
    Column(
        "demonstration_set", "str", "whose demonstrations were shown; all where the cell pools them", absent=ALL_SETS
    ),
    Column("mean_logprob", "float64", "mean log p(gold) over the prompts, nats; NaN where unknown", absent=np.nan),
    Column("logprob_error", "float64", "standard error of mean_logprob, nats", absent=np.nan),
    Column("evidence", "float64", "mean exact log-odds of the right concept, nats; NaN if unknown", absent=np.nan),
    Column("evidence_deviation", "float64", "standard deviation of those over the prompts, nats", absent=np.nan),
    *(Column(one.name, one.dtype, one.meaning, absent=one.default) for one in _SIDES),
    *(one.column for one in COVARIATES),
)

_CELL = ["task", *CONDITION, "num_shots", *(one.name for one in _SIDES)]
_MIN_PROMPTS_A_SET = 4


def validate_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its declared columns in order and dtypes set, zero-shot cells named so.

    Raises
    ------
    UserError
        If the table is no counts table or could not inform a learning curve.
    """
    names = [column.name for column in COUNT_COLUMNS]
    absent = {column.name: column.absent for column in COUNT_COLUMNS if column.is_optional}
    counts = counts.assign(**{name: value for name, value in absent.items() if name not in counts.columns})
    if missing := sorted(set(names) - set(counts.columns)):
        raise UserError(
            f"not a counts table: columns {missing} are missing; icl.concept.counts.COUNT_COLUMNS lists all."
        )
    if counts.empty:
        raise UserError("the counts table has no rows: nothing is left to fit; check which prompts could be scored.")
    may_be_missing = {"example_length", "ceiling", *absent} - {"demonstration_set"}
    if counts["chance"].isna().any():
        raise UserError(
            "chance, the share that guessing answers right, is not known, and every account needs it; for an imported "
            "table import again with --set num_candidates=N, or chance=0 for free text, or fill the column chance of a "
            "table of counts."
        )
    if lacking := [name for name in names if name not in may_be_missing and counts[name].isna().any()]:
        raise UserError(f"columns {lacking} of the counts table have missing values; fill them or drop those cells.")
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
    counts = _bare(counts)
    counts["demonstration_set"] = counts["demonstration_set"].where(counts["num_shots"] > 0, ALL_SETS)
    _check_values(counts)
    return counts


def tell_sides(cells: pd.DataFrame) -> pd.DataFrame:
    """Make label modes and formats of their own of cells that differ in a factor that accounts have no parameter for.

    Inputs that are not the task's make a label mode ``"gold, ood inputs"``, and so for every factor of demonstrations;
    what matters without demonstrations makes a format of its own. The usual value goes without saying; of a factor that
    has none, its default where the table has it, else the first that the table has.

    Parameters
    ----------
    cells
        A validated counts table.
    """
    told = cells.copy()
    for one in _SIDES:
        column = "format" if one.matters_bare else "label_mode"
        matters = (cells["num_shots"] > 0) | one.matters_bare
        values = cells.loc[matters, one.name]
        if values.empty:
            continue
        usual = one.usual if one.usual is not None else one.default if (values == one.default).any() else values.iloc[0]
        is_told = matters & (cells[one.name] != usual)
        told[column] = told[column].where(~is_told, told[column] + ", " + cells[one.name].map(one.label))
        told[one.name] = cells[one.name].where(~is_told, usual)
    return told


def _bare(table: pd.DataFrame) -> pd.DataFrame:
    """Give every factor that shows nothing without demonstrations its value for that."""
    shown = table["num_shots"] > 0
    plain = {
        one.name: table[one.name].where(shown, one.bare)
        for one in CONDITION_FACTORS
        if one.name != "num_shots" and not one.matters_bare
    }
    return table.assign(**plain)


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
        least_taken = counts[name] < 0 if name == "chance" else counts[name] <= 0  # free text has no chance of a guess
        if (bad := least_taken | (counts[name] > 1)).any():
            span = "[0, 1]" if name == "chance" else "(0, 1]"
            raise UserError(f"{name} is a share in {span}, got {counts.loc[bad, name].iloc[0]:g}; correct the counts.")
    for name in (one.name for one in COVARIATES if one.dtype == "Int64"):
        if (counts[name] < 1).any():
            raise UserError(f"{name} must be at least 1, got {counts[name].min()}; leave it empty where it is unknown.")
    if (bad := (counts["logprob_error"] < 0) | (counts["mean_logprob"] > 0)).any():
        row = counts[bad].iloc[0]
        raise UserError(
            f"mean_logprob must be at most 0 and logprob_error at least 0, got {row['mean_logprob']:g} and "
            f"{row['logprob_error']:g}; give natural logarithms of probabilities."
        )
    if (twice := counts.duplicated(["model", *_CELL, "demonstration_set"])).any():
        raise UserError(
            f"{twice.sum()} cells of the counts table occur twice; give each cell one row "
            "(zero-shot cells are shared by all label modes)."
        )
    if counts["num_shots"].nunique() == 1:
        raise UserError(
            f"a learning curve needs two or more shot counts, got only {counts['num_shots'].iloc[0]} shots; "
            "run the probe at more shot counts, 0 among them."
        )


def counts_from_scores(scores: pd.DataFrame, normalisation: str = DEFAULT_NORMALISATION) -> pd.DataFrame:
    """Count the right answers of every cell of a score table, see `counts_from_answers`.

    Parameters
    ----------
    normalisation
        How candidates are compared, see `icl.metrics.normalise`.
    """
    return counts_from_answers(answer_table(normalise(validate_scores(scores), normalisation)))


def counts_from_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Count the right answers of every cell of an answer table.

    What a prompt's answer is, and which prompts have none and are left out, is said in `icl.answers`. Demonstration
    sets are cells of their own where there are several and each was asked with four queries or more. A zero-shot
    question counts once, however many sets asked it. Cells that differ in any factor of a condition are told apart; a
    fit takes them for label modes or formats of their own, see `tell_sides`. A model asked by the channel method is a
    model of its own. What is known of models (`icl.covariates.COVARIATES`), where the answers have it, is kept. Rows of
    the model named ``oracle`` become the ceiling of the others, unless there are no others.

    Raises
    ------
    UserError
        If no prompt has an answer, answers were graded in parts, or the cells could not inform a learning curve.
    """
    prompts = answers[answers["accuracy"].notna()].rename(columns={"accuracy": "correct"})
    if len(answers) and prompts.empty:
        raise UserError(nothing_known(answers))
    # Without demonstrations every demonstration set asks the same question: one answer, counted once.
    asked = prompts[["model", *_CELL, "query_id", "prompt_id"]]
    prompts = prompts[~((prompts["num_shots"] == 0) & asked.duplicated())]
    prompts = _bare(prompts)
    prompts["demonstration_set"] = _sets_of(prompts)
    prompts["correct"] = _whole(prompts["correct"] * prompts["num_items"])
    with np.errstate(divide="ignore"):  # a gold label that the model rules out
        prompts["logprob"] = np.log(prompts["gold_probability"].where(prompts["log_score"].notna()))

    by = ["model", *_CELL, "demonstration_set"]
    cells = prompts.groupby(by, dropna=False, sort=False, as_index=False).agg(
        num_correct=("correct", "sum"),
        num_prompts=("num_items", "sum"),
        chance=("chance", "mean"),
        mean_logprob=("logprob", "mean"),
        logprob_error=("logprob", "sem"),
        num_told=("logprob", "count"),
        num_rows=("logprob", "size"),
    )
    known = [one.name for one in COVARIATES if one.name in prompts]
    cells = cells.join(prompts.groupby("model")[known].first(), on="model") if known else cells
    # A mean over the prompts whose gold label was told would be one over those that the model found likely.
    partly = cells.pop("num_told") < cells.pop("num_rows")
    cells[["mean_logprob", "logprob_error"]] = cells[["mean_logprob", "logprob_error"]].mask(partly)
    with naming_left_out(lambda: answers):
        return validate_counts(_with_ceiling(cells))


def _sets_of(prompts: pd.DataFrame) -> pd.Series:
    """Demonstration set of each prompt, where sets can be told apart: several, each with a few queries per cell."""
    shown = prompts["num_shots"] > 0
    sets = prompts["demonstration_set_id"].where(shown, ALL_SETS)
    names = sets[shown].unique()
    sizes = prompts[shown].groupby(["model", *_CELL, "demonstration_set_id"], dropna=False)["num_items"].sum()
    if len(names) < 2 or sizes.median() < _MIN_PROMPTS_A_SET:
        return pd.Series(ALL_SETS, index=prompts.index)
    return sets


def _whole(correct: pd.Series) -> pd.Series:
    """Right answers as whole numbers; shares of counted questions are such up to rounding."""
    whole = correct.round()
    if (bad := (correct - whole).abs() > 1e-6).any():
        raise UserError(
            f"{bad.sum():,} of {len(correct):,} answers are graded in parts, the first {correct[bad].iloc[0]:g}, and "
            "an account counts answers that are right; import the grades as correct, 1 or 0, by a threshold of yours."
        )
    return whole


def _with_ceiling(cells: pd.DataFrame) -> pd.DataFrame:
    """Turn the oracle's cells into a column of the other models' cells."""
    is_oracle = cells["model"] == ORACLE
    if is_oracle.all():
        return cells.assign(ceiling=np.nan)
    counted = ["num_correct", "num_prompts"]
    oracle = cells[is_oracle].groupby(_CELL, dropna=False, sort=False, as_index=False)[counted].sum()
    oracle["ceiling"] = oracle["num_correct"] / oracle["num_prompts"]
    oracle["ceiling"] = oracle["ceiling"].where(oracle["ceiling"] > 0)
    return cells[~is_oracle].merge(oracle[[*_CELL, "ceiling"]], on=_CELL, how="left")
