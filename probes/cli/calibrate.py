"""`probe calibrate`: do fits recover the parameters that made their data?"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from icl.errors import UserError
from probes import disk
from probes.cli import values
from probes.cli.command import NOT_CONVERGED, RESUMES, Command, Group
from probes.cli.flags import add_json
from probes.terminal.layout import print_lines
from probes.terminal.progress import phase

if TYPE_CHECKING:
    import pandas as pd

    from probes.figures.drawn import Drawn
    from probes.recovery.store import RecoveryFolder

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="calibrate",
    group=Group.CHECK,
    help="fit accounts to data made with known parameters, and check that they are recovered",
    kept=RESUMES,
    phases=lambda options: 3,
)

_FEWEST = 10
"""Simulations, below which ranks say nothing."""

_NONE = "none"
"""Name that asks for no trained model."""

_OF_SIMULATIONS = ("accounts", "simulations", "observe", "draws", "tune")
_OF_LEDGER = ("models", "prompts", "family")


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("--out", type=Path, required=True, help="folder; rerunning the same command resumes")
    parser.add_argument("--accounts", type=values.names, default=None, help="e.g. drift-diffusion,power (default: all)")
    parser.add_argument("--simulations", type=int, default=None, help="data sets per account (default: 300)")
    parser.add_argument("--observe", default=None, help="counts or logprob (default: counts)")
    parser.add_argument("--draws", type=int, default=None, help="draws kept per chain (default: 300)")
    parser.add_argument("--tune", type=int, default=None, help="warm-up steps per chain (default: 200)")
    parser.add_argument(
        "--ledger", action="store_true", help="fit GINC predictors whose drift is known from the ledger instead"
    )
    parser.add_argument("--models", type=values.names, default=None, help="--ledger: names, or none (default: shipped)")
    parser.add_argument(
        "--family",
        type=Path,
        default=None,
        help="--ledger: .npz of the tempered Bayesians' family (default: the lab's)",
    )
    parser.add_argument("--prompts", type=int, default=None, help="--ledger: prompts per k (default: 500)")
    parser.add_argument(
        "--anyway", action="store_true", help="also print the numbers of accounts whose fits mostly did not converge"
    )
    parser.add_argument("--jobs", type=int, default=2, help="chains sampled at once (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (default: %(default)s)")
    add_json(parser)


def run(options: Namespace) -> int:
    """Fit accounts to what they simulate, or to predictors of known drift; returns the exit status."""
    if options.seed < 0:
        raise UserError(f"--seed cannot be negative, got {options.seed}; use 0 or more.")
    if options.jobs < 1:
        raise UserError(f"--jobs must be 1 or more, got {options.jobs}; try 2.")
    foreign = _OF_SIMULATIONS if options.ledger else _OF_LEDGER
    for name in foreign:
        if getattr(options, name) is not None:
            which = "does not go with --ledger" if options.ledger else "goes with --ledger only"
            raise UserError(f"--{name} {which}; leave one of them out.")
    return NOT_CONVERGED if (_agree if options.ledger else _simulate)(options) else 0


def _simulate(options: Namespace) -> bool:
    """Fit accounts to what they simulate; tell whether most fits of one did not converge."""
    with phase("importing libraries"):
        from icl.concept.observation import observation_named
        from icl.concept.sbc import SMALL_FIT
        from probes.recovery.figures import draw_sbc
        from probes.recovery.run import run_trials
        from probes.recovery.sbc_words import astray, sbc_lines
        from probes.recovery.store import open_folder
        from probes.recovery.trials import sbc_trials

    num_simulations = 300 if options.simulations is None else options.simulations
    if num_simulations < _FEWEST:
        raise UserError(f"probe calibrate needs --simulations of {_FEWEST} or more, got {num_simulations}; try 300.")
    observe = observation_named(options.observe or "counts").name
    chosen = {name: getattr(options, name) for name in ("draws", "tune") if getattr(options, name) is not None}
    effort = replace(SMALL_FIT, **chosen, cores=options.jobs)
    trials = sbc_trials(_accounts(options.accounts, observe), observe)
    folder = open_folder(options.out, trials, seed=options.seed, observe=observe, effort=effort)
    with phase("fitting", unit="fit") as told:

        def progress(what: str, done: int) -> None:
            told.note(what)
            told(told.done + done, num_simulations * len(trials))

        ranks, summary = run_trials(
            trials, folder, num_simulations=num_simulations, seed=options.seed, effort=effort, progress=progress
        )
    _draw(folder, draw_sbc(ranks, summary))
    _tell(options, summary, sbc_lines(ranks, summary, anyway=options.anyway))
    return bool(astray(summary))


def _agree(options: Namespace) -> bool:
    """Fit predictors of known drift; tell whether a fit did not converge."""
    with phase("importing libraries"):
        from icl.concept.sampler import Effort
        from icl.ginc.family import default_family, load_family
        from probes.recovery.agreement import AgreementQuestion, measure_agreement
        from probes.recovery.agreement_words import agreement_lines, not_converged
        from probes.recovery.figures import draw_agreement
        from probes.recovery.store import open_agreement
        from probes.scorers.huggingface_ginc import HuggingFacePredictor
        from probes.scorers.huggingface_source import shipped_models

    chosen = {} if options.prompts is None else {"prompts": options.prompts}
    question = AgreementQuestion(seed=options.seed, **chosen)
    family = load_family(options.family) if options.family else default_family()
    names = tuple(shipped_models()) if options.models is None else options.models
    predictors = [HuggingFacePredictor(name) for name in dict.fromkeys(names) if name != _NONE]
    for predictor in predictors:
        predictor.check_length(question.longest_prompt)
    identities = {predictor.name: predictor.identity() for predictor in predictors}
    folder = open_agreement(options.out, asdict(question) | {"family": family.fingerprint, "models": identities})
    effort = Effort(draws=600, tune=400, chains=2, target_accept=0.95, cores=options.jobs)
    with phase("fitting") as told:
        results = measure_agreement(predictors, question, effort=effort, family=family, progress=told.note)
    with disk.rescued():
        folder.write("agreement", results.conditions)
        folder.write("temperatures", results.temperatures)
        folder.write("counts", results.counts)
    _draw(folder, draw_agreement(results.conditions))
    _tell(options, results.conditions, agreement_lines(results, anyway=options.anyway))
    return bool(not_converged(results))


def _draw(folder: "RecoveryFolder", drawn: Iterable["Drawn"]) -> None:
    from probes.figures.picture import png

    with phase("drawing figures"):
        for one in drawn:
            folder.write_figure(one.name, png(one.figure))


def _tell(options: Namespace, table: "pd.DataFrame", lines: Iterable[str]) -> None:
    if options.json:
        print(table.to_json(orient="records", indent=1, force_ascii=False))
        return
    print("\n".join(lines))
    print_lines([f"Tables and figures: {options.out}"])


def _accounts(asked: tuple[str, ...] | None, observe: str) -> tuple[str, ...]:
    """Names of the accounts, each once."""
    from icl.concept.accounts import ACCOUNTS, account_named
    from icl.concept.evidence import EVIDENCE

    if asked in (None, ("all",)):
        return (*ACCOUNTS, EVIDENCE) if observe == "counts" else tuple(ACCOUNTS)
    if EVIDENCE in asked and observe != "counts":
        raise UserError(f"account {EVIDENCE} is fitted to counts, got --observe {observe}; leave one of them out.")
    return tuple(name if name == EVIDENCE else account_named(name).name for name in dict.fromkeys(asked))
