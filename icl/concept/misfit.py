"""Where a fit's predictions miss: by number of shots, by demonstration set and by condition, not pooled."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import binom

from icl.concept.forecast import LEVEL

__all__ = ["misfit_sentences", "misfits"]

_RARE = 0.005
"""A group is named if so few of its cells inside would happen less often than this."""

_FEWEST = 3


def misfits(tree: xr.DataTree) -> pd.DataFrame:
    """Count the cells inside their 90 % posterior predictive intervals, group by group.

    Returns
    -------
    pd.DataFrame
        One row per group: by (``num_shots``, ``demonstration_set`` or ``condition``), level, num_cells, inside, share,
        mean_error (observed − predicted median, in the unit of the observed data per prompt) and prob: how often so few
        would be inside if nine in ten are.
    """
    fixed = tree["constant_data"].to_dataset()
    (observed,) = tree["observed_data"].data_vars.values()
    simulated = tree["posterior_predictive"][str(observed.name)].to_numpy()
    simulated = simulated.reshape(-1, simulated.shape[-1])
    scale = fixed["num_prompts"].to_numpy() if observed.name == "num_correct" else 1.0
    lower, median, upper = np.quantile(simulated, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0)
    seen = observed.to_numpy()
    names = [*fixed["condition"].to_numpy().tolist(), "zero-shot"]
    model = fixed["cell_series"].to_numpy()
    cells = pd.DataFrame(
        {
            "num_shots": fixed["num_shots"].to_numpy(),
            "demonstration_set": [f"{m}, {s}" for m, s in zip(model, fixed["cell_demonstration_set"].to_numpy())],
            "condition": [f"{m}, {names[place]}" for m, place in zip(model, fixed["cell_condition"].to_numpy())],
            "inside": (lower <= seen) & (seen <= upper),
            "error": (seen - median) / scale,
        }
    )
    rows = []
    for by in ("num_shots", "demonstration_set", "condition"):
        for level, group in cells.groupby(by, sort=False):
            inside, total = int(group["inside"].sum()), len(group)
            row = {"by": by, "level": str(level), "num_cells": total, "inside": inside, "share": inside / total}
            rows.append(row | {"mean_error": group["error"].mean(), "prob": float(binom.cdf(inside, total, LEVEL))})
    return pd.DataFrame(rows)


def misfit_sentences(tree: xr.DataTree) -> list[str]:
    """Name the groups of cells that the account cannot produce; nothing where there are none."""
    table = misfits(tree)
    bad = table[(table["prob"] < _RARE) & (table["num_cells"] >= _FEWEST)]
    words = {"num_shots": "At {} shots", "demonstration_set": "Of demonstration set {}", "condition": "Of {}"}
    return [
        f"{words[row.by].format(row.level)} only {row.inside} of {row.num_cells} cells lie inside the account's 90 % "
        f"intervals (on average {row.mean_error:+.3f} from its median): it does not describe them."
        for row in bad.itertuples()
    ]
