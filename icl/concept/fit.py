"""Fit an account: one DataTree that holds everything that plots and checks need."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from icl.concept.accounts import DRIFT_DIFFUSION, Account
from icl.concept.compiled import compile_design
from icl.concept.design import Design, design_of
from icl.concept.grid import Grid
from icl.concept.hierarchy import SET_EFFECT, log_prior, unconstrained
from icl.concept.sampler import CHECKING, COMPILING, SAMPLE_STATS, Effort, Stages, import_sampler, record_of, stage

__all__ = ["constant_data", "fit", "quantities_of"]

_PRIOR_DRAWS = 2000


def fit(
    counts: pd.DataFrame,
    account: Account = DRIFT_DIFFUSION,
    *,
    observe: str = "counts",
    draws: int = 2000,
    tune: int = 1000,
    chains: int = 4,
    seed: int,
    progress: Stages | None = None,
) -> xr.DataTree:
    """Sample the posterior of an account with nutpie.

    Parameters
    ----------
    counts
        A counts table of one or more models and tasks.
    account
        One of `icl.concept.accounts.ACCOUNTS`.
    observe
        ``counts`` (right answers) or ``logprob`` (mean log-probabilities of the gold label).
    draws, tune, chains
        Kept draws and tuning draws of each chain, and their number: two or more, so that they can disagree.
    seed
        Seed of prior draws, sampler and predictive draws.
    progress
        Called as a fit goes from stage to stage, and with the draws done.

    Returns
    -------
    xr.DataTree
        Groups prior, prior_predictive, posterior, sample_stats, posterior_predictive, log_likelihood, log_prior,
        unconstrained (the sampled nodes), observed_data and constant_data (the cells, the conditions, and which model
        has which). The root's attrs tell what was asked, by which versions it was answered, and in how many seconds.

    Raises
    ------
    UserError
        If the counts cannot inform this account, or the sampler's numbers make no sense.
    """
    effort = Effort(draws=draws, tune=tune, chains=chains)
    design = design_of(counts, account, observe=observe)
    # One random stream for each use.
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(3)]
    started = time.perf_counter()
    import_sampler(progress)
    stage(progress, COMPILING)
    machine = compile_design(design)
    sampling = time.perf_counter()
    fitted = machine.fit(effort, seed=seeds[1], progress=progress)
    sampled = time.perf_counter()
    stage(progress, CHECKING)
    prior = design.draw_prior(_PRIOR_DRAWS, np.random.default_rng(seeds[0]))
    trace, nodes = fitted.trace, fitted.nodes
    result = xr.DataTree.from_dict(
        {
            **quantities_of(design, prior, 1, np.random.default_rng(seeds[0] + 1), names=("prior", "prior_predictive")),
            **quantities_of(design, nodes, chains, np.random.default_rng(seeds[2])),
            "sample_stats": trace["sample_stats"].to_dataset()[list(SAMPLE_STATS)],
            "unconstrained": trace["posterior"].to_dataset()[[node.name for node in design.nodes]],
            "log_likelihood": _by_chain(
                {design.observation.column: (design.log_likelihood(nodes), ("cell",))}, chains, design.coords
            ),
            "log_prior": _by_chain({k: (v, ()) for k, v in log_prior(design.nodes, nodes).items()}, chains, {}),
            "observed_data": xr.Dataset(
                {design.observation.column: ("cell", design.observed())}, coords={"cell": design.grid.coords["cell"]}
            ),
            "constant_data": constant_data(design.grid),
        }
    )
    result.attrs = {"account": account.name, "observe": observe, "task": " + ".join(design.grid.tasks)}
    result.attrs |= {"priors": json.dumps([asdict(parameter) for parameter in design.parameters])}
    result.attrs |= record_of(effort, seed=seed, started=started, sampling=sampling, sampled=sampled)
    return result


def quantities_of(
    design: Design,
    nodes: Mapping[str, ndarray],
    chains: int,
    rng: np.random.Generator,
    *,
    names: tuple[str, str] = ("posterior", "posterior_predictive"),
) -> dict[str, xr.Dataset]:
    """Bring nodes to the quantities that are reported, and to data that might have been observed."""
    gathered = design.gathered(nodes)
    probability = design.probability(gathered)
    simulated = design.observation.simulate(probability, gathered, design.grid.cells, rng)
    quantities: dict[str, tuple[ndarray, tuple[str, ...]]] = {"accuracy": (probability, ("cell",))}
    for parameter in design.parameters:
        x = nodes[unconstrained(parameter.name)]
        quantities[parameter.name] = (parameter.value(x), ("model", *parameter.by))
        if (population := f"{parameter.name}_population") in nodes and parameter.anchor is None:
            quantities[population] = (parameter.value(nodes[population]), parameter.by)
    for node in design.nodes:
        if node.name == SET_EFFECT or node.positive:
            quantities[node.name] = (nodes[node.name], node.dims)
    reported = _by_chain(quantities, chains, design.coords)
    if design.account.derive is not None:
        reported = reported.assign(design.account.derive(reported, constant_data(design.grid)))
    predictive = _by_chain({design.observation.column: (simulated, ("cell",))}, chains, design.coords)
    return {names[0]: reported, names[1]: predictive}


def _by_chain(
    quantities: Mapping[str, tuple[ndarray, tuple[str, ...]]], chains: int, coords: Mapping[str, object]
) -> xr.Dataset:
    variables = {}
    for name, (values, dims) in quantities.items():
        variables[name] = (("chain", "draw", *dims), values.reshape(chains, -1, *values.shape[1:]))
    used = {dim for _, dims in quantities.values() for dim in dims}
    return xr.Dataset(variables, coords={dim: np.asarray(coords[dim]) for dim in used})


def constant_data(grid: Grid) -> xr.Dataset:
    """What a fit knows of its cells and conditions beside what it observed."""
    cells, conditions = grid.cells, grid.conditions

    def text(column: pd.Series) -> np.ndarray:
        return column.to_numpy(dtype=np.str_)

    def number(column: pd.Series) -> np.ndarray:
        return column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)

    counted = ("num_shots", "num_correct", "num_prompts", "chance", "ceiling", "mean_logprob", "logprob_error")
    named = ("model", "task", "label_mode", "format", "demonstration_set")
    variables: dict[str, tuple[str | tuple[str, ...], np.ndarray]]
    variables = {name: ("cell", cells[name].to_numpy()) for name in (*counted, "evidence", "evidence_deviation")}
    variables |= {f"cell_{name}": ("cell", text(cells[name])) for name in named}
    variables |= {f"condition_{name}": ("condition", text(conditions[name])) for name in ("label_mode", "format")}
    variables |= {
        "cell_condition": ("cell", grid.cell_condition),
        "cell_series": ("cell", np.asarray(grid.models)[grid.cell_model]),
        "cell_example_length": ("cell", number(cells["example_length"])),
        "condition_example_length": ("condition", number(conditions["example_length"])),
        "condition_tokens": ("condition", grid.tokens_per_demonstration),
        "ceiling_of_length": (("model", "example_length"), grid.ceiling),
        "observed": (("model", "condition"), grid.observed),
    }
    coords = {name: np.asarray(grid.coords[name]) for name in ("model", "condition", "cell", "example_length")}
    return xr.Dataset(variables, coords=coords)
