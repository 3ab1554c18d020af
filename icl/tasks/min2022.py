"""Tasks of Min et al. 2022 (Rethinking the Role of Demonstrations), loaded from the Hub and written as in the paper."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from string import Formatter, punctuation
from typing import Any

import numpy as np

from icl.errors import UserError, unknown_name
from icl.tasks.cells import as_text
from icl.tasks.hub import load_split, revision
from icl.tasks.min2022_record import ManualTemplate, MinSet
from icl.tasks.min2022_sets import MIN_SETS
from icl.tasks.rows import CleanRows, Rows, clean_rows, listed
from icl.tasks.task import Task

__all__ = ["MIN_PREFIX", "get_min_set", "load_min_task", "min_task"]

type Row = Mapping[str, Any]

MIN_PREFIX = "min:"
TEMPLATES = ("minimal", "manual")
DEMONSTRATIONS_SHARE = 0.8
SPLIT_SEED = 42


def get_min_set(name: str) -> MinSet:
    """Look up a data set of the paper, with or without ``min:`` before its name.

    Raises
    ------
    UserError
        If there is no such set.
    """
    bare = name.removeprefix(MIN_PREFIX)
    if bare not in MIN_SETS:
        raise unknown_name("task", f"{MIN_PREFIX}{bare}", [MIN_PREFIX + known for known in MIN_SETS])
    return MIN_SETS[bare]


def load_min_task(name: str, *, template: str = "minimal") -> Task:
    """Load a data set of the paper from the Hub (or its local cache).

    Parameters
    ----------
    name
        The paper's name, with or without ``min:`` before it.
    template
        Whether inputs and labels are those of the minimal or of the manual template. The manual one writes only a
        part of itself into the inputs; the rest is a format (see `ManualTemplate`).

    Returns
    -------
    Task
        Demonstrations come from the training split, queries from the validation split; where the set has one split,
        from four fifths and a fifth of it, shuffled as the paper does.

    Raises
    ------
    UserError
        If there is no such set or template, `datasets` is not installed, the Hub is not to be had, or the set is not
        what it was.
    """
    record = get_min_set(name)
    _check_template(record, template)
    splits = [record.hub] + ([replace(record.hub, split=record.test_split)] if record.test_split else [])
    return min_task(
        record,
        [load_split(hub, origin=f"Hub data set '{hub}' of task '{MIN_PREFIX}{record.name}'") for hub in splits],
        template=template,
    )


def min_task(record: MinSet, splits: Sequence[Any], *, template: str = "minimal") -> Task:
    """Make the task of a set's loaded splits.

    Parameters
    ----------
    record
        The set.
    splits
        A `datasets.Dataset` for demonstrations and one for queries; only one where the set has one split.
    template
        As in `load_min_task`.

    Raises
    ------
    UserError
        If the set has no such template, or not the columns and classes it had.
    """
    manual = _check_template(record, template)
    origins = [f"Hub data set '{replace(record.hub, split=_split_name(record, i))}'" for i in range(len(splits))]
    tables = [_rows(record, split, origin, manual) for split, origin in zip(splits, origins)]
    left_out = sum(map(len, splits)) - sum(len(rows.inputs) for rows in tables)
    if len(tables) == 1:
        tables = list(_fifth_for_queries(tables[0]))
    for_demonstrations, for_queries = (clean_rows(rows) for rows in tables)
    asked = {example.input for example in for_queries.examples}
    pool = tuple(example for example in for_demonstrations.examples if example.input not in asked)
    shared = len(for_demonstrations.examples) - len(pool)
    words = manual.words if manual else {}
    return Task(
        name=record.name if manual is None else f"{record.name}@manual",
        description=_describe(record, for_demonstrations, for_queries, shared=shared, left_out=left_out),
        label_space=tuple(sorted({words.get(word, word) for word in record.label_words})),
        pool=pool,
        source=f"hub:{record.hub}#{'+'.join(revision(split) for split in splits)}",
        query_pool=for_queries.examples,
    )


def _check_template(record: MinSet, template: str) -> ManualTemplate | None:
    if template not in TEMPLATES:
        raise unknown_name("template", template, TEMPLATES)
    if template == "manual" and record.manual is None:
        having = ", ".join(name for name, other in MIN_SETS.items() if other.manual)
        raise UserError(
            f"Min et al. have no manual template for '{record.name}', only for {having}; load it with the minimal one."
        )
    return record.manual if template == "manual" else None


def _split_name(record: MinSet, number: int) -> str:
    return record.test_split if number and record.test_split else record.hub.split


def _describe(
    record: MinSet, for_demonstrations: CleanRows, for_queries: CleanRows, *, shared: int, left_out: int
) -> str:
    without = [name for name, word in record.classes.items() if word is None]
    kind = "multiple choice" if record.is_multiple_choice else listed(record.label_words)
    return (
        f"{record.name} of Min et al. 2022 ({kind}): for demonstrations {for_demonstrations.account()}"
        + (f", then {shared} that are queries too" if shared else "")
        + f"; for queries {for_queries.account()}; "
        + (f"{left_out} rows of {' and '.join(without)} left out; " if left_out else "")
        + f"the paper has {record.num_rows[0]} and {record.num_rows[1]} rows."
    )


def _fifth_for_queries(rows: Rows) -> tuple[Rows, Rows]:
    """Split rows as the paper's preparation does: NumPy's old generator, seed 42, the last fifth for queries."""
    order = np.random.RandomState(SPLIT_SEED).permutation(len(rows.inputs)).tolist()
    cut = int(DEMONSTRATIONS_SHARE * len(order))
    return _take(rows, order[:cut]), _take(rows, order[cut:])


def _take(rows: Rows, order: Sequence[int]) -> Rows:
    return replace(
        rows,
        inputs=[rows.inputs[i] for i in order],
        labels=[rows.labels[i] for i in order],
        options=None if rows.options is None else [rows.options[i] for i in order],
    )


def _rows(record: MinSet, dataset: Any, origin: str, manual: ManualTemplate | None) -> Rows:
    """Write the inputs, labels and options of one split by the record's templates."""
    missing = [column for column in record.columns if column not in dataset.column_names]
    if missing:
        raise UserError(
            f"{origin} has no column '{missing[0]}' any more, only {', '.join(map(repr, dataset.column_names))}; save "
            f"the rows that task '{MIN_PREFIX}{record.name}' needs as a .jsonl and name that file."
        )
    columns = [dataset[column][:] for column in record.columns]
    table = [dict(zip(record.columns, cells)) for cells in zip(*columns)]
    if not record.is_multiple_choice:
        words = _label_words(record, dataset, origin, [row[record.label] for row in table])
        kept = [(row, word) for row, word in zip(table, words) if word is not None]
        table, labels = [row for row, _ in kept], [word for _, word in kept]
        labels = [manual.words.get(word, word) if manual else word for word in labels]
    else:
        labels = [_clean(label).strip() if isinstance(label := row[record.label], str) else label for row in table]
    fields = [DERIVATIONS[record.derive](row) for row in table]
    template = manual or record
    return Rows(
        origin=origin,
        columns=("input", record.label, "options"),
        inputs=[_write(template.input, row, full_stops=bool(manual and manual.full_stops)) for row in fields],
        labels=labels,
        options=[_options(record, row, template.option) for row in fields] if record.is_multiple_choice else None,
        label_is=record.label_is if record.is_multiple_choice else None,
    )


