"""What each part of a demonstration is worth: right labels, label words, inputs of the task, either at all (Min)."""

from dataclasses import dataclass

import pandas as pd

from icl.factors import condition_columns, get_factor, unusual
from icl.metrics.labels import CONTRASTS
from probes.figures.drawn import Drawn
from probes.figures.style import label_mode_style
from probes.figures.twins import Block, TwinRow, draw_twins, span_of
from probes.figures.words import listed
from probes.findings.findings import PARTS
from probes.findings.material import Material
from probes.report.section import (
    GOLD_PROBABILITY,
    Sentence,
    both_changes,
    no_longer_clear,
    one_setting,
    short_change,
    short_changes,
)

__all__ = ["KINDS", "draw", "plot_ladder", "say"]

KINDS: dict[tuple[str, str], str] = {
    ("gold", "task"): "gold labels",
    ("random", "task"): "random labels",
    ("shuffled", "task"): "shuffled labels",
    ("random_words", "task"): "random words as labels",
    ("random", "ood"): "random labels, other inputs",
    ("random", "none"): "labels only",
    ("none", "task"): "inputs only",
}
"""Label mode and input mode → words, in the ladder's order."""

_KIND = ("label_mode", "input_mode")

_SETTING = condition_columns("model", "task", *_KIND)
"""What stays fixed along the ladder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ladder:
    """One setting: rows of accuracy by kind, of zero shots, and of the contrasts, with their twins."""

    kinds: dict[tuple[str, str], tuple[pd.Series, pd.Series | None]]
    zero: tuple[pd.Series, pd.Series | None] | None
    parts: dict[str, tuple[pd.Series, pd.Series | None]]
    first: pd.Series

    @property
    def num_shots(self) -> int:
        return int(self.first["num_shots"])


def draw(material: Material) -> Drawn | None:
    """Draw the ladder where more than the labels was varied."""
    found = _read(material)
    if found is None:
        return None
    title = f"{material.model}: what the parts of {found.num_shots} demonstrations are worth"
    main = [name for name in PARTS if name in found.parts][:3]
    if main:
        sized = [f"{PARTS[name][0]} {short_change(found.parts[name][0], with_interval=False)}" for name in main]
        title = f"{material.model}, worth in points of accuracy at {found.num_shots} shots: {', '.join(sized)}"
    figure = plot_ladder(material, title=title)
    return Drawn(name="ladder", title=title, caption=_caption(found), figure=figure)


def say(material: Material) -> Sentence | None:
    """Say what each contrast measured."""
    found = _read(material)
    if found is None:
        return None
    told = [name for name in PARTS if name in found.parts and name != "gap"]
    if not told:
        return None
    parts = [f"{PARTS[name][0]} ({PARTS[name][1]}) {short_changes(*found.parts[name])}" for name in told]
    lead = f"{material.model}, at {found.num_shots} shots, worth of {PARTS[told[0]][0]}: "
    lead += f"{both_changes(*found.parts[told[0]])}."
    where = f"{found.num_shots} shots, format {found.first['format']}"
    text = f"What was shown was worth, in points of accuracy and of {GOLD_PROBABILITY} with 90 % intervals ({where}): "
    text += f"{'; '.join(parts)}."
    if fallen := no_longer_clear(found.parts[name][0] for name in told):
        names = listed(PARTS[row["metric"]][0] for row in fallen)
        text += f" After Holm's correction over the contrasts of a kind, no longer clear: {names}."
    return Sentence(topic="Parts", text=text, lead=lead)


def plot_ladder(material: Material, *, title: str = ""):
    """Accuracy and the gold label's probability of each kind of demonstrations, and the paired contrasts below."""
    found = _read(material)
    if found is None:
        raise ValueError(f"{material.model} was shown one kind of demonstrations only")
    rows = [_row(kind, words_of(*kind), *pair) for kind, pair in found.kinds.items()]
    blocks = [
        Block(
            rows=rows,
            labels=("accuracy (%)", "probability of the gold label (%)"),
            levels=None if found.zero is None else (span_of(found.zero[0]), span_of(found.zero[1])),
            level_words="no demonstrations (band: 90 %)",
            chance=material.chance,
        )
    ]
    if found.parts:
        parts = [_row(_worse_kind(name), PARTS[name][0], *pair) for name, pair in found.parts.items()]
        labels = ("difference in accuracy (points)", "difference in probability (points)")
        blocks.append(Block(rows=parts, labels=labels, is_difference=True))
    return draw_twins(blocks, title=title)


