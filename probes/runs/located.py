"""Files and tasks that an experiment names: from which folder paths are taken, and whether they are still the same.

In an experiment file relative paths are taken from the folder of that file, so that it means the same wherever it is
read from; in an `Experiment` and in flags they are taken from the working folder.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from icl.errors import UserError
from icl.tasks.catalogue import is_written_as_path, names_code, names_file
from icl.tasks.files import at_home, digest
from icl.tasks.stored import task_digest
from icl.tasks.task import Task
from probes.model_names import split_model
from probes.scorers.catalogue import VLLM, is_reference
from probes.scorers.huggingface_source import shipped_models

__all__ = ["GINC", "absolute", "check_digests", "find_digests", "from_folder", "to_folder"]

GINC = "ginc"
"""The task whose inputs are drawn from a family."""

type _Change = Callable[[str, str], str]
"""From an entry's name and a relative path in it to what stands there instead."""


def from_folder(values: Mapping[str, Any], file: Path, *, strict: bool = True) -> dict[str, Any]:
    """Take relative paths from the folder of the experiment file `file`, and write them from the working folder.

    Raises
    ------
    UserError
        If, where `strict`, a path leads nowhere from there but would from the working folder.
    """
    here, there = _physical(Path()), _physical(file.parent)
    if here == there:
        return dict(values)

    def change(entry: str, name: str) -> str:
        if not _is_path(entry, name, there):
            if strict and _is_path(entry, name, here):
                raise _elsewhere(entry, name, file)
            return name
        if strict and not (there / name).exists() and (here / name).exists():
            raise _elsewhere(entry, name, file)
        return _relative(there / name, here)

    return _changed(values, change, there)


def to_folder(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write the relative paths of the working folder from `folder` instead."""
    here, there = _physical(Path()), _physical(folder)

    def change(entry: str, name: str) -> str:
        return _relative(here / name, there) if _is_path(entry, name, here) else name

    return _changed(values, change, here)


def absolute(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write every path in full, to compare experiments that name the same file from different folders."""
    here = _physical(Path())

    def change(entry: str, name: str) -> str:
        return str(_physical(here / name)) if _is_path(entry, name, here) else name

    return _changed(values, change, here, relative_only=False)


def find_digests(values: Mapping[str, Any], made: Task | None = None) -> tuple[str, ...] | None:
    """Tell the files of task, corpus and family from others of their names: ``NAME#DIGEST`` for each that is there.

    So is `made`, the task that a ``package.module:name`` among them stands for.
    """
    found = [f"{name}#{digest(path.read_bytes())}" for name, path in _files(values).items()]
    if made is not None and isinstance(values["task"], str) and names_code(values["task"]):
        found.append(f"{values['task']}#{task_digest(made)}")
    return tuple(found) or None


def check_digests(values: Mapping[str, Any], expected: Sequence[str], *, remedy: str, made: Task | None = None) -> None:
    """Refuse what has the name of a file or task that was asked before, but not its contents.

    Parameters
    ----------
    remedy
        What to do; ``{kind}`` in it stands for what it is, a file or a task.
    made
        As in `find_digests`.

    Raises
    ------
    UserError
        Naming the file or task.
    """
    wanted = dict(entry.rpartition("#")[::2] for entry in expected)
    for entry in find_digests(values, made) or ():
        name, _, found = entry.rpartition("#")
        if wanted.get(name, found) != found:
            kind = "task" if names_code(name) else "file"
            raise UserError(
                f"'{name}' is not the {kind} that was asked before: its contents have the digest {found}, not "
                f"{wanted[name]}; {remedy.format(kind=kind)}."
            )


def _files(values: Mapping[str, Any]) -> dict[str, Path]:
    """The files, but for models, that an experiment names: name → path."""
    here = Path()
    named = [values.get(entry) for entry in ("task", "corpus", "family")]
    paths = [
        at_home(name)
        for entry, name in zip(("task", "corpus", "family"), named)
        if isinstance(name, str) and _is_path(entry, name, here)
    ]
    return {path.name: path for path in paths if path.is_file()}


def _changed(values: Mapping[str, Any], change: _Change, folder: Path, *, relative_only: bool = True) -> dict[str, Any]:
    """Change the paths of an experiment's entries, which are seen from `folder`."""

    def one(entry: str, name: str) -> str:
        if relative_only and (Path(name).is_absolute() or name.startswith("~")):
            return name
        return change(entry, name)

    def model(written: str | Mapping[str, Any]) -> str | dict[str, Any]:
        if isinstance(written, str):
            parts = split_model(written, folder)
            return parts.prefix + one("models", parts.name) + parts.suffix
        name = str(written["name"])  # in a table it is whole
        prefix = VLLM if name.startswith(VLLM) else ""
        return {**written, "name": prefix + one("models", name.removeprefix(prefix))}

    found = dict(values)
    for entry in ("task", "corpus", "family"):
        if isinstance(found.get(entry), str):
            found[entry] = one(entry, found[entry])
    if isinstance(found.get("models"), tuple | list):
        models = found["models"]
        found["models"] = type(models)(map(model, models))
    return found


def _is_path(entry: str, name: str, folder: Path) -> bool:
    """Tell the path of a file or folder, seen from `folder`, from any other name."""
    if entry == "models":
        if name in shipped_models() or is_reference(name) or "://" in name:
            return False
        return is_written_as_path(name) or Path(name).suffix == ".gguf" or (folder / at_home(name)).is_dir()
    return entry != "task" or (name != GINC and names_file(name, folder))


def _relative(path: Path, folder: Path) -> str:
    """Write a path from a folder, so that it cannot be taken for another kind of name."""
    try:
        found = Path(os.path.relpath(_physical(path), folder)).as_posix()
    except ValueError:  # Windows: on another drive
        return str(_physical(path))
    return found if found.startswith("..") or Path(found).suffix else f"./{found}"


def _physical(path: Path) -> Path:
    """Write a path in full without links to folders, which ``..`` would lead out of; the last name stays."""
    if path.name in ("", ".."):
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(path.parent)) / path.name


def _elsewhere(entry: str, name: str, file: Path) -> UserError:
    meant = _relative(_physical(Path(name)), _physical(file.parent))
    return UserError(
        f"{name} ({entry} in experiment {file}) is in the working folder, but relative paths in an experiment file are "
        f"taken from its own folder; write {meant}."
    )
