"""The three factors of an answer: labels, demonstrations, format, each as one effect at one shot count."""

import pandas as pd

from icl.factors import condition_columns
from probes.findings.selection import Setting, at, headline_mode, of_length
from probes.findings.verdict import Effect, effect_of, spread_of

__all__ = [
    "all_spreads",
    "format_spreads",
    "here",
    "label_effect",
    "label_gaps",
    "shots_effect",
    "shots_gains",
    "spread_effect",
]


def label_effect(metrics: pd.DataFrame, model: str, setting: Setting, num_shots: int) -> Effect | None:
    """Accuracy under gold labels minus accuracy under wrong ones."""
    rows = label_gaps(metrics, model, setting, "accuracy", num_shots)
    mode = headline_mode(list(rows["label_mode"]))
    return None if mode is None else effect_of(rows[rows["label_mode"] == mode].iloc[0], f"gold − {mode}")


def shots_effect(metrics: pd.DataFrame, model: str, setting: Setting, num_shots: int) -> Effect | None:
    """Accuracy with demonstrations minus accuracy without (or with the fewest that were run)."""
    rows = shots_gains(metrics, model, setting)
    rows = rows[rows["num_shots"] == num_shots]
    return None if rows.empty else effect_of(rows.iloc[0], "demonstrations")


def spread_effect(metrics: pd.DataFrame, model: str, setting: Setting, num_shots: int) -> Effect | None:
    """Best minus worst format, as the posterior of the spread."""
    rows = format_spreads(metrics, model, setting)
    rows = rows[rows["num_shots"] == num_shots]
    return None if rows.empty else spread_of(rows.iloc[0], "format")


def here(rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Rows of the setting's format and example length."""
    return of_length(rows[rows["format"] == setting.format], setting.example_length)


def label_gaps(metrics: pd.DataFrame, model: str, setting: Setting, score: str, num_shots: int) -> pd.DataFrame:
    """Gold labels minus each other mode, at one shot count."""
    return here(at(metrics, "gap", model=model, score=score, num_shots=num_shots), setting)


def shots_gains(metrics: pd.DataFrame, model: str, setting: Setting) -> pd.DataFrame:
    """Accuracy gained by demonstrations with gold labels, at every shot count."""
    return here(at(metrics, "shots_gain", model=model, score="accuracy", label_mode="gold"), setting)


def format_spreads(metrics: pd.DataFrame, model: str, setting: Setting) -> pd.DataFrame:
    """Posterior spreads over formats with gold labels, at every shot count."""
    rows = all_spreads(metrics, model)
    return of_length(rows[rows["label_mode"] == "gold"], setting.example_length)


def all_spreads(metrics: pd.DataFrame, model: str) -> pd.DataFrame:
    """Posterior spreads over formats at every shot count, and num_formats, how many were compared."""
    rows = at(metrics, "format_spread_posterior", model=model, score="accuracy").sort_values("num_shots", kind="stable")
    keys = list(condition_columns("model", "task", "format"))
    levels = at(metrics, "accuracy", model=model, score="accuracy")
    counts = levels.groupby(keys, dropna=False)["format"].nunique().rename("num_formats").reset_index()
    return rows.merge(counts, on=keys, how="left").fillna({"num_formats": 0})