def _label_words(record: MinSet, dataset: Any, origin: str, labels: Sequence[object]) -> list[str | None]:
    """Label word of each row; None where its class is left out."""
    classes = list(record.classes)
    named = getattr(dataset.features[record.label], "names", None)
    if named is not None and [str(name) for name in named] != classes:
        raise UserError(
            f"{origin} has the classes {', '.join(map(str, named))} in column '{record.label}', where task "
            f"'{MIN_PREFIX}{record.name}' knows {', '.join(classes)}; save its rows as a .jsonl and name that file."
        )
    words = []
    for number, label in enumerate(labels, start=1):
        name = classes[label] if isinstance(label, int) and 0 <= label < len(classes) else as_text(label)
        if name is None or name not in record.classes:
            raise UserError(
                f"row {number} of {origin} has the label {label!r} in column '{record.label}', where task "
                f"'{MIN_PREFIX}{record.name}' knows {', '.join(classes)}; save its rows as a .jsonl and name that file."
            )
        words.append(record.classes[name])
    return words


def _options(record: MinSet, fields: Row, template: str) -> object:
    """List the options of a row, with what its answer column calls them."""
    if len(record.options) > 1:
        texts, keys = [fields[name] for name in record.options], None
    else:
        cell = fields[record.options[0]] or []
        texts, keys = (cell["text"], cell["label"]) if isinstance(cell, Mapping) else (cell, None)
    written = [_write(template, {**fields, "option": text, "continuation": _continuation(text)}) for text in texts]
    # Without keys of its own a row's answer is a position from 0, or a text.
    return {"text": written, "label": list(range(len(written))) if keys is None else keys}


def _write(template: str, fields: Row, *, full_stops: bool = False) -> str:
    texts = {name: _clean(fields[name]) for name in _fields_of(template)}
    if full_stops:
        texts = {name: _with_full_stop(text.strip()) for name, text in texts.items()}
    return template.format_map(texts).strip()


@cache
def _fields_of(template: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


def _clean(value: object) -> str:
    """One line of text: a list joined by spaces, line breaks and tabs as spaces."""
    text = " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return re.sub(r"\\n|[\n\t\r]", " ", text)


def _with_full_stop(text: str) -> str:
    return text if text[-1:] in punctuation else f"{text}."


def _continuation(option: object) -> str:
    """Begin with a small letter, but for the word I."""
    text = _clean(option).strip()
    return text if re.match(r"I\b", text) else text[:1].lower() + text[1:]


def _as_it_is(row: Row) -> dict[str, Any]:
    return dict(row)


def _copa_fields(row: Row) -> dict[str, Any]:
    """Say what COPA's premise is of its options: asked for a cause, the premise is the effect."""
    is_cause_asked = row["question"] == "cause"
    given, asked = ("Effect", "Cause") if is_cause_asked else ("Cause", "Effect")
    return {
        **row,
        "given": given,
        "asked": asked,
        "clause": _clean(row["premise"]).strip().removesuffix("."),
        "connective": "because" if is_cause_asked else "so",
    }


def _quarel_fields(row: Row) -> dict[str, Any]:
    """Take the two options out of QuaRel's question: ``… the (A) carpet or (B) floor?``."""
    stem, _, options = _clean(row["question"]).partition("(A)")
    first, _, second = options.partition("(B)")
    return {**row, "stem": stem, "A": _bare(first), "B": _bare(second)}


def _bare(option: str) -> str:
    return option.strip().removesuffix(" or").removesuffix(".").strip()


DERIVATIONS: dict[str, Callable[[Row], dict[str, Any]]] = {
    "": _as_it_is,
    "copa": _copa_fields,
    "quarel": _quarel_fields,
}
"""How further template fields are made from a row."""
