"""An account over a counts table, ready to be sampled, simulated and predicted from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.concept.accounts.account import NUMPY, Account, Cells, Functions, Parameter
from icl.concept.grid import Grid, grid_of
from icl.concept.hierarchy import SET_DECAY, SET_EFFECT, Node, draw_nodes, gather, nodes_of, unconstrained
from icl.concept.observation import Observation, observation_named
from icl.concept.wander import OWN_STEP, SHARED_STEP, WANDER, WANDER_SHARED, Walks, walks_of
from icl.errors import UserError

if TYPE_CHECKING:
    import pymc

__all__ = ["Layout", "layout_of"]

_EPSILON = 1e-9
_NEAR_ZERO = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """An account, an observation and the cells they speak of.

    Attributes
    ----------
    account, observation, grid, cells
        What was asked, laid out.
    nodes
        The parameters and how they hang together.
    walks
        How curves stray from their law, of accounts that wander.
    """

    account: Account
    observation: Observation
    grid: Grid
    cells: Cells
    nodes: tuple[Node, ...]
    walks: Walks

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The account's parameters and the observation's."""
        return (*self.account.parameters, *self.observation.parameters)

    @property
    def coords(self) -> dict[str, Any]:
        """Coordinates of every dimension."""
        names = {"model_name": self.grid.model_names, "task_name": self.grid.tasks}
        steps = {OWN_STEP: range(self.walks.own.shape[1]), SHARED_STEP: range(self.walks.shared.shape[1])}
        return self.grid.coords | names | {f"{name}_number": np.array(each) for name, each in steps.items()}

    def draw_prior(self, size: int, rng: np.random.Generator) -> dict[str, Float[ndarray, "size ..."]]:
        """Draw all nodes from the prior: name → (draw, \\*dims)."""
        return draw_nodes(self.nodes, self.coords, size=size, rng=rng)

    def gathered(self, nodes: Mapping[str, Any], functions: Functions = NUMPY, *, leading: bool = True) -> dict:
        """Bring each parameter, on its own scale, to the cells; the demonstration sets' effect beside them."""
        ahead = (slice(None),) if leading else ()
        found = {}
        for parameter in self.parameters:
            dims, x = ("model", *parameter.by), nodes[unconstrained(parameter.name)]
            place = np.ravel_multi_index(gather(self.grid, dims), [len(self.coords[dim]) for dim in dims])
            x = x.reshape((len(x), -1) if leading else (-1,))[(*ahead, place)]  # one index: several compile to far more
            found[parameter.name] = parameter.value(x, functions)
        if WANDER in found:
            found[WANDER] = found[WANDER] * self._path(nodes, functions)
        if self.grid.sets:
            at = (*ahead, np.maximum(self.grid.cell_set, 0))
            found[SET_EFFECT] = nodes[SET_EFFECT][at] * self.set_weight(nodes, functions)
        return found

    def set_weight(self, nodes: Mapping[str, Any], functions: Functions = NUMPY) -> Any:
        """How much of its demonstration set's effect reaches each cell: it fades as demonstrations become many."""
        apart = np.log1p(self.cells.num_shots) - self.cells.middle
        return functions.exp(-nodes[SET_DECAY][..., None] * apart) * (self.grid.cell_set >= 0)

    def _path(self, nodes: Mapping[str, Any], functions: Functions) -> Any:
        """How far each cell's curve has strayed, in units of ω."""
        own = functions.weighted(nodes[OWN_STEP], self.walks.own)
        if SHARED_STEP not in nodes:
            return own
        share = functions.sigmoid(nodes[WANDER_SHARED][..., None])
        shared = functions.weighted(nodes[SHARED_STEP], self.walks.shared)
        return functions.sqrt(1 - share) * own + functions.sqrt(share) * shared

    def probability(self, gathered: Mapping[str, Any], functions: Functions = NUMPY) -> Any:
        """Probability of a right answer in each cell, kept off 0 and 1, moved off its law."""
        p = self.account.accuracy(gathered, self.cells, functions)
        p = _EPSILON + (1 - 2 * _EPSILON) * p
        shifts = [gathered[name] for name in (WANDER, SET_EFFECT) if name in gathered]
        return functions.sigmoid(functions.log(p) - functions.log(1 - p) + sum(shifts)) if shifts else p

    def simulate(self, nodes: Mapping[str, ndarray], rng: np.random.Generator) -> ndarray:
        """Data that might have been observed, one row a draw of the nodes."""
        gathered = self.gathered(nodes)
        return self.observation.simulate(self.probability(gathered), gathered, self.grid.cells, rng)

    def log_likelihood(self, nodes: Mapping[str, ndarray]) -> Float[ndarray, "num_draws num_cells"]:
        """Log density of each observed cell at each draw, nats."""
        gathered = self.gathered(nodes)
        observed = self.observed()
        return self.observation.log_density(self.probability(gathered), gathered, self.grid.cells, observed)

    def observed(self) -> ndarray:
        """What was observed in each cell."""
        return self.grid.cells[self.observation.column].to_numpy()

    def model(self) -> "pymc.Model":
        """Build the PyMC model; the data are its Data variable ``observed``."""
        import pymc as pm
        import pytensor.tensor as pt

        functions = Functions(
            exp=pt.exp,
            log=pt.log,
            sqrt=pt.sqrt,
            sigmoid=pt.sigmoid,
            softplus=pt.softplus,
            exprel=_exprel,
            normal_cdf=lambda z: 0.5 * pt.erfc(-z / np.sqrt(2)),
            log_sigmoid=lambda x: -pt.softplus(-x),
            log_sum_exp=lambda x: pt.logsumexp(x, axis=-1),
            stack=lambda arrays: pt.stack(pt.broadcast_arrays(*arrays), axis=-1),
            weighted=lambda x, weights: (weights * x).sum(axis=-1),  # a product by BLAS takes Numba 30 s to compile
        )
        with pm.Model(coords=self.coords) as model:
            variables: dict[str, Any] = {}
            for node in self.nodes:
                mean = node.location
                for name, index in node.parents:
                    mean = mean + variables[name][index]
                if node.regressors is not None:
                    moved = functions.weighted(variables[node.slopes], node.regressors)
                    mean = mean + moved[(slice(None), *(None,) * (len(node.dims) - 1))]
                spread = variables[node.spread] if isinstance(node.spread, str) else node.spread
                kind = pm.LogNormal if node.positive else pm.Normal
                variables[node.name] = kind(node.name, mean, spread, dims=node.dims)
            gathered = self.gathered(variables, functions, leading=False)
            observed = pm.Data("observed", self.observed(), dims="cell")
            probability = self.probability(gathered, functions)
            self.observation.likelihood(probability, gathered, self.grid.cells, observed)
        return model


