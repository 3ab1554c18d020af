"""Text tokenised literally: what looks like a control token is one only where a format or a chat template writes it.

A tokenizer takes "<|endoftext|>" for the end of a document wherever it stands, in an input as well. Here such tokens
get private names in a copy of the tokenizer: a task's text no longer spells them, while a format's or a template's own
are written by those names.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from icl.errors import UserError

__all__ = ["Controls", "controls_of"]

_LOOKS_LIKE_CONTROL = re.compile(r"[^\w\s].*\w.*[^\w\s]", flags=re.DOTALL)
"""Added tokens that are not declared special: those in brackets or bars, such as <think>, are control tokens too."""

_HTML = frozenset(
    (
        *("a", "b", "blockquote", "br", "caption", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i"),
        *("img", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th"),
        *("thead", "tr", "u", "ul"),
    )
)
"""Tags that some tokenizers hold whole because texts are full of them: these are text."""

_AROUND = "\U000ffffd"
_FIRST, _FIRST_HIDDEN = 0xF0000, 0x100000
"""Characters for private use, of which a task's text holds none in this arrangement."""


@dataclass(frozen=True)
class Controls:
    """A tokenizer's control tokens.

    Attributes
    ----------
    backend : Tokenizer
        The tokenizer.
    ids : dict of str to int
        How each is written, and its id.
    """

    backend: Tokenizer
    ids: dict[str, int]

    def found(self, text: str) -> tuple[str, ...]:
        """List the control tokens that the tokenizer itself would read in a text."""
        if not self.may_stand_in(text):
            return ()
        written = {id: content for content, id in self.ids.items()}
        ids = self.backend.encode(text, add_special_tokens=False).ids
        return tuple(dict.fromkeys(written[id] for id in ids if id in written))

    def may_stand_in(self, text: str) -> bool:
        """Whether a text spells a control token, whatever the case."""
        return bool(self.ids) and self._folded.search(_fold(text)) is not None

    def named(self, text: str) -> str:
        """Write a text's control tokens by their private names, so that the literal tokenizer reads them as such."""
        return self._exact.sub(lambda match: self._names[match[0]], text)

    def hidden(self, text: str) -> str:
        """Put placeholders for a text's control tokens: a chat template is to see none of them."""
        return self._exact.sub(lambda match: _private(_FIRST_HIDDEN + list(self.ids).index(match[0])), text)

    def shown(self, text: str) -> str:
        """Put a text's control tokens back into the places that `hidden` made."""
        if _AROUND not in text:
            return text
        for index, content in enumerate(self.ids):
            text = text.replace(_private(_FIRST_HIDDEN + index), content)
        return text

    def beginning(self, text: str) -> str:
        """Cut a text behind its first control token, or else behind its first word."""
        found = (self.ids and self._exact.search(text)) or re.search(r"\S+", text)
        return text[: found.end()] if found else ""

    @cached_property
    def literal(self) -> Tokenizer:
        """The tokenizer with every control token under its private name; ids are the same."""
        names = self._names
        record = json.loads(self.backend.to_str())
        for token in record["added_tokens"]:
            if token["content"] in names:
                token |= {"content": names[token["content"]], "normalized": False}
        model = record["model"]
        if isinstance(model["vocab"], list):  # Unigram: pieces with their scores
            model["vocab"] = [[names.get(piece, piece), *score] for piece, *score in model["vocab"]]
        else:
            spelled = _pieces_of_merges(model.get("merges") or ())
            kept = {piece: id for piece, id in model["vocab"].items() if piece not in names or piece in spelled}
            model["vocab"] = kept | {names[piece]: id for piece, id in model["vocab"].items() if piece in names}
        if model.get("unk_token") in names:
            model["unk_token"] = names[model["unk_token"]]
        made = Tokenizer.from_str(json.dumps(record))
        for content, name in names.items():
            if made.token_to_id(name) != self.ids[content]:
                raise UserError(
                    f"the tokenizer cannot be made to read {content!r} as text; take it out of the task's texts."
                )
        return made

    @cached_property
    def _names(self) -> dict[str, str]:
        return {content: _private(_FIRST + index) for index, content in enumerate(self.ids)}

    @cached_property
    def _exact(self) -> re.Pattern:
        return _any_of(self.ids)

    @cached_property
    def _folded(self) -> re.Pattern:
        return _any_of(map(_fold, self.ids))


_KNOWN: "WeakKeyDictionary[PreTrainedTokenizerBase, Controls]" = WeakKeyDictionary()


def controls_of(tokenizer: PreTrainedTokenizerBase) -> Controls:
    """Find a tokenizer's control tokens: its special tokens, and added ones that look like them."""
    if tokenizer not in _KNOWN:
        backend = tokenizer.backend_tokenizer
        added = backend.get_added_tokens_decoder().values()
        written = [token.content for token in added if token.special or _is_control(token.content)]
        written += map(str, tokenizer.all_special_tokens)
        written = [text for text in written if len(text.strip()) > 1]  # a single character is text, whatever else it is
        ids = {text: id for text in written if (id := backend.token_to_id(text)) is not None}
        _KNOWN[tokenizer] = Controls(backend, ids)
    return _KNOWN[tokenizer]


def _is_control(text: str) -> bool:
    return bool(_LOOKS_LIKE_CONTROL.fullmatch(text)) and text.strip("</>") not in _HTML


def _any_of(texts: Iterable[str]) -> re.Pattern:
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))


def _private(number: int) -> str:
    return f"{_AROUND}{chr(number)}{_AROUND}"


def _pieces_of_merges(merges: Iterable) -> set[str]:
    """What merging spells: such a piece is ordinary text as well."""
    pairs = (merge if isinstance(merge, list) else merge.split(" ", 1) for merge in merges)
    return {first + second for first, second in pairs}


def _fold(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()
