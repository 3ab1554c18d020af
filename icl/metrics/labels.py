"""What the labels do: paired differences between label modes (Min §4 and §5, Yoo, Wei23, Pan, Kossen)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from icl.factors import BARE_COLUMNS
from icl.metrics.metric import SHARES
from icl.metrics.outcomes import total_variation
from icl.metrics.table import (
    SETTING,
    as_drawn,
    clusters,
    items_of,
    matched,
    metric_row,
    resolution,
    scores_of,
    settings,
    tells_labels,
)
from icl.metrics.uncertainty import (
    Estimate,
    clustered_mean,
    clustered_ratio,
    clustered_share,
    clustered_share_difference,
    counted_difference,
    jackknife,
)
from icl.prompts.mode_columns import with_label_mode

__all__ = ["CONTRASTS", "demonstration_effects", "differences", "label_effects", "label_slope"]


CONTRASTS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "label_space_effect": (("random", "task"), ("random_words", "task")),
    "input_distribution_effect": (("random", "task"), ("random", "ood")),
    "labels_only_effect": (("random", "ood"), ("random", "none")),
    "inputs_only_effect": (("random_words", "task"), ("none", "task")),
}
"""Metric → the two kinds of demonstrations, (label mode, input mode), whose difference it is (Min §5.1 to §5.3)."""


def label_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Compare gold labels with every other label mode on the same queries and demonstrations.

    `gap` is m(gold) − m(mode) (Min: gold − random); `gain_retained` is (m(mode) − m(zero shot)) ÷ (m(gold) − m(zero
    shot)); `GLER` is gap(random) ÷ (m(gold) − m(zero shot)) (Yoo); `flip_rate` is the share of queries whose prediction
    differs from that under gold labels, `prediction_shift` its continuous twin, the total variation between the two
    answers; `follow_rate` is the share of predictions that follow the mapping shown, `follow_probability` its twin;
    `task_recognition` is m(random) − chance and `task_learning` m(symbols) − chance (Pan).
    """
    found = []
    drawn = as_drawn(outcomes)
    for rows in settings(drawn[drawn["num_shots"] > 0], *SETTING):
        for mode, block in rows.groupby("label_mode", sort=False):
            found += _above_chance(block, str(mode)) + _following(block, str(mode))
        gold_rows = rows[rows["label_mode"] == "gold"]
        if gold_rows.empty or len(gold_rows) == len(rows):
            continue
        zero_rows = _zero_shot(drawn, rows)
        for mode in rows["label_mode"].unique():
            if mode == "gold":
                continue
            other_rows = rows[rows["label_mode"] == mode]
            gold, other = matched(gold_rows, other_rows)
            if gold.empty:
                continue
            found += differences("gap", gold, other, compared="gold", baseline=mode, label_mode=mode)
            found += _changed(gold, other, mode)
            if not zero_rows.empty:
                found += _ratios(gold, other, zero_rows, mode)
    return found


def demonstration_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Compare demonstrations that differ in one part: label words, inputs, or one of them taken away (`CONTRASTS`)."""
    found = []
    drawn = as_drawn(outcomes)
    keys = [name for name in SETTING if name != "input_mode"]
    for rows in settings(drawn[drawn["num_shots"] > 0], *keys):
        present = set(zip(rows["label_mode"], rows["input_mode"]))
        for metric, kinds in CONTRASTS.items():
            if not present.issuperset(kinds):
                continue
            first, second = (
                rows[(rows["label_mode"] == mode) & (rows["input_mode"] == inputs)] for mode, inputs in kinds
            )
            left, right = matched(first, second)
            if not left.empty:
                compared, baseline = (_kind_words(*kind) for kind in kinds)
                found += differences(
                    metric, left, right, compared=compared, baseline=baseline, label_mode="", input_mode=""
                )
    return found


def label_slope(outcomes: pd.DataFrame) -> list[dict]:
    """Regress each score on the share of correct labels shown, within query and demonstration set (Yoo, β₁).

    Only modes that make labels wrong at random count; a consistent mapping (flipped, permuted) is not noise.
    """
    drawn = as_drawn(outcomes)
    shown = drawn[(drawn["num_shots"] > 0) & drawn["num_wrong_shown"].notna()]
    noisy = with_label_mode(shown["label_mode"], lambda mode: mode.is_noise)
    found = []
    for rows in settings(shown[noisy], *SETTING):
        if rows["label_mode"].nunique() < 2:
            continue
        share = 1 - rows["num_wrong_shown"].to_numpy(dtype=float) / rows["num_shots"].to_numpy(dtype=float)
        unit = rows.groupby(["query_id", "demonstration_set_id"], sort=False).ngroup().to_numpy()
        x = share - _group_mean(share, unit)
        for score in scores_of(rows):
            y = rows[score].to_numpy() - _group_mean(rows[score].to_numpy(), unit)
            if (x**2).sum() == 0:
                estimate = Estimate.missing("every condition shows the same share of correct labels")
            else:
                estimate = jackknife(_slope, (x, y), *clusters(rows))
                slope = estimate.estimate
                if np.isnan(estimate.low):
                    few = "too few prompts show another share of correct labels for an interval"
                    estimate = Estimate(estimate=slope, reason=estimate.reason or few)
                if score != "log_score":  # a share cannot change by more than all of it
                    low, high = (float(end) for end in np.clip([estimate.low, estimate.high], -1, 1))
                    estimate = replace(estimate, low=min(low, slope), high=max(high, slope))
            step = resolution(rows) if score == "accuracy" else 0.0
            names: dict[str, Any] = {"score": score, "resolution": step}
            found.append(metric_row(rows, "label_correctness_slope", estimate, **names))
    return found


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least squares through the origin; both are centred. NaN where nothing varies."""
    square = float((x**2).sum())
    return float((x * y).sum()) / square if square else np.nan


