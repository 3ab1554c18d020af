"""The first line of a command, before anything heavy is imported, and how many phases it will have."""

import sys
from argparse import Namespace
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from probes.progress import Phases

__all__ = ["open_phases"]

_READ = 3
"""Phases of a run beside one a model: importing, planning, measuring."""

_LONG: dict[str, Callable[[Namespace], int]] = {
    "demo": lambda options: _READ + 2 + 4 + 1,
    "plan": lambda options: 3,
    "run": lambda options: _READ + len(set(options.models or [""])),
    "fit": lambda options: 5,
    "compare": lambda options: 3,
    "calibrate": lambda options: 3,
    "variance": lambda options: 4,
    "report": lambda options: 2,
    "selftest": lambda options: 2,
    "reproduce": lambda options: 4,
    "ledger": lambda options: 5,
    "pretrain": lambda options: 3,
}
"""Command that may take more than a moment → how many phases it has, as far as flags tell."""


def open_phases(options: Namespace) -> Phases | None:
    """Say on standard error which version does what, with which seed, into which folder; None where all is quiet."""
    if getattr(options, "json", False):
        return None
    if options.command not in _LONG:
        return Phases(sys.stderr, 1, brief=True)
    phases = Phases(sys.stderr, _LONG[options.command](options))
    phases.say(_first_line(options))
    return phases


def _first_line(options: Namespace) -> str:
    said = [f"probe {_version()} {options.command}"]
    if getattr(options, "experiment", None) is not None:
        said.append(f"asked by {options.experiment}")
    elif options.command == "demo" or hasattr(options, "seed"):
        said.append(f"seed {getattr(options, 'seed', None) or 0}")
    place = getattr(options, "out", None) or getattr(options, "run", None) or getattr(options, "source", None)
    if place is not None:
        said.append(f"output in {place}")
    return ", ".join(said)


def _version() -> str:
    try:
        return version("icl-probe-lab")
    except PackageNotFoundError:
        return "(not installed)"
