"""`probe compare`: which account of learning curves predicts best what it has not seen."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from icl.errors import UserError
from probes import disk
from probes.cli import values
from probes.cli.command import NOT_CONVERGED, Command, Group
from probes.cli.flags import add_json, add_normalisation, add_sampler
from probes.terminal.layout import next_lines, print_lines
from probes.terminal.progress import phase

if TYPE_CHECKING:
    from icl.concept.compiled import Compiled

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="compare",
    group=Group.READ,
    help="compare accounts on held-out cells, sets or tasks",
    phases=lambda options: 3,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("source", type=Path, metavar="RUN", help="run folder, or a .csv file of counts with --out")
    parser.add_argument("--accounts", type=values.names, default=None, help="e.g. drift-diffusion,power (default: all)")
    parser.add_argument("--observe", default="counts", help="counts or logprob (default: %(default)s)")
    parser.add_argument(
        "--extrapolate-from",
        type=int,
        default=None,
        metavar="N",
        help="also fit to at most N shots and predict the cells with more",
    )
    add_sampler(parser)
    parser.add_argument(
        "--max-refits", type=int, default=20, help="fits without a unit, an account at most (default: %(default)s)"
    )
    add_normalisation(parser, default="as in the run's metrics")
    parser.add_argument("--out", type=Path, default=None, help="folder of the results (default: the run folder)")
    parser.add_argument(
        "--anyway", action="store_true", help="print the numbers of accounts that did not converge as well"
    )
    add_json(parser)


def run(options: Namespace) -> int:
    """Compare accounts, write tables and figures, and print what came of it; returns the exit status."""
    with phase("importing libraries"):
        from icl.concept.compare import compare, designs_of
        from icl.concept.extrapolate import extrapolate, seen_cells
        from probes.comparison.figures import write_comparison_figures
        from probes.comparison.source import counts_and_folder
        from probes.comparison.stored import records, store_comparison
        from probes.comparison.words import comparison_lines, extrapolation_lines, unconverged, unconverged_words
        from probes.runs.versions import versions

    if options.seed < 0:
        raise UserError(f"--seed cannot be negative, got {options.seed}; use 0 or more.")
    counts, fingerprint, folder = counts_and_folder(options.source, options.out, options.normalisation)
    shots = options.extrapolate_from
    if shots is not None:  # what cannot be held out is said before anything is compiled
        designs, _ = designs_of(counts, options.accounts, options.observe)
        seen_cells(next(iter(designs.values())), shots)
    asked = {name: getattr(options, name) for name in ("accounts", "observe", "draws", "tune", "chains", "seed")}
    compiled: dict[str, Compiled] = {}
    with disk.locked(folder.path, "make it writable, or name another folder with --out"):
        with phase("comparing accounts") as told:
            shared = asked | {"compiled": compiled, "progress": told.note}
            compared = compare(counts, max_refits=options.max_refits, **shared)
            extended = None if shots is None else extrapolate(counts, shots, **shared)
        record = {"source": str(options.source), **asked, "max_refits": options.max_refits, "extrapolate_from": shots}
        record |= {"normalisation": options.normalisation, "versions": versions()}
        with disk.rescued():
            record = store_comparison(folder, compared, extended, fingerprint=fingerprint, asked=record)
        with phase("drawing figures"):
            write_comparison_figures(compared.table, compared.unit, extended, folder.path)
    astray = unconverged(compared.table, *([] if extended is None else [extended.table]))
    status = NOT_CONVERGED if astray else 0
    if options.json:
        as_data = {"converged": not astray, "comparison": records(compared.table)}
        print(json.dumps(as_data | record, indent=1, ensure_ascii=False))
        return status
    if astray:
        print_lines([unconverged_words(astray, anyway=options.anyway), ""])
    print("\n".join(comparison_lines(compared, anyway=options.anyway)))
    if extended is not None:
        print("\n" + "\n".join(extrapolation_lines(extended, anyway=options.anyway)))
    print_lines(["", f"Tables and figures: {folder.path}"])
    if (folder.path / "experiment.toml").exists():
        print("\n".join(next_lines("probe", "report", folder.argument)))
    return status
