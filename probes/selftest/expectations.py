"""What each control must make the metrics read. Values that follow from a control's rule are exact.

m is the number of candidates, chance 1 ÷ m.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icl.errors import unknown_name
from icl.metrics.catalogue import METRICS

__all__ = ["CONTROLS_TESTED", "EXPECTATIONS", "RECENCY_STRENGTH", "Expectation"]

RECENCY_STRENGTH = 1.5
"""Nats."""

_EXACT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a metric must read on a control.

    Attributes
    ----------
    metric, score : str
        Which rows of the metrics table; an empty score takes any.
    low, high : callable
        (row) → the bounds between which the estimate must lie.
    words : str
        The same in words.
    modes : tuple of str
        Label modes of the rows; empty takes any.
    """

    metric: str
    score: str
    low: Callable[[pd.Series], float]
    high: Callable[[pd.Series], float]
    words: str
    modes: tuple[str, ...] = ()

    def __post_init__(self):
        if self.metric not in METRICS:
            raise unknown_name("metric", self.metric, METRICS)

    def rows(self, metrics: pd.DataFrame) -> pd.DataFrame:
        """Rows that it speaks of; a number that is missing with its reason is none."""
        keep = (metrics["metric"] == self.metric) & metrics["estimate"].notna()
        if self.score:
            keep &= metrics["score"] == self.score
        if self.modes:
            keep &= metrics["label_mode"].isin(self.modes)
        return metrics[keep]

    def failures(self, rows: pd.DataFrame) -> list[str]:
        """Say which rows read otherwise."""
        return [
            f"{row['metric']} {row['score']} ({row['label_mode']}, {row['format']}, {row['num_shots']} shots, "
            f"{row['contrast']}) is {row['estimate']:.6g}, must be {self.words}"
            for _, row in rows.iterrows()
            if not self.low(row) <= row["estimate"] <= self.high(row)
        ]


def _is(metric: str, value: float | int | Callable[[pd.Series], float], score: str = "", modes: tuple[str, ...] = ()):
    of = value if callable(value) else lambda row: value
    words = "what its rule gives" if callable(value) else f"{value:g}"
    low, high = (lambda row: of(row) - _EXACT), (lambda row: of(row) + _EXACT)
    return Expectation(metric=metric, score=score, low=low, high=high, words=words, modes=modes)


def _between(metric: str, low: float | int, high: float | int, score: str = "", modes: tuple[str, ...] = ()):
    words = f"{low:g} to {high:g}" if np.isfinite([low, high]).all() else f"above {low:g}"
    if not np.isfinite(low):
        words = f"below {high:g}"
    return Expectation(metric=metric, score=score, low=lambda row: low, high=lambda row: high, words=words, modes=modes)


def _above(metric: str, low: float | int, score: str = "", modes: tuple[str, ...] = ()):
    return _between(metric, low, np.inf, score, modes)


def _below(metric: str, high: float | int, score: str = "", modes: tuple[str, ...] = ()):
    return _between(metric, -np.inf, high, score, modes)


def _num_candidates(row: pd.Series) -> float:
    return float(row["num_candidates"])


def _chance(row: pd.Series) -> float:
    return 1 / _num_candidates(row)


_SMOOTH = "gold_probability"

_PARTS_OF_THE_PROMPT = ("labels", "demonstrations", "format", "order", "sets")
"""What metrics compare prompts by, see `icl.metrics.metric.Metric.varies`; places of options are told of below."""

_OF_A_FIT = ("recency_bias", "majority_bias")
"""Slopes of choices: none where the choices follow from what was shown, as those of a control do."""


def _unmoved() -> tuple[Expectation, ...]:
    """Nothing in the prompt but the query moves the answer: what compares prompts has its null value."""
    return tuple(
        _is(name, metric.null, _SMOOTH if metric.scores else "")
        for name, metric in METRICS.items()
        if metric.varies in _PARTS_OF_THE_PROMPT and metric.null is not None and name not in _OF_A_FIT
    )


