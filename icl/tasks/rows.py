"""Rows of a file or data set made into a task: text cleaned, repeats resolved, every dropped row counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from numbers import Number

from icl.errors import UserError
from icl.tasks.task import Example, Task

__all__ = ["Rows", "as_text", "check_columns", "task_from_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Raw inputs and labels side by side.

    Attributes
    ----------
    origin : str
        How messages call the place they come from.
    columns : tuple of str
        Names of the input and the label column.
    inputs, labels : sequence
        Raw values, one per row; None or NaN where missing.
    """

    origin: str
    columns: tuple[str, str]
    inputs: Sequence[object]
    labels: Sequence[object]


def check_columns(origin: str, columns: Sequence[str], *, input_column: str, label_column: str) -> None:
    """Refuse wanted columns that are the same, missing, or there twice.

    Parameters
    ----------
    origin
        How the message calls the file or data set.
    columns
        Names of the columns it has.
    input_column, label_column
        Names of the columns wanted.

    Raises
    ------
    UserError
        Naming the columns there are and the option to pass.
    """
    if input_column == label_column:
        raise UserError(
            f"inputs and labels of {origin} would both be column '{input_column}', which gives every answer away; "
            "pass different names to --input-column and --label-column."
        )
    for option, column in (("--input-column", input_column), ("--label-column", label_column)):
        if column not in columns:
            near = get_close_matches(column, columns, n=1, cutoff=0.5)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            have = ", ".join(map(repr, columns)) or "none"
            raise UserError(f"{origin} has no column '{column}', only {have}; pass one of these to {option}{hint}.")
        if list(columns).count(column) > 1:
            raise UserError(f"{origin} has more than one column '{column}'; rename one or pass another to {option}.")


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


def task_from_rows(rows: Rows, *, name: str, source: str) -> Task:
    """Make a task of all rows that can serve, and say in its description what was dropped and why.

    Parameters
    ----------
    rows
        Raw inputs and labels.
    name, source
        Taken over by the task.

    Returns
    -------
    Task
        Rows with an empty input are dropped; rows with the same input are collapsed into one if their labels agree
        and dropped altogether if they differ. The order of the rows is kept, the label space is sorted.

    Raises
    ------
    UserError
        If there are no rows, a cell is not text, a label is missing or empty, nothing is left, or the task is no
        task (one class only, a label that is a prefix of another).
    """
    if not rows.inputs:
        raise UserError(f"{rows.origin} is empty; give it rows with an input and a label.")
    inputs, labels = (
        _column_texts(rows.origin, column, values) for column, values in zip(rows.columns, (rows.inputs, rows.labels))
    )
    _check_labels(rows, inputs, labels)
    labels_of: dict[str, list[str]] = {}
    for text, label in zip(inputs, labels):
        if text and label:
            labels_of.setdefault(text, []).append(label)
    kept = {text: seen[0] for text, seen in labels_of.items() if len(set(seen)) == 1}
    dropped = {
        "with an empty input": sum(not text for text in inputs),
        "repeating an input with the same label": sum(len(labels_of[text]) - 1 for text in kept),
        "with one input under different labels": sum(len(seen) for text, seen in labels_of.items() if text not in kept),
    }
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
    if not kept:
        raise UserError(
            f"no row of {rows.origin} can be used (of {len(inputs)}: {reasons}); check that '{rows.columns[0]}' is "
            f"the column of inputs and '{rows.columns[1]}' that of labels."
        )
    label_space = tuple(sorted(set(kept.values())))
    lost = sorted({label for seen in labels_of.values() for label in seen} - set(label_space))
    return Task(
        name=name,
        description=(
            f"{_listed(label_space)}? {len(kept)} inputs from the columns {rows.columns[0]} and {rows.columns[1]} of "
            f"{rows.origin}; of {len(inputs)} rows "
            + (f"dropped {reasons}" if reasons else "none dropped")
            + (f", and with them every row labelled {_listed(lost)}." if lost else ".")
        ),
        label_space=label_space,
        pool=tuple(Example(input=text, label=label) for text, label in kept.items()),
        source=source,
    )


def _column_texts(origin: str, column: str, values: Sequence[object]) -> list[str | None]:
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


def _check_labels(rows: Rows, inputs: list[str | None], labels: list[str | None]) -> None:
    """Refuse rows that have an input but a missing or an empty label."""
    for kind, absent in (("a missing", None), ("an empty", "")):
        bad = [row for row, (text, label) in enumerate(zip(inputs, labels), start=1) if text and label == absent]
        if bad:
            raise UserError(
                f"{len(bad)} of {len(labels)} rows of {rows.origin} {'has' if len(bad) == 1 else 'have'} {kind} label "
                f"in column '{rows.columns[1]}', the first in row {bad[0]}; fill it in or take these rows out."
            )


def _listed(labels: Sequence[str], most: int = 6) -> str:
    shown = " / ".join(labels[:most])
    return shown if len(labels) <= most else f"{shown} / … ({len(labels)} labels)"
