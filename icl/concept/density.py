"""The log density of a PyMC model, compiled once for every process that fits tables of one shape.

What is compiled is a function of two vectors, all free variables and all data: the same signature for every model, so
that the sampler can call it without Python (`icl.concept.native`). The machine code comes from PyTensor's cache on
disk.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

if TYPE_CHECKING:
    import pymc
    import pytensor

__all__ = ["Data", "Density", "compile_density"]

type Data = Mapping[str, ndarray]
"""Values of a model's Data variables, by name."""

type OfVectors = Callable[[ndarray, ndarray], tuple[ndarray]]
"""Compiled: (free variables, data) → a vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """The density of a model's free variables, all in one vector x on the whole real line.

    Attributes
    ----------
    density
        Compiled: x and data, each in one vector → log density of x in nats, and behind it its gradient.
    scaled
        Compiled: the same → the free variables on their own scales and the deterministic ones, all in one vector;
        None where that is x itself.
    start
        Seed → an x to start from.
    data
        What is observed, and what else may be replaced.
    shapes, dims, coords
        Of the variables: shape and dimensions by name of variable, coordinates by name of dimension.
    """

    density: OfVectors
    scaled: OfVectors | None
    start: Callable[[int], Float[ndarray, " num_dims"]]
    data: Data
    shapes: Mapping[str, tuple[int, ...]]
    dims: Mapping[str, tuple[str, ...]]
    coords: Mapping[str, Sequence]

    @property
    def data_vector(self) -> Float[ndarray, " size"]:
        """The data as the compiled functions take them."""
        return _joined(self.data)

    def evaluate(self, x: Float[ndarray, " num_dims"]) -> tuple[float, Float[ndarray, " num_dims"]]:
        """Log density of x in nats, and its gradient."""
        (found,) = self.density(x, self.data_vector)
        return float(found[0]), found[1:]

    def expand(self, x: Float[ndarray, " num_dims"]) -> dict[str, ndarray]:
        """Values of the free variables on their own scales and of the deterministic ones, by name."""
        (values,) = (x,) if self.scaled is None else self.scaled(x, self.data_vector)
        cuts = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])[:-1]
        parts = zip(self.shapes.items(), np.split(values, cuts), strict=True)
        return {name: part.reshape(shape).copy() for (name, shape), part in parts}

    def with_data(self, **data: ndarray) -> "Density":
        """Put other values in the place of the model's data, in the types that the model has.

        Raises
        ------
        ValueError
            If a shape differs, which nothing would notice later.
        """
        typed = {name: np.ascontiguousarray(values, dtype=self.data[name].dtype) for name, values in data.items()}
        if odd := [name for name, values in typed.items() if values.shape != self.data[name].shape]:
            raise ValueError(f"{odd} must keep their shapes")
        return replace(self, data={**self.data, **typed})


def compile_density(model: "pymc.Model") -> Density:
    """Compile the log density of a model, its gradient, and what its variables are on their own scales."""
    variables = [*model.free_RVs, *model.deterministics]
    names = [variable.name for variable in variables]
    data = {variable.name: variable.get_value() for variable in model.data_vars}
    expanded = bool(model.deterministics or any(model.rvs_to_transforms.values()))
    with _quiet("pymc"):
        density = _compiled(model, _density_and_gradient(model))
        scaled = _compiled(model, model.replace_rvs_by_values(variables)) if expanded else None
    return Density(
        density=density,
        scaled=scaled,
        start=_starts(model),
        data=data,
        shapes={name: _shape(model, variable) for name, variable in zip(names, variables)},
        dims={name: tuple(model.named_vars_to_dims[name]) for name in names if name in model.named_vars_to_dims},
        coords=dict(model.coords),
    )


def _density_and_gradient(model: "pymc.Model") -> list[Any]:
    import pytensor
    from pymc.pytensorf import rewrite_pregrad

    density = rewrite_pregrad(model.logp())
    gradient: Any = pytensor.grad(density, model.value_vars)
    return [density, *gradient]


def _compiled(model: "pymc.Model", outputs: Sequence[Any]) -> OfVectors:
    """Compile outputs, laid end to end, as a function of the free variables and of the data, each in one vector."""
    import pytensor.tensor as pt
    from pymc.pytensorf import compile as compiled_by_pymc
    from pytensor.graph.replace import clone_replace

    point = model.initial_point(0)
    x, free = _one_vector("x", {value: point[value.name] for value in model.value_vars})
    data, given = _one_vector("data", {variable: variable.get_value() for variable in model.data_vars})
    output = pt.concatenate([output.ravel().astype("float64") for output in outputs])
    function = compiled_by_pymc(
        [x, data], [clone_replace(output, free | given)], mode=_mode(), on_unused_input="ignore"
    )
    return function.vm.jit_fn


def _one_vector(name: str, variables: Mapping[Any, ndarray]) -> tuple[Any, dict[Any, Any]]:
    """Make a vector of variables whose shapes are those of some values, and say which part of it each is."""
    import pytensor.tensor as pt

    vector = pt.vector(name, shape=(sum(np.size(value) for value in variables.values()),), dtype="float64")
    parts, end = {}, 0
    for variable, value in variables.items():
        part = vector[end : end + np.size(value)].reshape(np.shape(value)).astype(variable.dtype)
        parts[variable] = variable.type.filter_variable(part, allow_convert=True)
        end += np.size(value)
    return vector, parts


def _mode() -> "pytensor.compile.Mode":
    """PyTensor's Numba mode, which compiles a function of two vectors at once, and not at its first call."""
    from pytensor.compile.mode import Mode
    from pytensor.graph.rewriting.db import RewriteDatabaseQuery
    from pytensor.link.numba.cache import compile_numba_function_src
    from pytensor.link.numba.dispatch.basic import numba_njit
    from pytensor.link.numba.linker import NumbaLinker

    from icl.concept.native import VECTORS

    class LinkerOfVectors(NumbaLinker):
        def jit_compile(self, fn: Any) -> Callable[..., Any]:
            function, key = fn
            source = "def of_vectors(x, data): return function(x, data)"
            # What is kept on disk stands behind a function of its own, which need not be compiled again.
            inner = function if key is None else function.py_func.__globals__["jitable_func"]
            named = globals() | {"function": inner}
            plain = compile_numba_function_src(source, "of_vectors", named, cache_key=key and f"{key}_of_vectors")
            return numba_njit(VECTORS, final_function=True, cache=key is not None)(plain)

    return Mode(LinkerOfVectors(), RewriteDatabaseQuery(include=["fast_run", "numba"]))


def _joined(data: Data) -> Float[ndarray, " size"]:
    return np.concatenate([np.zeros(0), *(np.ravel(values).astype(float) for values in data.values())])


def _starts(model: "pymc.Model") -> Callable[[int], ndarray]:
    """Draw where a chain starts from a seed: a typical point, moved by up to 1 along each variable."""
    from pymc.initial_point import make_initial_point_fn

    draw = make_initial_point_fn(model=model, jitter_rvs=set(model.free_RVs), return_transformed=True)
    order, alone = [value.name for value in model.value_vars], Lock()

    def start(seed: int) -> ndarray:
        with alone:  # chains start in threads of their own
            point = draw(seed)
        return np.concatenate([np.ravel(point[name]) for name in order]).astype(float)

    return start


def _shape(model: "pymc.Model", variable: Any) -> tuple[int, ...]:
    """Shape of a variable, by its dimensions or as its type tells."""
    if dims := model.named_vars_to_dims.get(variable.name):
        return tuple(len(model.coords[dim]) for dim in dims)
    if None in variable.type.shape:
        raise ValueError(f"{variable.name} needs dims, without which its shape is not known")
    return variable.type.shape


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Hush a logger that narrates each step."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