def _only_demonstrations() -> tuple[Expectation, ...]:
    """Of the prompt's writing nothing moves the answer, and without demonstrations it is uniform."""
    found = [_is(metric, 1) for metric in ("consistency", "overlap", "option_overlap")]
    found += [_is(metric, 0, _SMOOTH) for metric in ("format_spread", "option_spread", "format_search_spread")]
    return (*found, _is(_SMOOTH, _chance, modes=("zero_shot", "none", "random_words")))


EXPECTATIONS: dict[str, tuple[Expectation, ...]] = {
    "uniform": (
        *_unmoved(),
        _is("option_overlap", 1),
        _is("option_consistency", 0),  # ties go to the first that is listed
        _is(_SMOOTH, _chance),
        _is("follow_probability", _chance),
        _is("task_recognition", 0, _SMOOTH),
        _is("task_learning", 0, _SMOOTH),
        _is("contextual_calibration_gain", 0, _SMOOTH),
        _is("local_entropy", lambda row: np.log(_num_candidates(row))),
        _is("global_entropy", 0),
    ),
    "label-prior": (
        *_unmoved(),
        _is("option_consistency", 0),  # it prefers what is listed first
        _above("option_spread", 0.1, _SMOOTH),
    ),
    "gold-follower": (
        *_unmoved(),
        _is("option_consistency", 1),
        _is("option_overlap", 1),
        _is("accuracy", 1, "accuracy"),
        _is(_SMOOTH, 0.9),
        _is("follow_rate", 0),
        _is("follow_probability", lambda row: 0.1 / (_num_candidates(row) - 1)),
        _is("task_recognition", lambda row: 1 - _chance(row), "accuracy"),
        _is("task_learning", lambda row: 1 - _chance(row), "accuracy"),
        _is("contextual_calibration_gain", 0, _SMOOTH),
        _is("expected_calibration_error_change", 0),
    ),
    "majority": (
        *_only_demonstrations(),
        _is("gap", 0, _SMOOTH, modes=("shuffled",)),
        _is("order_sd_query", 0, _SMOOTH),
        _is("order_consistency", 1),
        _is("order_overlap", 1),
        _above("majority_bias_logprob", 0.1),
        _between("recency_bias_logprob", -0.5, 0.5),
    ),
    "copy-last-label": (
        *_only_demonstrations(),
        _is("recency_bias_logprob", lambda row: np.log(99 * (_num_candidates(row) - 1))),
        _is("majority_bias_logprob", 0),
        _above("order_sd_query", 0.01, _SMOOTH),
        _below("order_consistency", 0.99),
    ),
    f"recency({RECENCY_STRENGTH:g})": (
        *_only_demonstrations(),
        _is("recency_bias_logprob", RECENCY_STRENGTH),
        _is("majority_bias_logprob", 0),
        _above("order_sd_query", 0.001, _SMOOTH),
    ),
    "mapping-learner": (
        *_only_demonstrations(),
        _is("order_sd_query", 0, _SMOOTH),
        _is("order_consistency", 1),
        _above(
            "gap", 0.001, _SMOOTH, modes=("random", "random_marginal", "fraction_correct(0)", "flipped", "permuted")
        ),
        _is("gap", 0, _SMOOTH, modes=("symbols",)),
        _above("label_correctness_slope", 0.001, _SMOOTH),
        _above("shots_gain", -1e-9, _SMOOTH, modes=("gold", "symbols")),
        _is("labels_only_effect", 0, _SMOOTH),
        _is("inputs_only_effect", 0, _SMOOTH),
        _between("input_distribution_effect", -0.2, 0.2, _SMOOTH),
        _between("label_space_effect", -0.2, 0.2, _SMOOTH),
        _is("contextual_calibration_gain", 0, _SMOOTH),
    ),
    "oracle": (_above(_SMOOTH, 0.05),),
    "tempered(0.1)": (_above("bayes_kl", 0),),
}
"""Control → what it must make the metrics read, wherever a probe computes them."""

CONTROLS_TESTED = tuple(EXPECTATIONS)
