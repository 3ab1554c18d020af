"""Prompt and candidate cut into tokens together, since a label's tokens depend on the text before it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from icl.errors import UserError
from icl.prompts.render import Prompt

__all__ = ["TokenisedCandidate", "tokenise"]

_TAIL_CHARACTERS = 24
"""Characters that are cut anew with each candidate; the text before them is cut once a prompt."""


@dataclass(frozen=True, slots=True)
class TokenisedCandidate:
    """Token ids of prompt and candidate; those from `start` on are the label's."""

    ids: tuple[int, ...]
    start: int
    boundary_clean: bool


def tokenise(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt]) -> list[list[TokenisedCandidate]]:
    """Tokenise each prompt jointly with each of its candidates and find the split by character offsets.

    The label's tokens are those that end behind the prompt's last character; a token that spans the boundary is the
    label's. The boundary is clean where the joint ids equal the ids of prompt and candidate cut separately.

    Raises
    ------
    UserError
        If a candidate has no token of its own.
    """
    texts = list(dict.fromkeys(prompt.text for prompt in prompts))
    whole = dict(zip(texts, _encode(tokenizer, texts, special=True)))
    pieces = list(dict.fromkeys(candidate.text for prompt in prompts for candidate in prompt.candidates))
    alone = dict(zip(pieces, (ids for ids, _ in _encode(tokenizer, pieces, special=False))))
    cuts = {text: _cut(tokenizer, text, whole[text][0]) for text in texts}
    joints = list(dict.fromkeys((prompt.text, c.text) for prompt in prompts for c in prompt.candidates))
    local = [(text, piece) for text, piece in joints if cuts[text] is not None]
    far = [(text, piece) for text, piece in joints if cuts[text] is None]
    done: dict[tuple[str, str], TokenisedCandidate] = {}
    tails = _encode(tokenizer, [text[cuts[text][0] :] + piece for text, piece in local], special=False)
    for (text, piece), (ids, ends) in zip(local, tails):
        at, num_kept = cuts[text]
        head = whole[text][0][:num_kept]
        start = num_kept + _first_label_token(ends, len(text) - at, piece, text)
        done[text, piece] = _finish(head + ids, start, whole[text][0], alone[piece])
    for (text, piece), (ids, ends) in zip(far, _encode(tokenizer, [t + p for t, p in far], special=True)):
        start = _first_label_token(ends, len(text), piece, text)
        done[text, piece] = _finish(ids, start, whole[text][0], alone[piece])
    return [[done[prompt.text, candidate.text] for candidate in prompt.candidates] for prompt in prompts]


def _encode(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], *, special: bool
) -> list[tuple[list[int], list[int]]]:
    """Cut each text into ids and the end offsets of the tokens; special tokens behind the text are left out."""
    if not texts:
        return []
    encodings = tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=special)
    pairs = []
    for encoding in encodings:
        ids, ends = encoding.ids, [end for _, end in encoding.offsets]
        size = len(ids)
        mask = encoding.special_tokens_mask
        while special and size and mask[size - 1]:
            size -= 1
        pairs.append((ids[:size], ends[:size]))
    return pairs


def _cut(tokenizer: PreTrainedTokenizerBase, text: str, whole: list[int]) -> tuple[int, int] | None:
    """Find where the text's tail can be cut alone: its character, and the tokens before it.

    None where the tokens before the tail would depend on it, as with tokenizers that mark the start of a text.
    """
    spaces = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", text[: -_TAIL_CHARACTERS or None])]
    if not spaces or len(text) <= _TAIL_CHARACTERS:
        return None
    at = spaces[-1]
    ((tail, _),) = _encode(tokenizer, [text[at:]], special=False)
    num_kept = len(whole) - len(tail)
    return (at, num_kept) if num_kept > 0 and whole[num_kept:] == tail else None


def _first_label_token(ends: list[int], boundary: int, piece: str, text: str) -> int:
    behind = [index for index, end in enumerate(ends) if end > boundary]
    if not behind:
        raise UserError(
            f"the label {piece!r} has no token of its own after {text[-20:]!r}; use another label word or format."
        )
    return behind[0]


def _finish(ids: list[int], start: int, prompt: list[int], piece: list[int]) -> TokenisedCandidate:
    return TokenisedCandidate(tuple(ids), start, boundary_clean=ids == prompt + piece)
