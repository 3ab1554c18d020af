"""`probe fit`: fit an account to run folders."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from icl.errors import UserError
from probes.cli.command import NOT_CONVERGED, Command, Group
from probes.cli.flags import add_json, add_normalisation, add_run_folder, add_sampler
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="fit",
    group=Group.READ,
    help="fit the signal-versus-noise account, or another one, to a run folder",
    phases=lambda options: 5,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_run_folder(parser)
    parser.add_argument(
        "--account",
        default="drift-diffusion",
        help="see `probe list accounts`, or evidence, or variance (default: %(default)s)",
    )
    parser.add_argument(
        "--concepts",
        type=int,
        default=None,
        help="evidence: 2, or 3 with a permuted task (default: by the run's label modes)",
    )
    parser.add_argument(
        "--model", default=None, help="one of the run's models (default: all, if the account allows it)"
    )
    parser.add_argument(
        "--observe",
        default=None,
        help="counts of right answers, or logprob of the gold label; variance: gold_log_odds or accuracy (default: the "
        "first)",
    )
    parser.add_argument(
        "--with", dest="others", type=Path, action="append", default=[], metavar="RUN", help="fit this run as well"
    )
    parser.add_argument("--out", type=Path, default=None, help="file (.nc) for a fit of several runs")
    parser.add_argument("--anyway", action="store_true", help="also print the numbers of a fit that did not converge")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="no effect, kept for older scripts: a fit that did not converge always ends with status 3",
    )
    add_sampler(parser)
    add_normalisation(parser, default="as in the run's metrics")
    add_json(parser)


def run(options: Namespace) -> int:
    """Fit an account to one run folder, or to several at once; returns the exit status."""
    with phase("importing libraries"):
        from probes.fits.fitting import fit_run
        from probes.runs.opening import open_run

    if options.seed < 0:
        raise UserError(f"--seed cannot be negative, got {options.seed}; use 0 or more.")
    if options.others and not options.out:
        raise UserError("--with RUN needs --out FILE.nc: a fit of several runs belongs to none of them.")
    folders = [open_run(path) for path in (options.run, *options.others)]
    names = ("account", "observe", "model", "concepts", "out", "draws", "tune", "chains", "seed", "normalisation")
    asked = {name: getattr(options, name) for name in (*names, "anyway")}
    return 0 if fit_run(folders, as_json=options.json, **asked) else NOT_CONVERGED
