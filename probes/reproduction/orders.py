"""How far the order of the demonstrations moves accuracy, told apart from the noise of finitely many queries."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from probes.reproduction.outcomes import OUTCOME_KEYS

__all__ = ["chance_spread", "held_out_spread", "order_accuracies", "order_spreads"]

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
        raw would be if order did nothing) and spread (`held_out_spread`, free of that noise).
    """
    rows = []
    for key, block in outcomes.groupby([*OUTCOME_KEYS, "set"], sort=False):
        correct = block.pivot(index="query", columns="order", values="correct").to_numpy()
        means = correct.mean(axis=0)
        rows.append(
            dict(zip([*OUTCOME_KEYS, "set"], key))
            | {"num_queries": len(correct), "raw": float(means.max() - means.min())}
            | {"chance": chance_spread(correct, rng=np.random.default_rng(0))}
            | {"spread": held_out_spread(correct, rng=np.random.default_rng(0))}
        )
    return pd.DataFrame(rows, columns=[*OUTCOME_KEYS, "set", "num_queries", "raw", "chance", "spread"])


def held_out_spread(correct: Float[ndarray, "num_queries num_orders"], *, rng: np.random.Generator) -> float:
    """Pick the best and the worst order on half of the queries and compare them on the other half.

    The mean over many splits is what those orders truly differ by, so noise alone gives 0, and no more than the true
    spread on average. The posterior of `icl.metrics.spread` takes effects for normal; those of orders come in clumps.
    """
    half, found = len(correct) // 2, []
    for _ in range(_SHUFFLES):
        mixed = rng.permutation(correct)
        means = [mixed[:half].mean(axis=0), mixed[half:].mean(axis=0)]
        for picked, measured in (means, means[::-1]):
            found.append(measured[picked.argmax()] - measured[picked.argmin()])
    return float(np.mean(found))


def chance_spread(correct: Float[ndarray, "num_queries num_orders"], *, rng: np.random.Generator) -> float:
    """Mean spread when each query's outcomes are dealt to the orders at random, as identical orders would."""
    spreads = []
    for _ in range(_SHUFFLES):
        means = rng.permuted(correct, axis=1).mean(axis=0)
        spreads.append(means.max() - means.min())
    return float(np.mean(spreads))
