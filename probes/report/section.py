"""What a section of the report is made of: what it reads, a figure with its words, a sentence of the answer."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.metrics.uncertainty import LEVEL
from probes.report.selection import of_length
from probes.report.verdict import effect_of, interval_words, number, points

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

__all__ = [
    "GOLD_PROBABILITY",
    "Drawn",
    "Material",
    "Sentence",
    "both_changes",
    "change_words",
    "level_words",
    "listed",
    "no_longer_clear",
    "one_setting",
    "short_change",
    "short_changes",
    "short_level",
    "span_words",
    "twin_row",
]

GOLD_PROBABILITY = "the gold label's probability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure with its words.

    Attributes
    ----------
    name : str
        Of the file, without ending.
    title : str
        What is seen.
    caption : str
        What it rests on.
    figure : Figure
        The figure; it bears the title as well.
    """

    name: str
    title: str
    caption: str
    figure: "Figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What is said about one topic; `lead` can stand first where no other factor was varied."""

    topic: str
    text: str
    lead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that a run holds of one model.

    Attributes
    ----------
    model : str
        Its name.
    metrics : DataFrame
        Its rows of the metrics table, all conditions.
    outcomes : DataFrame or None
        Its prompt outcomes.
    answers : DataFrame or None
        Its answers, prompts without one included, see `icl.answers.answer_table`.
    scores : DataFrame or None
        Its rows of the score table, the candidates of a prompt in the order in which they were listed.
    chance : float or None
        1 ÷ number of candidates.
    probes : tuple of str
        The probes that were asked for. Nearly every run feeds biases, calibration and agreement between demonstration
        sets; they are shown where a probe asked for them.
    variance : DataTree or None
        The fitted split of the variance of its answers.
    evidence : DataTree or None
        The fitted evidence decomposition of the answers of all models.
    """

    model: str
    metrics: pd.DataFrame
    outcomes: pd.DataFrame | None = None
    answers: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    chance: float | None = None
    probes: tuple[str, ...] = ()
    variance: "xarray.DataTree | None" = None
    evidence: "xarray.DataTree | None" = None

    def of(self, model: str) -> "Material":
        """Keep what is known of one model."""
        mine = {name: getattr(self, name) for name in ("metrics", "outcomes", "answers", "scores")}
        mine = {name: None if table is None else table[table["model"] == model] for name, table in mine.items()}
        tree = self.variance
        if tree is not None and model not in json.loads(tree.attrs["models"]):
            tree = None
        return replace(self, model=model, variance=tree, **mine)

    def rows(self, metric: str, score: str | None = None) -> pd.DataFrame:
        """Rows of one metric, of one score where it has several."""
        keep = self.metrics["metric"] == metric
        if score is not None:
            keep &= self.metrics["score"] == score
        return self.metrics[keep]


def one_setting(rows: pd.DataFrame, like: pd.Series, *columns: str) -> pd.DataFrame:
    """Rows that agree with `like` in format and example length, and in the other columns that are named."""
    rows = of_length(rows, None if pd.isna(like["example_length"]) else int(like["example_length"]))
    for column in ("format", *columns):
        rows = rows[rows[column] == like[column]]
    return rows


def twin_row(rows: pd.DataFrame, like: pd.Series) -> pd.Series | None:
    """Find the row of the same condition among those of the continuous twin."""
    names = ("num_shots", "label_mode", "input_mode", "balance")
    found = one_setting(rows, like, *names)
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


def span_words(counts: pd.Series) -> str:
    """Write how far numbers reach: `72`, or `24 to 72`."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def no_longer_clear(rows: Iterable[pd.Series]) -> list[pd.Series]:
    """Rows whose interval leaves out 0, but which Holm's correction does not call different."""
    return [row for row in rows if effect_of(row, "").clear and row["p_holm"] > 1 - LEVEL]


def listed(parts: Iterable[str]) -> str:
    """Join parts as prose does."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
