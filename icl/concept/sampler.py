"""How every fit is sampled, and what is recorded about it."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.concept.density import Density
from icl.concept.transport import Transport, learn_transport
from icl.errors import UserError

if TYPE_CHECKING:
    from nutpie.sample import CompiledModel

__all__ = [
    "CHECKING",
    "COMPILING",
    "IMPORTING",
    "SAMPLE_STATS",
    "SAMPLING",
    "TARGET_ACCEPT",
    "Adaptation",
    "Effort",
    "Stages",
    "import_sampler",
    "nodes_of_tree",
    "record_of",
    "sample",
    "stage",
]

type Stages = Callable[[str, int, int], None]
"""Called with (stage, draws done, draws in all) while a fit is made, also from other threads."""

type Adaptation = Literal["diag", "low_rank", "transport"]

IMPORTING, COMPILING, SAMPLING, CHECKING = "importing PyMC", "compiling", "sampling", "checking"
"""The stages of a fit, in this order."""

TARGET_ACCEPT = 0.98
"""Acceptance rate that the step size is tuned to: far above the usual 0.8, for ridges that bend."""

PILOT_ACCEPT = 0.8
"""That of the pilot, which has to find the posterior's shape, not to be quoted."""

SAMPLE_STATS = ("diverging", "depth", "maxdepth_reached", "n_steps", "step_size", "mean_tree_accept", "energy", "logp")
"""What is kept of the sampler's record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much sampling a fit gets.

    Attributes
    ----------
    draws, tune, chains
        Kept and tuning draws of each chain, and their number: two or more, so that they can disagree.
    target_accept
        Acceptance rate that the step size is tuned to.
    cores
        Chains that run at once, None: as many as the machine has cores. It changes no number.

    Raises
    ------
    UserError
        If the draws would be too few to be judged.
    """

    draws: int = 2000
    tune: int = 1000
    chains: int = 4
    target_accept: float = TARGET_ACCEPT
    cores: int | None = None

    def __post_init__(self):
        if self.chains < 2 or self.draws < 4 or self.tune < 1:
            raise UserError(
                "a fit needs at least 2 chains, 4 draws and 1 tuning draw, got "
                f"{self.chains}, {self.draws} and {self.tune}; raise them."
            )

    def but(self, *, draws: int | None = None, tune: int | None = None, chains: int | None = None) -> "Effort":
        """Take what is asked in place of one's own; None is not asked."""
        asked = {"draws": draws, "tune": tune, "chains": chains}
        return replace(self, **{name: value for name, value in asked.items() if value is not None})


