"""`probe variance`: how much of the variance of answers each part of the prompt explains."""

from argparse import ArgumentParser, Namespace

from probes.cli.command import NOT_CONVERGED, Command, Group
from probes.cli.flags import add_json, add_run_folder
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="variance",
    group=Group.READ,
    help="estimate how much of the variance each part of the prompt explains",
    phases=lambda options: 5,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_run_folder(parser, "run folder, ideally of probe prompt-variance")
    parser.add_argument("--score", default="gold_log_odds", help="gold_log_odds or accuracy (default: %(default)s)")
    parser.add_argument("--model", default=None, help="one of the run's models (default: all)")
    parser.add_argument("--draws", type=int, default=None, help="draws per chain (default: the account's own)")
    parser.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")
    parser.add_argument("--anyway", action="store_true", help="print the shares even if the fit did not converge")
    add_json(parser)


def run(options: Namespace) -> int:
    """Split the variance of a run's answers by query, model and part of the prompt; returns the exit status."""
    with phase("importing libraries"):
        from icl.concept.variance import VARIANCE_ACCOUNT
        from probes.fits.fitting import fit_run
        from probes.runs.opening import open_run

    converged = fit_run(
        [open_run(options.run)],
        account=VARIANCE_ACCOUNT.name,
        observe=options.score,
        model=options.model,
        draws=options.draws,
        seed=options.seed,
        as_json=options.json,
        anyway=options.anyway,
        after=("report",),
    )
    return 0 if converged else NOT_CONVERGED
