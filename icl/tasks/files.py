"""Tasks read from local files: JSON lines, CSV and Parquet."""

import csv
import io
import json
import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from icl.errors import UserError
from icl.tasks.rows import Rows, check_columns, task_from_rows
from icl.tasks.task import Task

__all__ = ["READERS", "decode", "load_file", "read_content"]


def load_file(
    path: str | Path, *, input_column: str = "input", label_column: str = "label", options_column: str | None = None
) -> Task:
    """Read a task from a file with one labelled input per row.

    Parameters
    ----------
    path
        A ``.jsonl``, ``.csv`` (comma-separated, with a header, UTF-8) or ``.parquet`` file.
    input_column, label_column
        Names of the columns to read.
    options_column
        For multiple choice, the column with each row's list of options (in CSV a JSON list); the label is then an
        option's text, its position from 0 or its letter (see `icl.tasks.cells.find_answers`).

    Returns
    -------
    Task
        Named by the file's stem; its source is the file's name and the beginning of its SHA-256. See
        `icl.tasks.rows.clean_rows` for what is dropped.

    Raises
    ------
    UserError
        If the file does not exist, is empty, is not what its ending says, lacks a column, or makes no task.
    """
    path = Path(path).expanduser()
    content = read_content(path, endings=READERS, wanted="rows with an input and a label")
    names, read_column = READERS[path.suffix.lower()](path.name, content)
    origin = f"'{path.name}'"
    check_columns(origin, names, input_column=input_column, label_column=label_column, options_column=options_column)
    rows = Rows(
        origin=origin,
        columns=(input_column, label_column, *((options_column,) if options_column is not None else ())),
        inputs=read_column(input_column),
        labels=read_column(label_column),
        options=None if options_column is None else read_column(options_column),
    )
    return task_from_rows(rows, name=path.stem, source=f"file:{path.name}#{sha256(content).hexdigest()[:12]}")


def read_content(path: Path, *, endings: Collection[str], wanted: str) -> bytes:
    """Read a file that has one of `endings` and is not empty; `wanted` says what it should hold.

    Raises
    ------
    UserError
        If there is no such file, or it cannot be read or is empty.
    """
    _check_path(path, endings)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' could not be read: {error.strerror}; check the file and its permissions.") from None
    if not content.strip():
        raise UserError(f"'{path.name}' is empty; give it {wanted}.")
    return content


def _check_path(path: Path, endings: Collection[str]) -> None:
    """Refuse what is not a file with a known ending."""
    listed = ", ".join(endings)
    if path.is_dir():
        raise UserError(f"'{path}' is a folder; name one {listed} file in it.")
    if not path.exists():
        try:
            neighbours = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
        except OSError:
            neighbours = []
        near = get_close_matches(path.name, neighbours, n=1, cutoff=0.5)
        hint = f"did you mean '{path.parent / near[0]}'?" if near else "check the path."
        raise UserError(f"there is no file '{path}'; {hint}")
    if not path.suffix:
        raise UserError(f"'{path.name}' has no ending, so it could be anything; save it as {listed}.")
    if path.suffix.lower() not in endings:
        raise UserError(f"'{path.name}' has the ending '{path.suffix}', not {listed}; save it as one of these.")


def _read_json_lines(name: str, content: bytes) -> tuple[list[str], Callable[[str], list[object]]]:
    records: list[dict[str, object]] = []
    for number, line in enumerate(decode(name, content).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"line {number} of '{name}' is not JSON ({error.msg} at column {error.colno}); write one object such "
                'as {"input": "…", "label": "…"} on each line.'
            ) from None
        if not isinstance(record, dict):
            raise UserError(
                f"line {number} of '{name}' is a JSON {type(record).__name__}, not an object; write one object such "
                'as {"input": "…", "label": "…"} on each line.'
            )
        records.append(record)
    names = list(dict.fromkeys(key for record in records for key in record))
    return names, lambda column: [record.get(column) for record in records]


def _read_csv(name: str, content: bytes) -> tuple[list[str], Callable[[str], list[object]]]:
    reader = csv.reader(io.StringIO(decode(name, content), newline=""), strict=True)
    table: list[list[str]] = []
    try:
        for fields in reader:
            if not fields:
                continue
            if table and len(fields) != len(table[0]):
                raise UserError(
                    f"line {reader.line_num} of '{name}' has {len(fields)} fields where the header has "
                    f"{len(table[0])}; put text that has commas between double quotes."
                )
            table.append(fields)
    except csv.Error as error:
        raise UserError(
            f"line {reader.line_num} of '{name}' is not CSV ({error}); separate fields by commas and double the "
            "quotes inside quoted text."
        ) from None
    names = [field.strip() for field in table[0]]
    if len(names) == 1 and (found := re.search("[;\t|]", names[0])):
        raise UserError(f"'{name}' seems to be separated by {found[0]!r}; separate its fields by commas.")
    return names, lambda column: _whole_numbers([fields[names.index(column)] for fields in table[1:]])


def _whole_numbers(cells: list[str]) -> list[object]:
    """Write 1.0 as 1 in a CSV column that holds nothing but whole numbers, as the other kinds of file do."""
    if all(re.fullmatch(r"-?\d+(\.0*)?|", cell.strip()) for cell in cells):
        return [cell.partition(".")[0] for cell in cells]
    return list(cells)


def _read_parquet(name: str, content: bytes) -> tuple[list[str], Callable[[str], list[object]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"'{name}' is not a Parquet file ({reason}); save it again or correct its ending.") from None
    return table.column_names, lambda column: table.column(column).to_pylist()


def decode(name: str, content: bytes) -> str:
    """Read bytes as UTF-8 text, or say where they are none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"'{name}' is not UTF-8 text (byte {error.start}); save it as UTF-8 text.") from None
    if "\0" in text:
        raise UserError(f"'{name}' is binary, not text; save it as UTF-8 text or correct its ending.")
    return text


READERS: dict[str, Callable[[str, bytes], tuple[list[str], Callable[[str], list[object]]]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}
"""By ending: from a file's name (for messages) and its bytes to column names and a function that reads one column."""
