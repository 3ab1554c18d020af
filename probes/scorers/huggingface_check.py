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

__all__ = ["checked_length", "why_read_whole"]

_TOLERANCE = {torch.float64: 1e-3, torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}
"""Nats by which a shared pass may differ from a plain one before sharing is given up."""

_LENGTH = 96
"""Tokens of the sequences that are compared; a window more where the model has one, less where it reads less."""

_ASKED = 16
"""Tokens that are compared before the branch, and before each end."""

_REFUSALS = (ValueError, TypeError, AttributeError, RuntimeError, NotImplementedError, IndexError, KeyError)
"""How models turn down masks, positions or caches that they do not know."""


def why_read_whole(model: Any, name: str, tokens: Int[ndarray, " num_tokens"], longest: int, limits: PassLimits) -> str:
    """Say why prompts cannot share passes of a model; empty where shared and plain passes agree.

    Two sequences that part half-way, drawn from tokens of the run, are read both ways.

    Parameters
    ----------
    tokens
        Distinct token ids of the run.
    longest
        Tokens of the run's longest sequence: a window that none of them leaves is not gone beyond here either.
    limits
        What a pass may hold.

    Raises
    ------
    UserError
        If later tokens change what the model says of earlier ones: it is not a causal language model.
    """
    config = model.config.get_text_config()
    size = checked_length(config, longest)
    rng, half = np.random.default_rng(0), size // 2
    pool = tokens if len(tokens) > 1 else np.r_[tokens, (tokens + 1) % config.vocab_size]
    one, other = rng.choice(pool, size=(2, size))
    builder = QuestionsBuilder()
    asked = min(_ASKED, half - 1)
    for ids in (one, np.r_[one[:half], other[half:]], one[:half]):
        for end in dict.fromkeys((half, len(ids))):
            builder.add(ids[: end - 1].tolist(), ids[end - asked : end].tolist())
    questions = builder.build()
    plain, shared = Answers(questions.num_slots), Answers(questions.num_slots)
    reader = Reader(model, limits)
    for _ in reader.read_whole(questions, plain):
        pass
    _check_causal(model, name, one, half, asked, reader)
    if reason := why_not_shared(model):
        return reason
    for tokens_a_pass in (limits.tokens, size // 3):  # branches beside each other in one pass, and over several
        reader = Reader(model, PassLimits(min(tokens_a_pass, limits.tokens), limits.rows))
        try:
            for _ in reader.read_shared(build_trie(questions), questions, shared):
                pass
        except UserError:
            raise
        except _REFUSALS as error:
            return (str(error).strip() or type(error).__name__).splitlines()[0]
        worst = float(np.abs(plain.logprob - shared.logprob).max())
        if worst > _TOLERANCE[model.dtype]:
            return f"they change its answers by {worst:.2g} nats"
    return ""


def checked_length(config: Any, longest: int) -> int:
    """Say how many tokens the compared sequences have for a run whose longest sequence has so many."""
    window = getattr(config, "sliding_window", None) or 0
    return max(8, min(longest, _LENGTH + window) if longest > window else min(longest, _LENGTH))


def _check_causal(model: Any, name: str, ids: Int[ndarray, " length"], half: int, asked: int, reader: Reader) -> None:
    """Compare what a model says of a sequence's first half when it is cut off there and when it goes on."""
    said = []
    for end in (half, len(ids)):
        builder = QuestionsBuilder()
        builder.add(ids[: end - 1].tolist(), ids[half - asked : end].tolist())
        questions = builder.build()
        answers = Answers(questions.num_slots)
        for _ in reader.read_whole(questions, answers):
            pass
        said.append(answers.logprob[:asked])
    if np.abs(said[0] - said[1]).max() > _TOLERANCE[model.dtype]:  # never for NaN
        raise UserError(
            f"model '{name}' lets later tokens change its predictions for earlier ones, so it is not a causal "
            "language model; --model takes models that continue a text."
        )
