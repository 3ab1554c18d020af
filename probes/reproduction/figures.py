"""Figures of a reproduction: our curves, the published ones (dashed) and the ceiling of exact Bayes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probes import disk
from probes.figures.drawn import Drawn
from probes.figures.picture import png
from probes.figures.style import (
    CHANCE,
    INK,
    error_bars,
    finish,
    new_figure,
    plain,
    shots_axis,
    shots_colour,
)
from probes.reproduction.execute import Results
from probes.reproduction.published import PUBLISHED, PUBLISHED_LENGTHS, PUBLISHED_SHOTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_reproduction", "plot_ablations", "plot_curves", "plot_order", "plot_share", "write_figures"]

_STYLES = {
    "ginc-tiny": ("#56B4E9", "o"),
    "ginc-small": ("#0072B2", "s"),
    "ginc-large": ("#08306B", "D"),
    "ginc-lstm": ("#D55E00", "^"),
}
_OTHER = (("#009E73", "v"), ("#CC79A7", "P"), ("#E69F00", "X"))
"""For checkpoints that are none of the zoo's."""

_REFERENCES = {
    "transformer-4-layer": ("#56B4E9", "published, 4 layers"),
    "transformer-16-layer": ("#08306B", "published, 16 layers"),
    "lstm-6-layer": ("#D55E00", "published, LSTM"),
}

_ABLATIONS = (
    ("ginc-random", "seen-concepts", "random-data-4-layer", "trained on random tokens"),
    ("ginc-single-concept", "seen-concepts", "single-concept-4-layer", "trained on one concept"),
    ("ginc-small", "unseen-concepts", "unseen-concepts-4-layer", "asked unseen concepts"),
    ("ginc-fast-entities", "fast-entities", "fast-changing-entities-4-layer", "fast-changing entities"),
    ("ginc-deterministic", "near-deterministic", "", "near-deterministic transitions"),
)
"""Model, experiment, published curve and words of each panel."""

_ABLATED = ("ginc-random", "ginc-single-concept")


def write_figures(results: Results, folder: Path) -> None:
    """Write every figure that the results feed into `folder`/figures as PNG."""
    store = disk.make_folder(folder / "figures")
    for drawn in draw_reproduction(results):
        disk.write_whole(store / f"{drawn.name}.png", png(drawn.figure))


def draw_reproduction(results: Results) -> Iterator[Drawn]:
    """Draw every figure that the results feed."""
    bars = "Bars are 90 % intervals."
    if _mixture_models(results.cells):
        title = "In-context accuracy against the number of examples"
        caption = f"Dashed: published with Xie et al. 2022, on its own family. {bars}"
        yield Drawn(name="curves", title=title, caption=caption, figure=plot_curves(results.cells, title=title))
        title = "Accuracy as a share of exact Bayes's, by size of the model, with the time of its training"
        figure = plot_share(results.cells, results.record, title=title)
        yield Drawn(
            name="share", title=title, caption=f"Averaged over prompts, at n = 16 and 64. {bars}", figure=figure
        )
    if _ablations(results.cells):
        title = "Where in-context learning is said to fail, and near-deterministic transitions"
        figure = plot_ablations(results.cells, title=title)
        yield Drawn(name="ablations", title=title, caption=f"Dashed: published. {bars}", figure=figure)
    for model in dict.fromkeys(results.spreads["model"]):
        spreads = results.spreads[results.spreads["model"] == model].groupby("example_length")["spread"].mean()
        most, least = spreads.idxmax(), spreads.idxmin()
        title = f"{model}: orders of four examples lie {100 * spreads[most]:.1f} points apart at k = {most}, "
        title += f"{100 * spreads[least]:.1f} at k = {least}"
        caption = (
            "A column is a set of examples, a dot one of its 24 orders. The spread of a set compares, on half of its "
            "queries, the orders that were best and worst on the other; in brackets the plain largest minus smallest, "
            "and what identical orders show."
        )
        figure = plot_order(results.orders, results.spreads, model=model, title=title)
        yield Drawn(name=f"order_{model}", title=title, caption=caption, figure=figure)


