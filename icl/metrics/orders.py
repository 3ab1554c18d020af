"""What the order of the demonstrations does: spread within a set, agreement, and entropies that pick an order (Lu)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.factors import condition_columns
from icl.metrics.formats import agreement
from icl.metrics.metric import SHARES
from icl.metrics.spread import sd_within_sets, spread_within_sets
from icl.metrics.table import clusters, metric_row, scores_of, settings, tells_labels, without_search
from icl.metrics.uncertainty import Estimate, clustered_mean, jackknife

__all__ = ["entropy", "global_entropy", "order_effects"]

_KEYS = condition_columns()

_FEWEST_QUERIES = 5
"""A demonstration set whose orders were asked of fewer queries has no accuracy to compare."""


def order_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Compare the orders of the demonstrations of each set, on the same queries.

    `order_sd_query` is the standard deviation over orders of the answer to one query (with every order asked it has no
    noise). Of accuracies over queries: `order_spread_posterior` (best − worst) and `order_sd_posterior` are inferred
    set by set and averaged over sets, `order_spread` is the raw range, `order_worst` the lowest of the orders minus
    their mean. `order_consistency` is the share of pairs of orders that predict alike, `order_overlap` its continuous
    twin. `global_entropy` is the entropy of the predicted labels over the queries, `global_entropy_soft` that of the
    average answer, `local_entropy` the average entropy of an answer (GlobalE and LocalE, Lu §3).

    `global_entropy_gain` is the score that the order with the largest GlobalE has on a query that had no part in
    picking it (Lu pick by probing queries of their own), minus that of an average order: each query is scored with the
    pick of all others. An order picked and scored by the same queries would owe part of its score to what of both is
    chance. The gain is that of picking by so many queries, and grows with them.
    """
    found = []
    for rows in settings(_several_orders(outcomes), *_KEYS):
        names: dict[str, Any] = {"label_mode": rows["label_mode"].iloc[0]}
        found += _within_queries(rows, names)
        found += agreement(rows, "order", ("order_consistency", "order_overlap"), "orders", **names)
        first_draw = rows[rows["label_draw"] == 0]
        tables = _tables(first_draw)
        if tables:
            found += _within_sets(first_draw, tables, names)
            found += _entropies(first_draw, names)
    return found


def entropy(probabilities: Float[ndarray, "... num_outcomes"]) -> Float[ndarray, "..."]:
    """Entropy in nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(probabilities > 0, probabilities * np.log(probabilities), 0.0)
    return np.asarray(-terms.sum(axis=-1))


def global_entropy(predictions: ndarray) -> float:
    """Entropy in nats of how often each label is predicted; biased downward where queries are few."""
    _, counts = np.unique(predictions.astype(str), return_counts=True)
    return float(entropy(counts / counts.sum()))


def _several_orders(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Rows of the settings whose demonstrations were asked in more than one order."""
    shown = without_search(outcomes)
    shown = shown[(shown["num_shots"] > 1) & (shown["option_order"] == 0)]
    orders = shown.groupby(list(_KEYS), dropna=False, sort=False)["order"].transform("nunique")
    return shown[orders > 1]


def _within_queries(rows: pd.DataFrame, names: dict[str, Any]) -> list[dict]:
    """Standard deviation over the orders of one set, for each query by itself."""
    found = []
    prompts = rows.groupby(["demonstration_set_id", "query_id", "label_draw"], sort=False)
    for score in scores_of(rows):
        deviation = prompts[score].std(ddof=0).reset_index()
        estimate = clustered_mean(deviation[score].to_numpy(), *clusters(deviation))
        estimate = replace(estimate, low=max(0.0, estimate.low) if not np.isnan(estimate.low) else np.nan)
        step = 0.0 if score != "accuracy" else 1 / len(rows)
        found.append(metric_row(rows, "order_sd_query", estimate, score=score, resolution=step, **names))
    return found


type _Tables = dict[str, dict[str, Float[ndarray, "num_queries num_orders"]]]
"""Demonstration set → score → one row a query, one column an order."""


def _tables(rows: pd.DataFrame) -> _Tables:
    tables: _Tables = {}
    for name, block in rows.groupby("demonstration_set_id", sort=False):
        scores = scores_of(rows)
        wide = block.pivot(index="query_id", columns="order", values=scores).dropna()
        if len(wide) >= _FEWEST_QUERIES:
            tables[str(name)] = {score: wide[score].to_numpy(dtype=float) for score in scores}
    return tables


