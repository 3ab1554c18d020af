"""What metrics of one kind have in common."""

from typing import Any

from icl.metrics.metric import PAIRED_SCORES

__all__ = ["DIFFERENCE", "PROBABILITY", "SHARE", "SPREAD"]

SHARE: dict[str, Any] = {"unit": "share", "low": 0.0, "high": 1.0}
PROBABILITY: dict[str, Any] = {"unit": "probability", "low": 0.0, "high": 1.0}
DIFFERENCE: dict[str, Any] = {"scores": PAIRED_SCORES, "kind": "difference", "null": 0.0}
SPREAD: dict[str, Any] = {"scores": PAIRED_SCORES, "kind": "spread", "null": 0.0, "better": "lower", "low": 0.0}
