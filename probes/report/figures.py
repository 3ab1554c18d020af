"""Figures of the metrics table: each takes tables and returns a Matplotlib figure; nothing is written or shown.

Every error bar is a 90 % interval.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.worlds import WORLDS
from probes.figures.style import (
    CHANCE,
    INK,
    error_bars,
    finish,
    label_mode_style,
    new_figure,
    plain,
    shots_colour,
)
from probes.findings.selection import (
    at,
    gold_levels,
    length_words,
    main_setting,
    of_length,
    panel_settings,
    split_models,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_formats", "plot_label_modes", "plot_reliability", "reliable_rows"]

_TWINS = {"accuracy": "accuracy (%)", "gold_probability": "probability of\nthe gold label (%)"}

_REFERENCE_LINES = {
    "oracle": (INK, "--"),
    "majority": ("#777777", "-."),
    "copy-last-label": ("#777777", ":"),
    "uniform": ("#aaaaaa", (0, (1, 3))),
}
"""Ceiling and floors; the other references are no level to compare with."""


def plot_label_modes(metrics: pd.DataFrame, *, model: str, chance: float | None = None, title: str = "") -> "Figure":
    """Accuracy and its continuous twin by label mode and shots, one column of panels a format and length.

    Parameters
    ----------
    metrics
        A metrics table.
    model
        The model that is drawn; the references of the table become lines.
    chance
        1 ÷ number of candidates.
    title
        What is seen; a plain description where it is empty.
    """
    settings = panel_settings(metrics, model)
    if not settings:
        raise ValueError(f"no format of {model} has two label modes to compare")
    modes = at(metrics, "accuracy", model=model, score="accuracy")["label_mode"].nunique()
    columns = min(len(settings), 2 if modes > 8 or len(settings) == 4 else 3)
    blocks = math.ceil(len(settings) / columns)
    figure = new_figure(1.1 + 2.7 * 2 * blocks)
    panels = figure.subplots(2 * blocks, columns, squeeze=False, sharey="row")
    handles: dict = {}
    for place in range(blocks * columns):
        block, column = divmod(place, columns)
        for row, (score, label) in enumerate(_TWINS.items()):
            axes = panels[2 * block + row, column]
            if place >= len(settings):
                axes.remove()
                continue
            format, length = settings[place]
            _label_mode_panel(axes, metrics, model, score, format, length, handles)
            _reference_lines(axes, metrics, model, score, format, length, handles)
            if chance is not None:
                handles["chance"] = axes.axhline(100 * chance, color=CHANCE, linewidth=1)
            if column == 0:
                axes.set_ylabel(label, fontsize=9)
            if row == 0:
                axes.set_title(plain(", ".join(filter(None, [format, length_words(length)]))), fontsize=10, loc="left")
    return finish(figure, title, handles=handles)


def plot_formats(metrics: pd.DataFrame, *, model: str, chance: float | None = None, title: str = "") -> "Figure":
    """Accuracy under gold labels for each format, best on top, one colour a shot count."""
    rows = gold_levels(metrics, model)
    setting = main_setting(metrics, model)
    if setting is None or rows["format"].nunique() < 2:
        raise ValueError(f"{model} was run in one format only")
    rows = of_length(rows, setting.example_length)
    many = rows.groupby("num_shots")["format"].nunique()
    shots = [int(n) for n in many.index[many > 1]]
    rows = rows[rows["num_shots"].isin(shots)]
    order = rows[rows["num_shots"] == max(shots)].sort_values("estimate")["format"].tolist()
    order = [*sorted(set(rows["format"]) - set(order)), *order]
    figure = new_figure(1.5 + max(0.34, 0.17 * len(shots)) * len(order))
    axes = figure.subplots()
    handles: dict = {}
    for position, num_shots in enumerate(shots):
        block = rows[rows["num_shots"] == num_shots].set_index("format")
        offset = 0.0 if len(shots) == 1 else 0.5 * (position / (len(shots) - 1) - 0.5)
        y = np.array([order.index(name) for name in block.index]) + offset
        low, middle, high = (100 * block[name].to_numpy() for name in ("low", "estimate", "high"))
        handles[f"{num_shots} shots"] = axes.errorbar(
            middle,
            y,
            xerr=error_bars(low, middle, high),
            fmt="osD^v<>p"[position % 8],
            color=shots_colour(position, len(shots)),
            markersize=5,
            capsize=2,
            linewidth=1.3,
        )
    if chance is not None:
        handles["chance"] = axes.axvline(100 * chance, color=CHANCE, linewidth=1)
    axes.set_yticks(range(len(order)), [plain(name) for name in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlabel("accuracy with gold labels (%)", fontsize=9)
    axes.set_ylabel("format", fontsize=9)
    return finish(figure, title, handles=handles, columns=8)


def plot_reliability(outcomes: pd.DataFrame, *, model: str, title: str = "", fewest: int = 10) -> "Figure":
    """Share right against confidence, in ten bins of equal width, over prompts with gold labels.

    Parameters
    ----------
    outcomes
        Prompt outcomes, see `icl.metrics.outcomes.prompt_outcomes`.
    model
        The model that is drawn.
    title
        What is seen.
    fewest
        Bins with fewer prompts are left out.
    """
    from icl.metrics.uncertainty import clustered_share

    rows = reliable_rows(outcomes, model)
    bins = np.minimum((rows["confidence"].to_numpy() * 10).astype(int), 9)
    figure = new_figure(4.3, width=5.6)
    axes = figure.subplots()
    handles: dict = {}
    line = axes.plot([0, 100], [0, 100], color=CHANCE, linewidth=1, linestyle="--")
    handles["confidence equals share right"] = line[0]
    for place in range(10):
        block = rows[bins == place]
        if len(block) < fewest:
            continue
        keys = (block["demonstration_set_id"].to_numpy(), block["query_id"].to_numpy())
        found = clustered_share(block["accuracy"].to_numpy(), *keys)
        low, middle, high = 100 * np.array([[found.low], [found.estimate], [found.high]])
        x = 100 * block["confidence"].mean()
        handles[plain(model)] = axes.errorbar(
            [x], middle, yerr=error_bars(low, middle, high), fmt="o", color="#0072B2", capsize=2, markersize=5
        )
        axes.annotate(f"{len(block)}", (x, middle[0]), (6, -3), textcoords="offset points", fontsize=8, color="#555555")
    axes.set_xlim(0, 103)
    axes.set_ylim(0, 103)
    axes.set_xlabel("confidence in the predicted label (%)", fontsize=9)
    axes.set_ylabel("predictions that are right (%)", fontsize=9)
    return finish(figure, title, handles=handles, columns=2)


def reliable_rows(outcomes: pd.DataFrame, model: str) -> pd.DataFrame:
    """Prompts of a model whose shown labels are gold, where the confidence is known and gold can judge it."""
    rows = outcomes[(outcomes["model"] == model) & (outcomes["label_mode"] == "gold") & (outcomes["num_shots"] > 0)]
    judged = ~rows["task"].isin([name for name, world in WORLDS.items() if world.gold_is_likeliest])
    return rows[rows["confidence"].notna() & judged]


def _label_mode_panel(
    axes: "Axes", metrics: pd.DataFrame, model: str, score: str, format: str, length: int | None, handles: dict
) -> None:
    rows = of_length(at(metrics, score, model=model, score=score, format=format), length)
    if rows.empty:
        return
    shots = sorted({int(n) for n in rows["num_shots"]})
    modes = list(dict.fromkeys(rows.loc[rows["num_shots"] > 0, "label_mode"]))
    modes = [*(["zero_shot"] if 0 in shots else []), *modes]
    shown = [mode for mode in modes if mode != "zero_shot"]
    present = {
        n: [mode for mode in shown if ((rows["label_mode"] == mode) & (rows["num_shots"] == n)).any()] for n in shots
    }
    step = 0.72 / max(len(shown), 1)
    for mode in modes:
        colour, marker = label_mode_style(mode)
        block = rows[rows["label_mode"] == mode].sort_values("num_shots")
        x = np.array([_beside(mode, shots.index(n), present[n], step) for n in block["num_shots"].astype(int)])
        low, middle, high = (100 * block[name].to_numpy() for name in ("low", "estimate", "high"))
        handles[_legend(mode)] = axes.errorbar(
            x,
            middle,
            yerr=error_bars(low, middle, high),
            fmt=marker,
            color=colour,
            markersize=5,
            linewidth=1.3,
            capsize=1.5,
            linestyle="-" if mode == "gold" else "none",
        )
    for edge in np.arange(len(shots) - 1) + 0.5:
        axes.axvline(edge, color="#eeeeee", linewidth=6, zorder=0)
    axes.set_xticks(range(len(shots)), [str(n) for n in shots])
    axes.set_xlim(-0.5, len(shots) - 0.5)
    axes.set_xlabel("demonstrations in the prompt", fontsize=9)


def _beside(mode: str, place: int, present: list[str], step: float) -> float:
    """Where a label mode stands over its shot count, beside the others that were run there."""
    return place + step * (present.index(mode) - (len(present) - 1) / 2) if mode in present else float(place)


def _legend(label_mode: str) -> str:
    """Spell a label mode as a legend does."""
    return {"zero_shot": "no demonstrations"}.get(label_mode, plain(label_mode))


def _reference_lines(
    axes: "Axes", metrics: pd.DataFrame, model: str, score: str, format: str, length: int | None, handles: dict
) -> None:
    """The references' gold-label curves, each level drawn over its own shot count."""
    shots = sorted({int(n) for n in of_length(at(metrics, score, model=model, format=format), length)["num_shots"]})
    for name in split_models(metrics)[1]:
        rows = gold_levels(metrics, name, score)
        rows = of_length(rows[(rows["format"] == format) & rows["num_shots"].isin(shots)], length)
        if name == model or name not in _REFERENCE_LINES or rows.empty:
            continue
        x = [shots.index(int(n)) for n in rows["num_shots"]]
        colour, dashes = _REFERENCE_LINES[name]
        handles[f"{name} (gold labels)"] = axes.hlines(
            100 * rows["estimate"],
            np.array(x) - 0.45,
            np.array(x) + 0.45,
            color=colour,
            linestyle=dashes,
            linewidth=1.4,
        )
