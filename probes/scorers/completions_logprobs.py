"""What completions servers say of tokens, in each of their dialects, laid beside the text that was asked about."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from probes.scorers.scorer import Answer

__all__ = [
    "Continuation",
    "Position",
    "echoes",
    "follow",
    "label_positions",
    "read_positions",
    "spell",
    "spelled",
    "sum_label",
]

_MOST_STEPS = 16
"""Tokens of a label that are followed among the likeliest."""

_TAIL_BYTES = 64
"""Bytes of given text that a server's tokens must spell before the label."""

_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Position:
    """One token of a server's answer.

    Attributes
    ----------
    piece : bytes
        What the token spells, in UTF-8; it may be a part of a character.
    logprob : float
        Its log-probability in nats; NaN where the server gives none, as for a text's first token.
    top : dict of bytes to float
        The likeliest tokens at its place and their log-probabilities in nats.
    """

    piece: bytes
    logprob: float
    top: dict[bytes, float]


@dataclass(frozen=True, slots=True)
class Continuation:
    """What may follow a text.

    Attributes
    ----------
    top : dict of bytes to float
        The likeliest next tokens and their log-probabilities in nats.
    num_tokens : int or None
        The text's own tokens; None where the server does not count them.
    """

    top: dict[bytes, float]
    num_tokens: int | None = None


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
        return [
            Position(spell(t), _number(v), _from_lists(top)) for t, v, top in zip(tokens, values, tops, strict=True)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its logprobs have an unknown shape ({type(error).__name__}: {error})") from error


def echoes(answer: dict, text: str) -> bool:
    """Say whether a completion repeats the text that it was asked to continue."""
    written = _choice(answer).get("text")
    return isinstance(written, str) and bool(text) and text.strip() in written


def label_positions(positions: list[Position], given: str, label: str, *, generated: int) -> tuple[range, bool] | None:
    """Find the tokens that end behind `given`, up to the end of `label`; a token that spans the boundary is among them.

    Where a character has several tokens, vLLM spells all but the last as nothing: such tokens belong to what follows.
    What stands before the label may hold a token for the start of a text, or characters that the server cannot spell
    token by token: only the last bytes of `given` are compared.

    Parameters
    ----------
    generated
        Tokens that may follow the text.

    Returns
    -------
    tuple of range and bool, or None
        The positions, and whether a token spans the boundary; None where the tokens do not spell the text.
    """
    tail, scored = given.encode()[-_TAIL_BYTES:], label.encode()
    joined = b"".join(position.piece for position in positions)
    at = joined.rfind(tail + scored)
    if at < 0:
        return None
    boundary, finish = at + len(tail), at + len(tail) + len(scored)
    starts, total = [], 0
    for position in positions:
        starts.append(total)
        total += len(position.piece)
    ends = [*starts[1:], total]
    found = [
        i
        for i, (start, end) in enumerate(zip(starts, ends))
        if start < finish and (end > boundary or start == end == boundary)
    ]
    if ends[found[-1]] != finish or len(positions) - 1 - found[-1] > generated:
        return None
    return range(found[0], found[-1] + 1), starts[found[0]] < boundary


def sum_label(positions: list[Position], given: str, label: str, *, generated: int) -> Answer:
    """Sum the log-probabilities of a label's tokens in an echoed text; see `label_positions`."""
    found = label_positions(positions, given, label, generated=generated)
    if found is None:
        return _missing(f"the server's tokens do not spell {label!r}: {spelled(positions[-5:])}")
    scored, spans = [positions[index] for index in found[0]], found[1]
    likeliest = all(one.top and one.logprob >= max(one.top.values()) for one in scored)
    answer = Answer(
        sum(one.logprob for one in scored),
        num_tokens=len(scored),
        boundary_clean=False if spans else None,
        vocabulary_rank=1 if likeliest else None,
    )
    if math.isnan(answer.logprob):
        return replace(answer, reason=f"the server gives no log-probability to a token of {label!r}")
    return answer


def follow(ask: Callable[[str], Continuation], given: str, label: str) -> Answer:
    """Spell a label by the longest of the likeliest next tokens, asking anew behind each of them.

    The longest that is told need not be the token that the server would cut there: the right one may be unlikely. So
    where the server counts tokens, each beginning must have as many as were followed.

    Parameters
    ----------
    ask
        Text → what may follow it.
    """
    total, worst, written, rest = 0.0, 1, b"", label.encode()
    before = ask(given)
    at = before
    for step in range(1, _MOST_STEPS + 1):
        piece = max((piece for piece in at.top if piece and rest.startswith(piece)), key=len, default=None)
        if piece is None:
            missing = rest.decode(errors="replace")
            return _missing(
                f"no beginning of {missing!r} is among the {len(at.top)} likeliest tokens that the server tells"
                if at.top
                else "the server tells no likeliest tokens there, perhaps since the text ends"
            )
        total += at.top[piece]
        worst = max(worst, 1 + sum(value > at.top[piece] for value in at.top.values()))
        written, rest = written + piece, rest[len(piece) :]
        if not rest and step == 1:
            return Answer(total, num_tokens=step, vocabulary_rank=worst)
        try:
            at = ask(given + written.decode())
        except UnicodeDecodeError:
            return _missing(f"a character of {label!r} is split between tokens, which needs a server with echo")
        if before.num_tokens is not None and at.num_tokens != before.num_tokens + step:
            return _missing(f"the server does not cut {label!r} into the likeliest tokens that it tells")
        if not rest:
            return Answer(total, num_tokens=step, vocabulary_rank=worst)
    return _missing(f"{label!r} has more than {_MOST_STEPS} tokens, which needs a server with echo")


def spelled(positions: Iterable[Position]) -> str:
    """Write tokens down for a reader."""
    return " ".join(repr(position.piece.decode(errors="replace")) for position in positions)


def spell(token: str) -> bytes:
    r"""Return the bytes of a token; OpenAI's servers write ``bytes:\xe2\x82`` where it is a part of a character."""
    if token.startswith("bytes:") and _ESCAPED.search(token):
        rest = token.removeprefix("bytes:")
        return b"".join(
            bytes([int(part, 16)]) if index % 2 else part.encode() for index, part in enumerate(_ESCAPED.split(rest))
        )
    return token.encode()


def _choice(answer: dict) -> dict:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError("it has no choices")
    return choices[0]


def _from_record(record: dict) -> Position:
    top = _likeliest((_piece(one), one["logprob"]) for one in record.get("top_logprobs") or [])
    return Position(_piece(record), _number(record.get("logprob")), top)


def _piece(record: dict) -> bytes:
    raw = record.get("bytes")
    return bytes(raw) if isinstance(raw, list) and raw else spell(record["token"])


def _from_lists(top: dict | list | None) -> dict[bytes, float]:
    """Read one position's likeliest tokens: a mapping, or records."""
    if isinstance(top, list):
        return _likeliest((_piece(one), one["logprob"]) for one in top)
    return _likeliest((spell(token), value) for token, value in (top or {}).items())


def _likeliest(pairs: Iterable[tuple[bytes, object]]) -> dict[bytes, float]:
    """Map pieces to log-probabilities in nats; of two tokens that spell the same, the likelier counts."""
    top: dict[bytes, float] = {}
    for piece, value in pairs:
        top[piece] = max(top.get(piece, -math.inf), _number(value))
    return top


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _missing(reason: str) -> Answer:
    return Answer(math.nan, num_tokens=0, reason=reason)
