"""How far the orders of the same demonstrations lie apart: every order of every demonstration set (Lu)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.factors import BARE_COLUMNS, condition_columns
from icl.metrics.table import without_search
from probes.figures.drawn import Drawn
from probes.figures.style import CHANCE, INK, finish, new_figure
from probes.figures.words import interval_words, points, span_words
from probes.findings.material import Material
from probes.findings.selection import length_words
from probes.report.section import GOLD_PROBABILITY, Sentence, one_setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_orders", "plot_query_orders", "say"]

_KEYS = condition_columns("model", "task")

_FEWEST_QUERIES = 5
"""A demonstration set whose orders were asked of fewer queries has no accuracy to draw."""

_FEWEST_PROMPTS = 10
"""Fewer queries with demonstrations of their own make no figure."""

_MOST_TICKS = 20


def draw(material: Material) -> Drawn | None:
    """Draw the orders: a column a set, or where each query has demonstrations of its own, a column a prompt."""
    rows = _rows(material, _FEWEST_QUERIES)
    if rows is not None:
        return _of_sets(material, rows)
    rows = _rows(material, 1)
    if rows is None or rows["query_id"].nunique() < _FEWEST_PROMPTS:
        return None
    first = rows.iloc[0]
    title = (
        f"{material.model}, {first['num_shots']} shots: a query's answer has, over the orders of its demonstrations, a "
    )
    title += f"standard deviation of {_deviation(material, first, 'accuracy')}"
    caption = (
        f"Each query has demonstrations of its own, asked in {rows['order'].nunique()} orders. Left: how many of a "
        "query's orders are answered right; none or all where the order does not matter. Right: the gold label's "
        f"probability, one column per query, one dot per order, bars for the means of queries. {_where(first)}"
    )
    return Drawn(name="order", title=title, caption=caption, figure=plot_query_orders(material, title=title))


def _of_sets(material: Material, rows: pd.DataFrame) -> Drawn:
    first = rows.iloc[0]
    title = f"{material.model}, {first['num_shots']} shots: best and worst order of a set are "
    title += f"{_spread(material, first, 'accuracy')} apart"
    queries = span_words(rows.groupby("demonstration_set_id")["query_id"].nunique())
    caption = (
        f"A dot is one of the {rows['order'].nunique()} orders of the same demonstrations that were asked, averaged "
        f"over {queries} queries; a bar is the mean of a set. Dots scatter by chance as well: the spread in the "
        "title is inferred (its posterior, averaged over sets; never below 0), that of the dots is larger. "
        f"{_where(first)}"
    )
    return Drawn(name="order", title=title, caption=caption, figure=plot_orders(material, title=title))


def say(material: Material) -> Sentence | None:
    """Say the spread over orders where it is known, else how much the answer to one query varies with the order."""
    spreads = material.rows("order_spread_posterior", "accuracy")
    within = material.rows("order_sd_query", "accuracy")
    if within.empty:
        return None
    within = within.sort_values("num_shots", ascending=False, kind="stable")
    first = within.iloc[0]
    if (rows := _rows(material, _FEWEST_QUERIES)) is not None:
        first = rows.iloc[0]
    shots = f"{first['num_shots']} shots, {first['label_mode']} labels, format {first['format']}"
    told, lead = [], ""
    if len(_same(spreads, first)):
        found = f"best and worst order of a set are {_spread(material, first, 'accuracy')} of accuracy apart"
        told.append(f"{found} and {_spread(material, first, 'gold_probability')} of {GOLD_PROBABILITY}")
        lead = f"{material.model}, at {shots}: {found}."
    query = (
        f"the answer to one query has a standard deviation over orders of {_deviation(material, first, 'accuracy')}, "
        f"{GOLD_PROBABILITY} one of {_deviation(material, first, 'gold_probability')}"
    )
    told.append(query)
    return Sentence(
        topic="Order",
        text=f"At {shots}: {'; '.join(told)}. Neither is ever below 0.",
        lead=lead or f"{material.model}, at {shots}: {query}.",
    )


def plot_orders(material: Material, *, title: str = "") -> "Figure":
    """Accuracy and the gold label's probability of every order, a column a demonstration set."""
    rows = _rows(material, _FEWEST_QUERIES)
    if rows is None:
        raise ValueError(f"{material.model} was asked in one order only, or of too few queries")
    figure = new_figure(3.9)
    panels = figure.subplots(1, 2)
    handles: dict = {}
    labels = {"accuracy": "accuracy (%)", "gold_probability": "probability of the gold label (%)"}
    for axes, (score, label) in zip(panels, labels.items()):
        _strips(axes, rows, score, handles)
        if material.chance is not None:
            handles["chance"] = axes.axhline(100 * material.chance, color=CHANCE, linewidth=1, linestyle=":")
        axes.set_ylabel(label, fontsize=9)
        axes.set_xlabel("demonstration set", fontsize=9)
    return finish(figure, title, handles=handles)


