"""How small a difference a run could find, and how many queries and demonstration sets a smaller one takes."""

from dataclasses import dataclass
from pathlib import Path

from icl.errors import UserError
from icl.metrics.normalise import normalise
from icl.metrics.outcomes import prompt_outcomes
from icl.metrics.power import (
    POWER,
    TYPICAL,
    Option,
    VarianceComponents,
    components,
    minimum_detectable_effect,
    needed,
)
from icl.metrics.table import as_drawn, clusters, matched, settings
from icl.tasks.task import Task
from probes.runs.experiment import Experiment
from probes.runs.folder import open_run
from probes.runs.plan import Plan

__all__ = ["PlannedPower", "plan_power"]

_SHOWN = 5
"""Sizes of run that are printed, the cheapest first."""

_FEWEST = 2
"""Demonstration sets and queries of a pilot from which variances can be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPower:
    """What a plan can find; differences are shares of accuracy.

    Attributes
    ----------
    queries, demonstration_sets : int
        As planned.
    source : str
        Where the variances come from.
    variances : VarianceComponents
        Of a paired difference of accuracy.
    smallest : float or None
        Smallest difference that the plan finds with probability `POWER`; None with fewer than two sets.
    effect : float or None
        The difference that was asked for.
    sizes : tuple of Option
        Sizes of run that find it, fewest prompts first.
    """

    queries: int
    demonstration_sets: int
    source: str
    variances: VarianceComponents
    smallest: float | None
    effect: float | None
    sizes: tuple[Option, ...]

    def lines(self) -> list[str]:
        """The same in words."""
        sure = f"with probability {POWER:g}"
        found = [f"What could be found ({self.source}):"]
        if self.smallest is None:
            found.append("  with one query or one demonstration set nothing can be said of others; ask two or more.")
        elif self.smallest > 1:
            found.append(
                f"  as planned ({self.queries} queries × {self.demonstration_sets} sets) not even 100 points, {sure}."
            )
        else:
            found.append(
                f"  as planned ({self.queries} queries × {self.demonstration_sets} sets) a difference between two "
                f"conditions of {100 * self.smallest:.1f} points of accuracy or more, {sure}."
            )
        if self.effect is not None:
            found.append(f"  {100 * self.effect:g} points or more, {sure}, by any of:")
            found += [
                f"    --queries {one.num_queries} --demonstration-sets {one.num_sets} "
                f"({one.prompts:,} prompts a condition)"
                for one in self.sizes[:_SHOWN]
            ]
        return found


def plan_power(
    planned: Plan, experiment: Experiment, *, effect: float | None, pilot: Path | None
) -> PlannedPower | None:
    """Say what a plan can find; None on GINC and on curves, whose prompts each have demonstrations of their own.

    Parameters
    ----------
    effect
        The difference of accuracies that matters; None asks only what the plan finds.
    pilot
        Run folder whose gold labels minus another mode tell the variances; None takes typical ones.

    Raises
    ------
    UserError
        If the effect is none between 0 and 1, no size of run finds it, or the pilot cannot tell the variances.
    """
    task = planned.task
    if not isinstance(task, Task) or experiment.curve:
        if effect is not None or pilot is not None:
            raise UserError(
                "--effect and --pilot plan queries × demonstration sets; on GINC and on curves every prompt has "
                "demonstrations of its own. Leave them out."
            )
        return None
    if effect is not None and not 0 < effect < 1:
        raise UserError(
            f"--effect is a difference of accuracies between 0 and 1, got {effect:g}; 0.03 is three points."
        )
    variances, source = _variances(pilot)
    queries, sets = experiment.queries, experiment.demonstration_sets
    most_shots = max(len(prompt.demonstrations) for prompt in planned.prompts)
    available = len(task.query_pool) or len(task.pool) - most_shots
    smallest = None
    if min(queries, sets) > 1:
        smallest = minimum_detectable_effect(variances, num_queries=queries, num_sets=sets)
    sizes = () if effect is None else tuple(needed(effect, variances, max_queries=available))
    return PlannedPower(
        queries=queries,
        demonstration_sets=sets,
        source=source,
        variances=variances,
        smallest=smallest,
        effect=effect,
        sizes=sizes,
    )


def _variances(pilot: Path | None) -> tuple[VarianceComponents, str]:
    if pilot is None:
        return TYPICAL, "variances typical of gold minus random labels; --pilot RUN takes those of a run"
    outcomes = as_drawn(prompt_outcomes(normalise(open_run(pilot).scores())))
    outcomes = outcomes[(outcomes["input_mode"] == "task") & (outcomes["label_draw"] == 0)]
    for rows in settings(outcomes[outcomes["num_shots"] > 0].sort_values("num_shots", ascending=False), "num_shots"):
        for mode in ("random", *rows["label_mode"].unique()):
            if mode == "gold":
                continue
            first, second = rows[rows["label_mode"] == "gold"], rows[rows["label_mode"] == mode]
            if first.empty or second.empty:
                continue
            where = ["model", "format", "balance"]
            chosen = first[where].iloc[0]
            gold, other = matched(*(part[(part[where] == chosen).all(axis=1)] for part in (first, second)))
            if min(gold["query_id"].nunique(), gold["demonstration_set_id"].nunique()) < _FEWEST:
                continue
            found = components((gold["accuracy"] - other["accuracy"]).to_numpy(), *clusters(gold))
            said = f"{chosen['model']}, {int(rows['num_shots'].iloc[0])} shots, {chosen['format']}, {chosen['balance']}"
            return found, f"variances of gold − {mode} in {pilot}: {said}"
    raise UserError(
        f"{pilot} cannot tell how much differences vary: it holds no gold labels beside another mode on two or more "
        "queries and demonstration sets; make a pilot with --label-modes gold,random, or leave --pilot out."
    )
