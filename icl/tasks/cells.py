"""Cells of a table: text, lists of options, and which option an answer means."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from numbers import Number

from icl.errors import UserError

__all__ = ["Options", "as_text", "column_texts", "find_answers", "read_options"]


def as_text(value: object) -> str | None:
    """Write a cell as stripped text: whole floats as integers, None for a missing value.

    Raises
    ------
    TypeError
        If the cell is neither text, number, truth value nor date.
    """
    if value is None or value != value:  # NaN alone differs from itself
        return None
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Number | date | time):  # bool is a Number, datetime a date
        return str(value)
    raise TypeError(type(value).__name__)


def column_texts(origin: str, column: str, values: Sequence[object]) -> list[str | None]:
    """Write a column's cells as text.

    Parameters
    ----------
    origin, column
        How messages call the table and the column.
    values
        Its cells.

    Raises
    ------
    UserError
        If a cell is neither text, number, truth value nor date.
    """
    texts = []
    for number, value in enumerate(values, start=1):
        try:
            texts.append(as_text(value))
        except TypeError as error:
            raise UserError(
                f"row {number} of {origin} has a {error} in column '{column}'; an input or label must be text or "
                "a number."
            ) from None
    return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Answers to choose from in one row.

    Attributes
    ----------
    texts : tuple of str
        One an option; none where the cell is missing.
    keys : tuple of str
        What the row itself calls them, such as A to D; empty where it does not.
    """

    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def read_options(origin: str, column: str, values: Sequence[object]) -> list[Options]:
    """Read a column of options.

    Parameters
    ----------
    origin, column
        How messages call the table and the column.
    values
        Cells: a list of texts or numbers; the same written as JSON text; or, as many data sets on the Hub have it,
        ``{"text": [...], "label": [...]}`` with the options' texts and what their row calls them.

    Raises
    ------
    UserError
        If a cell is none of these.
    """
    read = []
    for number, value in enumerate(values, start=1):
        try:
            read.append(_read_cell(value))
        except (TypeError, ValueError):
            raise UserError(
                f"row {number} of {origin} has {str(value)[:60]!r} in column '{column}', which is no list of options; "
                'write them as a list such as ["red", "blue"].'
            ) from None
    return read


def _read_cell(value: object) -> Options:
    if isinstance(value, str) and value.strip():
        value = json.loads(value)
        if isinstance(value, str):
            raise TypeError("str")
    if isinstance(value, Mapping):
        keys = _texts(value.get("label") or ())
        texts = _texts(value["text"]) if "text" in value else _refuse(value)
        return Options(texts=texts, keys=keys if len(keys) == len(texts) else ())
    if isinstance(value, list | tuple):
        return Options(texts=_texts(value))
    return Options() if not as_text(value) else _refuse(value)


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError("str")
    return tuple(as_text(value) or "" for value in values)


def _refuse(value: object):
    raise TypeError(type(value).__name__)


def find_answers(
    origin: str, column: str, labels: Sequence[str], options: Sequence[Options], *, numbers: Sequence[int]
) -> list[str]:
    """Tell for each row the text of the right option, reading all labels of the column in one way.

    The ways are tried in this order, and the first that fits every row is taken: the label is the text of an option;
    what the row itself calls it; its position from 0; a letter (A is the first); its position from 1.

    Parameters
    ----------
    origin, column
        How messages call the table and the column of labels.
    labels, options
        One entry a row.
    numbers
        The rows' numbers, for messages.

    Raises
    ------
    UserError
        If no way fits every row, or positions fit both from 0 and from 1.
    """
    found = {way: [read(*row) for row in zip(labels, options)] for way, read in _WAYS.items()}
    fitting = [way for way, positions in found.items() if None not in positions]
    if fitting[:1] == ["from 0"] and "from 1" in fitting:
        raise UserError(
            f"the labels {', '.join(sorted(set(labels)))} in column '{column}' of {origin} fit its options counted "
            "from 0 and counted from 1; give the right option's text or its letter."
        )
    if fitting:
        return [row.texts[position] for row, position in zip(options, found[fitting[0]]) if position is not None]
    hits = max(found.values(), key=lambda positions: len(positions) - positions.count(None))
    row = hits.index(None)
    raise UserError(
        f"row {numbers[row]} of {origin} has the label {labels[row]!r} in column '{column}', which is none of its "
        f"options ({' / '.join(options[row].texts)}); give in every row an option's text, or in every row its "
        "position from 0 or its letter."
    )


def _by_text(label: str, options: Options) -> int | None:
    return options.texts.index(label) if label in options.texts else None


def _by_key(label: str, options: Options) -> int | None:
    return options.keys.index(label) if label in options.keys else None


def _from_zero(label: str, options: Options) -> int | None:
    return int(label) if label.isdecimal() and int(label) < len(options.texts) else None


def _by_letter(label: str, options: Options) -> int | None:
    position = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".find(label.upper()) if len(label) == 1 else -1
    return position if 0 <= position < len(options.texts) else None


def _from_one(label: str, options: Options) -> int | None:
    return int(label) - 1 if label.isdecimal() and 0 < int(label) <= len(options.texts) else None


_WAYS: dict[str, Callable[[str, Options], int | None]] = {
    "by text": _by_text,
    "by key": _by_key,
    "from 0": _from_zero,
    "by letter": _by_letter,
    "from 1": _from_one,
}
"""Ways to read a label as an option, from a label and a row's options to the option's position."""
