"""Prompt and candidate cut into tokens together, since a label's tokens depend on the text before it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from icl.errors import UserError
from icl.prompts.render import Prompt

__all__ = ["TokenisedCandidate", "most_tokens", "tokenise"]

_TAIL_CHARACTERS = 24
"""Characters that are cut anew with each candidate; the text before them is cut once a prompt."""

_SPLIT_MARGIN = 4
"""Tokens by which joint cutting may at most be longer than separate cutting."""


@dataclass(frozen=True, slots=True)
class TokenisedCandidate:
    """A candidate behind its prompt, as token ids.

    Attributes
    ----------
    inputs : tuple of int
        All ids but the last: what the model reads. Equal inputs are one object.
    label : tuple of int
        The label's ids, the last id included.
    boundary_clean : bool
        Whether the joint ids equal those of prompt and candidate cut separately.
    """

    inputs: tuple[int, ...]
    label: tuple[int, ...]
    boundary_clean: bool

    @property
    def before_label(self) -> int:
        """Number of tokens before the label."""
        return len(self.inputs) + 1 - len(self.label)

    @property
    def ids(self) -> tuple[int, ...]:
        """All token ids."""
        return (*self.inputs, self.label[-1])


def tokenise(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt]) -> list[list[TokenisedCandidate]]:
    """Tokenise each prompt jointly with each of its candidates and find the split by character offsets.

    The label's tokens are those that end behind the prompt's last character; a token that spans the boundary is the
    label's.

    Raises
    ------
    UserError
        If a candidate has no token of its own.
    """
    questions = [(prompt.text, [candidate.text for candidate in prompt.candidates]) for prompt in prompts]
    texts = list(dict.fromkeys(text for text, _ in questions))
    whole = dict(zip(texts, (ids for ids, _ in _encode(tokenizer, texts, special=True))))
    pieces = list(dict.fromkeys(piece for _, candidates in questions for piece in candidates))
    alone = dict(zip(pieces, (ids for ids, _ in _encode(tokenizer, pieces, special=False))))
    return [
        _behind_prompt(tokenizer, text, whole[text], {piece: alone[piece] for piece in candidates})
        for text, candidates in questions
    ]


def most_tokens(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt]) -> list[int]:
    """Bound the tokens of each prompt with its longest candidate from above, without cutting them jointly."""
    texts = [prompt.text for prompt in prompts]
    pieces = list(dict.fromkeys(candidate.text for prompt in prompts for candidate in prompt.candidates))
    alone = {piece: len(ids) for piece, (ids, _) in zip(pieces, _encode(tokenizer, pieces, special=False))}
    lengths = [len(ids) for ids, _ in _encode(tokenizer, texts, special=True)]
    return [
        length + max(alone[candidate.text] for candidate in prompt.candidates) + _SPLIT_MARGIN
        for length, prompt in zip(lengths, prompts)
    ]


def _behind_prompt(
    tokenizer: PreTrainedTokenizerBase, text: str, prompt: list[int], pieces: dict[str, list[int]]
) -> list[TokenisedCandidate]:
    """Cut every candidate of one prompt jointly with it."""
    cut = _cut(tokenizer, text, prompt)
    at, num_kept = cut or (0, 0)
    encoded = _encode(tokenizer, [text[at:] + piece for piece in pieces], special=cut is None)
    found = []
    inputs_seen: dict[tuple[int, ...], tuple[int, ...]] = {}
    for (piece, split), (ids, ends) in zip(pieces.items(), encoded):
        behind = [index for index, end in enumerate(ends) if end > len(text) - at]
        if not behind:
            raise UserError(
                f"the label {piece!r} has no token of its own after {text[-20:]!r}; use another label word or format."
            )
        key = tuple(ids[:-1])
        if key not in inputs_seen:
            inputs_seen[key] = (*prompt[:num_kept], *key)
        clean = prompt[num_kept:] + split == ids
        found.append(TokenisedCandidate(inputs_seen[key], tuple(ids[behind[0] :]), clean))
    return found


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
