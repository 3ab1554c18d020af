"""`probe query`: ask a folder of runs in SQL."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from probes.cli.command import Command, Group
from probes.cli.flags import add_json
from probes.terminal.layout import print_lines
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="query", group=Group.READ, help="ask all runs of a folder at once, in SQL", phases=lambda options: 2
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("store", type=Path, metavar="STORE", help="folder that holds run folders")
    parser.add_argument("sql", nargs="?", metavar="SQL", help="one SELECT; left out: the tables and their columns")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as .csv or .parquet, too")
    add_json(parser)


def run(options: Namespace) -> int:
    """Answer a query, or list the tables; returns the exit status."""
    with phase("importing libraries"):
        from icl.errors import UserError
        from probes import disk
        from probes.store import open_store
        from probes.store.spreadsheets import spreadsheet_safe
        from probes.store.views import TABLES
        from probes.terminal.layout import table_lines

    if options.out is not None and options.out.suffix not in (".csv", ".parquet"):
        raise UserError(f"--out takes a file that ends in .csv or .parquet, got {options.out}.")
    if options.out is not None and options.sql is None:
        raise UserError("--out writes the result of a query; add a SELECT.")
    store = open_store(options.store)
    with phase("reading runs") as told:
        if options.sql is None:
            columns = store.columns(progress=told.note)
        else:
            found = store.sql(options.sql, progress=told.note)
    if options.sql is None:
        if options.json:
            import json

            print(json.dumps(columns, indent=1))
            return 0
        print_lines([f"{len(store.folders)} runs in {options.store}"])
        for name, named in columns.items():
            print_lines(["", f"{name}: {TABLES[name]}", f"columns: {', '.join(named)}"])
        return 0
    if options.out is not None:
        is_csv = options.out.suffix == ".csv"
        content = spreadsheet_safe(found).to_csv(index=False).encode() if is_csv else found.to_parquet(index=False)
        disk.write_whole(options.out, content)
    if options.json:
        print(found.to_json(orient="records", indent=1, date_format="iso"))
    else:
        print("\n".join(table_lines(found)) if len(found) else "no rows")
        if options.out is not None:
            print_lines(["", f"Written: {options.out}"])
    return 0
