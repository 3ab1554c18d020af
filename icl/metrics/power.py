"""Planning: how small a difference a run can see, and how many queries and demonstration sets it takes to see one.

Every query is asked with every demonstration set under both conditions, so the mean of the paired differences has
variance by_set ÷ sets + by_query ÷ queries + residual ÷ (sets · queries). No number of queries makes up for two sets
where sets differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from icl.errors import UserError
from icl.metrics.crossed import VarianceComponents, components, degrees_of_freedom
from icl.metrics.uncertainty import LEVEL

__all__ = [
    "TYPICAL",
    "Option",
    "VarianceComponents",
    "components",
    "largest",
    "minimum_detectable_effect",
    "needed",
    "power_of",
    "standard_error",
]

POWER = 0.8
"""Probability that a run as planned finds the difference, unless a function is told another (Cohen 1988)."""

NUM_SETS = (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Numbers of demonstration sets that `needed` considers; from two, how much sets differ can hardly be told."""

MAX_QUERIES = 4096
"""Most queries that `needed` considers."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Option:
    """A size of run that suffices; `prompts` are those of one condition, so a comparison of two asks twice as many."""

    prompts: int
    num_sets: int
    num_queries: int


def standard_error(components: VarianceComponents, num_queries: int, num_sets: int) -> float:
    """Standard error of a mean over queries that are each asked with every demonstration set; in the value's unit."""
    _check_counts(num_queries, num_sets)
    each = components.by_set / num_sets + components.by_query / num_queries
    return float(np.sqrt(each + components.residual / (num_sets * num_queries)))


def power_of(
    effect: float, components: VarianceComponents, *, num_queries: int, num_sets: int, level: float = LEVEL
) -> float:
    """Probability that the interval of a true difference leaves out 0 (noncentral t, both sides).

    Parameters
    ----------
    effect
        The true difference, in the value's unit.
    level
        Probability that the interval covers; as in every interval of the lab unless told otherwise.
    """
    _check_share("level", level)
    error = standard_error(components, num_queries, num_sets)
    if error == 0:
        return float(effect != 0)
    degrees = _degrees(components, num_queries, num_sets)
    t, shift = stats.t.ppf((1 + level) / 2, degrees), abs(effect) / error
    found = stats.nct.sf(t, degrees, shift) + stats.nct.cdf(-t, degrees, shift)
    return float(found) if np.isfinite(found) else 1.0


def minimum_detectable_effect(
    components: VarianceComponents, *, num_queries: int, num_sets: int, power: float = POWER, level: float = LEVEL
) -> float:
    """Find the smallest true difference that is found with probability `power`, in the value's unit.

    It may exceed what the unit allows (a difference of accuracies above 1): then the run cannot find any.
    """
    _check_share("power", power)
    if not power > 1 - level:
        raise UserError(
            f"power must exceed {1 - level:.3g}, the chance to find what is not there at level {level}, got {power}; "
            "raise power or level."
        )
    error = standard_error(components, num_queries, num_sets)
    if error == 0:
        return 0.0

    def lacking(shift: float) -> float:
        found = power_of(shift * error, components, num_queries=num_queries, num_sets=num_sets, level=level)
        return found - power

    most = 2.0
    while lacking(most) < 0:
        most *= 2
    return float(optimize.brentq(lacking, 0.0, most, xtol=1e-6)) * error


def needed(
    effect: float,
    components: VarianceComponents,
    *,
    power: float = POWER,
    level: float = LEVEL,
    max_queries: int | Mapping[int, int] = MAX_QUERIES,
    max_sets: int = NUM_SETS[-1],
) -> list[Option]:
    """List the sizes of run that find a true difference with probability `power`, fewest prompts first.

    For each number of demonstration sets in `NUM_SETS` the fewest queries that suffice; sizes that ask for more
    queries and more sets than another are left out.

    Parameters
    ----------
    effect
        The true difference, in the value's unit (0.05 is five points of accuracy).
    components
        From a pilot (`components`), or `TYPICAL`.
    max_queries, max_sets
        What there is: queries in the task (or number of sets → queries that are left beside them, where both come from
        the same rows), demonstration sets that its pool can fill.

    Raises
    ------
    UserError
        If the effect is 0, or no size within the limits suffices.
    """
    if not abs(effect) > 0:
        raise UserError(f"the difference to be found must not be 0, got {effect}; give the smallest that would matter.")
    most = max_queries if isinstance(max_queries, Mapping) else dict.fromkeys(NUM_SETS, max_queries)
    most = {count: queries for count, queries in most.items() if count <= max_sets}
    found = []
    for num_sets, queries in most.items():
        num_queries = _fewest_queries(abs(effect), components, num_sets, queries, power=power, level=level)
        if num_queries is not None:
            found.append(Option(prompts=num_sets * num_queries, num_sets=num_sets, num_queries=num_queries))
    kept = [one for one in found if not any(_smaller(other, one) for other in found)]
    if not kept:
        raise UserError(_too_small(abs(effect), components, most, power, level))
    return sorted(kept)