def sample(
    density: Density,
    effort: Effort,
    *,
    seed: int,
    progress: Stages | None = None,
    adaptation: Adaptation = "low_rank",
) -> xr.DataTree:
    """Sample a compiled model the lab's way: groups posterior and sample_stats.

    By ``transport`` a pilot, a part of the tuning, learns how the posterior's ridges bend
    (`icl.concept.transport`), and the kept draws are made where they are straight. That pays for the laws of learning
    curves. Where a posterior has wide flat parts, as that of evidence of no signal, a pilot's quadratics mislead.

    Parameters
    ----------
    adaptation
        How the sampler learns the posterior's shape.

    Raises
    ------
    RuntimeError
        If the sampler finds no place to start from.
    KeyboardInterrupt
        If it is interrupted. nutpie on its own would return the draws so far as though they were all.
    """
    total = effort.chains * (effort.tune + effort.draws)
    if adaptation != "transport":
        return _run(_model(density), effort, seed=seed, told=_told(progress, 0, total), adaptation=adaptation)
    pilot = replace(effort, tune=max(effort.tune // 2, 1), draws=max(effort.tune // 4, 4), target_accept=PILOT_ACCEPT)
    main = replace(effort, tune=max(effort.tune - pilot.tune - pilot.draws, 1))
    pilot_seed = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    tell = _told(progress, 0, total)
    found = _run(_model(density), pilot, seed=pilot_seed, told=tell, adaptation="low_rank", store_unconstrained=True)
    draws = found["sample_stats"]["unconstrained_draw"].to_numpy()
    tell = _told(progress, total - main.chains * (main.tune + main.draws), total)
    model = _model(density, learn_transport(draws), draws.reshape(-1, draws.shape[-1]))
    return _run(model, main, seed=seed, told=tell, adaptation="low_rank")


def _run(model: "CompiledModel", effort: Effort, *, told: Callable[[list], None] | None, **asked: Any) -> Any:
    import nutpie

    quietly = {"save_warmup": False, "progress_bar": False, "blocking": False}
    sampling = nutpie.sample(model, **asdict(effort), **asked, **quietly, progress_callback=told)
    try:
        return sampling.wait()
    except BaseException:
        sampling.cancel()
        raise


def _model(density: Density, transport: Transport | None = None, places: ndarray | None = None) -> "CompiledModel":
    """Make nutpie's model of a density, in the coordinates of a change of variables where one is given.

    Parameters
    ----------
    transport
        The change of variables.
    places
        Where chains start: at one of these draws. None: where the density says.
    """
    import pandas as pd
    from nutpie.compile_pymc import CompiledPyMCModel

    from icl.concept.native import Given, expand, log_density

    def start(seed: int) -> ndarray:
        if transport is None or places is None:
            return density.start(seed)
        return transport.inverse(places[np.random.default_rng(seed).integers(len(places))])

    sizes = np.cumsum([0, *(int(np.prod(shape)) for shape in density.shapes.values())])
    slices = [slice(first, last) for first, last in pairwise(sizes.tolist())]
    given = Given.of(
        density.density, density.scaled, density.data_vector, None if transport is None else transport.parts
    )
    return CompiledPyMCModel(
        _n_dim=len(density.start(0)),
        n_expanded=int(sizes[-1]),
        compiled_logp_func=log_density,
        compiled_expand_func=expand,
        initial_point_func=start,
        user_data=given.addresses,
        shared_data=dict(enumerate(given.owners)),  # what lies at those addresses lives as long as the model
        shape_info=(list(density.shapes), slices, list(density.shapes.values())),
        _shapes=dict(density.shapes),
        _coords={name: pd.Index(values) for name, values in density.coords.items()},
        dims=dict(density.dims),
        reparameterized_names=[],
        shared_var_keys={},
        logp_func=None,
        expand_func=None,
    )


def _told(progress: Stages | None, before: int, total: int) -> Callable[[list], None] | None:
    """Make nutpie's callback of ours: it counts the draws of all chains, tuning included."""
    if progress is None:
        return None
    return lambda chains: progress(SAMPLING, before + sum(chain.finished_draws for chain in chains), total)


def stage(progress: Stages | None, name: str) -> None:
    """Tell that a stage begins, if anybody listens."""
    if progress is not None:
        progress(name, 0, 0)


def import_sampler(progress: Stages | None) -> None:
    """Import what fits need, which takes seconds, as a stage of its own."""
    stage(progress, IMPORTING)
    import nutpie  # noqa: F401
    import pymc  # noqa: F401


def nodes_of_tree(trace: xr.DataTree, group: str = "posterior") -> dict[str, Float[ndarray, "num_draws ..."]]:
    """Sampled nodes with chains laid end to end: name → (chain × draw, \\*dims)."""
    return {
        str(name): values.to_numpy().reshape(-1, *values.shape[2:]) for name, values in trace[group].data_vars.items()
    }


def record_of(
    effort: Effort, *, seed: int, started: float, sampling: float, sampled: float
) -> dict[str, int | float | str]:
    """What every fit writes down: what the sampler was asked, when, by which versions, and in how many seconds.

    Parameters
    ----------
    effort, seed
        What was asked.
    started, sampling, sampled
        `time.perf_counter` when compiling began, when sampling began, and when it ended.
    """
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        **{name: getattr(effort, name) for name in ("draws", "tune", "chains", "target_accept")},
        "versions": json.dumps({name: version(name) for name in ("pymc", "nutpie", "arviz", "numpy")}),
        "seconds_compiling": round(sampling - started, 2),
        "seconds_sampling": round(sampled - sampling, 2),
        "seconds_total": round(time.perf_counter() - started, 2),
    }
