"""What a sweep will ask and what that costs: plans of cells, made when they are wanted, and their sums."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from icl.errors import UserError
from icl.factors import as_tuple
from probes.models import read_model
from probes.runs.models import SharedScorers
from probes.runs.plan import Plan, make_plan
from probes.runs.resources import Resources
from probes.runs.sweep_file import Cell, Sweep
from probes.runs.units import Unit, make_units
from probes.scorers.scorer import Progress, Scorer

__all__ = ["ModelCost", "Plans", "SweepCost", "cost_of", "hours_with", "in_asking_order", "model_key"]

_KEPT_PROMPTS = 200_000
"""Plans are kept until they hold so many prompts; others are made again when they are wanted."""


class Plans:
    """Plans of the cells of a sweep, which share the scorers that they ask.

    Parameters
    ----------
    resources
        What every run may use.
    """

    def __init__(self, resources: Resources):
        self.resources = resources
        self._shared = SharedScorers()
        self._kept: OrderedDict[str, Plan] = OrderedDict()

    def of(self, cell: Cell) -> Plan:
        """Make the plan of a cell, or take the one that was kept.

        Raises
        ------
        UserError
            As `make_plan`, with a note of the cell.
        """
        if cell.name in self._kept:
            self._kept.move_to_end(cell.name)
            return self._kept[cell.name]
        try:
            plan = make_plan(cell.experiment, self.resources, shared=self._shared)
        except UserError as error:
            error.add_note(f"(In the cell {cell.words}.)")
            raise
        self._kept[cell.name] = plan
        while len(self._kept) > 1 and sum(len(one.prompts) for one in self._kept.values()) > _KEPT_PROMPTS:
            self._kept.popitem(last=False)
        return plan


def model_key(scorer: Scorer) -> str:
    """Tell models of a sweep apart: two scorers of one key are the same weights, read in the same way."""
    return json.dumps([scorer.name, scorer.identity()], sort_keys=True)


def in_asking_order(cells: Sequence[Cell]) -> list[Cell]:
    """Put cells of the same models together, so that each model is opened and loaded once for all its cells."""
    place: dict[tuple, int] = {}
    for cell in cells:
        place.setdefault(_models(cell), len(place))
    return sorted(cells, key=lambda cell: place[_models(cell)])


def _models(cell: Cell) -> tuple:
    return tuple(map(read_model, as_tuple(cell.experiment.models)))


@dataclass(slots=True, kw_only=True)
class ModelCost:
    """What one model will be asked in all cells, and what it takes.

    Attributes
    ----------
    cells, units, prompts, tokens : int
        Counts; tokens are those that are read, and 0 for a model that reads none.
    seconds : float
        Guess for this machine.
    weight_bytes : int
        Of the weights.
    """

    model: str
    cells: int = 0
    units: int = 0
    prompts: int = 0
    tokens: int = 0
    seconds: float = 0.0
    weight_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCost:
    """What a sweep takes: by model, by cell (name → prompts), and seconds of each unit of work."""

    models: tuple[ModelCost, ...]
    prompts: dict[str, int]
    unit_seconds: tuple[float, ...]
    skipped: dict[str, int]


def cost_of(sweep: Sweep, plans: Plans, *, progress: Progress | None = None) -> SweepCost:
    """Plan every cell and count what it will ask; loads no weights.

    Raises
    ------
    UserError
        Whatever is wrong with a cell.
    """
    found: dict[str, ModelCost] = {}
    rates: dict[str, float] = {}
    prompts, skipped, unit_seconds = {}, {}, []
    for number, cell in enumerate(in_asking_order(sweep.cells)):
        plan = plans.of(cell)
        units = make_units(plan)
        questions = plan.questions()
        prompts[cell.name] = len(plan.prompts) * len(plan.scorers)
        if left_out := sum(map(len, plan.skipped.values())):
            skipped[cell.name] = left_out
        for scorer in plan.scorers:
            key = model_key(scorer)
            if key not in found:
                found[key] = ModelCost(model=scorer.name, weight_bytes=scorer.weight_bytes())
                rates[key] = scorer.estimated_seconds(_MEASURED_TOKENS) / _MEASURED_TOKENS
            cost, unread = found[key], plan.skipped[scorer.name]
            tokens = scorer.num_tokens([one for name, one in questions.items() if name not in unread])
            mine = [unit for unit in units if unit.model == scorer.name]
            cost.cells, cost.units = cost.cells + 1, cost.units + len(mine)
            cost.prompts, cost.tokens = cost.prompts + len(plan.prompts), cost.tokens + tokens
            cost.seconds += tokens * rates[key]
            unit_seconds += [tokens * rates[key] * _share(unit, mine) for unit in mine]
        if progress:
            progress(number + 1, len(sweep.cells))
    return SweepCost(models=tuple(found.values()), prompts=prompts, unit_seconds=tuple(unit_seconds), skipped=skipped)


_MEASURED_TOKENS = 1_000_000
"""For how many tokens time is asked; it is proportional to them."""


def _share(unit: Unit, units: Sequence[Unit]) -> float:
    return len(unit.places) / sum(len(one.places) for one in units)


def hours_with(workers: int, unit_seconds: Sequence[float]) -> float:
    """Hours until the last of so many workers is done, each taking the longest unit that is left."""
    busy = [0.0] * workers
    for seconds in sorted(unit_seconds, reverse=True):
        first = busy.index(min(busy))
        busy[first] += seconds
    return max(busy) / 3600
