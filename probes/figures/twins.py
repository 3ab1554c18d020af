"""Two forests side by side: numbers that move in steps at the left, their continuous twins at the right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probes.figures.style import CHANCE, INK, error_bars, finish, new_figure, plain
from probes.figures.words import leaves_out_zero, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Block", "Span", "TwinRow", "draw_twins", "span_of"]

_ROW = 0.27
_AROUND = 0.55
"""Inches that the axis of a block takes beside its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A number with its interval, in the unit that is drawn."""

    low: float = math.nan
    middle: float = math.nan
    high: float = math.nan

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return leaves_out_zero(self.low, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinRow:
    """One line of both forests, or the heading of a group."""

    text: str
    left: Span = Span()
    right: Span = Span()
    colour: str = INK
    marker: str = "o"
    heading: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows that share two axes.

    Attributes
    ----------
    rows : sequence of TwinRow
        From top to bottom.
    labels : tuple
        What the left and the right axis show, with unit.
    digits : int
        Decimals of the numbers at the right edge of each panel.
    is_difference : bool
        Whether 0 means no difference: a line is drawn there, and marks whose interval touches it are hollow.
    levels : tuple of Span, or None
        A level to compare with, a line with its band in each panel.
    level_words : str
        What that level is, for the legend.
    chance : float or None
        Drawn as a line in both panels.
    limits : tuple or None
        Ends of both axes; None fits them to the numbers.
    """

    rows: Sequence[TwinRow]
    labels: tuple[str, str]
    digits: int = 1
    is_difference: bool = False
    levels: tuple[Span, Span] | None = None
    level_words: str = ""
    chance: float | None = None
    limits: tuple[float, float] | None = None


def span_of(row: pd.Series | None, scale: float = 100.0) -> Span:
    """Read estimate and interval of a row of the metrics table; nothing where there is no row."""
    if row is None:
        return Span()
    low, middle, high = (scale * float(row[name]) for name in ("low", "estimate", "high"))
    return Span(low=low, middle=middle, high=high)


def draw_twins(blocks: Sequence[Block], *, title: str) -> "Figure":
    """Draw blocks below each other."""
    heights = [_ROW * len(block.rows) + _AROUND for block in blocks]
    figure = new_figure(0.8 + sum(heights))
    panels = figure.subplots(len(blocks), 2, squeeze=False, gridspec_kw={"height_ratios": heights})
    handles: dict = {}
    for pair, block in zip(panels, blocks):
        for place, axes in enumerate(pair):
            _draw(axes, block, place, handles)
    finish(figure, title, handles=handles)
    for axes in figure.axes:
        axes.grid(visible=False, axis="y")
    return figure


def _draw(axes: "Axes", block: Block, place: int, handles: dict) -> None:
    positions = np.arange(len(block.rows))[::-1]
    if block.is_difference:
        axes.axvline(0, color=INK, linewidth=1)
    if block.levels is not None and not math.isnan((level := block.levels[place]).middle):
        axes.axvspan(level.low, level.high, color="#dddddd", linewidth=0, zorder=0)
        handles[block.level_words] = axes.axvline(level.middle, color="#555555", linewidth=1.2, linestyle="--")
    if block.chance is not None:
        handles["chance"] = axes.axvline(100 * block.chance, color=CHANCE, linewidth=1, linestyle=":")
    numbers = []
    for y, row in zip(positions.tolist(), block.rows):
        span = (row.left, row.right)[place]
        if row.heading:
            axes.axhspan(y - 0.5, y + 0.5, color="#f2f2f2", linewidth=0, zorder=0)
        else:
            _mark(axes, float(y), row, span, hollow=block.is_difference and not span.clear)
        numbers.append("" if row.heading else _numbers(span, block.digits, signed=block.is_difference))
    axes.set_ylim(-0.6, len(block.rows) - 0.4)
    axes.set_yticks(positions, [plain(row.text, 44) for row in block.rows] if place == 0 else [])
    axes.tick_params(axis="y", length=0)
    for tick, row in zip(axes.get_yticklabels(), block.rows):
        tick.set_fontweight("bold" if row.heading else "normal")
    axes.set_xlabel(block.labels[place], fontsize=9)
    if block.limits is not None:
        axes.set_xlim(*block.limits)
    right = axes.secondary_yaxis("right")
    right.set_yticks(positions, numbers)
    right.tick_params(length=0, labelsize=8, labelcolor=INK)
    right.spines["right"].set_visible(False)


def _mark(axes: "Axes", y: float, row: TwinRow, span: Span, *, hollow: bool) -> None:
    bars = error_bars(*(np.array([value]) for value in (span.low, span.middle, span.high)))
    axes.errorbar(
        [span.middle],
        [y],
        xerr=bars,
        fmt=row.marker,
        markerfacecolor="white" if hollow else row.colour,
        color=row.colour,
        markersize=5.5,
        capsize=2.5,
        linewidth=1.5,
    )


def _numbers(span: Span, digits: int, *, signed: bool) -> str:
    if math.isnan(span.middle):
        return "missing"
    middle, low, high = (number(value, digits, signed=signed) for value in (span.middle, span.low, span.high))
    return middle if math.isnan(span.low) else f"{middle} [{low}, {high}]"
