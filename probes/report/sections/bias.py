"""What the model answers whatever the query is: the label shown last, the label shown most often (Zhao)."""

from typing import Any

import pandas as pd

from probes.figures.drawn import Drawn
from probes.figures.style import label_mode_style
from probes.figures.twins import Block, TwinRow, draw_twins, span_of
from probes.figures.words import span_words
from probes.findings.material import Material
from probes.findings.selection import length_words, plain_rows
from probes.report.section import Sentence, change_words, twin_row

__all__ = ["draw", "plot_bias", "say"]

_SLOPES = {
    "recency_bias": "the label shown last",
    "majority_bias": "each additional demonstration with a label",
}


def draw(material: Material) -> Drawn | None:
    """Draw the slopes where biases were asked for."""
    rows = _rows(material)
    if rows.empty or "bias" not in material.probes:
        return None
    first = _headline(rows)
    twin = _twin(material, first)
    known = first if pd.notna(first["estimate"]) or twin is None else twin
    title = (
        f"{material.model}: {change_words(known, '', unit='nats')} for {_SLOPES[str(first['metric'])]}, "
        f"{first['num_shots']} shots with {first['label_mode']} labels"
    )
    caption = (
        f"Slopes of the answer's log-odds in nats, adjusted for the gold label and a constant per label; format "
        f"{first['format']}. Left: multinomial logit of the predictions; missing where they are almost determined by "
        "what was shown. Right: least squares of the labels' log-probabilities. Hollow: no clear effect. "
        f"{span_words(rows['num_prompts'])} prompts per slope. Intervals: 90 %."
    )
    return Drawn(name="bias", title=title, caption=caption, figure=plot_bias(material, title=title))


def say(material: Material) -> Sentence | None:
    """Say both slopes at the most shots."""
    rows = _rows(material)
    if rows.empty or "bias" not in material.probes:
        return None
    first = _headline(rows)
    where = f"{first['num_shots']} shots, {first['label_mode']} labels, format {first['format']}"
    told = []
    for metric, words in _SLOPES.items():
        same = rows[(rows["metric"] == metric) & (rows["num_shots"] == first["num_shots"])]
        same = same[same["label_mode"] == first["label_mode"]]
        if same.empty:
            told.append(f"an unknown amount for {words}, which was not varied enough")
            continue
        row = same.iloc[0]
        told.append(f"{_both(material, row)} for {words}")
    text = f"Whatever the query, log-odds move by {'; '.join(told)} ({where})."
    return Sentence(topic="Bias", text=text, lead=f"{material.model}, at {where}: {told[0]}.")


def plot_bias(material: Material, *, title: str = ""):
    """Recency and majority slopes, a group each shot count and label mode; choices left, log-probabilities right."""
    rows = _rows(material)
    if rows.empty:
        raise ValueError(f"no bias of {material.model} was measured")
    lines = []
    for _, block in rows.groupby(["num_shots", "label_mode", "example_length"], dropna=False, sort=False):
        row: Any = block.iloc[0]
        about = [f"{row['num_shots']} shots", f"{row['label_mode']} labels", length_words(row["example_length"])]
        lines.append(TwinRow(text=", ".join(filter(None, about)), heading=True))
        for _, row in block.iterrows():
            colour, marker = label_mode_style(str(row["label_mode"]))
            twin = _twin(material, row)
            left, right = span_of(row, 1.0), span_of(twin, 1.0)
            lines.append(TwinRow(text=_SLOPES[row["metric"]], left=left, right=right, colour=colour, marker=marker))
    labels = ("choices (nats)", "log-probabilities (nats)")
    return draw_twins([Block(rows=lines, labels=labels, digits=2, is_difference=True)], title=title)


def _rows(material: Material) -> pd.DataFrame:
    """Slopes of choices in the format that has most, for gold and random labels, by shots."""
    rows = material.metrics[material.metrics["metric"].isin(list(_SLOPES))]
    plain = plain_rows(rows[rows["label_mode"].isin(["gold", "random"])])
    rows = plain if len(plain) else rows
    if rows.empty:
        return rows
    rows = rows[rows["format"] == rows["format"].value_counts(sort=False).idxmax()]
    return rows.sort_values(["num_shots", "label_mode"], kind="stable")


def _headline(rows: pd.DataFrame) -> pd.Series:
    """At the most shots; of random labels, which tell nothing of the query, where they were shown."""
    most = rows[rows["num_shots"] == rows["num_shots"].max()]
    random = most[most["label_mode"] == "random"]
    chosen = random if len(random) else most
    recency = chosen[chosen["metric"] == "recency_bias"]
    return (recency if len(recency) else chosen).iloc[0]


def _twin(material: Material, row: pd.Series) -> pd.Series | None:
    return twin_row(material.rows(f"{row['metric']}_logprob"), row)


def _both(material: Material, row: pd.Series) -> str:
    twin = _twin(material, row)
    if pd.isna(row["estimate"]) and twin is not None:
        told = change_words(twin, "", unit="nats")
        return f"{told} in the log-probabilities (in the choices not known: {row['reason']})"
    text = f"{change_words(row, '', unit='nats')} in the choices"
    return text if twin is None else f"{text} and {change_words(twin, '', unit='nats')} in the log-probabilities"
