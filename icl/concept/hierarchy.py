"""How the parameters of an account are pooled over levels, models and tasks: a list of normal nodes.

One list is read three ways: PyMC builds its variables from it (`icl.concept.layout`), NumPy draws from it (prior
predictive checks, simulation-based calibration) and evaluates its prior densities (sensitivity to the priors).

A parameter of one model and task has its prior as it stands; where it varies by a level with `scatter`, the levels lie
around a common mean. With several models or tasks a population has that prior, and each model (task) lies around it.
From four of them on, how far they lie apart is learned; its prior keeps away from zero, since two models are never
quite alike and few of them could not tell a small spread from none. Fewer than four could tell nothing of their spread,
which then stays at its prior's median.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import norm

from icl.concept.accounts.account import Parameter
from icl.concept.grid import Grid
from icl.concept.regressors import slope_name
from icl.concept.wander import OWN_STEP, SHARED_STEP, WANDER, WANDER_SHARED, Walks

__all__ = [
    "MANY_CANDIDATES",
    "SET_DECAY",
    "SET_EFFECT",
    "Node",
    "draw_nodes",
    "gather",
    "log_prior",
    "nodes_of",
    "unconstrained",
]

_MIDDLE_OF_GINC = float(np.log1p([0, 1, 2, 4, 8, 16, 32, 64]).mean())
"""Mean log(1 + n) of the shots that GINC is asked at; the priors of what one demonstration does were made there."""

MANY_CANDIDATES = 10
"""From this many candidates on, the wrong concept still answers far better than chance (GINC's 50 tokens)."""

_MISS_WITH_MANY = -0.6
"""Logit of accuracy under the wrong concept with many candidates: 10–70 % of GINC prompts are right."""

SET_EFFECT = "set_effect"
"""Shift of the logit of the probability of a right answer that a demonstration set brings to all its cells."""

SET_DECAY = "set_decay"
"""Power of 1 + n by which that shift fades: one of a thousand demonstrations matters less than one of two."""

_SET_SPREAD = (np.log(0.3), 0.7)
"""Log-normal: demonstration sets differ by 0.1 to 1 on the logit scale in the middle of the shots, seldom by nothing.
"""

_SET_DECAY = (0.25, 0.25)
"""From not at all to as an average of independent demonstrations does (½)."""

_WANDER_SHARED = (1.0, 1.0)
"""Logit: from a third to nine tenths of ω² belong to the task rather than to one model on it."""

_FEWEST_TO_LEARN = 4
"""From this many models (tasks) on, their spread is learned."""

_SPREAD_OF_MODELS = 0.5
"""Median spread of models (tasks) around their population, as a share of the parameter's prior spread, and sd of its
logarithm: a model is worth knowing once others are known, but less than itself."""

_SPREAD_OF_COMBINATIONS = 0.2
"""The same of a model on a task where both have effects of their own: interactions are smaller than main effects."""

_SPREAD_OF_SLOPES = 0.25
"""Prior sd of a slope, as a share of the parameter's prior spread: ten times the weights, tuning or twice the labels
move a parameter by less than what is plausible of one model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """x ~ Normal(location + Σ parents + Σ regressors · slopes, spread²), or the exponential of it.

    Attributes
    ----------
    name, dims
        As PyMC and xarray call it.
    location
        Broadcasts to the node's shape.
    parents
        (name of an earlier node, index into it that brings it to this node's shape).
    slopes
        Name of an earlier node, slopes on the regressors of the node's first dimension; empty: none.
    regressors
        Those.
    spread
        A number, or the name of an earlier node.
    positive
        Whether the exponential is meant (a log-normal).
    is_prior
        Whether its distribution is a prior that someone chose, rather than the scatter of one thing among its like.
    """

    name: str
    dims: tuple[str, ...]
    location: float | ndarray = 0.0
    parents: tuple[tuple[str, Any], ...] = ()
    slopes: str = ""
    regressors: Float[ndarray, "num_levels num_regressors"] | None = None
    spread: float | str = 1.0
    positive: bool = False
    is_prior: bool = False


def unconstrained(name: str) -> str:
    """Name of a parameter's node."""
    return f"{name}_x"


def nodes_of(parameters: Sequence[Parameter], grid: Grid, walks: Walks) -> list[Node]:
    """Lay out the nodes of all parameters, of walks where they wander, and of demonstration sets told apart."""
    nodes = [node for parameter in parameters for node in _nodes(parameter, grid)]
    if any(parameter.name == WANDER for parameter in parameters):
        nodes.append(Node(name=OWN_STEP, dims=(f"{OWN_STEP}_number",)))
        if walks.shared.shape[1]:
            location, spread = _WANDER_SHARED
            nodes.append(Node(name=WANDER_SHARED, dims=(), location=location, spread=spread, is_prior=True))
            nodes.append(Node(name=SHARED_STEP, dims=(f"{SHARED_STEP}_number",)))
    if grid.sets:
        location, spread = _SET_DECAY
        nodes.append(Node(name=SET_DECAY, dims=(), location=location, spread=spread, is_prior=True))
        location, spread = _SET_SPREAD
        nodes.append(Node(name="set_spread", dims=(), location=location, spread=spread, positive=True, is_prior=True))
        nodes.append(Node(name=SET_EFFECT, dims=("demonstration_set",), spread="set_spread"))
    return nodes


def _nodes(parameter: Parameter, grid: Grid) -> list[Node]:
    name, by = parameter.name, parameter.by
    levels = int(np.prod([len(grid.coords[dim]) for dim in by], dtype=int))
    nodes: list[Node] = []
    own: dict[str, Any] = {"location": parameter.location, "spread": parameter.spread, "is_prior": True}
    if parameter.scatter is not None and levels > 1:
        nodes.append(Node(name=f"{name}_mean", dims=(), **own))
        own = {"parents": ((f"{name}_mean", ()),), "spread": parameter.scatter}
    elif parameter.scatter is not None:
        own["spread"] = float(np.hypot(parameter.spread, parameter.scatter))
    anchor = _anchor(parameter, grid)
    if len(grid.models) == 1:
        own["location"] = own.get("location", 0.0) + anchor
        return [*nodes, Node(name=unconstrained(name), dims=("model", *by), **own)]

    nodes.append(Node(name=f"{name}_population", dims=by, **own))
    parents: list[tuple[str, Any]] = [(f"{name}_population", (None,))]
    several = [("model", grid.model_names, grid.of_model), ("task", grid.tasks, grid.of_task)]
    several = [each for each in several if len(each[1]) > 1]
    for kind, names, place in several if len(several) > 1 else ():
        spread = _spread_of(f"{name}_{kind}_spread", parameter, len(names), nodes, _SPREAD_OF_MODELS)
        nodes.append(Node(name=f"{name}_{kind}_effect", dims=(f"{kind}_name", *by), spread=spread))
        parents.append((f"{name}_{kind}_effect", (place,)))
    share = _SPREAD_OF_COMBINATIONS if len(several) > 1 else _SPREAD_OF_MODELS
    spread = _spread_of(f"{name}_spread", parameter, len(grid.models), nodes, share)
    x = Node(
        name=unconstrained(name),
        dims=("model", *by),
        location=anchor,
        parents=tuple(parents),
        spread=spread,
    )
    if parameter.is_regressed and grid.regressors.names:
        slopes = Node(
            name=slope_name(name), dims=("regressor",), spread=_SPREAD_OF_SLOPES * parameter.spread, is_prior=True
        )
        return [*nodes, slopes, replace(x, slopes=slopes.name, regressors=grid.regressors.values)]
    return [*nodes, x]


def _spread_of(name: str, parameter: Parameter, levels: int, nodes: list[Node], share: float) -> float | str:
    """How far models (tasks) lie around their population: a number, or the name of a node that is added to the list."""
    median = share * parameter.spread
    if levels < _FEWEST_TO_LEARN:
        return median
    nodes.append(Node(name=name, dims=(), location=float(np.log(median)), spread=0.5, positive=True, is_prior=True))
    return name


def _anchor(parameter: Parameter, grid: Grid) -> Float[ndarray, "..."]:
    """What is added to the location for each model and level, shape (model, *by)."""
    if parameter.anchor == "chance":
        return _under_the_wrong_concept(grid)
    # How many times the shots were, on a log scale, that priors per demonstration were made for.
    further = np.maximum(grid.middle - _MIDDLE_OF_GINC, 0.0)
    shift = {None: 0.0 * further, "shots": further, "per shot": -further}[parameter.anchor]
    return shift.reshape(-1, *(1 for _ in parameter.by))


def _under_the_wrong_concept(grid: Grid) -> Float[ndarray, "num_models num_example_lengths"]:
    """Logit of accuracy under the wrong concept: of chance, but on GINC, whose many tokens are guessed far better."""
    chance = grid.per_example_length("chance")
    chance = np.where(np.isnan(chance), np.nanmax(chance, axis=1, keepdims=True), chance)
    near = np.clip(chance, 0.001, 0.99)
    wrong = np.log(near / (1 - near))
    if not grid.has_example_lengths:
        return wrong
    return np.where(chance < 1 / MANY_CANDIDATES, _MISS_WITH_MANY, wrong)


def shape_of(node: Node, coords: Mapping[str, Sequence]) -> tuple[int, ...]:
    """Number of levels along each of a node's dimensions."""
    return tuple(len(coords[dim]) for dim in node.dims)


def draw_nodes(
    nodes: Sequence[Node], coords: Mapping[str, Sequence], *, size: int, rng: np.random.Generator
) -> dict[str, Float[ndarray, "size ..."]]:
    """Draw every node `size` times from the prior: name → (draw, \\*dims)."""
    drawn: dict[str, ndarray] = {}
    for node in nodes:
        shape = (size, *shape_of(node, coords))
        mean, spread = _moments(node, drawn)
        x = mean + spread * rng.standard_normal(shape)
        drawn[node.name] = np.exp(x) if node.positive else x
    return drawn


def log_prior(nodes: Sequence[Node], drawn: Mapping[str, ndarray]) -> dict[str, Float[ndarray, " num_draws"]]:
    """Log density of each prior that someone chose, at the draws (draw, \\*dims): what power-scaling scales."""
    found = {}
    for node in nodes:
        if node.is_prior:
            mean, spread = _moments(node, drawn)
            x = np.log(drawn[node.name]) if node.positive else drawn[node.name]
            density = norm.logpdf(x, mean, spread)
            found[node.name] = density.reshape(len(density), -1).sum(axis=1)
    return found


def _moments(node: Node, drawn: Mapping[str, ndarray]) -> tuple[ndarray, ndarray]:
    mean = np.asarray(node.location, dtype=float)[None]
    for name, index in node.parents:
        parent = drawn[name][(slice(None), *index)]
        mean = mean + parent.reshape(len(parent), *(1,) * (len(node.dims) - parent.ndim + 1), *parent.shape[1:])
    if node.regressors is not None:
        moved = drawn[node.slopes] @ node.regressors.T
        mean = mean + moved.reshape(*moved.shape, *(1,) * (len(node.dims) - 1))
    spread = drawn[node.spread] if isinstance(node.spread, str) else np.asarray([node.spread])
    return mean, spread.reshape(-1, *(1,) * len(node.dims))


def gather(grid: Grid, dims: Sequence[str]) -> tuple[ndarray, ...]:
    """Index of each cell along (model, \\*dims); zero-shot cells belong to no condition or label mode, any will do."""
    condition = np.maximum(grid.cell_condition, 0)
    places = {
        "model": grid.cell_model,
        "condition": condition,
        "label_mode": grid.condition_label_mode[condition],
        "format": grid.cell_format,
        "example_length": grid.cell_example_length,
    }
    return tuple(places[dim] for dim in dims)
