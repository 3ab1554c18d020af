"""The run folder on disk: written so that a kill loses nothing, read back so that damage is said.

experiment.toml   what was asked
experiment.task.json  the task, where Python made it
manifest.json     versions, model identities, seeds, machine, wall time, state
scores/           the score table in Parquet parts, each written whole or not at all
metrics.parquet   sensitivities with intervals
posterior.nc      the fitted account, a DataTree
evidence.nc       the evidence decomposition, a DataTree
variance.nc       the split of the variance, a DataTree
comparison.*      accounts compared by what they predict (Parquet), and how that was asked (JSON)
extrapolation.parquet  what accounts predicted of cells whose shots were held out
figures/, report.html
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.metrics.measure import measure_scores
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalisation_of
from icl.metrics.table import METRIC_COLUMNS
from icl.scores import SCORE_COLUMNS, validate_scores
from icl.tasks.catalogue import load_task, names_code
from icl.tasks.stored import load_stored, task_digest
from icl.tasks.task import Task
from probes import disk
from probes.models import ModelSpec
from probes.runs import located
from probes.runs.experiment import Experiment, entries
from probes.runs.experiment_file import changed_entries, is_portable, read_experiment, task_file, write_experiment
from probes.runs.models import model_table
from probes.scorers.server_address import shown_model
from probes.terminal.shell import path_argument, shell_word

__all__ = ["RunFolder", "create_run", "open_run"]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run folder by its path; every read is checked."""

    path: Path

    @property
    def argument(self) -> str:
        """The path as a command takes it."""
        return path_argument(self.path)

    @property
    def quoted(self) -> str:
        """The path as a shell takes it, for commands in messages."""
        return shell_word(self.argument)

    @property
    def experiment(self) -> Experiment:
        """What was asked."""
        return read_experiment(self.path / "experiment.toml")

    @property
    def manifest(self) -> dict:
        """How it was answered."""
        try:
            manifest = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
            if not {"state", "models", "source", "started", "seconds"} <= set(manifest):
                raise ValueError("it lacks entries")
            return manifest
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                f"{self.path / 'manifest.json'} is missing or damaged ({error}); run the same `probe run` command "
                "again, it keeps what was scored."
            ) from error

    def models(self) -> pd.DataFrame:
        """Read what is known of each model, in the columns of `probes.runs.models.MODEL_COLUMNS`."""
        return model_table(self.manifest["models"])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second writer; the lock goes with the process, however it ends.

        Raises
        ------
        UserError
            If another process is writing to the folder, or it cannot be written to.
        """
        with disk.locked(self.path, self._elsewhere("copy the run folder to a place where you may write")):
            disk.clear_leftovers(self.path / "scores")
            yield

    def check_answered(self) -> None:
        """Raise `UserError` if the run came to its end and no prompt has an answer."""
        if said := self.manifest.get("unanswered"):
            raise UserError(f"{self.path}: {said}")

    def check_writable(self, otherwise: str) -> None:
        """Raise `UserError`, before long work, if nothing can be written into the folder; says what to do otherwise."""
        disk.check_writable(self.path, self._elsewhere(otherwise))

    def _elsewhere(self, otherwise: str) -> str:
        return f"make it writable, or {otherwise}"

    @property
    def normalisation(self) -> str:
        """How candidates were compared in the metrics that are stored; the default where none are."""
        try:
            return normalisation_of(self.metrics())
        except UserError:
            return DEFAULT_NORMALISATION

    def check_finished(self) -> None:
        """Raise `UserError` if the run has not come to its end, or to no answer."""
        self.check_answered()
        if self.manifest["state"] != "finished":
            raise UserError(
                f"{self.path} is not finished; run the same `probe run` command again, it goes on from there."
            )

    def write_manifest(self, manifest: dict) -> None:
        """Replace the manifest."""
        disk.write_json(self.path / "manifest.json", manifest)

    def scores(self) -> pd.DataFrame:
        """Read every part of the score table; empty (with its columns) before the first part.

        Raises
        ------
        UserError
            If a part is damaged, or the parts together are no valid score table.
        """
        parts = []
        for part in sorted((self.path / "scores").glob("*.parquet")):
            try:
                parts.append(disk.read_table(part))
            except (OSError, ValueError) as error:
                remedy = "delete this file and run the same `probe run` command again, only its prompts are scored anew"
                raise disk.read_error(part, error, remedy) from error
        if not parts:
            return validate_scores(pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in SCORE_COLUMNS}))
        try:
            return _in_order(validate_scores(pd.concat(parts, ignore_index=True)))
        except UserError as error:
            raise UserError(f"{self.path / 'scores'}: {error} Remove the part that does not belong there.") from error

    def add_scores(self, rows: pd.DataFrame) -> None:
        """Store checked rows as a new part."""
        folder = disk.make_folder(self.path / "scores")
        numbers = [int(found[1]) for part in folder.iterdir() if (found := re.match(r"part-(\d+)\.parquet", part.name))]
        part = folder / f"part-{max(numbers, default=-1) + 1:05d}.parquet"
        disk.write_whole(part, validate_scores(rows).to_parquet())

    def metrics(self) -> pd.DataFrame:
        """Read the metrics table; one of an earlier version, whose columns were others, is computed again."""
        if (self.path / "manifest.json").exists():
            self.check_answered()
        hint = f"run `probe run` with --out {self.quoted} to its end"
        metrics = self._read("metrics.parquet", disk.read_table, hint)
        if list(metrics.columns) != list(METRIC_COLUMNS):
            metrics = measure_scores(self.scores(), normalisation_of(metrics))
        return metrics

    def write_metrics(self, metrics: pd.DataFrame) -> None:
        """Replace the metrics table."""
        disk.write_whole(self.path / "metrics.parquet", metrics.to_parquet())

    @property
    def is_fitted(self) -> bool:
        """Whether there is a posterior."""
        return (self.path / "posterior.nc").exists()

    def posterior(self):
        """Read the fitted account into memory, an `xarray.DataTree`."""
        return self._read("posterior.nc", disk.read_tree, f"run `probe fit {self.quoted}`")

    @property
    def has_evidence(self) -> bool:
        """Whether the evidence was decomposed."""
        return (self.path / "evidence.nc").exists()

    def evidence(self):
        """Read the evidence decomposition into memory, an `xarray.DataTree`."""
        return self._read("evidence.nc", disk.read_tree, f"run `probe fit {self.quoted} --account evidence`")

    @property
    def has_variance(self) -> bool:
        """Whether the variance of the answers was split."""
        return (self.path / "variance.nc").exists()

    def variance(self):
        """Read the split of the variance into memory, an `xarray.DataTree`."""
        return self._read("variance.nc", disk.read_tree, f"run `probe variance {self.quoted}`")

    def write_variance(self, tree) -> None:
        """Replace the split of the variance."""
        disk.write_tree(self.path / "variance.nc", tree)

    @property
    def has_comparison(self) -> bool:
        """Whether accounts were compared."""
        return (self.path / "comparison.json").exists()

    def comparison(self) -> pd.DataFrame:
        """Read the comparison of accounts."""
        return self._read("comparison.parquet", disk.read_table, f"run `probe compare {self.quoted}`")

    def comparison_record(self) -> dict:
        """Read how accounts were compared, and what that says."""
        return self._read("comparison.json", _read_record, f"run `probe compare {self.quoted}`")

    def extrapolation(self) -> pd.DataFrame:
        """Read what accounts predicted of each cell, shots held out."""
        remedy = f"run `probe compare {self.quoted} --extrapolate-from N`"
        return self._read("extrapolation.parquet", disk.read_table, remedy)

    def write_comparison(self, record: dict, comparison: pd.DataFrame, extrapolation: pd.DataFrame | None) -> None:
        """Replace the comparison of accounts, and what they predicted of held-out shots; None: there is none.

        The record holds a checksum of each table, so that files of two comparisons are not taken for one.
        """
        tables = {"comparison.parquet": comparison.to_parquet()}
        if extrapolation is not None:
            tables["extrapolation.parquet"] = extrapolation.to_parquet()
        record = record | {"checksums": {name: _checksum(table) for name, table in tables.items()}}
        disk.write_json(self.path / "comparison.json", record)
        for name, table in tables.items():
            disk.write_whole(self.path / name, table)
        if extrapolation is None:
            disk.remove(self.path / "extrapolation.parquet")

    def check_comparison(self, record: dict) -> None:
        """Refuse tables that are not those of the record.

        Raises
        ------
        UserError
            If a table is missing, or of another comparison.
        """
        for name, checksum in record.get("checksums", {}).items():
            path = self.path / name
            if not path.exists() or _checksum(path.read_bytes()) != checksum:
                raise UserError(
                    f"{path} is not the table that comparison.json speaks of; run `probe compare {self.quoted}` again."
                )

    def _read(self, name: str, reader, remedy: str):
        path = self.path / name
        if not path.exists():
            raise UserError(f"{self.path} holds no {name} yet; {remedy}.")
        try:
            return reader(path)
        except (OSError, ValueError, KeyError) as error:
            raise disk.read_error(path, error, f"delete it and {remedy}") from error


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


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
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; name a folder for --out.")
    record = path / "experiment.toml"
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
    if path.exists() and not disk.holds_nothing(path, besides=task_file(record).name):
        raise UserError(f"{path} is not empty and is no run folder (no experiment.toml); choose another --out.")
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
            f"{path} holds another experiment ({name} was {_show(getattr(before, name))}, now "
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
            f"{path} holds answers to another task '{made.name}' (its contents had the digest {old}, now {new}); "
            "choose another --out, or put the task back."
        )


def open_run(path: Path) -> RunFolder:
    """Open a run folder for reading.

    Raises
    ------
    UserError
        If there is none.
    """
    path = Path(path)
    if not (path / "experiment.toml").exists():
        raise UserError(
            f"{path} is no run folder (no experiment.toml); make one with `probe run … --out "
            f"{RunFolder(path).quoted}` or `probe demo`."
        )
    return RunFolder(path)


def _read_record(path: Path) -> dict:
    record = json.loads(path.read_text(encoding="utf-8"))
    if not {"unit", "sentences", "observe", "draws", "chains"} <= set(record):
        raise ValueError("it lacks entries")
    return record


def _in_order(scores: pd.DataFrame) -> pd.DataFrame:
    """Put rows into the order of the plan, whatever order they were answered in."""
    model, _ = pd.factorize(scores["model"])
    order = np.lexsort((scores["number"].fillna(0).to_numpy(dtype=int), model))
    return scores.iloc[order].reset_index(drop=True)


def _show(value: object) -> str:
    return (
        ", ".join(one.written if isinstance(one, ModelSpec) else shown_model(str(one)) for one in value)
        if isinstance(value, tuple)
        else "the default"
        if value is None
        else str(value)
    )