def plot_curves(cells: pd.DataFrame, *, title: str = "") -> "Figure":
    """Accuracy against n, a panel an example length: our models, published curves and the ceiling."""
    rows = cells[cells["experiment"] == "seen-concepts"]
    figure = new_figure(7.6)
    panels = figure.subplots(2, 2, sharey=True).ravel()
    handles: dict = {}
    models = _mixture_models(cells)
    for place, (axes, length) in enumerate(zip(panels, PUBLISHED_LENGTHS)):
        block = rows[rows["example_length"] == length]
        for model in models:
            colour, marker = _style(model, models)
            handles[plain(model)] = _curve(axes, block[block["model"] == model], colour, marker)
        handles["exact Bayes"] = _ceiling(axes, block[block["model"] == models[0]])
        for curve, (colour, words) in _REFERENCES.items():
            handles[words] = _published(axes, curve, length, colour)
        _dress(axes, f"k = {length}", first=place % 2 == 0)
    return finish(figure, title, handles=handles, columns=4)


def plot_ablations(cells: pd.DataFrame, *, title: str = "") -> "Figure":
    """Accuracy against n, a panel an ablation, a colour an example length; the ceiling of k = 10 in the same family."""
    shown = _ablations(cells)
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = new_figure(1.4 + 2.9 * lines, width=9.0 if columns > 1 else 6.2)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    handles: dict = {}
    for place, axes in enumerate(panels.ravel()):
        if place >= len(shown):
            axes.remove()
            continue
        model, experiment, published, words = shown[place]
        rows = cells[(cells["model"] == model) & (cells["experiment"] == experiment)]
        for number, length in enumerate(PUBLISHED_LENGTHS):
            colour = shots_colour(number, len(PUBLISHED_LENGTHS))
            if published:
                _published(axes, published, length, colour)
            block = rows[rows["example_length"] == length]
            handles[f"k = {length}"] = _curve(axes, block, colour, "osD^"[number])
            ceiling = _ceiling(axes, block, colour)
        handles["published (colours as ours)"] = _key(axes, "--")
        handles["exact Bayes"] = ceiling
        _dress(axes, words, first=place % columns == 0)
    return finish(figure, title, handles=handles, columns=6)


def plot_order(orders: pd.DataFrame, spreads: pd.DataFrame, *, model: str, title: str = "") -> "Figure":
    """Accuracy of each of the 24 orders, a column a set of four examples, a panel an example length."""
    figure = new_figure(5.6)
    panels = figure.subplots(2, 2, sharey=True, sharex=True).ravel()
    for place, (axes, length) in enumerate(zip(panels, PUBLISHED_LENGTHS)):
        block = orders[(orders["model"] == model) & (orders["example_length"] == length)]
        spread = spreads[(spreads["model"] == model) & (spreads["example_length"] == length)]
        sideways = np.linspace(-0.25, 0.25, 24)[block["order"].to_numpy(dtype=int)]
        axes.plot(block["set"] + 1 + sideways, 100 * block["accuracy"], "o", color="#0072B2", markersize=2.5, alpha=0.6)
        axes.set_title(
            f"k = {length}: {100 * spread['spread'].mean():.1f} points (measured {100 * spread['raw'].mean():.1f}, by "
            f"chance {100 * spread['chance'].mean():.1f})",
            fontsize=9.5,
            loc="left",
        )
        axes.set_xticks(sorted(set(block["set"] + 1)))
        axes.set_ylim(0, 103)
        if place % 2 == 0:
            axes.set_ylabel("accuracy (%)", fontsize=9)
        if place >= 2:
            axes.set_xlabel("set of four examples", fontsize=9)
    return finish(figure, title)


