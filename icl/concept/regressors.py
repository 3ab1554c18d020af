"""What may move a population of models or tasks: their size, training and tuning, and how many labels there are.

A regressor stands in a fit where at least three models (tasks) are known by it and do not all agree. It is centred on
them, so that the population stays their middle, and whoever is not known by it stands there.
"""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.covariates import COVARIATES

__all__ = ["Regressors", "regressors_of", "slope_name", "slope_sentences", "slope_table"]

_FEWEST = 3
"""So many models (tasks) must be known by a regressor: a line through two says nothing."""

_LABELS = "twofold labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regressors:
    """Regressors of a grid.

    Attributes
    ----------
    names
        What a step of one is, in words.
    values
        Of each of the grid's models, centred.
    """

    names: tuple[str, ...]
    values: Float[ndarray, "num_models num_regressors"]


def slope_name(parameter: str) -> str:
    """Name of the node of a parameter's slopes, one for each regressor."""
    return f"{parameter}_slope"


def regressors_of(series: pd.DataFrame, num_labels: Float[ndarray, " num_models"]) -> Regressors:
    """Find what the series of a grid can be regressed on.

    Parameters
    ----------
    series
        One row for each of the grid's models: model, task and the columns of `icl.covariates.COVARIATES`.
    num_labels
        Labels of each one's task; NaN where it has no small set of them.
    """
    found = {one.regressor: _centred(one.scale(_numbers(series[one.name])), series["model"]) for one in COVARIATES}
    found[_LABELS] = _centred(np.log2(num_labels), series["task"])
    told = {name: values for name, values in found.items() if values is not None}
    return Regressors(names=tuple(told), values=np.column_stack([*told.values(), np.zeros((len(series), 0))]))


def slope_table(tree: xr.DataTree) -> pd.DataFrame:
    """Sum up the slopes of a fit; without rows where it has none.

    Returns
    -------
    pd.DataFrame
        parameter, regressor, median, lower, upper (90 % interval): by how much a step of one of the regressor moves
        the parameter, on the scale of its prior, and ``prior_deviation`` of the slope.
    """
    posterior, prior = tree["posterior"].to_dataset(), tree["prior"].to_dataset()
    rows = []
    for parameter in json.loads(tree.attrs["priors"]) if "regressor" in posterior.dims else ():
        if (name := slope_name(parameter["name"])) not in posterior:
            continue
        for regressor in posterior["regressor"].to_numpy().tolist():
            draws, before = (group[name].sel(regressor=regressor).to_numpy() for group in (posterior, prior))
            lower, median, upper = np.quantile(draws, [0.05, 0.5, 0.95])
            row = {"parameter": parameter["name"], "regressor": regressor}
            rows.append(
                row | {"median": median, "lower": lower, "upper": upper, "prior_deviation": float(before.std())}
            )
    columns = ["parameter", "regressor", "median", "lower", "upper", "prior_deviation"]
    return pd.DataFrame(rows, columns=columns)


def slope_sentences(tree: xr.DataTree) -> list[str]:
    """Say what moves with size, tuning and number of labels, and of how much the data say nothing."""
    table = slope_table(tree)
    told = table[(table["lower"] > 0) | (table["upper"] < 0)]
    said = [
        f"With {row.regressor} {row.parameter.replace('_', ' ')} changes by {row.median:.2f} ({row.lower:.2f} to "
        f"{row.upper:.2f}), on the scale of its prior."
        for row in told.itertuples()
    ]
    if len(table) > len(told):
        names = ", ".join(dict.fromkeys(table["regressor"]))
        said.append(
            f"{len(table) - len(told)} of {len(table)} slopes on what is known of models and tasks ({names}) may have "
            "either sign."
        )
    return said


def _numbers(column: pd.Series) -> ndarray:
    return column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)


def _centred(values: ndarray, whose: pd.Series) -> ndarray | None:
    """Centre values on the models (tasks) that have one, each counted once; None if they could tell no slope."""
    each = pd.Series(values).groupby(whose.to_numpy()).first().dropna()
    if len(each) < _FEWEST or each.nunique() < 2:
        return None
    return np.nan_to_num(values - each.mean())
