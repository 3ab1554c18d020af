"""Figures of the fitted account: learning curves with what the fit predicts, and signal against noise."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probes.figures.forest import Line, draw_forest
from probes.figures.style import (
    CHANCE,
    INK,
    error_bars,
    finish,
    label_mode_style,
    new_figure,
    plain,
    shots_axis,
)
from probes.findings.selection import gold_levels, length_words, main_setting, of_length, split_models

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_drift", "plot_learning_curves", "plot_signal_noise"]

_BLUE = "#0072B2"


def plot_learning_curves(
    metrics: pd.DataFrame,
    *,
    model: str,
    predicted: pd.DataFrame | None = None,
    chance: float | None = None,
    title: str = "",
) -> "Figure":
    """Accuracy under gold labels along the shots, a panel a length, with exact Bayes and the fit's predictions.

    Parameters
    ----------
    metrics
        A metrics table.
    model
        The model that is drawn.
    predicted
        `icl.concept.diagnose.posterior_predictive_check`'s table; without it no band is drawn.
    chance
        1 ÷ number of candidates.
    title
        What is seen.
    """
    setting = main_setting(metrics, model)
    if setting is None:
        raise ValueError(f"{model} has no accuracy to draw")
    rows = _curve(metrics, model, setting.format)
    lengths: list[int | None] = [*sorted({int(n) for n in rows["example_length"].dropna()})] or [None]
    columns = min(4, len(lengths))
    lines = math.ceil(len(lengths) / columns)
    figure = new_figure(1.2 + 2.9 * lines, width=9.0 if columns > 1 else 6.2)
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    handles: dict = {}
    for place in range(lines * columns):
        axes = panels[divmod(place, columns)]
        if place >= len(lengths):
            axes.remove()
            continue
        length = lengths[place]
        if predicted is not None:
            band = of_length(_band(predicted, model, setting.format), length).sort_values("num_shots")
            x = np.log2(band["num_shots"].to_numpy(dtype=float) + 1)
            if len(band):
                low, high = 100 * band["lower"], 100 * band["upper"]
                handles["fitted account, 90 % of its predictions"] = axes.fill_between(
                    x, low, high, color=_BLUE, alpha=0.18, linewidth=0
                )
        for name in [*split_models(metrics)[1], model]:
            block = of_length(_curve(metrics, name, setting.format), length)
            if block.empty or (name != model and name not in ("oracle", "majority", "copy-last-label")):
                continue
            handles |= {plain(name): _draw_curve(axes, block, name, is_subject=name == model)}
        if chance is not None:
            handles["chance"] = axes.axhline(100 * chance, color=CHANCE, linewidth=1)
        shots_axis(axes, sorted({int(n) for n in of_length(rows, length)["num_shots"]}))
        axes.set_title(length_words(length) or plain(setting.format), fontsize=10, loc="left")
        if place % columns == 0:
            axes.set_ylabel("accuracy with gold labels (%)", fontsize=9)
    return finish(figure, title, handles=handles, columns=3)


def plot_signal_noise(summary: pd.DataFrame, *, model: str, title: str = "") -> "Figure":
    """Signal against noise, a point a condition in which the two can be told apart; noise wins in the shaded half.

    Parameters
    ----------
    summary
        `icl.concept.summary.summarise`'s table.
    model
        The model that is drawn.
    title
        What is seen.
    """
    rows = summary[(summary["model"] == model) & summary["separately_identified"]]
    if rows.empty:
        raise ValueError(f"signal and noise of {model} cannot be told apart in any condition; draw the drift")
    figure = new_figure(5.0)
    axes = figure.subplots()
    right, top = (1.08 * float(rows[f"{name}_upper"].max()) for name in ("noise", "signal"))
    axes.plot([0, right], [0, right], color=INK, linewidth=1)
    shade = axes.fill_between([0, right], 0, [0, right], color="#bbbbbb", alpha=0.35, linewidth=0)
    handles: dict = {}
    main = rows["format"].value_counts().idxmax()
    row: Any
    for row in rows.sort_values("signal").itertuples():
        colour, marker = label_mode_style(row.label_mode)
        bars = [_bars(row, name) for name in ("noise", "signal")]
        axes.errorbar([row.noise], [row.signal], xerr=bars[0], yerr=bars[1], fmt="none", ecolor=colour, alpha=0.45)
        filled = colour if row.format == main else "white"
        drawn = axes.plot(
            row.noise, row.signal, marker, color=colour, markerfacecolor=filled, markersize=8, linestyle="none"
        )[0]
        if row.format == main:
            handles[plain(row.label_mode)] = drawn
        if row.format == main and rows.loc[rows["label_mode"] == row.label_mode, "example_length"].nunique() > 1:
            spot = (9, 4)
            text = length_words(row.example_length)
            axes.annotate(text, (row.noise, row.signal), spot, textcoords="offset points", fontsize=9, color=INK)
    handles["noise exceeds signal"] = shade
    axes.set_xlim(0, right)
    axes.set_ylim(0, top)
    axes.set_xlabel("noise (nats per demonstration)", fontsize=9)
    axes.set_ylabel("signal (nats per demonstration)", fontsize=9)
    return finish(figure, title, handles=handles, columns=4)


def plot_drift(summary: pd.DataFrame, *, model: str, title: str = "") -> "Figure":
    """Signal minus noise of every condition, as a forest."""
    rows = summary[summary["model"] == model]
    if rows.empty:
        raise ValueError(f"{model} is not in the fit")
    lines, single = [], []
    for format, block in rows.groupby("format", sort=False):
        if len(block) == 1:
            single.append(_drift_line(block.iloc[0], str(format)))
            continue
        lines.append(Line(text=f"format {format}", heading=True))
        lines += [_drift_line(row) for _, row in block.iterrows()]
    if lines and single:
        lines.append(Line(text="other formats", heading=True))
    lines += single
    return draw_forest(lines, title=title, label="drift = signal − noise (nats per demonstration)", digits=2)


def _drift_line(row: pd.Series, format: str = "") -> Line:
    colour, marker = label_mode_style(str(row["label_mode"]))
    text = ", ".join(filter(None, [str(row["label_mode"]), format, length_words(row["example_length"])]))
    low, middle, high = (float(row[name]) for name in ("drift_lower", "drift", "drift_upper"))
    clear = low > 0 or high < 0
    return Line(text=text, low=low, middle=middle, high=high, colour=colour, marker=marker, clear=clear)


def _bars(row: Any, name: str) -> np.ndarray:
    return error_bars(*(np.array([getattr(row, which)]) for which in (f"{name}_lower", name, f"{name}_upper")))


def _draw_curve(axes, block: pd.DataFrame, name: str, *, is_subject: bool):
    x = np.log2(block["num_shots"].to_numpy(dtype=float) + 1)
    low, middle, high = (100 * block[column].to_numpy() for column in ("low", "estimate", "high"))
    if is_subject:
        bars = error_bars(low, middle, high)
        return axes.errorbar(x, middle, yerr=bars, fmt="o-", color=_BLUE, markersize=4.5, capsize=2, linewidth=1.6)
    dashes = {"oracle": "--", "majority": "-."}.get(name, ":")
    return axes.plot(x, middle, color=INK if name == "oracle" else "#777777", linestyle=dashes, linewidth=1.3)[0]


def _curve(metrics: pd.DataFrame, model: str, format: str) -> pd.DataFrame:
    rows = gold_levels(metrics, model)
    return rows[rows["format"] == format]


def _band(predicted: pd.DataFrame, model: str, format: str) -> pd.DataFrame:
    rows = predicted[(predicted["model"] == model) & (predicted["format"] == format)]
    return rows[rows["label_mode"].isin(["gold", "zero_shot"])]
