"""Forest plots: one line an effect, with its interval and the line of no effect."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from probes.report.findings import DEMONSTRATIONS, FORMAT, LABELS, Finding, findings
from probes.report.leading import shots_words
from probes.report.selection import length_words, main_setting
from probes.report.style import INK, error_bars, finish, label_mode_style, new_figure, plain
from probes.report.verdict import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "draw_forest", "effect_lines", "left_out", "plot_effects"]

_ROW = 0.27

_MOST = 64
"""Effects that one figure holds legibly."""

_DRAWN = ("gap", "shots_gain", "format_spread_posterior")
"""The others have figures of their own."""


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
    """Lay out the forest: label gaps and gains of every format, length and shot count, then spreads over formats.

    Where these are too many, label gaps are drawn at each format's most shots, and of the rest what is clear.
    """
    setting = main_setting(metrics, model)
    if setting is None:
        return []
    found = [one for one in findings(metrics, model) if one.metric in _DRAWN]
    found = [one for one in found if one.factor == LABELS or one.label_mode in ("gold", "zero_shot")]
    if len(found) > _MOST:
        most = {_place(one): 0 for one in found}
        for one in found:
            most[_place(one)] = max(most[_place(one)], one.num_shots)
        found = [one for one in found if one.factor != LABELS or one.num_shots == most[_place(one)]]
    if len(found) > _MOST:
        found = [one for one in found if one.leads or one.clear]
    lines: list[Line] = []
    formats, modes = (list(dict.fromkeys(metrics[name])) for name in ("format", "label_mode"))
    first = (setting.format, setting.example_length)
    for heading, group in _groups(
        sorted(found, key=lambda one: (_place(one) != first, formats.index(one.format), -one.num_shots))
    ):
        lines.append(Line(text=heading, heading=True))
        lines += [_line(one) for one in sorted(group, key=lambda one: (one.num_shots, modes.index(one.label_mode)))]
    return lines


def left_out(metrics: pd.DataFrame, model: str) -> int:
    """Count the effects that the forest does not hold: those of other labels' demonstrations, and what is too many."""
    every = findings(metrics, model)
    return len(every) - sum(not line.heading for line in effect_lines(metrics, model))


def _groups(found: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """Split effects by what is compared and where: labels by setting, then demonstrations by format, then spreads."""
    kinds = {
        LABELS: lambda one: "Gold minus other labels: " + _setting_words(one, shots=True),
        DEMONSTRATIONS: lambda one: "Demonstrations: " + _setting_words(one),
        FORMAT: lambda one: "Best minus worst format (never below 0)",
    }
    for factor, heading in kinds.items():
        groups: dict[str, list[Finding]] = {}
        for one in found:
            if one.factor == factor:
                groups.setdefault(heading(one), []).append(one)
        yield from groups.items()


def _setting_words(one: Finding, *, shots: bool = False) -> str:
    parts = [one.format, length_words(one.example_length) if one.example_length else ""]
    return ", ".join(filter(None, [*parts, shots_words(one.num_shots) if shots else ""]))


def _place(one: Finding) -> tuple[str, int | None]:
    return one.format, one.example_length


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


def _line(one: Finding) -> Line:
    low, middle, high = (100 * value for value in (one.low, one.estimate, one.high))
    if one.factor == FORMAT:
        text = ", ".join(filter(None, [shots_words(one.num_shots), length_words(one.example_length or math.nan)]))
        colour, marker = "#0072B2", "D"
    else:
        text = one.comparison
        colour, marker = label_mode_style(one.label_mode)
    return Line(text=text, low=low, middle=middle, high=high, colour=colour, marker=marker, clear=one.clear)


def _numbers(line: Line, digits: int) -> str:
    if math.isnan(line.low) or math.isnan(line.high):
        return f"{number(line.middle, digits, signed=True)}  no interval"
    middle, low, high = (number(value, digits, signed=True) for value in (line.middle, line.low, line.high))
    return f"{middle}  [{low}, {high}]"
