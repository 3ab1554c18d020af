"""Text that fits the terminal: sentences wrapped by words, tables that never pass its width, commands to copy."""

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from probes.terminal.shell import continuation, shell_word

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "command_lines",
    "entries",
    "factored",
    "next_lines",
    "paragraphs",
    "print_lines",
    "table_lines",
    "terminal_width",
    "text_width",
    "wrapped",
]

_NARROWEST = 40
"""Columns that are taken for granted."""

_GAP = 2
_TEXT = 24
"""A column of text is not wrapped narrower than this, unless it is given a line of its own."""

_PIECES = re.compile(r"[^ -]+-*|-+")
"""What a header is broken into."""

_NUMBER = re.compile(r"[-+−–<>≤≥~]? ?[\d.∞·]")


def terminal_width() -> int:
    """Columns of the terminal; 80, or what COLUMNS says, in a file or a pipe."""
    return max(_NARROWEST, shutil.get_terminal_size().columns)


def text_width(text: str) -> int:
    """Columns that a text takes: letters of Chinese, Japanese and Korean take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def wrapped(text: str, *, indent: int = 0, hang: int = 0, width: int | None = None) -> list[str]:
    """Break a line by words; what is longer than a line, such as a path, is left whole.

    Parameters
    ----------
    indent, hang
        Spaces before the first line, and more of them before those that follow.
    """
    width = terminal_width() if width is None else width
    lines, line = [], " " * indent
    started = False
    for word in re.split(r"(?<![±=]) (?![%±=])", text):  # a number keeps its unit
        if started and text_width(line) + 1 + text_width(word) > width:
            lines.append(line)
            line, started = " " * (indent + hang), False
        line += f" {word}" if started else word
        started = True
    return [*lines, line]


def paragraphs(sentences: Iterable[str], *, indent: int = 0, hang: int = 2) -> list[str]:
    """Wrap each sentence by itself, those that follow their first line set in; leading newlines stay."""
    lines = []
    for sentence in sentences:
        body = sentence.lstrip("\n")
        lines += [""] * (len(sentence) - len(body))
        for line in body.split("\n"):
            spaces = len(line) - len(line.lstrip(" "))
            lines += wrapped(line[spaces:], indent=indent + spaces, hang=hang)
    return lines


def print_lines(sentences: Iterable[str], **how: int) -> None:
    """Print sentences, each wrapped by itself."""
    sys.stdout.write("\n".join(paragraphs(sentences, **how)) + "\n")
    sys.stdout.flush()


def entries(named: dict[str, str], *, indent: int = 0) -> list[str]:
    """Write names with what they mean, the meaning wrapped in a column of its own."""
    width = terminal_width()
    widest = min(max(map(text_width, named), default=0), width // 3)
    lines = []
    for name, meaning in named.items():
        start = indent + widest + _GAP
        body = [part for line in wrapped(meaning, width=width - start) for part in _broken(line, width - start)]
        head = " " * indent + name
        if text_width(name) > widest:
            lines += [part for line in wrapped(name, indent=indent, hang=2) for part in _broken(line, width)]
        else:
            lines.append((_padded(head, start) + body.pop(0)).rstrip())
        lines += [" " * start + line for line in body if line]
    return lines


def factored(table: "pd.DataFrame", names: Sequence[str]) -> tuple[str, "pd.DataFrame"]:
    """Take those of the named columns that hold one value out of a table; return those in words, and the rest."""
    same = [name for name in names if table[name].nunique(dropna=False) == 1]
    said = ", ".join(str(value) for value in table[same].iloc[0].dropna() if str(value)) if same else ""
    return said, table.drop(columns=same)


def next_lines(*words: object) -> list[str]:
    """Name the next command."""
    return command_lines(*words, lead="Next:")


def command_lines(*words: object, lead: str) -> list[str]:
    """Write a command behind `lead`; where it is longer than a line, the shell is told that it goes on."""
    width, more = terminal_width() - 2, continuation()
    lines, started = [lead], False
    for word in (shell_word(str(one)) for one in words):
        if started and more and text_width(f"{lines[-1]} {word}") > width:
            lines[-1] += more
            lines.append("   ")
        lines[-1] += f" {word}"
        started = True
    return lines


def table_lines(
    table: "pd.DataFrame", *, keys: int = 1, sections: Sequence[str] = (), indent: int = 0, width: int | None = None
) -> list[str]:
    """Write a table within the terminal's width.

    Headers are wrapped over their columns. What is too wide is wrapped where it is text; what still does not fit
    follows below, with the key columns again.

    Parameters
    ----------
    table
        Its cells are written as they are; numbers are set flush right.
    keys
        Columns at its left that name a row.
    sections
        What stands above the rows that share it, one for each row; none: the rows follow each other.
    indent
        Spaces before each line.
    """
    width = (terminal_width() if width is None else width) - indent
    columns = [_Column(str(name), _cells(table[name])) for name in table]
    if any(sections) and columns:
        columns[0].set_in()
    if _fit(columns, width):
        blocks = [columns]
    else:
        head, values = columns[:keys], columns[keys:]
        _narrow(head, width // 2)
        blocks = list(_blocks(head, values, width))
    lines: list[str] = []
    for number, block in enumerate(blocks):
        told = [(" " * indent + line).rstrip() for line in _rows(block, sections, width)]
        lines += [""] * (number > 0) + told
    return lines


def _cells(column: "pd.Series") -> list[str]:
    return ["" if missing else str(cell) for cell, missing in zip(column, column.isna())]


class _Column:
    """A column on its way to text."""

    def __init__(self, header: str, cells: list[str]):
        self.header, self.cells = header, cells
        self.is_number = any(cells) and all(_NUMBER.match(cell) for cell in cells if cell)
        self.narrowest = max(map(text_width, [*_PIECES.findall(header), ""]))
        self.width = max([self.narrowest, *map(text_width, cells)])
        self.inset = 0

    def set_in(self) -> None:
        """Make room for the lines above the rows, which begin to the left of them."""
        self.inset = _GAP
        self.width += _GAP

    def wrapped(self, text: str) -> list[str]:
        width = self.width - self.inset
        return [
            " " * self.inset + part if part else part
            for line in wrapped(text, width=width)
            for part in _broken(line, width)
        ]

    def header_lines(self) -> list[str]:
        """The header over the column; it may be broken behind hyphens as well."""
        lines = [""]
        for piece in re.findall(rf" *{_PIECES.pattern}", self.header):
            if lines[-1] and text_width(lines[-1] + piece) > self.width:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip()
        return [" " * self.inset + part for line in lines for part in _broken(line, self.width - self.inset)]

    def set(self, text: str) -> str:
        spaces = " " * (self.width - text_width(text))
        return spaces + text if self.is_number else text + spaces


def _total(columns: Sequence[_Column]) -> int:
    return sum(column.width + _GAP for column in columns) - _GAP


def _fit(columns: Sequence[_Column], width: int) -> bool:
    """Wrap columns of text, the widest first, until all fits; leave them as they are where it cannot."""
    before = [column.width for column in columns]
    while _total(columns) > width:
        text = [one for one in columns if not one.is_number and one.width > max(_TEXT, one.narrowest)]
        if not text:
            for column, natural in zip(columns, before):
                column.width = natural
            return False
        max(text, key=lambda one: one.width).width -= 1
    return True


def _narrow(columns: Sequence[_Column], width: int) -> None:
    while columns and _total(columns) > width:
        widest = max(columns, key=lambda one: one.width)
        if widest.width <= 8:
            return
        widest.width -= 1


def _blocks(head: list[_Column], values: list[_Column], width: int) -> Iterator[list[_Column]]:
    block = list(head)
    for column in values:
        column.width = min(column.width, width - _total(head) - _GAP)
        if len(block) > len(head) and _total([*block, column]) > width:
            yield block
            block = list(head)
        block.append(column)
    yield block


def _rows(columns: Sequence[_Column], sections: Sequence[str], width: int) -> Iterator[str]:
    if any(column.header for column in columns):
        yield from _set([column.header_lines() for column in columns], columns, at_bottom=True)
    before = ""
    for number in range(len(columns[0].cells)):
        if any(sections) and sections[number] != before:
            before = sections[number]
            yield from wrapped(before, hang=_GAP, width=width)
        yield from _set([column.wrapped(column.cells[number]) for column in columns], columns)


def _set(parts: list[list[str]], columns: Sequence[_Column], *, at_bottom: bool = False) -> Iterator[str]:
    """Set the lines of cells beside each other."""
    height = max(map(len, parts))
    missing = [[""] * (height - len(part)) for part in parts]
    filled = [empty + part if at_bottom else part + empty for part, empty in zip(parts, missing)]
    for line in zip(*filled):
        yield (" " * _GAP).join(column.set(text) for column, text in zip(columns, line))


def _broken(line: str, width: int) -> list[str]:
    """Break a word that is longer than its column."""
    parts = [""]
    for letter in line:
        if text_width(parts[-1] + letter) > width:
            parts.append("")
        parts[-1] += letter
    return parts


def _padded(text: str, width: int) -> str:
    return text + " " * (width - text_width(text))
