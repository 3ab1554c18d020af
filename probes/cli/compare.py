"""`probe compare`: which account of learning curves predicts held-out data best."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from icl.errors import UserError
from probes.cli import values
from probes.cli.command import NOT_CONVERGED, Command, Group
from probes.cli.flags import add_json, add_normalisation, add_sampler
from probes.terminal.layout import next_lines, print_lines
from probes.terminal.progress import phase

if TYPE_CHECKING:
    from icl.concept.holdout import HoldOut

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
        "--hold-out",
        default=None,
        metavar="KIND",
        help="shots, model or task: also fit without shots above --from, or without each model or task in turn, and "
        "predict what is held out",
    )
    parser.add_argument(
        "--from",
        dest="origins",
        type=values.whole_numbers,
        default=(),
        metavar="N,…",
        help="shots up to which held-out curves are seen, e.g. 10,25,100; a model or task without it is held out whole",
    )
    parser.add_argument(
        "--extrapolate-from", type=int, default=None, metavar="N", help="the same as --hold-out shots --from N"
    )
    add_sampler(parser)
    parser.add_argument(
        "--max-refits",
        type=int,
        default=20,
        help="maximum number of refits per account, each without one unit (default: %(default)s)",
    )
    add_normalisation(parser, default="as in the run's metrics")
    parser.add_argument("--out", type=Path, default=None, help="folder of the results (default: the run folder)")
    parser.add_argument(
        "--anyway", action="store_true", help="also print the numbers of accounts that did not converge"
    )
    add_json(parser)


def run(options: Namespace) -> int:
    """Compare accounts, write tables and figures, and print what came of it; returns the exit status."""
    with phase("importing libraries"):
        from probes.comparison.figures import write_comparison_figures
        from probes.comparison.source import counts_and_folder
        from probes.comparison.words import comparison_lines, extrapolation_lines, unconverged, unconverged_words
        from probes.runs.comparisons import compare_counts, records
        from probes.runs.opening import is_run

    if options.seed < 0:
        raise UserError(f"--seed cannot be negative, got {options.seed}; use 0 or more.")
    counts, stamp, folder = counts_and_folder(options.source, options.out, options.normalisation)
    names = ("accounts", "observe", "draws", "tune", "chains", "seed", "max_refits")
    asked = {name: getattr(options, name) for name in names} | {"hold_out": _hold_out(options)}
    with phase("comparing accounts") as told:
        compared = compare_counts(folder, counts, source=stamp, origin=str(options.source), progress=told.note, **asked)
    with phase("drawing figures"):
        write_comparison_figures(compared.table, compared.unit, compared.extended, folder.path)
    extended = compared.extended
    astray = unconverged(compared.table, *([] if extended is None else [extended.table]))
    status = NOT_CONVERGED if astray else 0
    if options.json:
        as_data = {"converged": not astray, "comparison": records(compared.table)}
        print(json.dumps(as_data | compared.record, indent=1, ensure_ascii=False))
        return status
    if astray:
        print_lines([unconverged_words(astray, anyway=options.anyway), ""])
    print("\n".join(comparison_lines(compared, anyway=options.anyway)))
    if extended is not None:
        print("\n" + "\n".join(extrapolation_lines(extended, anyway=options.anyway)))
    print_lines(["", f"Tables and figures: {folder.path}"])
    if is_run(folder.path):
        print("\n".join(next_lines("probe", "report", folder.argument)))
    return status


def _hold_out(options: Namespace) -> "HoldOut | None":
    """What is to be held out; None where nothing is."""
    from icl.concept.holdout import HoldOut

    if options.extrapolate_from is not None:
        if options.hold_out is not None or options.origins:
            raise UserError("--extrapolate-from N is --hold-out shots --from N; give one of them.")
        return HoldOut(origins=(options.extrapolate_from,))
    if options.hold_out is None:
        if options.origins:
            raise UserError("--from says where a forecast starts; add what is held out, e.g. --hold-out shots.")
        return None
    return HoldOut(kind=options.hold_out, origins=tuple(options.origins))
