"""How every fit is sampled, and what is recorded about it."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError

if TYPE_CHECKING:
    import nutpie

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
    "quiet",
    "record_of",
    "sample",
    "stage",
]

type Stages = Callable[[str, int, int], None]
"""Called with (stage, draws done, draws in all) while a fit is made, also from other threads."""

type Adaptation = Literal["diag", "low_rank"]

IMPORTING, COMPILING, SAMPLING, CHECKING = "importing PyMC", "compiling", "sampling", "checking"
"""The stages of a fit, in this order."""

TARGET_ACCEPT = 0.98
"""Acceptance rate that the step size is tuned to: far above the usual 0.8, for the ridge between hit and drift."""

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
    compiled: "nutpie.CompiledModel",
    effort: Effort,
    *,
    seed: int,
    progress: Stages | None = None,
    adaptation: Adaptation = "low_rank",
) -> xr.DataTree:
    """Sample a compiled model the lab's way: groups posterior and sample_stats.

    Parameters
    ----------
    adaptation
        How the sampler learns the posterior's shape. The ridges between hit, miss and drift are directions, which a
        diagonal cannot stretch.

    Raises
    ------
    RuntimeError
        If the sampler finds no place to start from.
    KeyboardInterrupt
        If it is interrupted. nutpie on its own would return the draws so far as though they were all.
    """
    import nutpie

    sampling = nutpie.sample(
        compiled,
        **asdict(effort),
        seed=seed,
        adaptation=adaptation,
        save_warmup=False,
        progress_bar=False,
        progress_callback=_told(progress),
        blocking=False,
    )
    try:
        return sampling.wait()
    except BaseException:
        sampling.cancel()
        raise


def _told(progress: Stages | None) -> Callable[[list], None] | None:
    """Make nutpie's callback of ours: it counts the draws of all chains, tuning included."""
    if progress is None:
        return None

    def count(chains: list) -> None:
        done, total = sum(chain.finished_draws for chain in chains), sum(chain.total_draws for chain in chains)
        progress(SAMPLING, done, total)

    return count


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
