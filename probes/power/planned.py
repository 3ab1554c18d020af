"""How small a difference a run could find, and how many queries and demonstration sets a smaller one takes."""

from dataclasses import dataclass
from pathlib import Path

from icl.errors import UserError
from icl.metrics.normalise import DEFAULT_NORMALISATION
from icl.metrics.outcomes import known_answers
from icl.metrics.power import (
    POWER,
    TYPICAL,
    Option,
    VarianceComponents,
    minimum_detectable_effect,
    needed,
)
from probes.power.variances import own_variances
from probes.runs.experiment import Experiment
from probes.runs.opening import open_run
from probes.runs.plan import Plan
from probes.runs.pool import most_queries

__all__ = ["SURE", "PlannedPower", "plan_power", "size_flags", "smallest_found"]

_SHOWN = 5
"""Sizes of run that are printed, the cheapest first."""

SURE = f"with probability {POWER:g}"


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
        found = [f"What could be found ({self.source}):"]
        if self.smallest is None:
            found.append("  with one query or one demonstration set nothing can be said about others; ask two or more.")
        elif self.smallest > 1:
            found.append(
                f"  as planned ({self.queries} queries × {self.demonstration_sets} sets) not even 100 points, {SURE}."
            )
        else:
            found.append(
                f"  as planned ({self.queries} queries × {self.demonstration_sets} sets) a difference between two "
                f"conditions of {100 * self.smallest:.1f} points of accuracy or more, {SURE}."
            )
        if self.effect is not None:
            found.append(f"  {100 * self.effect:g} points or more, {SURE}, by any of:")
            found += [
                f"    {' '.join(size_flags(one))} ({one.prompts:,} prompts per condition)"
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
        Run folder whose gold labels minus other modes tell the variances; None takes typical ones.

    Raises
    ------
    UserError
        If the effect is none between 0 and 1, no size of run finds it, or the pilot cannot tell the variances.
    """
    task = planned.task
    if not task.pool or experiment.curve:
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
    limits = most_queries(task, planned.prompts, planned.seeds)
    sizes = () if effect is None else tuple(needed(effect, variances, max_queries=limits or len(task.pool)))
    return PlannedPower(
        queries=experiment.queries,
        demonstration_sets=experiment.demonstration_sets,
        source=source,
        variances=variances,
        smallest=smallest_found(variances, experiment.queries, experiment.demonstration_sets),
        effect=effect,
        sizes=sizes,
    )


def smallest_found(variances: VarianceComponents, queries: int, sets: int) -> float | None:
    """Smallest difference that a run of this size finds, as a share; None with fewer than two queries or sets."""
    return minimum_detectable_effect(variances, num_queries=queries, num_sets=sets) if min(queries, sets) > 1 else None


def size_flags(size: Option) -> tuple[str, ...]:
    """Write a size of run as flags, a word each."""
    return ("--queries", str(size.num_queries), "--demonstration-sets", str(size.num_sets))


def _variances(pilot: Path | None) -> tuple[VarianceComponents, str]:
    if pilot is None:
        return TYPICAL, "variances typical of gold minus random labels; --pilot RUN takes those of a run"
    run = open_run(pilot)
    run.check_answered()
    own = own_variances(known_answers(run.answers(DEFAULT_NORMALISATION)), crossed=True, only_labels=True)
    if own:
        return own[0].components, f"{own[0].said} in {pilot}"
    raise UserError(
        f"{pilot} cannot tell how much differences vary: it holds no gold labels beside another mode on two or more "
        "queries and demonstration sets, or none of its answers differ; make a pilot with --label-modes gold,random, "
        "or leave --pilot out."
    )
