"""From wide tables and lists in cells to one result per row."""

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from icl.errors import UserError, unknown_name
from probes.importing.source import Source, as_text

__all__ = ["VALUE", "Spread", "explode", "has_lists", "join", "joined", "melt", "only", "read_spread"]

VALUE = "value"
"""Column of the values of melted columns."""

_LISTED = 40
"""Values of a column that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What is spread over columns, or over the lists in a cell.

    Attributes
    ----------
    name : str
        Column to make: the names of melted columns, or the places in exploded lists.
    columns : tuple of str
        Columns to take apart; of melted ones one may be a pattern with a ``*``, which then gives the names.
    """

    name: str
    columns: tuple[str, ...]


def read_spread(flag: str, text: str | None) -> Spread | None:
    """Read ``NAME=COLUMN,COLUMN,…``.

    Raises
    ------
    UserError
        If it is written otherwise.
    """
    if text is None:
        return None
    name, equals, listed = text.partition("=")
    columns = tuple(column.strip() for column in listed.split(",") if column.strip())
    if not equals or not name.strip() or not columns:
        raise UserError(f"{flag} takes NAME=COLUMN,…, got {text!r}; write for example {flag} format=plain,reversed.")
    return Spread(name=name.strip(), columns=columns)


def melt(source: Source, asked: Spread | None) -> Source:
    """Give each of several columns rows of its own; cells that are empty give none.

    Raises
    ------
    UserError
        If a column is not there, or one that is to be made is.
    """
    if asked is None:
        return source
    table = source.table
    names = _melted(source, asked)
    _check_new(source, asked.name, VALUE)
    rest = [name for name in table.columns if name not in names]
    long = table.melt(id_vars=rest, value_vars=list(names), var_name=asked.name, value_name=VALUE)
    long[asked.name] = long[asked.name].map(names)
    empty = long[VALUE].astype(str).str.strip() == ""
    notes = source.notes
    if empty.any():
        notes = (*notes, f"{empty.sum():,} of {len(long):,} cells of the melted columns are empty and give no row.")
    return replace(source, table=long[~empty].reset_index(drop=True), notes=notes)


def explode(source: Source, asked: Spread | None) -> Source:
    """Give each member of the lists in a cell a row of its own, numbered from 0; several columns go in step.

    Raises
    ------
    UserError
        If a column is not there or holds no lists, or lists of one row differ in length.
    """
    if asked is None:
        return source
    _check_columns(source, asked.columns)
    _check_new(source, asked.name)
    table = source.table.copy()
    for name in asked.columns:
        table[name] = [_list(value, source, name, row) for row, value in enumerate(table[name], 1)]
    sizes = {name: table[name].map(len) for name in asked.columns}
    first = sizes[asked.columns[0]]
    for name, others in sizes.items():
        if (others != first).any():
            row = int((others != first).to_numpy().argmax())
            raise UserError(
                f"{source.path}: row {row + 1} holds {first.iloc[row]} members in {asked.columns[0]!r} and "
                f"{others.iloc[row]} in {name!r}; explode columns whose lists go together."
            )
    table[asked.name] = [[str(place) for place in range(size)] for size in first]
    long = table.explode([asked.name, *asked.columns], ignore_index=True)
    return replace(source, table=as_text(long[long[asked.name].notna()].reset_index(drop=True)))


def only(source: Source, wanted: Mapping[str, str]) -> Source:
    """Keep the rows that have one of some values in a column.

    Raises
    ------
    UserError
        If a column is not there, or no row has any of its values.
    """
    table = source.table
    for name, text in wanted.items():
        _check_columns(source, [name])
        values = [value.strip() for value in text.split("|")]
        for value in values:
            if not (table[name] == value).any():
                raise unknown_name(
                    f"value of {name} in {source.path.name}", value, map(str, table[name].unique()[:_LISTED])
                )
        table = table[table[name].isin(values)]
    return replace(source, table=table.reset_index(drop=True))


def join(source: Source, wanted: Iterable[str]) -> Source:
    """Make a column of several for each name such as ``family+size`` that is none yet: ``llama-7B``."""
    table = source.table
    for name in wanted:
        parts = joined(name)
        if name not in table and parts and set(parts) <= set(table.columns):
            table = table.assign(**{name: ["-".join(filter(None, row)) for row in zip(*(table[one] for one in parts))]})
    return replace(source, table=table)


def joined(name: str) -> tuple[str, ...]:
    """Name the columns that a name such as ``family+size`` joins; none where it joins nothing."""
    parts = tuple(part.strip() for part in name.split("+"))
    return parts if len(parts) > 1 and all(parts) else ()


def has_lists(values: Iterable[Any]) -> bool:
    """Whether a cell among the first holds a list, as such or as text."""
    seen = (value for value in list(values)[:20] if isinstance(value, list) or str(value).strip())
    return any(isinstance(value, list) or str(value).strip().startswith("[") for value in seen)


def _melted(source: Source, asked: Spread) -> dict[str, str]:
    """Column → the name that its rows get."""
    found: dict[str, str] = {}
    for pattern in asked.columns:
        if "*" not in pattern:
            _check_columns(source, [pattern])
            found[pattern] = pattern
            continue
        head, _, tail = pattern.partition("*")
        matching = [name for name in source.table.columns if fnmatchcase(name, pattern)]
        if not matching:
            raise UserError(
                f"{source.path} has no column like {pattern!r}, only {', '.join(source.table.columns)}; correct --melt."
            )
        found |= {name: name[len(head) : len(name) - len(tail) or None] for name in matching}
    return found


def _list(value: Any, source: Source, name: str, row: int) -> list[Any]:
    if isinstance(value, list):
        return value
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(str(value))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list | tuple):
            return list(found)
    raise UserError(
        f"{source.path}: column {name!r} holds {str(value)[:40]!r} in row {row}, which is no list; --explode takes "
        "columns of lists such as [0.51, 0.56]."
    )


def _check_columns(source: Source, names: Sequence[str]) -> None:
    for name in names:
        if name not in source.table:
            raise unknown_name(f"column in {source.path.name}:", name, source.table.columns)


def _check_new(source: Source, *names: str) -> None:
    for name in names:
        if name in source.table:
            raise UserError(f"{source.path} has a column {name!r} already; choose another name to make, or rename it.")
