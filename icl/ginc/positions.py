"""Where things stand in a GINC prompt: examples of k tokens with a delimiter after each, up to before the last label.

The examples of a prompt are exchangeable, so example i, asked at its place, is a query with i demonstrations before it:
one pass over a prompt of 65 examples answers 0, 1, …, 64 shots.
"""

from enum import IntEnum

import numpy as np
from jaxtyping import Integer
from numpy import ndarray

from icl.ginc.family import DELIMITER
from icl.ginc.sampling import GincExamples

__all__ = ["Role", "answer_positions", "prompt_tokens", "roles"]


class Role(IntEnum):
    """What a token is in its prompt (science of the ledger: start and delimiter bring noise, inside brings signal)."""

    START = 0
    INSIDE = 1
    DELIMITER = 2


def prompt_tokens(examples: GincExamples) -> Integer[ndarray, "num_prompts length"]:
    """Lay examples out as prompts of num_examples · (k + 1) − 2 tokens, which end just before the last label."""
    num_prompts, num_examples, _ = examples.tokens.shape
    delimiters = np.full((num_prompts, num_examples, 1), DELIMITER, dtype=examples.tokens.dtype)
    return np.concatenate([examples.tokens, delimiters], axis=2).reshape(num_prompts, -1)[:, :-2]


def answer_positions(num_examples: int, example_length: int) -> Integer[ndarray, " num_examples"]:
    """Index (from 0) of the token after which the label of each example is predicted."""
    return np.arange(num_examples) * (example_length + 1) + example_length - 2


def roles(num_examples: int, example_length: int) -> Integer[ndarray, " length"]:
    """Give the `Role` of each token that `prompt_tokens` lays out."""
    example = np.array([Role.START, *[Role.INSIDE] * (example_length - 1), Role.DELIMITER])
    return np.tile(example, num_examples)[:-2]
