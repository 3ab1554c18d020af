"""From the score table to one row a prompt: what was predicted, how well, how surely."""

import numpy as np
import pandas as pd

__all__ = ["CHANNEL", "PROMPT_KEYS", "SCORES", "prompt_outcomes"]

CHANNEL = " (channel)"
"""Behind the name of a model that is asked by the channel method."""

PROMPT_KEYS = ["model", "task", "label_mode", "input_mode", "format", "order", "method", "num_shots"]
PROMPT_KEYS += ["example_length", "query_id", "demonstration_set_id"]
"""Columns that together name a prompt."""

SCORES: dict[str, str] = {
    "accuracy": "share",
    "gold_probability": "probability",
    "log_score": "nats",
    "brier": "squared probability",
}
"""Per-prompt scores → unit. `gold_probability` is the continuous twin of accuracy; for `brier` lower is better."""


def prompt_outcomes(scores: pd.DataFrame) -> pd.DataFrame:
    """Reduce candidates to one row a prompt, leaving out prompts with a row that is not ok.

    Returns
    -------
    DataFrame
        `PROMPT_KEYS`, probe, num_wrong_shown, gold, prediction, confidence, num_candidates and `SCORES`.
        Probabilities are normalised over the candidates; ties go to the first of them. A model that is asked by the
        channel method answers under a name of its own, ``model (channel)``.
    """
    number = scores.groupby(PROMPT_KEYS, dropna=False, sort=False).ngroup().to_numpy()
    failed = np.unique(number[(scores["status"] != "ok").to_numpy()])
    scores = scores[~np.isin(number, failed)]
    if scores.empty:
        return pd.DataFrame(columns=[*PROMPT_KEYS, "probe", "num_wrong_shown", "gold", "prediction", *SCORES])
    number = scores.groupby(PROMPT_KEYS, dropna=False, sort=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    scores, number = scores.iloc[order], number[order]
    starts = np.flatnonzero(np.r_[True, np.diff(number) > 0])
    sizes = np.diff(np.r_[starts, len(scores)])

    logprob = scores["logprob"].to_numpy()
    top = np.maximum.reduceat(logprob, starts)
    weights = np.exp(logprob - np.repeat(top, sizes))
    probability = weights / np.repeat(np.add.reduceat(weights, starts), sizes)
    is_gold = scores["is_gold"].to_numpy()
    candidate = scores["candidate"].to_numpy()
    first_best = starts + _first_true(logprob == np.repeat(top, sizes), starts)
    gold_row = starts + _first_true(is_gold, starts)

    table = scores.iloc[starts][[*PROMPT_KEYS, "probe", "num_wrong_shown"]].reset_index(drop=True)
    channel = table["method"] == "channel"
    table["model"] = table["model"].where(~channel, table["model"] + CHANNEL)
    gold_probability = probability[gold_row]
    return table.assign(
        gold=candidate[gold_row],
        prediction=candidate[first_best],
        confidence=probability[first_best],
        num_candidates=sizes,
        accuracy=(candidate[gold_row] == candidate[first_best]).astype(float),
        gold_probability=gold_probability,
        log_score=np.log(np.maximum(gold_probability, np.finfo(float).tiny)),
        brier=np.add.reduceat((probability - is_gold) ** 2, starts),
    )


def _first_true(flags: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Offset of the first true flag within each block."""
    at = np.where(flags, np.arange(len(flags)), len(flags))
    return np.minimum.reduceat(at, starts) - starts
