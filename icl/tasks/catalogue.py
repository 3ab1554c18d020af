"""One look-up for every way of naming a task: built in, of Min et al., a local file, Python code, a Hub data set."""

from collections.abc import Callable, Iterable
from pathlib import Path

from icl.errors import UserError, unknown_name
from icl.registry import Registry
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.files import READERS, at_home
from icl.tasks.hub import load_hub
from icl.tasks.imported import load_from_python, load_registered, names_python, python_file_error
from icl.tasks.local import load_file
from icl.tasks.min2022 import MIN_PREFIX, load_min_task
from icl.tasks.min2022_sets import MIN_SETS
from icl.tasks.stored import STORED_ENDING, load_stored
from icl.tasks.task import Task

__all__ = ["REGISTERED", "is_written_as_path", "load_task", "names_code", "names_file"]

REGISTERED: Registry[Task | Callable[[], Task]] = Registry("task")
"""Tasks of users and of other packages, see `icl.register`."""


def load_task(
    name: str,
    *,
    input_column: str = "input",
    label_column: str = "label",
    options_column: str | None = None,
    label_is: str | None = None,
    also_known: Iterable[str] = (),
) -> Task:
    """Find a task by name.

    Parameters
    ----------
    name
        A built-in name, or that of a task in `icl.register`; else ``min:`` and a data set of Min et al. 2022, with
        ``@manual`` behind it for their manual template; else the path of a ``.jsonl``, ``.csv`` or ``.parquet`` file,
        or of a ``.task.json`` file that a run wrote; else ``package.module:name``, a `Task` or a function without
        arguments that returns one; else a Hub data set, written ``owner/name:config@split``.
    input_column, label_column
        Names of the columns of a file or Hub data set; other tasks have none.
    options_column
        The column of a file or Hub data set that holds the options of multiple choice; None for classification.
    label_is
        How labels of multiple choice name options, one of `icl.tasks.label_readings.LABEL_READINGS`; None finds it out.
    also_known
        Names that the caller resolves, for the message when `name` is unknown.

    Raises
    ------
    UserError
        If the name is unknown, or the file, code or data set makes no task.
    """
    if name in BUILTIN_TASKS:
        return BUILTIN_TASKS[name]()
    if (found := REGISTERED.get(name)) is not None:
        return load_registered(found, name)
    if name.startswith(MIN_PREFIX):
        set_name, _, template = name.partition("@")
        return load_min_task(set_name, template=template or "minimal")
    is_file = names_file(name)
    if is_file and name.endswith(STORED_ENDING):
        return load_stored(at_home(name))
    if error := python_file_error(name):
        raise error
    if names_code(name):
        return load_from_python(name)
    if is_file or "/" in name:
        return (load_file if is_file else load_hub)(
            name,
            input_column=input_column,
            label_column=label_column,
            options_column=options_column,
            label_is=label_is,
        )
    meant = [MIN_PREFIX + name] if name in MIN_SETS else []
    known = (*BUILTIN_TASKS, *REGISTERED.names(), *also_known, *meant)
    raise UserError(
        f"{unknown_name('task', name, known)} A data set on the Hugging Face Hub is written owner/name, such as "
        "stanfordnlp/sst2, and needs a network."
    )


def names_file(name: str, folder: Path = Path()) -> bool:
    """Tell a path, seen from `folder`, from other names of tasks.

    It exists, ends like a data file, or is written as no data set on the Hub can be.
    """
    path = Path(name)
    if name in BUILTIN_TASKS or name in REGISTERED or name.startswith(MIN_PREFIX):
        return False
    if name and (folder / at_home(path)).exists():
        return True
    if names_python(name):
        return False
    if path.suffix.lower() in {*READERS, *OTHER_DATA_ENDINGS}:
        return True
    return is_written_as_path(name) or ("/" not in name and path.suffix != "")


def is_written_as_path(name: str) -> bool:
    """Tell paths from names on the Hub by how they are written, on Windows or elsewhere."""
    return name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or name[1:3] == ":/"


def names_code(name: str) -> bool:
    """Tell tasks that Python code makes, ``package.module:name`` or registered ones; a file of such a name wins."""
    if name in REGISTERED:
        return True
    return names_python(name) and not name.startswith(MIN_PREFIX) and not names_file(name)


OTHER_DATA_ENDINGS = (".json", ".txt", ".xls", ".xlsx", ".arrow", ".gz", ".zip", ".ndjson")
"""Endings that `load_file` refuses with a better message than the Hub would give."""
