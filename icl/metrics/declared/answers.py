"""Metrics of how good answers are."""

from dataclasses import replace

from icl.metrics.across_normalisations import accuracy_by_normalisation
from icl.metrics.declared.kinds import PROBABILITY, SHARE
from icl.metrics.levels import levels
from icl.metrics.metric import SCORES, Metric

__all__ = ["ANSWERS"]

ANSWERS: tuple[Metric, ...] = (
    replace(SCORES["accuracy"], by=levels),
    Metric(
        name="accuracy_by_normalisation",
        title="the same with another normalisation",
        sentence="accuracy under each normalisation of log-probabilities that the run allows",
        by=accuracy_by_normalisation,
        compares_normalisations=True,
        scores=("accuracy",),
        better="higher",
        low=0.0,
        high=1.0,
        rows="main",
    ),
    *(replace(score, by=levels) for name, score in SCORES.items() if name != "accuracy"),
    Metric(
        name="macro_f1",
        title="F1, averaged over labels",
        sentence="F1 of each label that is predicted or gold, averaged over them",
        by=levels,
        **SHARE,
        needs="prediction",
        better="higher",
        twin="macro_f1_soft",
        rows="main",
    ),
    Metric(
        name="macro_f1_soft",
        title="F1 of probabilities, averaged over labels",
        sentence="macro_f1 with each prediction counted by its probability",
        by=levels,
        **SHARE,
        better="higher",
    ),
    Metric(
        name="expected_calibration_error",
        title="expected calibration error (10 bins; biased upward)",
        sentence="mean distance between confidence and accuracy over ten bins of confidence; biased upward",
        by=levels,
        **PROBABILITY,
        better="lower",
        twin="brier",
        rows="main",
    ),
)
"""In the order of the report's main table."""
