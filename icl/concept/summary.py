"""What a fit says: signal, noise and drift of every condition, and which of them the data could tell apart."""

import itertools
import json

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float
from numpy import ndarray

from icl.concept.grid import NO_EXAMPLE_LENGTH
from icl.concept.shape import SURE, curve_shapes
from icl.errors import UserError

__all__ = ["LEVEL", "demonstrations_needed", "has_drift", "parameter_table", "separately_identified", "summarise"]

LEVEL = ("model", "task", "label_mode", "format", "example_length")
"""Columns of `parameter_table` that say what a parameter is of."""

_QUANTITIES = ("signal", "noise", "drift")
_LOWER, _UPPER = 0.05, 0.95  # ends of every 90 % interval


def summarise(tree: xr.DataTree) -> pd.DataFrame:
    """Sum up the posterior, one row per model and condition that the model was probed in.

    Returns
    -------
    pd.DataFrame
        model, condition, label_mode, format, example_length; for each of signal, noise and drift its median, ends
        of its 90 % interval (``drift``, ``drift_lower``, ``drift_upper``: nats per demonstration) and its
        contraction (1 − posterior variance ÷ prior variance); ``prob_signal_exceeds_noise`` = P(drift > 0 | data), or
        of a curve that surely falls P(it does not fall), if that is less; ``prob_falls`` = P(its last part falls), see
        `icl.concept.shape.curve_shapes`, NaN of fewer than three numbers of shots; ``separately_identified``; and
        ``note``, a sentence where signal, noise or drift should not be read as they stand.
    """
    posterior, prior = tree["posterior"].to_dataset(), tree["prior"].to_dataset()
    identified = separately_identified(tree)
    shapes = curve_shapes(tree).set_index(["model", "condition"])["prob_falls"]
    rows = []
    for model, condition, described in _observed_conditions(tree):
        here = {"model": model, "condition": condition}
        row = here | described
        for name in _QUANTITIES:
            draws = posterior[name].sel(here).to_numpy()
            lower, median, upper = np.quantile(draws, [_LOWER, 0.5, _UPPER])
            row |= {name: median, f"{name}_lower": lower, f"{name}_upper": upper}
            row[f"{name}_contraction"] = 1 - draws.var() / prior[name].sel(here).to_numpy().var()
        falls = float(shapes.get((model, condition), np.nan))
        rises = float((posterior["drift"].sel(here) > 0).mean())
        row["prob_signal_exceeds_noise"] = min(rises, 1 - falls) if falls >= SURE else rises
        row["prob_falls"] = falls
        row["separately_identified"] = bool(identified.sel(here))
        apart = row["separately_identified"]
        notes = [] if apart else ["signal and noise depend on the prior here; interpret the drift"]
        notes += ["the curve falls over its last shots"] if falls >= SURE else []
        row["note"] = "; ".join(notes)
        rows.append(row)
    return pd.DataFrame(rows)


def has_drift(tree: xr.DataTree) -> bool:
    """Whether the fitted account speaks of signal, noise and drift."""
    return "drift" in tree["posterior"]


def parameter_table(tree: xr.DataTree) -> pd.DataFrame:
    """Every parameter of a fit at every level.

    Returns
    -------
    pd.DataFrame
        parameter; model, task, label_mode, format and example_length of its level, missing where it does not depend on
        them; median, lower, upper (90 % interval), prior_median, prior_lower, prior_upper, contraction (1 − posterior
        variance ÷ prior variance), unit, meaning and reason of the prior.
    """
    posterior, prior = tree["posterior"].to_dataset(), tree["prior"].to_dataset()
    fixed = tree["constant_data"].to_dataset()
    rows: list[dict[str, object]] = []
    for parameter in json.loads(tree.attrs["priors"]):
        name = parameter["name"]
        names = [str(dim) for dim in posterior[name].dims if dim not in ("chain", "draw")]
        draws, before = (_flat(group[name], names) for group in (posterior, prior))
        levels = itertools.product(*(posterior[dim].to_numpy().tolist() for dim in names))
        for place, level in enumerate(levels):
            row: dict[str, object] = {"parameter": name} | dict.fromkeys(LEVEL)
            for dim, value in zip(names, level):
                row |= _described(fixed, dim, value)
            for prefix, values in (("", draws[:, place]), ("prior_", before[:, place])):
                lower, median, upper = np.quantile(values, [_LOWER, 0.5, _UPPER])
                row |= {f"{prefix}median": median, f"{prefix}lower": lower, f"{prefix}upper": upper}
            row["contraction"] = 1 - draws[:, place].var() / before[:, place].var()
            rows.append(row | {key: parameter[key] for key in ("unit", "meaning", "reason")})
    return pd.DataFrame(rows)


def _flat(values: xr.DataArray, names: list[str]) -> Float[ndarray, "num_draws num_levels"]:
    """Draws of a variable at each of its levels."""
    flat = values.transpose("chain", "draw", *names).to_numpy()
    return flat.reshape(flat.shape[0] * flat.shape[1], -1)


