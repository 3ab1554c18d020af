"""Plain tables: CSV, Parquet, JSON lines, and JSON files that hold a list of records."""

import csv
import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from icl.errors import UserError
from icl.tasks.text import decode
from probes.importing.source import Source, as_text

__all__ = ["ENDINGS", "read_json_lines", "read_plain"]


_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def read_plain(path: Path) -> Source:
    """Read a plain table by the ending of its name.

    Raises
    ------
    UserError
        If the ending is none of `ENDINGS`, or the file is not what it says.
    """
    form, read = ENDINGS[path.suffix.lower()]
    content = path.read_bytes()
    try:
        table = read(path, content)
    except (ValueError, OSError, csv.Error) as error:
        if isinstance(error, UserError):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"{path} cannot be read as {form} ({said}); check the file, or rename it by what it is."
        ) from error
    if table.empty:
        raise UserError(f"{path} has no rows; give a table of results.")
    if twice := sorted({str(name) for name in table.columns[table.columns.duplicated()]}):
        raise UserError(f"{path} has several columns called {twice[0]!r}; rename all but one.")
    return Source(path=path, form=form, table=as_text(table))


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object per line.

    Raises
    ------
    UserError
        If a line is no JSON object.
    """
    found = []
    for number, line in enumerate(decode(path.name, path.read_bytes()).splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(f"line {number} of {path} is not JSON ({error}); correct or delete it.") from error
        if not isinstance(record, dict):
            raise UserError(f"line {number} of {path} is no JSON object; write one result per line, {{…}}.")
        found.append(record)
    return found


def _csv(path: Path, content: bytes) -> pd.DataFrame:
    text = decode(path.name, content)
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    header = next(csv.reader(StringIO(text), delimiter=separator), [])
    if len(set(header)) < len(header):
        return pd.DataFrame([[""] * len(header)], columns=header)
    if len(header) == 1 and (other := next((mark for mark in ";\t|," if mark in header[0]), "")):
        raise UserError(
            f"{path} separates its columns by {_MARKS[other]}, not by {_MARKS[separator]}; save it with "
            f"{_MARKS[separator]}, and with decimal points."
        )
    return pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, sep=separator)


def _parquet(path: Path, content: bytes) -> pd.DataFrame:
    return pd.read_parquet(BytesIO(content))


def _json_lines(path: Path, content: bytes) -> pd.DataFrame:
    return pd.DataFrame(read_json_lines(path))


def _json(path: Path, content: bytes) -> pd.DataFrame:
    records = json.loads(decode(path.name, content))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("it is no list of records")
    return pd.DataFrame(records)


ENDINGS = {
    ".csv": ("CSV", _csv),
    ".tsv": ("TSV", _csv),
    ".parquet": ("Parquet", _parquet),
    ".jsonl": ("JSON lines", _json_lines),
    ".json": ("JSON", _json),
}
"""Ending of a file → what it is called, and function from path and content to a table."""
