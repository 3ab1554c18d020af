"""How far a law extrapolates: fit on few demonstrations, predict the cells with more, and score the predictions."""

import time
from collections.abc import Callable, Sequence
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
from icl.concept.layout import Layout
from icl.concept.sampler import Effort
from icl.concept.scoring import log_mean_exp
from icl.errors import UserError

__all__ = ["CARRIED", "Extrapolation", "extrapolate", "predict", "seen_cells"]

CARRIED = "carried-forward"
"""Name of the plain baseline among the accounts."""

_UNITS = {"counts": "points", "logprob": "nats"}
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
    """Accounts fitted to few demonstrations, and what they said of more.

    Attributes
    ----------
    table
        One row per account and one for the plain baseline, smallest CRPS first: account, title, num_cells (held out),
        coverage (share of 90 % intervals that hold what was observed), width (mean width of those), crps, bias (mean of
        median − observed), log_score (mean log predictive density, nats), converged, seconds, note.
    cells
        One row per account and cell: its names, held_out, observed, median, lower, upper, inside, crps, log_score.
    unit
        Unit of observed, median, lower, upper, crps, width and bias: ``points`` of accuracy, or ``nats``.
    shots
        Cells with more demonstrations were held out.
    sentences
        What this says.
    """

    table: pd.DataFrame
    cells: pd.DataFrame
    unit: str
    shots: int
    sentences: tuple[str, ...]


def extrapolate(
    counts: pd.DataFrame,
    shots: int,
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
    """Fit accounts to the cells of at most `shots` demonstrations and predict the others.

    Parameters
    ----------
    counts
        A counts table of one or more models and tasks.
    shots
        Cells with more demonstrations are held out.
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
    seen = seen_cells(first, shots)
    rows, cells = [], []
    for name, layout in layouts.items():
        title = layout.account.title
        if progress is not None:
            progress(f"{title}: fit to {seen.sum()} cells, predict {(~seen).sum()}")
        started = time.perf_counter()
        predicted, diagnosis = predict(compiled_once(layout, compiled), seen, effort, seed=seed)
        row = {"account": name, "title": title, **scores_of(predicted), "converged": diagnosis.converged}
        row["seconds"] = round(time.perf_counter() - started, 1)
        rows.append(row | {"note": "" if diagnosis.converged else diagnosis.sentences[0]})
        cells.append(predicted.assign(account=name))
    plain = carried_forward(first, seen, rng=np.random.default_rng(seed))
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
        shots=shots,
        sentences=_sentences(table, shots, unit),
    )


def seen_cells(layout: Layout, shots: int) -> Bool[ndarray, " num_cells"]:
    """Which cells have at most `shots` demonstrations.

    Raises
    ------
    UserError
        If none has more, or those that are left could tell no curve.
    """
    num_shots = layout.grid.cells["num_shots"].to_numpy()
    seen = num_shots <= shots
    if seen.all():
        raise UserError(
            f"no cell has more than {shots} shots (the largest number is {num_shots.max()}); hold out shots "
            "above fewer."
        )
    left = np.unique(num_shots[seen])
    if len(left) < 2:
        what = f"only the shot count {left[0]} is" if len(left) else "no shot count is"
        raise UserError(
            f"{what} left when shots above {shots} are held out, and a learning curve needs two; hold out fewer "
            f"(the table has {', '.join(map(str, np.unique(num_shots)))})."
        )
    return seen


def predict(
    machine: Compiled, seen: Bool[ndarray, " num_cells"], effort: Effort, *, seed: int
) -> tuple[pd.DataFrame, Diagnosis]:
    """Fit an account to the cells that are seen, predict all, and score each prediction.

    Returns
    -------
    pd.DataFrame
        One row per cell, see `Extrapolation.cells`.
    Diagnosis
        Of the fit.
    """
    layout = machine.layout
    fitted = machine.fit(effort, seed=seed, seen=seen)
    nodes = fitted.nodes
    simulated = layout.simulate(nodes, np.random.default_rng(seed))
    return scored(layout, seen, simulated, log_mean_exp(layout.log_likelihood(nodes))), fitted.diagnosis


def _in_order(rows: list[dict], refused: dict[str, str]) -> pd.DataFrame:
    """Smallest CRPS first; then what did not converge, then what could not be fitted."""
    unfit = [{"account": name, "title": ACCOUNTS[name].title, "note": why} for name, why in refused.items()]
    rows = sorted(rows, key=lambda row: (row.get("converged") is False, row["crps"]))
    table = pd.DataFrame([*rows, *unfit]).reindex(columns=_COLUMNS)
    return table.astype({"num_cells": "Int64", "converged": "boolean"})


def _sentences(table: pd.DataFrame, shots: int, unit: str) -> tuple[str, ...]:
    fitted = table[table["converged"].fillna(False) & (table["account"] != CARRIED)]
    plain = table[table["account"] == CARRIED].iloc[0]
    said = []
    if len(fitted):
        best = fitted.iloc[0]
        said.append(
            f"Fitted to at most {shots} shots, {best['title']} predicts the {best['num_cells']} cells beyond best: "
            f"CRPS {best['crps']:.2f} {unit}, {100 * best['coverage']:.0f} % of them inside its {100 * LEVEL:.0f} % "
            f"intervals; the last cell carried forward has {plain['crps']:.2f} and {100 * plain['coverage']:.0f} %."
        )
        better = fitted["crps"] < plain["crps"]
        if not better.any():
            said.append("No account predicts better than the last cell carried forward.")
    else:
        said.append("No account converged on the remaining cells; raise draws and tune.")
    for row in table[table["note"].fillna("") != ""].itertuples():
        if row.account == CARRIED or pd.notna(row.converged):
            said.append(f"{row.title}: {row.note.rstrip('.')}.")
        else:
            said.append(f"{row.title} is left out: {row.note}")
    return tuple(said)
