"""The forest of a model's effects on accuracy: label gaps and gains of every setting, then spreads over formats."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from probes.figures.forest import Line, draw_forest
from probes.figures.style import label_mode_style
from probes.findings.findings import DEMONSTRATIONS, FORMAT, LABELS, Finding, findings
from probes.findings.leading import shots_words
from probes.findings.selection import length_words, main_setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["effect_lines", "left_out", "plot_effects"]

_MOST = 64
"""Effects that one figure holds legibly."""

_DRAWN = ("gap", "shots_gain", "format_spread_posterior")
"""The others have figures of their own."""


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


def _line(one: Finding) -> Line:
    low, middle, high = (100 * value for value in (one.low, one.estimate, one.high))
    if one.factor == FORMAT:
        text = ", ".join(filter(None, [shots_words(one.num_shots), length_words(one.example_length or math.nan)]))
        colour, marker = "#0072B2", "D"
    else:
        text = one.comparison
        colour, marker = label_mode_style(one.label_mode)
    return Line(text=text, low=low, middle=middle, high=high, colour=colour, marker=marker, clear=one.clear)
