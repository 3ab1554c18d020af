"""How numbers, intervals and lists are written, in figures and in the words beside them."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

__all__ = ["MINUS", "interval_words", "leaves_out_zero", "listed", "models_in_words", "number", "points", "span_words"]

_ROUNDING = 1e-9

MINUS = "\N{MINUS SIGN}"

_NAMED_MODELS = 3
"""More models than this are counted, not named."""


def leaves_out_zero(low: float, high: float) -> bool:
    """Whether an interval speaks for an effect; what rounding leaves of 0 is 0."""
    return low > _ROUNDING or high < -_ROUNDING


def points(share: float, *, signed: bool = False) -> str:
    """Write a share as percentage points with one decimal; `missing` where there is no number."""
    if math.isnan(share):
        return "missing"
    return number(100 * share, 1, signed=signed)


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """Write a number with a proper minus sign, and without a minus before zero."""
    if math.isnan(value):
        return "missing"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def interval_words(low: float, high: float, *, unit: str = "points") -> str:
    """Write a 90 % interval, in points for shares or with two decimals."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    write = points if unit == "points" else number
    return f"90 % interval {write(low)} to {write(high)}"


def span_words(counts: pd.Series) -> str:
    """Write how far numbers reach: `72`, or `24 to 72`."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def listed(parts: Iterable[str]) -> str:
    """Join parts as prose does."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def models_in_words(models: Sequence[str]) -> str:
    """Name models, or their number where they are many."""
    return ", ".join(models) if len(models) <= _NAMED_MODELS else f"{len(models)} models"
