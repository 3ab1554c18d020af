"""Fit an account to some cells of a table, and keep the others to judge it by.

Coordinates and priors are those of the whole table. A cell that is held out has weight 0 in the likelihood, and a
neutral value stands in its place, so that nothing of it can reach the posterior. One compiled model serves all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icl.concept.design import Design
from icl.concept.diagnose import Diagnosis, diagnose
from icl.concept.fit import check_sampling, nodes_of_tree, quiet, sample

if TYPE_CHECKING:
    import nutpie

__all__ = ["Masked", "MaskedFit", "compiled_once", "masked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedFit:
    """Draws that some cells were seen for.

    Attributes
    ----------
    nodes
        Sampled nodes: name → (draw, \\*dims), as `Design` takes them.
    diagnosis
        Whether they may be read.
    """

    nodes: Mapping[str, ndarray]
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A design, compiled so that cells can be held out."""

    design: Design
    compiled: "nutpie.CompiledModel"

    def fit(self, seen: Bool[ndarray, " num_cells"], *, draws: int, tune: int, chains: int, seed: int) -> MaskedFit:
        """Sample the posterior given the cells that are seen."""
        check_sampling(draws=draws, tune=tune, chains=chains)
        data = {
            "observed": np.where(seen, self.design.observed(), _neutral(self.design)),
            "weights": seen.astype(float),
        }
        compiled = self.compiled.with_data(**data)
        trace = sample(compiled, draws=draws, tune=tune, chains=chains, seed=seed)
        return MaskedFit(nodes=nodes_of_tree(trace), diagnosis=diagnose(trace))

    def of(self, design: Design) -> "Masked":
        """Put another table of the same shape in this one's place, which spares compiling.

        Raises
        ------
        ValueError
            If the other design differs in more than its data and names.
        """
        if not _same_model(self.design, design):
            raise ValueError("another table takes this one's place only where priors, cells and prompts are the same")
        return replace(self, design=design)


def masked(design: Design) -> Masked:
    """Compile a design so that cells can be held out."""
    import nutpie
    import pymc as pm

    model = design.model()
    with model:
        weights = pm.Data("weights", np.ones(len(design.grid.cells)), dims="cell")
        variable = model[design.observation.column]
        density = pm.logp(variable, model.rvs_to_values[variable])
        # Cell by cell the likelihood is already there once, so a weight w adds w − 1 of it.
        pm.Potential("held_out", (weights - 1) * density)
    with quiet("pymc"):
        compiled = nutpie.compile_pymc_model(model)
    return Masked(design=design, compiled=compiled)


def compiled_once(design: Design, compiled: dict[str, Masked] | None) -> Masked:
    """Take an account from those that were compiled for tables of this shape, or compile it and put it there."""
    known = {} if compiled is None else compiled
    name = design.account.name
    if name not in known:
        known[name] = masked(design)
    return known[name].of(design)


def _neutral(design: Design) -> Float[ndarray, " num_cells"]:
    """Stand in for a held-out observation: half the prompts right, or a log-probability of log ½."""
    if design.observation.column == "num_correct":
        return design.grid.cells["num_prompts"].to_numpy() // 2.0
    return np.full(len(design.grid.cells), np.log(0.5))


def _same_model(one: Design, other: Design) -> bool:
    """Whether two designs differ in nothing that is compiled in."""
    names = ("num_shots", "tokens", "ceiling", "evidence", "evidence_deviation")
    arrays = [(getattr(one.cells, name), getattr(other.cells, name)) for name in names]
    arrays += [
        (np.asarray(getattr(one.grid, name)), np.asarray(getattr(other.grid, name)))
        for name in ("cell_model", "cell_format", "cell_example_length", "cell_condition", "cell_set")
    ]
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
