"""A sweep into a store: each cell a run folder directly under it, asked by an engine, measured, resumed.

The embedded engine asks in this process, model by model, so that one is in memory at a time and is loaded once for all
its cells. Every engine answers the units of `probes.runs.units` and writes their parts.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from icl.errors import UserError
from probes import disk
from probes.runs.execute import ask_model, begin, check_precision, finish
from probes.runs.experiment_file import read_experiment
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run
from probes.runs.plan import Plan
from probes.runs.resources import Resources
from probes.runs.sweep_file import Cell, Sweep, experiment_key
from probes.runs.sweep_plan import Plans, in_asking_order, model_key
from probes.runs.units import Unit, make_units, units_done
from probes.scorers.scorer import Scorer
from probes.terminal.progress import Phase, phase

__all__ = ["Engine", "Told", "Work", "embedded", "failing", "find_folders", "measure_cell", "run_sweep"]


@dataclass(slots=True, kw_only=True)
class Work:
    """One cell, and what is left to do of it.

    Attributes
    ----------
    folder : RunFolder
        Where its answers are.
    left : dict
        Model → units that are not done.
    keys : dict
        Model → `model_key`.
    num_prompts : int
        That the cell asks, of each model.
    is_finished : bool
        Whether it was measured when everything was there.
    failure : UserError or None
        Why it could not be completed.
    """

    cell: Cell
    folder: RunFolder
    left: dict[str, list[Unit]]
    keys: dict[str, str]
    num_prompts: int
    is_finished: bool = False
    failure: UserError | None = None


@dataclass(slots=True)
class Told:
    """How far a sweep is, for whoever watches: units, prompts and tokens per second.

    Attributes
    ----------
    shown : Phase
        What is shown.
    units, prompts : int
        In all, of what is left.
    """

    shown: Phase
    units: int
    prompts: int
    units_done: int = 0
    prompts_done: float = 0.0
    tokens: int = 0
    began: float = field(default_factory=time.monotonic)

    def finished(self, units: Sequence[Unit], tokens: int) -> None:
        """Count units that are stored."""
        self.units_done += len(units)
        self.prompts_done += sum(len(unit.places) for unit in units)
        self.tokens += tokens
        self.show()

    def show(self, prompts: float = 0.0, tokens: int = 0) -> None:
        """Show the whole, with what was done of units that are not finished."""
        seconds = max(time.monotonic() - self.began, 1e-9)
        done = self.prompts_done + prompts
        rates = [f"{done / seconds:,.0f} prompts/s"]
        rates += [f"{(self.tokens + tokens) / seconds:,.0f} tokens/s"] if self.tokens + tokens else []
        self.shown.note(f"{self.units_done} of {self.units} units, {', '.join(rates)}")
        self.shown(int(done), self.prompts)


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""How ``s3://…`` begins as a path; a drive of Windows has one letter."""

type Engine = Callable[[Sequence[Work], Plans, Told], None]
"""Answers what is left of every cell and measures it; a cell's own failure is kept in it, others are raised."""


def run_sweep(
    sweep: Sweep,
    out: Path,
    *,
    resources: Resources = Resources(),
    engine: Engine | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Work]:
    """Ask and measure every cell of a sweep that is not finished; the same call resumes it.

    Parameters
    ----------
    out
        Store: the folder in which run folders are.
    engine
        Who asks; None is this process.
    tell
        Called with sentences on what there is to do.

    Raises
    ------
    UserError
        If a cell cannot be planned, a folder holds another experiment, or a model fails; what was scored stays.
    """
    out = Path(out)
    if _ADDRESS.match(out.as_posix()):
        raise UserError(f"a store is a folder, got the address {out}; mount it as a folder, or choose another --out.")
    if (out / "experiment.toml").exists():
        raise UserError(f"{out} is a run folder, and a sweep makes many; choose another --out.")
    disk.check_writable(out)
    plans = Plans(resources)
    with phase("planning", unit="cell") as told:
        folders = find_folders(sweep, out)
        for number, cell in enumerate(in_asking_order(sweep.cells), 1):  # everything is checked before anything is made
            plans.of(cell)
            told(number, len(sweep.cells))
    with disk.locked(disk.make_folder(out)):
        with phase("opening runs", unit="cell") as told:
            works = []
            for number, cell in enumerate(in_asking_order(sweep.cells), 1):
                works.append(_standing(cell, folders[cell.name], plans.of(cell)))
                told(number, len(sweep.cells))
        units = [unit for work in works for units in work.left.values() for unit in units]
        total = sum(len(unit.places) for unit in units)
        if tell is not None:
            tell(_left_sentence(works, len(units), total, out))
        with phase("asking", unit="prompt") as shown:
            whole = Told(shown, len(units), total)
            try:
                (engine or embedded)(works, plans, whole)
            except (KeyboardInterrupt, UserError) as error:
                error.add_note(
                    f"{whole.units_done:,} of {whole.units:,} units were asked now, and every answer that came is "
                    "stored; repeat the command to resume."
                )
                raise
    if failed := [work for work in works if work.failure is not None]:
        first = failed[0]
        raise UserError(
            f"{len(failed)} of {len(works)} cells could not be completed, the others are stored; the first is "
            f"{first.cell.words}: {first.failure}"
        )
    return works


def find_folders(sweep: Sweep, out: Path) -> dict[str, RunFolder]:
    """Find the run folder of each cell: the one that holds its experiment, whatever its name, or a new one."""
    held: dict[str, RunFolder] = {}
    for record in sorted(out.glob("*/experiment.toml")):
        try:
            held.setdefault(experiment_key(read_experiment(record)), RunFolder(record.parent))
        except UserError:  # another's; a cell of that name says what is wrong with it
            continue
    return {cell.name: held.get(experiment_key(cell.experiment), RunFolder(out / cell.name)) for cell in sweep.cells}


