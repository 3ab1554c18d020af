"""What each command does: call the rooms, print what came of it."""

import json
import time
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path

from icl.answers import answer_table, naming_left_out
from icl.metrics.normalise import normalisation_of, normalise
from probes import disk, ginc_commands
from probes.asked import experiment_of, resources_of
from probes.calibration.command import calibrate
from probes.comparison.command import compare
from probes.fit_words import NOT_CONVERGED, share_lines, unread_lines, written_lines
from probes.fitting import fit, fit_run, one_model
from probes.found_power import power_of_run
from probes.layout import command_lines, next_lines, print_lines, table_lines
from probes.listing import list_
from probes.planning import plan
from probes.progress import expect, phase, say, stages
from probes.report.dropped import dropped_sentences
from probes.run_words import run_lines
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder, create_run, open_run
from probes.runs.plan import GINC, Plan, Resources, make_plan
from probes.runs.words import account_of_reading
from probes.scorers.catalogue import ORACLE
from probes.show import show

__all__ = ["COMMANDS", "DEMO"]

DEMO = Experiment(
    models=("ginc-small", ORACLE),
    task=GINC,
    probes=("shots", "label-correctness", "format"),
    queries=100,
    demonstration_sets=1,
)
"""The experiment of `probe demo`: everything in it comes with the lab."""

_FIT, _REPORT = 4, 1
"""Phases of a fit, and of a report."""


def demo(options: Namespace) -> int:
    """Run, fit and report the embedded experiment; returns the exit status."""
    began = time.perf_counter()
    experiment = DEMO if options.queries is None else replace(DEMO, queries=options.queries)
    folder = _run(experiment, options.out, resources=Resources(), later=_FIT + _REPORT)
    print()
    converged = fit_run([folder], after=())
    print()
    _report(folder)
    said = [f"The whole lab took {time.perf_counter() - began:.0f} s."]
    if not converged:
        said.append("The report leaves out the fit, which did not converge; the rest of it stands.")
    print_lines(said)
    print("\n".join(command_lines("probe", "show", "--task", GINC, lead="See what a model saw:")))
    return 0 if converged else NOT_CONVERGED


def run(options: Namespace) -> None:
    """Score a plan into a run folder and print its main numbers."""
    folder = _run(experiment_of(options), options.out, resources=resources_of(options), quiet=options.json)
    if options.json:
        print(folder.metrics().to_json(orient="records", indent=1))
    else:
        print("\n".join(line for name in ("report", "fit") for line in next_lines("probe", name, folder.argument)))


def measure(options: Namespace) -> None:
    """Measure a run's scores anew where a normalisation is named, else show its metrics; no model is asked."""
    from icl.metrics.measure import measure_scores

    folder = open_run(options.run)
    folder.check_finished()
    if options.normalisation is not None:
        with phase("measuring"), folder.locked():
            folder.write_metrics(measure_scores(folder.scores(), options.normalisation))
    metrics = folder.metrics()
    if options.json:
        print(metrics.to_json(orient="records", indent=1))
    else:
        print_lines([f"{folder.path}: metrics under normalisation '{normalisation_of(metrics)}'"])
        _print_findings(folder)


def variance(options: Namespace) -> int:
    """Split the variance of a run's answers by query and by part of the prompt; returns the exit status."""
    from icl.concept.diagnose import diagnose
    from icl.concept.variance import fit_variance, variance_shares
    from icl.metrics.outcomes import known_answers

    folder = open_run(options.run)
    folder.check_finished()
    answers = answer_table(normalise(folder.scores(), normalisation_of(folder.metrics())))
    answers = one_model(answers, folder, options.model)
    outcomes = known_answers(answers)
    folder.check_writable("copy the run folder to a place where you may write")
    with naming_left_out(lambda: answers), stages("draw") as tell:
        tree = fit_variance(outcomes, score=options.score, draws=options.draws, seed=options.seed, progress=tell)
        diagnosis = diagnose(tree)
        tree.attrs["converged"] = int(diagnosis.converged)
        shares = variance_shares(tree)
    with disk.rescued():
        folder.write_variance(tree)
    written, status = folder.path / "variance.nc", 0 if diagnosis.converged else NOT_CONVERGED
    if options.json:
        print(shares.assign(converged=diagnosis.converged).to_json(orient="records", indent=1))
        return status
    if not diagnosis.converged:
        again = ["probe", "variance", folder.path, "--draws", str(2 * options.draws)]
        again += [] if options.model is None else ["--model", options.model]
        again += [] if options.score == "gold_log_odds" else ["--score", options.score]
        print("\n".join(unread_lines(diagnosis, written, again, anyway=options.anyway)))
    if diagnosis.converged or options.anyway:
        need = "accuracy" if options.score == "accuracy" else "gold_probability"
        print_lines(dropped_sentences(answers, need=need))
        print("\n".join(share_lines(shares, model=outcomes["model"].iloc[0], score=options.score)))
    if diagnosis.converged:
        print_lines(diagnosis.sentences)
        print("\n".join(written_lines(written, ["probe", "report", folder.path])))
    return status


