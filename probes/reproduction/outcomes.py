"""What came of each prompt, one row per prompt and number of examples, and the means of a cell."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy.special import rel_entr

from icl.ginc.sampling import GincExamples
from icl.metrics.uncertainty import clustered_mean, clustered_share, clustered_share_ratio
from icl.ties import likeliest
from probes.reproduction.experiments import ORDERED, ORDERS, SHOTS, asked_at, ordered_prefixes
from probes.scorers.ginc import GincPredictor

__all__ = ["OUTCOME_KEYS", "cells", "order_outcomes", "shot_outcomes"]

OUTCOME_KEYS = ["experiment", "model", "example_length"]
"""Columns that are the same throughout one stored part."""

_CELL_COLUMNS = [*OUTCOME_KEYS, "num_shots", "num_prompts", "accuracy", "low", "high", "ceiling"]
_CELL_COLUMNS += ["share", "share_low", "share_high", "kl", "kl_low", "kl_high"]


def shot_outcomes(
    predictor: GincPredictor,
    examples: GincExamples,
    bayes: Float[ndarray, "num_prompts num_shots vocab_size"],
) -> pd.DataFrame:
    """Ask a model every prompt at every n, beside exact Bayes on the same.

    Parameters
    ----------
    predictor
        The model.
    examples
        Prompts of 65 examples; the gold label of example n is the answer after n examples.
    bayes
        Exact Bayes's log-probabilities in nats at the same places.

    Returns
    -------
    DataFrame
        prompt, num_shots, correct and ceiling_correct (greedy over the whole vocabulary; zeros and ones), kl (from
        exact Bayes to the model, nats).
    """
    tokens, positions = asked_at(examples)
    ours = predictor(tokens, positions).astype(float)
    gold = examples.gold_labels[:, list(SHOTS)]
    num_prompts = len(tokens)
    return pd.DataFrame(
        {
            "prompt": np.repeat(np.arange(num_prompts), len(SHOTS)),
            "num_shots": np.tile(SHOTS, num_prompts),
            "correct": (likeliest(ours) == gold).ravel().astype(float),
            "ceiling_correct": (likeliest(bayes) == gold).ravel().astype(float),
            "kl": rel_entr(np.exp(bayes), np.exp(ours)).sum(axis=2).ravel(),
        }
    )


def order_outcomes(predictor: GincPredictor, examples: GincExamples) -> pd.DataFrame:
    """Ask a model every query behind every order of its set's demonstrations.

    Returns
    -------
    DataFrame
        set, query, order (0..23, as `ORDERS` lists them), correct.
    """
    frames = []
    for number, (tokens, gold) in enumerate(zip(examples.tokens, examples.gold_labels)):
        queries, answers = tokens[ORDERED:, :-1], gold[ORDERED:]
        predicted = likeliest(predictor.branches(ordered_prefixes(tokens[:ORDERED]), queries))
        frames.append(
            pd.DataFrame(
                {
                    "set": number,
                    "query": np.tile(np.arange(len(queries)), len(ORDERS)),
                    "order": np.repeat(np.arange(len(ORDERS)), len(queries)),
                    "correct": (predicted == answers).ravel().astype(float),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def cells(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Average over the prompts of each cell, with 90 % intervals; shares in 0..1, KL in nats.

    Returns
    -------
    DataFrame
        experiment, model, example_length, num_shots, num_prompts, accuracy, low, high, ceiling (accuracy of exact Bayes
        on the same prompts), share (accuracy ÷ ceiling; NaN where the ceiling may be 0) and kl with their intervals.
    """
    rows: list[dict[str, Any]] = []
    for key, block in outcomes.groupby([*OUTCOME_KEYS, "num_shots"], sort=False):
        prompts = block["prompt"].to_numpy()
        ours, ceiling = block["correct"].to_numpy(), block["ceiling_correct"].to_numpy()
        share = clustered_share(ours, prompts, prompts)
        ratio = clustered_share_ratio(ours, ceiling, prompts, prompts)
        kl = clustered_mean(block["kl"].to_numpy(), prompts, prompts)
        rows.append(
            dict(zip([*OUTCOME_KEYS, "num_shots"], key))
            | {"num_prompts": len(block), "accuracy": share.estimate, "low": share.low, "high": share.high}
            | {"ceiling": ceiling.mean()}
            | {"share": ratio.estimate, "share_low": ratio.low, "share_high": ratio.high}
            | {"kl": kl.estimate, "kl_low": kl.low, "kl_high": kl.high}
        )
    return pd.DataFrame(rows, columns=_CELL_COLUMNS)
