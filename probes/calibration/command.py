"""`probe calibrate`: its flags and what it does."""

import argparse
from argparse import Namespace
from pathlib import Path

from icl.concept.accounts import ACCOUNTS, account_named
from icl.concept.observation import OBSERVATIONS, observation_named
from icl.errors import UserError
from probes.progress import progress_interval

__all__ = ["add_calibrate", "calibrate"]

_FEWEST = 10
"""Simulations, below which ranks say nothing."""


def add_calibrate(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `probe calibrate`."""
    parser.add_argument("--out", type=Path, required=True, help="folder; the same command goes on where it stopped")
    parser.add_argument("--accounts", type=_names, default=("all",), help="e.g. drift-diffusion,power (default: all)")
    parser.add_argument(
        "--simulations", type=int, default=300, help="data sets simulated for each account (default: %(default)s)"
    )
    parser.add_argument("--observe", default="counts", help=f"{' or '.join(OBSERVATIONS)} (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=300, help="draws kept of each chain (default: %(default)s)")
    parser.add_argument("--tune", type=int, default=200, help="tuning draws of each chain (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="chains sampled at once (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="machine-readable output")


def calibrate(options: Namespace) -> None:
    """Fit accounts to what they simulate, and say whether the fits recover it."""
    from tqdm import tqdm

    from icl.concept.refit import Effort
    from probes.calibration.designs import calibration_designs
    from probes.calibration.run import calibrate_designs
    from probes.calibration.store import open_folder
    from probes.calibration.words import calibration_lines
    from probes.report.calibration_figures import draw_calibration
    from probes.report.style import png

    accounts = _accounts(options)
    effort = Effort(draws=options.draws, tune=options.tune, cores=options.jobs)
    designs = calibration_designs(accounts, options.observe)
    folder = open_folder(options.out, designs, seed=options.seed, observe=options.observe, effort=effort)
    total = options.simulations * len(designs)
    with tqdm(total=total, unit="fit", disable=options.json, mininterval=progress_interval()) as bar:

        def progress(what: str, done: int) -> None:
            bar.set_description(what, refresh=False)
            bar.update(done)

        ranks, summary = calibrate_designs(
            designs,
            folder,
            num_simulations=options.simulations,
            seed=options.seed,
            effort=effort,
            progress=progress,
        )
    for drawn in draw_calibration(ranks, summary):
        folder.write_figure(drawn.name, png(drawn.figure))
    if options.json:
        print(summary.to_json(orient="records", indent=1, force_ascii=False))
        return
    print("\n".join(calibration_lines(ranks, summary)))
    print(f"Tables and figures: {options.out}")


def _accounts(options: Namespace) -> tuple[str, ...]:
    """Check what was asked before anything is compiled; the names of the accounts, each once."""
    if options.simulations < _FEWEST:
        raise UserError(f"calibration needs --simulations of {_FEWEST} or more, got {options.simulations}; try 300.")
    if options.seed < 0:
        raise UserError(f"--seed cannot be negative, got {options.seed}; use 0 or more.")
    if options.jobs < 1:
        raise UserError(f"--jobs must be 1 or more, got {options.jobs}; try 2.")
    observation_named(options.observe)
    if tuple(options.accounts) == ("all",):
        return tuple(ACCOUNTS)
    return tuple(account_named(name).name for name in dict.fromkeys(options.accounts))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError(f"takes at least one name, several with commas between, got {text!r}")
    return names
