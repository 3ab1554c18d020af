"""The tables that a store shows: what each holds of a run, how it is made and what it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from probes.runs.artefacts import FIT, METRICS, checksum, stamp_of_run
from probes.runs.folder import RunFolder

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["TABLES", "VIEWS", "View"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table.

    Attributes
    ----------
    name
        As SQL knows it.
    says
        What a row is, and which columns matter most.
    rows
        Run folder → its rows, without the column ``run``.
    digest
        Run folder → what the rows are made of, by name: another digest, other rows.
    """

    name: str
    says: str
    rows: Callable[[RunFolder], pd.DataFrame]
    digest: Callable[[RunFolder], str]


def _answers(folder: RunFolder) -> pd.DataFrame:
    return folder.answers()


def _metrics(folder: RunFolder) -> pd.DataFrame:
    return folder.metrics()


def _fits(folder: RunFolder) -> pd.DataFrame:
    found = [_parameters(fit.tree).assign(fit=fit.path.stem, trouble=fit.trouble) for fit in folder.fits()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_FIT_COLUMNS)


_FIT_COLUMNS = ["account", "observe", "parameter", "mean", "low", "high", "r_hat", "ess", "fit", "trouble"]


def _parameters(tree: "xr.DataTree") -> pd.DataFrame:
    """One row per parameter (one per level of it): mean, 90 % interval, R-hat and bulk effective draws."""
    import arviz as az

    posterior = tree["posterior"].to_dataset()
    ess, r_hat = az.ess(posterior), az.rhat(posterior)
    rows = []
    for name, draws in posterior.data_vars.items():
        stacked = draws.stack(sample=("chain", "draw")).transpose(..., "sample")
        levels = draws.isel(chain=0, draw=0).to_series().index if stacked.ndim > 1 else [()]
        low, high = stacked.quantile([0.05, 0.95], dim="sample").to_numpy().reshape(2, -1)
        columns = zip(
            levels,
            stacked.mean("sample").to_numpy().ravel(),
            low,
            high,
            r_hat[name].to_numpy().ravel(),
            ess[name].to_numpy().ravel(),
            strict=True,
        )
        for level, *numbers in columns:
            named = level if isinstance(level, tuple) else (level,)
            shown = f"{name}[{', '.join(map(str, named))}]" if named else str(name)
            rows.append([tree.attrs["account"], tree.attrs["observe"], shown, *map(float, numbers)])
    return pd.DataFrame(rows, columns=_FIT_COLUMNS[:-2])


def _models(folder: RunFolder) -> pd.DataFrame:
    return folder.models()


def _of_scores(folder: RunFolder) -> str:
    return stamp_of_run(folder.path, folder.normalisation)["digest"]


def _of_files(place: str) -> Callable[[RunFolder], str]:
    """Digest the files of one kind, and the scores that they may be out of date with."""

    def digest(folder: RunFolder) -> str:
        files = sorted(folder.path.glob(place))
        return checksum("\n".join([_of_scores(folder), *(checksum(file.read_bytes()) for file in files)]).encode())

    return digest


VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        View(
            name="answers",
            says="one row per prompt: run, model, task, every factor of the prompt, prediction, whether it is right "
            "(accuracy), and probabilities",
            rows=_answers,
            digest=_of_scores,
        ),
        View(
            name="metrics",
            says="one row per metric and condition: run, metric, estimate, and its 90 % interval (low, high)",
            rows=_metrics,
            digest=_of_files(METRICS.place),
        ),
        View(
            name="fits",
            says="one row per fit and parameter: run, account, observe, parameter, mean, 90 % interval (low, high), "
            "r_hat, ess, and why the fit may not be quoted (trouble, empty where it may)",
            rows=_fits,
            digest=_of_files(FIT.place),
        ),
        View(
            name="models",
            says="one row per run and model: run, model, its revision, type and covariates",
            rows=_models,
            digest=lambda folder: checksum((folder.path / "manifest.json").read_bytes()),
        ),
    )
}
"""Name → table that is made of runs; beside them stands ``runs``, made of their records."""

TABLES: dict[str, str] = {
    **{view.name: view.says for view in VIEWS.values()},
    "runs": "one row per run: run, its folder (path), state, when it started, and seconds",
}
"""Name of each table that a query can name → what it holds."""