def words_of(label_mode: str, input_mode: str) -> str:
    """Spell a kind of demonstrations."""
    sides = [
        get_factor(name).in_words(value) for name, value in unusual({"input_mode": input_mode}, shows=True).items()
    ]
    return KINDS.get((label_mode, input_mode), ", ".join([f"{label_mode} labels", *sides]))


def _read(material: Material) -> _Ladder | None:
    """Choose the setting with most kinds, at its most shots; None where labels alone were varied."""
    levels = material.rows("accuracy", "accuracy")
    shown = levels[levels["num_shots"] > 0]
    shown = shown[[pair in KINDS or pair[1] != "task" for pair in zip(shown["label_mode"], shown["input_mode"])]]
    contrasts = material.metrics[material.metrics["metric"].isin(list(CONTRASTS))]
    if shown.empty or (contrasts.empty and (shown["input_mode"] == "task").all()):
        return None
    groups = [block for _, block in shown.groupby(list(_SETTING), dropna=False, sort=False)]
    block = max(groups, key=lambda rows: (len(rows), int(rows["num_shots"].iloc[0])))
    if len(block) < 2:
        return None
    first = block.iloc[0]
    twins = material.rows("gold_probability")
    by_kind = {(row["label_mode"], row["input_mode"]): row for _, row in block.iterrows()}
    order = [*(kind for kind in KINDS if kind in by_kind), *(kind for kind in by_kind if kind not in KINDS)]
    zero = one_setting(levels[levels["num_shots"] == 0], first)
    return _Ladder(
        kinds={kind: (by_kind[kind], _only(one_setting(twins, by_kind[kind], *_SETTING, *_KIND))) for kind in order},
        zero=None if zero.empty else (zero.iloc[0], _only(one_setting(twins[twins["num_shots"] == 0], first))),
        parts={name: pair for name in PARTS if (pair := _contrast(material, name, first)) is not None},
        first=first,
    )


def _caption(found: _Ladder) -> str:
    told = [f"{PARTS[name][0]}: {PARTS[name][1]}" for name in found.parts]
    sizes = f"{found.first['num_prompts']} prompts per kind ({found.first['num_queries']} queries)."
    text = f"Top: how good the answers are behind each kind of demonstrations, format {found.first['format']}. {sizes}"
    if told:
        text += f" Below: paired differences on the same queries and demonstrations ({'; '.join(told)}). "
        text += "Hollow: no clear effect."
    if fallen := no_longer_clear(row for row, _ in found.parts.values()):
        names = listed(PARTS[row["metric"]][0] for row in fallen)
        text += f" After Holm's correction over all contrasts of its kind no longer clear: {names}."
    return f"{text} Intervals: 90 %."


def _contrast(material: Material, metric: str, like: pd.Series) -> tuple[pd.Series, pd.Series | None] | None:
    found = []
    for score in ("accuracy", "gold_probability"):
        rows = one_setting(material.rows(metric, score), like, *_SETTING)
        if metric == "gap":
            rows = rows[(rows["label_mode"] == "random") & (rows["input_mode"] == "task")]
        found.append(_only(rows))
    return None if found[0] is None else (found[0], found[1])


def _only(rows: pd.DataFrame) -> pd.Series | None:
    return None if rows.empty else rows.iloc[0]


def _worse_kind(metric: str) -> tuple[str, str]:
    return ("random", "task") if metric == "gap" else CONTRASTS[metric][1]


def _row(kind: tuple[str, str], text: str, row: pd.Series, twin: pd.Series | None) -> TwinRow:
    colour, marker = label_mode_style(kind[0])
    marker = {"ood": "X", "none": "D"}.get(kind[1], marker)
    return TwinRow(text=text, left=span_of(row), right=span_of(twin), colour=colour, marker=marker)
