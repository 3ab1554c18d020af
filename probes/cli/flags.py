"""Flags that several commands share."""

from argparse import ArgumentParser, _ArgumentGroup
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from probes.cli import values
from probes.cli.completion import completer
from probes.runs.experiment import GINC, GROUPS, SEEDS, TASK, Experiment
from probes.runs.option import Option, options_of
from probes.runs.resources import MEANS, Resources

__all__ = [
    "add_experiment",
    "add_json",
    "add_normalisation",
    "add_options",
    "add_run_folder",
    "add_sampler",
    "add_task",
]

_OF_A_TASK = (TASK, SEEDS, GINC)


def add_json(parser: ArgumentParser) -> None:
    """Give a parser the flag for output that programs read."""
    parser.add_argument("--json", action="store_true", help="print machine-readable output")


def add_run_folder(parser: ArgumentParser, help: str = "run folder") -> None:
    """Give a parser the run folder that a command reads."""
    parser.add_argument("run", type=Path, metavar="RUN", help=help)


def add_normalisation(parser: ArgumentParser, default: str) -> None:
    """Give a parser the flag that says how candidates are compared; `default` says what happens without it."""
    parser.add_argument(
        "--normalisation", default=None, help=f"sum, per-token, per-byte, pmi or calibrated (default: {default})"
    )


def add_sampler(parser: ArgumentParser) -> None:
    """Give a parser the flags that say how long a fit samples."""
    parser.add_argument("--draws", type=int, default=None, help="draws per chain (default: the account's own)")
    parser.add_argument("--tune", type=int, default=None, help="warm-up steps per chain (default: the account's own)")
    parser.add_argument("--chains", type=int, default=None, help="chains (default: the account's own)")
    parser.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")


def add_task(parser: ArgumentParser, *, required: bool = True) -> None:
    """Give a parser the flags that say which task, drawn how.

    Parameters
    ----------
    required
        Whether a task must be named on the command line.
    """
    add_options(parser, Experiment, _OF_A_TASK, required=("task",) if required else ())
    _add_template(parser)


def add_experiment(parser: ArgumentParser) -> None:
    """Give a parser the flags that say what is asked of which models, and with which means."""
    parser.add_argument("experiment", nargs="?", type=Path, help="experiment file (.toml); flags override its entries")
    add_options(parser, Experiment, GROUPS)
    _add_template(parser)
    add_options(parser, Resources, (MEANS,))


def add_options(parser: ArgumentParser, record: type, groups: Sequence[str], *, required: Collection[str] = ()) -> None:
    """Give a parser the flags of a record's options, those of some groups; what is not given is None."""
    for group in groups:
        told = [one for one in options_of(record).values() if one.group == group]
        if any(one.flags for one in told):
            section = parser.add_argument_group(group)
            for one in told:
                if one.flags:
                    _add_option(section, one, required=one.name in required)


def _add_option(section: _ArgumentGroup, told: Option, *, required: bool) -> None:
    asked: dict[str, Any] = {"dest": told.name, "default": None, "help": told.meaning, "required": required}
    if told.member is bool:
        asked["action"] = "store_false" if told.default else "store_true"
    else:
        asked["type"], asked["metavar"] = _parse_of(told), _metavar(told)
        if told.repeated:
            asked |= {"action": "append", "metavar": told.flags[0].rpartition("-")[2].upper()}
    action = section.add_argument(*told.flags, **asked)
    if told.listed:
        action.completer = completer(told.listed)  # type: ignore[attr-defined]  # argcomplete's protocol


def _metavar(told: Option) -> str:
    if told.member is str:
        return "A,B" if told.takes_several else told.flags[0].rpartition("-")[2].upper()
    one = "N" if told.member is int else "X"
    return f"{one},{one}" if told.takes_several else one


def _parse_of(told: Option) -> Callable[[str], Any]:
    if told.parse is not None:
        return values.told_by(told.parse)
    if told.takes_several and not told.repeated:
        return values.whole_numbers if told.member is int else values.names
    return told.member


def _add_template(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--template", action="append", default=None, help="a format of your own: 'Review: {input}\\nMood: {label}'"
    )
