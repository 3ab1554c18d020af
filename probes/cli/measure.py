"""`probe measure`: show a run's metrics, or recompute them with another normalisation."""

from argparse import ArgumentParser, Namespace

from probes.cli.command import Command, Group
from probes.cli.flags import add_json, add_normalisation, add_run_folder
from probes.terminal.layout import print_lines
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(name="measure", group=Group.READ, help="recompute a run's metrics with another normalisation")


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_run_folder(parser)
    add_normalisation(parser, default="show the metrics as they are")
    add_json(parser)


def run(options: Namespace) -> int:
    """Measure a run's scores again where a normalisation is named, else show its metrics; no model is asked."""
    with phase("importing libraries"):
        from icl.metrics.measure import measure
        from icl.metrics.normalise import normalisation_of
        from probes.cli.steps import print_findings
        from probes.runs.opening import open_run

    folder = open_run(options.run)
    folder.check_finished()
    if options.normalisation is not None:
        with phase("measuring"), folder.locked():
            answers, possible = folder.answers_to_measure(options.normalisation)
            folder.write_metrics(measure(answers.__getitem__, options.normalisation, possible=possible))
    metrics = folder.metrics()
    if options.json:
        print(metrics.to_json(orient="records", indent=1))
    else:
        print_lines([f"{folder.path}: metrics under normalisation '{normalisation_of(metrics)}'"])
        print_findings(folder)
    return 0
