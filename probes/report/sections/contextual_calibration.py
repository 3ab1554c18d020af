"""What contextual calibration changes: accuracy, the gold label's probability, the error of confidence (Zhao)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probes.figures.drawn import Drawn
from probes.figures.style import CHANCE, INK, error_bars, finish, new_figure, plain, shots_colour
from probes.figures.twins import Span, span_of
from probes.figures.words import number, points, span_words
from probes.findings.material import Material
from probes.findings.selection import length_words, plain_rows
from probes.findings.verdict import effect_of
from probes.report.section import (
    Sentence,
    both_changes,
    change_words,
    twin_row,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_contextual_calibration", "say"]

_MOST_ROWS = 15


def draw(material: Material) -> Drawn | None:
    """Draw before and after where contextual calibration was asked for."""
    rows = _gains(material)
    if rows.empty or "contextual-calibration" not in material.probes:
        return None
    title = f"{material.model}: contextual calibration changes accuracy by {_range(rows)}"
    caption = (
        "Left: accuracy as the model answers (hollow) and with each label's probability divided by what content-free "
        "queries give it (filled), with the difference. Middle: change of the gold label's probability. Right: change "
        "of the expected calibration error, below 0 where confidence has come closer to the share of right answers. "
        "Hollow in the middle and at the right: no clear effect. Gold labels or none. Intervals: 90 %. "
        f"{span_words(rows['num_prompts'])} prompts per condition."
    )
    if len(rows) > _MOST_ROWS:
        caption += f" {_MOST_ROWS} of {len(rows)} conditions, formats with most shot counts first."
    return Drawn(
        name="contextual_calibration",
        title=title,
        caption=caption,
        figure=plot_contextual_calibration(material, title=title),
    )


def say(material: Material) -> Sentence | None:
    """Say what contextual calibration changed at the most shots of the first format, and over how many conditions."""
    rows = _gains(material)
    if rows.empty or "contextual-calibration" not in material.probes:
        return None
    first = rows[rows["format"] == rows["format"].iloc[0]].iloc[-1]
    where = f"{first['num_shots']} shots, format {first['format']}"
    text = f"Contextual calibration changes ({where}) {both_changes(first, _probability(material, first))}"
    error = twin_row(material.rows("expected_calibration_error_change"), first)
    if error is not None:
        text += f", and the expected calibration error by {change_words(error, '')}"
    lead = f"{material.model}, at {where}: contextual calibration changes {change_words(first)}."
    return Sentence(
        topic="Contextual calibration",
        text=f"{text}. Over all conditions accuracy changes by {_range(rows)}.",
        lead=lead,
    )


def plot_contextual_calibration(material: Material, *, title: str = "") -> "Figure":
    """Dumbbells of accuracy, changes of probability and of the expected calibration error, by format and shots."""
    rows = _gains(material)
    rows = rows.head(_MOST_ROWS)
    if rows.empty:
        raise ValueError(f"{material.model} was not asked what contextual calibration needs")
    figure = new_figure(1.4 + 0.3 * len(rows))
    panels = figure.subplots(1, 3, width_ratios=(1.35, 1, 1))
    shots = sorted(set(rows["num_shots"].astype(int)))
    positions = np.arange(len(rows))[::-1]
    handles: dict = {}
    texts: list[list[str]] = [[], [], []]
    for y, (_, row) in zip(positions.astype(float).tolist(), rows.iterrows()):
        colour = shots_colour(shots.index(int(row["num_shots"])), len(shots))
        _dumbbell(panels[0], y, _level(material, row, "sum"), _level(material, row, "calibrated"), colour, handles)
        spans = [span_of(row)]
        for axes, twin in zip(panels[1:], (_probability(material, row), _error(material, row))):
            spans.append(span_of(twin))
            _change(axes, y, spans[-1], colour)
        for text, span in zip(texts, spans):
            text.append(_numbers(span))
    labels = (
        "accuracy (%);\nbeside it, its change (points)",
        "change of the gold label's\nprobability (points)",
        "change of the expected\ncalibration error (points)",
    )
    for place, (axes, label, text) in enumerate(zip(panels, labels, texts)):
        if place:
            axes.axvline(0, color=INK, linewidth=1)
        elif material.chance is not None:
            handles["chance"] = axes.axvline(100 * material.chance, color=CHANCE, linewidth=1, linestyle=":")
        axes.set_xlabel(label, fontsize=9)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_yticks(positions, [plain(_words(row)) for _, row in rows.iterrows()] if place == 0 else [])
        _at_the_right(axes, positions, text)
    finish(figure, title, handles=handles)
    for axes in figure.axes:
        axes.grid(visible=False, axis="y")
    return figure


def _gains(material: Material) -> pd.DataFrame:
    """Changes of accuracy under gold labels or none, by format and shots."""
    rows = material.rows("contextual_calibration_gain", "accuracy")
    rows = plain_rows(rows[rows["label_mode"].isin(["gold", "zero_shot"])])
    levels = material.rows("accuracy_by_normalisation")
    rows = rows[rows["format"].isin(levels["format"])]  # a search asked its formats too unequally to have levels
    counts = rows["format"].value_counts(sort=False)
    formats = {name: place for place, name in enumerate(counts.sort_values(ascending=False, kind="stable").index)}
    order = rows.assign(place=rows["format"].map(formats)).sort_values(["place", "example_length", "num_shots"])
    return order.drop(columns="place")


def _level(material: Material, row: pd.Series, how: str) -> Span:
    rows = material.rows("accuracy_by_normalisation")
    return span_of(twin_row(rows[rows["normalisation"] == how], row))


def _probability(material: Material, row: pd.Series) -> pd.Series | None:
    return twin_row(material.rows("contextual_calibration_gain", "gold_probability"), row)


def _error(material: Material, row: pd.Series) -> pd.Series | None:
    return twin_row(material.rows("expected_calibration_error_change"), row)


def _dumbbell(axes: "Axes", y: float, before: Span, after: Span, colour: str, handles: dict) -> None:
    axes.plot([before.middle, after.middle], [y, y], color=colour, linewidth=2.2, alpha=0.5)
    marks: dict = {"linestyle": "none", "color": colour, "markersize": 6}
    handles["before"] = axes.plot(before.middle, y, "o", markerfacecolor="white", **marks | {"markersize": 9})[0]
    handles["after contextual calibration"] = axes.plot(after.middle, y, "o", **marks)[0]


def _change(axes: "Axes", y: float, span: Span, colour: str) -> None:
    bars = error_bars(*(np.array([value]) for value in (span.low, span.middle, span.high)))
    face = colour if span.clear else "white"
    axes.errorbar(
        [span.middle],
        [y],
        xerr=bars,
        fmt="o",
        color=colour,
        markerfacecolor=face,
        markersize=5,
        capsize=2,
        linewidth=1.4,
    )


def _numbers(span: Span) -> str:
    if np.isnan(span.middle):
        return "missing"
    middle, low, high = (number(value, 1, signed=True) for value in (span.middle, span.low, span.high))
    return middle if np.isnan(span.low) else f"{middle} [{low}, {high}]"


def _at_the_right(axes: "Axes", positions: np.ndarray, texts: list[str]) -> None:
    right = axes.secondary_yaxis("right")
    right.set_yticks(positions, texts)
    right.tick_params(length=0, labelsize=7.5, labelcolor=INK)
    right.spines["right"].set_visible(False)


def _words(row: pd.Series) -> str:
    return ", ".join(filter(None, [row["format"], f"{row['num_shots']} shots", length_words(row["example_length"])]))


def _range(rows: pd.DataFrame) -> str:
    clear = sum(effect_of(row, "").clear for _, row in rows.iterrows())
    low, high = rows["estimate"].min(), rows["estimate"].max()
    if len(rows) == 1:
        return change_words(rows.iloc[0], "")
    if points(low) == points(high):
        return f"{points(low, signed=True)} points in each of {len(rows)} conditions"
    span = f"{points(low, signed=True)} to {points(high, signed=True)} points"
    return f"{span} in {len(rows)} conditions, clearly in {clear or 'none'}"
