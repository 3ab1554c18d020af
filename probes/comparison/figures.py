"""Figures of a comparison of accounts: how far each lies behind the best, and curves with shots held out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from icl.concept.extrapolate import CARRIED, Extrapolation
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
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_comparison", "draw_extrapolation", "write_comparison_figures"]

_LAWS = ("#0072B2", "#D55E00")
_DODGE = 0.16
_COLUMNS = 3
_MOST_PANELS = 12
_CURVE = ["model", "task", "format", "example_length"]
_CELL = [*_CURVE, "label_mode", "demonstration_set", "num_shots"]


def write_comparison_figures(table: pd.DataFrame, unit: str, extended: Extrapolation | None, folder: Path) -> None:
    """Draw what there is into the folder's figures."""
    figures = disk.make_folder(folder / "figures")
    drawn = {
        "comparison": draw_comparison(table, unit),
        "extrapolation": None if extended is None else draw_extrapolation(extended),
    }
    for name, found in drawn.items():
        path = figures / f"{name}.png"
        if found is None:
            disk.remove(path)
        else:
            disk.write_whole(path, png(found.figure))


def draw_comparison(table: pd.DataFrame, unit: str) -> Drawn | None:
    """Draw how many nats each ranked account lies behind the best; None where no two can be compared.

    Parameters
    ----------
    table, unit
        As of `icl.concept.compare.Comparison`.
    """
    rows = table[table["rank"].notna()]
    if len(rows) < 2:
        return None
    best = rows["title"].iloc[0]
    title = f"How well accounts predict an unseen {unit}, against {best}"
    caption = (
        f"Elpd minus that of {best}, which is highest and is placed at 0; further left is worse. Bars: 90 % intervals "
        f"of the difference, from {rows['num_units'].iloc[0]} units left out one at a time. On the right: "
        "stacking weights."
    )
    return Drawn(name="comparison", title=title, caption=caption, figure=_ranking(rows, title))


def draw_extrapolation(extended: Extrapolation) -> Drawn | None:
    """Draw curves with held-out shots, a panel each; None where no account converged.

    The account with the smallest CRPS is drawn, drift–diffusion beside it (the runner-up where that is the best itself
    or is not there), and the baseline.
    """
    table = extended.table[extended.table["converged"].fillna(False)]
    if table.empty:
        return None
    laws = table["account"].tolist()
    others = ["drift-diffusion"] if "drift-diffusion" in laws[1:] else laws[1:2]
    carried = extended.table[(extended.table["account"] == CARRIED) & extended.table["crps"].notna()]
    titles = dict(zip(table["account"], table["title"])) | dict(zip(carried["account"], carried["title"]))
    shown = [laws[0], *others, *carried["account"]]
    extended = replace(extended, cells=_held_out_curves(extended))
    panels = list(_panels(extended.cells[extended.cells["account"] == laws[0]]))
    title = f"{extended.hold_out.words}: predictions"
    caption = (
        "Filled dots were fitted to; hollow ones were held out. Beside them: medians and "
        "90 % intervals of what was predicted, noise of the answers included. Lines join an account's medians, those "
        "of the cells that it was fitted to among them."
    )
    if extended.cells.loc[extended.cells["num_shots"] > 0, "demonstration_set"].nunique() > 1:
        caption += " Each demonstration set has dots and intervals of its own; lines join their means."
    if len(panels) > _MOST_PANELS:
        caption += f" The first {_MOST_PANELS} of {len(panels)} curves."
    figure = _curves(extended, panels[:_MOST_PANELS], {account: titles[account] for account in shown}, title)
    return Drawn(name="extrapolation", title=title, caption=caption, figure=figure)


