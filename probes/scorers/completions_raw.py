"""Whether the numbers that a server returns are its model's own log-probabilities, or what sampling made of them.

Sampling scales with a temperature, masks tokens and renormalises; at temperature 0 the chosen token is left with
probability 1 and every other with 0. No server says that it reports such numbers: they give themselves away.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from icl.errors import UserError
from probes.scorers.completions_logprobs import Told

__all__ = ["CERTAIN", "Sample", "SampledError", "refused", "require_own", "why_not_own"]

_DIFFERENCE = 0.3
"""Nats by which a likely token may differ between two requests: 16-bit models read in batches of other shapes."""

_LIKELY, _NUM_LIKELY = -5.0, 5
"""Only so likely tokens are compared, and so many: unlikely ones vary more."""

_MOST_PROBABILITY = 1.05
"""What told probabilities may sum to: some servers round numbers, or compute them in 16 bits."""

CERTAIN = -1e-6
"""Nats of a token that nothing competes with."""

_UNDERFLOW = -60.0
"""Nats of the least likely token told, below which others may well be too unlikely for a 32-bit float."""

_COMPLETE = 1e-4
"""How far the told probabilities may stay below 1 where they are taken to be all."""


class SampledError(UserError):
    """The server reports numbers that are not its model's own log-probabilities."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server tells behind one text at temperature 0, and at temperature 1; None where it refuses that."""

    cold: Told
    warm: Told | None


def require_own(told: Told, num_asked: int, url: str) -> Told:
    """Return what a server tells at one place, if it may be its model's own.

    Parameters
    ----------
    num_asked
        How many of the likeliest tokens it was asked for.
    url
        As it may be shown.

    Raises
    ------
    SampledError
        If it cannot.
    """
    if why := _why_impossible(told, num_asked):
        raise refused(url, why)
    return told


def why_not_own(samples: Sequence[Sample], num_asked: int) -> str:
    """Say from a few samples why a server's numbers are not its model's own; empty where they may be.

    Tokens that are told to be impossible are believed where the possible ones are the same behind every text: they are
    then no part of the vocabulary that is used.
    """
    for sample in samples:
        if why := _why_impossible(sample.cold, num_asked):
            return why
        if sample.warm is not None and (why := _why_changed(sample.cold, sample.warm)):
            return why
    tables = [told for sample in samples for told in (sample.cold, sample.warm) if told is not None and told.pieces]
    if any(not told.top for told in tables):
        return "it gives no token a probability"
    if tables and all(max(told.top.values()) > CERTAIN for told in tables):
        return "the most likely token is certain after each text"
    possible = {frozenset(told.top) for told in tables}
    if len(possible) == 1 and max(map(len, possible)) > 1:
        return ""
    if any(told.masked and min(told.top.values()) > _UNDERFLOW for told in tables):
        return "it says that some tokens are impossible, behind each text others"
    cut = [told for told in tables if len(told.top) < num_asked]
    if cut and all(_total(told) > 1 - _COMPLETE for told in tables):
        return f"the {len(cut[0].top)} tokens that it returns share all probability"
    return ""


def refused(url: str, why: str) -> SampledError:
    """Build the error for a server whose numbers are not its model's own."""
    return SampledError(
        f"server {url} reports log-probabilities after sampling, not its model's own ({why}); start it so that it "
        "reports them before sampling (vLLM: --logprobs-mode raw_logprobs; SGLang: SGLANG_RETURN_ORIGINAL_LOGPROB=1; "
        "llama.cpp: without post_sampling_probs), or use another server."
    )


def _why_impossible(told: Told, num_asked: int) -> str:
    """Say why no model gives these numbers at one place."""
    if (total := _total(told)) > _MOST_PROBABILITY:
        return f"the probabilities that it returns sum to {total:.3g}"
    if len(told.top) == 1 and max(told.top.values()) > CERTAIN and (told.masked or num_asked > 1):
        return "the chosen token has probability 1 and every other 0"
    return ""


def _why_changed(cold: Told, warm: Told) -> str:
    likely = sorted((piece for piece, value in cold.top.items() if value > _LIKELY), key=lambda one: -cold.top[one])
    for piece in likely[:_NUM_LIKELY]:
        other = -math.inf if piece in warm.masked else warm.top.get(piece, math.nan)
        if abs(other - cold.top[piece]) > _DIFFERENCE:
            return (
                f"{piece.decode(errors='replace')!r} has {cold.top[piece]:.2f} nats at temperature 0 and {other:.2f} "
                "at temperature 1"
            )
    return ""


def _total(told: Told) -> float:
    """Sum the probabilities told; what exceeds 1 by far stays finite."""
    return math.fsum(math.exp(min(value, 100.0)) for value in told.top.values())