def plot_query_orders(material: Material, *, title: str = "") -> "Figure":
    """How many orders of a query's own demonstrations are answered right, and the gold label's probability of each."""
    rows = _rows(material, 1)
    if rows is None:
        raise ValueError(f"{material.model} was asked in one order only")
    figure = new_figure(3.9)
    left, right = figure.subplots(1, 2)
    prompts = rows.groupby(["demonstration_set_id", "query_id"], sort=False)
    most = int(prompts.size().max())
    right_orders = prompts["accuracy"].sum().round().astype(int)
    counts = np.bincount(right_orders, minlength=most + 1)
    left.bar(np.arange(most + 1), 100 * counts / counts.sum(), color="#0072B2", width=0.8)
    left.set_xticks(np.unique(np.linspace(0, most, 5).round().astype(int)))
    left.set_xlabel(f"orders answered right, of {most}", fontsize=9)
    left.set_ylabel("queries (%)", fontsize=9)
    handles: dict = {}
    values = [block["gold_probability"].to_numpy() for _, block in prompts]
    for place, block in enumerate(sorted(values, key=lambda block: float(block.mean()))):
        drawn = right.plot(np.full(len(block), place), 100 * block, "o", color="#0072B2", markersize=2, alpha=0.4)
        handles["one order"] = drawn[0]
        handles["mean of the query's orders"] = right.hlines(
            100 * block.mean(), place - 0.5, place + 0.5, color=INK, linewidth=1.6
        )
    right.set_xlabel("queries, by their mean", fontsize=9)
    right.set_ylabel("probability of the gold label (%)", fontsize=9)
    return finish(figure, title, handles=handles)


def _strips(axes: "Axes", rows: pd.DataFrame, score: str, handles: dict) -> None:
    names = list(dict.fromkeys(rows["demonstration_set_id"]))
    for place, name in enumerate(names):
        means = 100 * rows[rows["demonstration_set_id"] == name].groupby("order")[score].mean().sort_index().to_numpy()
        sideways = np.linspace(-0.28, 0.28, len(means)) if len(means) > 1 else np.zeros(1)
        drawn = axes.plot(
            place + sideways, means, "o", color="#0072B2", markersize=4, alpha=0.6, markeredgewidth=0, zorder=3
        )
        handles["one order"] = drawn[0]
        handles["mean of the set's orders"] = axes.hlines(
            means.mean(), place - 0.36, place + 0.36, color=INK, linewidth=1.6
        )
    step = -(-len(names) // _MOST_TICKS)
    axes.set_xticks(range(0, len(names), step), [str(place + 1) for place in range(0, len(names), step)])
    axes.set_xlim(-0.6, len(names) - 0.4)


def _rows(material: Material, fewest_queries: int) -> pd.DataFrame | None:
    """Outcomes of the setting with most orders (of those gold labels first), of sets with queries enough."""
    if material.outcomes is None:
        return None
    shown = without_search(material.outcomes)
    shown = shown[(shown["num_shots"] > 1) & (shown["option_order"] == 0) & (shown["label_draw"] == 0)]
    queries = shown.groupby([*_KEYS, "demonstration_set_id"], dropna=False, sort=False)["query_id"].transform("nunique")
    shown = shown[queries >= fewest_queries]
    groups = [rows for _, rows in shown.groupby(list(_KEYS), dropna=False, sort=False)]
    groups = [rows for rows in groups if rows["order"].nunique() > 1]
    if not groups:
        return None
    return max(groups, key=lambda rows: (rows["order"].nunique(), (rows["label_mode"] == "gold").all()))


def _where(first: pd.Series) -> str:
    length = length_words(first["example_length"])
    return f"{str(first['label_mode']).capitalize()} labels, format {first['format']}{', ' if length else ''}{length}."


def _same(rows: pd.DataFrame, like: pd.Series) -> pd.DataFrame:
    return one_setting(rows, like, *condition_columns(*BARE_COLUMNS))


def _spread(material: Material, like: pd.Series, score: str) -> str:
    return _points(_same(material.rows("order_spread_posterior", score), like))


def _deviation(material: Material, like: pd.Series, score: str) -> str:
    return _points(_same(material.rows("order_sd_query", score), like))


def _points(rows: pd.DataFrame) -> str:
    """An amount in points with its interval, or why there is none."""
    if rows.empty or np.isnan(rows.iloc[0]["estimate"]):
        return "an unknown number of points"
    row = rows.iloc[0]
    return f"{points(row['estimate'])} points ({interval_words(row['low'], row['high'])})"
