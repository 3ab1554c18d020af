"""From the score table to one row a prompt: what was predicted, how well, how surely."""

import numpy as np
import pandas as pd

from icl.scores import PROMPT_KEYS as _KEYS

PROMPT_KEYS = list(_KEYS)

__all__ = ["CHANNEL", "PROMPT_KEYS", "SCORES", "prompt_outcomes", "total_variation"]

CHANNEL = " (channel)"
"""Behind the name of a model that is asked by the channel method."""

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
        `PROMPT_KEYS`, probe, num_wrong_shown, gold, prediction, confidence, num_candidates, `SCORES`; distribution
        (an array) over candidates (a tuple, in alphabetical order); mapped (what the demonstrations' mapping calls the
        gold label, None where they follow none) and its mapped_probability. Probabilities are normalised over the
        candidates; ties go to the first of them. A model that is asked by the channel method answers under a name of
        its own, ``model (channel)``.
    """
    number = scores.groupby(PROMPT_KEYS, dropna=False, sort=False).ngroup().to_numpy()
    failed = np.unique(number[(scores["status"] != "ok").to_numpy()])
    scores = scores[~np.isin(number, failed)]
    if scores.empty:
        columns = ["probe", "num_wrong_shown", "gold", "prediction", "distribution", "candidates", "mapped"]
        columns += ["mapped_probability"]
        return pd.DataFrame(columns=[*PROMPT_KEYS, *columns, *SCORES])
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
    is_mapped = scores["is_mapped"].fillna(False).to_numpy(dtype=bool)
    has_mapping = np.add.reduceat(is_mapped, starts) > 0
    mapped_row = starts + np.minimum(_first_true(is_mapped, starts), sizes - 1)
    alphabetical = np.lexsort((candidate.astype(str), number))
    distribution = np.empty(len(starts), dtype=object)
    distribution[:] = np.split(probability[alphabetical], starts[1:])

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
        distribution=distribution,
        candidates=_tuples(candidate[alphabetical], starts),
        mapped=np.where(has_mapping, candidate[mapped_row].astype(object), None),
        mapped_probability=np.where(has_mapping, probability[mapped_row], np.nan),
    )


def _tuples(candidate: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Candidates of each prompt; prompts that have the same share one tuple."""
    known: dict[tuple, tuple] = {}
    found = np.empty(len(starts), dtype=object)
    for place, part in enumerate(np.split(candidate, starts[1:])):
        names = tuple(part)
        found[place] = known.setdefault(names, names)
    return found


def total_variation(first: pd.Series, second: pd.Series) -> np.ndarray:
    """Half the summed differences of two distributions a prompt: by how much probability the answers differ."""
    return 0.5 * np.array([np.abs(a - b).sum() for a, b in zip(first, second)])


def _first_true(flags: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Offset of the first true flag within each block."""
    at = np.where(flags, np.arange(len(flags)), len(flags))
    return np.minimum.reduceat(at, starts) - starts
