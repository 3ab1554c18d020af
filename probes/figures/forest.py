"""Forest plots: one line per effect, with its interval and the line of no effect."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from probes.figures.style import INK, error_bars, finish, new_figure, plain
from probes.figures.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "draw_forest"]

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


def _numbers(line: Line, digits: int) -> str:
    if math.isnan(line.low) or math.isnan(line.high):
        return f"{number(line.middle, digits, signed=True)}  no interval"
    middle, low, high = (number(value, digits, signed=True) for value in (line.middle, line.low, line.high))
    return f"{middle}  [{low}, {high}]"
