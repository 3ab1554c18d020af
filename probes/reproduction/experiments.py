"""Which prompts are asked of which models: the paper's experiments as data (Xie §4.2)."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Integer
from numpy import ndarray

from icl.errors import UserError, unknown_name
from icl.ginc.exact import DEFAULT_SMOOTHING
from icl.ginc.family import DELIMITER, GincFamily
from icl.ginc.positions import answer_positions, prompt_tokens
from icl.ginc.sampling import GincExamples, sample_examples, sample_unseen_examples
from icl.seeds import stream

__all__ = [
    "EXAMPLE_LENGTHS",
    "EXPERIMENTS",
    "ORDERED",
    "ORDERS",
    "SETS",
    "SHOTS",
    "Experiment",
    "Reproduction",
    "asked_at",
    "draw_examples",
    "num_order_queries",
    "ordered_prefixes",
    "zoo",
]

EXAMPLE_LENGTHS = (3, 5, 8, 10)
"""k: tokens of an example, label included."""

SHOTS = (0, 1, 2, 4, 8, 16, 32, 64)
"""n: examples before the query; one pass over a prompt of 65 examples answers them all."""

ORDERED = 4
"""Demonstrations whose orders are compared."""

ORDERS = tuple(permutations(range(ORDERED)))
"""All 24 of them."""

SETS = 10
"""Sets of demonstrations whose orders are compared, for each example length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One kind of prompt and the shipped models that are asked.

    Attributes
    ----------
    name : str
        In tables.
    models : tuple of str
        Shipped models, all trained on one family, which the prompts are made from.
    asks : str
        "seen" or "unseen" concepts, at every n; or "orders" of `ORDERED` demonstrations.
    own_family : bool
        Whether its models were trained on a family of their own instead of the lab's default.
    """

    name: str
    models: tuple[str, ...]
    asks: str = "seen"
    own_family: bool = False


_SIZES = ("ginc-tiny", "ginc-small", "ginc-large", "ginc-lstm")

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(name="seen-concepts", models=(*_SIZES, "ginc-random", "ginc-single-concept")),
        Experiment(name="unseen-concepts", models=("ginc-small",), asks="unseen"),
        Experiment(name="fast-entities", models=("ginc-fast-entities",), own_family=True),
        Experiment(name="near-deterministic", models=("ginc-deterministic",), own_family=True),
        Experiment(name="orders", models=_SIZES, asks="orders"),
    )
}
"""Name → experiment. A model that is none of the zoo's own is asked what `seen-concepts` asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What is asked.

    Attributes
    ----------
    models : tuple of str
        Shipped names, or folders of GINC checkpoints; every shipped model of the zoo if empty.
    experiments : tuple of str
        Names of `EXPERIMENTS`; all of them if empty.
    prompts : int
        Prompts per cell (the paper: 2,500).
    seed : int
        Of all prompts.
    smoothing : float
        ε of exact Bayes.
    """

    models: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    prompts: int = 500
    seed: int = 0
    smoothing: float = DEFAULT_SMOOTHING

    def __post_init__(self):
        for name in self.experiments:
            if name not in EXPERIMENTS:
                raise unknown_name("experiment", name, EXPERIMENTS)
        if self.prompts < 2:
            raise UserError(
                f"--prompts must be at least 2, got {self.prompts}; an interval needs two prompts per cell."
            )
        if self.seed < 0:
            raise UserError(f"--seed cannot be negative, got {self.seed}; use 0 or more.")


def zoo() -> tuple[str, ...]:
    """List the shipped models that the experiments ask for, each once."""
    return tuple(dict.fromkeys(model for experiment in EXPERIMENTS.values() for model in experiment.models))


def draw_examples(
    experiment: Experiment, family: GincFamily, *, example_length: int, num_prompts: int, seed: int
) -> GincExamples:
    """Draw an experiment's prompts at one example length; all models are asked the same.

    For orders a prompt is a set: its first `ORDERED` examples are the demonstrations, each other one is a query.
    """
    rng = stream(seed, "reproduction", experiment.asks, example_length)
    if experiment.asks == "orders":
        num_examples = ORDERED + num_order_queries(num_prompts)
        return sample_examples(
            family, num_prompts=SETS, num_examples=num_examples, example_length=example_length, rng=rng
        )
    draw = sample_unseen_examples if experiment.asks == "unseen" else sample_examples
    return draw(family, num_prompts=num_prompts, num_examples=SHOTS[-1] + 1, example_length=example_length, rng=rng)


def num_order_queries(num_prompts: int) -> int:
    """Queries behind each order: a fifth of the prompts per cell, at least 10."""
    return max(10, num_prompts // 5)


def asked_at(examples: GincExamples) -> tuple[Integer[ndarray, "num_prompts length"], Integer[ndarray, " num_shots"]]:
    """Lay prompts out and say after which token each of `SHOTS` is asked."""
    _, num_examples, example_length = examples.tokens.shape
    return prompt_tokens(examples), answer_positions(num_examples, example_length)[list(SHOTS)]


def ordered_prefixes(
    demonstrations: Integer[ndarray, "num_demonstrations example_length"],
) -> Integer[ndarray, "num_orders length"]:
    """Lay the demonstrations out in each of `ORDERS`, a delimiter after each."""
    delimited = np.pad(demonstrations, ((0, 0), (0, 1)), constant_values=DELIMITER)
    return delimited[np.array(ORDERS)].reshape(len(ORDERS), -1)
