"""From a number with its interval to words that promise no more than the interval does."""

import math
from dataclasses import dataclass, replace

import pandas as pd

from probes.figures.words import leaves_out_zero

__all__ = [
    "PROMPTS_PER_FORMAT",
    "QUERIES_PER_FORMAT",
    "SPREAD_SHARE",
    "Effect",
    "effect_of",
    "spread_of",
]

SPREAD_SHARE = 0.4
"""A spread is called clear when the lower end of its interval is at least this share of its median.

A spread is never negative. Its interval begins at 0 unless equal formats are ruled out, which happens to 5 in 100 of
those that are equal (`icl.metrics.spread`); this limit asks for more. Simulated with formats that do not differ (2, 4
and 11 formats, 8 to 60 queries, 150 runs each), at most 3 in 100 spreads pass it.
"""

QUERIES_PER_FORMAT, PROMPTS_PER_FORMAT = 2, 5
"""With fewer queries, or prompts, for each format compared no spread is called clear: its noise is hardly known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One factor's effect, as a share.

    Attributes
    ----------
    factor : str
        What was varied, for people.
    estimate, low, high : float
        Share (not points), with its 90 % interval.
    clear : bool
        Whether the interval speaks for an effect at all.
    num_shots : int
        Where it was measured.
    reason : str
        What limits the number.
    """

    factor: str
    estimate: float
    low: float
    high: float
    clear: bool
    num_shots: int
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number with an interval."""
        return not any(math.isnan(value) for value in (self.estimate, self.low, self.high))

    @property
    def size(self) -> tuple[float, float, float]:
        """Estimate and interval of the size, whichever way it goes."""
        if self.estimate < 0:
            return -self.estimate, -self.high, -self.low
        return self.estimate, self.low, self.high


def effect_of(row: pd.Series, factor: str) -> Effect:
    """Read an effect that may go either way: clear when its interval leaves out 0."""
    return _effect(row, factor, leaves_out_zero(float(row["low"]), float(row["high"])))


def spread_of(row: pd.Series, factor: str) -> Effect:
    """Read a spread, which is never negative, from a row that has num_formats: see `SPREAD_SHARE`."""
    num_formats, num_queries = int(row["num_formats"]), int(row["num_queries"])
    prompts = int(row["num_prompts"]) / max(num_formats, 1)
    enough = num_queries >= QUERIES_PER_FORMAT * num_formats and prompts >= PROMPTS_PER_FORMAT * num_formats
    effect = _effect(
        row, factor, clear=enough and bool(row["low"] > 0 and row["low"] >= SPREAD_SHARE * row["estimate"])
    )
    if enough:
        return effect
    return replace(
        effect, reason=f"{prompts:.0f} prompts of {num_queries} queries are too few for {num_formats} formats"
    )


def _effect(row: pd.Series, factor: str, clear: bool) -> Effect:
    return Effect(
        factor=factor,
        estimate=float(row["estimate"]),
        low=float(row["low"]),
        high=float(row["high"]),
        clear=clear,
        num_shots=int(row["num_shots"]),
        reason=str(row["reason"]),
    )
