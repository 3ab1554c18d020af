"""How small a difference a finished run could find, and the command that asks enough to find half of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.metrics.power import MAX_QUERIES, NUM_SETS, TYPICAL, Option, VarianceComponents, largest, needed
from icl.worlds import WORLDS
from probes.figures.words import points
from probes.findings.findings import findings
from probes.findings.material import Material
from probes.findings.selection import split_models
from probes.findings.verdict import QUERIES_PER_FORMAT
from probes.power.planned import SURE, size_flags, smallest_found
from probes.power.variances import Variances, own_variances
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder
from probes.terminal.shell import path_argument

__all__ = ["FoundPower", "found_power", "power_of_run"]

_WORTH = 0.8
"""A larger run that finds more than this part of what the run found is not worth its prompts."""

_HANDFUL = 16
"""Queries below which what queries add to the variance is hardly known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPower:
    """What a finished run could find, as a share of accuracy, and a larger run that finds less.

    Attributes
    ----------
    size : str
        Of the run, in words.
    source : str
        By whose variances.
    smallest : float or None
        Smallest difference between two conditions that it could find; None where it tells nothing of others.
    larger : tuple of str
        Flags of a larger run, a word each; empty where none is known.
    then : float
        What the larger run finds.
    exhausted : bool
        Whether the task's rows allow no run that finds half of it.
    """

    size: str
    source: str
    smallest: float | None
    larger: tuple[str, ...] = ()
    then: float = np.nan
    exhausted: bool = False

    def sentences(self) -> list[str]:
        """Say it; where a larger run finds less, the last sentence ends in a colon, and `command` belongs behind it."""
        said = [f"This run ({self.size}) {self._could()}."]
        finds_none = self.smallest is not None and self.smallest > 1
        if self.larger:
            finds = f"{points(self.then)} points"
            if self.smallest is not None and not self.exhausted:
                finds = f"one of {finds}" if finds_none else f"half of that, {finds}"
            most = ", the least that the task's rows allow" if self.exhausted else ""
            said.append(f"To find {finds}{most}:")
        elif self.exhausted:
            said.append(f"To find {'one' if finds_none else 'half of that'} takes a task with more rows.")
        return said

    def command(self, path: Path) -> list[str]:
        """Write the words of the command that asks more of the same experiment; none where there is none.

        Parameters
        ----------
        path
            The run folder.
        """
        if not self.larger:
            return []
        experiment, beside = path_argument(path / "experiment.toml"), path_argument(_beside(path))
        return ["probe", "run", experiment, *self.larger, "--out", beside]

    def _could(self) -> str:
        if self.smallest is None:
            return "says nothing about other queries and demonstration sets, since it has only one of each"
        if self.smallest > 1:
            return f"could not find a difference of any size, {SURE} ({self.source})"
        return f"could find differences of {points(self.smallest)} points of accuracy or more, {SURE} ({self.source})"


def power_of_run(folder: RunFolder, material: Material) -> FoundPower | None:
    """Say what a run could find of the models that are reported; None where it compares nothing, or was imported.

    Parameters
    ----------
    folder
        The run folder.
    material
        What was read of it.
    """
    if folder.is_imported:  # there is no experiment to ask more of
        return None
    subjects, references = split_models(material.metrics)
    reported = subjects or references
    if not any(findings(material.metrics, model) for model in reported):
        return None
    outcomes = material.outcomes
    mine = None if outcomes is None else outcomes[outcomes["model"].isin(reported)]
    return found_power(mine, folder.experiment, folder.manifest)


