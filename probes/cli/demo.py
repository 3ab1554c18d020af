"""`probe demo`: run, fit and report an experiment that needs nothing beside the lab."""

import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from probes.cli.command import NOT_CONVERGED, RESUMES, Command, Group
from probes.terminal.layout import command_lines, print_lines
from probes.terminal.progress import phase

if TYPE_CHECKING:
    from probes.runs.experiment import Experiment

__all__ = ["COMMAND", "add", "demo_experiment", "run"]

_RUN, _FIT, _REPORT = 5, 4, 1
"""Phases of a run of two models, of a fit, and of a report."""

COMMAND = Command(
    name="demo",
    group=Group.ASK,
    help="run the whole lab offline: GINC, a shipped model, fit and report",
    kept=RESUMES,
    phases=lambda options: _RUN + _FIT + _REPORT,
)


def demo_experiment() -> "Experiment":
    """The experiment of `probe demo`: everything in it comes with the lab."""
    from probes.runs.experiment import Experiment
    from probes.runs.located import GINC
    from probes.scorers.catalogue import ORACLE

    return Experiment(
        models=("ginc-small", ORACLE),
        task=GINC,
        probes=("shots", "label-correctness", "format"),
        queries=100,
        demonstration_sets=1,
    )


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder (default: %(default)s)")
    parser.add_argument("--queries", type=int, default=None, help="prompts per condition (default: 100)")


def run(options: Namespace) -> int:
    """Run, fit and report the embedded experiment; returns the exit status."""
    with phase("importing libraries"):
        from probes.cli.steps import report, score
        from probes.fits.fitting import fit_run
        from probes.runs.located import GINC
        from probes.runs.resources import Resources

    began = time.perf_counter()
    experiment = demo_experiment()
    if options.queries is not None:
        experiment = replace(experiment, queries=options.queries)
    folder = score(experiment, options.out, resources=Resources(), later=_FIT + _REPORT)
    print()
    converged = fit_run([folder], after=())
    print()
    report(folder)
    said = [f"The whole lab took {time.perf_counter() - began:.0f} s."]
    if not converged:
        said.append("The report leaves out the fit, which did not converge; everything else in it is valid.")
    print_lines(said)
    print("\n".join(command_lines("probe", "show", "--task", GINC, lead="See what a model saw:")))
    return 0 if converged else NOT_CONVERGED
