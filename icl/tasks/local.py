"""Tasks read from local files with one labelled input per row."""

from pathlib import Path

from icl.tasks.files import READERS, at_home, digest, read_content
from icl.tasks.rows import Rows, check_columns, task_from_rows
from icl.tasks.task import Task

__all__ = ["load_file"]


def load_file(
    path: str | Path,
    *,
    input_column: str = "input",
    label_column: str = "label",
    options_column: str | None = None,
    label_is: str | None = None,
) -> Task:
    """Read a task from a file with one labelled input per row.

    Parameters
    ----------
    path
        A ``.jsonl``, ``.csv``, ``.tsv`` or ``.parquet`` file. A ``.csv`` or ``.tsv`` file is UTF-8 text with a header,
        separated by commas, semicolons, tabs or bars (see `icl.tasks.separated`).
    input_column, label_column
        Names of the columns to read.
    options_column
        For multiple choice, the column with each row's list of options (in CSV a JSON list); the label then names an
        option (see `icl.tasks.label_readings`).
    label_is
        How labels name options, one of `LABEL_READINGS`; None finds it out, where only one answer is possible.

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
    path = at_home(path)
    content = read_content(path, endings=READERS, wanted="rows with an input and a label")
    columns = (input_column, label_column, *((options_column,) if options_column is not None else ()))
    table = READERS[path.suffix.lower()](path.name, content, columns)
    origin = f"'{path.name}'"
    check_columns(
        origin, table.names, input_column=input_column, label_column=label_column, options_column=options_column
    )
    rows = Rows(
        origin=origin,
        columns=columns,
        inputs=table.column(input_column),
        labels=table.column(label_column),
        options=None if options_column is None else table.column(options_column),
        lines=table.lines,
        label_is=label_is,
    )
    source = f"file:{path.name}#{digest(content)}"
    return task_from_rows(rows, name=path.stem, source=source, notes=table.notes)
