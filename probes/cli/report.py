"""`probe report`: figures, and one page that holds them all."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from probes.cli.command import Command, Group
from probes.cli.flags import add_run_folder
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="report",
    group=Group.READ,
    help="write figures and one self-contained HTML page",
    phases=lambda options: 2,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_run_folder(parser)
    parser.add_argument("--out", type=Path, default=None, help="folder for figures and page (default: the run folder)")


def run(options: Namespace) -> int:
    """Write figures and page."""
    with phase("importing libraries"):
        from probes.cli.steps import report
        from probes.runs.opening import open_run

    report(open_run(options.run), options.out)
    return 0