def _standing(cell: Cell, folder: RunFolder, plan: Plan) -> Work:
    """Make or open a cell's run folder, and see what is left to do.

    A finished run that has lost scores is one of which units are left.
    """
    create_run(folder.path, cell.experiment, plan.made)
    with folder.locked():
        was_finished = folder.has_manifest and folder.manifest["state"] == "finished"
        stored = folder.stored_prompts()
        units = make_units(plan)
        done = units_done(plan, units, stored)
        left = [unit for unit in units if unit.id not in done]
        if not (is_finished := was_finished and not left and _is_measured(folder)):
            begin(folder, plan)
    return Work(
        cell=cell,
        folder=folder,
        left={scorer.name: [unit for unit in left if unit.model == scorer.name] for scorer in plan.scorers},
        keys={scorer.name: model_key(scorer) for scorer in plan.scorers},
        num_prompts=len(plan.prompts),
        is_finished=is_finished,
    )


def _is_measured(folder: RunFolder) -> bool:
    try:
        folder.check_complete()
        return not folder.metrics().empty
    except UserError:
        return False


def _left_sentence(works: Sequence[Work], units: int, prompts: int, out: Path) -> str:
    asked = sum(work.num_prompts * len(work.keys) for work in works)
    if prompts == asked:
        return f"{len(works)} cells, {units:,} units, {prompts:,} prompts → {out}"
    finished = sum(work.is_finished for work in works)
    if finished == len(works):
        return f"All {len(works)} cells are finished in {out}; nothing is asked."
    return (
        f"Resuming: {finished} of {len(works)} cells are finished; {units:,} units with {prompts:,} of {asked:,} "
        f"prompts are not → {out}"
    )


def embedded(works: Sequence[Work], plans: Plans, told: Told) -> None:
    """Ask in this process, one model after the other, each for all its cells."""
    waiting = {id(work): set(work.keys) for work in works if not work.is_finished}
    for key in dict.fromkeys(key for work in works for key in work.keys.values()):
        asked = _Asking(plans)
        try:
            for work, model in _asked_of(key, works):
                if work.is_finished or work.failure is not None:
                    continue
                with failing(work):
                    asked.ask(work, model, told)
                    waiting[id(work)].discard(model)
                    if not asked.is_reduced and not waiting[id(work)]:
                        measure_cell(work)
            if asked.is_reduced:  # comparing with float32 releases the weights, so it waits until all cells are asked
                for work, model in _asked_of(key, works):
                    if work.is_finished or work.failure is not None:
                        continue
                    with failing(work):
                        asked.compare(work, model)
                        if not waiting[id(work)]:
                            measure_cell(work)
        finally:
            asked.close()


def _asked_of(key: str, works: Sequence[Work]) -> Iterator[tuple[Work, str]]:
    """Cells that ask a model, and its name there."""
    return ((work, model) for work in works for model, its_key in work.keys.items() if its_key == key)


def measure_cell(work: Work) -> None:
    """Measure a cell of which everything is asked."""
    with work.folder.locked():
        finish(work.folder, work.folder.manifest)
    work.is_finished = True


@contextmanager
def failing(work: Work) -> Iterator[None]:
    """Keep a cell's failure in it, so that others go on; what a disk refuses stops the sweep."""
    try:
        yield
    except disk.DiskError:
        raise
    except UserError as error:
        work.failure = error


class _Asking:
    """Asks one model for cell after cell, and holds its weights meanwhile."""

    def __init__(self, plans: Plans):
        self._plans = plans
        self._scorer: Scorer | None = None
        self.is_reduced = False

    def ask(self, work: Work, model: str, told: Told) -> None:
        """Answer the units that are left of a cell."""
        plan, scorer = self._opened(work, model)
        units = work.left[model]
        counted = _Counted(told, units, scorer.unit)
        with work.folder.locked():
            manifest, done = work.folder.manifest, work.folder.stored_prompts().get(model, set())
            ask_model(work.folder, plan, scorer, units, manifest, done=done, progress=counted)
            work.folder.write_manifest(manifest)
        told.finished(units, counted.tokens)

    def compare(self, work: Work, model: str) -> None:
        """Record what reduced precision changes in a cell."""
        plan, scorer = self._opened(work, model)
        with work.folder.locked():
            manifest = work.folder.manifest
            check_precision(plan, scorer, manifest)
            work.folder.write_manifest(manifest)

    def close(self) -> None:
        """Release the weights."""
        if self._scorer is not None:
            self._scorer.close()

    def _opened(self, work: Work, model: str) -> tuple[Plan, Scorer]:
        plan = self._plans.of(work.cell)
        scorer = next(one for one in plan.scorers if one.name == model)
        if scorer is not self._scorer:
            self.close()
            self._scorer = scorer
        self.is_reduced = scorer.identity().get("dtype", "float32") != "float32"
        return plan, scorer


class _Counted:
    """Progress of some units, in what their scorer counts, as progress of the whole in prompts."""

    def __init__(self, told: Told, units: Sequence[Unit], counts: str):
        self._told, self._size, self._counts = told, sum(len(unit.places) for unit in units), counts
        self.tokens = 0

    def __call__(self, done: int, total: int) -> None:
        """Note that so much of them is done."""
        self.tokens = done if self._counts == "token" else 0
        self._told.show(self._size * min(done / max(total, 1), 1.0), self.tokens)
