"""Fits of a run's answers: laid out, sampled, stored in a file of their own each, and read back.

``fits/ACCOUNT.OBSERVATION.nc``; the normalisation, where it is not the default, options of the account that were given,
and the model, where the fit is of one of several, stand in the name as well. So a fit replaces none but one that was
asked the same.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from icl.answers import naming_left_out
from icl.concept.fit import Fit, fit_layout, fittable_named
from icl.concept.fittable import Fittable
from icl.concept.sampler import Effort, Stages
from icl.errors import UserError
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalisation_of
from probes import disk
from probes.runs.artefacts import FIT, checksum, read_artefact, stale, stamp_of_run
from probes.runs.models import with_covariates

if TYPE_CHECKING:
    from probes.runs.folder import RunFolder

__all__ = ["LaidOut", "StoredFit", "lay_out", "one_model", "read_fits", "shared_normalisation"]

_ELSEWHERE = (
    "write the fit elsewhere with --out FILE.nc (of `probe fit`), or copy the run folder to a place where you may write"
)


@dataclass(frozen=True, eq=False, repr=False)
class StoredFit(Fit):
    """A fit and the file that holds it."""

    path: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """Answers of runs laid out for an account: everything that can be refused has been, and nothing is sampled yet.

    Attributes
    ----------
    account, observe, layout
        What is asked of which table.
    answers
        All answers that it was made of, prompts without one included.
    models
        Models of the table.
    source
        Normalisation, digest of the scores, and the model and options that were asked for, as the fit records them.
    path
        Where the fit will be written.
    """

    account: Fittable
    observe: str
    layout: Any
    answers: pd.DataFrame
    models: tuple[str, ...]
    source: dict[str, str]
    path: Path

    def describe(self) -> str:
        """Say what is about to be fitted."""
        how = self.source["normalisation"]
        compared = "" if how == DEFAULT_NORMALISATION else f", labels compared by '{how}'"
        return self.account.describe(self.layout, compared)

    def fit(self, effort: Effort, *, seed: int, progress: Stages | None = None) -> StoredFit:
        """Sample and store.

        Raises
        ------
        UserError
            If the answers cannot inform the account, or the fit cannot be written; then it is kept elsewhere.
        """
        with naming_left_out(lambda: self.answers):
            made = fit_layout(
                self.account,
                self.layout,
                observe=self.observe,
                effort=effort,
                seed=seed,
                source=self.source,
                progress=progress,
            )
        with disk.rescued():
            FIT.write(self.path, made.tree)
        stored = StoredFit(made.tree, path=self.path)
        vars(stored)["diagnosis"] = made.diagnosis  # it takes a while
        return stored


def lay_out(
    folders: Sequence["RunFolder"],
    account: str,
    *,
    observe: str | None = None,
    model: str | None = None,
    normalisation: str | None = None,
    out: Path | None = None,
    **options: Any,
) -> LaidOut:
    """Read the answers of finished runs and lay them out for an account.

    Parameters
    ----------
    folders
        Runs; the fit of one goes into its folder, the fit of several into `out`.
    account, observe
        A name of `icl.concept.fit.FITTABLE`, and what of the answers it is fitted to; None: its default.
    model
        Which model; None: all of them, or the only one.
    normalisation
        How candidates are compared; None: as in the metrics of all runs.
    options
        Of the account, such as ``concepts``.

    Raises
    ------
    UserError
        If a name is not known, an option is not the account's, or the answers cannot inform it.
    """
    asked = fittable_named(account)
    options = {name: value for name, value in options.items() if value is not None}
    for name in options:
        if name not in asked.options:
            raise UserError(f"--{name} does not go with --account {account}; leave it out.")
    observe = observe or asked.observations[0]
    for folder in folders:
        folder.check_finished()
    if out is None:
        elsewhere = (
            "write the fit elsewhere with --out FILE.nc (of `probe fit`), or copy the run folder to a place where "
        )
        folders[0].check_writable(f"{elsewhere}you may write")
    else:
        disk.check_writable(out.parent)
    how = shared_normalisation(folders, normalisation)
    stamps = [stamp_of_run(folder.path, how) for folder in folders]
    answers = [with_covariates(folder.answers(how), folder.models()) for folder in folders]
    tables = [asked.tabulate(each) for each in answers]
    several = any(table["model"].nunique() > 1 for table in tables)
    if model is not None or asked.is_of_one_model:
        tables = [one_model(table, folder, model) for table, folder in zip(tables, folders)]
        answers = [each[each["model"].isin(table["model"].unique())] for each, table in zip(answers, tables)]
    everything = pd.concat(answers, ignore_index=True)
    with naming_left_out(lambda: everything):
        layout = asked.layout(pd.concat(tables, ignore_index=True), observe=observe, **options)
    digest = stamps[0]["digest"] if len(stamps) == 1 else checksum("\n".join(s["digest"] for s in stamps).encode())
    chosen = model if several and model is not None else ""
    name = f"{_name(account, observe, how, chosen, options)}.nc"
    path = folders[0].path / FIT.place.replace("*.nc", name) if out is None else out
    disk.make_folder(path.parent)
    return LaidOut(
        account=asked,
        observe=observe,
        layout=layout,
        answers=everything,
        models=tuple(dict.fromkeys(name for table in tables for name in table["model"])),
        source={
            "normalisation": how,
            "digest": digest,
            "asked_model": chosen,
            "asked_options": json.dumps({name: value if _is_plain(value) else None for name, value in options.items()}),
        },
        path=path,
    )


def read_fits(folder: "RunFolder") -> Iterator[StoredFit]:
    """Read every fit of a run, each with what may be wrong with it; laws of learning curves first, as they are listed.

    Raises
    ------
    UserError
        If a file is damaged.
    """
    found = []
    for path in sorted(folder.path.glob(FIT.place)):
        tree = read_artefact(FIT, path, folder.path)
        fit = StoredFit(tree, stale=stale(FIT, path, tree, folder.path), path=path)
        try:
            found.append((fit.order, fit))
        except (KeyError, UserError) as error:
            raise disk.read_error(path, error, "delete it and fit again") from error
    yield from (fit for _, fit in sorted(found, key=lambda pair: (pair[0], pair[1].path.name)))


def one_model(table: pd.DataFrame, folder: "RunFolder", model: str | None) -> pd.DataFrame:
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


def shared_normalisation(folders: Sequence["RunFolder"], asked: str | None = None) -> str:
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


def _is_plain(value: Any) -> bool:
    """Whether an option of an account is a number or a name; others, such as priors, no command can write."""
    return isinstance(value, int | str)


def _name(account: str, observe: str, normalisation: str, model: str, options: Mapping[str, Any]) -> str:
    """Name a fit; a model's name is written in letters that every system takes, with a digest where some were not."""
    given = {name: str(one) if _is_plain(one) else checksum(repr(one).encode())[:6] for name, one in options.items()}
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", model).strip("-")[:40]
    shown = plain if plain == model else f"{plain}-{checksum(model.encode())[:6]}"
    how = "" if normalisation == DEFAULT_NORMALISATION else normalisation
    parts = [account, observe, how, *(f"{name}-{value}" for name, value in sorted(given.items()))]
    return ".".join(filter(None, [*parts, shown if model else ""]))
