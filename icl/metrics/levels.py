"""How good the answers are under each condition: accuracy and its twin, proper scores, macro-F1, confidence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.metrics.metric import SCORES
from icl.metrics.outcomes import CONDITION
from icl.metrics.table import (
    as_drawn,
    asked_once,
    clusters,
    items_of,
    metric_row,
    resolution,
    scores_of,
    settings,
    tells_labels,
)
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share, jackknife

__all__ = ["expected_calibration_error", "levels", "macro_f1", "macro_f1_soft"]


def levels(
    outcomes: pd.DataFrame, *, scores: Sequence[str] = (*SCORES, "macro_f1", "expected_calibration_error")
) -> list[dict]:
    """Average scores under every condition; macro-F1 and expected calibration error belong to the condition.

    `macro_f1_soft` is macro-F1's continuous twin: predictions count by their probability.
    """
    found = []
    for asked in settings(as_drawn(outcomes), *CONDITION):
        rows = asked_once(asked)
        sets, queries = rows["demonstration_set_id"].to_numpy(), rows["query_id"].to_numpy()
        mode = {"label_mode": rows["label_mode"].iloc[0]}
        for score, known in SCORES.items():
            if score not in scores or not scores_of(rows, (score,)):
                continue
            average = clustered_share if score == "accuracy" else clustered_mean
            items = items_of(rows) if score == "accuracy" else None
            estimate = average(rows[score].to_numpy(), sets, queries, items=items)
            estimate = _within(known.low, known.high, estimate)
            step = resolution(rows) if score == "accuracy" else 0.0
            found.append(metric_row(rows, score, estimate, resolution=step, score=score, **mode))
        sizes: dict[str, Any] = {"resolution": resolution(rows)}
        if not tells_labels(rows):
            continue
        if "macro_f1" in scores:
            labels = tuple(np.split(pd.factorize(pd.concat([rows["gold"], rows["prediction"]]))[0], 2))
            estimate = _within(0.0, 1.0, jackknife(macro_f1, labels, sets, queries))
            found.append(metric_row(rows, "macro_f1", estimate, **sizes, **mode))
            found += _soft_f1(rows, **mode)
        if "expected_calibration_error" in scores and rows["confidence"].notna().any():
            sure = (rows["confidence"].to_numpy(), rows["accuracy"].to_numpy())
            estimate = _within(0.0, 1.0, jackknife(expected_calibration_error, sure, sets, queries))
            found.append(metric_row(rows, "expected_calibration_error", estimate, **sizes, **mode))
    return found


def _within(least: float, most: float, estimate: Estimate) -> Estimate:
    """Cut an interval to the values that there are, which takes away no truth."""
    low, high = (float(end) for end in np.clip([estimate.low, estimate.high], least, most))  # NaN stays NaN
    return replace(estimate, low=low, high=high)


def macro_f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Average F1 over the labels that occur as gold or prediction."""
    scores = []
    for label in np.unique(np.concatenate([gold, predicted])):
        hits = ((gold == label) & (predicted == label)).sum()
        scores.append(2 * hits / ((gold == label).sum() + (predicted == label).sum()))
    return float(np.mean(scores))


def macro_f1_soft(
    is_gold: Float[ndarray, "num_prompts num_labels"], probability: Float[ndarray, "num_prompts num_labels"]
) -> float:
    """Average over the labels that occur of F1 with each prediction counted by its probability.

    It is macro-F1 where every probability is 0 or 1 and every label is predicted or gold somewhere.
    """
    total = probability.sum(axis=0) + is_gold.sum(axis=0)
    return float((2 * (probability * is_gold).sum(axis=0)[total > 0] / total[total > 0]).mean())


def _soft_f1(rows: pd.DataFrame, **mode) -> list[dict]:
    if rows["num_candidates"].nunique() > 1 or rows["gold"].nunique() > rows["num_candidates"].iloc[0]:
        return []  # multiple choice: labels of different questions are no classes
    probability = np.stack(rows["distribution"].to_list())
    # The gold label stands where its probability does: candidates are in alphabetical order.
    labels = np.array(sorted(rows["candidates"].iloc[0]))
    is_gold = (rows["gold"].to_numpy()[:, None] == labels).astype(float)
    estimate = jackknife(macro_f1_soft, (is_gold, probability), *clusters(rows))
    return [metric_row(rows, "macro_f1_soft", _within(0.0, 1.0, estimate), **mode)]


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, *, num_bins: int = 10) -> float:
    """Average distance between confidence and accuracy over equal-width bins, weighted by their prompts.

    It is biased upward in small samples: even a calibrated model's is above 0.
    """
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    distances = np.bincount(bins, weights=confidence - correct, minlength=num_bins)
    return float(np.abs(distances).sum() / len(confidence))
