"""What moves the model: paired differences between conditions (science of Min, Yoo, Sclar, Schaeffer).

Each function takes prompt outcomes and returns rows of the metrics table; it returns none where the conditions that it
compares were not run.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from icl.metrics.outcomes import SCORES
from icl.metrics.spread import posterior_spread
from icl.metrics.table import asked_once, matched, metric_row, resolution, settings
from icl.metrics.uncertainty import (
    Estimate,
    clustered_mean,
    clustered_ratio,
    clustered_share,
    clustered_share_difference,
)

__all__ = [
    "EFFECTS",
    "bayes_gap",
    "format_effects",
    "label_effects",
    "label_slope",
    "shots_effects",
]

_PAIRED_SCORES = ("accuracy", "gold_probability", "log_score")

_SETTING = ("model", "task", "format", "num_shots", "example_length")

_NOISE_MODES = ("gold", "random", "random_marginal", "shuffled")


def label_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Compare gold labels with every other label mode on the same queries and demonstrations.

    `gap` is m(gold) − m(mode) (Min: gold − random); `gain_retained` is (m(mode) − m(zero shot)) ÷ (m(gold) − m(zero
    shot)); `GLER` is gap(random) ÷ (m(gold) − m(zero shot)) (Yoo); `flip_rate` is the share of queries whose prediction
    differs from that under gold labels; `task_recognition` is m(random) − chance (Pan).
    """
    found = []
    for rows in settings(outcomes[outcomes["num_shots"] > 0], *_SETTING):
        gold_rows = rows[rows["label_mode"] == "gold"]
        if gold_rows.empty:
            continue
        zero_rows = _zero_shot(outcomes, rows)
        for mode in rows["label_mode"].unique():
            if mode == "gold":
                continue
            gold, other = matched(gold_rows, rows[rows["label_mode"] == mode])
            found += _differences("gap", gold, other, contrast=f"gold − {mode}", label_mode=mode)
            changed = (gold["prediction"] != other["prediction"]).to_numpy(dtype=float)
            estimate = clustered_share(changed, *_clusters(gold))
            step: dict[str, Any] = {"unit": "share", "resolution": resolution(gold)}
            names: dict[str, Any] = {"contrast": f"gold against {mode}", "label_mode": mode}
            found.append(metric_row(gold, "flip_rate", estimate, **step, **names))
            if mode == "random":
                found.append(_task_recognition(other))
            if not zero_rows.empty:
                found += _ratios(gold_rows, rows[rows["label_mode"] == mode], zero_rows, mode)
    return found


def label_slope(outcomes: pd.DataFrame) -> list[dict]:
    """Regress each score on the share of correct labels shown, within query and demonstration set (Yoo, β₁).

    Only modes that make labels wrong at random count; a consistent mapping (flipped, permuted) is not noise.
    """
    shown = outcomes[(outcomes["num_shots"] > 0) & outcomes["num_wrong_shown"].notna()]
    noisy = shown["label_mode"].isin(_NOISE_MODES) | shown["label_mode"].str.startswith("fraction_correct")
    found = []
    for rows in settings(shown[noisy], *_SETTING):
        if rows["label_mode"].nunique() < 2:
            continue
        share = 1 - rows["num_wrong_shown"].to_numpy(dtype=float) / rows["num_shots"].to_numpy(dtype=float)
        unit = rows.groupby(["query_id", "demonstration_set_id"], sort=False).ngroup().to_numpy()
        x = share - _group_mean(share, unit)
        for score in _PAIRED_SCORES:
            y = rows[score].to_numpy() - _group_mean(rows[score].to_numpy(), unit)
            if (x**2).sum() == 0:
                estimate = Estimate.missing("every condition shows the same share of correct labels")
            else:
                slope = float((x * y).sum() / (x**2).sum())
                influence = x * (y - slope * x) / (x**2).mean()
                spread = clustered_mean(influence, *_clusters(rows))
                estimate = Estimate(
                    estimate=slope,
                    standard_error=spread.standard_error,
                    low=slope + spread.low,
                    high=slope + spread.high,
                    reason=spread.reason,
                )
            units = f"{SCORES[score]} per share of correct labels"
            found.append(metric_row(rows, "label_correctness_slope", estimate, unit=units, score=score))
    return found


