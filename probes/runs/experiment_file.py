"""An experiment as a TOML file: read, checked, written, compared with another."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from icl.errors import UserError, unknown_name
from icl.factors import as_tuple
from icl.tasks.stored import STORED_ENDING, stored_form
from icl.tasks.task import Task
from probes import disk
from probes.models import as_models, read_model
from probes.runs import located
from probes.runs.experiment import Experiment, entries
from probes.runs.option import options_of
from probes.scorers.server_address import shown_model

__all__ = [
    "SWEEP",
    "changed_entries",
    "compared_entries",
    "experiment_of_entries",
    "is_portable",
    "read_experiment",
    "read_toml",
    "task_file",
    "write_experiment",
]

SWEEP = "sweep"
"""The part of an experiment file that says what is varied from run to run, see `probes.runs.sweep_file`."""

_NOTE = "# Relative paths are taken from this file's folder."
"""First line of experiment files that the lab writes; those without it in a run folder are of an earlier lab."""


def read_experiment(path: Path) -> Experiment:
    """Read an experiment from TOML; lists become tuples, and paths lead from the working folder.

    In the file relative paths are taken from its own folder.

    Raises
    ------
    UserError
        If the file is missing or no TOML, a key is unknown, a needed one is missing, or a value has the wrong type; or
        if a path leads nowhere from the file's folder but would from the working folder.
    """
    path = Path(path)
    given, text = read_toml(path)
    if SWEEP in given:
        raise UserError(f"{path} is a sweep, of many runs; use `probe sweep {path} --out STORE` (or `probe plan`).")
    return experiment_of_entries(given, path, text)


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Read what stands in an experiment file, unchecked, and its text.

    Raises
    ------
    UserError
        If the file is missing or no TOML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text), text
    except OSError as error:
        raise UserError(f"experiment {path} cannot be read ({error.strerror}); name a .toml file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"experiment {path} is not valid TOML ({error}); correct that place.") from error


def experiment_of_entries(given: Mapping[str, Any], path: Path, text: str) -> Experiment:
    """Make an experiment of entries that stand in a file, as `read_experiment` does of all of them.

    Parameters
    ----------
    given
        As TOML has them.
    path, text
        The file, for messages and relative paths.
    """
    options = options_of(Experiment)
    for name in given:
        if name not in options:
            raise unknown_name(f"experiment key in {path.name}", name, options)
    if missing := {"models", "task"} - set(given):
        them = "it" if len(missing) == 1 else "them"
        raise UserError(f"experiment {path} lacks {' and '.join(sorted(missing))}; add {them}.")
    if given.get("curve") and "queries" in given:
        raise UserError(f"experiment {path} names queries, but on a curve the demonstrations are asked; drop one.")
    values: dict[str, Any] = {}
    for name, value in given.items():
        values[name] = as_tuple(value) if options[name].takes_several else value
        plain = values[name]
        if name == "models":
            plain = tuple(one for one in plain if not isinstance(one, dict))
        if not options[name].fits(plain):
            raise UserError(f"{name} in experiment {path.name} must be {options[name].spelled}, got {value!r}.")
    as_models(values["models"])  # what is wrong with a table is said before its path is looked for
    values = _from_file(values, path, text)
    return Experiment(**values | {"models": as_models(values["models"])})


def is_portable(path: Path) -> bool:
    """Tell whether an experiment file in a run folder names files from its own folder: earlier labs did not."""
    return path.read_text(encoding="utf-8-sig").startswith(_NOTE)


def changed_entries(before: Experiment, after: Experiment) -> list[str]:
    """Name the entries that differ; a file that is named from different folders is the same.

    What an experiment says of its models beside what is asked, such as their size, may change.
    """
    old, new = compared_entries(before), compared_entries(after)
    return [name for name in old if old[name] != new[name]]


def compared_entries(experiment: Experiment) -> dict[str, Any]:
    """Write an experiment so that two that ask the same are equal, from wherever they name their files."""
    values = located.absolute(_recorded(experiment))
    values["models"] = [read_model(one).without_covariates() for one in values["models"]]
    del values["digests"]
    return values


def _from_file(values: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    """Take paths as a file means them."""
    source = _recorded_source(path.parent)
    if source is None or text.startswith(_NOTE):
        return located.from_folder(values, path, strict=not text.startswith(_NOTE))
    # Earlier labs wrote paths as they were given, from the working folder; the digest says whether it is still that.
    return values | ({"digests": (source.removeprefix("file:"),)} if source.startswith("file:") else {})


def _recorded_source(folder: Path) -> str | None:
    """Say where the task of a run came from, by its manifest; None where there is none."""
    try:
        return str(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def task_file(path: Path) -> Path:
    """Name the file beside an experiment file that keeps its task, where Python made that."""
    return path.with_suffix(STORED_ENDING)


def write_experiment(experiment: Experiment, path: Path, made: Task | None = None) -> None:
    """Write an experiment as TOML, leaving out what is None; relative paths lead from the file's folder.

    Parameters
    ----------
    made
        The task that the experiment's ``package.module:name`` stands for. It is kept in `task_file`, as is a task that
        the experiment has itself.
    """
    import tomli_w

    given = _recorded(experiment)
    if not isinstance(experiment.task, str):
        made, given["task"] = experiment.task, str(task_file(path))
    if made is not None:
        disk.write_whole(task_file(path), stored_form(made))
    given = located.to_folder(given, path.parent) | {"digests": located.find_digests(given, made)}
    values = {name: value for name, value in given.items() if value is not None}
    if experiment.curve:
        del values["queries"]
    disk.write_text(path, f"{_NOTE}\n{tomli_w.dumps(values)}")


def _recorded(experiment: Experiment) -> dict[str, Any]:
    """Return the entries as they are written and compared: user and password of a server are kept in no file."""
    models = (shown_model(one) if isinstance(one, str) else one.as_entry() for one in as_models(experiment.models))
    return entries(experiment) | {"models": tuple(models)}