def _described(fixed: xr.Dataset, dim: str, value: str) -> dict[str, str | float]:
    """What a coordinate of a fit stands for, by the columns of `LEVEL`."""
    if dim == "model":
        cell = int(np.argmax(fixed["cell_series"].to_numpy() == value))
        return {name: fixed[f"cell_{name}"].to_numpy()[cell].item() for name in ("model", "task")}
    if dim == "condition":
        return _condition(fixed.sel(condition=value))
    if dim == "example_length":
        return {} if value == NO_EXAMPLE_LENGTH else {dim: float(value)}
    return {dim: value}


def separately_identified(tree: xr.DataTree) -> xr.DataArray:
    """Tell where signal and noise can be told apart, (model, condition).

    drift = κ[label mode]·k − ν[format] is linear in κ and ν, so both can be told apart in a condition when no
    direction of the null space of the model's conditions touches them: k must vary within linked conditions.
    """
    fixed = tree["constant_data"].to_dataset()
    label_modes, label_mode = np.unique(fixed["condition_label_mode"].to_numpy(), return_inverse=True)
    formats, written = np.unique(fixed["condition_format"].to_numpy(), return_inverse=True)
    num_conditions = label_mode.size
    design = np.zeros((num_conditions, len(label_modes) + len(formats)))
    design[np.arange(num_conditions), label_mode] = fixed["condition_tokens"].to_numpy()
    design[np.arange(num_conditions), len(label_modes) + written] = -1.0
    answer = np.zeros(fixed["observed"].shape, dtype=bool)
    for position, seen in enumerate(fixed["observed"].to_numpy()):
        fixed_by_data = _outside_null_space(design[seen])
        both = fixed_by_data[label_mode] & fixed_by_data[len(label_modes) + written]
        answer[position] = both & seen
    return xr.DataArray(answer, coords=fixed["observed"].coords, dims=fixed["observed"].dims)


def demonstrations_needed(tree: xr.DataTree, *, odds: float = 9.0) -> pd.DataFrame:
    """Shots until a typical prompt's odds for the right concept reach `odds`: (log odds − ℓ₀) ÷ drift.

    The typical prompt walks at the mean drift. Its answer is 0 where ℓ₀ is there already and infinite where
    drift ≤ 0, which an interval keeps (an upper end of inf: more than 5 % of the posterior never gets there).

    Returns
    -------
    pd.DataFrame
        model, condition, label_mode, format, example_length, median, lower, upper (90 % interval), and
        prob_never = P(never reached | data).
    """
    if not odds > 0:
        raise UserError(f"odds must be positive, got {odds}; 9 stands for a posterior of 90 %.")
    posterior = tree["posterior"].to_dataset()
    rows = []
    for model, condition, described in _observed_conditions(tree):
        length = described["example_length"]
        start = posterior["start_log_odds"].sel(model=model, format=described["format"])
        start = start.isel(example_length=0) if np.isnan(length) else start.sel(example_length=str(int(length)))
        drift = posterior["drift"].sel(model=model, condition=condition).to_numpy()
        missing = np.log(odds) - start.to_numpy()
        rising = drift > 0
        shots = np.where(rising, missing / np.where(rising, drift, 1.0), np.inf)
        shots = np.where(missing <= 0, 0.0, shots)
        # No interpolation between finite and infinite draws.
        lower, median, upper = np.quantile(shots, [_LOWER, 0.5, _UPPER], method="inverted_cdf")
        row = {"model": model, "condition": condition} | described
        row |= {"median": median, "lower": lower, "upper": upper, "prob_never": float(np.isinf(shots).mean())}
        rows.append(row)
    return pd.DataFrame(rows)


def _observed_conditions(tree: xr.DataTree) -> list[tuple[str, str, dict[str, str | float]]]:
    """Model, condition and its description, for every pair that has cells."""
    fixed = tree["constant_data"].to_dataset()
    found = []
    for model in fixed["model"].to_numpy():
        for condition in fixed["condition"].to_numpy():
            if fixed["observed"].sel(model=model, condition=condition):
                found.append((str(model), str(condition), _condition(fixed.sel(condition=condition))))
    return found


def _condition(here: xr.Dataset) -> dict[str, str | float]:
    """Describe one condition."""
    return {
        "label_mode": str(here["condition_label_mode"].item()),
        "format": str(here["condition_format"].item()),
        "example_length": float(here["condition_example_length"]),
    }


def _outside_null_space(
    design: Float[ndarray, "num_conditions num_parameters"],
) -> Bool[ndarray, " num_parameters"]:
    """Whether each parameter is fixed by the rows of a design matrix: no null direction touches it."""
    _, singular, directions = np.linalg.svd(design, full_matrices=True)
    rank = int((singular > 1e-9 * max(singular.max(initial=0.0), 1.0)).sum())
    return np.abs(directions[rank:]).max(axis=0, initial=0.0) < 1e-9
