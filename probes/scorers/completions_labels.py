"""A label's log-probability from what a server returns for tokens: summed in an echo, or token by token."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from probes.scorers.completions_logprobs import Position, Told, spelled
from probes.scorers.scorer import LabelAnswer

__all__ = ["Continuation", "follow", "label_positions", "sum_label"]

_MOST_STEPS = 16
"""Tokens of a label that are followed among the likeliest."""

_TAIL_BYTES = 64
"""Bytes of given text that a server's tokens must spell before the label."""

_UNREADABLE = "\N{REPLACEMENT CHARACTER}".encode()
"""What servers write for a part of a character where they tell no bytes."""

_SPACE_MARKS = str.maketrans({"\N{LOWER ONE EIGHTH BLOCK}": " ", "\u0120": " ", "\u010a": "\n"})
"""How vocabularies of SentencePiece and of bytes write a space and a line's end."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What may follow a text, and the text's own tokens; None where the server does not count them."""

    told: Told
    num_tokens: int | None = None


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


def sum_label(positions: list[Position], given: str, label: str, *, generated: int) -> LabelAnswer:
    """Sum the log-probabilities of a label's tokens in an echoed text; see `label_positions`.

    Where one of them has none the label is missing, but lies below the sum of the others.
    """
    found = label_positions(positions, given, label, generated=generated)
    if found is None:
        return _missing(f"the server's tokens do not spell {label!r}: {spelled(positions[-5:])}")
    scored, spans = [positions[index] for index in found[0]], found[1]
    likeliest = all(one.told.top and one.logprob >= max(one.told.top.values()) for one in scored)
    answer = LabelAnswer(
        min(sum(one.logprob for one in scored), 0.0),
        num_tokens=len(scored),
        boundary_clean=False if spans else None,
        vocabulary_rank=1 if likeliest else None,
    )
    if not math.isnan(answer.logprob):
        return answer
    bounds = [_bound_in_echo(one) if math.isnan(one.logprob) else one.logprob for one in scored]
    masked = any(one.piece in one.told.masked for one in scored)
    what = f"says that a token of {label!r} is impossible" if masked else f"gives no number to a token of {label!r}"
    return replace(answer, reason=f"the server {what}", logprob_below=_known(sum(bounds)))


def follow(ask: Callable[[str], Continuation], given: str, label: str) -> LabelAnswer:
    """Spell a label by the longest of the likeliest next tokens, asking anew behind each of them.

    The longest that is told need not be the token that the server would cut there: the right one may be unlikely. So
    where the server counts tokens, each beginning must have as many as were followed. A label that cannot be followed
    to its end is missing, with a bound that holds however the server cuts it.

    Parameters
    ----------
    ask
        Text → what may follow it.
    """
    total, worst, written, rest = 0.0, 1, b"", label.encode()
    before = at = ask(given)
    aside = -math.inf  # nats that the label has at most if the server cuts it otherwise than was followed
    for step in range(1, _MOST_STEPS + 1):
        piece = max(_beginnings(at.told, rest), key=len, default=b"")
        if piece not in at.told.top:
            bound = max(aside, total + _ceiling(at.told, rest))
            if step > 1 or piece:
                bound = min(bound, _bound_of_one(ask, before, given, label))
            return _missing(_why_untold(at.told, piece, rest), bound)
        aside = max(aside, total + _ceiling(at.told, rest, besides=piece))
        value = at.told.top[piece]
        total += value
        rank = 1 + sum(other > value for other in at.told.top.values())
        worst = max(worst, rank) if worst and not value < at.told.below else 0
        written, rest = written + piece, rest[len(piece) :]
        whole = LabelAnswer(min(total, 0.0), num_tokens=step, vocabulary_rank=worst or None)
        if not rest and step == 1:
            return whole
        try:
            at = ask(given + written.decode())
        except UnicodeDecodeError:
            reason = f"a character of {label!r} is split between tokens, which needs a server with echo"
            return _missing(reason, max(aside, total))
        if before.num_tokens is not None and at.num_tokens != before.num_tokens + step:
            bound = min(max(aside, total), _bound_of_one(ask, before, given, label))
            return _missing(f"the server does not cut {label!r} into the most likely tokens that it returns", bound)
        if not rest:
            return whole
    return _missing(f"{label!r} has more than {_MOST_STEPS} tokens, which needs a server with echo", max(aside, total))


