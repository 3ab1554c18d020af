"""Values of crossed demonstration sets and queries: how much of their variance is either's, and what a mean's error is.

A value of set s and query q is taken for μ + a_s + b_q + e_sq with sets and queries drawn at random, so that its three
parts are uncorrelated whatever the value is (a probability, a 0 or 1, a difference of two).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.errors import UserError

__all__ = ["Cells", "VarianceComponents", "cells_of", "components", "degrees_of_freedom", "residual_variance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Variance of one prompt's value by where it comes from, in the value's unit squared.

    Attributes
    ----------
    by_set
        Demonstration sets differ for all queries alike.
    by_query
        Queries differ for all demonstration sets alike.
    residual
        What is left: a query that some demonstrations help and others do not.
    """

    by_set: float
    by_query: float
    residual: float

    def __post_init__(self):
        if not min(self.by_set, self.by_query, self.residual) >= 0:
            raise UserError(
                f"a variance is 0 or more, got {self.by_set:g} by set, {self.by_query:g} by query and "
                f"{self.residual:g} left; give variances of one prompt's value."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """One value for each pair of set and query that was asked; sets and queries are numbered from 0.

    Where a pair was asked several times its value is the sum, scaled so that the mean over pairs is that over prompts.
    """

    values: Float[ndarray, " num_cells"]
    sets: Integer[ndarray, " num_cells"]
    queries: Integer[ndarray, " num_cells"]
    num_sets: int
    num_queries: int


def cells_of(values: Float[ndarray, " num_prompts"], sets: ndarray, queries: ndarray) -> Cells:
    """Gather prompts into pairs of set and query."""
    set_code, set_names = pd.factorize(sets)
    query_code, query_names = pd.factorize(queries)
    pair, pairs = pd.factorize(set_code * len(query_names) + query_code)
    if len(pairs) < len(values):
        values = np.bincount(pair, weights=values) * len(pairs) / len(values)
        set_code, query_code = np.divmod(pairs, len(query_names))
    return Cells(
        values=np.asarray(values, dtype=float),
        sets=set_code,
        queries=query_code,
        num_sets=len(set_names),
        num_queries=len(query_names),
    )


def components(
    differences: Float[ndarray, " num_prompts"], sets: ndarray, queries: ndarray
) -> VarianceComponents | None:
    """Split the variance of one prompt's value, by the method of moments; None where sets and queries are not crossed.

    Half the mean squared difference of two prompts is by_query + residual where they share the set, by_set + residual
    where they share the query, and the sum of all three where they share neither. The three equations give unbiased
    estimates whichever queries are asked with which sets; where every query is asked with every set they are those of
    the two-way analysis of variance. What comes out negative is then set to 0. They need a set with two queries and a
    query with two sets, which may be lacking where many prompts have no answer.

    Parameters
    ----------
    differences
        One value a prompt, as a rule the paired difference that is to be planned for.
    sets, queries
        Demonstration set and query of each.
    """
    found = _moments(cells_of(differences, sets, queries))
    if found is None:
        return None
    same_set, same_query, neither = found
    return VarianceComponents(
        by_set=max(0.0, neither - same_set),
        by_query=max(0.0, neither - same_query),
        residual=max(0.0, same_set + same_query - neither),
    )


def residual_variance(cells: Cells) -> float | None:
    """Variance that is neither the sets' nor the queries'; None where the two are not crossed."""
    found = _moments(cells)
    return None if found is None else max(0.0, found[0] + found[1] - found[2])


def degrees_of_freedom(
    *, by_set: float, by_query: float, residual: float, total: float, num_sets: int, num_queries: int
) -> float:
    """Degrees of freedom of total = by_set + by_query − residual, estimated variances of a mean (Satterthwaite 1946).

    Never fewer than those of the scarcer of sets and queries. As many where it alone makes the mean uncertain, more
    where the other does: three demonstration sets that hardly differ do not make an interval wide.
    """
    fewest = min(num_sets, num_queries) - 1
    between = (num_sets - 1) * (num_queries - 1)
    doubt = by_set**2 / (num_sets - 1) + by_query**2 / (num_queries - 1) + residual**2 / between
    return max(float(fewest), total**2 / doubt) if doubt > 0 else float(fewest)


def _moments(cells: Cells) -> tuple[float, float, float] | None:
    """Half the mean squared difference of pairs that share the set, the query, neither; None where one has no pairs."""
    one = np.zeros(len(cells.values), dtype=np.int64)
    (set_sum, set_pairs), (query_sum, query_pairs), (all_sum, all_pairs) = (
        _squared_differences(cells.values, group) for group in (cells.sets, cells.queries, one)
    )
    pairs = np.array([set_pairs, query_pairs, all_pairs - set_pairs - query_pairs])
    if (pairs < 1).any():
        return None
    same_set, same_query, neither = np.array([set_sum, query_sum, all_sum - set_sum - query_sum]) / pairs
    return float(same_set), float(same_query), float(neither)


def _squared_differences(values: ndarray, group: ndarray) -> tuple[float, float]:
    """Sum of (x − y)² ÷ 2 over all ordered pairs within a group, and their number."""
    count = np.bincount(group)
    squares, sums = np.bincount(group, weights=values**2), np.bincount(group, weights=values)
    return float((count * squares - sums**2).sum()), float((count * (count - 1)).sum())
