"""How far answers lie from exact Bayes (GINC only)."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.factors import condition_columns
from icl.metrics.outcomes import PROMPT_KEYS
from icl.metrics.table import as_drawn, asked_once, clusters, metric_row, resolution, settings
from icl.metrics.uncertainty import clustered_mean, clustered_share_difference

__all__ = ["bayes_gap"]


def bayes_gap(outcomes: pd.DataFrame) -> list[dict]:
    """KL(p_Bayes ‖ p_model) and accuracy lost against exact Bayes, on the prompts that both scored (GINC only)."""
    outcomes = outcomes[outcomes["logprobs"].notna()]
    oracle = outcomes[outcomes["model"] == "oracle"]
    found: list[dict] = []
    if oracle.empty:
        return found
    keys = [key for key in PROMPT_KEYS if key != "model"]
    exact = oracle[[*keys, "candidates", "logprobs", "accuracy"]]
    for mine in settings(outcomes[outcomes["model"] != "oracle"], "model"):
        both = mine.merge(exact, on=keys, suffixes=("", "_bayes"))
        both = both[both["candidates"] == both["candidates_bayes"]]
        both = both.assign(kl=_divergence(both["logprobs_bayes"], both["logprobs"]))
        told = both[both["kl"].notna()]  # else exact Bayes or the model was not told all candidates
        for asked in settings(as_drawn(told), *condition_columns("model", "balance")):
            rows = asked_once(asked)
            names: dict[str, Any] = {
                "compared": "exact Bayes",
                "baseline": "model",
                "label_mode": rows["label_mode"].iloc[0],
            }
            estimate = clustered_mean(rows["kl"].to_numpy(), *clusters(rows))
            found.append(metric_row(rows, "bayes_kl", estimate, **names))
            lost = (rows["accuracy_bayes"] - rows["accuracy"]).to_numpy()
            step: dict[str, Any] = {"resolution": resolution(rows), "score": "accuracy"}
            found.append(
                metric_row(
                    rows, "bayes_accuracy_gap", clustered_share_difference(lost, *clusters(rows)), **step, **names
                )
            )
    return found


def _divergence(exact: pd.Series, other: pd.Series) -> Float[ndarray, " num_prompts"]:
    """KL from the first to the second of two log-probabilities a prompt, nats; NaN where one was not told."""
    found = np.empty(len(exact))
    for place, (first, second) in enumerate(zip(exact, other)):
        with np.errstate(invalid="ignore"):
            terms = np.exp(first) * (first - second)
        found[place] = np.where(np.isneginf(first), 0.0, terms).sum()
    return found
