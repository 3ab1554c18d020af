"""Corpora: sentences that belong to no task, to take the place of a task's inputs (Min §5.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from pathlib import Path

from icl.errors import UserError
from icl.tasks.cells import column_texts
from icl.tasks.corpus_scenes import SCENES
from icl.tasks.corpus_words import NOUNS, PHRASES
from icl.tasks.files import READERS, at_home, digest, read_content
from icl.tasks.table import Table, place_of
from icl.tasks.text import decode, lines_of, unreadable

__all__ = ["Corpus", "builtin_corpus", "load_corpus", "num_words"]


def num_words(text: str) -> int:
    """Length of a text in words: stretches between white space, so that it depends on no tokenizer."""
    return len(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Sentences without labels.

    Attributes
    ----------
    name : str
        Name in tables and messages.
    sentences : tuple of str
        All distinct and not blank; a "sentence" may be a single word or a paragraph.
    source : str
        Where they come from: "built-in", or a file with the beginning of its SHA-256.
    notes : tuple of str
        What a user should know about how it was read, a sentence each.

    Raises
    ------
    UserError
        If there are no sentences, or one is blank, stands there twice or holds what no model can be given.
    """

    name: str
    sentences: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        for number, sentence in enumerate(self.sentences, start=1):
            if fault := unreadable(sentence):
                raise UserError(f"sentence {number} of corpus '{self.name}' holds {fault}; take it out.")
        if not self.sentences:
            raise UserError(f"corpus '{self.name}' has no sentences; give it at least one.")
        if blank := sum(not sentence.strip() for sentence in self.sentences):
            raise UserError(
                f"corpus '{self.name}' has blank sentences ({blank} of {len(self.sentences)}); leave them out."
            )
        if repeats := len(self.sentences) - len(set(self.sentences)):
            raise UserError(
                f"corpus '{self.name}' has repeats ({repeats} of {len(self.sentences)} sentences); keep one of each."
            )


def load_corpus(path: str | Path, *, text_column: str = "text") -> Corpus:
    """Read a corpus from a file.

    Parameters
    ----------
    path
        A ``.txt`` file (UTF-8) with a sentence a line, or a ``.jsonl``, ``.csv`` or ``.parquet`` file with one a row.
    text_column
        Name of the column to read; a ``.txt`` file has none.

    Returns
    -------
    Corpus
        Named by the file's stem. White space inside a sentence becomes single spaces; blank and repeated sentences are
        dropped; the order is kept.

    Raises
    ------
    UserError
        If the file does not exist, is empty, is not what its ending says, or lacks the column.
    """
    path = at_home(path)
    content = read_content(path, endings=(".txt", *READERS), wanted="sentences")
    notes: tuple[str, ...] = ()
    if path.suffix.lower() == ".txt":
        texts = lines_of(decode(path.name, content))
    else:
        table = READERS[path.suffix.lower()](path.name, content, (text_column,))
        texts, notes = _column(f"'{path.name}'", table, text_column), table.notes
    sentences = dict.fromkeys(" ".join(text.split()) for text in texts)
    sentences.pop("", None)
    if not sentences:
        raise UserError(f"'{path.name}' has only blank sentences; give it at least one with a word in it.")
    source = f"file:{path.name}#{digest(content)}"
    return Corpus(name=path.stem, sentences=tuple(sentences), source=source, notes=notes)


def _column(origin: str, table: Table, wanted: str) -> list[str]:
    if wanted not in table.names:
        near = get_close_matches(wanted, table.names, n=1, cutoff=0.5)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        have = ", ".join(map(repr, table.names)) or "none"
        raise UserError(
            f"{origin} has no column '{wanted}', only {have}; rename the one with the sentences to '{wanted}'{hint}."
        )
    if table.names.count(wanted) > 1:
        raise UserError(f"{origin} has more than one column '{wanted}'; rename one or pass another as text_column.")
    texts = column_texts(
        lambda row: place_of(origin, row, table.lines), wanted, table.column(wanted), what="a sentence"
    )
    return [text or "" for text in texts]


_SHORT, _LONGEST = 40, 120
"""Words: up to the first there are `_MANY` sentences of every length, up to the second `_FEW`."""
_MANY, _FEW = 120, 20
_NUM_PHRASES, _NUM_PARAGRAPHS = 150, 900
"""Drafts of each phrase pattern and of each scene: enough to fill every length."""


@cache
def builtin_corpus() -> Corpus:
    """Make the corpus that comes with the lab: 1 to 120 words on house, weather, garden, tools, crafts and roads.

    Its sentences belong to none of the built-in tasks and express no opinion; it is the same on every machine.
    """
    rooms: dict[int, dict[str, None]] = {length: {} for length in range(1, _LONGEST + 1)}
    for text in _drafts():
        length = num_words(text)
        if length <= _LONGEST and len(rooms[length]) < (_MANY if length <= _SHORT else _FEW):
            rooms[length][text] = None
    sentences = tuple(text for room in rooms.values() for text in room)
    return Corpus(name="everyday", sentences=sentences, source="built-in")


def _drafts() -> Iterator[str]:
    yield from sorted(NOUNS, key=lambda noun: _digest(noun, 0))
    for number in range(_NUM_PHRASES):
        yield from (_fill(pattern, number) for pattern in PHRASES)
    for number in range(_NUM_PARAGRAPHS):
        yield from (_paragraph(scene, number) for scene in SCENES)


def _paragraph(scene: str, number: int) -> str:
    """Write neighbouring sentences of a scene; which and how many, and who is in it, are set by `number`."""
    people, patterns = SCENES[scene]
    first, second, third = _digest(scene, number)[:3]
    num_sentences = 1 + first % (len(patterns) if number % 2 else 2)  # every other draft is short
    start = second % (len(patterns) - num_sentences + 1)
    who = people[third % len(people)]
    chosen = patterns[start : start + num_sentences]
    sentences = [_fill(pattern.replace("<who>", who), number) for pattern in chosen]
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _fill(pattern: str, number: int) -> str:
    """Make each choice of a pattern as `number` sets it."""
    pieces = re.split(r"\[([^]]*)\]", pattern)  # every second one is a choice
    choices = [choice.split("|") for choice in pieces[1::2]]
    pieces[1::2] = [options[byte % len(options)] for options, byte in zip(choices, _digest(pattern, number))]
    text = " ".join("".join(pieces).split())
    return re.sub(r" (?=[.,;])", "", text)  # what an empty choice leaves before a sign


def _digest(text: str, number: int) -> bytes:
    """32 bytes that stand for chance: the same on every machine and in every version of NumPy."""
    return sha256(f"{number}:{text}".encode()).digest()
