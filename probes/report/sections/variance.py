"""How much of the variance of a model's answers the query and each part of the prompt explain."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from icl.concept.variance import variance_shares
from icl.concept.variance_layout import MODEL_FACTORS, PROMPT_FACTORS, part_name
from probes.figures.drawn import Drawn
from probes.figures.style import INK, error_bars, finish, new_figure
from probes.figures.words import interval_words, listed, models_in_words, points
from probes.findings.material import Material
from probes.report.section import Sentence

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_variance", "say"]

_SCORE = {"gold_log_odds": "the gold label's log-odds", "accuracy": "right and wrong answers"}

_COLOURS = {"query": "#555555", "prompt": "#0072B2", "residual": "#bbbbbb"}


def draw(material: Material) -> Drawn | None:
    """Draw the shares where the variance was split and the fit may be read."""
    fit = material.fit("variance")
    if fit is None or fit.trouble:
        return None
    rows = fit.tables["shares"]
    prompt = _row(rows, "prompt")
    title = f"{models_in_words(fit.models)}: the prompt explains {_share(prompt)} of the variance of {_score(fit.tree)}"
    notes = [
        f"{part_name(row['factor'])}: {row['note']}"
        for _, row in rows.iterrows()
        if row["note"] and row["factor"] != "prompt"
    ]
    caption = (
        "Posterior medians and 90 % intervals of each part's share of the total variance, in a crossed model of "
        "queries and prompts; the prompt is the sum of the pale bars below it."
    )
    if notes:
        caption += f" {'; '.join(notes)}."
    figure = plot_variance(fit.tree, title=title)
    return Drawn(name="variance", title=title, caption=caption, figure=figure)


def say(material: Material) -> Sentence | None:
    """Say the prompt's share and its parts; where the fit did not converge, say that alone."""
    fit = material.fit("variance")
    if fit is None:
        unasked = "prompt-variance" not in material.probes
        return (
            None
            if unasked
            else Sentence(topic="Variance", text="Not split: `probe variance` was not run on this model.")
        )
    if fit.trouble:
        return Sentence(topic="Variance", text=f"{fit.trouble} Its shares are not quoted here.")
    rows = fit.tables["shares"]
    known = rows[rows["share"].notna()]
    parts = known[known["factor"].isin(list(PROMPT_FACTORS))].sort_values("share", ascending=False)
    text = f"The prompt explains {_share(_row(rows, 'prompt'))} of the variance of {_score(fit.tree)}"
    if len(parts) > 1:
        text += f" ({listed(f'{part_name(row.factor)} {_share(row._asdict())}' for row in parts.itertuples())})"
    for name in ("query", *MODEL_FACTORS):
        part = known[known["factor"] == name]
        if len(part):
            text += (
                f", {'the ' if name in ('query', 'model') else ''}{part_name(name)} {_share(part.iloc[0].to_dict())}"
            )
    return Sentence(
        topic="Variance", text=f"{text}.", lead=f"{models_in_words(fit.models)}: {text[0].lower()}{text[1:]}."
    )


def plot_variance(tree: "xarray.DataTree", *, title: str = "") -> "Figure":
    """Horizontal bars of the shares that were measured, with 90 % intervals."""
    rows = variance_shares(tree)
    rows = rows[rows["share"].notna()]
    order = ["query", "prompt", *(name for name in rows["factor"] if name not in _COLOURS), "residual"]
    rows = rows.set_index("factor").loc[[name for name in order if name in set(rows["factor"])]]
    figure = new_figure(1.2 + 0.38 * len(rows), width=7.6)
    axes = figure.subplots()
    positions = np.arange(len(rows))[::-1]
    low, middle, high = (100 * rows[name].to_numpy() for name in ("share_lower", "share", "share_upper"))
    axes.barh(positions, middle, height=0.62, color=[_COLOURS.get(name, "#7FB8DE") for name in rows.index])
    axes.errorbar(
        middle, positions, xerr=error_bars(low, middle, high), fmt="none", ecolor=INK, capsize=3, linewidth=1.3
    )
    axes.set_yticks(positions, [_label(name, count) for name, count in zip(rows.index, rows["num_levels"])])
    for tick, name in zip(axes.get_yticklabels(), rows.index):
        tick.set_fontweight("bold" if name in _COLOURS else "normal")
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(0, max(5.0, 1.05 * float(high.max())))
    axes.set_xlabel(f"share of the variance of {_score(tree)} (%)", fontsize=9)
    right = axes.secondary_yaxis("right")
    texts = [f"{points(row.share)} [{points(row.share_lower)}, {points(row.share_upper)}]" for row in rows.itertuples()]
    right.set_yticks(positions, texts)
    right.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    right.spines["right"].set_visible(False)
    finish(figure, title)
    axes.grid(visible=False, axis="y")
    return figure


def _label(name: str, num_levels: Any) -> str:
    name = part_name(name)
    return name if pd.isna(num_levels) else f"{name} ({num_levels} levels)"


def _row(rows: pd.DataFrame, factor: str) -> dict:
    return rows[rows["factor"] == factor].iloc[0].to_dict()


def _share(row: dict) -> str:
    if np.isnan(row["share"]):
        return "an unknown share"
    return f"{points(row['share'])} % ({interval_words(row['share_lower'], row['share_upper'])})"


def _score(tree: "xarray.DataTree") -> str:
    return _SCORE.get(tree.attrs["observe"], tree.attrs["observe"])
