"""All effects of a model as a table of the page: what was compared, where, by how much, and whether it is clear."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from probes.figures.words import number, points
from probes.findings.findings import FORMAT, Finding
from probes.findings.leading import mode_words, range_words
from probes.report.markup import part

__all__ = ["effects_html", "verdict_words"]

_COLUMNS = ("compared", "where", "difference, points", "90 % interval", "p (Holm)", "reading")
_NUMERIC = _COLUMNS[2:5]

_SHOWN = 200
"""Rows of the table at most."""


def effects_html(found: Sequence[Finding]) -> Markup:
    """Write findings as a table in the order in which they are told, every text escaped."""
    rows = [{"is_clear": one.clear, "cells": _cells(one)} for one in found[:_SHOWN]]
    return part("effects", _COLUMNS, _NUMERIC, rows, max(len(found) - _SHOWN, 0))


def verdict_words(one: Finding) -> str:
    """Say which way an effect goes, and how clear it is."""
    if not one.known:
        return f"unknown ({one.reason})" if one.reason else "unknown"
    if not one.clear:
        return "not clear"
    return f"{_direction(one)}: {'clear' if one.stands else 'clear only without correction'}"


def _direction(one: Finding) -> str:
    if one.factor == FORMAT:
        return f"best {one.compared}"
    if one.metric == "gap":
        return f"{mode_words(one.label_mode)} {'lost' if one.estimate > 0 else 'gained'}"
    return f"{one.factor} {'gained' if one.estimate > 0 else 'lost'}"


def _cells(one: Finding) -> tuple[str, ...]:
    p_holm = "" if np.isnan(one.p_holm) else "< 0.001" if one.p_holm < 0.001 else number(one.p_holm, 3)
    size = points(one.estimate, signed=not one.is_spread)
    return one.comparison, one.where, size, range_words(one), p_holm, verdict_words(one)
