"""Steps that several commands take: score a plan, say what was found, write the report."""

from pathlib import Path

from probes import disk
from probes.report.found_power import power_of_run
from probes.report.page import read_material
from probes.report.run_words import run_lines
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.runs.resources import Resources
from probes.runs.words import account_of_reading
from probes.terminal.layout import command_lines, print_lines
from probes.terminal.progress import expect, phase, say

__all__ = ["print_findings", "report", "score"]


def score(experiment: Experiment, out: Path, *, resources: Resources, quiet: bool = False, later: int = 0) -> RunFolder:
    """Plan, score and measure; `later` is how many phases come after that."""
    disk.check_writable(out)
    with phase("planning"):
        planned = make_plan(experiment, resources)
        folder = create_run(out, experiment, planned.made)
    expect(len(planned.scorers) + 1 + later)
    if not quiet:
        models = ", ".join(scorer.name for scorer in planned.scorers)
        asked = f"{len(planned.prompts):,} prompts of task '{planned.task.name}' for {models} → {out}"
        print_lines([asked, *(f"Note: {notice}" for notice in planned.notices)])
    execute(folder, planned, tell=None if quiet else say)
    if not quiet:
        print_findings(folder)
        print_lines(["", *account_of_reading(folder.manifest)])
    return folder


def print_findings(folder: RunFolder) -> None:
    """Print what the report leads with, each model's numbers, and what the run could find."""
    material = read_material(folder)
    print("\n".join(run_lines(material)))
    if power := power_of_run(folder, material):
        print_lines(["", *power.sentences()])
        if larger := power.command(folder.path):
            print("\n".join(command_lines(*larger, lead=" ")))


def report(folder: RunFolder, out: Path | None = None) -> None:
    """Write figures and page of a run, and say where the page is."""
    with phase("reporting"):
        from probes.report.page import write_report

        page = write_report(folder, out)
    print_lines([f"Report: {page}"])
