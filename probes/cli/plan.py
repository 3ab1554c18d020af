"""`probe plan`: the grid, the cost, and how small a difference the run could find; nothing is run."""

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from icl.factors import condition_columns, get_factor, unusual, varied_sides
from probes.cli.command import Command, Group
from probes.cli.flags import add_experiment, add_json
from probes.cli.planned_sweep import plan_sweep
from probes.terminal.layout import print_lines, table_lines
from probes.terminal.progress import duration, phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icl.prompts.render import Prompt
    from probes.runs.plan import Plan, TooLong

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="plan",
    group=Group.ASK,
    help="show the grid, prompts, tokens, time and power of a run without running it",
    phases=lambda options: 3,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_experiment(parser)
    parser.add_argument(
        "--effect", type=float, default=None, help="smallest difference in accuracy that matters, e.g. 0.03"
    )
    parser.add_argument(
        "--pilot", type=Path, default=None, help="run folder whose answers show how much differences vary"
    )
    add_json(parser)


def run(options: Namespace) -> int:
    """Print the grid of a run, what would not fit a model, and what it would cost; of a sweep its sums."""
    with phase("importing libraries"):
        from probes.cli.asked import experiment_of, resources_of
        from probes.power.planned import plan_power
        from probes.runs.plan import make_plan
        from probes.runs.sweep_file import is_sweep

    if options.experiment is not None and is_sweep(options.experiment):
        return plan_sweep(options)
    experiment = experiment_of(options)
    with phase("planning"):
        planned = make_plan(replace(experiment, skip_too_long=True), resources_of(options))
    cells = Counter(_cell(prompt) for prompt in planned.prompts)
    questions = planned.questions()  # each is asked once
    costs = {}
    with phase("counting tokens"):
        for scorer in planned.scorers:
            skipped = planned.skipped[scorer.name]
            tokens = scorer.num_tokens([one for name, one in questions.items() if name not in skipped])
            costs[scorer.name] = (tokens, scorer.estimated_seconds(tokens))
    too_long = {name: _too_long(planned, reasons) for name, reasons in planned.skipped.items()}
    power = plan_power(planned, experiment, effect=options.effect, pilot=options.pilot)
    if options.json:
        names = (*_CELL[:-1], "shots")
        grid = [dict(zip(names, cell)) | {"prompts": count} for cell, count in cells.items()]
        models = {
            scorer.name: {
                **planned.models[scorer.name].covariates(scorer),
                **dict(zip(("tokens", "seconds"), costs[scorer.name])),
                "too_long": list(too_long[scorer.name].values()),
            }
            for scorer in planned.scorers
        }
        asked = {"prompts": len(planned.prompts), "questions": len(questions), "grid": grid, "models": models}
        asked["notices"] = list(planned.notices)
        asked |= {"power": asdict(power)} if power else {}
        print(json.dumps(asked, indent=1))
        return 0
    print_lines(
        [f"{planned.task.name}: {planned.task.description}", f"{len(planned.prompts):,} prompts for each model:"]
    )
    print("\n".join(_grid(cells)))
    said = []
    for name, (tokens, seconds) in costs.items():
        said.append(f"{name}: {tokens:,} tokens to read, roughly {duration(seconds)}" if tokens else f"{name}: seconds")
        said += [f"  does not fit: {line}" for line in too_long[name].values()]
    if any(too_long.values()) and not experiment.skip_too_long:
        said.append("`probe run` refuses what does not fit; leave it out with --skip-too-long.")
    if planned.search:
        said.append(f"The format search asks each model at most {planned.search.budget:,} of its prompts.")
    said += [f"Note: {notice}" for notice in planned.notices]
    said += power.lines() if power else ()
    print_lines([*said, "Nothing was run; use `probe run` with the same flags and --out."])
    return 0


_CELL = ("method", *condition_columns("model", "task", "num_shots"), "num_shots")
"""Factors that a cell of the grid has one value of."""


def _cell(prompt: "Prompt") -> tuple:
    values = prompt.factors
    return tuple(values[name] for name in _CELL)


def _too_long(planned: "Plan", reasons: "Mapping[str, TooLong]") -> dict[tuple, str]:
    """Say for each cell how many of its prompts do not fit, and how long the longest is."""
    import pandas as pd

    found: dict[tuple, list["Prompt"]] = {}
    for prompt in planned.prompts:
        if prompt.prompt_id in reasons:
            found.setdefault(_cell(prompt), []).append(prompt)
    varied = varied_sides(pd.DataFrame(list(found), columns=_CELL))
    lines = {}
    for cell, prompts in found.items():
        longest = max((reasons[prompt.prompt_id] for prompt in prompts), key=lambda one: one.num_tokens)
        lines[cell] = f"{_cell_words(cell, varied)}: {len(prompts)} prompts, the longest has {longest}"
    return lines


def _cell_words(cell: tuple, varied: set[str]) -> str:
    """Name a cell: what is always told, and what does not go without saying."""
    values = dict(zip(_CELL, cell))
    sides = unusual(values, varied, shows=values["num_shots"] > 0)
    named = [values["label_mode"], *(get_factor(name).label(value) for name, value in sides.items())]
    named += [values["format"], *([f"k={values['example_length']}"] if values["example_length"] else [])]
    named += [f"{values['num_shots']} shots", *(["channel"] if values["method"] == "channel" else [])]
    return ", ".join(named)


def _grid(cells: Counter) -> list[str]:
    """Lay the numbers of prompts out by condition and shots; of the rarer factors those that vary."""
    import pandas as pd

    headings = [get_factor(name).heading for name in _CELL]
    table = pd.Series(cells).rename_axis(headings).rename("prompts").reset_index()
    keys = [name for name in headings[:-1] if name in ("label mode", "format") or table[name].nunique() > 1]
    wide = table.pivot_table(index=keys, columns="shots", values="prompts", aggfunc="sum", fill_value=0, sort=False)
    wide = wide.rename(columns=lambda shots: f"{shots} shots").reset_index()
    return table_lines(wide, keys=len(keys))
