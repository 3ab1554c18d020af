"""What each command does: call the rooms, print what came of it."""

import json
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from icl.metrics.normalise import normalisation_of, normalise
from probes import ginc_commands
from probes.asked import experiment_of, resources_of
from probes.calibration.command import calibrate
from probes.comparison.command import compare
from probes.fitting import fit, fit_run, one_model
from probes.headlines import headlines
from probes.listing import list_
from probes.planning import plan
from probes.progress import expect, phase, say, stages
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder, create_run, open_run
from probes.runs.plan import GINC, Plan, Resources, make_plan
from probes.runs.words import account_of_reading
from probes.scorers.catalogue import ORACLE, is_reference
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


def demo(options: Namespace) -> None:
    """Run, fit and report the embedded experiment."""
    began = time.perf_counter()
    experiment = DEMO if options.queries is None else replace(DEMO, queries=options.queries)
    folder = _run(experiment, options.out, resources=Resources(), later=_FIT + _REPORT)
    print()
    fit_run([folder])
    print()
    _report(folder)
    print(f"The whole lab took {time.perf_counter() - began:.0f} s. Look at what a model saw: probe show --task ginc")


def run(options: Namespace) -> None:
    """Score a plan into a run folder and print its main numbers."""
    folder = _run(experiment_of(options), options.out, resources=resources_of(options), quiet=options.json)
    if options.json:
        print(folder.metrics().to_json(orient="records", indent=1))
    else:
        print(f"Next: probe fit {folder.path}; probe report {folder.path}")


def measure(options: Namespace) -> None:
    """Measure a run's scores anew; no model is asked."""
    from icl.metrics.measure import measure as measure_scores

    folder = open_run(options.run)
    folder.check_finished()
    with phase("measuring"), folder.locked():
        metrics = measure_scores(folder.scores(), options.normalisation)
        folder.write_metrics(metrics)
    if options.json:
        print(metrics.to_json(orient="records", indent=1))
    else:
        print(f"{folder.path}: metrics under normalisation '{options.normalisation}'")
        _print_metrics(metrics, folder.experiment.probes)


def variance(options: Namespace) -> None:
    """Split the variance of a run's answers by query and by part of the prompt."""
    from icl.concept.diagnose import diagnose
    from icl.concept.variance import fit_variance, variance_shares
    from icl.metrics.outcomes import prompt_outcomes

    folder = open_run(options.run)
    folder.check_finished()
    outcomes = prompt_outcomes(normalise(folder.scores(), normalisation_of(folder.metrics())))
    outcomes = one_model(outcomes, folder, options.model)
    model = outcomes["model"].iloc[0]
    with stages("draw") as tell:
        tree = fit_variance(outcomes, score=options.score, draws=options.draws, seed=options.seed, progress=tell)
    folder.write_variance(tree)
    shares = variance_shares(tree)
    if options.json:
        print(shares.to_json(orient="records", indent=1))
        return
    print(f"{model}: shares of the variance of {options.score.replace('_', ' ')}, with 90 % intervals")
    for row in shares.itertuples():
        share = f"{100 * row.share:5.1f} % [{100 * row.share_lower:.1f}, {100 * row.share_upper:.1f}]"
        value = share if row.share == row.share else "not varied"
        print(f"  {row.factor:14} {value:24} {row.note}")
    for sentence in diagnose(tree).sentences:
        print(sentence)


def report(options: Namespace) -> None:
    """Write figures and page."""
    _report(open_run(options.run))


def selftest(options: Namespace) -> None:
    """Run every probe on every control and print what was compared."""
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
        print(selftest_table(readings).to_string())
        checked = sum(reading.checked for reading in readings)
        print(
            f"\n{checked:,} numbers of {len(readings)} probes × controls compared with what they must be in "
            f"{time.perf_counter() - began:.0f} s: "
            + (f"{len(failed)} pairs fail." if failed else "all agree. (·: the control does not belong to the task.)")
        )
    if failed:
        raise SystemExit(1)


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
    with phase("planning"):
        planned = make_plan(experiment, resources)
        folder = create_run(out, experiment)
    expect(len(planned.scorers) + 1 + later)
    if not quiet:
        print(
            f"{len(planned.prompts):,} prompts of task '{planned.task.name}' for {_names(planned)} → {out}", flush=True
        )
        for notice in planned.notices:
            print(f"Note: {notice}", flush=True)
    metrics = execute(folder, planned)
    if not quiet:
        _print_metrics(metrics, experiment.probes)
        for sentence in account_of_reading(folder.manifest):
            print(sentence)
    return folder


def _print_metrics(metrics: pd.DataFrame, probes: Sequence[str]) -> None:
    """Print accuracy by condition, and what each probe asks for."""
    if len(accuracy := metrics[metrics["metric"] == "accuracy"]):
        _print_accuracy(accuracy)
    references = metrics["model"].map(is_reference).astype(bool)
    for line in headlines(metrics if references.all() else metrics[~references], probes):
        print(line)


def _print_accuracy(accuracy: pd.DataFrame) -> None:
    keys = ["model", "example_length", "input_mode", "balance", "format", "label_mode"]
    keys = [key for key in keys if key in ("model", "format", "label_mode") or accuracy[key].nunique() > 1]
    wide = accuracy.pivot(index=keys, columns="num_shots", values="estimate")
    order = accuracy[keys].drop_duplicates()
    print("\naccuracy in percent, by number of shots")
    print((100 * wide.loc[list(order.itertuples(index=False, name=None))]).round(1).to_string(na_rep=""))


def _report(folder: RunFolder) -> None:
    with phase("reporting"):
        from probes.report.page import write_report

        page = write_report(folder)
    print(f"Report: {page}")


def _names(planned: Plan) -> str:
    return ", ".join(scorer.name for scorer in planned.scorers)
