"""Metrics by theme, each declared once; `icl.metrics.catalogue` lists them all."""
