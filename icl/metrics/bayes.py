"""How far answers lie from exact Bayes (GINC only)."""

from typing import Any

import numpy as np
import pandas as pd

from icl.metrics.outcomes import PROMPT_KEYS, prompt_outcomes
from icl.metrics.table import as_drawn, asked_once, clusters, metric_row, resolution, settings
from icl.metrics.uncertainty import clustered_mean, clustered_share_difference

__all__ = ["bayes_gap"]


def bayes_gap(scores: pd.DataFrame) -> list[dict]:
    """KL(p_Bayes ‖ p_model) and accuracy lost against exact Bayes, on the prompts that both scored (GINC only)."""
    oracle = scores[scores["model"] == "oracle"]
    found: list[dict] = []
    if oracle.empty:
        return found
    keys = [key for key in PROMPT_KEYS if key != "model"]
    best = prompt_outcomes(oracle)
    columns = [*keys, "candidate", "logprob"]
    for model_scores in settings(scores[scores["model"] != "oracle"], "model"):
        both = model_scores[columns].merge(oracle[columns], on=columns[:-1], suffixes=("", "_bayes"))
        share = np.exp(both["logprob_bayes"])
        kl_terms = (share * (both["logprob_bayes"] - both["logprob"])).where(share > 0, 0.0)
        kl = both.assign(kl=kl_terms).groupby(keys, dropna=False, sort=False)["kl"].sum(skipna=False).reset_index()
        kl = kl[kl["kl"].notna()]  # where exact Bayes or the model was not told all candidates
        outcomes = (
            prompt_outcomes(model_scores)
            .merge(kl, on=keys)
            .merge(best[[*keys, "accuracy"]], on=keys, suffixes=("", "_bayes"))
        )
        keys_of_setting = ("task", "label_mode", "input_mode", "format", "num_shots", "example_length")
        for asked in settings(as_drawn(outcomes), *keys_of_setting):
            rows = asked_once(asked)
            names: dict[str, Any] = {"contrast": "exact Bayes − model", "label_mode": rows["label_mode"].iloc[0]}
            estimate = clustered_mean(rows["kl"].to_numpy(), *clusters(rows))
            found.append(metric_row(rows, "bayes_kl", estimate, unit="nats", **names))
            lost = (rows["accuracy_bayes"] - rows["accuracy"]).to_numpy()
            step: dict[str, Any] = {"unit": "share", "resolution": resolution(rows), "score": "accuracy"}
            found.append(
                metric_row(
                    rows, "bayes_accuracy_gap", clustered_share_difference(lost, *clusters(rows)), **step, **names
                )
            )
    return found
