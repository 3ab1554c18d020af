"""`probe import`: a table of results from anywhere becomes a run folder."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from icl.errors import UserError
from probes.cli import values
from probes.cli.command import Command, Group
from probes.cli.flags import add_json
from probes.terminal.layout import next_lines, print_lines
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="import",
    group=Group.READ,
    help="make a run folder of tables of results: CSV, Parquet, JSON lines, or logs of other harnesses",
    phases=lambda options: 2 if options.dry_run else 3,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument(
        "tables", type=Path, nargs="+", metavar="TABLE", help="files of results, side by side in one run"
    )
    parser.add_argument("--out", type=Path, default=None, help="run folder to make; needed unless --dry-run")
    _add_pairs(
        parser,
        "--map",
        "FIELD=COLUMN,…",
        "what columns mean; columns that are named like a field need none, and a name that is no field makes a further "
        "factor (`probe list fields`); A+B joins two columns",
    )
    _add_pairs(
        parser, "--set", "FIELD=VALUE,…", "what holds for all rows, or for those of one task: num_items[TASK]=500"
    )
    parser.add_argument(
        "--cluster",
        type=values.names,
        default=(),
        metavar="A,B",
        help="columns whose levels repeat a condition, such as runs and seeds; task averages over tasks",
    )
    _add_pairs(
        parser,
        "--only",
        "COLUMN=VALUE,…",
        "rows to import: those with this value in a column, a|b for one of two",
    )
    parser.add_argument(
        "--melt",
        default=None,
        metavar="NAME=COLUMNS",
        help="wide table: give each of these columns rows of its own, e.g. model=*_correct",
    )
    parser.add_argument(
        "--explode",
        default=None,
        metavar="NAME=COLUMN",
        help="lists in cells: give each member a row of its own, e.g. format=scores",
    )
    parser.add_argument("--dry-run", action="store_true", help="show how the columns are understood, and write nothing")
    add_json(parser)


def _add_pairs(parser: ArgumentParser, flag: str, shape: str, help: str) -> None:
    """Give a parser a flag of NAME=VALUE pairs, which may be repeated."""
    parser.add_argument(flag, type=values.pairs, action="extend", default=[], metavar=shape, help=help)


def run(options: Namespace) -> int:
    """Read tables, say how they were understood, and store them."""
    with phase("importing libraries"):
        from probes.importing.asked import Asked, read_pairs
        from probes.importing.reshape import read_spread
        from probes.importing.store import read_tables, store
        from probes.importing.words import understood_lines, uses

    if options.out is None and not options.dry_run:
        raise UserError("--out is missing; name the run folder to make, or look first with --dry-run.")
    asked = Asked(
        map=read_pairs("--map", tuple(options.map)),
        set=read_pairs("--set", tuple(options.set)),
        clusters=options.cluster,
        only=read_pairs("--only", tuple(options.only)),
        melt=read_spread("--melt", options.melt),
        explode=read_spread("--explode", options.explode),
    )
    with phase("reading tables"):
        imported = read_tables(options.tables, asked)
    folder = None if options.dry_run else store(imported, options.out)
    if options.json:
        record = imported.record | {"uses": uses(imported), "run": None if folder is None else str(folder.path)}
        print(json.dumps(record, indent=1, ensure_ascii=False))
        return 0
    for line in understood_lines(imported):
        print(line)
    print_lines(["", *uses(imported), ""])
    if folder is None:
        print_lines(["Nothing was written: --dry-run."])
        return 0
    print_lines([f"Written: {folder.path}"])
    for command in ("measure", "report"):
        print("\n".join(next_lines("probe", command, folder.argument)))
    return 0
