"""Fit an account: one DataTree that holds everything that plots and checks need."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.concept.accounts import DRIFT_DIFFUSION, Account
from icl.concept.design import Design, design_of
from icl.concept.grid import Grid
from icl.concept.hierarchy import SET_EFFECT, log_prior, unconstrained
from icl.errors import UserError

if TYPE_CHECKING:
    import nutpie

__all__ = [
    "SAMPLE_STATS",
    "TARGET_ACCEPT",
    "check_sampling",
    "constant_data",
    "fit",
    "nodes_of_tree",
    "quantities_of",
    "quiet",
    "record_of",
    "sample",
]

TARGET_ACCEPT = 0.98
"""Acceptance rate that the step size is tuned to: far above the usual 0.8, for the ridge between hit and drift."""

_PRIOR_DRAWS = 2000
SAMPLE_STATS = ("diverging", "depth", "maxdepth_reached", "n_steps", "step_size", "mean_tree_accept", "energy", "logp")
"""What is kept of the sampler's record."""


def fit(
    counts: pd.DataFrame,
    account: Account = DRIFT_DIFFUSION,
    *,
    observe: str = "counts",
    draws: int = 2000,
    tune: int = 1000,
    chains: int = 4,
    seed: int,
    progress: bool = False,
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
        Whether nutpie shows a progress bar.

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
    import nutpie

    check_sampling(draws=draws, tune=tune, chains=chains)
    design = design_of(counts, account, observe=observe)
    # One random stream for each use.
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(3)]
    started = time.perf_counter()
    with quiet("pymc"):
        compiled = nutpie.compile_pymc_model(design.model())
    sampling = time.perf_counter()
    trace = sample(compiled, draws=draws, tune=tune, chains=chains, seed=seeds[1], progress=progress)
    sampled = time.perf_counter()
    prior = design.draw_prior(_PRIOR_DRAWS, np.random.default_rng(seeds[0]))
    nodes = nodes_of_tree(trace)
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
    asked = {"seed": seed, "draws": draws, "tune": tune, "chains": chains, "target_accept": TARGET_ACCEPT}
    result.attrs = {"account": account.name, "observe": observe, "task": " + ".join(design.grid.tasks)}
    result.attrs |= {"priors": json.dumps([asdict(parameter) for parameter in design.parameters])}
    result.attrs |= record_of(asked, started=started, sampling=sampling, sampled=sampled)
    return result


def record_of(
    asked: Mapping[str, int | float], *, started: float, sampling: float, sampled: float
) -> dict[str, int | float | str]:
    """What every fit writes down: what the sampler was asked, when, by which versions, and in how many seconds.

    Parameters
    ----------
    asked
        The sampler's numbers.
    started, sampling, sampled
        `time.perf_counter` when compiling began, when sampling began, and when it ended.
    """
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **asked,
        "versions": json.dumps({name: version(name) for name in ("pymc", "nutpie", "arviz", "numpy")}),
        "seconds_compiling": round(sampling - started, 2),
        "seconds_sampling": round(sampled - sampling, 2),
        "seconds_total": round(time.perf_counter() - started, 2),
    }


def check_sampling(*, draws: int, tune: int, chains: int) -> None:
    """Refuse a sampler's numbers that could not be judged.

    Raises
    ------
    UserError
        If there are too few.
    """
    if chains < 2 or draws < 4 or tune < 1:
        raise UserError(
            f"a fit needs at least 2 chains, 4 draws and 1 tuning draw, got {chains}, {draws} and {tune}; raise them."
        )


def sample(
    compiled: "nutpie.CompiledModel",
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    target_accept: float = TARGET_ACCEPT,
    cores: int | None = None,
    progress: bool = False,
) -> xr.DataTree:
    """Sample a compiled model the lab's way, `cores` chains at once (None: as many as the machine has cores).

    Raises
    ------
    RuntimeError
        If the sampler finds no place to start from.
    """
    import nutpie

    return nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        target_accept=target_accept,
        cores=cores,
        adaptation="low_rank",  # the ridges between hit, miss and drift are directions, which a diagonal cannot stretch
        save_warmup=False,
        progress_bar=progress,
    )


def nodes_of_tree(trace: xr.DataTree, group: str = "posterior") -> dict[str, Float[ndarray, "num_draws ..."]]:
    """Sampled nodes with chains laid end to end: name → (chain × draw, \\*dims)."""
    return {
        str(name): values.to_numpy().reshape(-1, *values.shape[2:]) for name, values in trace[group].data_vars.items()
    }


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
