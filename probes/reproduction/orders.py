"""How far the order of the demonstrations moves accuracy, told apart from the noise of finitely many queries."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.metrics.spread import posterior_spread
from probes.reproduction.outcomes import OUTCOME_KEYS

__all__ = ["chance_spread", "order_accuracies", "order_spreads"]

_SHUFFLES = 200


def order_accuracies(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Average over the queries: one row a set and order, column accuracy."""
    means = outcomes.groupby([*OUTCOME_KEYS, "set", "order"], sort=False)["correct"].mean()
    return means.rename("accuracy").reset_index()


def order_spreads(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Give the spread over orders of each set of demonstrations, as shares.

    Returns
    -------
    DataFrame
        experiment, model, example_length, set, num_queries, raw (largest minus smallest mean accuracy), chance (what
        raw would be if order did nothing) and spread, low, high: the posterior of the true spread, see
        `icl.metrics.spread`.
    """
    rows = []
    for key, block in outcomes.groupby([*OUTCOME_KEYS, "set"], sort=False):
        correct = block.pivot(index="query", columns="order", values="correct").to_numpy()
        means, queries = correct.mean(axis=0), np.arange(len(correct))
        posterior = posterior_spread(correct, queries, queries)
        rows.append(
            dict(zip([*OUTCOME_KEYS, "set"], key))
            | {"num_queries": len(correct), "raw": float(means.max() - means.min())}
            | {"chance": chance_spread(correct, rng=np.random.default_rng(0))}
            | {"spread": posterior.estimate, "low": posterior.low, "high": posterior.high}
        )
    return pd.DataFrame(rows, columns=[*OUTCOME_KEYS, "set", "num_queries", "raw", "chance", "spread", "low", "high"])


def chance_spread(correct: Float[ndarray, "num_queries num_orders"], *, rng: np.random.Generator) -> float:
    """Mean spread when each query's outcomes are dealt to the orders at random, as identical orders would."""
    spreads = []
    for _ in range(_SHUFFLES):
        means = rng.permuted(correct, axis=1).mean(axis=0)
        spreads.append(means.max() - means.min())
    return float(np.mean(spreads))
