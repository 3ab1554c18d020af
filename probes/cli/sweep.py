"""`probe sweep`: run every cell of a sweep into a store of run folders, in this process or on Ray."""

import json
from argparse import ArgumentParser, Namespace
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from probes.cli.command import RESUMES, Command, Group
from probes.cli.flags import add_json, add_options
from probes.runs.resources import CACHE, MEANS, Resources
from probes.terminal.layout import next_lines, print_lines
from probes.terminal.progress import phase, say
from probes.terminal.shell import path_argument

if TYPE_CHECKING:
    from probes.runs.sweep import Engine

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="sweep",
    group=Group.ASK,
    help="run a grid or list of experiments into a store of run folders",
    kept=RESUMES,
    phases=lambda options: 4 + bool(options.ray),  # importing, starting Ray, planning, opening, asking
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("experiment", type=Path, metavar="SWEEP", help="experiment file (.toml) with a part [sweep]")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="STORE", help="folder of run folders; rerunning resumes the sweep"
    )
    parser.add_argument(
        "--ray",
        metavar="WHERE",
        help="ask on Ray: local, local:WORKERS, auto, or HOST:PORT of a cluster (default: in this process)",
    )
    add_options(parser, Resources, (MEANS, CACHE))
    add_json(parser)


def run(options: Namespace) -> int:
    """Ask and measure what is left of a sweep, and say where the runs are."""
    with phase("importing libraries"):
        from probes.cli.asked import resources_of
        from probes.runs.sweep import run_sweep
        from probes.runs.sweep_file import read_sweep

    sweep = read_sweep(options.experiment)
    with _engine(options.ray) as engine:
        tell = None if options.json else say
        works = run_sweep(sweep, options.out, resources=resources_of(options), engine=engine, tell=tell)
    done = {work.cell.name: work for work in works}
    if options.json:
        rows = [
            {"run": str(done[cell.name].folder.path), "cell": cell.varied, "prompts": done[cell.name].num_prompts}
            for cell in sweep.cells
        ]
        print(json.dumps(rows, indent=1))
        return 0
    print_lines([f"{done[cell.name].folder.path}: {cell.words}" for cell in sweep.cells])
    print("\n".join(next_lines("probe", "query", path_argument(options.out))))
    return 0


def _engine(where: str | None) -> "AbstractContextManager[Engine | None]":
    """Who asks: this process, or Ray."""
    if where is None:
        return nullcontext()
    from probes.runs.sweep_ray import ray_engine

    return ray_engine(where)
