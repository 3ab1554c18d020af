"""The text that a format writes itself, as patterns: where an input holds it too, a prompt can be read in two ways."""

import re
import unicodedata
from functools import lru_cache

from icl.prompts.formats import Format

__all__ = ["find_mark"]

_SPACE = r"[^\S\n]"
"""White space within a line."""

_BREAKS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")

_NUMBERS = {"1": r"\d+", "a": "[a-z]+", "A": "[a-z]+", "i": "[ivxlcdm]+", "I": "[ivxlcdm]+"}
"""How a list's number looks once it is folded, by how the first is written."""


def find_mark(format: Format, method: str, text: str) -> str:
    """Return a stretch of an input that reads like text which the format itself writes; empty where none does.

    What counts: a line that begins with the label's or the input's prefix, what separates input and label, what
    separates demonstrations, a listed option's beginning, and the instruction. Letter case, the width of characters
    and spaces do not matter.
    """
    pattern = _pattern(format, method)
    found = [match[0] for match in pattern.finditer(_fold(_BREAKS.sub("\n", text)))] if pattern else []
    words = [mark for mark in found if any(map(str.isalnum, mark))]
    return next(iter(words + found), "").strip(" ")


@lru_cache(maxsize=4096)
def _pattern(format: Format, method: str) -> re.Pattern | None:
    item = _numbered(format.item)
    marks = [_at_line_start(item, format.input_prefix), _at_line_start("", format.label_prefix)]
    marks += [_separating(format.demonstration_separator), _anywhere(format.instruction, "")]
    if method == "direct":
        marks.append(_before_label(format))
    if format.option:
        marks.append(_at_line_start(_numbered(format.option.partition("{option}")[0]), ""))
    marks = [mark for mark in marks if mark]
    return re.compile("|".join(marks), flags=re.MULTILINE) if marks else None


def _before_label(format: Format) -> str:
    """What stands between input and label, where it does not begin a line."""
    between = format.field_separator + format.label_prefix
    if "\n" not in format.field_separator:
        return _anywhere(between, format.field_separator)
    if between.strip():
        return "" if format.label_prefix.strip() else _anywhere(between, format.field_separator)
    return r"\n"


def _separating(separator: str) -> str:
    """What separates demonstrations: a line of its own, a word, or so many line breaks."""
    if separator.strip():
        if "\n" not in separator:
            return _anywhere(separator, separator)
        return rf"^{_SPACE}*{_written(separator)}{_SPACE}*$"
    breaks = separator.count("\n")
    return rf"\n(?:{_SPACE}*\n){{{breaks - 1}}}" if breaks else ""


def _at_line_start(item: str, prefix: str) -> str:
    """A line that begins with a prefix, with or without the number before it; the number alone where there is none."""
    if not prefix.strip():
        return rf"^{_SPACE}*{item}" if item else ""
    before = rf"(?:{item}{_SPACE}*)?" if item else ""
    return rf"^{_SPACE}*{before}{_written(prefix)}{_end(prefix)}"


def _anywhere(text: str, begins: str) -> str:
    """A text wherever it stands, as words of its own where it is written so."""
    if not text.strip():
        return ""
    written = _written(text)
    if _fold(text).strip()[0].isalnum():
        return rf"(?<!\w){written}{_end(text)}"
    return (r"(?<!\S)" if begins[:1].isspace() else "") + written + _end(text)


def _end(text: str) -> str:
    """What may follow a mark: anything behind words and a colon, no letter behind a word, a space behind bare signs."""
    folded = _fold(text)
    if folded.strip()[-1].isalnum():
        return r"(?!\w)"
    if any(character.isalnum() for character in folded) or not text[-1:].isspace():
        return ""
    return r"(?!\S)"


def _written(text: str) -> str:
    """A text with any spaces between its words and signs; a line break stays one."""
    pattern = ""
    for piece in re.findall(r"\w+|[^\w\s]|\s+", _fold(text).strip()):
        if piece.isspace():
            pattern += r"\s+" if "\n" in piece else ""
            continue
        pattern += (rf"{_SPACE}*" if pattern and not pattern.endswith("+") else "") + re.escape(piece)
    return pattern


def _numbered(template: str) -> str:
    """A template with a number in it, the number being any."""
    if not template.strip():
        return ""
    parts = re.split(r"\{([1aAiI])\}", template)
    written = [_NUMBERS[part] if index % 2 else _written(part) for index, part in enumerate(parts)]
    return rf"{_SPACE}*".join(part for part in written if part) + _end(template)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
