"""Figures of a comparison of accounts: how far each lies behind the best, and curves with shots held out."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from icl.concept.compare import Comparison
from icl.concept.extrapolate import CARRIED, Extrapolation
from probes.report.style import INK, error_bars, finish, new_figure, plain, png, shots_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_comparison", "plot_extrapolation", "write_comparison_figures"]

_COLOURS = ("#0072B2", "#D55E00", "#8a8a8a")
_DODGE = 0.11
_MOST_PANELS = 12
_CURVE = ["model", "task", "format", "example_length"]


def write_comparison_figures(compared: Comparison, extended: Extrapolation | None, folder: Path) -> None:
    """Draw what there is into the folder's figures."""
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    drawn: dict[str, "Figure | None"] = {"comparison": None, "extrapolation": None}
    if compared.table["rank"].notna().any():
        drawn["comparison"] = plot_comparison(compared)
    if extended is not None:
        drawn["extrapolation"] = plot_extrapolation(extended)
    for name, figure in drawn.items():
        path = figures / f"{name}.png"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(png(figure))


def plot_comparison(compared: Comparison) -> "Figure":
    """Draw how many nats each ranked account lies behind the best, with 90 % intervals and stacking weights."""
    rows = compared.table[compared.table["rank"].notna()]
    figure = new_figure(1.5 + 0.38 * len(rows), width=7.6)
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    reach = norm.ppf(0.95) * rows["difference_se"].to_numpy(dtype=float)
    middle = rows["difference"].to_numpy(dtype=float)
    bars = error_bars(middle - reach, middle, middle + reach)
    axes.errorbar(middle, places, xerr=bars, fmt="o", color=_COLOURS[0], ecolor=INK, capsize=3, linewidth=1.3)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, [plain(title) for title in rows["title"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(f"elpd behind the best, leaving out one {compared.unit} at a time (nats)", fontsize=9)
    right = axes.secondary_yaxis("right")
    right.set_yticks(places, [f"weight {weight:.2f}" for weight in rows["weight"]])
    right.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    right.spines["right"].set_visible(False)
    finish(figure, f"How well accounts predict an unseen {compared.unit}, against {rows['title'].iloc[0]}")
    axes.grid(visible=False, axis="y")
    return figure


def plot_extrapolation(extended: Extrapolation) -> "Figure":
    """Draw curves with held-out shots, a panel each: observed, and what two accounts and the baseline predicted."""
    table = extended.table[extended.table["crps"].notna()]
    laws = table[table["account"] != CARRIED]["account"].tolist()
    chosen = [*dict.fromkeys([laws[0], "drift-diffusion" if "drift-diffusion" in laws else laws[-1]])]
    titles = dict(zip(table["account"], table["title"]))
    panels = _panels(extended.cells[extended.cells["account"] == laws[0]])
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(1.5 + 2.5 * lines, width=9.0 if columns > 1 else 6.2)
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    handles: dict = {}
    for place, axes in enumerate(grid.flat):
        if place >= len(panels):
            axes.remove()
            continue
        name, curve = panels[place]
        shots = sorted(set(curve["num_shots"]))
        for rank, account in enumerate([*chosen, CARRIED]):
            rows = extended.cells[(extended.cells["account"] == account) & extended.cells["held_out"]]
            rows = rows.merge(curve[[*_CURVE, "label_mode", "demonstration_set", "num_shots"]])
            handles[titles[account]] = _intervals(axes, rows, rank)
        for held, face, words in ((False, INK, "observed, fitted to"), (True, "white", "observed, held out")):
            here = curve[curve["held_out"] == held]
            handles[words] = axes.plot(
                np.log2(here["num_shots"] + 1), here["observed"], "o", color=INK, markerfacecolor=face, markersize=5
            )[0]
        axes.axvline(np.log2(extended.shots + 1) + 0.4, color=INK, linewidth=0.8, linestyle=":")
        axes.set_title(plain(name, 36), fontsize=9)
        shots_axis(axes, shots)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (%)" if extended.unit == "points" else "mean log p(gold), nats", fontsize=9)
    title = f"Fitted to at most {extended.shots} shots: what was predicted of more (median and 90 % interval)"
    return finish(figure, title, handles=handles, columns=5)


def _panels(cells: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Curves with their names, zero-shot cells joined to each; the first few where there are many."""
    shown = cells[cells["num_shots"] > 0]
    varied = [name for name in [*_CURVE, "label_mode"] if shown[name].nunique(dropna=False) > 1]
    found = []
    for key, curve in shown.groupby([*_CURVE, "label_mode"], dropna=False, sort=False):
        here = dict(zip([*_CURVE, "label_mode"], key))
        start = cells[cells["num_shots"] == 0].merge(curve[_CURVE].drop_duplicates())
        words = [f"k = {here[name]}" if name == "example_length" else str(here[name]) for name in varied]
        found.append((", ".join(words), pd.concat([start, curve], ignore_index=True)))
    return found[:_MOST_PANELS]


def _intervals(axes, rows: pd.DataFrame, rank: int):
    """Bars of predictions, each account a little to the side of the other."""
    low, middle, high = (rows[name].to_numpy(dtype=float) for name in ("lower", "median", "upper"))
    x = np.log2(rows["num_shots"].to_numpy(dtype=float) + 1) + _DODGE * (rank - 1) * 1.6
    style = {"color": _COLOURS[rank % len(_COLOURS)], "fmt": "_", "markersize": 5, "linewidth": 3.0, "alpha": 0.75}
    return axes.errorbar(x, middle, yerr=error_bars(low, middle, high), **style)