def _within_sets(rows: pd.DataFrame, tables: _Tables, names: dict[str, Any]) -> list[dict]:
    found = []
    for score in scores_of(rows):
        values = [table[score] for table in tables.values()]
        steps = 1 / sum(value.size for value in values) if score == "accuracy" else 0.0
        about: dict[str, Any] = {"score": score, "resolution": steps}
        about["contrast"] = f"{values[0].shape[1]} orders of each of {len(values)} demonstration sets"
        raw = np.mean([np.ptp(value.mean(axis=0)) for value in values])
        biased = "max − min of noisy means is biased upward"
        found.append(metric_row(rows, "order_spread", Estimate(estimate=float(raw), reason=biased), **about, **names))
        for metric, infer in (("order_spread_posterior", spread_within_sets), ("order_sd_posterior", sd_within_sets)):
            found.append(metric_row(rows, metric, infer(values), **about, **names))
        worst = np.mean([value.mean(axis=0).min() - value.mean() for value in values])
        lowest = Estimate(estimate=float(worst), reason="min of noisy means is biased downward")
        found.append(metric_row(rows, "order_worst", lowest, **about, **names))
    return found


def _entropies(rows: pd.DataFrame, names: dict[str, Any]) -> list[dict]:
    if not tells_labels(rows):
        return []
    sets, queries = clusters(rows)
    local = entropy_of(rows["distribution"])
    prompt = rows.groupby(["demonstration_set_id", "order"], sort=False).ngroup().to_numpy()
    predictions, labels = pd.factorize(rows["prediction"].astype(str))
    answers = np.stack(rows["distribution"].to_list()) if rows["num_candidates"].nunique() == 1 else None
    steps: dict[str, Any] = {"resolution": 1 / len(rows)}

    def hard(prompt: ndarray, predictions: ndarray) -> float:
        cells = np.bincount(prompt * len(labels) + predictions, minlength=(prompt.max() + 1) * len(labels))
        counts = cells.reshape(-1, len(labels))[np.bincount(prompt) > 0]
        return float(entropy(counts / counts.sum(axis=1, keepdims=True)).mean())

    found = [metric_row(rows, "local_entropy", clustered_mean(local, sets, queries), **names)]
    found.append(
        metric_row(rows, "global_entropy", jackknife(hard, (prompt, predictions), sets, queries), **names, **steps)
    )
    if answers is not None:

        def soft(prompt: ndarray, answers: ndarray) -> float:
            counts = np.bincount(prompt)
            sums = np.stack([np.bincount(prompt, weights=column) for column in answers.T], axis=1)[counts > 0]
            return float(entropy(sums / counts[counts > 0, None]).mean())

        estimate = jackknife(soft, (prompt, answers), sets, queries)
        found.append(metric_row(rows, "global_entropy_soft", estimate, **names))
    return found + _gains(rows, names)


def _gains(rows: pd.DataFrame, names: dict[str, Any]) -> list[dict]:
    """`global_entropy_gain` of each score that is a share."""
    found = []
    for score in scores_of(rows, SHARES):
        blocks = [_picked(block, score) for _, block in rows.groupby("demonstration_set_id", sort=False)]
        gains = pd.concat([block for block in blocks if len(block) >= _FEWEST_QUERIES])
        gain = clustered_mean(gains["gain"].to_numpy(), *clusters(gains))
        more: dict[str, Any] = {"score": score}
        more["resolution"] = 1 / len(rows) if score == "accuracy" else 0.0
        more["compared"] = f"order of the largest GlobalE over {rows['query_id'].nunique() - 1} other queries"
        more["baseline"] = "average order"
        found.append(metric_row(rows, "global_entropy_gain", gain, **more, **names))
    return found


def entropy_of(distributions: pd.Series) -> Float[ndarray, " num_prompts"]:
    """Entropy of each answer, nats."""
    return np.array([float(entropy(one)) for one in distributions])


def _picked(block: pd.DataFrame, score: str) -> pd.DataFrame:
    """One set's gain on each query: score of the order that has the largest GlobalE over the others − average order.

    Orders that share the largest share the pick.
    """
    wide = block.pivot(index="query_id", columns="order", values=["prediction", score]).dropna()
    codes = pd.factorize(wide["prediction"].to_numpy().ravel())[0].reshape(wide["prediction"].shape)
    predicted = np.eye(codes.max(initial=0) + 1)[codes]  # query, order, label
    others = predicted.sum(axis=0) - predicted
    entropies = entropy(others / np.maximum(others.sum(axis=-1, keepdims=True), 1))
    best = entropies >= entropies.max(axis=1, keepdims=True) - 1e-12
    values = wide[score].to_numpy(dtype=float)
    gains = (best * values).sum(axis=1) / best.sum(axis=1) - values.mean(axis=1)
    named = wide.index.to_frame(index=False)
    return named.assign(demonstration_set_id=block["demonstration_set_id"].iloc[0], gain=gains)
