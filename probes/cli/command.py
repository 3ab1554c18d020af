"""What the file of a command says of it: name, group, one line of help, what an interrupt leaves, how many phases."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["FAILED_SELFTEST", "NOT_CONVERGED", "RESUMES", "Command", "CommandFile", "Group"]

FAILED_SELFTEST = 1
"""Exit status of a self-test that found a wrong number."""

NOT_CONVERGED = 3
"""Exit status of a command whose fit did not converge."""

RESUMES = "what was scored is stored; rerun the same command to resume"
"""What an interrupt leaves of a command that asks models."""


class Group(StrEnum):
    """What commands are for; `probe --help` shows them in this order."""

    ASK = "ask a model"
    READ = "read a run"
    CHECK = "check the lab"
    GINC = "GINC, a synthetic world whose truth is known"
    LOOK_UP = "look up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as `probe --help` and the first line of its output know it.

    Attributes
    ----------
    name : str
        As it is typed.
    group : Group
        Where `probe --help` lists it.
    help : str
        One line.
    kept : str
        What remains after an interrupt, unless the interrupt says more itself.
    phases : callable, or None
        Parsed options → how many phases of work are announced; None for a command that is done in a moment.
    """

    name: str
    group: Group
    help: str
    kept: str = "nothing was stored; rerun the command to start over"
    phases: Callable[[Namespace], int] | None = None


class CommandFile(Protocol):
    """What `main.py` needs from the file of a command; nothing heavy is imported before `run`."""

    COMMAND: Command

    def add(self, parser: ArgumentParser) -> None:
        """Give a parser the command's flags."""

    def run(self, options: Namespace) -> int:
        """Do the work; returns the exit status."""
