"""Prompts that have no answer and enter no number: how many of which conditions, and why."""

import pandas as pd
from markupsafe import Markup

from icl.answers import left_out
from icl.factors import get_factor, unusual
from probes.findings.selection import length_words
from probes.report.markup import part

__all__ = ["dropped_html", "dropped_sentence", "dropped_sentences", "unanswered_sentences"]

_NAMES = ("model", "condition", "left out of accuracy", "of probabilities", "prompts", "reason")

_SHOWN = 60
"""Rows of the table at most."""


def dropped_sentences(answers: pd.DataFrame, *, need: str = "accuracy") -> list[str]:
    """Say of each model that lacks answers what is left out of numbers that rest on `need`, see `left_out`."""
    said = []
    for model, mine in answers.groupby("model", sort=False):
        if len(gone := left_out(mine, need=need)):
            said.append(f"{model}, left out: {_count(gone, mine, 'prompts')}.")
    return said


def unanswered_sentences(answers: pd.DataFrame | None) -> list[str]:
    """Name each model that answered nothing, with the commonest reason: it is in no number."""
    said = []
    for model, mine in () if answers is None else answers.groupby("model", sort=False):
        if len(mine) and mine["accuracy"].isna().all():
            said.append(
                f"None of the {len(mine):,} prompts of {model} has an answer ({mine['reason'].mode().iloc[0]})."
            )
    return said


def dropped_sentence(answers: pd.DataFrame | None) -> str:
    """Say how many prompts have no answer, where most of them are, and why; empty where all have one.

    Parameters
    ----------
    answers
        Of one model, from `icl.answers.answer_table`.
    """
    if answers is None or answers.empty:
        return ""
    if len(gone := left_out(answers)):
        rest = "every number rests on the others, which may differ from them"
        return f"Left out: {_count(gone, answers, 'prompts')}; {rest}."
    if len(gone := left_out(answers, need="gold_probability")):
        if gone["num_left_out"].sum() == len(answers) and gone["reason"].nunique() == 1:
            return f"Probabilities are not known ({gone['reason'].iloc[0]})."
        rest = "accuracy covers all prompts, probabilities only conditions that lack none"
        return f"Probabilities are not known for {_count(gone, answers, 'prompts')}; {rest}."
    return ""


def dropped_html(answers: pd.DataFrame | None) -> Markup | str:
    """Write a table of the conditions that lack prompts; empty where none does."""
    if answers is None or answers.empty:
        return ""
    right, sure = (left_out(answers, need=need) for need in ("accuracy", "gold_probability"))
    keys = [name for name in right.columns if name not in ("num_left_out", "num_prompts", "reason")]
    both = sure.merge(right, on=[*keys, "num_prompts"], how="outer", suffixes=("", "_right"))
    if both.empty:
        return ""
    both = both.assign(reason=both["reason_right"].fillna(both["reason"]))
    both = both.fillna({"num_left_out": 0, "num_left_out_right": 0}).sort_values(["model", "num_shots"], kind="stable")
    rows = [_cells(row) for row in both.head(_SHOWN).to_dict("records")]
    return part("dropped", _NAMES, rows, max(len(both) - _SHOWN, 0))


def _count(gone: pd.DataFrame, answers: pd.DataFrame, noun: str) -> str:
    """Count over all conditions, and name the one that lacks most."""
    lost, asked = int(gone["num_left_out"].sum()), len(answers)
    share = gone["num_left_out"] / gone["num_prompts"]
    worst = gone.loc[share.idxmax()]
    many = f"{lost:,} of {asked:,} {noun} ({100 * lost / asked:.0f} %)" if lost * 200 >= asked else f"{lost:,} {noun}"
    where = f"{int(worst['num_left_out']):,} of {int(worst['num_prompts']):,} with {_condition(worst)}"
    if len(gone) > 1:
        where = f"in {len(gone)} conditions, at worst {where}"
    return f"{many}, {where} ({worst['reason']})"


def _condition(row: pd.Series | dict) -> str:
    mode, shots = str(row["label_mode"]), int(row["num_shots"])
    labels = "no demonstrations" if mode == "zero_shot" else f"{mode} labels"
    sides = [get_factor(name).in_words(value) for name, value in unusual(row, shows=shots > 0).items()]
    parts = [labels, *sides, f"format {row['format']}", length_words(row["example_length"])]
    return ", ".join([*filter(None, parts), *([f"{shots} shot{'s' if shots != 1 else ''}"] if shots else [])])


def _cells(row: dict) -> tuple[str, ...]:
    counts = [f"{int(row[name]):,}" for name in ("num_left_out_right", "num_left_out", "num_prompts")]
    return str(row["model"]), _condition(row), *counts, str(row["reason"])