def _beginnings(told: Told, rest: bytes) -> set[bytes]:
    return {piece for piece in told.pieces if piece and rest.startswith(piece)}


def _ceiling(told: Told, rest: bytes, *, besides: bytes = b"") -> float:
    """Nats that the first token of `rest` has at most, whichever it is, where it is not `besides`; 0 says nothing."""
    if _is_ambiguous(told, rest):
        return 0.0
    return max([told.below, *(told.top[piece] for piece in _beginnings(told, rest) - {besides} if piece in told.top)])


def _bound_of_one(ask: Callable[[str], Continuation], before: Continuation, given: str, label: str) -> float:
    """Nats that an untold label has at most where the server counts it as one token; 0 where it does not."""
    if before.num_tokens is None or _is_ambiguous(before.told, label.encode()):
        return 0.0
    return before.told.below if ask(given + label).num_tokens == before.num_tokens + 1 else 0.0


def _is_ambiguous(told: Told, rest: bytes) -> bool:
    """Say whether the first token of `rest` may be among those told without being known, by number or by its bytes.

    Tokens are told as text in ways that hide what they spell: parts of characters, marks for spaces, or with the space
    at their beginning left out.
    """
    if math.isnan(told.below) or _beginnings(told, rest) & told.unvalued:
        return True
    if rest.startswith(b" ") and not any(piece.startswith(b" ") for piece in told.pieces):
        rest_alone = rest.lstrip()
        if any(rest_alone.startswith(piece) for piece in told.pieces):
            return True
    return any(_hides(piece, rest) for piece in told.pieces)


def _hides(piece: bytes, rest: bytes) -> bool:
    """Say whether a token that is told as `piece` may spell the beginning of `rest` all the same."""
    if not piece:
        return not rest.isascii()
    if piece.isascii():
        return False
    shown, unreadable, _ = piece.partition(_UNREADABLE)
    if unreadable:
        return rest.startswith(shown) and not rest[len(shown) :].isascii()
    return _is_raw(piece, rest)


def _is_raw(piece: bytes, rest: bytes) -> bool:
    """Say whether `piece` is written as the vocabulary has it, and would begin `rest` if it were written as text."""
    text = piece.decode(errors="replace")
    plain = text.translate(_SPACE_MARKS)
    return plain != text and rest.startswith(plain.encode())


def _why_untold(told: Told, piece: bytes, rest: bytes) -> str:
    missing = rest.decode(errors="replace")
    if piece in told.unvalued:
        return f"the server gives no number to {piece.decode(errors='replace')!r}"
    if piece:
        return f"the server says that {piece.decode(errors='replace')!r} is impossible"
    if told.masked and not told.top:
        return f"the server says that every token is impossible after the prompt, {missing!r} among them"
    if not told.pieces:
        return "the server returns no most likely tokens there, perhaps because the text ends"
    if raw := [one for one in told.pieces if _is_raw(one, rest)]:
        return (
            f"the server tells {max(raw, key=len).decode()!r} where {missing!r} is asked: it writes tokens as its "
            "vocabulary does, not as text, so none is known for certain"
        )
    return f"no beginning of {missing!r} is among the {len(told.top)} most likely tokens that the server returns"


def _bound_in_echo(position: Position) -> float:
    """Nats that a token without a number has at most; 0 where nothing is known."""
    is_known = position.piece in position.told.masked and not math.isnan(position.told.below)
    return position.told.below if is_known else 0.0


def _missing(reason: str, bound: float = 0.0) -> LabelAnswer:
    return LabelAnswer(math.nan, num_tokens=0, reason=reason, logprob_below=_known(bound))


def _known(bound: float) -> float:
    """Return a bound in nats; NaN for one that says nothing."""
    return bound if bound < -1e-9 else math.nan
