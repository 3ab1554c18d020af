"""What tells models, or variants of a prompt, apart: differences on the same questions, of imported tables.

A run of the lab compares conditions of one model, each by a metric of its own. A table from elsewhere may hold any
models and variants side by side, and what it is brought for is how far these differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd

from icl.factors import condition_columns
from icl.metrics.labels import differences
from icl.metrics.metric import SHARES
from icl.metrics.table import (
    as_drawn,
    asked_once,
    clusters,
    items_of,
    matched,
    metric_row,
    resolution,
    scores_of,
    settings,
)
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share, unpaired_difference

__all__ = ["MOST_PAIRED", "between_effects"]

MOST_PAIRED = 6
"""So many models or variants are compared pair by pair; of more, each with the first."""

MOST_DIFFERENCES = 5000
"""Of more differences none is taken: it would take minutes, and nobody reads them."""

COUNTED = "not paired by question: questions were counted together"
"""Limit of a difference between shares whose questions are not told apart."""

_METRICS = {"model": "model_difference", "variant": "variant_difference"}


def between_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Compare models, and variants of a prompt, under the same condition.

    A difference is paired by question, and by demonstration set or run, where both sides tell the same ones. Of
    questions that were counted together it is paired by run alone, or not at all; the row's reason says so.
    """
    told = as_drawn(outcomes[outcomes["probe"] == ""])
    found = []
    for factor, metric in _METRICS.items():
        if told[factor].nunique() < 2:
            continue
        if (count := _num_pairs(told, factor)) > MOST_DIFFERENCES:
            reason = (
                f"{count:,} pairs to compare, and at most {MOST_DIFFERENCES:,} are; import fewer conditions (--only)"
            )
            found.append(metric_row(told, metric, Estimate.missing(reason), score="accuracy"))
            continue
        for rows in settings(told, *condition_columns(factor)):
            sides = {str(name): asked_once(side) for name, side in rows.groupby(factor, sort=False)}
            for baseline, compared in _pairs(tuple(sides)):
                names = {"compared": compared or "none", "baseline": baseline or "none"}
                names |= {"label_mode": rows["label_mode"].iloc[0]} | ({"variant": ""} if factor == "variant" else {})
                found += _difference(metric, sides[compared], sides[baseline], **names)
    return found


def _num_pairs(told: pd.DataFrame, factor: str) -> int:
    """Count the differences over all conditions."""
    sizes = told.groupby(list(condition_columns(factor)), dropna=False)[factor].nunique()
    return int((sizes * (sizes - 1) // 2).where(sizes <= MOST_PAIRED, sizes - 1).sum())


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Two names at a time, the earlier one first."""
    yield from combinations(names, 2) if len(names) <= MOST_PAIRED else ((names[0], other) for other in names[1:])


def _difference(metric: str, more: pd.DataFrame, less: pd.DataFrame, **names: Any) -> list[dict]:
    counted = items_of(more) is not None or items_of(less) is not None
    first, second = matched(more, less)
    if first.empty or (counted and set(more["demonstration_set_id"]) != set(less["demonstration_set_id"])):
        why = COUNTED if counted else "not paired: no question and run is shared"
        rows = [
            _unpaired(metric, score, more, less, why, **names) for score in scores_of(more) if less[score].notna().any()
        ]
        return rows
    found = differences(metric, first, second, **names)
    for row in found if counted else []:
        row["reason"] = row["reason_kind"] = "; ".join(filter(None, [COUNTED, row["reason"]]))
    return found


def _unpaired(metric: str, score: str, more: pd.DataFrame, less: pd.DataFrame, why: str, **names: Any) -> dict:
    levels = []
    for side in (more, less):
        if score == "accuracy":
            levels.append(clustered_share(side[score].to_numpy(), *clusters(side), items=items_of(side)))
        else:
            levels.append(clustered_mean(side[score].to_numpy(), *clusters(side)))
    estimate = unpaired_difference(*levels, bounded=score in SHARES)
    reason = why if estimate.degrees >= 1 else estimate.reason
    step = resolution(more) if score == "accuracy" else 0.0
    return metric_row(more, metric, replace(estimate, reason=reason), resolution=step, score=score, **names)
