"""What the format does: spread over formats, agreement of predictions between them (Sclar, Pan)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from icl.factors import REPEATED_FACTORS, condition_columns
from icl.metrics.outcomes import total_variation
from icl.metrics.spread import posterior_sd, posterior_spread, spread_of_means
from icl.metrics.table import (
    FORMAT_SEARCH,
    as_drawn,
    asked_once,
    metric_row,
    scores_of,
    settings,
    tells_labels,
    without_search,
)
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share, jackknife
from icl.scores import asked_by

__all__ = ["agreement", "format_effects", "option_effects", "search_effects", "set_effects", "spreads"]

_KEYS = condition_columns("format")

_PROMPT = ("demonstration_set_id", "query_id", *REPEATED_FACTORS)


def format_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Spread over formats: max − min of the means, the posterior of the spread, and agreement of predictions.

    Max − min of noisy means is biased upward (its interval is left out for that reason); `format_spread_posterior` is
    the spread of the true means given the noise and `format_sd_posterior` their standard deviation (see
    `icl.metrics.spread`). `consistency` is the share of pairs of formats that predict alike, `overlap` its continuous
    twin: one minus the total variation between their answers.
    """
    found = []
    for asked in settings(without_search(outcomes), *_KEYS):
        rows = asked_once(asked)
        if rows["format"].nunique() < 2:
            continue
        names: dict[str, Any] = {"format": "", "label_mode": rows["label_mode"].iloc[0]}
        found += spreads(rows, "format", "format", **names)
        found += agreement(rows, "format", ("consistency", "overlap"), "formats", **names)
    return found


def option_effects(outcomes: pd.DataFrame) -> list[dict]:
    """The same over the rotations of the options of multiple choice: where the right one stands in the list."""
    found = []
    for asked in settings(without_search(outcomes), *_KEYS, "format"):
        rows = asked_once(asked)
        if rows["option_order"].nunique() < 2:
            continue
        names: dict[str, Any] = {"label_mode": rows["label_mode"].iloc[0]}
        found += spreads(rows, "option_order", "option", **names)
        found += agreement(rows, "option_order", ("option_consistency", "option_overlap"), "rotations", **names)
    return found


def set_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Agreement of the answers to one query behind different demonstration sets.

    Pairs of sets share sets, so the interval is a jackknife over sets and one over queries.
    """
    found = []
    shown = as_drawn(without_search(outcomes))
    for asked in settings(shown[(shown["num_shots"] > 0) & (shown["label_draw"] == 0)], *_KEYS, "format"):
        sets, names = pd.factorize(asked["demonstration_set_id"])
        queries, labels = pd.factorize(asked["query_id"])
        if len(names) < 2 or len(asked) < len(names) * len(labels) or not tells_labels(asked):
            continue
        agree, overlap = (np.full((len(labels), len(names), len(names)), np.nan) for _ in range(2))
        place = np.empty((len(labels), len(names)), dtype=int)
        place[queries, sets] = np.arange(len(asked))
        predictions, answers = asked["prediction"].to_numpy(), asked["distribution"]
        for a, b in combinations(range(len(names)), 2):
            first, second = place[:, a], place[:, b]
            agree[:, a, b] = predictions[first] == predictions[second]
            overlap[:, a, b] = 1 - total_variation(answers.iloc[first], answers.iloc[second])
        about: dict[str, Any] = {"label_mode": asked["label_mode"].iloc[0]}
        about["contrast"] = f"all {len(names) * (len(names) - 1) // 2} pairs of {len(names)} demonstration sets"
        step = {"resolution": 2 / (len(asked) * (len(names) - 1))}
        keys = (sets, queries)
        # Of two sets none can be left out: there is no pair without it.
        held = keys if len(names) > 2 else (np.zeros(len(asked)), queries)
        hard, soft = (jackknife(partial(_pair_mean, pairs), keys, *held) for pairs in (agree, overlap))
        if len(names) == 2:
            alone = "two demonstration sets: the interval covers other queries only"
            hard, soft = (replace(one, reason=one.reason or alone) for one in (hard, soft))
        found.append(metric_row(asked, "set_consistency", _share(hard), **step, **about))
        found.append(metric_row(asked, "set_overlap", _share(soft), **about))
    return found


def _pair_mean(pairs: np.ndarray, sets: np.ndarray, queries: np.ndarray) -> float:
    """Average over the pairs of these answers to a query, and over queries that have any."""
    held = np.zeros(pairs.shape[:2])
    held[queries, sets] = 1
    weights = held[:, :, None] * held[:, None, :] * ~np.isnan(pairs)
    counts = weights.sum(axis=(1, 2))
    totals = (weights * np.nan_to_num(pairs)).sum(axis=(1, 2))
    return float((totals[counts > 0] / counts[counts > 0]).mean())


def _share(estimate: Estimate) -> Estimate:
    low, high = (float(end) for end in np.clip([estimate.low, estimate.high], 0, 1))  # NaN stays NaN
    return replace(estimate, low=low, high=high)


def search_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Best minus worst format of a budgeted search, which asked the formats unequally often (Sclar §4).

    What was asked of a format depends on how it had done, which biases max − min of the means further; the posterior
    given all answers is unmoved by how they were chosen.
    """
    found = []
    for rows in settings(outcomes[asked_by(outcomes["probe"], FORMAT_SEARCH)], *_KEYS):
        names: dict[str, Any] = {"format": "", "label_mode": rows["label_mode"].iloc[0]}
        if rows["format"].nunique() < 2:
            continue
        for score in scores_of(rows):
            step = 1 / len(rows) if score == "accuracy" else 0.0
            spread, sides = _searched_spread(rows, score)
            about: dict[str, Any] = {"score": score, "resolution": step, **sides}
            found.append(metric_row(rows, "format_search_spread", spread, **about, **names))
    return found


