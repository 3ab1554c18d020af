"""Rows of a file or data set made into a task: text cleaned, repeats resolved, every dropped row counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from icl.errors import UserError
from icl.tasks.cells import column_texts, read_options
from icl.tasks.label_readings import find_answers
from icl.tasks.table import place_of, row_name
from icl.tasks.task import Example, Task

__all__ = ["CleanRows", "Rows", "check_columns", "clean_rows", "listed", "task_from_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Raw inputs and labels side by side, in multiple choice with their options.

    Attributes
    ----------
    origin : str
        How messages call the place they come from.
    columns : tuple of str
        Names of the input and the label column, and of the column of options if there is one.
    inputs, labels : sequence
        Raw values, one per row; None or NaN where missing.
    options : sequence, or None
        Raw lists of options (see `icl.tasks.cells.read_options`), one per row; None for classification.
    lines : sequence of int
        Line of the file on which each row begins; empty where there are none.
    label_is : str or None
        How labels of multiple choice name options, one of `icl.tasks.label_readings.LABEL_READINGS`; None finds it out.
    """

    origin: str
    columns: tuple[str, ...]
    inputs: Sequence[object]
    labels: Sequence[object]
    options: Sequence[object] | None = None
    lines: Sequence[int] = ()
    label_is: str | None = None

    def where(self, row: int) -> str:
        """Name a row, counted from 0, in messages."""
        return place_of(self.origin, row, self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRows:
    """What is left of rows, and what became of the others.

    Attributes
    ----------
    examples : tuple of Example
        Distinct inputs in the order of their rows.
    num_rows : int
        Rows there were.
    dropped : dict
        Numbers of dropped rows by reason.
    lost_labels : tuple of str
        Labels of classification that were dropped with all their rows, sorted.
    """

    examples: tuple[Example, ...]
    num_rows: int
    dropped: dict[str, int]
    lost_labels: tuple[str, ...] = ()

    def account(self) -> str:
        """Say how many rows there were and what was dropped, as the end of a sentence."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items() if count)
        return (
            f"of {self.num_rows} rows "
            + (f"dropped {reasons}" if reasons else "none dropped")
            + (f", and with them every row labelled {listed(self.lost_labels)}" if self.lost_labels else "")
        )


def check_columns(
    origin: str, columns: Sequence[str], *, input_column: str, label_column: str, options_column: str | None = None
) -> None:
    """Refuse wanted columns that are the same, missing, or there twice.

    Parameters
    ----------
    origin
        How the message calls the file or data set.
    columns
        Names of the columns it has.
    input_column, label_column, options_column
        Names of the columns wanted.

    Raises
    ------
    UserError
        Naming the columns there are and the option to pass.
    """
    wanted = {"--input-column": input_column, "--label-column": label_column}
    if input_column == label_column:
        raise UserError(
            f"inputs and labels of {origin} would both be column '{input_column}', which gives every answer away; "
            "pass different names to --input-column and --label-column."
        )
    if options_column is not None:
        for option, column in wanted.items():
            if column == options_column:
                raise UserError(
                    f"the options of {origin} would be column '{column}' too; pass different names to "
                    f"--options-column and {option}."
                )
        wanted["--options-column"] = options_column
    for option, column in wanted.items():
        if column not in columns:
            near = get_close_matches(column, columns, n=1, cutoff=0.5)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            have = ", ".join(map(repr, columns)) or "none"
            raise UserError(f"{origin} has no column '{column}', only {have}; pass one of these to {option}{hint}.")
        if list(columns).count(column) > 1:
            raise UserError(f"{origin} has more than one column '{column}'; rename one or pass another to {option}.")


def task_from_rows(rows: Rows, *, name: str, source: str, notes: tuple[str, ...] = ()) -> Task:
    """Make a task of all rows that can serve, and say in its description what was dropped and why.

    Parameters
    ----------
    rows
        Raw inputs and labels, in multiple choice with options.
    name, source, notes
        Taken over by the task.

    Returns
    -------
    Task
        See `clean_rows` for what is dropped. The order of the rows is kept, a label space is sorted.

    Raises
    ------
    UserError
        If there are no rows, a cell is not text, a label is missing or empty, nothing is left, or the task is no
        task (one class only).
    """
    clean = clean_rows(rows)
    label_space = () if rows.options is not None else tuple(sorted({example.label for example in clean.examples}))
    asked = listed(label_space) if label_space else f"Which of {len(clean.examples[0].options)} options"
    columns = f"{', '.join(rows.columns[:-1])} and {rows.columns[-1]}"
    return Task(
        name=name,
        description=(
            f"{asked}? {len(clean.examples)} inputs from the columns {columns} of {rows.origin}; {clean.account()}."
        ),
        label_space=label_space,
        pool=clean.examples,
        source=source,
        notes=notes,
    )


def clean_rows(rows: Rows) -> CleanRows:
    """Make examples of all rows that can serve, and count the others.

    Rows with an empty input are dropped; rows with the same input are collapsed into the first if they do not
    contradict each other and dropped altogether if they do. In multiple choice rows are dropped whose number of
    options differs from the commonest one, or that have an empty option or one twice; a label is an option's text, or
    tells its position (see `icl.tasks.label_readings`).

    Raises
    ------
    UserError
        If there are no rows, a cell is not text or no list of options, a label is missing, empty or none of the
        options, most rows have fewer than two options, or nothing is left.
    """
    if not rows.inputs:
        raise UserError(f"{rows.origin} is empty; give it rows with an input and a label.")
    inputs, labels = (
        column_texts(rows.where, column, values) for column, values in zip(rows.columns, (rows.inputs, rows.labels))
    )
    _check_labels(rows, inputs, labels)
    examples, dropped = (_answer_rows if rows.options is not None else _label_rows)(rows, inputs, labels)
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.input, []).append(example)
    kept = {text: group[0] for text, group in groups.items() if not _contradict(group)}
    repeating = "repeating an input" + (" with the same label" if rows.options is None else "")
    dropped |= {
        repeating: sum(len(groups[text]) - 1 for text in kept),
        "with one input under different labels": sum(len(group) for text, group in groups.items() if text not in kept),
    }
    if not kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise UserError(
            f"no row of {rows.origin} can be used (of {len(inputs)}: {reasons}); check that '{rows.columns[0]}' is "
            f"the column of inputs and '{rows.columns[1]}' that of labels."
        )
    lost = {example.label for example in examples} - {example.label for example in kept.values()}
    return CleanRows(
        examples=tuple(kept.values()),
        num_rows=len(inputs),
        dropped=dropped,
        lost_labels=tuple(sorted(lost)) if rows.options is None else (),
    )


def _label_rows(rows: Rows, inputs: list[str | None], labels: list[str | None]) -> tuple[list[Example], dict[str, int]]:
    """Rows of classification with an input."""
    examples = [Example(input=text, label=label) for text, label in zip(inputs, labels) if text and label]
    return examples, {"with an empty input": sum(not text for text in inputs)}


def _answer_rows(
    rows: Rows, inputs: list[str | None], labels: list[str | None]
) -> tuple[list[Example], dict[str, int]]:
    """Rows of multiple choice with an input, as many options as most, and an answer among them."""
    options = read_options(rows.where, rows.columns[2], rows.options or ())
    given = [row for row, text in enumerate(inputs) if text]
    numbers = Counter(len(options[row].texts) for row in given)
    num_options = numbers.most_common(1)[0][0] if numbers else 0
    if given and num_options < 2:
        raise UserError(
            f"most rows of {rows.origin} have {num_options or 'no'} option{'s' * (num_options == 0)} in column "
            f"'{rows.columns[2]}'; a choice needs at least two."
        )
    same = [row for row in given if len(options[row].texts) == num_options]
    sound = [row for row in same if all(options[row].texts) and len(set(options[row].texts)) == num_options]
    answers = find_answers(
        [labels[row] or "" for row in sound],
        [options[row] for row in sound],
        column=rows.columns[1],
        origin=rows.origin,
        where=lambda place: rows.where(sound[place]),
        label_is=rows.label_is,
    )
    examples = [
        Example(input=inputs[row] or "", label=answer, options=options[row].texts)
        for row, answer in zip(sound, answers)
    ]
    return examples, {
        "with an empty input": len(inputs) - len(given),
        f"with another number of options than {num_options}": len(given) - len(same),
        "with an empty option or one twice": len(same) - len(sound),
    }


def _contradict(group: list[Example]) -> bool:
    """Tell whether the same question, with the same options, has different answers."""
    answers = {(frozenset(example.options), example.label) for example in group}
    return len({options for options, _ in answers}) < len(answers)


def _check_labels(rows: Rows, inputs: list[str | None], labels: list[str | None]) -> None:
    """Refuse rows that have an input but a missing or an empty label."""
    for kind, absent in (("a missing", None), ("an empty", "")):
        bad = [row for row, (text, label) in enumerate(zip(inputs, labels)) if text and label == absent]
        if bad:
            raise UserError(
                f"{len(bad)} of {len(labels)} rows of {rows.origin} {'has' if len(bad) == 1 else 'have'} {kind} label "
                f"in column '{rows.columns[1]}', the first in {row_name(bad[0], rows.lines)}; fill it in or take these "
                "rows out."
            )


def listed(labels: Sequence[str], most: int = 6) -> str:
    """Write labels in a row, and only the first of very many."""
    shown = " / ".join(labels[:most])
    return shown if len(labels) <= most else f"{shown} / … ({len(labels)} labels)"
