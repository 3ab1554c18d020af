"""What a fitted evidence decomposition says: what each part of a demonstration brings, and what that adds up to."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.concept.evidence.identified import (
    DATA,
    DATA_AND_NOISE_PRIOR,
    PRIOR,
    Term,
    cells_of,
    identified_sums,
    terms_of,
    told_by,
    weaker,
)
from icl.concept.evidence.layout import CONDITION
from icl.errors import UserError

__all__ = ["break_even", "label_share", "summarise_conditions", "summarise_evidence", "written_sum"]

_LOWER, _UPPER = 0.05, 0.95  # ends of every 90 % interval

_SMALL_GAIN = 0.02
"""Accuracy that may not have moved by more than this, a share, tells little of the log-odds behind it."""

_NOTES = {
    DATA: "",
    DATA_AND_NOISE_PRIOR: "identified only with the prior of the concept's label noise",
    PRIOR: "these conditions do not separate it from other components",
}

_RIGHT: dict[Term, float] = {("inputs", ""): 1.0, ("label_space", ""): 1.0, ("labels", ""): 1.0}


def summarise_evidence(tree: xr.DataTree) -> pd.DataFrame:
    """Sum up the components of each series, and where the data tell only sums of them, the sums.

    Returns
    -------
    pd.DataFrame
        model, task; component (of `icl.concept.evidence.identified.COMPONENTS`, or the terms of a sum), format (of a
        noise, else empty); median, lower, upper (90 % interval, nats per demonstration; NaN where only the prior tells
        it); told_by (the data, the data and the prior of the label noise, or the prior); is_sum; terms, a list of
        what is summed (component, format, weight); and note, a sentence where a number is a sum, is missing or leans on
        a prior.
    """
    rows = []
    for place, named in _series(tree):
        draws = _draws(tree, "posterior", place)
        for term in terms_of(tree, place):
            how = told_by(tree, place, {term: 1.0})
            row = named | {"component": term[0], "format": term[1]} | _interval(draws[term], how)
            rows.append(row | {"told_by": how, "is_sum": False, "terms": _terms({term: 1.0}), "note": _NOTES[how]})
        for weights in identified_sums(tree, place):
            terms = _terms(weights)
            row = (
                named | {"component": written_sum(terms, _named), "format": ""} | _interval(_sum(draws, weights), DATA)
            )
            note = "a sum: these conditions do not identify its terms separately"
            rows.append(row | {"told_by": DATA, "is_sum": True, "terms": terms, "note": note})
    return pd.DataFrame(rows)


def label_share(tree: xr.DataTree) -> pd.DataFrame:
    """Share of the signal that right labels bring, γλ(1) ÷ (α + β + γλ(1)).

    Returns
    -------
    pd.DataFrame
        One row per series: model, task, median, lower, upper (90 % interval; NaN where only the prior tells it),
        told_by and note.
    """
    rows = []
    for place, named in _series(tree):
        labels: dict[Term, float] = {("labels", ""): 1.0}
        how = weaker(told_by(tree, place, labels), told_by(tree, place, _RIGHT))
        draws = _draws(tree, "posterior", place)
        share = _sum(draws, labels) / np.maximum(_sum(draws, _RIGHT), np.finfo(float).tiny)
        rows.append(named | _interval(share, how) | {"told_by": how, "note": _NOTES[how]})
    return pd.DataFrame(rows)


def break_even(tree: xr.DataTree) -> pd.DataFrame:
    """Share ρ* of right labels at which a demonstration with inputs and label words has as much signal as noise.

    Returns
    -------
    pd.DataFrame
        One row per series and format: model, task, format; median, lower, upper of ρ* where it exists in [0, 1] (NaN
        where it does in fewer than one draw in twenty, or only the prior tells it); prob_always = P(signal exceeds
        noise at every share | data), prob_never = P(at no share), prob_none = their sum; told_by and note.
    """
    rows = []
    for place, named in _series(tree):
        draws = _draws(tree, "posterior", place)
        lost: dict[Term, float] = {("wrong_labels", ""): 1.0}
        for noise in (term for term in terms_of(tree, place) if term[0] == "noise"):
            best = _RIGHT | {noise: -1.0}
            how = weaker(told_by(tree, place, best), told_by(tree, place, lost))
            share = 1 - _sum(draws, best) / np.maximum(_sum(draws, lost), np.finfo(float).tiny)
            always, never = float((share < 0).mean()), float((share > 1).mean())
            rare = always + never > _UPPER
            exists = share[(share >= 0) & (share <= 1)]
            row = named | {"format": noise[1]} | _interval(exists, PRIOR if rare else how)
            row |= {"prob_always": always, "prob_never": never, "prob_none": always + never}
            rows.append(row | {"told_by": how, "note": _NOTES[how]})
    return pd.DataFrame(rows)


def summarise_conditions(tree: xr.DataTree, *, odds: float = 9.0) -> pd.DataFrame:
    """Sum up each condition that a series was asked in.

    Parameters
    ----------
    odds
        Odds of the task against no task that `shots_needed` leads to; 9 stands for a posterior of 90 %.

    Returns
    -------
    pd.DataFrame
        model, task, label_mode, input_mode, balance, format; share_correct (mean of the labels shown; NaN where it has
        no meaning); signal, noise and drift with ``_lower`` and ``_upper`` (90 % interval, nats per demonstration; NaN
        where only the prior tells them); prob_signal_exceeds_noise; shots_needed with its interval (inf: never) and
        prob_never; gain with its interval (modelled accuracy at the most shots minus at zero, a share);
        drift_contraction (1 − posterior variance ÷ prior variance); told_by (the drift); and note.

    Raises
    ------
    UserError
        If the odds are not positive.
    """
    if not odds > 0:
        raise UserError(f"odds must be positive, got {odds}; 9 stands for a posterior of 90 %.")
    table = cells_of(tree)
    named, rows = dict(_series(tree)), []
    shown = table[table["num_shots"] > 0]
    for key, cells in shown.groupby(["series", "style", *CONDITION], sort=False):
        place, style = int(cells["series"].iloc[0]), int(cells["style"].iloc[0])
        row = named[place] | dict(zip(CONDITION, key[2:])) | {"share_correct": float(cells["share_correct"].mean())}
        row |= _balance_of(tree, place, cells)
        drift = _sum(_draws(tree, "posterior", place), _drift_weights(cells))
        start = tree["posterior"]["start_log_odds"].isel(style=style).to_numpy().ravel()
        row |= _shots_needed(start, drift, float(np.log(odds))) | _gain(tree, table, cells)
        rows.append(row | {"note": _condition_note(row)})
    return pd.DataFrame(rows)


def _balance_of(tree: xr.DataTree, place: int, cells: pd.DataFrame) -> dict:
    """Signal, noise and drift of a condition, and what tells the drift."""
    posterior, prior = (_draws(tree, group, place) for group in ("posterior", "prior"))
    drift, noise = _drift_weights(cells), {("noise", str(cells["format"].iloc[0])): 1.0}
    signal = {term: weight for term, weight in drift.items() if term[0] != "noise"}
    row: dict = {}
    for name, weights in {"signal": signal, "noise": noise, "drift": drift}.items():
        how = told_by(tree, place, weights)
        row |= _interval(_sum(posterior, weights), how, name) | {"told_by": how}
    now, before = _sum(posterior, drift), _sum(prior, drift)
    row["prob_signal_exceeds_noise"] = float((now > 0).mean())
    row["drift_contraction"] = float(1 - now.var() / before.var())
    return row


def _drift_weights(cells: pd.DataFrame) -> dict[Term, float]:
    """Weights of the components in the drift of one condition; its cells differ in their labels at most."""
    weights: dict[Term, float] = {
        ("inputs", ""): float(cells["has_inputs"].mean()),
        ("label_space", ""): float(cells["has_label_space"].mean()),
        ("labels", ""): float(cells["share_correct"].notna().mean()),
        ("wrong_labels", ""): -float((1 - cells["share_correct"]).fillna(0.0).mean()),
        ("noise", str(cells["format"].iloc[0])): -1.0,
    }
    return {term: weight for term, weight in weights.items() if weight}


def _condition_note(row: dict) -> str:
    if row["told_by"] == PRIOR:
        return (
            "the drift is not separable from what the model knows without demonstrations; run more shot counts, "
            "including 0"
        )
    if row["gain_lower"] <= _SMALL_GAIN and row["gain_upper"] >= -_SMALL_GAIN:
        return (
            "the answers do not clearly move, so the drift depends on the prior: there is no sign of a relevant signal"
        )
    return ""


def _shots_needed(start: Float[ndarray, " n"], drift: Float[ndarray, " n"], goal: float) -> dict[str, float]:
    """(log odds − ℓ₀) ÷ drift: 0 where ℓ₀ is there already, infinite where the drift does not lead there."""
    missing, rising = goal - start, drift > 0
    shots = np.where(rising, missing / np.where(rising, drift, 1.0), np.inf)
    shots = np.where(missing <= 0, 0.0, shots)
    # No interpolation between finite and infinite draws.
    lower, median, upper = np.quantile(shots, [_LOWER, 0.5, _UPPER], method="inverted_cdf")
    found = {"shots_needed": float(median), "shots_needed_lower": float(lower), "shots_needed_upper": float(upper)}
    return found | {"prob_never": float(np.isinf(shots).mean())}


def _gain(tree: xr.DataTree, table: pd.DataFrame, cells: pd.DataFrame) -> dict[str, float]:
    zero = table.index[(table["style"] == cells["style"].iloc[0]) & (table["num_shots"] == 0)].to_numpy()
    if not len(zero):
        return _interval(np.array([np.nan]), PRIOR, "gain")
    most = cells.index[cells["num_shots"] == cells["num_shots"].max()].to_numpy()
    accuracy = tree["posterior"]["accuracy"]
    gain = accuracy.isel(cell=most).mean("cell") - accuracy.isel(cell=zero).mean("cell")
    return _interval(gain.to_numpy().ravel(), DATA, "gain")


def _series(tree: xr.DataTree) -> list[tuple[int, dict[str, str]]]:
    fixed = tree["constant_data"].to_dataset()
    pairs = zip(fixed["series_model"].to_numpy(), fixed["series_task"].to_numpy())
    return [(place, {"model": str(model), "task": str(task)}) for place, (model, task) in enumerate(pairs)]


def _draws(tree: xr.DataTree, group: str, series: int) -> dict[Term, Float[ndarray, " num_draws"]]:
    """Draws of every component of a series, chains one behind another."""
    dataset, fixed = tree[group].to_dataset(), tree["constant_data"].to_dataset()
    own = np.flatnonzero(fixed["style_series"].to_numpy() == series)
    style = {str(fixed["style_format"].to_numpy()[place]): place for place in own}
    return {
        (name, written): (
            dataset[name].isel(style=style[written]) if name == "noise" else dataset[name].isel(series=series)
        )
        .to_numpy()
        .ravel()
        for name, written in terms_of(tree, series)
    }


def _sum(draws: dict[Term, Float[ndarray, " n"]], weights: dict[Term, float]) -> Float[ndarray, " n"]:
    return np.sum([weight * draws[term] for term, weight in weights.items()], axis=0)


def _interval(draws: Float[ndarray, " n"], how: str, name: str = "") -> dict[str, float]:
    """Median and 90 % interval; missing where only the prior tells them."""
    ends = np.full(3, np.nan) if how == PRIOR else np.quantile(draws, [_LOWER, 0.5, _UPPER])
    keys = (f"{name}_lower", name, f"{name}_upper") if name else ("lower", "median", "upper")
    return {key: float(end) for key, end in zip(keys, ends)}


def _terms(weights: Mapping[Term, float]) -> list[dict[str, Any]]:
    return [{"component": name, "format": format, "weight": weight} for (name, format), weight in weights.items()]


def _named(component: str, format: str) -> str:
    return component + (f"[{format}]" if format else "")


def written_sum(terms: Iterable[Mapping[str, Any]], write: Callable[[str, str], str]) -> str:
    """Write a sum such as ``inputs + label_space − noise[minimal]``.

    Parameters
    ----------
    terms
        component, format and weight of each, as `summarise_evidence` lists them.
    write
        (component, format) → how a term is written.
    """
    text = ""
    for term in terms:
        weight = term["weight"]
        size = "" if abs(abs(weight) - 1) < 1e-6 else f"{abs(weight):.3g}·"
        sign = ("− " if weight < 0 else "+ ") if text else ("−" if weight < 0 else "")
        text += f" {sign}{size}{write(term['component'], term['format'])}"
    return text.strip()