def _searched_spread(rows: pd.DataFrame, score: str) -> tuple[Estimate, dict[str, str]]:
    """Spread of the formats' means, and which lie furthest apart, after what prompts do to all formats alike.

    Least squares of score = format + prompt on whatever pairs were asked; the noise is what is left.
    """
    formats, names = pd.factorize(rows["format"])
    prompts, _ = pd.factorize(rows["demonstration_set_id"] + "\x1f" + rows["query_id"])
    design = np.concatenate([np.eye(len(names))[formats], np.eye(prompts.max() + 1)[prompts]], axis=1)
    values = rows[score].to_numpy(dtype=float)
    effects, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    means = effects[: len(names)] - effects[: len(names)].mean() + values.mean()
    order = np.argsort(means)
    sides = {"compared": str(names[order[-1]]), "baseline": str(names[order[0]])}
    degrees = len(values) - rank
    if degrees < 1:
        return Estimate.missing("too few prompts were asked in several formats to know the noise"), sides
    noise = float(((values - design @ effects) ** 2).sum()) / degrees
    if noise < 1e-20:
        alike = "formats differ in the same way on every prompt: no interval"
        return Estimate(estimate=float(np.ptp(means)), reason=alike), sides
    spread = spread_of_means(means, np.sqrt(noise / np.bincount(formats)), float(degrees))
    most = np.inf if score == "log_score" else 1.0
    return replace(spread, high=min(most, spread.high)), sides


def spreads(rows: pd.DataFrame, factor: str, name: str, **names) -> list[dict]:
    """Raw spread, posterior spread and posterior sd of each score over the levels of a factor, paired by prompt."""
    found = []
    index = [key for key in _PROMPT if key != factor]
    for score in scores_of(rows):
        table = rows.pivot(index=index, columns=factor, values=score).dropna()
        if table.empty:
            continue
        means = table.mean().sort_values()
        raw = Estimate(
            estimate=float(means.iloc[-1] - means.iloc[0]), reason="max − min of noisy means is biased upward"
        )
        sets, queries = (table.index.get_level_values(level).to_numpy() for level in index[:2])
        step = 1 / len(table) if score == "accuracy" else 0.0
        about: dict[str, Any] = {"score": score, "resolution": step}
        about |= {"compared": str(means.index[-1]), "baseline": str(means.index[0])}
        for metric, estimate in (
            (f"{name}_spread", raw),
            (f"{name}_spread_posterior", posterior_spread(table.to_numpy(), sets, queries)),
            (f"{name}_sd_posterior", posterior_sd(table.to_numpy(), sets, queries)),
        ):
            found.append(metric_row(rows, metric, estimate, **about, **names))
    return found


def agreement(rows: pd.DataFrame, factor: str, metrics: tuple[str, str], words: str, **names) -> list[dict]:
    """Share of agreeing pairs of predictions among the levels of a factor, and the mean overlap of the answers."""
    if not tells_labels(rows):
        return []
    index = [key for key in _PROMPT if key != factor]
    wide = rows.pivot(index=index, columns=factor, values=["prediction", "distribution"])
    wide = wide[wide["prediction"].notna().sum(axis=1) == wide["prediction"].shape[1]]
    levels: Sequence = list(wide["prediction"].columns)
    pairs = list(combinations(levels, 2))
    if wide.empty or not pairs:
        return []
    predictions, answers = wide["prediction"], wide["distribution"]
    agree = np.mean([(predictions[a] == predictions[b]).to_numpy(dtype=float) for a, b in pairs], axis=0)
    overlap = np.mean([1 - total_variation(answers[a], answers[b]) for a, b in pairs], axis=0)
    sets, queries = (wide.index.get_level_values(level).to_numpy() for level in index[:2])
    about: dict[str, Any] = {"contrast": f"all {len(pairs)} pairs of {len(levels)} {words}"}
    step = 1 / (len(wide) * len(pairs))
    return [
        metric_row(rows, metrics[0], clustered_share(agree, sets, queries), resolution=step, **about, **names),
        metric_row(rows, metrics[1], _share(clustered_mean(overlap, sets, queries)), **about, **names),
    ]
