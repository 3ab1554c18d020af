"""Figures of recovery: where ranks leave their band, and the fitted drift against the exact one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.concept.uniformity import BAND, ecdf_band, ecdf_difference
from probes.figures.drawn import Drawn
from probes.figures.style import CHANCE, INK, error_bars, finish, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_agreement", "draw_sbc", "plot_agreement", "plot_ranks"]

_INSIDE = "#56B4E9"
_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#882255", "#332288", "#661100", "#999933")


def draw_sbc(ranks: pd.DataFrame, summary: pd.DataFrame) -> Iterator[Drawn]:
    """Draw one figure per trial, with its words."""
    for trial, found in ranks.groupby("trial", sort=False):
        rows = summary[(summary["trial"] == trial) & (summary["same_as"] == "")]
        title = f"{trial}: where true values lie among posterior draws, against where they should"
        caption = (
            f"ECDF of the places of true values minus the uniform one; grey: {BAND:.0%} band for a whole curve. Curves "
            "of one trial are not independent."
        )
        figure = plot_ranks(found, rows, title=title)
        yield Drawn(name=str(trial), title=title, caption=caption, figure=figure)


def plot_ranks(ranks: pd.DataFrame, summary: pd.DataFrame, *, title: str = "") -> "Figure":
    """ECDF differences of every quantity of one trial; those that leave the band are named."""
    figure = new_figure(4.0, width=7.0)
    axes = figure.subplots()
    fitted = ranks[ranks["rank"].notna()]
    num_fits = fitted["simulation"].nunique()
    points, low, high = ecdf_band(max(num_fits, 2))
    handles: dict = {f"{BAND:.0%} band": axes.fill_between(points, low, high, color="#dddddd", linewidth=0)}
    outside = 0
    for row in summary.sort_values("uniform", ascending=False, kind="stable").itertuples():
        places = fitted.loc[fitted["quantity"] == row.quantity, "place"].to_numpy()
        if not len(places):
            continue
        difference = ecdf_difference(places, points)
        if row.uniform:
            (handles["inside"],) = axes.plot(points, difference, color=_INSIDE, linewidth=0.8, alpha=0.7)
        else:
            colour = _COLOURS[outside % len(_COLOURS)]
            (handles[plain(row.quantity)],) = axes.plot(points, difference, color=colour, linewidth=1.5)
            outside += 1
    axes.axhline(0, color=CHANCE, linewidth=0.8)
    axes.set_xlabel("place of the true value among posterior draws", fontsize=9, color=INK)
    axes.set_ylabel("ECDF − uniform", fontsize=9, color=INK)
    return finish(figure, title, handles=handles, columns=3)


def draw_agreement(conditions: pd.DataFrame) -> Iterator[Drawn]:
    """Draw the fitted drift of every predictor and k against the exact one, with its words."""
    title = "Drift fitted to answers, against the exact growth of the log-odds that are acted on"
    caption = (
        "One point per predictor and example length k, with 90 % intervals; nats per demonstration. τ is known for "
        "tempered Bayesians; for trained models it is what their next-token distributions imply. Dotted: equal."
    )
    yield Drawn(name="agreement", title=title, caption=caption, figure=plot_agreement(conditions, title=title))


def plot_agreement(conditions: pd.DataFrame, *, title: str = "") -> "Figure":
    """Fitted against exact drift, a panel for each way of counting answers; tempered Bayesians are filled."""
    ways = list(dict.fromkeys(conditions["answers"]))
    figure = new_figure(4.8)
    panels = figure.subplots(1, len(ways), sharex=True, sharey=True, squeeze=False).ravel()
    lengths = sorted(conditions["example_length"].unique())
    handles: dict = {}
    for axes, way in zip(panels, ways):
        rows = conditions[conditions["answers"] == way]
        for place, length in enumerate(lengths):
            for known in (True, False):
                found = rows[(rows["example_length"] == length) & (rows["true_temperature"].notna() == known)]
                if found.empty:
                    continue
                low, middle, high = (found[name].to_numpy() for name in ("drift_lower", "drift", "drift_upper"))
                colour, marker = _COLOURS[place % len(_COLOURS)], "osD^v<>P"[place % 8]
                label = f"k = {length}, {'tempered Bayes' if known else 'trained model'}"
                handles[label] = axes.errorbar(
                    found["acted_drift"],
                    middle,
                    yerr=error_bars(low, middle, high),
                    fmt=marker,
                    color=colour,
                    markerfacecolor=colour if known else "white",
                    markersize=5,
                    elinewidth=0.8,
                )
        ends = np.array([1e-3, max(10.0, rows["acted_drift"].max())])
        axes.plot(ends, ends, color=CHANCE, linewidth=0.9, linestyle=":")
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_yscale("symlog", linthresh=0.1)
        axes.set_title(f"{way} answers", fontsize=10, color=INK)
        axes.set_xlabel("exact growth of the log-odds (nats per demonstration)", fontsize=9, color=INK)
    panels[0].set_ylabel("fitted drift (nats per demonstration)", fontsize=9, color=INK)
    return finish(figure, title, handles=handles, columns=4)
