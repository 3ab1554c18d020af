"""Whether the position of the right option in the list matters: every query with its options in every rotation."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icl.metrics.spread import posterior_spread
from icl.metrics.table import asked_once, clusters
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share
from probes.figures.drawn import Drawn
from probes.figures.style import CHANCE, error_bars, finish, new_figure, plain
from probes.figures.words import interval_words, points
from probes.findings.material import Material
from probes.report.section import GOLD_PROBABILITY, Sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_places", "say"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

_SCORES = {"accuracy": "accuracy (%)", "gold_probability": "probability of the gold label (%)"}


def draw(material: Material) -> Drawn | None:
    """Draw accuracy by the place of the right option."""
    blocks = _blocks(material)
    if not blocks:
        return None
    first = _main(blocks)
    title = (
        f"{material.model}: places of the right option are {_spread(first, 'accuracy')} apart (format {_words(first)})"
    )
    caption = (
        "Each query was asked with its options rotated, so that the right one stood once in every place: the same "
        "questions underlie every point of a line. The spread is that between the places' true means (posterior, "
        f"never below 0). Bars: 90 %. {len(first)} prompts per line ({first['query_id'].nunique()} queries)."
    )
    return Drawn(name="option_order", title=title, caption=caption, figure=plot_places(material, title=title))


def say(material: Material) -> Sentence | None:
    """Say how far places lie apart, and which was best and worst."""
    blocks = _blocks(material)
    if not blocks:
        return None
    first = _main(blocks)
    ends = first.groupby("place")[["accuracy", "gold_probability"]].mean().iloc[[0, -1]]
    found = f"places of the right option are {_spread(first, 'accuracy')} of accuracy apart"
    twin = f"{_spread(first, 'gold_probability')} of {GOLD_PROBABILITY}"
    right, sure = ([points(value) for value in ends[name]] for name in ("accuracy", "gold_probability"))
    text = (
        f"With format {_words(first)}: {found} and {twin} (never below 0). In the run {right[0]} % were right where it "
        f"stood first and {right[1]} % where it stood last; {GOLD_PROBABILITY} was {sure[0]} % and {sure[1]} %."
    )
    return Sentence(topic="Option order", text=text, lead=f"{material.model}, format {_words(first)}: {found}.")


def plot_places(material: Material, *, title: str = "") -> "Figure":
    """Accuracy and the gold label's probability by the place of the right option, a line a format and shot count."""
    blocks = _blocks(material)
    if not blocks:
        raise ValueError(f"{material.model} was asked with the options in one order only")
    figure = new_figure(4.0)
    panels = figure.subplots(1, 2)
    handles: dict = {}
    for axes, (score, label) in zip(panels, _SCORES.items()):
        for number, block in enumerate(blocks):
            places = sorted(set(block["place"]))
            found = [_mean(block[block["place"] == place], score) for place in places]
            low, middle, high = (
                100 * np.array([getattr(one, end) for one in found]) for end in ("low", "estimate", "high")
            )
            handles[plain(_words(block))] = axes.errorbar(
                np.array(places) + 1 + 0.06 * (number - (len(blocks) - 1) / 2),
                middle,
                yerr=error_bars(low, middle, high),
                fmt=f"{'osD^vP'[number % 6]}-",
                color=_COLOURS[number % len(_COLOURS)],
                markersize=5,
                capsize=2,
                linewidth=1.4,
            )
        if material.chance is not None:
            handles["chance"] = axes.axhline(100 * material.chance, color=CHANCE, linewidth=1, linestyle=":")
        axes.set_xticks(np.arange(1, 2 + max(block["place"].max() for block in blocks)))
        axes.set_xlabel("place of the right option in the list", fontsize=9)
        axes.set_ylabel(label, fontsize=9)
    return finish(figure, title, handles=handles)


def _blocks(material: Material) -> list[pd.DataFrame]:
    """Outcomes with their place, a block a format and shot count whose options were rotated."""
    if material.outcomes is None or material.outcomes.empty:
        return []
    outcomes = material.outcomes[material.outcomes["label_mode"].isin(["gold", "zero_shot"])]
    keys = ["format", "num_shots"]
    rotated = outcomes.groupby(keys)["option_order"].transform("nunique") > 1
    outcomes = outcomes[rotated & (outcomes["order"] == 0)]
    if outcomes.empty:
        return []
    placed = outcomes[outcomes["method"] == "direct"].rename(columns={"gold_place": "place"})
    return [asked_once(block) for _, block in placed.groupby(keys, sort=False) if block["place"].nunique() > 1]


def _main(blocks: list[pd.DataFrame]) -> pd.DataFrame:
    """The first format at its most shots."""
    same = [block for block in blocks if block["format"].iloc[0] == blocks[0]["format"].iloc[0]]
    return max(same, key=lambda block: int(block["num_shots"].iloc[0]))


def _mean(rows: pd.DataFrame, score: str) -> Estimate:
    average = clustered_share if score == "accuracy" else clustered_mean
    return average(rows[score].to_numpy(), *clusters(rows))


def _spread(block: pd.DataFrame, score: str) -> str:
    """Spread of the places' true means: each query was asked with the right option in every place."""
    table = block.pivot_table(index=["demonstration_set_id", "query_id"], columns="place", values=score).dropna()
    sets, queries = (table.index.get_level_values(name).to_numpy() for name in table.index.names)
    found = posterior_spread(table.to_numpy(), sets, queries)
    if np.isnan(found.estimate):
        return "an unknown number of points"
    low, middle, high = np.minimum([found.low, found.estimate, found.high], 1.0).tolist()  # no further apart than all
    return f"{points(middle)} points ({interval_words(low, high)})"


def _words(block: pd.DataFrame) -> str:
    return f"{block['format'].iloc[0]}, {block['num_shots'].iloc[0]} shots"
