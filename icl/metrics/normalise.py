"""Normalisations of a candidate's log-probability, all from the primitives that a score table stores."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from icl.answers import CHANNEL
from icl.errors import UserError, unknown_name
from icl.scores import CONTENT_FREE_COLUMNS, PROMPT_KEYS

__all__ = [
    "DEFAULT_NORMALISATION",
    "NORMALISATIONS",
    "normalisation_of",
    "normalise",
    "possible_normalisations",
]

DEFAULT_NORMALISATION = "sum"


def _sum(scores: pd.DataFrame) -> pd.Series:
    """log p(label | prompt), summed over the label's tokens."""
    return scores["logprob"]


def _per_token(scores: pd.DataFrame) -> pd.Series:
    """The sum divided by the label's tokens."""
    return scores["logprob"] / scores["num_label_tokens"].astype("float64")


def _per_byte(scores: pd.DataFrame) -> pd.Series:
    """The sum divided by the label's bytes in UTF-8."""
    return scores["logprob"] / scores["num_label_bytes"].astype("float64")


def _pmi(scores: pd.DataFrame) -> pd.Series:
    """The sum minus log p(label | label prefix alone)."""
    return scores["logprob"] - scores["logprob_prior"]


def _calibrated(scores: pd.DataFrame) -> pd.Series:
    """log p − log p̄, p̄ the mean over content-free queries, both normalised over the labels (Zhao §4)."""
    prompt = scores.groupby(list(PROMPT_KEYS), dropna=False, sort=False).ngroup().to_numpy()
    free = np.mean([np.exp(_normalised(scores[name], prompt)) for name in CONTENT_FREE_COLUMNS], axis=0)
    with np.errstate(divide="ignore"):  # a label that content-free queries rule out
        return pd.Series(_normalised(scores["logprob"], prompt) - np.log(free), index=scores.index)


NORMALISATIONS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "sum": _sum,
    "per-token": _per_token,
    "per-byte": _per_byte,
    "pmi": _pmi,
    "calibrated": _calibrated,
}
"""Name → (score table) → what is compared between the candidates of a prompt, in nats up to a constant a prompt."""

_NEEDED = {
    "per-token": ("num_label_tokens",),
    "per-byte": ("num_label_bytes",),
    "pmi": ("logprob_prior",),
    "calibrated": CONTENT_FREE_COLUMNS,
}


def normalise(scores: pd.DataFrame, how: str = DEFAULT_NORMALISATION) -> pd.DataFrame:
    """Replace the score table's logprob by its normalised form, on the rows that are ok; no model is asked.

    Rows of prompts scored by the channel method keep the sum, since their candidates compete on one text.

    Raises
    ------
    UserError
        If there is no such normalisation, or a row lacks what it needs.
    """
    if how not in NORMALISATIONS:
        raise unknown_name("normalisation", how, NORMALISATIONS)
    if how == DEFAULT_NORMALISATION:
        return scores
    rows = (scores["method"] == "direct") & (scores["status"] == "ok")
    direct = scores[rows]
    if direct.empty and len(scores):
        raise UserError(
            f"normalisation '{how}' compares labels, but this run has the channel method only, whose labels compete on "
            "one text; choose sum."
        )
    if missing := [name for name in _NEEDED[how] if direct[name].isna().any()]:
        raise UserError(
            f"normalisation '{how}' needs {', '.join(missing)}, which {int(direct[missing[0]].isna().sum())} of "
            f"{len(direct)} rows lack; run without --no-calibration on a task of sentences, or choose another."
        )
    return scores.assign(
        logprob=scores["logprob"].where(~rows, NORMALISATIONS[how](direct)),
        logprob_below=scores["logprob_below"].where(scores["method"] != "direct", _bound(scores, how)),
    )


def _bound(scores: pd.DataFrame, how: str) -> pd.Series:
    """Upper bounds of untold candidates: a bound on a sum bounds its mean; of what is taken off nothing is known."""
    if how in ("per-token", "per-byte"):
        return NORMALISATIONS[how](scores.assign(logprob=scores["logprob_below"]))
    return pd.Series(np.nan, index=scores.index)


def normalisation_of(metrics: pd.DataFrame) -> str:
    """Say under which normalisation a metrics table was measured."""
    measured = metrics[metrics["metric"] != "accuracy_by_normalisation"]
    direct = measured[~measured["model"].str.endswith(CHANNEL)]
    measured = direct if len(direct) else measured
    return str(measured["normalisation"].iloc[0]) if len(measured) else DEFAULT_NORMALISATION


def possible_normalisations(scores: pd.DataFrame) -> list[str]:
    """List the normalisations that every direct row allows."""
    direct = scores[(scores["method"] == "direct") & (scores["status"] == "ok")]
    return [how for how in NORMALISATIONS if not direct[list(_NEEDED.get(how, ()))].isna().any(axis=None)]


def _normalised(values: pd.Series, prompt: np.ndarray) -> np.ndarray:
    """Log-probabilities normalised over the candidates of each prompt."""
    logprob = values.to_numpy(dtype=float)
    top = np.full(prompt.max(initial=-1) + 1, -np.inf)
    np.maximum.at(top, prompt, logprob)
    total = np.bincount(prompt, weights=np.exp(logprob - top[prompt]))
    return logprob - top[prompt] - np.log(total[prompt])
