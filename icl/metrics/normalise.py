"""Normalisations of a candidate's log-probability, all from the primitives that a score table stores."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from icl.errors import UserError, unknown_name
from icl.scores import CONTENT_FREE_COLUMNS, prompt_numbers

__all__ = [
    "DEFAULT_NORMALISATION",
    "NORMALISATIONS",
    "Needs",
    "needs_of",
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
    prompt = prompt_numbers(scores)
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

_EVER_NEEDED = tuple(dict.fromkeys(name for needed in _NEEDED.values() for name in needed))


@dataclass(slots=True)
class Needs:
    """Whether score tables have what normalisations need; of a table in parts, each part is noted.

    Attributes
    ----------
    num_rows, num_direct, num_told : int
        Rows; those of the direct method; those of them that are ok.
    lacking : Counter
        Column → rows of the last kind without it.
    """

    num_rows: int = 0
    num_direct: int = 0
    num_told: int = 0
    lacking: Counter[str] = field(default_factory=Counter)

    COLUMNS: ClassVar[tuple[str, ...]] = ("method", "status", *_EVER_NEEDED)
    """Those that a part is looked at for."""

    def note(self, scores: pd.DataFrame) -> None:
        """Count the rows of one part."""
        direct = (scores["method"] == "direct").to_numpy()
        told = direct & (scores["status"] == "ok").to_numpy()
        self.num_rows += len(scores)
        self.num_direct += int(direct.sum())
        self.num_told += int(told.sum())
        for name in _EVER_NEEDED:
            self.lacking[name] += int(scores[name].isna().to_numpy()[told].sum())

    def possible(self) -> list[str]:
        """List the normalisations that every direct row allows."""
        return [how for how in NORMALISATIONS if not any(self.lacking[name] for name in _NEEDED.get(how, ()))]

    def check(self, how: str) -> None:
        """Raise `UserError` if there is no such normalisation, or all rows lack what it needs."""
        if how not in NORMALISATIONS:
            raise unknown_name("normalisation", how, NORMALISATIONS)
        if how == DEFAULT_NORMALISATION:
            return
        if not self.num_direct and self.num_rows:
            raise UserError(
                f"normalisation '{how}' compares labels, but this run has the channel method only, whose labels "
                "compete on one text; choose sum."
            )
        missing = [name for name in _NEEDED[how] if self.num_told and self.lacking[name] == self.num_told]
        if missing:
            raise UserError(
                f"normalisation '{how}' needs {', '.join(missing)}, which all {self.num_told:,} rows lack, because it "
                "was not asked or could not be scored; run without --no-calibration on a task of sentences, or choose "
                "another."
            )


def normalise(scores: pd.DataFrame, how: str = DEFAULT_NORMALISATION, *, needs: Needs | None = None) -> pd.DataFrame:
    """Replace the score table's logprob by its normalised form, on the rows that are ok; no model is asked.

    Rows of prompts scored by the channel method keep the sum, since their candidates compete on one text. Rows that
    lack what it needs, or that it would divide by a probability of 0, become unscorable.

    Parameters
    ----------
    needs
        Of the whole table, where `scores` are a part of it.

    Raises
    ------
    UserError
        If there is no such normalisation, or all rows lack what it needs.
    """
    (needs or needs_of(scores)).check(how)
    if how == DEFAULT_NORMALISATION:
        return scores
    direct = scores["method"] == "direct"
    rows = direct & (scores["status"] == "ok")
    told = scores[rows]
    with np.errstate(invalid="ignore", divide="ignore"):
        logprob = scores["logprob"].where(~rows, NORMALISATIONS[how](told))
    lost = rows & (logprob.isna() | np.isposinf(logprob))
    below = scores["logprob_below"].where(~direct, _bound(scores, how))
    if not lost.any():
        return scores.assign(logprob=logprob, logprob_below=below)
    return scores.assign(
        logprob=logprob.mask(lost),
        logprob_below=below.mask(lost),
        status=scores["status"].astype("str").mask(lost, "unscorable"),
        reason=scores["reason"].astype("str").mask(lost, f"what normalisation '{how}' divides by is not known or 0"),
    )


def _bound(scores: pd.DataFrame, how: str) -> pd.Series:
    """Upper bounds of untold candidates, where what is taken off them or divided by is known.

    Contextual calibration normalises over all labels of a prompt first, so where one is not told it bounds none.
    """
    if how == "calibrated" or scores["logprob_below"].isna().all():
        return pd.Series(np.nan, index=scores.index)
    with np.errstate(invalid="ignore", divide="ignore"):
        bound = NORMALISATIONS[how](scores.assign(logprob=scores["logprob_below"]))
    return bound.where(np.isfinite(bound))


def normalisation_of(metrics: pd.DataFrame) -> str:
    """Say under which normalisation a metrics table was measured."""
    measured = metrics.loc[metrics["metric"] != "accuracy_by_normalisation", "normalisation"]
    chosen = [str(how) for how in measured.unique() if how != DEFAULT_NORMALISATION]  # that of the direct method
    return chosen[0] if chosen else DEFAULT_NORMALISATION


def used_normalisation(method: str, normalisation: str) -> str:
    """The channel method compares one text behind several labels: its sums are not normalised."""
    return DEFAULT_NORMALISATION if method == "channel" else normalisation


def needs_of(scores: pd.DataFrame) -> Needs:
    """Count what a score table has of what normalisations need."""
    needs = Needs()
    needs.note(scores)
    return needs


def possible_normalisations(scores: pd.DataFrame) -> list[str]:
    """List the normalisations that every direct row allows."""
    return needs_of(scores).possible()


def _normalised(values: pd.Series, prompt: np.ndarray) -> np.ndarray:
    """Log-probabilities normalised over the candidates of each prompt."""
    logprob = values.to_numpy(dtype=float)
    top = np.full(prompt.max(initial=-1) + 1, -np.inf)
    np.maximum.at(top, prompt, logprob)
    total = np.bincount(prompt, weights=np.exp(logprob - top[prompt]))
    return logprob - top[prompt] - np.log(total[prompt])
