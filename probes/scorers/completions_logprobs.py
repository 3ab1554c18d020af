"""What completions servers say of tokens, in each of their dialects."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from icl.ties import TIED_WITHIN

__all__ = ["Position", "Told", "echoes", "read_positions", "spell", "spelled"]

_MASKED = -1000.0
"""Nats below which a number is no model's log-probability but marks a token that sampling left out: −inf, the least
number of a 16- or 32-bit float, −1e30, or vLLM's −9999."""

_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")

type Token = tuple[bytes, float]
"""What a token spells, and its log-probability in nats; NaN where none is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """The tokens that a server tells of at one place.

    Attributes
    ----------
    top : dict of bytes to float
        The likeliest tokens and their log-probabilities in nats.
    below : float
        Nats that every token has at most which is not told: they lie below the least told of the likeliest. NaN where
        nothing is known.
    masked : frozenset of bytes
        Tokens told to be impossible, with −inf or a number that stands for it.
    unvalued : frozenset of bytes
        Tokens told without a number.
    """

    top: dict[bytes, float] = field(default_factory=dict)
    below: float = math.nan
    masked: frozenset[bytes] = frozenset()
    unvalued: frozenset[bytes] = frozenset()

    @property
    def pieces(self) -> frozenset[bytes]:
        """What all of them spell."""
        return self.masked.union(self.unvalued, self.top)


@dataclass(frozen=True, slots=True)
class Position:
    """One token of a server's answer.

    Attributes
    ----------
    piece : bytes
        What the token spells, in UTF-8; it may be a part of a character.
    logprob : float
        Its log-probability in nats; NaN where the server gives none, as for a text's first token, or masks it.
    told : Told
        The likeliest tokens at its place.
    """

    piece: bytes
    logprob: float
    told: Told = Told()


def read_positions(answer: dict) -> list[Position] | None:
    """Read the tokens of a completion; None where the server gave no log-probabilities.

    Knows OpenAI's lists ``tokens, token_logprobs, top_logprobs`` and the records ``content`` of chat completions,
    which llama.cpp's own server sends.

    Raises
    ------
    ValueError
        If the answer has neither shape.
    """
    choice = _choice(answer)
    logprobs = choice.get("logprobs")
    if not logprobs:
        return None
    if not isinstance(logprobs, dict):
        raise ValueError("its logprobs are neither lists of tokens nor records")
    try:
        if isinstance(logprobs.get("content"), list):
            return [_from_record(record) for record in logprobs["content"]]
        if not logprobs.get("token_logprobs"):
            return None
        tokens, values = logprobs["tokens"], logprobs["token_logprobs"]
        tops = logprobs.get("top_logprobs") or [None] * len(tokens)
        if not len(tokens) == len(values) == len(tops):
            raise ValueError("its lists of tokens and log-probabilities differ in length")
        return [_position((spell(t), _number(v)), _from_lists(top)) for t, v, top in zip(tokens, values, tops)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its logprobs have an unknown shape ({type(error).__name__}: {error})") from error


def echoes(answer: dict, text: str) -> bool:
    """Say whether a completion repeats the text that it was asked to continue."""
    written = _choice(answer).get("text")
    return isinstance(written, str) and bool(text) and text.strip() in written


def spelled(positions: Iterable[Position]) -> str:
    """Write tokens down for a reader."""
    return " ".join(repr(position.piece.decode(errors="replace")) for position in positions)


def spell(token: str) -> bytes:
    r"""Return the bytes of a token; OpenAI's servers write ``bytes:\xe2\x82`` where it is a part of a character."""
    if token.startswith("bytes:") and _ESCAPED.search(token):
        rest = token.removeprefix("bytes:")
        parts = enumerate(_ESCAPED.split(rest))
        return b"".join(bytes([int(part, 16)]) if index % 2 else _utf8(part) for index, part in parts)
    return _utf8(token)


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # half a character, which JSON may hold, spells nothing that is asked


def _choice(answer: dict) -> dict:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError("it has no choices")
    return choices[0]


def _from_record(record: dict) -> Position:
    return _position(_token(record), [_token(one) for one in record.get("top_logprobs") or []])


def _token(record: dict) -> Token:
    if "logprob" not in record and "prob" in record:
        raise ValueError("it gives probabilities after sampling in place of log-probabilities")
    raw = record.get("bytes")
    piece = bytes(raw) if isinstance(raw, list) and raw else spell(record["token"])
    return piece, _number(record["logprob"])


def _from_lists(top: dict | list | None) -> list[Token]:
    """Read one position's likeliest tokens: a mapping, or records."""
    if isinstance(top, list):
        return [_token(one) for one in top]
    return [(spell(token), _number(value)) for token, value in (top or {}).items()]


def _position(chosen: Token, likeliest: list[Token]) -> Position:
    """Put one position together from its own token and the likeliest; of two that spell the same the likelier counts.

    Some servers tell the position's own token beside the likeliest though it is none of them. Where it is the least
    told it may be such a one, so it bounds no other token.
    """
    piece, logprob = chosen
    top: dict[bytes, float] = {}
    for other, value in likeliest:
        if value > _MASKED:
            top[other] = max(top.get(other, -math.inf), value)
    least = sorted(top.values())[:2]
    bounds = least[-1] if least and top.get(piece) == least[0] else min(least, default=math.nan)
    below = bounds - 2 * TIED_WITHIN  # less likely than the least told, not as likely: `icl.ties`
    if top and logprob > _MASKED:
        top[piece] = max(top.get(piece, -math.inf), logprob)
    every = [*likeliest, chosen]
    masked = frozenset(one for one, value in every if value <= _MASKED).difference(top)
    unvalued = frozenset(one for one, value in likeliest if math.isnan(value)).difference(top)
    return Position(piece, logprob if logprob > _MASKED else math.nan, Told(top, below, masked, unvalued))


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # a whole number of more digits than a float holds
        return math.inf if value > 0 else -math.inf