def layout_of(counts: pd.DataFrame, account: Account, *, observe: str = "counts") -> Layout:
    """Lay out an account over a counts table.

    Parameters
    ----------
    counts
        Counts of one or more models and tasks.
    account
        One of `icl.concept.accounts.ACCOUNTS`.
    observe
        What is fitted, of `icl.concept.observation.OBSERVATIONS`: right answers, or mean log-probabilities.

    Raises
    ------
    UserError
        If the table cannot inform this account, in a sentence that says why.
    """
    observation = observation_named(observe)
    grid = grid_of(counts)
    _check(grid, account, observation)
    tokens = grid.cells["example_length"].astype("Float64").fillna(1.0).to_numpy(dtype=float)
    cells = Cells(
        num_shots=grid.cells["num_shots"].to_numpy(dtype=float),
        tokens=tokens,
        mean_tokens=float(grid.tokens_per_demonstration.mean()),
        ceiling=grid.ceiling[grid.cell_model, grid.cell_example_length],
        middle=grid.middle[grid.cell_model],
        num_labels=grid.num_labels[grid.cell_model],
        evidence=grid.cells["evidence"].to_numpy(dtype=float),
        evidence_deviation=grid.cells["evidence_deviation"].to_numpy(dtype=float),
    )
    walks = walks_of(grid)
    nodes = tuple(nodes_of((*account.parameters, *observation.parameters), grid, walks))
    return Layout(account=account, observation=observation, grid=grid, cells=cells, nodes=nodes, walks=walks)


def _exprel(x: Any) -> Any:
    """(eˣ − 1) ÷ x as PyTensor computes it, by its series near 0."""
    import pytensor.tensor as pt

    near = pt.abs(x) < _NEAR_ZERO
    away = pt.switch(near, 1.0, x)
    return pt.switch(near, 1 + x / 2 + x**2 / 6, pt.expm1(away) / away)


def _check(grid: Grid, account: Account, observation: Observation) -> None:
    cells = grid.cells
    unknown = cells["evidence"].isna() | cells["evidence_deviation"].isna()
    if account.needs_evidence and unknown.any():
        raise UserError(
            f"{account.title} needs the exact evidence of every cell, and {unknown.sum()} of {len(cells)} have none; "
            "it is known for GINC prompts with gold labels only: fit another account (or `probe calibrate --ledger`)."
        )
    if observation.name == "logprob":
        lost = ~np.isfinite(cells["mean_logprob"]) | cells["logprob_error"].isna()
        if lost.any():
            row = cells[lost].iloc[0]
            raise UserError(
                f"{lost.sum()} of {len(cells)} cells have no finite mean log-probability with a standard error (the "
                f"first: {row['model']}, {row['label_mode']}, {row['num_shots']} shots); fit counts, which need none."
            )
    elif observation.name == "counts":
        correct, prompts = cells["num_correct"], cells["num_prompts"]
        if (correct == 0).all() or (correct == prompts).all():
            which = "wrong" if (correct == 0).all() else "right"
            raise UserError(
                f"every prompt of all {len(cells)} cells was answered {which}, so counts can inform no account; use a "
                "task that is neither hopeless nor trivial for this model, or fit its log-probabilities."
            )
