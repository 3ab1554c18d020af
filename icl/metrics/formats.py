"""What the format does: spread over formats, agreement of predictions between them (Sclar, Pan)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from icl.metrics.labels import PAIRED_SCORES
from icl.metrics.outcomes import SCORES, total_variation
from icl.metrics.spread import posterior_sd, posterior_spread, spread_of_means
from icl.metrics.table import FORMAT_SEARCH, asked_once, metric_row, settings, without_search
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share

__all__ = ["agreement", "format_effects", "option_effects", "search_effects", "set_effects", "spreads"]

_KEYS = ("model", "task", "label_mode", "input_mode", "balance", "num_shots", "example_length")

_PROMPT = ("demonstration_set_id", "query_id", "order", "option_order", "label_draw")


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
    """Agreement of the answers to one query behind different demonstration sets."""
    found = []
    shown = without_search(outcomes)
    for rows in settings(shown[shown["num_shots"] > 0], *_KEYS, "format"):
        names: dict[str, Any] = {"label_mode": rows["label_mode"].iloc[0]}
        metrics = ("set_consistency", "set_overlap")
        found += agreement(rows, "demonstration_set_id", metrics, "demonstration sets", **names)
    return found


def search_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Best minus worst format of a budgeted search, which asked the formats unequally often (Sclar §4).

    What was asked of a format depends on how it had done, which biases max − min of the means further; the posterior
    given all answers is unmoved by how they were chosen.
    """
    found = []
    for rows in settings(outcomes[outcomes["probe"] == FORMAT_SEARCH], *_KEYS):
        names: dict[str, Any] = {"format": "", "label_mode": rows["label_mode"].iloc[0]}
        blocks = {str(name): block for name, block in rows.groupby("format", sort=False)}
        if len(blocks) < 2:
            continue
        for score in PAIRED_SCORES:
            counts = np.array([len(block) for block in blocks.values()])
            means = np.array([block[score].mean() for block in blocks.values()])
            within = sum(((block[score] - block[score].mean()) ** 2).sum() for block in blocks.values())
            noise = float(within) / max(len(rows) - len(blocks), 1)
            order = np.argsort(means)
            labels = list(blocks)
            contrast = f"{labels[order[-1]]} − {labels[order[0]]}"
            step = 1 / len(rows) if score == "accuracy" else 0.0
            units: dict[str, Any] = {"unit": SCORES[score], "score": score, "contrast": contrast, "resolution": step}
            if noise == 0 or counts.max() < 2:
                spread = Estimate.missing("the answers within a format do not differ, so their noise is not known")
            else:
                spread = spread_of_means(means, np.sqrt(noise / counts))
            found.append(metric_row(rows, "format_search_spread", spread, **units, **names))
    return found


def spreads(rows: pd.DataFrame, factor: str, name: str, **names) -> list[dict]:
    """Raw spread, posterior spread and posterior sd of each score over the levels of a factor, paired by prompt."""
    found = []
    index = [key for key in _PROMPT if key != factor]
    for score in PAIRED_SCORES:
        table = rows.pivot(index=index, columns=factor, values=score).dropna()
        if table.empty:
            continue
        means = table.mean().sort_values()
        contrast = f"{means.index[-1]} − {means.index[0]}"
        raw = Estimate(
            estimate=float(means.iloc[-1] - means.iloc[0]), reason="max − min of noisy means is biased upward"
        )
        sets, queries = (table.index.get_level_values(level).to_numpy() for level in index[:2])
        step = 1 / len(table) if score == "accuracy" else 0.0
        units: dict[str, Any] = {"unit": SCORES[score], "score": score, "contrast": contrast, "resolution": step}
        for metric, estimate in (
            (f"{name}_spread", raw),
            (f"{name}_spread_posterior", posterior_spread(table.to_numpy(), sets, queries)),
            (f"{name}_sd_posterior", posterior_sd(table.to_numpy(), sets, queries)),
        ):
            found.append(metric_row(rows, metric, estimate, **units, **names))
    return found


def agreement(rows: pd.DataFrame, factor: str, metrics: tuple[str, str], words: str, **names) -> list[dict]:
    """Share of agreeing pairs of predictions among the levels of a factor, and the mean overlap of the answers."""
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
    queries = wide.index.get_level_values("query_id").to_numpy()
    own = "demonstration_set_id" in index
    sets = wide.index.get_level_values("demonstration_set_id").to_numpy() if own else np.zeros(len(wide))
    about: dict[str, Any] = {"contrast": f"all {len(pairs)} pairs of {len(levels)} {words}"}
    step = 1 / (len(wide) * len(pairs))
    return [
        metric_row(
            rows, metrics[0], clustered_share(agree, sets, queries), unit="share", resolution=step, **about, **names
        ),
        metric_row(rows, metrics[1], clustered_mean(overlap, sets, queries), unit="probability", **about, **names),
    ]