def _ranking(rows: pd.DataFrame, title: str) -> "Figure":
    figure = new_figure(1.5 + 0.38 * len(rows), width=7.6)
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    reach = norm.ppf(0.95) * rows["difference_se"].to_numpy(dtype=float)
    middle = rows["difference"].to_numpy(dtype=float)
    bars = error_bars(middle - reach, middle, middle + reach)
    axes.errorbar(middle, places, xerr=bars, fmt="o", color=_LAWS[0], ecolor=INK, capsize=3, linewidth=1.3)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, [plain(title) for title in rows["title"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("elpd minus that of the best (nats)", fontsize=9)
    right = axes.secondary_yaxis("right")
    right.set_yticks(places, [f"weight {weight:.2f}" for weight in rows["weight"]])
    right.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    right.spines["right"].set_visible(False)
    finish(figure, title)
    axes.grid(visible=False, axis="y")
    return figure


def _curves(
    extended: Extrapolation, panels: list[tuple[str, pd.DataFrame]], titles: dict[str, str], title: str
) -> "Figure":
    columns = min(_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(1.6 + 2.3 * lines, width=9.0 if columns > 1 else 6.2)
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    handles: dict = {}
    for place, axes in enumerate(grid.flat):
        if place >= len(panels):
            axes.remove()
            continue
        name, curve = panels[place]
        for rank, (account, words) in enumerate(titles.items()):
            rows = extended.cells[extended.cells["account"] == account].merge(curve[_CELL])
            handles[words] = _predictions(axes, rows, rank, is_law=account != CARRIED)
        for held, face, words in ((False, INK, "observed, fitted to"), (True, "white", "observed, held out")):
            here = curve[curve["held_out"] == held]
            style = {"color": INK, "markerfacecolor": face, "markersize": 5, "zorder": 4}
            handles[words] = axes.plot(np.log2(here["num_shots"] + 1), here["observed"], "o", **style)[0]
        if extended.hold_out.origin is not None:
            axes.axvline(np.log2(extended.hold_out.origin + 1) + 0.2, color=INK, linewidth=0.8, linestyle=":")
        axes.set_title(plain(name, 36), fontsize=8.5)
        shots_axis(axes, sorted(set(curve["num_shots"])))
        if place + columns < len(panels):
            axes.set_xlabel("")
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (%)" if extended.unit == "points" else "mean log p(gold), nats", fontsize=9)
    return finish(figure, title, handles=handles, columns=5)


def _held_out_curves(extended: Extrapolation) -> pd.DataFrame:
    """Cells of the curves that each fold holds out, from the first origin."""
    cells = extended.cells
    if extended.hold_out.kind == "shots":
        return cells[cells["fold"] == cells["fold"].iloc[0]]
    name = extended.hold_out.kind
    first = cells.loc[cells["held_out"], ["fold", name]].drop_duplicates(name)
    return cells.merge(first)


def _panels(cells: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Curves with their names, zero-shot cells joined to each."""
    shown = cells[cells["num_shots"] > 0]
    names = [*_CURVE, "label_mode"]
    varied = [name for name in names if shown[name].nunique(dropna=False) > 1]
    for key, curve in shown.groupby(names, dropna=False, sort=False):
        here = dict(zip(names, key))
        start = cells[cells["num_shots"] == 0].merge(curve[_CURVE].drop_duplicates())
        words = [f"k = {here[name]}" if name == "example_length" else str(here[name]) for name in varied]
        yield ", ".join(words), pd.concat([start, curve], ignore_index=True)


def _predictions(axes: "Axes", rows: pd.DataFrame, rank: int, *, is_law: bool):
    """Intervals of held-out cells, accounts left of what was observed and the baseline right; a law as a line too."""
    colour = _LAWS[rank] if is_law else CHANCE
    if is_law:
        line = rows.groupby("num_shots")["median"].mean()
        axes.plot(np.log2(line.index.to_numpy(dtype=float) + 1), line, color=colour, linewidth=1.0, alpha=0.8)
    held = rows[rows["held_out"]]
    low, middle, high = (held[name].to_numpy(dtype=float) for name in ("lower", "median", "upper"))
    x = np.log2(held["num_shots"].to_numpy(dtype=float) + 1) + _DODGE * (-1 - rank if is_law else 1)
    style: dict[str, Any] = {
        "color": colour,
        "fmt": "_",
        "markersize": 7,
        "markeredgewidth": 2.0,
        "linewidth": 2.0,
        "alpha": 0.85,
    }
    return axes.errorbar(x, middle, yerr=error_bars(low, middle, high), **style)
