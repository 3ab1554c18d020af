"""Run every probe on every control in a folder that is thrown away, and compare what is read with what must be."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from icl.tasks.builtin import BUILTIN_TASKS
from probes.catalogue.index import PROBES
from probes.catalogue.probe import Probe
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.located import GINC
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.runs.resources import Resources
from probes.scorers.controls import is_control
from probes.scorers.scorer import Progress
from probes.selftest.expectations import EXPECTATIONS

__all__ = ["Reading", "selftest", "selftest_table"]

_TEXT_TASK, _CHOICE_TASK = "topic", "kinds"

_QUERIES, _SETS = 8, 3

_MOST_PROCESSES = 61
"""Windows waits for no more at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one probe read on one control.

    Attributes
    ----------
    probe, control, task : str
        Names.
    checked : int
        Numbers of the metrics table that were compared.
    failures : tuple of str
        Those that are not what they must be.
    """

    probe: str
    control: str
    task: str
    checked: int
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether something was compared, and all of it was as it must be."""
        return self.checked > 0 and not self.failures


def selftest(
    probes: Sequence[str] = tuple(PROBES), *, processes: int | None = None, progress: Progress | None = None
) -> Iterator[Reading]:
    """Yield a reading for each probe and control, on a task of sentences, of choices, and on GINC where they apply.

    Parameters
    ----------
    probes
        Names.
    processes
        How many probes are read at a time; None is one a core.
    progress
        Called with (pairs of probe and task that are read, pairs in all).
    """
    pairs = [(name, task) for name in probes for task in _tasks(PROBES[name])]
    workers = min(processes or os.cpu_count() or 1, _MOST_PROCESSES)
    with _one_thread_each(), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done, readings in enumerate(pool.map(_read, *zip(*pairs)), start=1):
            if progress is not None:
                progress(done, len(pairs))
            yield from readings


def selftest_table(readings: list[Reading]) -> pd.DataFrame:
    """Lay readings out: one row a probe and task, one column a control; numbers that agree, or how many do not."""
    cells = {
        (f"{reading.probe} ({reading.task})", reading.control): (
            f"{reading.checked}" if reading.passed else f"{len(reading.failures) or 'no'} OF {reading.checked}"
        )
        for reading in readings
    }
    table = pd.Series(cells).unstack(sort=False).reindex(columns=list(EXPECTATIONS))
    table = table.astype(object)
    return table.where(table.notna(), "·").rename_axis(index=None, columns=None)


def _tasks(probe: Probe) -> list[str]:
    tasks = [name for name in (_TEXT_TASK, _CHOICE_TASK) if probe.grids_for(BUILTIN_TASKS[name]())]
    if probe.text and _CHOICE_TASK in tasks:
        tasks.remove(_CHOICE_TASK)  # the same question, asked of sentences already
    return tasks + ([GINC] if probe.ginc else [])


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let the processes that are started here use one thread for linear algebra: there is one for each core."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _read(name: str, task: str) -> list[Reading]:
    """Run one probe on every control that belongs to the task."""
    with TemporaryDirectory() as scratch:
        return _read_in(Path(scratch) / "run", PROBES[name], task)


def _read_in(folder: Path, probe: Probe, task: str) -> list[Reading]:
    controls = [name for name in EXPECTATIONS if is_control(name) or task == GINC]
    experiment = Experiment(
        models=tuple(controls), task=task, probes=(probe.name,), queries=_QUERIES, demonstration_sets=_SETS
    )
    plan = make_plan(experiment, Resources(use_cache=False))
    metrics = execute(create_run(folder, experiment), plan)
    metrics = metrics.assign(num_candidates=len(plan.prompts[0].candidates))
    readings = []
    for control in controls:
        mine = metrics[metrics["model"] == control]
        checked, failures = 0, []
        for expectation in EXPECTATIONS[control]:
            rows = expectation.rows(mine)
            checked += len(rows)
            failures += expectation.failures(rows)
        found = Reading(probe=probe.name, control=control, task=task, checked=checked, failures=tuple(failures))
        readings.append(found)
    return readings
