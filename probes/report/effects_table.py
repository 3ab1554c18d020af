"""All effects of a model as a table of the page: what was compared, where, by how much, and whether it is clear."""

from collections.abc import Sequence
from html import escape

import numpy as np

from probes.figures.words import number, points
from probes.findings.findings import FORMAT, Finding
from probes.findings.leading import mode_words, range_words

__all__ = ["effects_html", "verdict_words"]

_SHOWN = 200
"""Rows of the table at most."""


def effects_html(found: Sequence[Finding]) -> str:
    """Write findings as a table in the order in which they are told, every text escaped."""
    names = ("compared", "where", "difference, points", "90 % interval", "p (Holm)", "reading")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(_row(one, names) for one in found[:_SHOWN])
    rest = f"<p>metrics.parquet holds {len(found) - _SHOWN} more.</p>" if len(found) > _SHOWN else ""
    columns = "".join(f'<col style="width:{share}%">' for share in (21, 27, 10, 15, 7, 20))
    head = f"<colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead>"
    return f'<table class="stacked effects">{head}<tbody>{body}</tbody></table>{rest}'


def verdict_words(one: Finding) -> str:
    """Say which way an effect goes, and how clear it is."""
    if not one.known:
        return f"unknown ({one.reason})" if one.reason else "unknown"
    if not one.clear:
        return "not clear"
    return f"{_direction(one)}: {'clear' if one.stands else 'clear only uncorrected'}"


def _direction(one: Finding) -> str:
    if one.factor == FORMAT:
        return f"best {one.comparison.split(' − ')[0]}"
    if one.metric == "gap":
        return f"{mode_words(one.label_mode)} {'lost' if one.estimate > 0 else 'gained'}"
    return f"{one.factor} {'gained' if one.estimate > 0 else 'lost'}"


def _row(one: Finding, names: Sequence[str]) -> str:
    p_holm = "" if np.isnan(one.p_holm) else "< 0.001" if one.p_holm < 0.001 else number(one.p_holm, 3)
    cells = (one.comparison, one.where, points(one.estimate, signed=not one.is_spread), range_words(one), p_holm)
    marks = ("", "", "n", "n", "n", "")
    written = "".join(
        f'<td{f' class="{mark}"' if mark else ""} data-name="{name}">{escape(text)}</td>'
        for name, text, mark in zip(names, (*cells, verdict_words(one)), marks)
    )
    return f"<tr{' class="clear"' if one.clear else ''}>{written}</tr>"
