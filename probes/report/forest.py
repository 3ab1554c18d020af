"""Forest plots: one line an effect, with its interval and the line of no effect."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from probes.report.factors import all_spreads, label_gaps
from probes.report.selection import at, length_words, main_setting
from probes.report.style import INK, error_bars, finish, label_mode_style, new_figure, plain
from probes.report.verdict import leaves_out_zero, number, spread_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "draw_forest", "effect_lines", "plot_effects"]

_ROW = 0.27


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One effect, hollow where it is not clear, or the heading of a group."""

    text: str
    low: float = float("nan")
    middle: float = float("nan")
    high: float = float("nan")
    colour: str = INK
    marker: str = "o"
    heading: bool = False
    clear: bool = True


def plot_effects(metrics: pd.DataFrame, *, model: str, title: str = "") -> "Figure":
    """Paired effects in points of accuracy: wrong labels, demonstrations, formats."""
    lines = effect_lines(metrics, model)
    if not lines:
        raise ValueError(f"no two conditions of {model} can be compared")
    return draw_forest(lines, title=title, label="difference in accuracy (points)")


def effect_lines(metrics: pd.DataFrame, model: str) -> list[Line]:
    """Lay out the forest: label gaps at the most shots, gains at every length, spreads over formats."""
    setting = main_setting(metrics, model)
    if setting is None:
        return []
    lines: list[Line] = []
    row: Any
    gaps = label_gaps(metrics, model, setting, "accuracy", setting.num_shots)
    where = ", ".join(
        filter(None, [f"{setting.num_shots} shots", setting.format, length_words(setting.example_length)])
    )
    if not gaps.empty:
        lines.append(Line(text=f"Gold labels minus others ({where})", heading=True))
        for row in gaps.itertuples():
            colour, marker = label_mode_style(row.label_mode)
            lines.append(_line(row, f"gold − {row.label_mode}", colour, marker))
    gains = at(metrics, "shots_gain", model=model, score="accuracy", format=setting.format, label_mode="gold")
    if not gains.empty:
        gains = gains.sort_values(["example_length", "num_shots"])
        lines.append(Line(text=f"Demonstrations, gold labels ({setting.format})", heading=True))
        for row in gains.itertuples():
            colour, marker = label_mode_style("gold")
            contrast = row.contrast.replace("1 shots", "1 shot") if row.num_shots == 1 else row.contrast
            text = ", ".join(filter(None, [contrast, length_words(row.example_length)]))
            lines.append(_line(row, text, colour, marker))
    spreads = all_spreads(metrics, model)
    if not spreads.empty:
        lines.append(Line(text="Best minus worst format (never below 0)", heading=True))
        for _, spread in spreads.iterrows():
            text = ", ".join(filter(None, [f"{spread['num_shots']} shots", length_words(spread["example_length"])]))
            lines.append(replace(_line(spread, text, "#0072B2", "D"), clear=spread_of(spread, "").clear))
    return lines


def draw_forest(lines: list[Line], *, title: str, label: str, digits: int = 1) -> "Figure":
    """Draw lines from top to bottom, with their numbers at the right edge."""
    figure = new_figure(1.2 + _ROW * len(lines))
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    numbers = []
    for place, line in enumerate(lines):
        y = len(lines) - 1 - place
        if line.heading:
            axes.axhspan(y - 0.5, y + 0.5, color="#f2f2f2", linewidth=0, zorder=0)
            numbers.append("")
            continue
        bars = error_bars(*(pd.Series([value]).to_numpy() for value in (line.low, line.middle, line.high)))
        axes.errorbar(
            [line.middle],
            [y],
            xerr=bars,
            fmt=line.marker,
            markerfacecolor=line.colour if line.clear else "white",
            color=line.colour,
            markersize=5.5,
            capsize=2.5,
            linewidth=1.6,
        )
        numbers.append(_numbers(line, digits))
    positions = range(len(lines) - 1, -1, -1)
    axes.set_yticks(positions, [plain(line.text, 56) for line in lines])
    for tick, line in zip(axes.get_yticklabels(), lines):
        tick.set_fontweight("bold" if line.heading else "normal")
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.set_xlabel(label, fontsize=9)
    right = axes.secondary_yaxis("right")
    right.set_yticks(positions, numbers)
    right.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    right.spines["right"].set_visible(False)
    finish(figure, title)
    axes.grid(visible=False, axis="y")
    return figure


def _line(row: Any, text: str, colour: str, marker: str) -> Line:
    low, middle, high = (100 * float(value) for value in (row.low, row.estimate, row.high))
    clear = leaves_out_zero(low, high)
    return Line(text=text, low=low, middle=middle, high=high, colour=colour, marker=marker, clear=clear)


def _numbers(line: Line, digits: int) -> str:
    if math.isnan(line.low) or math.isnan(line.high):
        return f"{number(line.middle, digits, signed=True)}  no interval"
    middle, low, high = (number(value, digits, signed=True) for value in (line.middle, line.low, line.high))
    return f"{middle}  [{low}, {high}]"
