"""Whether answers follow a mapping of labels that sets in within the prompt, by how many show it (Kossen)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.factors import condition_columns
from icl.metrics.table import as_drawn, clusters
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share
from icl.prompts.label_modes import known_label_mode
from probes.figures.drawn import Drawn
from probes.figures.style import CHANCE, error_bars, finish, label_mode_style, new_figure
from probes.findings.material import Material
from probes.report.section import (
    Sentence,
    one_setting,
    short_level,
    twin_row,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "num_flipped", "plot_flip", "say"]

_SETTING = condition_columns("model", "task", "label_mode")
"""What stays fixed while labels flip."""

_OLD, _NEW = "answers that keep to the gold labels", "answers that follow the new mapping"

_METRICS = {"accuracy": ("follow_rate", "accuracy"), "gold_probability": ("follow_probability", "gold_probability")}
"""Score → metrics of the new mapping and of the gold labels."""


def num_flipped(label_mode: str, num_shots: int) -> int | None:
    """Count the demonstrations that show the new mapping; None for other label modes."""
    if label_mode in ("gold", "flipped"):
        return 0 if label_mode == "gold" else num_shots
    mode = known_label_mode(label_mode)
    if mode is None or mode.num_kept is None:
        return None
    return max(num_shots - mode.num_kept, 0)


def draw(material: Material) -> Drawn | None:
    """Draw both curves where the mapping changed within the prompt."""
    first = _setting(material)
    if first is None:
        return None
    title = _lead(material, first)
    caption = (
        f"The last demonstrations of {first['num_shots']} show each label as the next of the label space, those before "
        "them the gold labels; the query's gold label under the new mapping is what an answer that follows it gives. "
        f"Left: answers; right: probabilities. Bars: 90 %. Format {first['format']}, {first['num_prompts']} prompts "
        f"per point ({first['num_queries']} queries)."
    )
    return Drawn(name="flip", title=title, caption=caption, figure=plot_flip(material, title=title))


def say(material: Material) -> Sentence | None:
    """Say how many answers follow, at each number of flipped demonstrations."""
    first = _setting(material)
    if first is None:
        return None
    told = []
    for _, row in _following(material, first, "follow_rate").iterrows():
        twin = twin_row(material.rows("follow_probability"), row)
        beside = "" if twin is None else f" and {short_level(twin)}"
        told.append(f"{row['flipped']} of {row['num_shots']} {short_level(row)}{beside}")
    text = "Share of answers that follow the new mapping, and its probability, with 90 % intervals, by flipped "
    text += f"demonstrations: {'; '.join(told)}."
    return Sentence(topic="Flipped labels", text=text, lead=f"{_lead(material, first)}.")


def plot_flip(material: Material, *, title: str = "") -> "Figure":
    """Share and probability of the new mapping's answer and of the gold one, by flipped demonstrations."""
    first = _setting(material)
    if first is None:
        raise ValueError(f"{material.model} was shown no mapping that changes within the prompt")
    figure = new_figure(4.0)
    panels = figure.subplots(1, 2, sharey=True)
    handles: dict = {}
    beside = 0.006 * float(first["num_shots"])
    labels = ("share of answers (%)", "probability (%)")
    for axes, label, (score, (metric, level)) in zip(panels, labels, _METRICS.items()):
        new = _following(material, first, metric)[["flipped", "low", "estimate", "high"]]
        if (before := _before(material, first, score)) is not None:
            new = pd.concat([before, new], ignore_index=True)
        handles[_NEW] = _curve(axes, new, "flipped", beside)
        old = _flipped(material, first, material.rows(level, score))
        handles[_OLD] = _curve(axes, old, "gold", -beside)
        if material.chance is not None:
            handles["chance"] = axes.axhline(100 * material.chance, color=CHANCE, linewidth=1, linestyle=":")
        axes.set_ylabel(label, fontsize=9)
        axes.set_xlabel(f"flipped demonstrations, of {first['num_shots']}", fontsize=9)
        axes.set_ylim(-3, 103)
        axes.set_xticks(sorted({0, *(int(n) for n in new["flipped"])}))
    return finish(figure, title, handles=handles, columns=3)


def _setting(material: Material) -> pd.Series | None:
    """A row of the setting with most label modes that change within the prompt."""
    rows = material.rows("follow_rate")
    changing = {name for name in rows["label_mode"] if (mode := known_label_mode(name)) and mode.depends_on_places}
    rows = rows[rows["label_mode"].isin(changing) & rows["estimate"].notna()]
    if rows.empty:
        return None
    return max((block for _, block in rows.groupby(list(_SETTING), dropna=False, sort=False)), key=len).iloc[0]


def _following(material: Material, first: pd.Series, metric: str) -> pd.DataFrame:
    rows = _flipped(material, first, material.rows(metric))
    return rows[rows["flipped"] > 0]


def _flipped(material: Material, first: pd.Series, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the setting, with how many demonstrations are flipped."""
    rows = one_setting(rows, first, *_SETTING)
    counts = [num_flipped(mode, int(first["num_shots"])) for mode in rows["label_mode"]]
    rows = rows.assign(flipped=pd.array(counts, dtype="Int64"))
    return rows[rows["flipped"].notna()].sort_values("flipped")


def _before(material: Material, first: pd.Series, score: str) -> pd.DataFrame | None:
    """How often the new mapping's answer is given while the prompt still shows gold labels alone."""
    if material.outcomes is None:
        return None
    rows = one_setting(as_drawn(material.outcomes), first, *_SETTING)
    mapping = rows[rows["label_mode"] == first["label_mode"]].groupby("gold")["mapped"].agg(["nunique", "first"])
    gold = rows[rows["label_mode"] == "gold"]
    if gold.empty or (mapping["nunique"] != 1).any() or not set(gold["gold"]) <= set(mapping.index):
        return None
    called = gold["gold"].map(mapping["first"])
    if score == "accuracy":
        found = clustered_share((gold["prediction"] == called).to_numpy(dtype=float), *clusters(gold))
    else:
        found = clustered_mean(_probability_of(gold, called), *clusters(gold))
    return _as_row(found)


def _probability_of(outcomes: pd.DataFrame, labels: pd.Series) -> np.ndarray:
    """Probability of one label of each outcome."""
    parts = zip(outcomes["distribution"], outcomes["candidates"], labels)
    return np.array([distribution[candidates.index(label)] for distribution, candidates, label in parts])


def _as_row(found: Estimate) -> pd.DataFrame:
    return pd.DataFrame([{"flipped": 0, "low": found.low, "estimate": found.estimate, "high": found.high}])


def _curve(axes: "Axes", rows: pd.DataFrame, mode: str, sideways: float):
    colour, marker = label_mode_style(mode)
    low, middle, high = (100 * rows[name].to_numpy(dtype=float) for name in ("low", "estimate", "high"))
    return axes.errorbar(
        rows["flipped"].to_numpy(dtype=float) + sideways,
        middle,
        yerr=error_bars(low, middle, high),
        fmt=f"{marker}-",
        color=colour,
        markersize=5,
        capsize=2,
        linewidth=1.5,
    )


def _lead(material: Material, first: pd.Series) -> str:
    rows = _following(material, first, "follow_rate")
    ends = [rows.iloc[0]] if len(rows) == 1 else [rows.iloc[0], rows.iloc[-1]]
    told = [f"{short_level(row)} with {row['flipped']} of {row['num_shots']} demonstrations flipped" for row in ends]
    return f"{material.model} follows the new mapping in {' and in '.join(told)}"
