"""An account fitted to what runs hold, stored, and said in words."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from icl.concept.accounts import DRIFT_DIFFUSION
from icl.concept.variance import VARIANCE_ACCOUNT
from probes.fits.words import fit_lines, unread_lines, written_lines
from probes.report.dropped import dropped_sentences
from probes.runs.fits import LaidOut, StoredFit, lay_out
from probes.runs.folder import RunFolder
from probes.terminal.layout import print_lines
from probes.terminal.progress import stages

__all__ = ["fit_run"]


def fit_run(
    folders: Sequence[RunFolder],
    *,
    account: str = "drift-diffusion",
    observe: str | None = None,
    model: str | None = None,
    normalisation: str | None = None,
    out: Path | None = None,
    draws: int | None = None,
    tune: int | None = None,
    chains: int | None = None,
    seed: int = 0,
    as_json: bool = False,
    anyway: bool = False,
    after: Sequence[str] = ("report", "compare"),
    **options: Any,
) -> bool:
    """Fit, store and print; say whether the fit converged.

    Parameters
    ----------
    folders, account, observe, model, normalisation, out, options
        See `probes.runs.fits.lay_out`.
    draws, tune, chains
        How much sampling; None: as the account says.
    anyway
        Print the table of a fit that did not converge as well.
    after
        Commands that are named as next ones where the fit converged.
    """
    asked = lay_out(folders, account, observe=observe, model=model, normalisation=normalisation, out=out, **options)
    effort = asked.account.effort.but(draws=draws, tune=tune, chains=chains)
    if not as_json:
        print_lines([asked.describe(), *dropped_sentences(asked.answers, need=_need(asked))])
    with stages("draw") as tell:
        fit = asked.fit(effort, seed=seed, progress=tell)
        said = [*fit.diagnosis.sentences, *fit.sentences]
    if as_json:
        print(_as_json(fit))
        return fit.converged
    if not fit.converged:
        flags = {"observe": observe, "model": model, "normalisation": normalisation, "out": out, "seed": seed or None}
        flags |= options | {"draws": 2 * effort.draws, "tune": 2 * effort.tune}
        flags["chains"] = effort.chains if effort.chains != asked.account.effort.chains else None
        words = _again(folders, asked, flags)
        print("\n".join(unread_lines(fit.diagnosis, fit.path, words, anyway=anyway)))
        if not anyway:
            return False
    for line in fit_lines(fit):
        print(line)
    print_lines(["", *(said if fit.converged else fit.sentences)])
    if fit.converged:
        commands = [["probe", name, folders[0].argument] for name in after] if out is None else []
        print("\n".join(written_lines(fit.path, *commands)))
    return fit.converged


def _again(folders: Sequence[RunFolder], asked: LaidOut, flags: dict[str, Any]) -> list[object]:
    """Write the command that fits again; the variance has a command of its own, whose flag for the score is another."""
    if asked.account is VARIANCE_ACCOUNT:
        flags = {"score": flags["observe"]} | {name: flags[name] for name in ("model", "seed", "draws")}
        command = "variance"
    else:
        flags = {"account": asked.account.name} | flags
        command = "fit"
    usual = {"account": DRIFT_DIFFUSION.name, "observe": "counts", "score": VARIANCE_ACCOUNT.observations[0]}
    words: list[object] = ["probe", command, folders[0].argument]
    words += [word for other in folders[1:] for word in ("--with", other.argument)]
    for name, value in flags.items():
        if value is not None and value != usual.get(name):
            words += [f"--{name}", str(value)]
    return words


def _need(asked: LaidOut) -> str:
    """Column of the answers without which a prompt does not enter the fit."""
    return "gold_probability" if asked.observe == "gold_log_odds" else "accuracy"


def _as_json(fit: StoredFit) -> str:
    """Write the tables of a fit: rows where there is one, otherwise rows by name of table."""
    if len(fit.tables) == 1:
        (table,) = fit.tables.values()
        return table.assign(converged=fit.converged).to_json(orient="records", indent=1)
    rows = {name: json.loads(table.to_json(orient="records")) for name, table in fit.tables.items()}
    return json.dumps({"converged": fit.converged} | rows, indent=1)
