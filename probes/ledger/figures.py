"""Figures of a ledger: what demonstrations bring, which concepts models act on, how good forecasts of success are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.metrics.uncertainty import clustered_share
from probes.figures.drawn import Drawn
from probes.figures.style import CHANCE, INK, error_bars, finish, new_figure, plain, shots_axis
from probes.ledger.measure import LedgerResults

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_ledger", "plot_books", "plot_concepts", "plot_forecasts"]

_ORACLE = "oracle"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#08306B", "#882255")
_MARKERS = "os^DvP<X"
_FEWEST = 20
"""Forecasts that a point of the reliability curve rests on, at least."""


def draw_ledger(results: LedgerResults) -> Iterator[Drawn]:
    """Draw every figure, with its words."""
    title = "What one demonstration says for the right concept, against the hardest competitor"
    caption = "Exact, in nats; means over prompts. Noise is taken away by the joints, which no document has."
    yield Drawn(name="ledger", title=title, caption=caption, figure=plot_books(results.books, title=title))
    title = "The weight of the right concept: what exact Bayes knows, and what models act on"
    caption = "The mixture of concepts nearest to a model's predictions. Bars are 90 % intervals over prompts."
    yield Drawn(name="concepts", title=title, caption=caption, figure=plot_concepts(results.behaviour, title=title))
    title = "Success forecast from the ledger, and success"
    caption = (
        f"Bins of ten percent that hold at least {_FEWEST} forecasts; bars are 90 % intervals, clustered by prompt."
    )
    yield Drawn(name="forecasts", title=title, caption=caption, figure=plot_forecasts(results.forecasts, title=title))


def plot_books(books: pd.DataFrame, *, title: str = "") -> "Figure":
    """Bars of signal upwards, of noise downwards, drift as a point: one column an example length."""
    figure = new_figure(4.2, width=7.0)
    axes = figure.subplots()
    place = np.arange(len(books))
    handles: dict = {"signal (inside an example)": axes.bar(place, books["signal"], width=0.55, color="#0072B2")}
    above, below = books["signal"].clip(lower=0).to_numpy(), np.zeros(len(books))
    for column, words, colour in (
        ("start_noise", "noise: start of an example", "#E69F00"),
        ("delimiter_noise", "noise: delimiter", "#D55E00"),
    ):
        taken = -books[column].to_numpy()  # joints may add evidence as well: then they stand above the signal
        handles[words] = axes.bar(place, taken, bottom=np.where(taken > 0, above, below), width=0.55, color=colour)
        above, below = above + np.maximum(taken, 0), below + np.minimum(taken, 0)
    low, drift, high = (books[name].to_numpy() for name in ("drift_low", "drift", "drift_high"))
    handles["drift, 90 % interval"] = axes.errorbar(
        place + 0.36, drift, yerr=error_bars(low, drift, high), fmt="D", color=INK, markersize=4.5, capsize=2
    )
    for row, (x, top) in enumerate(zip(place, above)):
        words = f"signal > noise\nin {100 * books['holds'].iloc[row]:.0f} % of prompts"
        axes.annotate(words, (x, top), (0, 4), textcoords="offset points", ha="center", fontsize=8.5, color=INK)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.margins(y=0.16)
    axes.set_xticks(place, [f"k = {length}" for length in books["example_length"]])
    axes.set_ylabel("nats per demonstration", fontsize=9)
    return finish(figure, title, handles=handles, columns=2)


def plot_concepts(behaviour: pd.DataFrame, *, title: str = "") -> "Figure":
    """Implied weight of the right concept against n, a panel an example length, with the exact posterior dotted."""
    lengths = list(dict.fromkeys(behaviour["example_length"]))
    models = _models(behaviour)
    columns = min(2, len(lengths))
    lines = -(-len(lengths) // columns)
    figure = new_figure(1.4 + 3.0 * lines)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    handles: dict = {}
    for place, (axes, length) in enumerate(zip(panels, lengths)):
        block = behaviour[behaviour["example_length"] == length].sort_values("num_shots")
        for number, model in enumerate(models):
            rows = block[block["model"] == model]
            x = np.log2(rows["num_shots"].to_numpy(dtype=float) + 1)
            low, middle, high = (rows[name].to_numpy() for name in ("implied_low", "implied", "implied_high"))
            handles[plain(model)] = axes.errorbar(
                x,
                middle,
                yerr=error_bars(low, middle, high),
                fmt=f"{_MARKERS[number % len(_MARKERS)]}-",
                color=_COLOURS[number % len(_COLOURS)],
                markersize=4.5,
                linewidth=1.5,
                capsize=1.5,
            )
        exact = block[block["model"] == _ORACLE]
        x = np.log2(exact["num_shots"].to_numpy(dtype=float) + 1)
        handles["exact posterior"] = axes.plot(x, exact["posterior"], color=INK, linestyle=":", linewidth=1.3)[0]
        shots_axis(axes, [int(n) for n in exact["num_shots"]])
        axes.set_title(f"k = {length}", fontsize=10, loc="left")
        axes.set_ylim(0, 1.03)
        if place % columns == 0:
            axes.set_ylabel("weight of the right concept", fontsize=9)
    for axes in panels[len(lengths) :]:
        axes.remove()
    return finish(figure, title, handles=handles, columns=5)


def plot_forecasts(forecasts: pd.DataFrame, *, title: str = "") -> "Figure":
    """Share of prompts answered right against the forecast probability, a colour a model."""
    figure = new_figure(4.6, width=5.6)
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color=CHANCE, linewidth=1, linestyle="--")
    handles: dict = {}
    models = [*_models(forecasts), _ORACLE]
    for number, model in enumerate(models):
        rows = forecasts[forecasts["model"] == model]
        points = [
            (100 * block["probability"].mean(), clustered_share(block["correct"].to_numpy(float), *_clusters(block)))
            for _, block in rows.groupby(np.minimum((10 * rows["probability"]).astype(int), 9))
            if len(block) >= _FEWEST
        ]
        low, middle, high = (
            np.array([100 * getattr(share, end) for _, share in points]) for end in ("low", "estimate", "high")
        )
        handles["exact Bayes" if model == _ORACLE else plain(model)] = axes.errorbar(
            [x + 0.6 * (number - len(models) / 2) for x, _ in points],
            middle,
            yerr=error_bars(low, middle, high),
            fmt=f"{_MARKERS[number % len(_MARKERS)]}-",
            color=INK if model == _ORACLE else _COLOURS[number % len(_COLOURS)],
            markersize=4.5,
            linewidth=1.2,
            capsize=1.5,
        )
    axes.set_xlim(0, 103)
    axes.set_ylim(0, 103)
    axes.set_xlabel("forecast probability of success (%)", fontsize=9)
    axes.set_ylabel("answered right (%)", fontsize=9)
    return finish(figure, title, handles=handles, columns=3)


def _clusters(forecasts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """One cluster a prompt: its forecasts at several n go together."""
    prompts = forecasts.groupby(["example_length", "prompt"]).ngroup().to_numpy()
    return prompts, prompts


def _models(table: pd.DataFrame) -> list[str]:
    return [model for model in dict.fromkeys(table["model"]) if model != _ORACLE]
