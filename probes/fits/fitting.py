"""An account fitted to what runs hold, stored, and said in words."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from icl.answers import answer_table, naming_left_out
from icl.concept.evidence import EVIDENCE
from icl.errors import UserError, unknown_name
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalisation_of, normalise
from probes import disk
from probes.fits.evidence_words import evidence_lines
from probes.fits.words import account_lines, unread_lines, written_lines
from probes.report.dropped import dropped_sentences
from probes.runs.folder import RunFolder
from probes.terminal.layout import print_lines
from probes.terminal.progress import stages

if TYPE_CHECKING:
    import xarray

    from icl.concept.diagnose import Diagnosis

__all__ = ["decompose_run", "fit_run", "one_model", "shared_normalisation"]


def fit_run(
    folders: Sequence[RunFolder],
    *,
    out: Path | None = None,
    account: str = "drift-diffusion",
    observe: str = "counts",
    draws: int = 2000,
    tune: int = 1000,
    chains: int = 4,
    seed: int = 0,
    normalisation: str | None = None,
    as_json: bool = False,
    anyway: bool = False,
    after: Sequence[str] = ("report", "compare"),
) -> bool:
    """Fit, store and print; say whether the fit converged.

    Parameters
    ----------
    folders
        Runs; the fit of one goes into its folder, the fit of several into `out`.
    anyway
        Print the table of a fit that did not converge as well.
    after
        Commands that are named as next ones where the fit converged.
    """
    from icl.concept.accounts import ACCOUNTS
    from icl.concept.counts import counts_from_scores
    from icl.concept.diagnose import diagnose, posterior_predictive_check, prior_predictive_check
    from icl.concept.fit import fit as fit_account
    from icl.concept.sensitivity import leaning

    if account not in ACCOUNTS:
        raise unknown_name("account", account, (*ACCOUNTS, EVIDENCE))
    law = ACCOUNTS[account]
    written = _place(folders, out, "posterior.nc")
    how = shared_normalisation(folders, normalisation)
    counts = pd.concat([counts_from_scores(folder.scores(), how) for folder in folders], ignore_index=True)
    if not as_json:
        compared = "" if how == DEFAULT_NORMALISATION else f", labels compared by '{how}'"
        fitted = f"Fitting {law.title} to {len(counts)} cells{compared}: {law.says}."
        print_lines([fitted, *dropped_sentences(_answers(folders, how))])
    effort = {"draws": draws, "tune": tune, "chains": chains}
    with stages("draw") as tell:
        tree = fit_account(counts, law, observe=observe, **effort, seed=seed, progress=tell)
        diagnosis = diagnose(tree)
        tree.attrs["normalisation"] = how
        tree.attrs["converged"] = int(diagnosis.converged)
        table = _table(tree)
        sentences = [*diagnosis.sentences, *_unseen(tree), leaning(tree)]
        sentences += [check(tree).attrs["sentence"] for check in (prior_predictive_check, posterior_predictive_check)]
    with disk.rescued():
        disk.write_tree(written, tree)
    if as_json:
        print(table.assign(converged=diagnosis.converged).to_json(orient="records", indent=1))
        return diagnosis.converged
    flags = _flags(account=account, observe=observe, normalisation=normalisation, out=out, seed=seed)
    if not _may_be_read(diagnosis, written, folders, flags, effort, anyway):
        return False
    for line in account_lines(tree, table):
        print(line)
    print_lines(["", *(sentences if diagnosis.converged else sentences[len(diagnosis.sentences) :])])
    if diagnosis.converged:
        commands = [["probe", name, folders[0].argument] for name in after] if out is None else []
        print("\n".join(written_lines(written, *commands)))
    return diagnosis.converged


def decompose_run(
    folders: Sequence[RunFolder],
    *,
    model: str | None = None,
    concepts: int | None = None,
    out: Path | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int = 0,
    normalisation: str | None = None,
    as_json: bool = False,
    anyway: bool = False,
) -> bool:
    """Decompose the evidence of runs into inputs, label words and right labels; see `fit_run`.

    Parameters
    ----------
    model
        Which model; None: all of them, each by itself.
    concepts
        2, or 3 with a permuted task beside; None: 3 where labels were permuted.
    """
    from icl.concept.diagnose import diagnose, posterior_predictive_check, prior_predictive_check
    from icl.concept.evidence.design import count_cells, validate_evidence_cells
    from icl.concept.evidence.summary import break_even, label_share, summarise_conditions, summarise_evidence
    from icl.concept.fit import fit as fit_account

    written = _place(folders, out, "evidence.nc")
    how = shared_normalisation(folders, normalisation)
    tables = [count_cells(_answers([folder], how)) for folder in folders]
    if model is not None:
        tables = [one_model(table, folder, model) for table, folder in zip(tables, folders)]
    with naming_left_out(lambda: _answers(folders, how)):
        cells = validate_evidence_cells(pd.concat(tables, ignore_index=True))
    permutes = cells["label_mode"].str.startswith(("flipped", "permuted", "flip_after")).any()
    concepts = concepts or (3 if permutes else 2)
    if not as_json:
        print_lines(
            [
                f"Decomposing the evidence of {', '.join(dict.fromkeys(cells['model']))} ({len(cells)} cells) into "
                f"inputs, label words and right labels, {concepts} concepts.",
                *dropped_sentences(_answers(folders, how)),
            ]
        )
    effort = {"draws": draws, "tune": tune, "chains": chains}
    with stages("draw") as tell:
        tree = fit_account(
            cells, EVIDENCE, concepts=concepts, draws=draws, tune=tune, chains=chains, seed=seed, progress=tell
        )
        tree.attrs["normalisation"] = how
        diagnosis = diagnose(tree)
        tree.attrs["converged"] = int(diagnosis.converged)
        found = {
            "components": summarise_evidence(tree),
            "label_share": label_share(tree),
            "break_even": break_even(tree),
            "conditions": summarise_conditions(tree),
        }
        checks = [check(tree).attrs["sentence"] for check in (prior_predictive_check, posterior_predictive_check)]
    with disk.rescued():
        disk.write_tree(written, tree)
    if as_json:
        tables_of = {name: json.loads(table.to_json(orient="records")) for name, table in found.items()}
        print(json.dumps({"converged": diagnosis.converged} | tables_of, indent=1))
        return diagnosis.converged
    flags = _flags(account=EVIDENCE, model=model, concepts=concepts, normalisation=normalisation, out=out, seed=seed)
    if not _may_be_read(diagnosis, written, folders, flags, effort, anyway):
        return False
    for line in evidence_lines(**found):
        print(line)
    print_lines(["", *(diagnosis.sentences if diagnosis.converged else ()), *checks])
    if diagnosis.converged:
        print("\n".join(written_lines(written, *([["probe", "report", folders[0].path]] if out is None else []))))
    return diagnosis.converged


def _place(folders: Sequence[RunFolder], out: Path | None, name: str) -> Path:
    """Where a fit is written to; refused before the fit where that cannot be."""
    if out is None:
        folders[0].check_writable("write the fit elsewhere with --out FILE.nc")
        return folders[0].path / name
    disk.check_writable(out.parent)
    return disk.make_folder(out.parent) / out.name


def _may_be_read(
    diagnosis: "Diagnosis",
    written: Path,
    folders: Sequence[RunFolder],
    flags: list[str],
    effort: dict[str, int],
    anyway: bool,
) -> bool:
    """Say first, where that is so, that a fit did not converge; tell whether its table follows."""
    if diagnosis.converged:
        return True
    first, *others = (folder.argument for folder in folders)
    more = [*flags, "--draws", str(2 * effort["draws"]), "--tune", str(2 * effort["tune"])]
    more += ["--chains", str(effort["chains"])] if effort["chains"] != 4 else []
    again = ["probe", "fit", first, *(word for other in others for word in ("--with", other)), *more]
    print("\n".join(unread_lines(diagnosis, written, again, anyway=anyway)))
    return anyway


def _flags(**asked: object) -> list[str]:
    """Write what was asked beside the defaults as flags."""
    usual = {"account": "drift-diffusion", "observe": "counts", "seed": 0}
    chosen = {name: value for name, value in asked.items() if value is not None and value != usual.get(name)}
    return [word for name, value in chosen.items() for word in (f"--{name}", str(value))]


def one_model(table: pd.DataFrame, folder: RunFolder, model: str | None) -> pd.DataFrame:
    """Rows of one model of a run's table.

    Raises
    ------
    UserError
        If it holds several and none is named, or not the one that is.
    """
    models = list(dict.fromkeys(table["model"]))
    if model is None and len(models) > 1:
        raise UserError(f"{folder.path} holds {len(models)} models ({', '.join(models)}); name one with --model.")
    if model is not None and model not in models:
        raise UserError(f"{folder.path} holds no model '{model}', only {', '.join(models)}; name one of them.")
    return table if model is None else table[table["model"] == model]


def shared_normalisation(folders: Sequence[RunFolder], asked: str | None = None) -> str:
    """How candidates are compared in a fit: as asked, or else as in the metrics of all its runs.

    Raises
    ------
    UserError
        If none is named and the runs' metrics differ in it.
    """
    if asked is not None:
        return asked
    used = {str(folder.path): normalisation_of(folder.metrics()) for folder in folders}
    if len(set(used.values())) > 1:
        said = ", ".join(f"{path} by '{how}'" for path, how in used.items())
        raise UserError(
            f"the metrics of these runs compare labels in different ways ({said}), and one fit takes one; name it with "
            f"--normalisation, such as --normalisation {DEFAULT_NORMALISATION}."
        )
    return next(iter(used.values()))


def _answers(folders: Sequence[RunFolder], how: str) -> pd.DataFrame:
    """Answers of all runs, prompts without one included."""
    return pd.concat([answer_table(normalise(folder.scores(), how)) for folder in folders], ignore_index=True)


def _table(tree: "xarray.DataTree") -> pd.DataFrame:
    from icl.concept.summary import has_drift, parameter_table, summarise

    return summarise(tree) if has_drift(tree) else parameter_table(tree)


def _unseen(tree: "xarray.DataTree") -> list[str]:
    """Name the conditions that a model was not probed in: what the fit says of them is prior and population."""
    fixed = tree["constant_data"].to_dataset()
    said = []
    for model in fixed["model"].to_numpy():
        row = fixed["observed"].sel(model=model)
        if lacking := fixed["condition"].to_numpy()[~row.to_numpy()].tolist():
            said.append(f"{model} was not asked in {len(lacking)} conditions ({lacking[0]}, …); they are left out.")
    return said
