"""Tasks made in Python, written down: their digest, and a file that holds one whole and can be named like any other."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from icl.errors import UserError
from icl.tasks.files import digest, read_content
from icl.tasks.task import Example, Task

__all__ = ["STORED_ENDING", "as_made_in_python", "is_storable", "load_stored", "stored_form", "task_digest"]

STORED_ENDING = ".task.json"
"""How the name of a file ends that holds a task."""


def is_storable(value: object) -> bool:
    """Tell whether a value is a task that `stored_form` can write."""
    return isinstance(value, Task)


def task_digest(task: Task) -> str:
    """Tell what a task asks from anything else: a digest of its name, labels and examples."""
    pools = [[[one.input, one.label, one.options] for one in pool] for pool in (task.pool, task.query_pool)]
    return digest(json.dumps([task.name, task.label_space, *pools]).encode())


def as_made_in_python(task: Task, origin: str | None = None) -> Task:
    """Let the source of a task say that it is from Python: by `origin` (None: the task's name), and its digest."""
    return replace(task, source=f"python:{origin or task.name}#{task_digest(task)}")


def stored_form(task: Task) -> bytes:
    """Write a task as JSON: the same bytes for the same task."""
    text = json.dumps(asdict(task), indent=1, ensure_ascii=False)
    return f"{text}\n".encode("utf-8", errors="backslashreplace")  # half characters of a source: JSON's own escapes


def load_stored(path: Path) -> Task:
    """Read a task from a file that `stored_form` wrote.

    Raises
    ------
    UserError
        If there is no such file, or it holds something else, or a task that cannot be asked.
    """
    content = read_content(path, endings=(".json",), wanted="a task as a run writes it")
    try:
        found = json.loads(content)
        values: dict[str, Any] = {name: _text(found[name]) for name in ("name", "description", "source")}
        values |= {name: tuple(map(_text, found[name])) for name in ("label_space", "notes")}
        values |= {name: tuple(map(_example, found[name])) for name in ("pool", "query_pool")}
        if strange := set(found) - set(values):
            raise ValueError(f"'{min(strange)}' is no entry of a task")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(
            f"'{path.name}' is not a task file that a run wrote ({what}); let the run write it again, or save rows "
            "as .jsonl."
        ) from None
    return as_made_in_python(Task(**values))


def _example(row: Mapping[str, object]) -> Example:
    options = row["options"]
    if not isinstance(options, list):
        raise TypeError(f"options must be a list, got {options!r}")
    return Example(input=_text(row["input"]), label=_text(row["label"]), options=tuple(map(_text, options)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is wanted, got {value!r}")
    return value
