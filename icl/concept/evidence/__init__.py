"""The evidence decomposition: what inputs, label words and right labels of a demonstration bring, on real tasks."""

__all__ = ["EVIDENCE"]

EVIDENCE = "evidence"
"""Name of the account that is no law of curves: it takes demonstrations apart."""
