"""Metrics of what labels, inputs and numbers of demonstrations change."""

from typing import Any

from icl.metrics.declared.kinds import DIFFERENCE, PROBABILITY, SHARE
from icl.metrics.labels import demonstration_effects, label_effects, label_slope
from icl.metrics.metric import SHARES, Metric
from icl.metrics.shots import shots_effects

__all__ = ["DEMONSTRATIONS"]


def _part(name: str, title: str, sentence: str, factor: str) -> Metric:
    """What one part of the demonstrations is worth."""
    known: dict[str, Any] = DIFFERENCE
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


DEMONSTRATIONS: tuple[Metric, ...] = (
    Metric(
        name="gap",
        title="accuracy with gold labels minus another mode",
        sentence="m(gold) − m(mode)",
        by=label_effects,
        **DIFFERENCE,
        varies="labels",
        rows="main",
        factor="label correctness",
    ),
    Metric(
        name="flip_rate",
        title="share of predictions that change when labels do",
        sentence="share of predictions that differ from those under gold labels",
        by=label_effects,
        **SHARE,
        needs="prediction",
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
        **PROBABILITY,
        null=0.0,
        varies="labels",
    ),
    Metric(
        name="follow_rate",
        title="share of predictions that follow the mapping shown",
        sentence="share of predictions that are what the shown mapping calls the gold label",
        by=label_effects,
        **SHARE,
        needs="prediction",
        twin="follow_probability",
        rows="main",
    ),
    Metric(
        name="follow_probability",
        title="probability of what the mapping shown calls the gold label",
        sentence="mean probability of what the shown mapping calls the gold label",
        by=label_effects,
        **PROBABILITY,
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
        **DIFFERENCE,
        per="share of correct labels",
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
        **DIFFERENCE,
        varies="demonstrations",
        better="higher",
        rows="gold",
        factor="demonstrations",
    ),
)
"""In the order of the report's main table."""
