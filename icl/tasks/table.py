"""A table as it was read from a file: its columns as raw cells, and where each row stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Table", "place_of", "row_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of a file.

    Attributes
    ----------
    names : tuple of str
        Names of the columns, in order.
    column : callable
        From a name to the raw cells, one per row.
    lines : tuple of int
        Line on which each row begins; empty where a file has no lines.
    notes : tuple of str
        What a user should know about how it was read, a sentence each.
    """

    names: tuple[str, ...]
    column: Callable[[str], Sequence[object]]
    lines: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def row_name(row: int, lines: Sequence[int] = ()) -> str:
    """Name a row, counted from 0, with the line of the file on which it begins where that is another number."""
    number = row + 1
    return f"row {number}" + (f" (line {lines[row]})" if lines and lines[row] != number else "")


def place_of(origin: str, row: int, lines: Sequence[int] = ()) -> str:
    """Name a row, counted from 0, of the table that messages call `origin`."""
    return f"{row_name(row, lines)} of {origin}"