def differences(metric: str, first: pd.DataFrame, second: pd.DataFrame, **names) -> list[dict]:
    """Average paired differences of each score."""
    found = []
    items = items_of(first), items_of(second)
    for score in scores_of(first):
        step = resolution(first) if score == "accuracy" else 0.0
        if score == "accuracy" and items[0] is not None and items[1] is not None:
            left, right = first[score].to_numpy(), second[score].to_numpy()
            estimate = counted_difference(left, right, clusters(first)[0], items=(items[0], items[1]))
        else:
            average = clustered_share_difference if score == "accuracy" else clustered_mean
            estimate = average((first[score] - second[score]).to_numpy(), *clusters(first))
        found.append(metric_row(first, metric, estimate, resolution=step, score=score, **names))
    return found


def _changed(gold: pd.DataFrame, other: pd.DataFrame, mode: str) -> list[dict]:
    """How often the prediction, and by how much the answer, changes with the labels."""
    if not tells_labels(gold):
        return []
    names: dict[str, Any] = {"contrast": f"gold against {mode}", "label_mode": mode}
    flips = (gold["prediction"] != other["prediction"]).to_numpy(dtype=float)
    shift = total_variation(gold["distribution"], other["distribution"])
    step = resolution(gold)
    return [
        metric_row(gold, "flip_rate", clustered_share(flips, *clusters(gold)), resolution=step, **names),
        metric_row(gold, "prediction_shift", clustered_mean(shift, *clusters(gold)), **names),
    ]


def _following(rows: pd.DataFrame, mode: str) -> list[dict]:
    """How often the answer follows a mapping that is not the gold one."""
    if rows["mapped"].isna().any() or mode in ("gold", "symbols"):
        return []
    names: dict[str, Any] = {"contrast": "what the mapping shown calls the gold label", "label_mode": mode}
    follows = (rows["prediction"] == rows["mapped"]).to_numpy(dtype=float)
    probability = clustered_mean(rows["mapped_probability"].to_numpy(dtype=float), *clusters(rows))
    step = resolution(rows)
    return [
        metric_row(rows, "follow_rate", clustered_share(follows, *clusters(rows)), resolution=step, **names),
        metric_row(rows, "follow_probability", probability, **names),
    ]


def _above_chance(rows: pd.DataFrame, mode: str) -> list[dict]:
    """Accuracy above chance where only recognition, or only learning, can help."""
    metric = {"random": "task_recognition", "symbols": "task_learning"}.get(mode)
    if metric is None or rows["input_mode"].iloc[0] != "task":
        return []
    found = []
    chance = float(rows["chance"].mean(skipna=False))
    for score in scores_of(rows, SHARES):
        average = clustered_share if score == "accuracy" else clustered_mean
        items = items_of(rows) if score == "accuracy" else None
        level = average(rows[score].to_numpy(), *clusters(rows), items=items)
        if np.isnan(chance):
            level = Estimate.missing("chance is not known, since the table does not tell how many answers there were")
        shifted = replace(level, **{end: getattr(level, end) - chance for end in ("estimate", "low", "high")})
        names: dict[str, Any] = {"compared": mode, "baseline": "chance", "label_mode": mode, "score": score}
        step = resolution(rows) if score == "accuracy" else 0.0
        found.append(metric_row(rows, metric, shifted, resolution=step, **names))
    return found


def _ratios(gold: pd.DataFrame, other: pd.DataFrame, zero: pd.DataFrame, mode: str) -> list[dict]:
    position = np.arange(len(gold))
    gold, zero = matched(gold.assign(position=position), zero)
    other = other.iloc[gold["position"].to_numpy()].reset_index(drop=True)
    if gold.empty:
        return []
    found = []
    for score in scores_of(gold, SHARES):
        gain = (gold[score] - zero[score]).to_numpy()
        step = resolution(gold) if score == "accuracy" else 0.0
        names: dict[str, Any] = {"score": score, "label_mode": mode, "resolution": step}
        of_shares = score == "accuracy"
        kept = clustered_ratio((other[score] - zero[score]).to_numpy(), gain, *clusters(gold), of_shares=of_shares)
        contrast = f"({mode} − zero shot) ÷ (gold − zero shot)"
        found.append(metric_row(gold, "gain_retained", kept, contrast=contrast, **names))
        if mode == "random":
            ratio = clustered_ratio((gold[score] - other[score]).to_numpy(), gain, *clusters(gold), of_shares=of_shares)
            contrast = "(gold − random) ÷ (gold − zero shot)"
            found.append(metric_row(gold, "GLER", ratio, contrast=contrast, **names))
    return found


def _zero_shot(outcomes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    first = rows.iloc[0]
    same = outcomes["num_shots"] == 0
    for name in BARE_COLUMNS:
        if not pd.isna(first[name]):
            same &= outcomes[name] == first[name]
    return outcomes[same]


def _kind_words(label_mode: str, input_mode: str) -> str:
    """Spell a kind of demonstrations: label mode, and the inputs where they are not the task's."""
    return label_mode + {"task": "", "ood": " with other inputs", "none": " without inputs"}[input_mode]


def _group_mean(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    return (np.bincount(group, weights=values) / np.bincount(group))[group]
