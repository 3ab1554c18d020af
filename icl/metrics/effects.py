"""All effects by name: what each reads, and which functions compute it.

Each function returns rows of the metrics table; it returns none where the conditions that it compares were not run.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from icl.metrics.bayes import bayes_gap
from icl.metrics.bias import bias_effects
from icl.metrics.calibration import calibration_effects
from icl.metrics.formats import format_effects, option_effects, search_effects, set_effects
from icl.metrics.labels import demonstration_effects, label_effects, label_slope
from icl.metrics.orders import order_effects
from icl.metrics.shots import shots_effects

__all__ = ["ACROSS_NORMALISATIONS", "EFFECTS", "TWINS"]

EFFECTS: dict[str, Callable[[pd.DataFrame], list[dict]]] = {
    "label_effects": label_effects,
    "label_slope": label_slope,
    "demonstration_effects": demonstration_effects,
    "shots_effects": shots_effects,
    "format_effects": format_effects,
    "option_effects": option_effects,
    "search_effects": search_effects,
    "order_effects": order_effects,
    "set_effects": set_effects,
    "bias_effects": bias_effects,
    "bayes_gap": bayes_gap,
}
"""Name → function of prompt outcomes."""

ACROSS_NORMALISATIONS: dict[str, Callable[[Mapping[str, pd.DataFrame]], list[dict]]] = {
    "calibration_effects": calibration_effects,
}
"""Name → function of the answers under every normalisation, for what compares normalisations."""

TWINS: dict[str, str] = {
    "accuracy": "gold_probability",
    "macro_f1": "macro_f1_soft",
    "calibration_error": "brier",
    "calibration_error_change": "calibration_gain",
    "flip_rate": "prediction_shift",
    "follow_rate": "follow_probability",
    "consistency": "overlap",
    "option_consistency": "option_overlap",
    "order_consistency": "order_overlap",
    "set_consistency": "set_overlap",
    "global_entropy": "global_entropy_soft",
    "recency_bias": "recency_bias_logprob",
    "majority_bias": "majority_bias_logprob",
    "bayes_accuracy_gap": "bayes_kl",
}
"""Metric that moves in steps → its continuous twin (Schaeffer); others have one in score gold_probability."""
