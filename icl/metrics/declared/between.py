"""Metrics of how far models, and variants of a prompt, differ."""

from icl.metrics.between import between_effects
from icl.metrics.declared.kinds import DIFFERENCE
from icl.metrics.metric import Metric

__all__ = ["BETWEEN"]

BETWEEN: tuple[Metric, ...] = (
    Metric(
        name="model_difference",
        title="accuracy of one model minus another's",
        sentence="m(model) − m(other model) on the same questions (imported tables)",
        by=between_effects,
        **DIFFERENCE,
        varies="model",
        better="higher",
        rows="every",
    ),
    Metric(
        name="variant_difference",
        title="accuracy of one variant minus another's",
        sentence="m(variant) − m(other variant) on the same questions (imported tables)",
        by=between_effects,
        **DIFFERENCE,
        varies="variant",
        better="higher",
        rows="every",
    ),
)
"""In the order of the report's main table."""
