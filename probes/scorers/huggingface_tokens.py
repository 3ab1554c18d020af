"""Prompt and candidate cut into tokens together, since a label's tokens depend on the text before it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from icl.errors import UserError
from icl.prompts.render import Prompt
from probes.scorers.huggingface_texts import Asked, texts_to_cut

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
    label's. Where nothing at all stands before a label, the tokenizer's first special token does. Control tokens that
    a task's texts spell are cut as text, see `probes.scorers.huggingface_texts`.

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
    backend, questions = texts_to_cut(tokenizer, prompts, chat=chat)
    texts = list(dict.fromkeys(asked.given for question in questions for asked in question))
    whole = dict(zip(texts, (ids for ids, _ in _encode(backend, texts, special=not chat))))
    alone = _alone(backend, questions)
    found = []
    for question in questions:
        behind: dict[str, dict[tuple[str, str], list[int]]] = {}
        for asked in question:
            piece = (asked.scored, asked.behind)
            behind.setdefault(asked.given, {})[piece] = alone[piece]
        cut = {
            Asked(context, *piece): candidate
            for context, pieces in behind.items()
            for piece, candidate in zip(
                pieces, _behind(tokenizer, backend, context, whole[context], pieces, special=not chat)
            )
        }
        found.append([cut[asked] for asked in question])
    return found


def cut_lines(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, model: str, *, chat: bool = False) -> list[str]:
    """Describe how a prompt and its candidates are cut, a line each."""

    def spell(ids: tuple[int, ...]) -> str:
        return " ".join(repr(tokenizer.decode([token])) for token in ids)

    (cuts,) = tokenise(tokenizer, [prompt], chat=chat)
    before = cuts[0].ids[: cuts[0].before_label]
    lines = [f"{len(before)} tokens of {model}: {spell(before)}"]
    for candidate, cut in zip(prompt.candidates, cuts):
        clean = "" if cut.boundary_clean else "  (boundary not clean: tokenised differently when joined)"
        lines.append(f"  {candidate.text!r} → {spell(cut.label)}{clean}")
    return lines


def most_tokens(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], *, chat: bool = False) -> list[int]:
    """Bound the tokens of each prompt with its longest candidate from above, without cutting them jointly."""
    backend, questions = texts_to_cut(tokenizer, prompts, chat=chat)
    texts = list(dict.fromkeys(asked.given for question in questions for asked in question))
    before = dict(zip(texts, (len(ids) for ids, _ in _encode(backend, texts, special=not chat))))
    alone = _alone(backend, questions)
    return [
        max(before[asked.given] + len(alone[asked.scored, asked.behind]) for asked in question) + _SPLIT_MARGIN
        for question in questions
    ]


def _alone(backend: Tokenizer, questions: list[list[Asked]]) -> dict[tuple[str, str], list[int]]:
    """Cut what is scored, and what would follow it, without what is given; the ids of what is scored."""
    pieces = list(dict.fromkeys((asked.scored, asked.behind) for question in questions for asked in question))
    return dict(zip(pieces, (ids for ids, _ in _encode_before(backend, pieces, special=False))))


def _behind(
    tokenizer: PreTrainedTokenizerBase,
    backend: Tokenizer,
    text: str,
    prompt: list[int],
    pieces: dict[tuple[str, str], list[int]],
    *,
    special: bool,
) -> list[TokenisedCandidate]:
    """Cut every candidate behind one text jointly with it."""
    cut = _cut(backend, text, prompt)
    at, num_kept = cut or (0, 0)
    joined = [(text[at:] + piece, behind) for piece, behind in pieces]
    encoded = _encode_before(backend, joined, special=special and cut is None)
    found = []
    inputs_seen: dict[tuple[int, ...], tuple[int, ...]] = {}
    for ((piece, _), split), (ids, ends) in zip(pieces.items(), encoded):
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


def _encode_before(
    backend: Tokenizer, texts: list[tuple[str, str]], *, special: bool
) -> list[tuple[list[int], list[int]]]:
    """Cut each text as it is cut where another follows it; without the other where a token would span the two."""
    encoded = _encode(backend, [text + behind for text, behind in texts], special=special)
    for number, (text, behind) in enumerate(texts):
        if not behind:
            continue
        ids, ends = encoded[number]
        size = next((index for index, end in enumerate(ends) if end > len(text)), len(ends))
        if size and ends[size - 1] == len(text):
            encoded[number] = (ids[:size], ends[:size])
        else:
            (encoded[number],) = _encode(backend, [text], special=special)
    return encoded


def _encode(backend: Tokenizer, texts: list[str], *, special: bool) -> list[tuple[list[int], list[int]]]:
    """Cut each text into ids and the end offsets of the tokens; special tokens behind the text are left out."""
    if not texts:
        return []
    pairs = []
    for encoding in backend.encode_batch(texts, add_special_tokens=special):
        ids, ends = encoding.ids, [end for _, end in encoding.offsets]
        size = len(ids)
        mask = encoding.special_tokens_mask
        while special and size > 1 and mask[size - 1]:
            size -= 1
        pairs.append((ids[:size], ends[:size]))
    return pairs


def _cut(backend: Tokenizer, text: str, whole: list[int]) -> tuple[int, int] | None:
    """Find where the text's tail can be cut alone: its character, and the tokens before it.

    None where the tokens before the tail would depend on it, as with tokenizers that mark the start of a text.
    """
    spaces = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", text[: -_TAIL_CHARACTERS or None])]
    if not spaces or len(text) <= _TAIL_CHARACTERS:
        return None
    at = spaces[-1]
    ((tail, _),) = _encode(backend, [text[at:]], special=False)
    num_kept = len(whole) - len(tail)
    return (at, num_kept) if num_kept > 0 and whole[num_kept:] == tail else None
