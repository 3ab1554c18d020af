"""Run folders made and opened: what a folder is, and whether it is of the experiment that is asked."""

from dataclasses import replace
from pathlib import Path

from icl.errors import UserError
from icl.tasks.catalogue import load_task, names_code
from icl.tasks.stored import load_stored, task_digest
from icl.tasks.task import Task
from probes import disk
from probes.models import ModelSpec
from probes.runs import located
from probes.runs.experiment import Experiment, entries
from probes.runs.experiment_file import changed_entries, is_portable, read_experiment, task_file, write_experiment
from probes.runs.folder import IMPORT_RECORD, RunFolder
from probes.scorers.server_address import shown_model
from probes.terminal.shell import path_argument, shell_word

__all__ = ["create_run", "is_run", "open_run"]


def create_run(path: Path, experiment: Experiment, made: Task | None = None) -> RunFolder:
    """Make a run folder for `experiment`, or go on with the one that is there if it holds the same experiment.

    Parameters
    ----------
    made
        The task that the experiment's ``package.module:name`` stands for, where it was made already.

    Raises
    ------
    UserError
        If the folder holds another experiment, or is something else.
    """
    path = Path(path)
    record = path / "experiment.toml"
    disk.check_ours(path, "run", record.name, besides=task_file(record).name)
    if not isinstance(experiment.task, str):
        made = experiment.task
    elif made is None and names_code(experiment.task):
        made = load_task(experiment.task)
    if record.exists():
        _check_same(record, experiment, made)
        is_older = not is_portable(record) or (made is not None and not task_file(record).exists())
        if is_older or read_experiment(record).models != experiment.models:  # what is known of a model may change
            write_experiment(experiment, record, made)
        return RunFolder(path)
    disk.make_folder(path)
    write_experiment(experiment, record, made)
    return RunFolder(path)


def _check_same(record: Path, experiment: Experiment, made: Task | None) -> None:
    """Refuse to go on with a run of another experiment, or of another task or file of the same name."""
    path, kept = record.parent, task_file(record)
    if not isinstance(experiment.task, str):
        experiment = replace(experiment, task=str(kept))
    before = read_experiment(record)
    if changed := changed_entries(before, experiment):
        name = changed[0]
        raise UserError(
            f"{path} holds a different experiment ({name} was {_show(getattr(before, name))}, now "
            f"{_show(getattr(experiment, name))}); choose another --out, or repeat the first command to resume it."
        )
    located.check_digests(
        entries(experiment),
        before.digests or (),
        remedy=f"choose another --out than {path}, or put the {{kind}} back",
        made=made,
    )
    if made is not None and kept.exists() and (old := task_digest(load_stored(kept))) != (new := task_digest(made)):
        raise UserError(
            f"{path} holds answers to a different task '{made.name}' (its contents had the digest {old}, now {new}); "
            "choose another --out, or put the task back."
        )


def open_run(path: Path) -> RunFolder:
    """Open a run folder for reading.

    Raises
    ------
    UserError
        If there is none, or it has lost scores since it finished.
    """
    path = Path(path)
    if path.is_file():
        beside = shell_word(path_argument(path.with_suffix("")))
        raise UserError(
            f"{path} is a file, and a run folder is wanted; a table of results becomes one by `probe import "
            f"{RunFolder(path).quoted} --out {beside} --dry-run`."
        )
    if not is_run(path):
        raise UserError(
            f"{path} is not a run folder (no experiment.toml); make one with `probe run … --out "
            f"{RunFolder(path).quoted}`, `probe import TABLE … --out {RunFolder(path).quoted}` or `probe demo`."
        )
    folder = RunFolder(path)
    folder.check_complete()
    return folder


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, measured here or imported."""
    return any((path / name).exists() for name in ("experiment.toml", IMPORT_RECORD))


def _show(value: object) -> str:
    return (
        ", ".join(one.written if isinstance(one, ModelSpec) else shown_model(str(one)) for one in value)
        if isinstance(value, tuple)
        else "the default"
        if value is None
        else str(value)
    )
