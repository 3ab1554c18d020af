"""The first line of a command, before anything heavy is imported, and how many phases it will have."""

import sys
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, version

from probes.cli.command import Command
from probes.terminal.progress import Phases

__all__ = ["lab_version", "open_phases"]


def open_phases(command: Command, options: Namespace) -> Phases | None:
    """Say on standard error which version does what, with which seed, into which folder; None where all is quiet."""
    if getattr(options, "json", False):
        return None
    if command.phases is None:
        return Phases(sys.stderr, 1, brief=True)
    phases = Phases(sys.stderr, command.phases(options))
    phases.say(_first_line(options))
    return phases


def _first_line(options: Namespace) -> str:
    said = [f"probe {lab_version()} {options.command}"]
    if getattr(options, "experiment", None) is not None:
        said.append(f"asked by {options.experiment}")
    elif options.command == "demo" or hasattr(options, "seed"):
        said.append(f"seed {getattr(options, 'seed', None) or 0}")
    place = getattr(options, "out", None) or getattr(options, "run", None) or getattr(options, "source", None)
    if place is not None:
        said.append(f"output in {place}")
    return ", ".join(said)


def lab_version() -> str:
    """Version of the installed lab."""
    try:
        return version("icl-probe-lab")
    except PackageNotFoundError:
        return "(not installed)"
