"""Prompt and candidate cut into tokens together, since a label's tokens depend on the text before it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from icl.errors import UserError
from icl.prompts.render import Prompt

__all__ = ["TokenisedCandidate", "cut_lines", "most_tokens", "tokenise", "tokenizer_digest"]

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
        The ids of what is scored, the last id included.
    split : TokenisedCandidate or None
        Prompt and candidate cut separately, where that gives other ids; None where the boundary is clean.
    """

    inputs: tuple[int, ...]
    label: tuple[int, ...]
    split: "TokenisedCandidate | None" = None

    @property
    def boundary_clean(self) -> bool:
        """Whether the joint ids equal those of prompt and candidate cut separately."""
        return self.split is None

    @property
    def before_label(self) -> int:
        """Number of tokens before the label."""
        return len(self.inputs) + 1 - len(self.label)

    @property
    def ids(self) -> tuple[int, ...]:
        """All token ids."""
        return (*self.inputs, self.label[-1])


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Sixteen hexadecimal digits of all that decides how text is cut, and what stands before a label alone."""
    parts = [tokenizer.backend_tokenizer.to_str(), tokenizer.bos_token_id, tokenizer.eos_token_id]
    return hashlib.sha256(str(parts).encode()).hexdigest()[:16]


def tokenise(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], *, chat: bool = False
) -> list[list[TokenisedCandidate]]:
    """Tokenise each prompt jointly with each of its candidates and find the split by character offsets.

    The label's tokens are those that end behind the prompt's last character; a token that spans the boundary is the
    label's. Where nothing at all stands before a label, the tokenizer's first special token does.

    Parameters
    ----------
    chat
        Put the prompt into the tokenizer's chat template as one message of the user; the candidate, without its
        leading space, is how the reply begins.

    Raises
    ------
    UserError
        If a candidate has no token of its own.
    """
    questions = [_contexts(tokenizer, prompt, chat) for prompt in prompts]
    texts = list(dict.fromkeys(context for question in questions for context, _ in question))
    whole = dict(zip(texts, (ids for ids, _ in _encode(tokenizer, texts, special=not chat))))
    pieces = list(dict.fromkeys(piece for question in questions for _, piece in question))
    alone = dict(zip(pieces, (ids for ids, _ in _encode(tokenizer, pieces, special=False))))
    found = []
    for question in questions:
        behind: dict[str, dict[str, list[int]]] = {}
        for context, piece in question:
            behind.setdefault(context, {})[piece] = alone[piece]
        cut = {
            (context, piece): candidate
            for context, asked in behind.items()
            for piece, candidate in zip(asked, _behind(tokenizer, context, whole[context], asked, special=not chat))
        }
        found.append([cut[pair] for pair in question])
    return found


def cut_lines(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, model: str, *, chat: bool = False) -> list[str]:
    """Describe how a prompt and its candidates are cut, a line each."""

    def spell(ids: tuple[int, ...]) -> str:
        return " ".join(repr(tokenizer.decode([token])) for token in ids)

    (cuts,) = tokenise(tokenizer, [prompt], chat=chat)
    before = cuts[0].ids[: cuts[0].before_label]
    lines = [f"{len(before)} tokens of {model}: {spell(before)}"]
    for candidate, cut in zip(prompt.candidates, cuts):
        clean = "" if cut.boundary_clean else "  (boundary not clean: cut otherwise when joined)"
        lines.append(f"  {candidate.text!r} → {spell(cut.label)}{clean}")
    return lines


def most_tokens(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], *, chat: bool = False) -> list[int]:
    """Bound the tokens of each prompt with its longest candidate from above, without cutting them jointly."""
    questions = [_contexts(tokenizer, prompt, chat) for prompt in prompts]
    texts = list(dict.fromkeys(context for question in questions for context, _ in question))
    before = dict(zip(texts, (len(ids) for ids, _ in _encode(tokenizer, texts, special=not chat))))
    pieces = list(dict.fromkeys(piece for question in questions for _, piece in question))
    alone = dict(zip(pieces, (len(ids) for ids, _ in _encode(tokenizer, pieces, special=False))))
    return [max(before[context] + alone[piece] for context, piece in asked) + _SPLIT_MARGIN for asked in questions]


def _contexts(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, chat: bool) -> list[tuple[str, str]]:
    """Pair, for each candidate, the text that is given with the text that is scored."""
    given = prompt.text
    if not chat:
        return [(given + candidate.given, candidate.text) for candidate in prompt.candidates]
    message = [{"role": "user", "content": given}]
    text = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    return [(str(text), candidate.text.lstrip(" ")) for candidate in prompt.candidates]


def _behind(
    tokenizer: PreTrainedTokenizerBase, text: str, prompt: list[int], pieces: dict[str, list[int]], *, special: bool
) -> list[TokenisedCandidate]:
    """Cut every candidate behind one text jointly with it."""
    cut = _cut(tokenizer, text, prompt)
    at, num_kept = cut or (0, 0)
    encoded = _encode(tokenizer, [text[at:] + piece for piece in pieces], special=special and cut is None)
    found = []
    inputs_seen: dict[tuple[int, ...], tuple[int, ...]] = {}
    for (piece, split), (ids, ends) in zip(pieces.items(), encoded):
        behind = [index for index, end in enumerate(ends) if end > len(text) - at]
        if not behind or not split:
            raise UserError(
                f"the label {piece!r} has no token of its own after {text[-20:]!r}; use another label word or format."
            )
        before = (*prompt[:num_kept], *ids[: behind[0]]) or _start_token(tokenizer)
        label = tuple(ids[behind[0] :])
        inputs = (*before, *label[:-1])
        separate = None
        if prompt[num_kept:] + split != ids:
            given = tuple(prompt) or _start_token(tokenizer)
            separate = TokenisedCandidate((*given, *split[:-1]), tuple(split))
        found.append(TokenisedCandidate(inputs_seen.setdefault(inputs, inputs), label, separate))
    return found


def _start_token(tokenizer: PreTrainedTokenizerBase) -> tuple[int]:
    """What stands before a label that nothing precedes: as at the start of a document."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return (int(token),)
    raise UserError(
        "a label that nothing precedes needs a token that starts a text, but the tokenizer has neither bos_token nor "
        "eos_token; use a format with a label prefix."
    )


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
        while special and size > 1 and mask[size - 1]:
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
