"""Recognising a task against learning one: how far answers are above chance under random labels and symbols (Pan)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.factors import BARE_COLUMNS, SIDE_FACTORS
from probes.figures.drawn import Drawn
from probes.figures.style import INK, finish, label_mode_style, new_figure, shots_axis
from probes.findings.material import Material
from probes.report.section import (
    GOLD_PROBABILITY,
    Sentence,
    one_setting,
    short_change,
    short_changes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_recognition", "say"]

_CURVES = {
    "gold": "gold labels: recognition and learning",
    "random": "random labels: recognition alone",
    "symbols": "symbols: learning alone",
}

_SCORES = {
    "accuracy": "accuracy above chance (points)",
    "gold_probability": "probability of the gold label\nabove chance (points)",
}


def draw(material: Material) -> Drawn | None:
    """Draw the curves where symbols were shown at two shot counts or more."""
    first = _setting(material)
    if first is None or _curve(material, first, "symbols", "accuracy")["num_shots"].nunique() < 2:
        return None
    title = _lead(material, first)
    caption = (
        "Random labels tell what the task is but not which label belongs to which input, so only recognition of a "
        "known task can help; symbols have no meaning beforehand, so only learning from the demonstrations can. Bands "
        f"and bars: 90 %. Format {first['format']}, {first['num_prompts']} prompts per point "
        f"({first['num_queries']} queries)."
    )
    return Drawn(name="recognition", title=title, caption=caption, figure=plot_recognition(material, title=title))


def say(material: Material) -> Sentence | None:
    """Say how far above chance each is at the most shots."""
    first = _setting(material)
    if first is None:
        return None
    told = []
    for name, (row, twin) in _effects(material, first).items():
        what = {"recognition": "with random labels (task recognition)", "learning": "with symbols (task learning)"}[
            name
        ]
        told.append(f"{what} {short_changes(row, twin)}")
    text = (
        f"Points of accuracy and of {GOLD_PROBABILITY} above chance, with 90 % intervals ({first['num_shots']} shots, "
    )
    text += f"format {first['format']}): {'; '.join(told)}."
    return Sentence(topic="Recognition", text=text, lead=f"{_lead(material, first)}.")


def plot_recognition(material: Material, *, title: str = "") -> "Figure":
    """Accuracy and probability above chance over shots: random labels, symbols, gold labels, and no demonstrations."""
    first = _setting(material)
    if first is None:
        raise ValueError(f"{material.model} was shown no symbols")
    figure = new_figure(4.1)
    panels = figure.subplots(1, 2)
    handles: dict = {}
    shots: set[int] = set()
    for axes, (score, label) in zip(panels, _SCORES.items()):
        chance = _chance(material, first, score)
        for (mode, words), sideways in zip(_CURVES.items(), (-0.05, 0.0, 0.05)):
            block = _curve(material, first, mode, score)
            shots |= {int(n) for n in block["num_shots"]}
            if len(block):
                handles[words] = _band(axes, block, chance, mode, sideways)
        zero = one_setting(material.rows(score, score), first)
        zero = zero[zero["num_shots"] == 0]
        if len(zero):
            shots.add(0)
            handles["no demonstrations"] = _point(axes, zero.iloc[0], chance)
        axes.axhline(0, color=INK, linewidth=1)
        shots_axis(axes, sorted(shots))
        axes.set_ylabel(label, fontsize=9)
    return finish(figure, title, handles=handles, columns=2)


def _setting(material: Material) -> pd.Series | None:
    """The row of task learning at the most shots, in the format that has most of them."""
    rows = material.rows("task_learning", "accuracy")
    if rows.empty:
        return None
    groups = [block for _, block in rows.groupby([*BARE_COLUMNS, *SIDE_FACTORS], dropna=False, sort=False)]
    block = max(groups, key=len)
    return block.loc[block["num_shots"].astype(int).idxmax()]


def _effects(material: Material, first: pd.Series) -> dict[str, tuple[pd.Series, pd.Series | None]]:
    found = {}
    for name, metric in (("recognition", "task_recognition"), ("learning", "task_learning")):
        pair = [
            one_setting(material.rows(metric, score), first, "num_shots", *SIDE_FACTORS)
            for score in ("accuracy", "gold_probability")
        ]
        if len(pair[0]):
            found[name] = (pair[0].iloc[0], pair[1].iloc[0] if len(pair[1]) else None)
    return found


def _lead(material: Material, first: pd.Series) -> str:
    told = [f"{name} {short_change(row)}" for name, (row, _) in _effects(material, first).items()]
    return f"{material.model}, points of accuracy above chance at {first['num_shots']} shots: {', '.join(told)}"


def _chance(material: Material, first: pd.Series, score: str) -> float:
    """What was taken off the level to make the effect."""
    level = _curve(material, first, "symbols", score)
    level = level[level["num_shots"] == first["num_shots"]]["estimate"].iloc[0]
    above = one_setting(material.rows("task_learning", score), first, "num_shots", *SIDE_FACTORS)["estimate"].iloc[0]
    return float(level - above)


def _curve(material: Material, first: pd.Series, label_mode: str, score: str) -> pd.DataFrame:
    rows = one_setting(material.rows(score, score), first, *SIDE_FACTORS)
    return rows[rows["label_mode"] == label_mode].sort_values("num_shots")


def _band(axes: "Axes", block: pd.DataFrame, chance: float, mode: str, sideways: float):
    colour, marker = label_mode_style(mode)
    x = np.log2(block["num_shots"].to_numpy(dtype=float) + 1) + sideways
    low, middle, high = (100 * (block[name].to_numpy() - chance) for name in ("low", "estimate", "high"))
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    return axes.plot(x, middle, f"{marker}-", color=colour, markersize=5, linewidth=1.6)[0]


def _point(axes: "Axes", row: pd.Series, chance: float):
    colour, marker = label_mode_style("zero_shot")
    low, middle, high = (100 * (float(row[name]) - chance) for name in ("low", "estimate", "high"))
    bars = np.nan_to_num(np.array([[middle - low], [high - middle]]))
    return axes.errorbar([0], [middle], yerr=bars, fmt=marker, color=colour, markersize=5, capsize=2, linewidth=1.3)
