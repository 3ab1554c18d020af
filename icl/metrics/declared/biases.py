"""Metrics of biases, what contextual calibration does to them, and the distance from exact Bayes."""

from collections.abc import Iterable
from typing import Any

from icl.metrics.across_normalisations import contextual_calibration_effects
from icl.metrics.bayes import bayes_gap
from icl.metrics.bias import bias_effects
from icl.metrics.declared.kinds import DIFFERENCE
from icl.metrics.metric import Metric

__all__ = ["BIASES"]


def _slope(name: str, title: str, sentence: str, **more) -> Iterable[Metric]:
    """What a label's place or frequency adds to its log-odds, in choices and in log-probabilities."""
    known: dict[str, Any] = {
        "unit": "nats",
        "kind": "difference",
        "null": 0.0,
        "by": bias_effects,
        "varies": "demonstrations",
    }
    yield Metric(
        name=name,
        title=f"choices: {title}",
        sentence=f"slope of a multinomial logit of the prediction on {sentence}",
        needs="prediction",
        twin=f"{name}_logprob",
        rows="main",
        on_request=True,
        **known,
    )
    yield Metric(
        name=f"{name}_logprob",
        title=f"log-probabilities: {title}",
        sentence=f"slope of the labels' log-probabilities on {sentence}, by least squares",
        needs="prediction",  # it says itself where log-probabilities are missing
        **known,
    )


BIASES: tuple[Metric, ...] = (
    *_slope("recency_bias", "log-odds for the label shown last", "being the last label shown"),
    *_slope("majority_bias", "log-odds for one more demonstration", "how often each label was shown"),
    Metric(
        name="contextual_calibration_gain",
        title="accuracy with contextual calibration minus without",
        sentence="m after contextual calibration − m before",
        by=contextual_calibration_effects,
        compares_normalisations=True,
        **DIFFERENCE,
        varies="normalisation",
        better="higher",
        rows="gold",
        on_request=True,
    ),
    Metric(
        name="expected_calibration_error_change",
        title="expected calibration error with contextual calibration minus without",
        sentence="expected_calibration_error after contextual calibration − before",
        by=contextual_calibration_effects,
        compares_normalisations=True,
        unit="probability",
        kind="difference",
        null=0.0,
        varies="normalisation",
        better="lower",
        twin="contextual_calibration_gain",
        rows="gold",
        on_request=True,
    ),
    Metric(
        name="bayes_accuracy_gap",
        title="accuracy of exact Bayes minus the model's",
        sentence="accuracy of exact Bayes − the model's (GINC)",
        by=bayes_gap,
        scores=("accuracy",),
        kind="difference",
        null=0.0,
        varies="model",
        better="lower",
        twin="bayes_kl",
        rows="gold",
    ),
    Metric(
        name="bayes_kl",
        title="KL from exact Bayes to the model",
        sentence="Kullback–Leibler divergence of the model's answers from those of exact Bayes (GINC)",
        by=bayes_gap,
        unit="nats",
        low=0.0,
        needs="prediction",  # it says itself whose probabilities are missing
        null=0.0,
        varies="model",
        better="lower",
    ),
)
"""In the order of the report's main table."""
