"""Work units: what a plan asks of one model in one go, on its own; any process can do one from the run folder.

    for unit in make_units(plan):   # plan = make_plan(folder.experiment), the same in every process
        do_unit(folder, unit.id)    # in any process, in any order, at the same time

Afterwards `probe run` finds all prompts answered, and measures.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from probes.runs.plan import Plan
from probes.runs.rows import prompt_key

__all__ = ["Unit", "make_units", "units_done"]

_PROMPTS_IN_UNIT = 4096
"""A unit ends with the demonstration set that brings it to so many prompts: prompts of one set share their beginning,
and are read with all others of the unit at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Prompts that one model is asked together.

    Attributes
    ----------
    number : int
        Position among the units of the plan.
    id : str
        Sixteen hexadecimal digits of model and prompts: the same wherever the plan is made.
    model : str
        The scorer's name.
    places : tuple of int
        Positions of the prompts in the plan.
    is_search : bool
        Whether only some of them are asked, which a format search chooses one after the other.
    """

    number: int
    id: str
    model: str
    places: tuple[int, ...]
    is_search: bool = False


def make_units(plan: Plan) -> tuple[Unit, ...]:
    """Cut a plan into units, those of one model together; a format search is one, behind the others of its model."""
    searched = frozenset(plan.search.places) if plan.search else frozenset()
    blocks = [(block, False) for block in _blocks(plan, searched)]
    if plan.search:
        blocks.append((plan.search.places, True))
    keys = ["\x1f".join(map(str, prompt_key(prompt))) for prompt in plan.prompts]
    units: list[Unit] = []
    for scorer in plan.scorers:
        for places, is_search in blocks:
            named = "\n".join([scorer.name, "search" if is_search else "all", *(keys[place] for place in places)])
            name = hashlib.sha256(named.encode()).hexdigest()[:16]
            units.append(Unit(number=len(units), id=name, model=scorer.name, places=places, is_search=is_search))
    return tuple(units)


def units_done(plan: Plan, units: tuple[Unit, ...], stored: dict[str, set[tuple]]) -> frozenset[str]:
    """Name the units of which everything is stored, by id.

    Parameters
    ----------
    stored
        From `RunFolder.stored_prompts`.
    """
    keys = [prompt_key(prompt) for prompt in plan.prompts]
    done = set()
    for unit in units:
        held = stored.get(unit.model, set())
        answered = sum(keys[place] in held for place in unit.places)
        needed = len(unit.places)
        if unit.is_search and plan.search:
            shared = sum(keys[place] in held for place in plan.search.shared)
            needed = min(needed, max(0, plan.search.budget - shared)) if shared == len(plan.search.shared) else needed
        if answered >= needed:
            done.add(unit.id)
    return frozenset(done)


def _blocks(plan: Plan, searched: frozenset[int]) -> Iterator[tuple[int, ...]]:
    """Positions of prompts that stand together in the plan, whole demonstration sets at a time."""
    block: list[int] = []
    last = None
    for place, prompt in enumerate(plan.prompts):
        if place in searched:
            continue
        drawn = prompt.demonstrations.set_id
        if drawn != last and len(block) >= _PROMPTS_IN_UNIT:
            yield tuple(block)
            block = []
        block.append(place)
        last = drawn
    if block:
        yield tuple(block)
