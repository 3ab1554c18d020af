"""What `probe plan` prints of a sweep: cells, units, prompts, tokens, memory, and hours by engine."""

import json
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from icl.errors import UserError
from probes.runs.experiment import Experiment
from probes.runs.option import options_of
from probes.terminal.layout import print_lines
from probes.terminal.progress import duration, phase

if TYPE_CHECKING:
    from probes.runs.sweep_plan import SweepCost

__all__ = ["plan_sweep"]

_WORKERS = (2, 4, 8, 16, 32, 64)
"""For how many workers of Ray hours are told, as long as more of them help."""

_HELPS = 0.95
"""More workers help where the time is below this part of that with half as many."""


def plan_sweep(options: Namespace) -> int:
    """Print what a sweep would ask and what it would cost."""
    from probes.cli.asked import resources_of
    from probes.runs.sweep_file import read_sweep
    from probes.runs.sweep_plan import Plans, cost_of, hours_with

    for name in (*options_of(Experiment), "template", "effect", "pilot"):
        if getattr(options, name, None) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise UserError(f"{flag} does not go with a sweep, {options.experiment}; write it into the file instead.")
    sweep = read_sweep(options.experiment)
    with phase("planning", unit="cell") as told:
        cost = cost_of(sweep, Plans(resources_of(options)), progress=told)
    hours = {1: hours_with(1, cost.unit_seconds)}
    for workers in _WORKERS:
        if (with_more := hours_with(workers, cost.unit_seconds)) > _HELPS * hours[max(hours)]:
            break
        hours[workers] = with_more
    if options.json:
        cells = [{"name": cell.name, "cell": cell.varied, "prompts": cost.prompts[cell.name]} for cell in sweep.cells]
        asked: dict[str, object] = {"cells": cells, "models": [asdict(one) for one in cost.models]}
        asked |= {name: sum(getattr(one, name) for one in cost.models) for name in ("units", "prompts", "tokens")}
        asked["hours"] = {"embedded": hours[1]} | {f"ray with {n} workers": h for n, h in hours.items() if n > 1}
        print(json.dumps(asked, indent=1))
        return 0
    print_lines(_lines(len(sweep.cells), cost, hours))
    return 0


def _lines(num_cells: int, cost: "SweepCost", hours: dict[int, float]) -> list[str]:
    units, prompts, tokens = (sum(getattr(one, name) for one in cost.models) for name in ("units", "prompts", "tokens"))
    said = [f"{_count(num_cells, 'cell')}, {_count(units, 'unit')}, {prompts:,} prompts, {tokens:,} tokens to read:"]
    for one in cost.models:
        read = f"{one.tokens:,} tokens, roughly {duration(one.seconds)}" if one.tokens else "seconds"
        said.append(
            f"{one.model}: {_count(one.cells, 'cell')}, {_count(one.units, 'unit')}, {one.prompts:,} prompts, {read}"
        )
        if one.weight_bytes:
            said[-1] += f", {_size(one.weight_bytes)} of weights"
    if left_out := sum(cost.skipped.values()):
        said.append(f"{left_out:,} questions are too long for their model and are left out.")
    if largest := max((one.weight_bytes for one in cost.models), default=0):
        said.append(
            f"Memory: one model at a time, so at most {_size(largest)} of weights in each process, and what reading "
            "takes (--memory)."
        )
    said.append(f"In this process: roughly {duration(3600 * hours[1])}.")
    more = [f"{number} workers {duration(3600 * time)}" for number, time in hours.items() if number > 1]
    if more and hours[1]:
        said.append(f"With --ray, workers like this machine: {', '.join(more)}.")
    return [*said, "Nothing was run; use `probe sweep` with the same file and --out."]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.1f} MB"