def format_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Spread over formats: max − min of the means, the posterior of the spread, and agreement of predictions.

    Max − min of noisy means is biased upward (its interval is left out for that reason); `format_spread_posterior` is
    the spread of the true means given the noise (see `icl.metrics.spread`).
    """
    found = []
    keys = ("model", "task", "label_mode", "num_shots", "example_length")
    for asked in settings(outcomes, *keys):
        rows = asked_once(asked)
        blocks = {str(name): block for name, block in rows.groupby("format", sort=False)}
        if len(blocks) < 2:
            continue
        names: dict[str, Any] = {"format": "", "label_mode": rows["label_mode"].iloc[0]}
        for score in _PAIRED_SCORES:
            table = rows.pivot(index=["demonstration_set_id", "query_id"], columns="format", values=score).dropna()
            if table.empty:
                continue
            means = table.mean().sort_values()
            contrast = f"{means.index[-1]} − {means.index[0]}"
            raw = Estimate(
                estimate=float(means.iloc[-1] - means.iloc[0]), reason="max − min of noisy means is biased upward"
            )
            sets, queries = (table.index.get_level_values(level).to_numpy() for level in (0, 1))
            spread = posterior_spread(table.to_numpy(), sets, queries)
            units: dict[str, Any] = {"unit": SCORES[score], "score": score, "contrast": contrast}
            found.append(metric_row(rows, "format_spread", raw, **units, **names))
            found.append(metric_row(rows, "format_spread_posterior", spread, **units, **names))
        predictions = rows.pivot(index=["demonstration_set_id", "query_id"], columns="format", values="prediction")
        predictions = predictions.dropna()
        pairs = list(combinations(predictions.columns, 2))
        agree = np.mean([(predictions[a] == predictions[b]).to_numpy(dtype=float) for a, b in pairs], axis=0)
        sets, queries = (predictions.index.get_level_values(level).to_numpy() for level in (0, 1))
        estimate = clustered_share(agree, sets, queries)
        step = 1 / (len(predictions) * len(pairs))
        about: dict[str, Any] = {"unit": "share", "contrast": f"all {len(pairs)} pairs of {len(blocks)} formats"}
        found.append(metric_row(rows, "consistency", estimate, resolution=step, **about, **names))
    return found


def shots_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Compare each shot count with zero shots (or the fewest that were run) on the same queries."""
    found = []
    keys = ("model", "task", "format", "example_length")
    for rows in settings(outcomes, *keys):
        fewest = int(rows["num_shots"].min())
        for block in settings(rows[rows["num_shots"] > fewest], "label_mode", "num_shots"):
            base = rows[rows["num_shots"] == fewest]
            if fewest > 0:
                base = base[base["label_mode"] == block["label_mode"].iloc[0]]
            more, few = matched(block, base)
            if not more.empty:
                contrast = f"{int(block['num_shots'].iloc[0])} shots − {fewest} shots"
                mode = block["label_mode"].iloc[0]
                found += _differences("shots_gain", more, few, contrast=contrast, label_mode=mode)
    return found


