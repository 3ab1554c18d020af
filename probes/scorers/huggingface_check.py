"""What a model does, asked before its prompts share passes: is it causal, and do shared passes change its answers?"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray

from icl.errors import UserError
from probes.scorers.huggingface_memory import PassLimits
from probes.scorers.huggingface_reading import Answers, Reader, why_not_shared
from probes.scorers.trie import QuestionsBuilder, build_trie

__all__ = ["why_read_whole"]

_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}
"""Nats by which a shared pass may differ from a plain one before sharing is given up."""

_LENGTH = 96
"""Tokens of the sequences that are compared; a window more where the model has one, less where it reads less."""

_REFUSALS = (ValueError, TypeError, AttributeError, RuntimeError, NotImplementedError, IndexError, KeyError)
"""How models turn down masks, positions or caches that they do not know."""


def why_read_whole(model: Any, name: str, tokens: Int[ndarray, " num_tokens"], longest: int) -> str:
    """Say why prompts cannot share passes of a model; empty where shared and plain passes agree.

    Two sequences that part half-way, drawn from tokens of the run, are read both ways.

    Parameters
    ----------
    tokens
        Distinct token ids of the run.
    longest
        Tokens that the model reads at most.

    Raises
    ------
    UserError
        If later tokens change what the model says of earlier ones: it is no causal language model.
    """
    config = model.config.get_text_config()
    size = min(_LENGTH + (getattr(config, "sliding_window", None) or 0), longest)
    rng, half, first = np.random.default_rng(0), size // 2, size // 4
    pool = tokens if len(tokens) > 1 else np.r_[tokens, (tokens + 1) % config.vocab_size]
    one, other = rng.choice(pool, size=(2, size))
    builder = QuestionsBuilder()
    for ids in (one, np.r_[one[:half], other[half:]], one[:half]):
        builder.add(ids[:-1].tolist(), ids[first:].tolist())
    questions = builder.build()
    plain, shared = Answers(questions.num_slots), Answers(questions.num_slots)
    reader = Reader(model, PassLimits(3 * size, 3 * size))
    for _ in reader.read_whole(questions, plain):
        pass
    beginning, cut_off = plain.logprob[: half - first], plain.logprob[-(half - first) :]
    if not np.isnan(plain.logprob).any() and np.abs(beginning - cut_off).max() > _TOLERANCE[model.dtype]:
        raise UserError(
            f"model '{name}' lets later tokens change what it says of earlier ones, so it is no causal language "
            "model; --model takes models that continue a text."
        )
    if reason := why_not_shared(model):
        return reason
    for tokens_a_pass in (3 * size, size // 3):  # branches beside each other in one pass, and over several
        reader = Reader(model, PassLimits(tokens_a_pass, 3 * size))
        try:
            for _ in reader.read_shared(build_trie(questions), questions, shared):
                pass
        except _REFUSALS as error:
            return (str(error).strip() or type(error).__name__).splitlines()[0]
        worst = float(np.abs(plain.logprob - shared.logprob).max())
        if worst > _TOLERANCE[model.dtype]:
            return f"they change its answers by {worst:.2g} nats"
    return ""