def found_power(outcomes: pd.DataFrame | None, experiment: Experiment, manifest: dict) -> FoundPower:
    """Say what a run could find, by its own variances where they can be told, else by typical ones.

    Parameters
    ----------
    outcomes
        Prompt outcomes of the models that are reported; of several the one whose answers vary most counts.
    experiment
        What was asked.
    manifest
        The run's manifest; its entry ``most_queries`` says what the task's rows allow.
    """
    alone = experiment.task in WORLDS or experiment.curve
    own = [] if outcomes is None else own_variances(outcomes, crossed=not alone)
    guess = Variances(components=TYPICAL, said="by variances typical of gold minus random labels")
    if alone:
        return _alone(own or [guess], experiment, manifest)
    queries, sets = experiment.queries, experiment.demonstration_sets
    used = max(own or [guess], key=lambda one: smallest_found(one.components, max(queries, 2), max(sets, 2)) or 0.0)
    smallest = smallest_found(used.components, queries, sets)
    found = FoundPower(size=f"{queries} queries × {_sets(sets)}", smallest=smallest, source=used.said)
    if (allowed := manifest.get("most_queries")) is None:
        return found  # the run was made before its task's rows were counted
    limits = {int(count): most for count, most in allowed.items()} or dict.fromkeys(NUM_SETS, MAX_QUERIES)
    return _with_larger(found, used.components, limits, _fewest_queries(outcomes, queries))


def _with_larger(
    found: FoundPower, variances: VarianceComponents, limits: Mapping[int, int], fewest: int
) -> FoundPower:
    """Add the cheapest size that halves what is found, else the one that finds least, where that is worth while."""
    goal = 1.0 if found.smallest is None else found.smallest / 2
    try:
        sizes = [_at_least(size, fewest) for size in needed(min(goal, 0.99), variances, max_queries=limits)]
    except UserError:
        sizes = []
    if sizes := sorted(size for size in sizes if size.num_queries <= limits[size.num_sets]):
        then = smallest_found(variances, sizes[0].num_queries, sizes[0].num_sets) or np.nan
        return FoundPower(**_of(found), larger=size_flags(sizes[0]), then=then)
    best = largest(variances, {count: most for count, most in limits.items() if most >= fewest})
    if best is None or (found.smallest is not None and best[0] > _WORTH * found.smallest):
        return FoundPower(**_of(found), exhausted=True)
    return FoundPower(**_of(found), larger=size_flags(best[1]), then=best[0], exhausted=True)


def _alone(used: list[Variances], experiment: Experiment, manifest: dict) -> FoundPower:
    """The same where every prompt has demonstrations of its own: only the number of prompts counts."""
    sets, queries = experiment.demonstration_sets, 1 if experiment.curve else experiment.queries
    most = max(used, key=lambda one: one.components.by_set + one.components.by_query + one.components.residual)
    parts = most.components
    variances = VarianceComponents(by_set=0.0, by_query=parts.by_set + parts.by_query + parts.residual, residual=0.0)

    def least(prompts: int) -> float | None:
        return smallest_found(variances, prompts, 2)

    smallest = least(sets * queries)
    found = FoundPower(
        size=f"{sets * queries} prompts per condition, each with demonstrations of its own",
        smallest=smallest,
        source=most.said,
    )
    goal = 0.5 if smallest is None else smallest / 2
    low, high = 1, max(4, 16 * sets * queries)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if (least(middle) or 1.0) <= goal else (middle, high)
    flags = ("--demonstration-sets", str(high)) if experiment.curve else ("--queries", str(-(-high // sets)))
    if experiment.curve and high > manifest.get("most_curves", high):
        return FoundPower(**_of(found), exhausted=True)
    return FoundPower(**_of(found), larger=flags, then=least(high) or np.nan)


def _of(found: FoundPower) -> dict:
    return {"size": found.size, "source": found.source, "smallest": found.smallest}


def _at_least(size: Option, fewest: int) -> Option:
    """Ask no fewer queries than a spread over formats takes."""
    queries = max(size.num_queries, fewest)
    return Option(prompts=queries * size.num_sets, num_sets=size.num_sets, num_queries=queries)


def _fewest_queries(outcomes: pd.DataFrame | None, queries: int) -> int:
    """As many as a spread over formats takes, and no handful where the run had more."""
    formats = 1 if outcomes is None else outcomes["format"].nunique()
    return max(2, min(queries, _HANDFUL), QUERIES_PER_FORMAT * formats if formats > 1 else 2)


def _sets(count: int) -> str:
    return f"{count} demonstration set{'s' if count != 1 else ''}"


def _beside(path: Path) -> Path:
    """A folder beside the run's that is not there yet."""
    path = path if path.name not in ("", "..") else path.resolve()
    names = (path.with_name(f"{path.name}-larger{number}") for number in ("", *range(2, 1000)))
    return next(name for name in names if not name.exists())
