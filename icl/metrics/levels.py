"""How good the answers are under each condition: accuracy and its twin, proper scores, macro-F1, calibration."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from icl.metrics.outcomes import SCORES
from icl.metrics.table import asked_once, metric_row, resolution, settings
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share, jackknife

__all__ = ["expected_calibration_error", "levels", "macro_f1"]

_CONDITION = ("model", "task", "label_mode", "format", "num_shots", "example_length")


def levels(outcomes: pd.DataFrame, *, scores: Sequence[str] = (*SCORES, "macro_f1", "calibration_error")) -> list[dict]:
    """Average scores under every condition; macro-F1 and expected calibration error belong to the condition."""
    found = []
    for asked in settings(outcomes, *_CONDITION):
        rows = asked_once(asked)
        sets, queries = rows["demonstration_set_id"].to_numpy(), rows["query_id"].to_numpy()
        mode = {"label_mode": rows["label_mode"].iloc[0]}
        for score, unit in SCORES.items():
            if score not in scores:
                continue
            average = clustered_share if score == "accuracy" else clustered_mean
            estimate = average(rows[score].to_numpy(), sets, queries)
            step = resolution(rows) if score == "accuracy" else 0.0
            found.append(metric_row(rows, score, estimate, unit=unit, resolution=step, score=score, **mode))
        sizes: dict[str, Any] = {"unit": "share", "resolution": resolution(rows)}
        if "macro_f1" in scores:
            labels = (rows["gold"].to_numpy(), rows["prediction"].to_numpy())
            estimate = _within_0_and_1(jackknife(macro_f1, labels, sets, queries))
            found.append(metric_row(rows, "macro_f1", estimate, **sizes, **mode))
        if "calibration_error" in scores:
            sure = (rows["confidence"].to_numpy(), rows["accuracy"].to_numpy())
            estimate = _within_0_and_1(jackknife(expected_calibration_error, sure, sets, queries))
            found.append(metric_row(rows, "calibration_error", estimate, unit="probability", **mode))
    return found


def _within_0_and_1(estimate: Estimate) -> Estimate:
    low, high = (float(end) for end in np.clip([estimate.low, estimate.high], 0, 1))  # NaN stays NaN
    return replace(estimate, low=low, high=high)


def macro_f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Average F1 over the labels that occur as gold or prediction."""
    scores = []
    for label in np.unique(np.concatenate([gold, predicted])):
        hits = ((gold == label) & (predicted == label)).sum()
        scores.append(2 * hits / ((gold == label).sum() + (predicted == label).sum()))
    return float(np.mean(scores))


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, *, num_bins: int = 10) -> float:
    """Average gap between confidence and accuracy over equal-width bins, weighted by their prompts.

    It is biased upward in small samples: even a calibrated model's is above 0.
    """
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidence))