def bayes_gap(scores: pd.DataFrame) -> list[dict]:
    """KL(p_Bayes ‖ p_model) and accuracy lost against exact Bayes, on the prompts that both scored (GINC only)."""
    from icl.metrics.outcomes import PROMPT_KEYS, prompt_outcomes

    oracle = scores[(scores["model"] == "oracle") & (scores["status"] == "ok")]
    found: list[dict] = []
    if oracle.empty:
        return found
    keys = [key for key in PROMPT_KEYS if key != "model"]
    best = prompt_outcomes(oracle)
    for model_scores in settings(scores[(scores["model"] != "oracle") & (scores["status"] == "ok")], "model"):
        both = model_scores.merge(
            oracle[[*keys, "candidate", "logprob"]], on=[*keys, "candidate"], suffixes=("", "_bayes")
        )
        kl_terms = np.exp(both["logprob_bayes"]) * (both["logprob_bayes"] - both["logprob"])
        kl = both.assign(kl=kl_terms).groupby(keys, dropna=False, sort=False)["kl"].sum().reset_index()
        outcomes = (
            prompt_outcomes(model_scores)
            .merge(kl, on=keys)
            .merge(best[[*keys, "accuracy"]], on=keys, suffixes=("", "_bayes"))
        )
        for asked in settings(outcomes, "task", "label_mode", "format", "num_shots", "example_length"):
            rows = asked_once(asked)
            names: dict[str, Any] = {"contrast": "exact Bayes − model", "label_mode": rows["label_mode"].iloc[0]}
            estimate = clustered_mean(rows["kl"].to_numpy(), *_clusters(rows))
            found.append(metric_row(rows, "bayes_kl", estimate, unit="nats", **names))
            lost = (rows["accuracy_bayes"] - rows["accuracy"]).to_numpy()
            step: dict[str, Any] = {"unit": "share", "resolution": resolution(rows), "score": "accuracy"}
            found.append(
                metric_row(
                    rows, "bayes_accuracy_gap", clustered_share_difference(lost, *_clusters(rows)), **step, **names
                )
            )
    return found


EFFECTS: dict[str, Callable[[pd.DataFrame], list[dict]]] = {
    "label_effects": label_effects,
    "label_slope": label_slope,
    "format_effects": format_effects,
    "shots_effects": shots_effects,
}
"""Name → function of prompt outcomes."""


def _differences(metric: str, first: pd.DataFrame, second: pd.DataFrame, **names) -> list[dict]:
    found = []
    for score in _PAIRED_SCORES:
        difference = (first[score] - second[score]).to_numpy()
        step = resolution(first) if score == "accuracy" else 0.0
        average = clustered_share_difference if score == "accuracy" else clustered_mean
        estimate = average(difference, *_clusters(first))
        found.append(metric_row(first, metric, estimate, unit=SCORES[score], resolution=step, score=score, **names))
    return found


def _task_recognition(random: pd.DataFrame) -> dict:
    """Accuracy above chance where the labels say nothing about the inputs."""
    chance = 1 / random["num_candidates"].to_numpy(dtype=float)
    accuracy = clustered_share(random["accuracy"].to_numpy(), *_clusters(random))
    shifted = {end: getattr(accuracy, end) - chance.mean() for end in ("estimate", "low", "high")}
    names: dict[str, Any] = {"contrast": "random − chance", "label_mode": "random", "score": "accuracy"}
    step = resolution(random)
    return metric_row(random, "task_recognition", replace(accuracy, **shifted), unit="share", resolution=step, **names)


def _ratios(gold: pd.DataFrame, other: pd.DataFrame, zero: pd.DataFrame, mode: str) -> list[dict]:
    gold, other = matched(gold, other)
    gold, zero = matched(gold, zero)
    other, _ = matched(other, zero)
    if gold.empty:
        return []
    found = []
    for score in ("accuracy", "gold_probability"):
        gain = (gold[score] - zero[score]).to_numpy()
        names: dict[str, Any] = {"unit": "ratio", "score": score, "label_mode": mode}
        kept = clustered_ratio((other[score] - zero[score]).to_numpy(), gain, *_clusters(gold))
        contrast = f"({mode} − zero shot) ÷ (gold − zero shot)"
        found.append(metric_row(gold, "gain_retained", kept, contrast=contrast, **names))
        if mode == "random":
            ratio = clustered_ratio((gold[score] - other[score]).to_numpy(), gain, *_clusters(gold))
            contrast = "(gold − random) ÷ (gold − zero shot)"
            found.append(metric_row(gold, "GLER", ratio, contrast=contrast, **names))
    return found


def _zero_shot(outcomes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    first = rows.iloc[0]
    same = (outcomes["num_shots"] == 0) & (outcomes["model"] == first["model"]) & (outcomes["task"] == first["task"])
    same &= outcomes["format"] == first["format"]
    if not pd.isna(first["example_length"]):
        same &= outcomes["example_length"] == first["example_length"]
    return outcomes[same]


def _clusters(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows["demonstration_set_id"].to_numpy(), rows["query_id"].to_numpy()


def _group_mean(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    return (np.bincount(group, weights=values) / np.bincount(group))[group]
