"""`probe diff`: what two runs asked differently, and by how much their answers differ."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from probes.cli.command import Command, Group
from probes.cli.flags import add_json, add_normalisation
from probes.terminal.layout import print_lines, table_lines
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="diff",
    group=Group.READ,
    help="show what two runs asked differently, and by how much their answers differ",
    phases=lambda options: 2,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("first", type=Path, metavar="RUN", help="run folder")
    parser.add_argument("second", type=Path, metavar="OTHER", help="run folder that is compared with it")
    add_normalisation(parser, default="as in the metrics of the first run")
    add_json(parser)


def run(options: Namespace) -> int:
    """Compare two runs and print how they differ; returns the exit status."""
    with phase("importing libraries"):
        from probes.runs.opening import open_run
        from probes.store.diff import diff_runs
        from probes.store.words import diff_lines, difference_table

    folders = open_run(options.first), open_run(options.second)
    with phase("comparing"):
        found = diff_runs(*folders, options.normalisation)
    if options.json:
        told = {name: json.loads(getattr(found, name).to_json(orient="records")) for name in ("asked", "differences")}
        print(json.dumps(told | {"same": found.same, "changed": found.changed}, indent=1, ensure_ascii=False))
        return 0
    print_lines([f"first: {folders[0].path}", f"second: {folders[1].path}", ""])
    if len(found.asked):
        print("\n".join([*table_lines(found.asked), ""]))
    print_lines(diff_lines(found))
    if len(found.differences):
        print("\n" + "\n".join(table_lines(difference_table(found.differences))))
    return 0
