"""The formats of a budgeted search: how good each was, how often it was asked, how far apart they lie (Sclar)."""

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.metrics.table import FORMAT_SEARCH, clusters
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share
from icl.prompts.formats import get_format
from icl.scores import asked_by
from probes.figures.drawn import Drawn
from probes.figures.style import shots_colour
from probes.figures.twins import Block, Span, TwinRow, draw_twins
from probes.figures.words import interval_words, points
from probes.findings.material import Material
from probes.report.section import GOLD_PROBABILITY, Sentence

__all__ = ["draw", "plot_search", "say"]


def draw(material: Material) -> Drawn | None:
    """Draw every format that was searched."""
    rows = _rows(material)
    if rows is None:
        return None
    title = (
        f"{material.model}: {rows['format'].nunique()} formats, best and worst {_spread(material, 'accuracy')} apart"
    )
    caption = (
        f"{len(rows)} prompts, after a first batch each asked of the format that looked best or worst. Means of "
        "formats that were rarely asked are imprecise, and the best and worst of them look more extreme than they are; "
        "the spread in the title is inferred from all answers and allows for that (it is "
        "never below 0, and formats that do not differ show one too). n: prompts; "
        "dark: asked most. Bars: 90 %."
    )
    return Drawn(name="format_search", title=title, caption=caption, figure=plot_search(material, title=title))


def say(material: Material) -> Sentence | None:
    """Say how far the best and the worst format lie apart."""
    rows = _rows(material)
    if rows is None:
        return None
    found = f"best and worst are {_spread(material, 'accuracy')} apart in accuracy"
    twin = f"{_spread(material, 'gold_probability')} in {GOLD_PROBABILITY}"
    count = f"{rows['format'].nunique()} formats, searched with {len(rows)} prompts"
    text = f"Of {count}, {found} and {twin} (posterior of the spread, which is never below 0)."
    if rows.groupby("format")["accuracy"].mean().nunique() > 1 and len(ends := _ends(material)) == 2:
        text += f" In the run {ends[0]} did best and {ends[1]} worst."
    return Sentence(topic="Format search", text=text, lead=f"{material.model}: of {count}, {found}.")


def plot_search(material: Material, *, title: str = ""):
    """Mean accuracy and probability of each format with its number of prompts, the best on top."""
    rows = _rows(material)
    if rows is None:
        raise ValueError(f"no formats of {material.model} were searched")
    means = rows.groupby("format", sort=False)[["accuracy", "gold_probability"]].mean()
    order = means.sort_values(["accuracy", "gold_probability"], ascending=False).index
    most = int(rows["format"].value_counts().max())
    lines = []
    for name in order:
        block = rows[rows["format"] == name]
        spans = (
            _span(average(block[score].to_numpy(), *clusters(block)))
            for score, average in (("accuracy", clustered_share), ("gold_probability", clustered_mean))
        )
        left, right = spans
        text = f"{name}, n = {len(block)}"
        lines.append(TwinRow(text=text, left=left, right=right, colour=shots_colour(len(block), most + 1)))
    labels = ("accuracy (%)", "probability of the gold label (%)")
    return draw_twins([Block(rows=lines, labels=labels, chance=material.chance)], title=title)


def _rows(material: Material) -> pd.DataFrame | None:
    if material.outcomes is None:
        return None
    rows = material.outcomes[asked_by(material.outcomes["probe"], FORMAT_SEARCH)]
    return rows if rows["format"].nunique() > 1 else None


def _spread(material: Material, score: str) -> str:
    rows = material.rows("format_search_spread", score)
    if rows.empty:
        return "an unknown number of points"
    row = rows.iloc[0]
    if np.isnan(row["estimate"]):
        return f"an unknown number of points ({row['reason']})"
    return f"{points(row['estimate'])} points ({interval_words(row['low'], row['high'])})"


def _ends(material: Material) -> list[str]:
    """Best and worst format of the run, written out."""
    rows = material.rows("format_search_spread", "accuracy")
    return [] if rows.empty else [_written(name) for name in (rows.iloc[0]["compared"], rows.iloc[0]["baseline"])]


def _written(name: str) -> str:
    """A format with what stands before input and label; the name alone where it is unknown."""
    try:
        format = get_format(name, world="text")
    except UserError:
        return name
    shape = f"{format.input_prefix}…{format.field_separator}{format.label_prefix}…"
    return f"{name} ({' ⏎ '.join(part.strip() for part in shape.splitlines())})"


def _span(found: Estimate) -> Span:
    low, high = (float(end) for end in np.clip([found.low, found.high], 0, 1))  # NaN stays NaN
    return Span(low=100 * low, middle=100 * found.estimate, high=100 * high)
