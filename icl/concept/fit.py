"""Fit the drift–diffusion account: one DataTree that holds everything that plots and checks need."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import pandas as pd
import xarray as xr

from icl.concept.drift_diffusion import DEFAULT_PRIORS, Priors, build_drift_diffusion_model
from icl.concept.grid import Grid, grid_of
from icl.errors import UserError

__all__ = ["SAMPLE_STATS", "TARGET_ACCEPT", "fit", "quiet"]

TARGET_ACCEPT = 0.95
"""Acceptance rate that the step size is tuned to: above the usual 0.8, for the ridge between hit and drift."""

_PRIOR_DRAWS = 2000
SAMPLE_STATS = ("diverging", "depth", "maxdepth_reached", "n_steps", "step_size", "mean_tree_accept", "energy", "logp")
"""What is kept of the sampler's record."""


def fit(
    counts: pd.DataFrame,
    *,
    priors: Priors = DEFAULT_PRIORS,
    draws: int = 2000,
    tune: int = 1000,
    chains: int = 4,
    seed: int,
    progress: bool = False,
) -> xr.DataTree:
    """Sample the posterior of the drift–diffusion account with nutpie.

    Parameters
    ----------
    counts
        A counts table of one task.
    priors
        The priors.
    draws, tune, chains
        Kept draws and tuning draws of each chain, and their number: two or more, so that they can disagree.
    seed
        Seed of prior draws, sampler and predictive draws.
    progress
        Whether nutpie shows a progress bar.

    Returns
    -------
    xr.DataTree
        Groups prior, prior_predictive, posterior, sample_stats, posterior_predictive, log_likelihood,
        observed_data and constant_data (the cells, the conditions, and which model has which). The root's attrs
        tell what was asked, by which versions it was answered, and in how many seconds.

    Raises
    ------
    UserError
        If the counts cannot inform a learning curve, or the sampler's numbers make no sense.
    """
    import nutpie
    import pymc as pm

    if chains < 2 or draws < 4 or tune < 1:
        raise UserError(
            f"a fit needs at least 2 chains, 4 draws and 1 tuning draw, got {chains}, {draws} and {tune}; raise them."
        )
    grid = grid_of(counts)
    model = build_drift_diffusion_model(counts, priors)
    # One random stream for each use; without compiled code the few predictive draws take a second, with it ten.
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(3)]
    plain = {"mode": "FAST_COMPILE"}
    started = time.perf_counter()
    with quiet("pymc"):
        prior = pm.sample_prior_predictive(_PRIOR_DRAWS, model=model, random_seed=seeds[0], compile_kwargs=plain)
        compiled = nutpie.compile_pymc_model(model)
        sampling = time.perf_counter()
        tree = nutpie.sample(
            compiled,
            draws=draws,
            tune=tune,
            chains=chains,
            seed=seeds[1],
            target_accept=TARGET_ACCEPT,
            save_warmup=False,
            progress_bar=progress,
        )
        sampled = time.perf_counter()
        predictive = pm.sample_posterior_predictive(
            tree,
            model=model,
            var_names=["num_correct"],
            random_seed=seeds[2],
            progressbar=False,
            compile_kwargs=plain,
        )
        likelihood = pm.compute_log_likelihood(tree, model=model, extend_inferencedata=False, progressbar=False)
    finished = time.perf_counter()
    groups = {
        "prior": _named(prior["prior"].to_dataset()),
        "prior_predictive": prior["prior_predictive"].to_dataset(),
        "posterior": _named(tree["posterior"].to_dataset()),
        "sample_stats": tree["sample_stats"].to_dataset()[list(SAMPLE_STATS)],
        "posterior_predictive": predictive["posterior_predictive"].to_dataset(),
        "log_likelihood": _dataset(likelihood),
        "observed_data": prior["observed_data"].to_dataset(),
        "constant_data": _constant_data(grid),
    }
    result = xr.DataTree.from_dict(groups)
    result.attrs = {
        "account": "drift_diffusion",
        "task": grid.cells["task"].iloc[0],
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "draws": draws,
        "tune": tune,
        "chains": chains,
        "target_accept": TARGET_ACCEPT,
        "priors": json.dumps(asdict(priors)),
        "versions": json.dumps({name: version(name) for name in ("pymc", "nutpie", "arviz", "numpy")}),
        "seconds_compiling": round(sampling - started, 2),
        "seconds_sampling": round(sampled - sampling, 2),
        "seconds_total": round(finished - started, 2),
    }
    return result


def _named(dataset: xr.Dataset) -> xr.Dataset:
    """Leave out the unit-scale twins that only the sampler needs."""
    return dataset.drop_vars([str(name) for name in dataset.data_vars if str(name).endswith("_unit")])


def _dataset(group: xr.Dataset | xr.DataTree) -> xr.Dataset:
    """Bring what PyMC returns for one group, a tree or a dataset, to a dataset."""
    if isinstance(group, xr.Dataset):
        return group
    return (group["log_likelihood"] if "log_likelihood" in group.children else group).to_dataset()


def _constant_data(grid: Grid) -> xr.Dataset:
    cells, conditions = grid.cells, grid.conditions

    def text(column: pd.Series) -> np.ndarray:
        return column.to_numpy(dtype=np.str_)

    def number(column: pd.Series) -> np.ndarray:
        return column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)

    counted = ("num_shots", "num_correct", "num_prompts", "chance", "ceiling")
    variables: dict[str, tuple[str | tuple[str, str], np.ndarray]]
    variables = {name: ("cell", cells[name].to_numpy()) for name in counted}
    variables |= {f"cell_{name}": ("cell", text(cells[name])) for name in ("model", "label_mode", "format")}
    variables |= {f"condition_{name}": ("condition", text(conditions[name])) for name in ("label_mode", "format")}
    variables |= {
        "cell_condition": ("cell", grid.cell_condition),
        "cell_example_length": ("cell", number(cells["example_length"])),
        "condition_example_length": ("condition", number(conditions["example_length"])),
        "condition_tokens": ("condition", grid.tokens_per_demonstration),
        "observed": (("model", "condition"), grid.observed),
    }
    coords = {name: np.asarray(grid.coords[name]) for name in ("model", "condition", "cell")}
    return xr.Dataset(variables, coords=coords)


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Hush a logger that narrates each step."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
