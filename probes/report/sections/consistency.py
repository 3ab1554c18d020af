"""Whether answers to one query agree when format, order, demonstrations or the list of options change (Pan, Sclar)."""

import pandas as pd

from probes.figures.drawn import Drawn
from probes.figures.twins import Block, TwinRow, draw_twins, span_of
from probes.figures.words import points
from probes.findings.material import Material
from probes.findings.selection import length_words, plain_rows
from probes.report.section import Sentence, level_words, twin_row

__all__ = ["draw", "plot_consistency", "say"]

_KINDS: dict[str, tuple[str, str]] = {
    "consistency": ("overlap", "formats"),
    "order_consistency": ("order_overlap", "orders"),
    "set_consistency": ("set_overlap", "demonstration sets"),
    "option_consistency": ("option_overlap", "rotations of the options"),
}
"""Metric → its continuous twin, and between what predictions are compared."""

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")

_MOST_ROWS = 8
"""Of one kind; further formats are left out, and that is said."""


def draw(material: Material) -> Drawn | None:
    """Draw agreement where a probe asked for it, or where it was measured in more ways than one."""
    rows = _rows(material)
    if rows is None:
        return None
    told = [f"{_KINDS[name][1]} in {points(row['estimate'])} %" for name, row in _headlines(rows).items()]
    title = f"{material.model}: two predictions for one query agree between {', '.join(told)}"
    caption = (
        "Left: share of pairs of predictions on the same query that agree. Right: how far the answers overlap, 1 minus "
        "half the summed differences of their probabilities. Answers drawn at random also agree at times, more often "
        "the fewer labels there are. Gold labels or none. Intervals: 90 %."
    )
    if (rows.groupby("metric").size() > _MOST_ROWS).any():
        caption += f" The first {_MOST_ROWS} conditions of each kind."
    figure = plot_consistency(material, title=title)
    return Drawn(name="consistency", title=title, caption=caption, figure=figure)


def say(material: Material) -> Sentence | None:
    """Say how often answers agree, at the most shots."""
    rows = _rows(material)
    if rows is None:
        return None
    told = []
    for name, row in _headlines(rows).items():
        twin = twin_row(material.rows(_KINDS[name][0]), row)
        beside = "" if twin is None else f", their answers overlap by {level_words(twin)}"
        told.append(f"{_KINDS[name][1]} {level_words(row)}{beside}")
    text = f"Share of pairs of predictions for one query that agree, between {'; '.join(told)}."
    lead = f"{material.model}: predictions for one query agree in {level_words(next(iter(_headlines(rows).values())))} "
    return Sentence(
        topic="Consistency", text=text, lead=f"{lead}of pairs of {_KINDS[next(iter(_headlines(rows)))][1]}."
    )


def plot_consistency(material: Material, *, title: str = ""):
    """Agreement and overlap, a group for formats, orders, demonstration sets and rotations of the options."""
    rows = _all_rows(material)
    if rows.empty:
        raise ValueError(f"no two predictions of {material.model} on one query can be compared")
    lines = []
    for (name, (twin_name, words)), colour in zip(_KINDS.items(), _COLOURS):
        block = rows[rows["metric"] == name].head(_MOST_ROWS)
        if block.empty:
            continue
        lines.append(TwinRow(text=f"between {words}", heading=True))
        for _, row in block.iterrows():
            twin = twin_row(material.rows(twin_name), row)
            about = [row["format"], f"{row['num_shots']} shots", length_words(row["example_length"])]
            text = ", ".join(filter(None, about))
            lines.append(TwinRow(text=text, left=span_of(row), right=span_of(twin), colour=colour))
    labels = ("pairs of predictions that agree (%)", "overlap of the answers (%)")
    return draw_twins([Block(rows=lines, labels=labels, limits=(-3.0, 103.0))], title=title)


def _rows(material: Material) -> pd.DataFrame | None:
    rows = _all_rows(material)
    asked = "consistency" in material.probes and len(rows) > 0
    return rows if asked or rows["metric"].nunique() > 1 else None


def _all_rows(material: Material) -> pd.DataFrame:
    rows = material.metrics[material.metrics["metric"].isin(list(_KINDS))]
    rows = plain_rows(rows[rows["label_mode"].isin(["gold", "zero_shot"])])
    formats = {name: place for place, name in enumerate(dict.fromkeys(rows["format"]))}
    order = rows.assign(place=rows["format"].map(formats)).sort_values(["place", "example_length", "num_shots"])
    return order.drop(columns="place")


def _headlines(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """The row of each kind at its most shots."""
    kinds = {name: rows[rows["metric"] == name] for name in _KINDS if name in set(rows["metric"])}
    return {name: block.loc[block["num_shots"].astype(int).idxmax()] for name, block in kinds.items()}
