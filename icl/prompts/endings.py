"""Where a label ends: of labels that begin one another, "card" and "card payment", the end is scored with each."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from icl.errors import UserError
from icl.prompts.formats import Format

__all__ = ["begin_one_another", "check_words", "ending", "refuse_alike"]

_SOME_WORD = "The"
"""What is taken to follow where a format writes nothing before an input: tokenizers look no farther than its start."""


def begin_one_another(words: Collection[str]) -> list[tuple[str, str]]:
    """Pair every word with each other word that it begins."""
    ordered = sorted(set(words))
    pairs = []
    for number, word in enumerate(ordered):
        for longer in ordered[number + 1 :]:  # sorted, so all that a word begins stands right behind it
            if not longer.startswith(word):
                break
            pairs.append((word, longer))
    return pairs


@lru_cache(maxsize=1 << 14)
def ending(format: Format, words: tuple[str, ...], task: str) -> tuple[str, str]:
    """Say what is scored behind each of a prompt's labels as they are written, and what would come next.

    Both are empty where no label begins another. Where one does, p("card") contains p("card payment"), so that labels
    cannot compete: then p("card" and its end) is scored, of every label. The end is what the format writes between
    demonstrations: its line breaks, or else its first word.

    Raises
    ------
    UserError
        If labels are written alike, or a label with its end still begins another. All of them are named.
    """
    refuse_alike(format, words, task)
    if not (pairs := begin_one_another(words)):
        return "", ""
    end, behind = _end(format), _behind(format)
    ended = {word + end: word for word in words}
    if pairs := begin_one_another(list(ended)):
        named = ", ".join(f"{ended[first]!r} and {ended[second]!r}" for first, second in pairs)
        raise UserError(
            f"some labels of task '{task}' are the beginning of others ({named}), and format '{format.name}' writes "
            "nothing after a label to show where it ends; use another format, or rename one of each."
        )
    return end, behind


def refuse_alike(format: Format, words: tuple[str, ...], task: str) -> None:
    """Refuse labels that are written alike, naming all of them."""
    if len(set(words)) < len(words):
        alike = ", ".join(sorted({repr(word) for word in words if words.count(word) > 1}))
        raise UserError(
            f"format '{format.name}' writes different labels of task '{task}' alike ({alike}); use a format that keeps "
            "their casing, or rename them."
        )


def check_words(format: Format, words: Mapping[str, str], task: str, *, method: str) -> None:
    """Refuse label words that `ending` refuses, before anything is drawn.

    Where the input is scored behind the label (method channel), labels may begin one another.
    """
    written = tuple(format.write_label(word) for word in words.values())
    (ending if method == "direct" else refuse_alike)(format, written, task)


def _end(format: Format) -> str:
    separator = format.demonstration_separator
    found = re.match(r"\s*\n", separator) or re.match(r"\s*\S+", separator)
    return found[0] if found else ""


def _behind(format: Format) -> str:
    following = format.demonstration_separator[len(_end(format)) :] + format.number(1) + format.input_prefix
    found = re.match(r"\s*\S+", following)
    return found[0] if found else following + _SOME_WORD
