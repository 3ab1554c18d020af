"""Cells of a table: text, and lists of options."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from numbers import Number, Real

from icl.errors import UserError
from icl.tasks.text import unreadable, visible

__all__ = ["Options", "Where", "as_text", "column_texts", "read_options"]

type Where = Callable[[int], str]
"""From a row, counted from 0, to how messages call it."""


def as_text(value: object) -> str | None:
    """Write a cell as stripped text: whole numbers as integers, None for a missing value.

    Byte order marks at either end are stripped like spaces; they are left over where files were joined. A text of
    nothing but invisible characters is empty.

    Raises
    ------
    TypeError
        If the cell is neither text, finite number, truth value nor date; says what it is.
    """
    if value is None or value != value:  # NaN alone differs from itself
        return None
    if isinstance(value, str):
        text = value.strip()
        text = text.strip("\ufeff").strip() if text[:1] == "\ufeff" or text[-1:] == "\ufeff" else text
        return text if visible(text).strip() or unreadable(text) else ""
    if isinstance(value, bool | int | date | time):  # datetime is a date
        return str(value)
    if isinstance(value, Real | Decimal):
        if math.isinf(number := float(value)):
            raise TypeError("an infinite number")
        return str(int(number)) if number.is_integer() and abs(number) < _WRITTEN_WHOLE else str(value)
    if isinstance(value, Number):
        return str(value)
    name = type(value).__name__
    raise TypeError(_NAMES.get(name, f"a {name}"))


_WRITTEN_WHOLE = 1e16
"""Whole floats below it are written as integers."""

_NAMES = {"dict": "an object", "bytes": "bytes"}


def column_texts(
    where: Where, column: str, values: Sequence[object], *, what: str = "an input or label"
) -> list[str | None]:
    """Write a column's cells as text.

    Parameters
    ----------
    where, column
        How messages call a row and the column.
    values
        Its cells.
    what
        How messages call a cell.

    Raises
    ------
    UserError
        If a cell is neither text, finite number, truth value nor date, or holds what no model can be given.
    """
    texts = []
    for row, value in enumerate(values):
        try:
            text = as_text(value)
        except TypeError as error:
            raise UserError(
                f"{where(row)} has {error} in column '{column}'; {what} must be text or a number."
            ) from None
        if text is not None and (fault := unreadable(text)):
            raise _unreadable(where, column, row, fault)
        texts.append(text)
    return texts


def _unreadable(where: Where, column: str, row: int, fault: str) -> UserError:
    return UserError(
        f"{where(row)} holds {fault} in column '{column}', which no model can be given; correct the text, or take the "
        "row out."
    )


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

    @property
    def marks(self) -> tuple[str, ...]:
        """What the row calls its options: their keys, else the marks before their texts, as in ``B) red``."""
        if self.keys:
            return self.keys if len(set(self.keys)) == len(self.texts) else ()
        found = [re.match(r"\(?([A-Za-z]|\d{1,2})[).:]\s", text) for text in self.texts]
        marks = tuple(one[1] for one in found if one)
        return marks if len(set(marks)) == len(self.texts) else ()


def read_options(where: Where, column: str, values: Sequence[object]) -> list[Options]:
    """Read a column of options.

    Parameters
    ----------
    where, column
        How messages call a row and the column.
    values
        Cells: a list of texts or numbers; the same written as JSON text; or, as many data sets on the Hub have it,
        ``{"text": [...], "label": [...]}`` with the options' texts and what their row calls them.

    Raises
    ------
    UserError
        If a cell is none of these, or holds what no model can be given.
    """
    read = []
    for row, value in enumerate(values):
        try:
            options = _read_cell(value)
        except (TypeError, ValueError, RecursionError):
            raise UserError(
                f"{where(row)} has {str(value)[:60]!r} in column '{column}', which is not a list of options; "
                'write them as a list such as ["red", "blue"].'
            ) from None
        for text in (*options.texts, *options.keys):
            if fault := unreadable(text):
                raise _unreadable(where, column, row, fault)
        read.append(options)
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
