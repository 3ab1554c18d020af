"""All metrics; what the lab computes, tests, draws, explains and checks of them is derived here.

Each is declared once, in the module of its theme in `icl.metrics.declared`. The order is that of the report's main
table.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from icl.metrics.declared.answers import ANSWERS
from icl.metrics.declared.between import BETWEEN
from icl.metrics.declared.biases import BIASES
from icl.metrics.declared.demonstrations import DEMONSTRATIONS
from icl.metrics.declared.wording import WORDING
from icl.metrics.metric import SCORES, Metric

__all__ = ["ACROSS_NORMALISATIONS", "EFFECTS", "METRICS", "TESTED", "TWINS", "twin_of"]

_DECLARED: tuple[Metric, ...] = (*ANSWERS, *DEMONSTRATIONS, *WORDING, *BIASES, *BETWEEN)

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
