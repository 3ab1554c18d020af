"""What inputs, label words and right labels each add to the evidence for the task, in nats per demonstration."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.concept.diagnose import diagnose
from icl.concept.evidence import EVIDENCE
from icl.concept.evidence.identified import DATA, PRIOR
from icl.concept.evidence.summary import (
    break_even,
    label_share,
    summarise_conditions,
    summarise_evidence,
    written_sum,
)
from icl.factors import get_factor, unusual
from probes.figures.drawn import Drawn
from probes.figures.style import INK, error_bars, finish, new_figure, plain
from probes.figures.words import (
    interval_words,
    leaves_out_zero,
    listed,
    number,
    points,
)
from probes.findings.leading import mode_words
from probes.findings.material import Material
from probes.report.section import Sentence

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_evidence", "say"]

_WORDS = {
    "inputs": "inputs of the task",
    "label_space": "words of the label space",
    "labels": "right labels",
    "wrong_labels": "loss from wrong instead of right labels",
    "noise": "noise of the format",
}
_COLOURS = {"inputs": "#0072B2", "label_space": "#009E73", "labels": "#E69F00", "wrong_labels": "#D55E00"}
_COLOURS |= {"noise": "#555555", "sum": "#882255"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    text: str
    low: float
    middle: float
    high: float
    colour: str
    is_told_by_data: bool


def draw(material: Material) -> Drawn | None:
    """Draw the decomposition where there is one of this model and it may be read."""
    fit = material.fit(EVIDENCE)
    if fit is None or fit.trouble:
        return None
    tree = fit.tree
    share = _of(label_share(tree), material).iloc[0]
    title = f"{material.model}: what each part of a demonstration adds to the evidence for the task"
    if share["told_by"] != PRIOR:
        title = f"{material.model}: {_share_words(share)} of the signal of demonstrations comes from right labels"
    figure = plot_evidence(tree, material, title=title)
    return Drawn(name="evidence", title=title, caption=_caption(tree, material), figure=figure)


def say(material: Material) -> Sentence | None:
    """Say what a demonstration brings and what of it is the labels; where the fit did not converge, say that alone."""
    fit = material.fit(EVIDENCE)
    if fit is None:
        return None
    topic, tree = "Evidence", fit.tree
    if fit.trouble:
        return Sentence(topic=topic, text=f"{fit.trouble} Its numbers are not quoted here.")
    texts = [_task_words(tree, material, task) for task in _tasks(tree, material)]
    return Sentence(topic=topic, text=" ".join(texts))


def plot_evidence(tree: "xarray.DataTree", material: Material, *, title: str = "") -> "Figure":
    """Posterior of each part in nats per demonstration, and below it the share of the signal that right labels are."""
    rows = _part_rows(tree, material)
    shares = _of(label_share(tree), material)
    shares = shares[shares["told_by"] != PRIOR]
    heights = [len(rows), 1.2 + len(shares)] if len(shares) else [len(rows)]
    figure = new_figure(1.8 + 0.34 * sum(heights))
    panels = np.atleast_1d(figure.subplots(len(heights), 1, gridspec_kw={"height_ratios": heights}))
    _forest(panels[0], rows, "nats per demonstration", digits=2)
    panels[0].axvline(0, color=INK, linewidth=1)
    if len(shares):
        several = len(shares) > 1
        drawn = [_share_row(row, several=several) for _, row in shares.iterrows()]
        _forest(panels[1], drawn, "share of the signal (%)", digits=1)
        panels[1].set_xlim(0, 100)
    finish(figure, title)
    for axes in panels:
        axes.grid(visible=False, axis="y")
    return figure


def _forest(axes: "Axes", rows: list[_Row], label: str, *, digits: int) -> None:
    positions = np.arange(len(rows))[::-1]
    for y, row in zip(positions, rows):
        bars = error_bars(*(np.array([value]) for value in (row.low, row.middle, row.high)))
        axes.errorbar(
            [row.middle],
            [y],
            xerr=bars,
            fmt="o",
            color=row.colour,
            markerfacecolor=row.colour if row.is_told_by_data else "white",
            capsize=2.5,
            linewidth=1.6,
        )
    axes.set_yticks(positions, [plain(row.text, 64) for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(label, fontsize=9)
    texts = [f"{number(row.middle, digits)}  [{number(row.low, digits)}, {number(row.high, digits)}]" for row in rows]
    right = axes.secondary_yaxis("right")
    right.set_yticks(positions, texts)
    right.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    right.spines["right"].set_visible(False)


def _part_rows(tree: "xarray.DataTree", material: Material) -> list[_Row]:
    """Parts that are known one by one, then the sums that stand in for the others."""
    table = _of(summarise_evidence(tree), material)
    table = table[table["median"].notna()]
    several = table["task"].nunique() > 1
    return [
        _Row(
            text=(f"{row['task']}: " if several else "") + _part_words(row),
            low=row["lower"],
            middle=row["median"],
            high=row["upper"],
            colour=_COLOURS["sum" if row["is_sum"] else row["component"]],
            is_told_by_data=row["told_by"] == DATA,
        )
        for _, row in table.iterrows()
    ]


def _share_row(row: pd.Series, *, several: bool) -> _Row:
    low, middle, high = (100 * row[name] for name in ("lower", "median", "upper"))
    text = (f"{row['task']}: " if several else "") + "right labels' share"
    told = row["told_by"] == DATA
    return _Row(text=text, low=low, middle=middle, high=high, colour=_COLOURS["labels"], is_told_by_data=told)


def _part_words(row: pd.Series) -> str:
    return f"sum: {_sum_words(row)}" if row["is_sum"] else _term_words(row["component"], row["format"])


def _sum_words(row: pd.Series) -> str:
    """Name the parts of a sum."""
    return written_sum(row["terms"], _term_words)


def _term_words(component: str, format: str) -> str:
    return _WORDS[component] + (f" {format}" if format else "")


def _caption(tree: "xarray.DataTree", material: Material) -> str:
    conditions = _of(summarise_conditions(tree), material)
    text = (
        "Posterior medians and 90 % intervals of what one more demonstration adds to the log-odds of the task against "
        f"no task, from {len(conditions)} kinds of demonstrations and zero shots; right labels are those that are all "
        "right. "
    )
    table = _of(summarise_evidence(tree), material)
    if table["is_sum"].any():
        text += "A sum is shown where these conditions do not identify its terms separately. "
    if (table["median"].notna() & (table["told_by"] != DATA)).any():
        text += (
            "Hollow: identified only with the prior of the label noise, the share of labels that are wrong under "
            "the task itself. "
        )
    return text + " ".join(diagnose(tree).sentences)


def _task_words(tree: "xarray.DataTree", material: Material, task: str) -> str:
    conditions = _of(summarise_conditions(tree), material, task)
    text = "" if len(_tasks(tree, material)) == 1 else f"On {task}: "
    text += _drift_words(conditions)
    parts = _of(summarise_evidence(tree), material, task)
    known = parts[parts["median"].notna() & ~parts["is_sum"]]
    if len(known):
        told = [f"{_part_words(row)} {_nats(row)}" for _, row in known.iterrows()]
        text += f" Of its parts, in nats: {listed(told)}."
    if (sums := parts[parts["is_sum"]])["is_sum"].any():
        told = [f"{_sum_words(row)} {_nats(row)}" for _, row in sums.iterrows()]
        text += f" These conditions identify only sums of the other parts: {listed(told)}."
    share = _of(label_share(tree), material, task).iloc[0]
    if share["told_by"] == PRIOR:
        text += " These conditions do not identify the share of the signal that right labels bring."
    elif conditions["note"].ne("").all():
        text += " So the share that right labels contribute rests on the prior, and is not quoted."
    else:
        text += f" Right labels bring {_share_words(share)} of the signal"
        text += "." if share["told_by"] == DATA else f", {share['note']}."
    return text + _break_even_words(_of(break_even(tree), material, task))


def _drift_words(conditions: pd.DataFrame) -> str:
    """Say how far the condition with most right labels moves the log-odds, and how far the others do."""
    if conditions["note"].ne("").all():
        return f"In every condition {conditions['note'].iloc[0]}."
    told = conditions[conditions["drift"].notna()].sort_values("share_correct", ascending=False, na_position="last")
    best = told.iloc[0]
    text = f"Each demonstration with {_kind(best)} moves the log-odds of the task by "
    text += f"{number(best['drift'])} nats ({interval_words(best['drift_lower'], best['drift_upper'], unit='nats')})"
    text += f"; P(signal > noise) = {number(best['prob_signal_exceeds_noise'])}"
    if leaves_out_zero(float(best["drift_lower"]), float(best["drift_upper"])) and math.isfinite(best["shots_needed"]):
        text += f", and {number(best['shots_needed'], 1)} of them bring it to a posterior of 90 %"
    others = [f"{_kind(row)} {number(row['drift'])}" for _, row in told.iloc[1:].iterrows()]
    return f"{text}." + (f" With others: {listed(others)}." if others else "")


def _break_even_words(rows: pd.DataFrame) -> str:
    if len(rows) != 1 or rows.iloc[0]["told_by"] == PRIOR:
        return ""
    row = rows.iloc[0]
    if row["prob_always"] > 0.5:
        return f" Signal exceeds noise even if all labels are wrong (P = {number(row['prob_always'])})."
    if row["prob_never"] > 0.5:
        return f" Signal exceeds noise at no share of right labels (P = {number(row['prob_never'])})."
    if math.isnan(row["median"]):
        return ""
    share = f"{points(row['median'])} % ({interval_words(row['lower'], row['upper'])})"
    return f" Signal equals noise where {share} of the labels are right; P(at no share) = {number(row['prob_none'])}."


def _kind(row: pd.Series) -> str:
    sides = [get_factor(name).in_words(value) for name, value in unusual(row, shows=True).items()]
    labels = "no labels" if row["label_mode"] == "none" else mode_words(row["label_mode"])
    return " and ".join([labels, *sides])


def _nats(row: pd.Series) -> str:
    return f"{number(row['median'])} ({number(row['lower'])} to {number(row['upper'])})"


def _share_words(row: pd.Series) -> str:
    return f"{points(row['median'])} % ({interval_words(row['lower'], row['upper'])})"


def _tasks(tree: "xarray.DataTree", material: Material) -> list[str]:
    return list(dict.fromkeys(_of(label_share(tree), material)["task"]))


def _of(table: pd.DataFrame, material: Material, task: str = "") -> pd.DataFrame:
    """Rows of the model, and of one task: the one named, or the material's where it is of one of several."""
    table, task = table[table["model"] == (material.own_name or material.model)], task or material.task
    return table[table["task"] == task] if task else table
