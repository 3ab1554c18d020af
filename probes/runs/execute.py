"""Score what a plan asks, skipping what a run folder already holds, and write rows as answers come."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.metrics.boundaries import boundary_audit
from icl.metrics.measure import measure
from icl.metrics.normalise import DEFAULT_NORMALISATION
from icl.prompts.render import Prompt
from probes.runs.asking import ask_units
from probes.runs.folder import RunFolder
from probes.runs.manifest import make_manifest
from probes.runs.plan import Plan, make_plan
from probes.runs.standing import left_sentence, stored_sentence
from probes.runs.units import Unit, make_units
from probes.scorers.scorer import Progress, Scorer
from probes.terminal.progress import phase

__all__ = ["ask_model", "begin", "check_precision", "do_unit", "execute", "finish"]

_CHECKED_FOR_PRECISION = 16
"""Prompts of the run on which reduced precision is compared with float32."""


def execute(folder: RunFolder, plan: Plan, *, tell: Callable[[str], None] | None = None) -> pd.DataFrame:
    """Score every prompt of the plan with every scorer, then measure; return the metrics table.

    Parameters
    ----------
    tell
        Called with a sentence on what is left of a run that goes on.

    Raises
    ------
    UserError
        If the folder holds scores of a model that has changed since, or a scorer fails; what was scored stays, and a
        note of the error, as of a `KeyboardInterrupt`, says how much that is.
    """
    with folder.locked():
        manifest = begin(folder, plan)
        stored = folder.stored_prompts()
        if tell is not None and (left := left_sentence(stored, plan)):
            tell(left)
        try:
            return _execute(folder, plan, manifest, stored)
        except (KeyboardInterrupt, UserError) as error:
            if note := stored_sentence(folder, plan, always=isinstance(error, KeyboardInterrupt)):
                error.add_note(note)
            raise


def do_unit(folder: RunFolder, which: int | str, *, plan: Plan | None = None) -> Unit:
    """Answer one unit of a run that `create_run` began; other processes may do others, or the same, at the same time.

    It takes no lock and measures nothing: when all units are done, `execute` (`probe run`) measures.

    Parameters
    ----------
    which
        The unit's number or id, see `probes.runs.units.make_units`.
    plan
        Of the folder's experiment, where it was made already.

    Raises
    ------
    UserError
        If there is no such unit, the folder holds scores of a model that has changed since, or the scorer fails.
    """
    plan = plan or make_plan(folder.experiment)
    units = make_units(plan)
    unit = next((one for one in units if which in (one.number, one.id)), None)
    if unit is None:
        raise UserError(f"{folder.path} has no unit {which!r}; its {len(units)} units are numbered from 0.")
    manifest = make_manifest(folder, plan)
    if not folder.has_manifest:
        folder.write_manifest(manifest)
    for scorer in plan.scorers:
        if scorer.name == unit.model:
            with closing(scorer):
                ask_units(folder, plan, scorer, (unit,), done=folder.stored_prompts().get(scorer.name, set()))
    return unit


def begin(folder: RunFolder, plan: Plan) -> dict:
    """Write the record of a run that begins or goes on, and return it.

    Raises
    ------
    UserError
        If the folder holds scores of a model or task that has changed since.
    """
    manifest = make_manifest(folder, plan)
    folder.write_manifest(manifest)
    return manifest


def ask_model(
    folder: RunFolder,
    plan: Plan,
    scorer: Scorer,
    units: Sequence[Unit],
    manifest: dict,
    *,
    done: set[tuple],
    progress: Progress | None = None,
) -> None:
    """Let one scorer answer some units of the plan, and record how it did; it stays open.

    Parameters
    ----------
    manifest
        From `begin`; it is written again.
    done, progress
        As of `ask_units`.
    """
    scorer.begin_reading()
    began = time.perf_counter()
    try:
        cached = ask_units(folder, plan, scorer, units, done=done, progress=progress)
    finally:
        manifest["seconds"] = round(manifest["seconds"] + time.perf_counter() - began, 1)
        if reading := scorer.reading():
            manifest["reading"][scorer.name] = reading
        folder.write_manifest(manifest)
    if cached:
        manifest["from_cache"][scorer.name] = cached


def check_precision(plan: Plan, scorer: Scorer, manifest: dict) -> None:
    """Record what a reduced precision changes, where that is not known; the scorer may have released its weights."""
    if scorer.name not in manifest["precision"] and (deviation := scorer.precision_check(_sample(plan, scorer))):
        manifest["precision"][scorer.name] = deviation


def finish(folder: RunFolder, manifest: dict) -> pd.DataFrame:
    """Measure a run of which every prompt is answered, and record that; returns the metrics table.

    Raises
    ------
    UserError
        If no answer is known: asking again would end here again, and the record says so.
    """
    began = time.perf_counter()
    how = folder.normalisation  # another than the default was asked for
    answers, possible = folder.answers_to_measure(how)
    audit = boundary_audit(answers[DEFAULT_NORMALISATION])
    manifest["boundaries"] = audit.set_index("model").to_dict(orient="index")
    try:
        metrics = measure(answers.__getitem__, how, possible=possible)
    except UserError as error:  # nothing to ask again: the same command would end here
        folder.write_manifest(manifest | {"unanswered": str(error)})
        raise
    folder.write_metrics(metrics)
    manifest["state"] = "finished"
    manifest["stored"] = folder.stored_now(len(answers[DEFAULT_NORMALISATION]))
    manifest["seconds"] = round(manifest["seconds"] + time.perf_counter() - began, 1)
    folder.write_manifest(manifest)
    return metrics


def _execute(folder: RunFolder, plan: Plan, manifest: dict, stored: dict[str, set[tuple]]) -> pd.DataFrame:
    units = make_units(plan)
    for scorer in plan.scorers:
        mine = [unit for unit in units if unit.model == scorer.name]
        with closing(scorer):
            with phase(f"{scorer.name}: reading", unit=scorer.unit) as told:
                done = stored.get(scorer.name, set())
                ask_model(folder, plan, scorer, mine, manifest, done=done, progress=told)
            check_precision(plan, scorer, manifest)
    with phase("measuring"):
        return finish(folder, manifest)


def _sample(plan: Plan, scorer: Scorer) -> list[Prompt]:
    """Prompts of the run, evenly over all of it, that the scorer can read."""
    skipped = plan.skipped.get(scorer.name, {})
    scored = [prompt for prompt in plan.prompts if prompt.prompt_id not in skipped]
    scored = [prompt for prompt in scored if prompt.method == scored[0].method]  # one scale of nats
    chosen = np.unique(np.linspace(0, len(scored) - 1, min(len(scored), _CHECKED_FOR_PRECISION)).round().astype(int))
    return [scored[index] for index in chosen]
