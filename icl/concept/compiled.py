"""An account compiled for one layout of cells: what was observed changes from fit to fit, and cells can be held out.

Coordinates and priors are those of the whole table. A cell that is held out has weight 0 in the likelihood, and a
neutral value stands in its place, so that nothing of it can reach the posterior.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float
from numpy import ndarray

from icl.concept.density import Density, compile_density
from icl.concept.diagnose import Diagnosis, diagnose
from icl.concept.layout import Layout
from icl.concept.sampler import Effort, Stages, nodes_of_tree, sample

if TYPE_CHECKING:
    import pymc

__all__ = ["Compiled", "Fitted", "compile_layout", "compiled_once", "held_out_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Draws of one fit.

    Attributes
    ----------
    trace
        What the sampler gave: groups posterior and sample_stats.
    """

    trace: xr.DataTree

    @property
    def nodes(self) -> dict[str, Float[ndarray, "num_draws ..."]]:
        """Sampled nodes, name → (draw, \\*dims), chains laid end to end, as `Layout` takes them."""
        return nodes_of_tree(self.trace)

    @property
    def diverging(self) -> Bool[ndarray, "num_chains num_draws"]:
        """Which draws diverged."""
        return self.trace["sample_stats"]["diverging"].to_numpy()

    @property
    def diagnosis(self) -> Diagnosis:
        """Whether the draws may be read."""
        return diagnose(self.trace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A layout, and the density of its model."""

    layout: Layout
    density: Density

    def fit(
        self,
        effort: Effort,
        *,
        seed: int,
        observed: ndarray | None = None,
        seen: Bool[ndarray, " num_cells"] | None = None,
        progress: Stages | None = None,
    ) -> Fitted:
        """Sample the posterior.

        Parameters
        ----------
        effort
            How much sampling.
        seed
            The sampler's.
        observed
            Data in place of the layout's own.
        seen
            Cells that are not held out; None: all.
        progress
            Called as a fit goes from stage to stage, and with the draws done.

        Raises
        ------
        RuntimeError
            If the sampler finds no place to start from.
        """
        observed = self.layout.observed() if observed is None else observed
        seen = np.ones(len(observed), dtype=bool) if seen is None else seen
        data = {"observed": np.where(seen, observed, _neutral(self.layout)), "weights": seen.astype(float)}
        return Fitted(
            trace=sample(self.density.with_data(**data), effort, seed=seed, progress=progress, adaptation="transport")
        )

    def of(self, layout: Layout) -> "Compiled":
        """Put another table of the same shape in this one's place, which spares compiling.

        Raises
        ------
        ValueError
            If the other layout differs in more than its data and names.
        """
        if not _same_model(self.layout, layout):
            raise ValueError("another table takes this one's place only where priors, cells and prompts are the same")
        return replace(self, layout=layout)


def held_out_model(layout: Layout) -> "pymc.Model":
    """Build a layout's model with a Data variable ``weights``: 0 holds a cell out, 1 (as built) takes it in."""
    import pymc as pm

    model = layout.model()
    with model:
        weights = pm.Data("weights", np.ones(len(layout.grid.cells)), dims="cell")
        variable = model[layout.observation.column]
        density = pm.logp(variable, model.rvs_to_values[variable])
        # Cell by cell the likelihood is already there once, so a weight w adds w − 1 of it.
        pm.Potential("held_out", (weights - 1) * density)
    return model


def compile_layout(layout: Layout) -> Compiled:
    """Compile a layout."""
    return Compiled(layout=layout, density=compile_density(held_out_model(layout)))


def compiled_once(layout: Layout, compiled: dict[str, Compiled] | None) -> Compiled:
    """Take an account from those that were compiled for tables of this shape, or compile it and put it there."""
    known = {} if compiled is None else compiled
    name = layout.account.name
    if name not in known:
        known[name] = compile_layout(layout)
    return known[name].of(layout)


def _neutral(layout: Layout) -> Float[ndarray, " num_cells"]:
    """Stand in for a held-out observation: half the prompts right, or a log-probability of log ½."""
    if layout.observation.column == "num_correct":
        return layout.grid.cells["num_prompts"].to_numpy() // 2.0
    return np.full(len(layout.grid.cells), np.log(0.5))


def _same_model(one: Layout, other: Layout) -> bool:
    """Whether two layouts differ in nothing that is compiled in."""
    names = ("num_shots", "tokens", "ceiling", "middle", "num_labels", "evidence", "evidence_deviation")
    arrays = [(getattr(one.cells, name), getattr(other.cells, name)) for name in names]
    arrays += [
        (np.asarray(getattr(one.grid, name)), np.asarray(getattr(other.grid, name)))
        for name in ("cell_model", "cell_format", "cell_example_length", "cell_condition", "cell_set")
    ]
    arrays.append((one.grid.regressors.values, other.grid.regressors.values))
    columns = ["num_prompts"] + ["logprob_error"] * (one.observation.name == "logprob")
    arrays += [(one.grid.cells[name].to_numpy(), other.grid.cells[name].to_numpy()) for name in columns]
    if (one.account.name, one.observation.name) != (other.account.name, other.observation.name):
        return False
    if any(len(a) != len(b) or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in arrays):
        return False
    return len(one.nodes) == len(other.nodes) and all(
        a.name == b.name and a.dims == b.dims and np.array_equal(a.location, b.location) and a.spread == b.spread
        for a, b in zip(one.nodes, other.nodes)
    )
