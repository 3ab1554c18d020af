"""Many fits of one account to data of one layout: the model is compiled once, and only what was observed changes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Bool
from numpy import ndarray

from icl.concept.design import Design
from icl.concept.fit import check_sampling, nodes_of_tree, quantities_of, quiet, sample

if TYPE_CHECKING:
    import nutpie

__all__ = ["Effort", "Refitter", "largest_rhat", "reported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How each of the many small fits is sampled.

    Attributes
    ----------
    draws, tune, chains
        Kept and tuning draws of each chain, and their number, two or more.
    target_accept
        Acceptance rate that the step size is tuned to.
    cores
        Chains that run at once; it changes no number.
    """

    draws: int = 300
    tune: int = 200
    chains: int = 2
    target_accept: float = 0.9
    cores: int = 1

    def __post_init__(self):
        check_sampling(draws=self.draws, tune=self.tune, chains=self.chains)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refitter:
    """A compiled design.

    Attributes
    ----------
    design
        What is fitted; what it observed is not used.
    effort
        How much sampling.
    compiled
        The model as nutpie runs it.
    """

    design: Design
    effort: Effort
    compiled: "nutpie.CompiledModel"

    @classmethod
    def of(cls, design: Design, effort: Effort) -> "Refitter":
        """Compile a design."""
        import nutpie

        with quiet("pymc"):
            compiled = nutpie.compile_pymc_model(design.model())
        return cls(design=design, effort=effort, compiled=compiled)

    def sample(
        self, observed: ndarray, *, seed: int
    ) -> tuple[dict[str, ndarray], Bool[ndarray, "num_chains num_draws"]]:
        """Sample the posterior of the nodes behind these data.

        Returns
        -------
        tuple
            Nodes with chains laid end to end, name → (chain × draw, \\*dims), and which draws diverged.

        Raises
        ------
        RuntimeError
            If the sampler finds no place to start from.
        """
        trace = sample(self.compiled.with_data(observed=observed), seed=seed, **asdict(self.effort))
        return nodes_of_tree(trace), trace["sample_stats"]["diverging"].to_numpy()


def reported(design: Design, nodes: Mapping[str, ndarray], chains: int, rng: np.random.Generator) -> xr.Dataset:
    """Bring nodes to what a fit reports of them, by the same code: (chain, draw, \\*dims)."""
    return quantities_of(design, nodes, chains, rng)["posterior"]


def largest_rhat(quantities: xr.Dataset) -> float:
    """Largest R-hat of reported quantities; those that never moved are left out."""
    import arviz as az

    with np.errstate(invalid="ignore", divide="ignore"):
        found = az.rhat(quantities)
    return max(float(values.max()) for values in found.data_vars.values() if values.notnull().any())