def report(options: Namespace) -> None:
    """Write figures and page."""
    _report(open_run(options.run), options.out)


def selftest(options: Namespace) -> int:
    """Run every probe on every control and print what was compared; returns the exit status."""
    from probes.selftest.run import selftest as read_controls
    from probes.selftest.run import selftest_table

    began = time.perf_counter()
    readings = []
    with phase("comparing", unit="probe") as told:
        for reading in read_controls(progress=told):
            readings.append(reading)
            for failure in reading.failures if not options.json else ():
                say(f"{reading.probe} ({reading.task}) on {reading.control}: {failure}")
    failed = [reading for reading in readings if not reading.passed]
    if options.json:
        print(json.dumps([asdict(reading) for reading in readings], indent=1))
    else:
        print("\n".join(table_lines(selftest_table(readings).reset_index(names="probe"))))
        checked = sum(reading.checked for reading in readings)
        compared = f"\n{checked:,} numbers of {len(readings)} probes × controls compared with what they must be in"
        ended = f"{len(failed)} pairs fail" if failed else "all agree. (·: the control does not belong to the task.)"
        print_lines([f"{compared} {time.perf_counter() - began:.0f} s: {ended}"])
    return 1 if failed else 0


COMMANDS = {
    "demo": demo,
    "list": list_,
    "show": show,
    "plan": plan,
    "run": run,
    "measure": measure,
    "fit": fit,
    "compare": compare,
    "calibrate": calibrate,
    "variance": variance,
    "report": report,
    "selftest": selftest,
    "reproduce": ginc_commands.reproduce,
    "ledger": ginc_commands.ledger,
    "family": ginc_commands.family,
    "pretrain": ginc_commands.pretrain,
}
"""Command's name → function of the parsed options."""


def _run(experiment: Experiment, out: Path, *, resources: Resources, quiet: bool = False, later: int = 0) -> RunFolder:
    """Plan, score and measure; `later` is how many phases come after that."""
    disk.check_writable(out)
    with phase("planning"):
        planned = make_plan(experiment, resources)
        folder = create_run(out, experiment, planned.made)
    expect(len(planned.scorers) + 1 + later)
    if not quiet:
        asked = f"{len(planned.prompts):,} prompts of task '{planned.task.name}' for {_names(planned)} → {out}"
        print_lines([asked, *(f"Note: {notice}" for notice in planned.notices)])
    execute(folder, planned, tell=None if quiet else say)
    if not quiet:
        _print_findings(folder)
        print_lines(["", *account_of_reading(folder.manifest)])
    return folder


def _print_findings(folder: RunFolder) -> None:
    """Print what the report leads with, each model's numbers, and what the run could find."""
    from probes.report.page import read_material

    material = read_material(folder)
    print("\n".join(run_lines(material)))
    if power := power_of_run(folder, material):
        print_lines(["", *power.sentences()])
        if larger := power.command(folder.path):
            print("\n".join(command_lines(*larger, lead=" ")))


def _report(folder: RunFolder, out: Path | None = None) -> None:
    with phase("reporting"):
        from probes.report.page import write_report

        page = write_report(folder, out)
    print_lines([f"Report: {page}"])


def _names(planned: Plan) -> str:
    return ", ".join(scorer.name for scorer in planned.scorers)
