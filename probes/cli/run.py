"""`probe run`: score a plan into a run folder, and say what came of it."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from probes.cli.command import RESUMES, Command, Group
from probes.cli.flags import add_experiment, add_json, add_options
from probes.runs.resources import CACHE, Resources
from probes.terminal.layout import next_lines
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="run",
    group=Group.ASK,
    help="run probes, or an experiment file, on models and a task",
    kept=RESUMES,
    phases=lambda options: 3 + len(set(options.models or [""])),  # importing, planning, measuring, and each model
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_experiment(parser)
    parser.add_argument("--out", type=Path, required=True, help="run folder; rerunning the same command resumes it")
    add_options(parser, Resources, (CACHE,))
    add_json(parser)


def run(options: Namespace) -> int:
    """Score a plan into a run folder and print its main numbers."""
    with phase("importing libraries"):
        from probes.cli.asked import experiment_of, resources_of
        from probes.cli.steps import score
        from probes.runs.models import with_covariates

    folder = score(experiment_of(options), options.out, resources=resources_of(options), quiet=options.json)
    if options.json:
        print(with_covariates(folder.metrics(), folder.models()).to_json(orient="records", indent=1))
    else:
        print("\n".join(line for name in ("report", "fit") for line in next_lines("probe", name, folder.argument)))
    return 0
