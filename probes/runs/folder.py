"""The run folder on disk: written so that a kill loses nothing, read back so that damage is said.

experiment.toml   what was asked; of an imported table import.json, how its columns were understood
experiment.task.json  the task, where Python made it
manifest.json     versions, model identities, seeds, machine, wall time, state
scores/           the score table in Parquet parts, each written whole or not at all
answers/          what an imported table tells of answers, likewise
metrics.parquet   sensitivities with intervals
fits/             every fit, a DataTree in a file of its own, see `probes.runs.fits`
comparison.*      accounts compared by what they predict (Parquet), and how that was asked (JSON)
extrapolation.parquet  what accounts predicted of cells that were held out
tables/           answers, metrics, fits and models as `probes.store` shows them in SQL
figures/, report.html
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from icl.errors import UserError, unknown_name
from icl.factors import as_tuple
from icl.metrics.measure import measure
from icl.metrics.normalise import DEFAULT_NORMALISATION, Needs, normalisation_of
from icl.metrics.parts import answers_of_parts, needs_of_parts
from icl.metrics.table import METRIC_COLUMNS
from icl.scores import SCORE_COLUMNS
from probes import disk
from probes.runs.artefacts import METRICS, SCORES, former_fits, read_artefact, require_fresh, stamp_of_run
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import read_experiment
from probes.runs.models import model_table
from probes.runs.parts import num_lost, part_names, read_parts, read_prompts, read_scores, write_part
from probes.runs.told_parts import holds_told, read_told_answers
from probes.terminal.shell import path_argument, shell_word

if TYPE_CHECKING:
    from icl.concept.holdout import HoldOut
    from probes.runs.comparisons import StoredComparison
    from probes.runs.fits import StoredFit

__all__ = ["IMPORT_RECORD", "RunFolder"]

IMPORT_RECORD = "import.json"
"""Stands in an imported run in the place of ``experiment.toml``: how the columns of its tables were understood."""


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
        """What was asked.

        Raises
        ------
        UserError
            If its record is missing or damaged, as that of an imported run is, which asked nothing.
        """
        if self.is_imported:
            raise UserError(f"{self.path} was imported from a table, so there is no experiment to run again.")
        return read_experiment(self.path / "experiment.toml")

    @property
    def is_imported(self) -> bool:
        """Whether its answers were imported from a table."""
        return (self.path / IMPORT_RECORD).exists()

    @property
    def probes(self) -> tuple[str, ...]:
        """The probes that were asked for; an imported table asked for none."""
        return () if self.is_imported else tuple(as_tuple(self.experiment.probes))

    @property
    def record(self) -> Path:
        """The file that says what was asked, or how a table was understood."""
        return self.path / (IMPORT_RECORD if self.is_imported else "experiment.toml")

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
                f"{self.path / 'manifest.json'} is missing or damaged ({error}); rerun the same `probe run` "
                "command; it keeps what was scored."
            ) from error

    def models(self) -> pd.DataFrame:
        """Read what is known of each model, in the columns of `probes.runs.models.MODEL_COLUMNS`."""
        return model_table(self.manifest["models"])

    @property
    def has_manifest(self) -> bool:
        """Whether a run was begun here, and its record can be read."""
        try:
            return bool(self.manifest)
        except UserError:
            return False

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

    def check_complete(self) -> None:
        """Raise `UserError` if a finished run has lost scores since; runs of earlier versions do not tell."""
        if not self.has_manifest or "stored" not in (manifest := self.manifest):
            return
        had = manifest["stored"]
        if self.is_imported:
            if lost := sum(not (self.path / name).exists() for name in had["parts"]):
                raise UserError(
                    f"{self.path} has lost {lost} of the {len(had['parts'])} files that its answers were in; rerun the "
                    "same `probe import` command to import them again."
                )
            return
        if lost := num_lost(self._parts, prompts=had["prompts"], names=had["parts"]):
            raise UserError(
                f"{self.path} has lost {lost:,} of the {had['prompts']:,} prompts that it held when it finished, since "
                f"files are missing from its folder {SCORES}; rerun the same `probe run` command to score them again."
            )

    def stored_now(self, num_prompts: int) -> dict[str, Any]:
        """Record for the manifest of a finished run what it holds, for `check_complete`."""
        return {"prompts": num_prompts, "parts": part_names(self._parts)}

    def check_writable(self, otherwise: str) -> None:
        """Raise `UserError`, before long work, if nothing can be written into the folder; says what to do otherwise."""
        disk.check_writable(self.path, self._elsewhere(otherwise))

    def _elsewhere(self, otherwise: str) -> str:
        return f"make it writable, or {otherwise}"

    @property
    def normalisation(self) -> str:
        """How candidates were compared in the metrics that are stored; the default where none are."""
        path = self.path / METRICS.place
        return normalisation_of(read_artefact(METRICS, path, self.path)) if path.exists() else DEFAULT_NORMALISATION

    def check_finished(self) -> None:
        """Raise `UserError` if the run has not come to its end, or to no answer."""
        self.check_answered()
        if self.manifest["state"] != "finished":
            command = "import" if self.is_imported else "run"
            raise UserError(f"{self.path} is not finished; rerun the same `probe {command}` command to resume it.")

    def write_manifest(self, manifest: dict) -> None:
        """Replace the manifest."""
        disk.write_json(self.path / "manifest.json", manifest)

    @property
    def _parts(self) -> Path:
        return self.path / SCORES

    def scores(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read the score table in the order of the plan; empty (with its columns) before the first part.

        Parameters
        ----------
        columns
            Those that are wanted beside `probes.runs.parts.PROMPT_COLUMNS`; strings then come as categories, and
            nothing is checked. None is all columns; of a large run that is much memory, and `answers` may do.

        Raises
        ------
        UserError
            If there is no such column, a part is damaged or lost, or the parts together are no valid score table.
        """
        known = [one.name for one in SCORE_COLUMNS]
        if strange := [name for name in columns or () if name not in known]:
            raise unknown_name("column of a score table", strange[0], known)
        self.check_complete()
        wanted = None if columns is None else tuple(dict.fromkeys((*columns, "number")))
        return _in_order(read_scores(self._parts, wanted), self._models)

    def score_parts(self) -> Iterator[pd.DataFrame]:
        """Read the score table part by part, each checked; strings come as categories."""
        return read_parts(self._parts)

    def stored_prompts(self) -> dict[str, set[tuple]]:
        """Tell which prompts are answered, see `probes.runs.parts.read_prompts`."""
        return read_prompts(self._parts)

    def answers(self, normalisation: str | None = None) -> pd.DataFrame:
        """Read the answer table, see `icl.answers.answer_table`, in the order of the plan.

        Parameters
        ----------
        normalisation
            How candidates are compared; None as in the metrics that are stored.

        Raises
        ------
        UserError
            As `scores`, and if all rows lack what the normalisation needs.
        """
        how = normalisation or self.normalisation
        return self._answers_under((how,), self._needs())[how]

    def answers_to_measure(self, normalisation: str) -> tuple[dict[str, pd.DataFrame], list[str]]:
        """Read what `icl.metrics.measure.measure` takes.

        Returns
        -------
        tuple
            Normalisation → answers, of the one asked for, the default and all that are possible; and the last.
        """
        needs = self._needs()
        possible = needs.possible() if needs.num_rows or not holds_told(self.path) else []
        wanted = tuple(dict.fromkeys((DEFAULT_NORMALISATION, normalisation, *possible)))
        return self._answers_under(wanted, needs), possible

    def _answers_under(self, normalisations: Sequence[str], needs: Needs) -> dict[str, pd.DataFrame]:
        self.check_complete()
        if not holds_told(self.path):
            return answers_of_parts(self.score_parts, normalisations, needs=needs, models=self._models)
        told = read_told_answers(self.path)
        if needs.num_rows:
            scored = answers_of_parts(self.score_parts, normalisations, needs=needs, models=self._models)
            return {how: pd.concat([answers, told], ignore_index=True) for how, answers in scored.items()}
        for how in normalisations:
            if how != DEFAULT_NORMALISATION:
                raise UserError(
                    f"normalisation '{how}' compares candidates by their log-probabilities, and {self.path} was "
                    "imported from a table that has none; leave --normalisation out."
                )
        return dict.fromkeys(normalisations, told)

    def _needs(self) -> Needs:
        return needs_of_parts(read_parts(self._parts, Needs.COLUMNS))

    @property
    def _models(self) -> tuple[str, ...]:
        """Models in the order of the plan; none where there is no record of it."""
        try:
            return tuple(self.manifest["models"])
        except UserError:
            return ()

    def add_scores(self, rows: pd.DataFrame) -> None:
        """Store checked rows as a part of their own."""
        write_part(self._parts, rows)

    def metrics(self) -> pd.DataFrame:
        """Read the metrics table; one of an earlier version, with other columns or no stamp, is computed again.

        Raises
        ------
        UserError
            If there is none, no prompt has an answer, scores were lost, or it was made from other scores than the run
            holds now.
        """
        if (self.path / "manifest.json").exists():
            self.check_answered()
        self.check_complete()
        path = self.path / METRICS.place
        metrics = read_artefact(METRICS, path, self.path)
        if list(metrics.columns) != list(METRIC_COLUMNS) or "digest" not in metrics.attrs:
            how = normalisation_of(metrics)
            answers, possible = self.answers_to_measure(how)
            return measure(answers.__getitem__, how, possible=possible)
        require_fresh(METRICS, path, metrics, self.path)
        return metrics

    def write_metrics(self, metrics: pd.DataFrame) -> None:
        """Replace the metrics table, stamped as one of the scores that are stored now."""
        stamped = metrics.copy(deep=False)
        stamped.attrs = stamp_of_run(self.path, normalisation_of(metrics))
        METRICS.write(self.path / METRICS.place, stamped)

    def fits(self) -> "list[StoredFit]":
        """Read every fit of the run; one that is out of date or did not converge says so when it is shown."""
        from probes.runs.fits import read_fits

        return list(read_fits(self))

    def fit(
        self,
        account: str = "drift-diffusion",
        *,
        observe: str | None = None,
        model: str | None = None,
        normalisation: str | None = None,
        draws: int | None = None,
        tune: int | None = None,
        chains: int | None = None,
        seed: int = 0,
        progress: Callable[[str, int, int], None] | None = None,
        **options: Any,
    ) -> "StoredFit":
        """Fit an account to the run's answers and store the fit beside the others.

        Parameters
        ----------
        account, observe, draws, tune, chains, seed, progress, options
            As of `icl.concept.fit.fit`.
        model, normalisation
            As of `probes.runs.fits.lay_out`.

        Raises
        ------
        UserError
            If a name is not known, the answers cannot inform the account, or the fit cannot be stored.
        """
        from probes.runs.fits import lay_out

        asked = lay_out([self], account, observe=observe, model=model, normalisation=normalisation, **options)
        effort = asked.account.effort.but(draws=draws, tune=tune, chains=chains)
        return asked.fit(effort, seed=seed, progress=progress)

    def compare(
        self,
        accounts: Sequence[str] | None = None,
        *,
        observe: str = "counts",
        hold_out: "HoldOut | None" = None,
        normalisation: str | None = None,
        draws: int | None = None,
        tune: int | None = None,
        chains: int | None = None,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> "StoredComparison":
        """Compare accounts by what they predict of answers held out, and store the comparison.

        Parameters
        ----------
        accounts, observe, draws, tune, chains, seed, progress
            As of `icl.concept.compare.compare`.
        hold_out
            Fit as well without these cells, and predict them: ``HoldOut(origins=(4,))`` holds out the cells with more
            than four shots, ``HoldOut(kind="model")`` each model in turn.
        normalisation
            How candidates are compared; None: as in the metrics.

        Raises
        ------
        UserError
            If an account is not known, none can be fitted, or the folder cannot be written to.
        """
        from icl.concept.counts import counts_from_answers
        from icl.concept.holdout import HoldOut
        from probes.runs.comparisons import compare_counts

        if not isinstance(hold_out, HoldOut | None):
            raise UserError(
                f"hold_out takes a HoldOut, such as icl.concept.holdout.HoldOut(origins=(4,)), got {hold_out!r}."
            )
        self.check_finished()
        how = normalisation or normalisation_of(self.metrics())
        return compare_counts(
            self,
            counts_from_answers(self.answers(how)),
            source=stamp_of_run(self.path, how),
            origin=self.argument,
            accounts=accounts,
            observe=observe,
            hold_out=hold_out,
            draws=draws,
            tune=tune,
            chains=chains,
            seed=seed,
            progress=progress,
        )

    def former_fits(self) -> list[str]:
        """Name the fits that a version before left in the folder, which are not read."""
        return former_fits(self.path)

    def comparison(self) -> "StoredComparison | None":
        """Read the comparison of accounts; None where there is none."""
        from probes.runs.comparisons import read_comparison

        return read_comparison(self)


def _in_order(scores: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Put rows into the order of the plan, whatever order they were answered in."""
    names = dict.fromkeys((*models, *scores["model"].astype("str").unique()))
    rank = {name: place for place, name in enumerate(names)}
    model = scores["model"].astype("str").map(rank).to_numpy(dtype=int)
    order = np.lexsort((scores["number"].fillna(0).to_numpy(dtype=int), model))
    return scores.iloc[order].reset_index(drop=True)