def plot_share(cells: pd.DataFrame, record: dict, *, title: str = "") -> "Figure":
    """Accuracy divided by exact Bayes's on the same prompts, models by number of weights, a panel n = 16 and 64.

    `record` holds weights (`parameters`) and `training_seconds` by model.
    """
    parameters, seconds = record["parameters"], record["training_seconds"]
    models = sorted(_mixture_models(cells), key=lambda model: parameters.get(model) or 0)
    rows = cells[(cells["experiment"] == "seen-concepts") & cells["model"].isin(models)]
    figure = new_figure(4.4)
    panels = figure.subplots(1, 2, sharey=True)
    handles: dict = {}
    for place, (axes, num_shots) in enumerate(zip(panels, (16, 64))):
        for number, length in enumerate(PUBLISHED_LENGTHS):
            block = rows[(rows["num_shots"] == num_shots) & (rows["example_length"] == length)]
            block = block.set_index("model").loc[models]
            low, share, high = (100 * block[name].to_numpy() for name in ("share_low", "share", "share_high"))
            handles[f"k = {length}"] = axes.errorbar(
                np.arange(len(models)) + 0.08 * (number - 1.5),
                share,
                yerr=error_bars(low, share, high),
                fmt="osD^"[number],
                color=shots_colour(number, len(PUBLISHED_LENGTHS)),
                markersize=5,
                linewidth=1.3,
                capsize=2,
            )
        handles["exact Bayes"] = axes.axhline(100, color=CHANCE, linewidth=1)
        sizes = [
            f"{plain(model, 16)}\n{(parameters.get(model) or 0) / 1e6:.2f} M\n{(seconds.get(model) or 0) / 60:.0f} min"
            for model in models
        ]
        axes.set_xticks(range(len(models)), sizes)
        axes.set_xlim(-0.5, len(models) - 0.5)
        axes.set_title(f"n = {num_shots}", fontsize=10, loc="left")
        axes.set_xlabel("model, its weights, and minutes of training", fontsize=9)
        if place == 0:
            axes.set_ylabel("share of exact Bayes's accuracy (%)", fontsize=9)
    return finish(figure, title, handles=handles, columns=5)


def _curve(axes: "Axes", block: pd.DataFrame, colour: str, marker: str):
    block = block.sort_values("num_shots")
    low, middle, high = (100 * block[name].to_numpy() for name in ("low", "accuracy", "high"))
    return axes.errorbar(
        np.log2(block["num_shots"].to_numpy(dtype=float) + 1),
        middle,
        yerr=error_bars(low, middle, high),
        fmt=f"{marker}-",
        color=colour,
        markersize=4.5,
        linewidth=1.5,
        capsize=1.5,
    )


def _published(axes: "Axes", curve: str, length: int, colour: str):
    values = PUBLISHED[curve][PUBLISHED_LENGTHS.index(length)]
    x = np.log2(np.array(PUBLISHED_SHOTS) + 1.0)
    return axes.plot(x, values, linestyle="--", color=colour, alpha=0.55, linewidth=1.2, zorder=1.5)[0]


def _ceiling(axes: "Axes", block: pd.DataFrame, colour: str = INK):
    block = block.sort_values("num_shots")
    x = np.log2(block["num_shots"].to_numpy(dtype=float) + 1)
    return axes.plot(x, 100 * block["ceiling"], color=colour, linewidth=1.2, linestyle=":")[0]


def _key(axes: "Axes", dashes: str):
    return axes.plot([], [], linestyle=dashes, color=CHANCE, linewidth=1.2)[0]


def _dress(axes: "Axes", title: str, *, first: bool) -> None:
    shots_axis(axes, list(PUBLISHED_SHOTS))
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylim(0, 103)
    if first:
        axes.set_ylabel("accuracy (%)", fontsize=9)


def _mixture_models(cells: pd.DataFrame) -> list[str]:
    rows = cells[(cells["experiment"] == "seen-concepts") & ~cells["model"].isin(_ABLATED)]
    return list(dict.fromkeys(rows["model"]))


def _ablations(cells: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    asked = set(zip(cells["model"], cells["experiment"]))
    return [panel for panel in _ABLATIONS if panel[:2] in asked]


def _style(model: str, models: list[str]) -> tuple[str, str]:
    others = [name for name in models if name not in _STYLES]
    return _STYLES[model] if model in _STYLES else _OTHER[others.index(model) % len(_OTHER)]
