"""All metrics, each declared once; what the lab computes, tests, draws, explains and checks of them is derived here.

The order is that of the report's main table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from icl.metrics.across_normalisations import accuracy_by_normalisation, contextual_calibration_effects
from icl.metrics.bayes import bayes_gap
from icl.metrics.bias import bias_effects
from icl.metrics.formats import format_effects, option_effects, search_effects, set_effects
from icl.metrics.labels import demonstration_effects, label_effects, label_slope
from icl.metrics.levels import levels
from icl.metrics.metric import PAIRED_SCORES, SCORES, SHARES, Metric
from icl.metrics.orders import order_effects
from icl.metrics.shots import shots_effects

__all__ = ["ACROSS_NORMALISATIONS", "EFFECTS", "METRICS", "TESTED", "TWINS", "twin_of"]

_SHARE: dict[str, Any] = {"unit": "share", "low": 0.0, "high": 1.0}
_PROBABILITY: dict[str, Any] = {"unit": "probability", "low": 0.0, "high": 1.0}
_DIFFERENCE: dict[str, Any] = {"scores": PAIRED_SCORES, "kind": "difference", "null": 0.0}
_SPREAD: dict[str, Any] = {"scores": PAIRED_SCORES, "kind": "spread", "null": 0.0, "better": "lower", "low": 0.0}


def _agreement(name: str, twin: str, what: str, by: Callable, varies: str, **more) -> Iterable[Metric]:
    """Pairs of prompts of one query that are predicted alike, and the overlap of their answers."""
    yield Metric(
        name=name,
        title=f"pairs of {what} that predict the same label",
        sentence=f"pairs of {what} that predict the same label for the same query ÷ all pairs",
        **_SHARE,
        needs="accuracy",
        null=1.0,
        better="higher",
        by=by,
        varies=varies,
        twin=twin,
        **more,
    )
    yield Metric(
        name=twin,
        title=f"overlap of the answers of {what}",
        sentence=f"one minus the total variation between the answers of two {what}, averaged over pairs",
        **_PROBABILITY,
        null=1.0,
        better="higher",
        by=by,
        varies=varies,
    )


def _spreads(name: str, what: str, by: Callable, varies: str) -> Iterable[Metric]:
    """Raw and inferred spread of the means of conditions, and the standard deviation of the true ones."""
    known: dict[str, Any] = _SPREAD | {"by": by, "varies": varies}
    yield Metric(
        name=f"{name}_spread",
        title=f"best minus worst {what} (raw)",
        sentence=f"max − min of m over {what}s as measured: biased upward, so without an interval",
        **known,
    )
    yield Metric(
        name=f"{name}_spread_posterior",
        title=f"best minus worst {what} (posterior)",
        sentence=f"max − min of the true means of m over {what}s given their noise; the interval begins at 0 where "
        "equal means are not ruled out",
        **known,
        rows="main",
        factor="format" if name == "format" else "",
    )
    yield Metric(
        name=f"{name}_sd_posterior",
        title=f"standard deviation over {what}s (posterior)",
        sentence=f"standard deviation of the true means of m over {what}s given their noise",
        **known,
        rows="main",
    )


def _over_orders(name: str, title: str, sentence: str, **more: Any) -> Metric:
    """How far the orders of one demonstration set lie apart."""
    return Metric(name=name, title=title, sentence=sentence, by=order_effects, varies="order", **_SPREAD, **more)


def _part(name: str, title: str, sentence: str, factor: str) -> Metric:
    """What one part of the demonstrations is worth."""
    known: dict[str, Any] = _DIFFERENCE
    return Metric(
        name=name,
        title=title,
        sentence=sentence,
        **known,
        by=demonstration_effects,
        varies="demonstrations",
        rows="main",
        factor=factor,
    )


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
        needs="accuracy",
        twin=f"{name}_logprob",
        rows="main",
        on_request=True,
        **known,
    )
    yield Metric(
        name=f"{name}_logprob",
        title=f"log-probabilities: {title}",
        sentence=f"slope of the labels' log-probabilities on {sentence}, by least squares",
        needs="accuracy",  # it says itself where log-probabilities are missing
        **known,
    )


_DECLARED: tuple[Metric, ...] = (
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
        **_SHARE,
        needs="accuracy",
        better="higher",
        twin="macro_f1_soft",
        rows="main",
    ),
    Metric(
        name="macro_f1_soft",
        title="F1 of probabilities, averaged over labels",
        sentence="macro_f1 with each prediction counted by its probability",
        by=levels,
        **_SHARE,
        better="higher",
    ),
    Metric(
        name="expected_calibration_error",
        title="expected calibration error (10 bins; biased upward)",
        sentence="mean gap between confidence and accuracy over ten bins of confidence; biased upward",
        by=levels,
        **_PROBABILITY,
        better="lower",
        twin="brier",
        rows="main",
    ),
    Metric(
        name="gap",
        title="accuracy with gold labels minus another mode",
        sentence="m(gold) − m(mode)",
        by=label_effects,
        **_DIFFERENCE,
        varies="labels",
        rows="main",
        factor="label correctness",
    ),
    Metric(
        name="flip_rate",
        title="share of predictions that change when labels do",
        sentence="share of predictions that differ from those under gold labels",
        by=label_effects,
        **_SHARE,
        needs="accuracy",
        null=0.0,
        varies="labels",
        twin="prediction_shift",
        rows="main",
    ),
    Metric(
        name="prediction_shift",
        title="change of the answer when labels change",
        sentence="total variation between the answer and that under gold labels",
        by=label_effects,
        **_PROBABILITY,
        null=0.0,
        varies="labels",
    ),
    Metric(
        name="follow_rate",
        title="share of predictions that follow the mapping shown",
        sentence="share of predictions that are what the shown mapping calls the gold label",
        by=label_effects,
        **_SHARE,
        needs="accuracy",
        twin="follow_probability",
        rows="main",
    ),
    Metric(
        name="follow_probability",
        title="probability of what the mapping shown calls the gold label",
        sentence="mean probability of what the shown mapping calls the gold label",
        by=label_effects,
        **_PROBABILITY,
    ),
    Metric(
        name="gain_retained",
        title="share of the gain over zero shots that the mode keeps",
        sentence="(m(mode) − m(zero shot)) ÷ (m(gold) − m(zero shot)); missing where the interval of the denominator "
        "covers 0",
        by=label_effects,
        scores=SHARES,
        unit="ratio",
        better="higher",
        rows="main",
    ),
    Metric(
        name="GLER",
        title="label gap as a share of the gain over zero shots",
        sentence="(m(gold) − m(random)) ÷ (m(gold) − m(zero shot)); missing where the interval of the denominator "
        "covers 0",
        by=label_effects,
        scores=SHARES,
        unit="ratio",
        rows="main",
    ),
    Metric(
        name="label_correctness_slope",
        title="accuracy from none to all labels right",
        sentence="slope of m on the share of right labels shown, within query and demonstration set",
        by=label_slope,
        **_DIFFERENCE,
        unit="{score} per share of correct labels",
        varies="labels",
        rows="every",
    ),
    *(
        Metric(
            name=name,
            title=f"accuracy above chance, {mode} labels" if mode == "random" else f"accuracy above chance, {mode}",
            sentence=f"m({mode}) − chance",
            by=label_effects,
            scores=SHARES,
            kind="difference",
            null=0.0,
            better="higher",
            rows="main",
        )
        for name, mode in (("task_recognition", "random"), ("task_learning", "symbols"))
    ),
    _part(
        "label_space_effect",
        "worth of the label space's words",
        "m(random) − m(random_words)",
        "words of the label space",
    ),
    _part(
        "input_distribution_effect",
        "worth of inputs from the task",
        "m(random) − m(random, ood inputs)",
        "inputs from the task",
    ),
    _part(
        "labels_only_effect",
        "worth of inputs beside the labels",
        "m(random, ood inputs) − m(random, no inputs)",
        "inputs beside the labels",
    ),
    _part(
        "inputs_only_effect",
        "worth of labels beside the inputs",
        "m(random_words) − m(no labels)",
        "labels beside the inputs",
    ),
    Metric(
        name="shots_gain",
        title="accuracy with demonstrations minus without",
        sentence="m(n shots) − m(fewest shots)",
        by=shots_effects,
        **_DIFFERENCE,
        varies="demonstrations",
        better="higher",
        rows="gold",
        factor="demonstrations",
    ),
    *_spreads("format", "format", format_effects, "format"),
    Metric(
        name="format_search_spread",
        title="best minus worst format of the search (posterior)",
        sentence="max − min of the true means of m over the formats of a search, from unequal counts",
        by=search_effects,
        **_SPREAD,
        varies="format",
        rows="main",
    ),
    *_agreement("consistency", "overlap", "formats", format_effects, "format", rows="main"),
    _over_orders(
        "order_spread_posterior",
        "best minus worst order of a set (posterior)",
        "max − min of the true means of m over the orders of a demonstration set, averaged over sets",
        rows="main",
    ),
    _over_orders(
        "order_sd_posterior",
        "standard deviation over orders of a set (posterior)",
        "standard deviation of the true means of m over the orders of a set, averaged over sets",
        rows="main",
    ),
    _over_orders(
        "order_sd_query",
        "standard deviation over orders of one query's answer",
        "standard deviation of m over the orders of a set, of the answer to one query",
        rows="every",
    ),
    _over_orders(
        "order_spread",
        "best minus worst order of a set (raw)",
        "max − min of m over the orders of a set as measured: biased upward, so without an interval",
    ),
    Metric(
        name="order_worst",
        title="worst order of a set minus an average one",
        sentence="min − mean of m over the orders of a set, averaged over sets: biased downward, so without an "
        "interval",
        by=order_effects,
        **_SPREAD | {"better": "higher", "low": float("-inf"), "high": 0.0},
        varies="order",
    ),
    *_agreement("order_consistency", "order_overlap", "orders", order_effects, "order", rows="main"),
    Metric(
        name="global_entropy_gain",
        title="gain of the order with the largest GlobalE",
        sentence="m of the order with the largest global entropy − m of an average order, each query scored with the "
        "pick of all others",
        by=order_effects,
        scores=SHARES,
        kind="difference",
        null=0.0,
        varies="order",
        better="higher",
        rows="main",
    ),
    Metric(
        name="global_entropy",
        title="entropy of the predicted labels (GlobalE)",
        sentence="entropy of the predicted labels over the queries, averaged over sets and orders",
        by=order_effects,
        unit="nats",
        low=0.0,
        needs="accuracy",
        twin="global_entropy_soft",
    ),
    Metric(
        name="global_entropy_soft",
        title="entropy of the average answer",
        sentence="entropy of the average answer over the queries, averaged over sets and orders",
        by=order_effects,
        unit="nats",
        low=0.0,
    ),
    Metric(
        name="local_entropy",
        title="mean entropy of an answer (LocalE)",
        sentence="entropy of the answer to one query, averaged",
        by=order_effects,
        unit="nats",
        low=0.0,
    ),
    *_agreement(
        "set_consistency", "set_overlap", "demonstration sets", set_effects, "sets", rows="gold", on_request=True
    ),
    *_spreads("option", "option rotation", option_effects, "options"),
    *_agreement("option_consistency", "option_overlap", "rotations", option_effects, "options", rows="main"),
    *_slope("recency_bias", "log-odds for the label shown last", "being the last label shown"),
    *_slope("majority_bias", "log-odds for one more demonstration", "how often each label was shown"),
    Metric(
        name="contextual_calibration_gain",
        title="accuracy with contextual calibration minus without",
        sentence="m after contextual calibration − m before",
        by=contextual_calibration_effects,
        compares_normalisations=True,
        **_DIFFERENCE,
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
        needs="accuracy",  # it says itself whose probabilities are missing
        null=0.0,
        varies="model",
        better="lower",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _DECLARED}
"""Name → metric."""


def _functions(*, across: bool) -> dict[str, Callable]:
    chosen = [metric.by for metric in _DECLARED if metric.compares_normalisations == across and metric.by is not None]
    return {function.__name__: function for function in chosen}


EFFECTS: dict[str, Callable[[pd.DataFrame], list[dict]]] = _functions(across=False)
"""Name → function from prompt outcomes to rows; none where the conditions that it compares were not run."""

ACROSS_NORMALISATIONS: dict[str, Callable[[Mapping[str, pd.DataFrame]], list[dict]]] = _functions(across=True)
"""Name → the same, from the answers under every normalisation."""

TWINS: dict[str, str] = {metric.name: metric.twin for metric in _DECLARED if metric.twin}
"""Metric that moves in steps → its continuous twin (Schaeffer); others have one in score gold_probability."""

TESTED = frozenset(metric.name for metric in _DECLARED if metric.is_tested)
"""Metrics whose value is 0 where nothing differs, and which can lie on either side of it."""


def twin_of(name: str) -> tuple[str, str]:
    """Metric and score of the continuous twin of a metric; empty words where there is none."""
    metric = METRICS[name]
    other = METRICS[metric.twin] if metric.twin else metric
    if other.name in SCORES:
        return (other.name, other.name) if metric.twin else ("", "")
    if "gold_probability" in other.scores:
        return (other.name, "gold_probability")
    return (other.name, "") if metric.twin else ("", "")
