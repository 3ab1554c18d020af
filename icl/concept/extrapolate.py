"""How far accounts carry: fit them to a part of a table, predict the cells that were held out, and score that."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy import ndarray

from icl.concept.accounts import ACCOUNTS
from icl.concept.compare import layouts_of
from icl.concept.compiled import Compiled, compiled_once
from icl.concept.curves import CURVE_EFFORT
from icl.concept.diagnose import Diagnosis
from icl.concept.forecast import LEVEL, carried_forward, scored, scores_of
from icl.concept.holdout import Fold, HoldOut, folds_of
from icl.concept.layout import Layout
from icl.concept.mixture import Forecast, mixed, weights_elsewhere
from icl.concept.sampler import Effort
from icl.concept.scoring import log_mean_exp

__all__ = ["CARRIED", "STACKED", "Extrapolation", "extrapolate", "predict"]

CARRIED = "carried-forward"
"""Name of the plain baseline among the accounts."""

STACKED = "stacked"
"""Name of the accounts' mixture among them."""

_UNITS = {"counts": "points", "logprob": "nats"}
_CURVE = ["model", "task", "label_mode", "format", "example_length"]
_COLUMNS = [
    "account",
    "title",
    "num_cells",
    "coverage",
    "width",
    "crps",
    "bias",
    "log_score",
    "converged",
    "seconds",
    "note",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extrapolation:
    """Accounts fitted to a part of a table, and what they said of the rest.

    Attributes
    ----------
    table
        One row per account, one for the plain baseline and, of two accounts or more, one for their mixture, smallest
        CRPS first: account, title, num_cells (held out), coverage (share of 90 % intervals that hold what was
        observed), width (mean width of those), crps, bias (mean of median − observed), log_score (mean log predictive
        density, nats), converged, seconds, note.
    cells
        One row per account, fold and cell: its names, fold, held_out, observed, median, lower, upper, inside, crps,
        log_score.
    unit
        Unit of observed, median, lower, upper, crps, width and bias: ``points`` of accuracy, or ``nats``.
    hold_out
        What was held out.
    sentences
        What this says.
    """

    table: pd.DataFrame
    cells: pd.DataFrame
    unit: str
    hold_out: HoldOut
    sentences: tuple[str, ...]

    @property
    def by_fold(self) -> pd.DataFrame:
        """Scores of each account in each fold, as `table` has them over all: fold, account, num_cells, coverage, …"""
        rows = [
            {"fold": fold, "account": account, **scores_of(cells)}
            for (fold, account), cells in self.cells.groupby(["fold", "account"], sort=False)
        ]
        return pd.DataFrame(rows)


def extrapolate(
    counts: pd.DataFrame,
    hold_out: HoldOut,
    accounts: Sequence[str] | None = None,
    *,
    observe: str = "counts",
    draws: int | None = None,
    tune: int | None = None,
    chains: int | None = None,
    seed: int,
    compiled: dict[str, Compiled] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Extrapolation:
    """Fit accounts without the cells that are held out, and predict those.

    Parameters
    ----------
    counts
        A counts table of one or more models and tasks.
    hold_out
        What is held out: shots beyond a number, or each model (task) in turn.
    accounts
        Names of `icl.concept.accounts.ACCOUNTS`; None: all of them.
    observe
        ``counts`` (predictions in points of accuracy) or ``logprob`` (in nats).
    draws, tune, chains, seed
        Of each fit.
    compiled
        Accounts of this table that were compiled before; what is compiled now is put in, for another question.
    progress
        Called with a sentence before each fit.

    Raises
    ------
    UserError
        If an account is not known, none can be fitted to this table, or the cells cannot be held out.
    """
    effort = CURVE_EFFORT.but(draws=draws, tune=tune, chains=chains)
    layouts, refused = layouts_of(counts, accounts, observe)
    first = next(iter(layouts.values()))
    folds = folds_of(first.grid.cells, hold_out)
    rows, cells = [], []
    forecasts: dict[str, list[Forecast]] = {}
    for name, layout in layouts.items():
        title, started = layout.account.title, time.perf_counter()
        machine = compiled_once(layout, compiled)
        told: list[Diagnosis] = []
        forecasts[name] = []
        for fold in folds:
            if progress is not None:
                progress(f"{title}, {fold.name}: fit to {fold.seen.sum()} cells, predict {(~fold.seen).sum()}")
            forecast, diagnosis = _forecast(machine, fold.seen, effort, seed=seed)
            forecasts[name].append(forecast)
            told.append(diagnosis)
        predicted = _over_folds(layout, folds, forecasts[name])
        astray = [diagnosis.sentences[0] for diagnosis in told if not diagnosis.converged]
        row = {"account": name, "title": title, **scores_of(predicted), "converged": not astray}
        row["seconds"] = round(time.perf_counter() - started, 1)
        rows.append(row | {"note": astray[0] if astray else ""})
        cells.append(predicted.assign(account=name))
    sound = {row["account"]: forecasts[row["account"]] for row in rows if row["converged"]}
    if len(sound) > 1:
        both = _stacked(first, folds, sound, np.random.default_rng(seed))
        rows.append({"account": STACKED, "title": "accounts stacked", **scores_of(both), "converged": True, "note": ""})
        cells.append(both.assign(account=STACKED))
    plain = _carried(first, folds, np.random.default_rng(seed))
    lost = int(plain["median"].isna().sum())
    note = f"{lost} held-out cells have no cell with fewer shots to carry forward" if lost else ""
    rows.append({"account": CARRIED, "title": "last cell carried forward", **scores_of(plain), "note": note})
    cells.append(plain.assign(account=CARRIED))
    table = _in_order(rows, refused)
    unit = _UNITS[first.observation.name]
    return Extrapolation(
        table=table,
        cells=pd.concat(cells, ignore_index=True),
        unit=unit,
        hold_out=hold_out,
        sentences=_sentences(table, hold_out, unit),
    )


def predict(
    machine: Compiled, seen: Bool[ndarray, " num_cells"], effort: Effort, *, seed: int
) -> tuple[pd.DataFrame, Diagnosis]:
    """Fit an account to the cells that are seen, predict all, and score each prediction.

    Returns
    -------
    pd.DataFrame
        One row per cell, see `Extrapolation.cells`, without its fold.
    Diagnosis
        Of the fit.
    """
    forecast, diagnosis = _forecast(machine, seen, effort, seed=seed)
    return scored(machine.layout, seen, forecast.draws, forecast.log_score), diagnosis


def _forecast(
    machine: Compiled, seen: Bool[ndarray, " num_cells"], effort: Effort, *, seed: int
) -> tuple[Forecast, Diagnosis]:
    layout = machine.layout
    fitted = machine.fit(effort, seed=seed, seen=seen)
    nodes = fitted.nodes
    simulated = layout.simulate(nodes, np.random.default_rng(seed))
    return Forecast(draws=simulated, log_score=log_mean_exp(layout.log_likelihood(nodes))), fitted.diagnosis


def _over_folds(layout: Layout, folds: Sequence[Fold], forecasts: Sequence[Forecast]) -> pd.DataFrame:
    each = [
        scored(layout, fold.seen, forecast.draws, forecast.log_score).assign(fold=fold.name)
        for fold, forecast in zip(folds, forecasts)
    ]
    return pd.concat(each, ignore_index=True)


def _carried(layout: Layout, folds: Sequence[Fold], rng: np.random.Generator) -> pd.DataFrame:
    each = [carried_forward(layout, fold.seen, rng=rng).assign(fold=fold.name) for fold in folds]
    return pd.concat(each, ignore_index=True)


def _stacked(
    layout: Layout, folds: Sequence[Fold], forecasts: Mapping[str, Sequence[Forecast]], rng: np.random.Generator
) -> pd.DataFrame:
    """Mix the accounts in each fold, by weights from the other curves of that origin."""
    curve = layout.grid.cells.groupby(_CURVE, dropna=False).ngroup().to_numpy()
    found: list[Forecast] = []
    for place, fold in enumerate(folds):
        alike = [number for number, other in enumerate(folds) if other.origin == fold.origin]
        here = {name: each[place] for name, each in forecasts.items()}
        score = [np.concatenate([each[at].log_score[~folds[at].seen] for at in alike]) for each in forecasts.values()]
        unit = np.concatenate([curve[~folds[at].seen] for at in alike])
        held = weights_elsewhere(np.stack(score), unit)
        start = sum(int((~folds[at].seen).sum()) for at in alike if at < place)
        weights = np.full((len(here), len(curve)), 1 / len(here))
        weights[:, ~fold.seen] = held[:, start : start + int((~fold.seen).sum())]
        found.append(mixed(here, weights, rng))
    return _over_folds(layout, folds, found)


def _in_order(rows: list[dict], refused: dict[str, str]) -> pd.DataFrame:
    """Smallest CRPS first; then what did not converge, then what could not be fitted."""
    unfit = [{"account": name, "title": ACCOUNTS[name].title, "note": why} for name, why in refused.items()]
    rows = sorted(rows, key=lambda row: (row.get("converged") is False, np.nan_to_num(row["crps"], nan=np.inf)))
    table = pd.DataFrame([*rows, *unfit]).reindex(columns=_COLUMNS)
    return table.astype({"num_cells": "Int64", "converged": "boolean"})


def _sentences(table: pd.DataFrame, hold_out: HoldOut, unit: str) -> tuple[str, ...]:
    fitted = table[table["converged"].fillna(False) & (table["account"] != CARRIED)]
    plain = table[table["account"] == CARRIED].iloc[0]
    said = []
    if len(fitted):
        best = fitted.iloc[0]
        text = (
            f"{hold_out.words}: {best['title']} predicts the {best['num_cells']} held-out cells best, with a CRPS of "
            f"{best['crps']:.2f} {unit} and {100 * best['coverage']:.0f} % of them inside its {100 * LEVEL:.0f} % "
            "intervals"
        )
        if pd.notna(plain["crps"]):
            text += f"; the last cell carried forward has {plain['crps']:.2f} and {100 * plain['coverage']:.0f} %"
        said.append(f"{text}.")
        better = fitted["crps"] < plain["crps"]
        if not better.any() and pd.notna(plain["crps"]):
            said.append("No account predicts better than the last cell carried forward.")
    else:
        said.append("No account converged on the remaining cells; raise draws and tune.")
    for row in table[table["note"].fillna("") != ""].itertuples():
        if row.account == CARRIED or pd.notna(row.converged):
            said.append(f"{row.title}: {row.note.rstrip('.')}.")
        else:
            said.append(f"{row.title} is left out: {row.note}")
    return tuple(said)
