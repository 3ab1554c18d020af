"""The evidence decomposition as lines of text."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from icl.factors import get_factor, unusual
from probes.terminal.layout import factored, paragraphs, table_lines

__all__ = ["evidence_lines"]

_UNTOLD = "not identified"
_MANY = 1000
"""Demonstrations, more than which no prompt holds."""


def evidence_lines(
    components: pd.DataFrame, label_share: pd.DataFrame, break_even: pd.DataFrame, conditions: pd.DataFrame
) -> Iterator[str]:
    """Write the tables of `icl.concept.evidence.summary` for people."""
    parts = _named(components)
    parts["component"] = [" ".join(filter(None, pair)) for pair in zip(components["component"], components["format"])]
    parts["nats"], parts["note"] = _spans(components), components["note"]
    yield from _table("what one demonstration adds to the log-odds of the task, nats: median and 90 % interval", parts)
    shares = _named(label_share)
    shares["label share"], shares["note"] = _spans(label_share), label_share["note"]
    yield from _table("share of the signal that right labels bring", shares)
    even = _named(break_even)
    even["format"], even["break-even share"] = break_even["format"], _spans(break_even)
    for name, title in (("prob_always", "P(signal wins at every share)"), ("prob_never", "P(at none)")):
        even[title] = break_even[name].map("{:.3f}".format)
    yield from _table("share of right labels at which signal equals noise", even)
    rows = _named(conditions)
    rows["condition"] = [_condition(row) for _, row in conditions.iterrows()]
    rows["right labels"] = conditions["share_correct"].map("{:.2f}".format).replace("nan", "–")
    for name in ("signal", "noise", "drift"):
        rows[name] = _spans(conditions, name)
    rows["P(signal > noise)"] = conditions["prob_signal_exceeds_noise"].map("{:.3f}".format)
    rows["shots needed"] = [_shots(row) for _, row in conditions.iterrows()]
    yield from _table("by condition: nats per demonstration, and demonstrations until the task is 90 % sure", rows)


def _table(title: str, table: pd.DataFrame) -> Iterator[str]:
    """A table under its title; the one model and task of a run stand beside that."""
    said, rest = factored(table, ["model", "task"])
    yield from paragraphs([f"\n{f'{said}: ' if said else ''}{title}"])
    yield from table_lines(rest, keys=1 + sum(name in rest for name in ("model", "task")))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table[["model", "task"]].copy()


def _spans(table: pd.DataFrame, name: str = "") -> list[str]:
    middle = name or "median"
    ends = zip(table[middle], *(table[f"{name}_{end}" if name else end] for end in ("lower", "upper")))
    return [_UNTOLD if pd.isna(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in ends]


def _shots(row: pd.Series) -> str:
    ends = [row[name] for name in ("shots_needed", "shots_needed_lower", "shots_needed_upper")]
    middle, low, high = ("never" if np.isinf(end) else f"{end:.1f}" if end < _MANY else f"> {_MANY}" for end in ends)
    return middle if middle == low == high else f"{middle} [{low}, {high}]"


def _condition(row: pd.Series) -> str:
    sides = [get_factor(name).label(value) for name, value in unusual(row, shows=True).items()]
    return ", ".join([row["label_mode"], *sides, row["format"]])
