"""Separated text (CSV): which separator a file has, where its header stands, and its rows, all by rules that are sure.

A reading is taken if its header holds every column that is wanted and all its rows have as many fields as the header.
Nothing is guessed from how often a character occurs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from icl.errors import UserError
from icl.tasks.table import Table
from icl.tasks.text import LINE_END, lines_of

__all__ = ["read_separated"]

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What separates fields, in the order it is tried, and how messages call it."""

_STYLES = ("spaced", "strict", "raw")
"""How quotes are read, in the order it is tried: also behind spaces, at the very start of a field only, not at all."""

_ABOVE = 20
"""Lines in which the header is looked for."""

_SEP_LINE = re.compile(r'"?sep=(\\t|[^\r\n])"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""The line that Excel writes, and reads, above a header."""

_COMMENT = ("#", "//", "%")


class _Broken(Exception):
    """Where and why a reading fails, as the beginning of a sentence about the file."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read the file: separator, style of quotes, and where the header begins (offset and line)."""

    separator: str
    style: str
    start: int
    line: int


def read_separated(name: str, text: str, wanted: Sequence[str]) -> Table:
    """Read text separated by commas, semicolons, tabs or bars, below its header.

    Parameters
    ----------
    name
        How messages call the file.
    text
        Its text. Lines above the header (a title, comments, Excel's ``sep=;``) are left out; blank lines too.
    wanted
        Columns that the header must hold, that of the labels second.

    Raises
    ------
    UserError
        If no reading has as many fields in every row as in the header.
    """
    begin = _SEP_LINE.match(text)
    named = [begin[1].replace("\\t", "\t")] if begin else []
    separators = list(dict.fromkeys([*named, *_SEPARATORS]))
    readings = list(_with_header(text, separators, wanted, begin.end() if begin else 0))
    errors: list[_Broken] = []
    for reading in readings or _without_header(text, separators, begin.end() if begin else 0):
        try:
            rows, lines = _cut_all(text, reading)
        except _Broken as error:
            errors.append(error)
            continue
        if reading.style != "raw" or not _wholly_quoted(rows):
            return _table(name, reading, rows, lines, text, wanted)
    raise UserError(_told(name, errors[0]))


def _with_header(text: str, separators: Sequence[str], wanted: Sequence[str], begin: int) -> Iterator[_Reading]:
    """List the readings whose header holds every wanted column."""
    for separator in separators:
        for style in _styles(separator):
            above: list[list[str]] = []
            for start, line in _first_lines(text, begin):
                try:
                    fields = next(_rows(text, _Reading(separator, style, start, line)), ([], 0))[0]
                except _Broken:
                    fields = []
                names = [field.strip() for field in fields]
                if set(wanted) <= set(names):
                    if all(_is_no_header(one, len(names)) for one in above):
                        yield _Reading(separator, style, start, line)
                    break
                above.append(names)


def _without_header(text: str, separators: Sequence[str], begin: int) -> list[_Reading]:
    """List readings of a file that lacks a wanted column, so that its columns can be named: most columns first."""
    start, line = next(
        (place for place in _first_lines(text, begin) if not text.startswith(_COMMENT, place[0])), (begin, 1)
    )
    readings = [_Reading(sep, style, start, line) for sep in separators for style in _styles(sep)]
    sound = []
    for reading in readings:
        try:
            sound.append((-len(_cut_all(text, reading)[0][0]), readings.index(reading)))
        except _Broken:
            continue
    return [readings[place] for _, place in sorted(sound)] or readings


def _styles(separator: str) -> tuple[str, ...]:
    # Tab-separated files are often written without quoting; where fields may be quoted, a stray quote is an error.
    return _STYLES if separator == "\t" else _STYLES[:2]


def _first_lines(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """Offset and number of the first lines that are not blank."""
    start, line = begin, 1 + len(LINE_END.findall(text, 0, begin))
    for _ in range(_ABOVE):
        end = LINE_END.search(text, start)
        if text[start : end.start() if end else len(text)].strip():
            yield start, line
        if end is None:
            return
        start, line = end.end(), line + 1


def _is_no_header(fields: list[str], num_columns: int) -> bool:
    """Tell a line that may stand above a header of so many columns: a comment, or a title."""
    return not fields or fields[0].startswith(_COMMENT) or sum(map(bool, fields)) < num_columns


def _cut_all(text: str, reading: _Reading) -> tuple[list[list[str]], list[int]]:
    """Cut a file into rows of as many fields as its header; and the line that each begins on."""
    rows: list[list[str]] = []
    lines: list[int] = []
    width = 0  # of the rows below the header: some programs end every row with a separator
    for fields, line in _rows(text, reading):
        has_text, beyond = any(map(str.strip, fields)), len(fields) - len(rows[0]) if rows else 0
        is_padded = beyond > 0 and not any(map(str.strip, fields[-beyond:]))
        if len(rows) == 1 and has_text and is_padded:
            width = len(fields)
        if rows and beyond and not has_text and len(fields) != width:
            continue  # a line of spaces or separators only
        if rows and (len(fields) != (width or len(rows[0])) or (beyond and not is_padded)):
            raise _Broken(_wrong_width(fields, line, len(rows[0]), reading))
        rows.append(fields[: len(rows[0])] if rows else fields)
        lines.append(line)
    if not rows:
        raise _Broken("<name> has no header; write the names of its columns in the first line")
    return rows, lines


def _wrong_width(fields: list[str], line: int, wanted: int, reading: _Reading) -> str:
    called = _SEPARATORS.get(reading.separator, repr(reading.separator))
    remedy = (
        f"put text that has {called} between double quotes" if len(fields) > wanted else "complete it or take it out"
    )
    has = f"{len(fields)} field{'s' * (len(fields) != 1)}"
    return f"line {line} of <name> has {has} separated by {called} where the header has {wanted}; {remedy}"


def _rows(text: str, reading: _Reading) -> Iterator[tuple[list[str], int]]:
    """Cut text into rows of fields, each with the line it begins on."""
    pattern = _field_pattern(reading.separator, reading.style)
    place, line, begun = reading.start, reading.line, reading.line
    fields: list[str] = []
    while place < len(text) or fields:
        found = pattern.match(text, place)
        if found is None:
            raise _broken_quote(text, place, line)
        quoted, plain, end = found.groups()
        if quoted is not None:
            fields.append(quoted.replace('""', '"'))
            line += len(LINE_END.findall(quoted)) if "\n" in quoted or "\r" in quoted else 0
        else:
            fields.append(plain)
        place = found.end()
        if end == reading.separator:
            continue
        line += bool(end)
        if len(fields) > 1 or quoted is not None or plain.strip():
            yield fields, begun
        fields, begun = [], line


@cache
def _field_pattern(separator: str, style: str) -> re.Pattern[str]:
    """Match one field and what ends it: quoted text, or plain text that does not begin with a quote."""
    sep = re.escape(separator)
    end = rf"({sep}|\r\n|\r|\n|\Z)"
    if style == "raw":
        return re.compile(rf"(?:(?!)()|([^{sep}\r\n]*)){end}")
    spaces = "[ ]*" if style == "spaced" else ""
    quoted = r'"([^"]*+(?:""[^"]*+)*+)"[ ]*'
    return re.compile(rf'(?:{spaces}{quoted}|(?!{spaces}")([^{sep}\r\n]*)){end}')


def _broken_quote(text: str, place: int, line: int) -> _Broken:
    """Say where the quote opens at which a field cannot be read."""
    closed = re.compile(r'[ ]*"[^"]*+(?:""[^"]*+)*+"').match(text, place)
    if closed is None:
        return _Broken(f"the quote that opens in line {line} of <name> is never closed; close it, or leave it out")
    last = line + len(LINE_END.findall(closed[0]))
    where = "" if last == line else f", in line {last}"
    return _Broken(
        f"the quote that opens in line {line} of <name> is not closed at the end of a field: text follows the next "
        f"quote{where}; close it, or double the quotes inside quoted text"
    )


def _told(name: str, error: _Broken) -> str:
    said = str(error).replace("<name>", f"'{name}'")
    return f"{said}."


def _wholly_quoted(rows: list[list[str]]) -> bool:
    return any(len(field) > 1 and field[0] == field[-1] == '"' for row in rows for field in row)


def _table(
    name: str, reading: _Reading, rows: list[list[str]], lines: list[int], text: str, wanted: Sequence[str]
) -> Table:
    """Lay rows out by columns, and say how they were read."""
    names = tuple(field.strip() for field in rows[0])
    notes = []
    if len(names) > 1 and reading.separator != {".tsv": "\t"}.get(name[-4:].lower(), ","):
        called = _SEPARATORS.get(reading.separator, repr(reading.separator))
        notes.append(f"'{name}' is read as separated by {called}.")
    above = [line for line in lines_of(text[: reading.start]) if line.strip() and not _SEP_LINE.match(line + "\n")]
    if above:
        stand = f"{len(above)} lines stand" if len(above) > 1 else "a line stands"
        notes.append(f"Above the header of '{name}' {stand} that {'are' if len(above) > 1 else 'is'} left out.")
    if reading.style == "raw" and '"' in text:
        notes.append(f"Quotes in '{name}' do not enclose its fields and are read as text.")
    notes += _swallowed(name, reading.separator, names, rows, lines, wanted)
    return Table(
        names=names,
        column=lambda column: _whole_numbers([row[names.index(column)] for row in rows[1:]], reading.separator),
        lines=tuple(lines[1:]),
        notes=tuple(notes),
    )


def _swallowed(
    name: str, separator: str, names: Sequence[str], rows: list[list[str]], lines: list[int], wanted: Sequence[str]
) -> list[str]:
    """Warn of a quoted text over several lines that holds what looks like rows: its quote may not have been closed."""
    if len(wanted) < 2 or wanted[1] not in names:
        return []
    place = names.index(wanted[1])
    labels = {row[place].strip() for row in rows[1:]}
    for row, line in zip(rows[1:], lines[1:]):
        for field in row:
            if "\n" not in field and "\r" not in field:
                continue
            pieces = [piece.split(separator) for piece in lines_of(field)]
            if any(len(piece) == len(names) and piece[place].strip(' "') in labels for piece in pieces):
                return [
                    f"A quoted text of '{name}' that begins in line {line} runs over {len(pieces)} lines and holds "
                    "what looks like rows of the table; see whether a quote is missing there."
                ]
    return []


def _whole_numbers(cells: list[str], separator: str) -> list[object]:
    """Write 1.0 as 1 in a column that holds nothing but whole numbers, as the other kinds of file do."""
    # Where semicolons separate, the comma is the decimal sign and 1.000 may be a thousand.
    fraction = r"(\.0)?" if separator == ";" else r"(\.0*)?"
    if all(re.fullmatch(rf"-?\d+{fraction}|", cell.strip()) for cell in cells):
        return [cell.partition(".")[0] for cell in cells]
    return list(cells)
