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
    "used_normalisation",
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

    Rows of prompts scored by the channel method keep the sum, since their candidates compete on one text. Rows that
    lack what it needs, or that it would divide by a probability of 0, become unscorable.

    Raises
    ------
    UserError
        If there is no such normalisation, or all rows lack what it needs.
    """
    if how not in NORMALISATIONS:
        raise unknown_name("normalisation", how, NORMALISATIONS)
    if how == DEFAULT_NORMALISATION:
        return scores
    direct = scores["method"] == "direct"
    rows = direct & (scores["status"] == "ok")
    told = scores[rows]
    if not direct.any() and len(scores):
        raise UserError(
            f"normalisation '{how}' compares labels, but this run has the channel method only, whose labels compete on "
            "one text; choose sum."
        )
    if missing := [name for name in _NEEDED[how] if len(told) and told[name].isna().all()]:
        raise UserError(
            f"normalisation '{how}' needs {', '.join(missing)}, which all {len(told):,} rows lack, because it was not "
            "asked or could not be scored; run without --no-calibration on a task of sentences, or choose another."
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        logprob = scores["logprob"].where(~rows, NORMALISATIONS[how](told))
    lost = rows & (logprob.isna() | np.isposinf(logprob))
    return scores.assign(
        logprob=logprob.mask(lost),
        logprob_below=scores["logprob_below"].where(~direct, _bound(scores, how)).mask(lost),
        status=scores["status"].mask(lost, "unscorable"),
        reason=scores["reason"].mask(lost, f"what normalisation '{how}' divides by is not known or 0"),
    )


def _bound(scores: pd.DataFrame, how: str) -> pd.Series:
    """Upper bounds of untold candidates, where what is taken off them or divided by is known.

    Calibration normalises over all labels of a prompt first, so where one is not told it bounds none.
    """
    if how == "calibrated" or scores["logprob_below"].isna().all():
        return pd.Series(np.nan, index=scores.index)
    with np.errstate(invalid="ignore", divide="ignore"):
        bound = NORMALISATIONS[how](scores.assign(logprob=scores["logprob_below"]))
    return bound.where(np.isfinite(bound))


def normalisation_of(metrics: pd.DataFrame) -> str:
    """Say under which normalisation a metrics table was measured."""
    measured = metrics[metrics["metric"] != "accuracy_by_normalisation"]
    direct = measured[~measured["model"].str.endswith(CHANNEL)]
    measured = direct if len(direct) else measured
    return str(measured["normalisation"].iloc[0]) if len(measured) else DEFAULT_NORMALISATION


def used_normalisation(model: str, normalisation: str) -> str:
    """The channel method compares one text behind several labels: its sums are not normalised."""
    return DEFAULT_NORMALISATION if model.endswith(CHANNEL) else normalisation


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
