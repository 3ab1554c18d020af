"""The same prompts under several normalisations: accuracy under each, what contextual calibration changes (Zhao §4)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from icl.metrics.labels import differences
from icl.metrics.levels import expected_calibration_error, levels
from icl.metrics.normalise import DEFAULT_NORMALISATION, used_normalisation
from icl.metrics.outcomes import CONDITION, known_answers, lacking_conditions
from icl.metrics.table import as_drawn, asked_once, clusters, metric_row, resolution, settings
from icl.metrics.uncertainty import jackknife

__all__ = ["accuracy_by_normalisation", "contextual_calibration_effects"]


def accuracy_by_normalisation(by_normalisation: Mapping[str, pd.DataFrame]) -> list[dict]:
    """Average accuracy under each normalisation, in the conditions in which it knows as many answers as the first.

    Parameters
    ----------
    by_normalisation
        The answers under each normalisation that every row allows, those of the sum first.
    """
    rows: list[dict] = []
    asked: dict[tuple, int] = {}
    for how, answers in by_normalisation.items():
        for row in levels(known_answers(answers), scores=("accuracy",)):
            prompts = asked.setdefault(tuple(str(row[name]) for name in CONDITION), row["num_prompts"])
            if how == used_normalisation(str(row["method"]), how) and row["num_prompts"] >= prompts:
                rows.append(row | {"metric": "accuracy_by_normalisation", "normalisation": how, "contrast": how})
    return rows


def contextual_calibration_effects(by_normalisation: Mapping[str, pd.DataFrame]) -> list[dict]:
    """Compare answers calibrated by content-free queries with those that are not, prompt by prompt.

    `contextual_calibration_gain` is each score after minus before; `expected_calibration_error_change` is the change of
    the expected calibration error. None where the content-free queries were not asked.

    Parameters
    ----------
    by_normalisation
        The answers under each normalisation that every row allows.
    """
    if "calibrated" not in by_normalisation:
        return []
    before, after = (by_normalisation[how] for how in (DEFAULT_NORMALISATION, "calibrated"))
    before, after = (answers[answers["method"] == "direct"] for answers in (before, after))
    if before.empty:
        return []
    known = before["gold_probability"].notna() & after["gold_probability"].notna()
    known &= ~lacking_conditions(before, before["accuracy"].notna() & ~known)
    before, after = as_drawn(before[known]), as_drawn(after[known])
    found = []
    both = before.assign(
        confidence_after=after["confidence"],
        accuracy_after=after["accuracy"],
        gold_probability_after=after["gold_probability"],
        log_score_after=after["log_score"],
    )
    for asked in settings(both, *CONDITION):
        rows = asked_once(asked)
        calibrated = rows.assign(
            **{name: rows[f"{name}_after"] for name in ("accuracy", "gold_probability", "log_score")}
        )
        names: dict[str, Any] = {
            "compared": "calibrated",
            "baseline": DEFAULT_NORMALISATION,
            "label_mode": rows["label_mode"].iloc[0],
        }
        found += differences("contextual_calibration_gain", calibrated, rows, **names)

        def change(sure: np.ndarray, right: np.ndarray, sure_after: np.ndarray, right_after: np.ndarray) -> float:
            return expected_calibration_error(sure_after, right_after) - expected_calibration_error(sure, right)

        columns = ("confidence", "accuracy", "confidence_after", "accuracy_after")
        estimate = jackknife(change, tuple(rows[name].to_numpy() for name in columns), *clusters(rows))
        change_row = metric_row(
            rows, "expected_calibration_error_change", estimate, resolution=resolution(rows), **names
        )
        found.append(change_row)
    return found
