"""Flags of the commands that fit, compare and calibrate accounts: nothing heavy is imported here."""

from argparse import ArgumentParser
from pathlib import Path

from probes.flag_values import names

__all__ = ["add_compare", "add_fit"]


def add_fit(parser: ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder")
    parser.add_argument(
        "--account", default="drift-diffusion", help="see `probe list accounts`, or evidence (default: %(default)s)"
    )
    parser.add_argument(
        "--concepts", type=int, default=None, help="evidence: 2, or 3 with a permuted task beside (default: 2)"
    )
    parser.add_argument(
        "--observe", default="counts", help="counts of right answers, or logprob of the gold label (default: counts)"
    )
    parser.add_argument(
        "--with", dest="others", type=Path, action="append", default=[], metavar="RUN", help="fit this run as well"
    )
    parser.add_argument("--out", type=Path, default=None, help="file.nc for the fit of several runs")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 where the fit did not converge")
    parser.add_argument("--draws", type=int, default=2000, help="draws a chain (default: %(default)s)")
    parser.add_argument("--tune", type=int, default=1000, help="warm-up steps a chain (default: %(default)s)")
    parser.add_argument("--chains", type=int, default=4, help="chains (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")
    parser.add_argument(
        "--normalisation", default=None, help="sum, per-token, per-byte, pmi or calibrated (default: the metrics')"
    )


def add_compare(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", type=Path, metavar="RUN", help="run folder, or a .csv file of counts with --out")
    parser.add_argument("--accounts", type=names, default=None, help="e.g. drift-diffusion,power (default: all)")
    parser.add_argument("--observe", default="counts", help="counts or logprob (default: %(default)s)")
    parser.add_argument(
        "--extrapolate-from",
        type=int,
        default=None,
        metavar="N",
        help="also fit to at most N shots and predict the cells with more",
    )
    parser.add_argument("--draws", type=int, default=2000, help="draws a chain (default: %(default)s)")
    parser.add_argument("--tune", type=int, default=1000, help="warm-up steps a chain (default: %(default)s)")
    parser.add_argument("--chains", type=int, default=4, help="chains (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")
    parser.add_argument(
        "--max-refits", type=int, default=20, help="fits without a unit, an account at most (default: %(default)s)"
    )
    parser.add_argument(
        "--normalisation", default=None, help="sum, per-token, per-byte, pmi or calibrated (default: the metrics')"
    )
    parser.add_argument("--out", type=Path, default=None, help="folder of the results (default: the run folder)")