TYPICAL = VarianceComponents(by_set=0.02, by_query=0.015, residual=0.3)
"""Accuracy under gold minus under random labels, for when there is no pilot: rounded medians of three built-in tasks.

`components` found 0.043, 0.017, 0.177 on sentiment, 0.020, 0.000, 0.314 on topic and 0.010, 0.014, 0.325 on continent
(by set, by query, residual; SmolLM2-135M-Instruct, 8 shots, 12 sets, 64 queries on sentiment and 48 on the others):

    probe run --model SMOLLM2.gguf --task sentiment --probe label-correctness --label-modes gold,random \\
        --formats input-output --shots 8 --queries 64 --demonstration-sets 12 --out pilot

A stronger model, whose answers random labels move less, has smaller ones; a pilot of the model itself is better.
"""


def _fewest_queries(
    effect: float, components: VarianceComponents, num_sets: int, most: int, *, power: float, level: float
) -> int | None:
    """Bisect for the fewest queries; None where even the most do not suffice."""

    def suffices(num_queries: int) -> bool:
        return power_of(effect, components, num_queries=num_queries, num_sets=num_sets, level=level) >= power

    if most < 2 or not suffices(most):
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def largest(
    components: VarianceComponents, most_queries: Mapping[int, int], *, power: float = POWER, level: float = LEVEL
) -> tuple[float, Option] | None:
    """Find the smallest difference that any size within limits finds, and that size; None where no size is allowed.

    Parameters
    ----------
    most_queries
        Number of demonstration sets → most queries beside them.
    """
    sizes = [Option(prompts=s * q, num_sets=s, num_queries=q) for s, q in most_queries.items() if s > 1 and q > 1]
    if not sizes:
        return None

    def least(size: Option) -> float:
        counts = {"num_queries": size.num_queries, "num_sets": size.num_sets}
        return minimum_detectable_effect(components, **counts, power=power, level=level)

    return min(((least(size), size) for size in sizes), key=lambda pair: (round(pair[0], 4), pair[1].prompts))


def _too_small(
    effect: float, components: VarianceComponents, most_queries: Mapping[int, int], power: float, level: float
) -> str:
    """Say that no size finds the difference, and what the best one finds."""
    best = largest(components, most_queries, power=power, level=level)
    if best is None:
        return (
            f"a difference of {effect:.3g} is too small for what there is, which does not fill {NUM_SETS[0]} "
            "demonstration sets beside 2 queries; use a task with more rows, or fewer shots."
        )
    least, size = best
    return (
        f"a difference of {effect:.3g} is too small for {size.num_queries} queries and {size.num_sets} demonstration "
        f"sets, which of all that there is find the smallest, {least:.3g}; use a task with more rows, or look for a "
        "larger difference."
    )


def _smaller(one: Option, other: Option) -> bool:
    """Whether one size needs no more sets and no more queries than the other, and is not the same."""
    return one != other and one.num_sets <= other.num_sets and one.num_queries <= other.num_queries


def _degrees(components: VarianceComponents, num_queries: int, num_sets: int) -> float:
    """Degrees of freedom that the interval has on average, see `icl.metrics.crossed`."""
    cells = num_sets * num_queries
    return degrees_of_freedom(
        by_set=(num_queries * components.by_set + components.residual) / cells,
        by_query=(num_sets * components.by_query + components.residual) / cells,
        residual=components.residual / cells,
        total=standard_error(components, num_queries, num_sets) ** 2,
        num_sets=num_sets,
        num_queries=num_queries,
    )


def _check_counts(num_queries: int, num_sets: int) -> None:
    if num_queries < 2 or num_sets < 2:
        raise UserError(
            f"an interval over queries and demonstration sets needs two or more of each, got "
            f"{num_queries} queries and {num_sets} sets; raise the smaller."
        )


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise UserError(f"{name} is a probability between 0 and 1, got {value}; 0.8 and 0.9 are usual.")
