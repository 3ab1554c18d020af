"""What a section of the report is made of: what it reads, a figure with its words, a sentence of the answer."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icl.factors import BARE_COLUMNS, condition_columns
from icl.metrics.uncertainty import LEVEL
from probes.figures.words import interval_words, number, points
from probes.findings.verdict import effect_of

__all__ = [
    "GOLD_PROBABILITY",
    "Sentence",
    "both_changes",
    "change_words",
    "level_words",
    "no_longer_clear",
    "one_setting",
    "short_change",
    "short_changes",
    "short_level",
    "twin_row",
]

GOLD_PROBABILITY = "the gold label's probability"

_BARE = tuple(name for name in BARE_COLUMNS if name not in ("model", "task"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What is said about one topic; `lead` can stand first where no other factor was varied."""

    topic: str
    text: str
    lead: str = ""


def one_setting(rows: pd.DataFrame, like: pd.Series, *columns: str) -> pd.DataFrame:
    """Rows that agree with `like` in what matters without demonstrations, and in the other columns that are named."""
    for column in (*_BARE, *columns):
        same = rows[column].isna() if pd.isna(like[column]) else (rows[column] == like[column]).fillna(False)
        rows = rows[same.astype(bool)]
    return rows


def twin_row(rows: pd.DataFrame, like: pd.Series) -> pd.Series | None:
    """Find the row of the same condition among those of the continuous twin."""
    found = one_setting(rows, like, *condition_columns(*BARE_COLUMNS))
    return None if found.empty else found.iloc[0]


def level_words(row: pd.Series | None) -> str:
    """Write a share or probability in per cent with its interval."""
    if row is None or np.isnan(row["estimate"]):
        return "missing"
    return f"{points(row['estimate'])} % ({interval_words(row['low'], row['high'])})"


def change_words(row: pd.Series, of: str = "accuracy", *, unit: str = "points") -> str:
    """Write a difference with its interval and, where that touches 0, the verdict."""
    effect = effect_of(row, "")
    because = f" ({effect.reason})" if effect.reason else ""
    if np.isnan(effect.estimate):
        return f"missing{because}"
    size = points(effect.estimate, signed=True) if unit == "points" else number(effect.estimate, signed=True)
    text = f"{size} {unit}" + (f" of {of}" if of else "")
    if not effect.known:
        return f"{text}, without an interval{because}"
    verdict = "" if effect.clear else "; no clear effect"
    return f"{text} ({interval_words(effect.low, effect.high, unit=unit)}{verdict})"


def both_changes(row: pd.Series, twin: pd.Series | None) -> str:
    """Write a difference in accuracy, and that in the gold label's probability behind it."""
    beside = "" if twin is None else f" and {change_words(twin, GOLD_PROBABILITY)}"
    return change_words(row) + beside


def short_change(row: pd.Series, *, with_interval: bool = True) -> str:
    """Write a difference in points for a list: `+3.1 (−0.4 to 6.6, not clear)`."""
    effect = effect_of(row, "")
    beside = [f"{points(effect.low)} to {points(effect.high)}"] if with_interval and effect.known else []
    beside += [] if effect.clear else ["not clear" if effect.known else "no interval"]
    return points(effect.estimate, signed=True) + (f" ({', '.join(beside)})" if beside else "")


def short_changes(row: pd.Series, twin: pd.Series | None) -> str:
    """Write a difference for a list, and its continuous twin behind it."""
    return short_change(row) + ("" if twin is None else f" and {short_change(twin)}")


def short_level(row: pd.Series) -> str:
    """Write a share or probability in per cent for a list: `33.3 % (19.2 to 51.2)`."""
    beside = "" if np.isnan(row["low"]) else f" ({points(row['low'])} to {points(row['high'])})"
    return f"{points(row['estimate'])} %{beside}"


def no_longer_clear(rows: Iterable[pd.Series]) -> list[pd.Series]:
    """Rows whose interval leaves out 0, but which Holm's correction does not call different."""
    return [row for row in rows if effect_of(row, "").clear and row["p_holm"] > 1 - LEVEL]
