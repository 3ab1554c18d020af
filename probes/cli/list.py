"""`probe list`: what there is, one line each."""

import json
from argparse import ArgumentParser, Namespace

from icl.errors import unknown_name
from probes.cli.command import Command, Group
from probes.cli.flags import add_json
from probes.cli.listed import KINDS
from probes.terminal.layout import entries
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(name="list", group=Group.LOOK_UP, help="list tasks, labels, formats, probes, models and more")


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    what = parser.add_argument("what", nargs="?", metavar="WHAT", help=f"one of {', '.join(KINDS)} (default: all)")
    what.completer = lambda **asked: list(KINDS)  # type: ignore[attr-defined]  # argcomplete's protocol
    add_json(parser)


def run(options: Namespace) -> int:
    """Print what there is, one line each."""
    if options.what and options.what not in KINDS:
        raise unknown_name("kind of thing to list", options.what, KINDS)
    kinds = [options.what] if options.what else list(KINDS)
    with phase("importing libraries"):  # which is what looking things up amounts to
        found = {kind: KINDS[kind]() for kind in kinds}
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    for kind, named in found.items():
        if not options.what:
            print(f"\n{kind}")
        print("\n".join(entries(named, indent=0 if options.what else 2)))
    return 0
