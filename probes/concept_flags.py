"""Flags of the commands that fit, compare and calibrate accounts: nothing heavy is imported here."""

from argparse import ArgumentParser
from pathlib import Path

from probes.flag_values import names

__all__ = ["add_calibrate", "add_compare", "add_fit"]


def add_fit(parser: ArgumentParser) -> None:
    """Give a parser the flags of `probe fit`."""
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder")
    parser.add_argument(
        "--account", default="drift-diffusion", help="see `probe list accounts`, or evidence (default: %(default)s)"
    )
    parser.add_argument(
        "--concepts", type=int, default=None, help="evidence: 2, or 3 with a permuted task (default: by label modes)"
    )
    parser.add_argument("--model", default=None, help="evidence: which of the run's models (default: all)")
    parser.add_argument(
        "--observe", default="counts", help="counts of right answers, or logprob of the gold label (default: counts)"
    )
    parser.add_argument(
        "--with", dest="others", type=Path, action="append", default=[], metavar="RUN", help="fit this run as well"
    )
    parser.add_argument("--out", type=Path, default=None, help="file.nc for the fit of several runs")
    parser.add_argument(
        "--anyway", action="store_true", help="print the numbers of a fit that did not converge as well"
    )
    parser.add_argument(
        "--strict", action="store_true", help="kept for older scripts: status 3 says what did not converge in any case"
    )
    parser.add_argument("--draws", type=int, default=2000, help="draws a chain (default: %(default)s)")
    parser.add_argument("--tune", type=int, default=1000, help="warm-up steps a chain (default: %(default)s)")
    parser.add_argument("--chains", type=int, default=4, help="chains (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")
    parser.add_argument(
        "--normalisation", default=None, help="sum, per-token, per-byte, pmi or calibrated (default: the metrics')"
    )


def add_compare(parser: ArgumentParser) -> None:
    """Give a parser the flags of `probe compare`."""
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
    parser.add_argument(
        "--anyway", action="store_true", help="print the numbers of accounts that did not converge as well"
    )


def add_calibrate(parser: ArgumentParser) -> None:
    """Give a parser the flags of `probe calibrate`."""
    parser.add_argument("--out", type=Path, required=True, help="folder; the same command goes on where it stopped")
    parser.add_argument("--accounts", type=names, default=None, help="e.g. drift-diffusion,power (default: all)")
    parser.add_argument("--simulations", type=int, default=None, help="data sets for each account (default: 300)")
    parser.add_argument("--observe", default=None, help="counts or logprob (default: counts)")
    parser.add_argument("--draws", type=int, default=None, help="draws kept of each chain (default: 300)")
    parser.add_argument("--tune", type=int, default=None, help="tuning draws of each chain (default: 200)")
    parser.add_argument(
        "--ledger", action="store_true", help="instead, fit predictors of GINC whose drift is known from the ledger"
    )
    parser.add_argument("--models", type=names, default=None, help="--ledger: names, or none (default: shipped)")
    parser.add_argument(
        "--family",
        type=Path,
        default=None,
        help="--ledger: .npz of the tempered Bayesians' family (default: the lab's)",
    )
    parser.add_argument("--prompts", type=int, default=None, help="--ledger: prompts for each k (default: 500)")
    parser.add_argument(
        "--anyway", action="store_true", help="print the numbers of accounts that mostly did not converge as well"
    )
    parser.add_argument("--jobs", type=int, default=2, help="chains sampled at once (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (default: %(default)s)")
