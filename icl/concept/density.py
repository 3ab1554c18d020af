"""The log density of a PyMC model, compiled once for every process that fits tables of one shape.

nutpie's own way from a PyMC model wraps PyTensor's compiled function in C callbacks, which Numba cannot cache: each
process compiles them again. Here the sampler calls that function through Python, at some microseconds per gradient,
and the function itself comes from PyTensor's cache on disk. It releases the interpreter's lock, so that chains run side
by side.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """The density of a model's free variables, all in one vector x on the whole real line.

    Attributes
    ----------
    evaluate
        (x, data) → log density of x in nats, and its gradient.
    expand
        (x, data) → values of the free variables on their own scales and of the deterministic ones, by name.
    start
        Seed → an x to start from.
    data
        What is observed, and what else may be replaced.
    shapes, dims, coords
        Of those variables: shape and dimensions by name of variable, coordinates by name of dimension.
    """

    evaluate: Callable[[ndarray, Data], tuple[float, ndarray]]
    expand: Callable[[ndarray, Data], dict[str, ndarray]]
    start: Callable[[int], Float[ndarray, " num_dims"]]
    data: Data
    shapes: Mapping[str, tuple[int, ...]]
    dims: Mapping[str, tuple[str, ...]]
    coords: Mapping[str, Sequence]

    def with_data(self, **data: ndarray) -> "Density":
        """Put other values in the place of the model's data, in the types that were compiled for.

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
    with _quiet("pymc"):
        log_density, data = _compiled(model, _density_and_gradient(model))
        if model.deterministics or any(model.rvs_to_transforms.values()):
            scaled, data_of_scaled = _compiled(model, model.replace_rvs_by_values(variables))
        else:
            scaled, data_of_scaled = _parts(model), {}

    def evaluate(x: ndarray, given: Data) -> tuple[float, ndarray]:
        value, gradient = log_density(x, *(given[name] for name in data))
        return float(value), gradient

    def expand(x: ndarray, given: Data) -> dict[str, ndarray]:
        values = scaled(x, *(given[name] for name in data_of_scaled))
        return {name: np.array(value, dtype=float) for name, value in zip(names, values, strict=True)}

    start, every = _starts(model), data | data_of_scaled
    return Density(
        evaluate=evaluate,
        expand=expand,
        start=start,
        data=every,
        shapes={name: value.shape for name, value in expand(start(0), every).items()},
        dims={name: tuple(model.named_vars_to_dims[name]) for name in names if name in model.named_vars_to_dims},
        coords=dict(model.coords),
    )


def _density_and_gradient(model: "pymc.Model") -> list[Any]:
    import pytensor
    import pytensor.tensor as pt
    from pymc.pytensorf import rewrite_pregrad

    density = rewrite_pregrad(model.logp())
    gradient: Any = pytensor.grad(density, model.value_vars)
    return [density, pt.concatenate([part.ravel() for part in gradient])]


def _compiled(model: "pymc.Model", outputs: Sequence[Any]) -> tuple[Callable[..., Any], dict[str, ndarray]]:
    """Compile a function of all free variables in one vector and of the model's data, whose values are given too."""
    from pymc.pytensorf import compile as compiled_by_pymc
    from pymc.pytensorf import join_nonshared_inputs

    outputs, joined = join_nonshared_inputs(model.initial_point(0), outputs, model.value_vars)
    function = compiled_by_pymc([joined], outputs, mode=_mode())
    return function.vm.jit_fn, {variable.name: variable.get_value() for variable in function.get_shared()}


def _mode() -> "pytensor.compile.Mode":
    """PyTensor's Numba mode, with the interpreter's lock released while a function runs."""
    from pytensor.compile.mode import Mode
    from pytensor.graph.rewriting.db import RewriteDatabaseQuery
    from pytensor.link.numba.dispatch.basic import numba_njit
    from pytensor.link.numba.linker import NumbaLinker

    class Unlocked(NumbaLinker):
        def jit_compile(self, fn: Any) -> Callable[..., Any]:
            function, key = fn
            return numba_njit(function.py_func, final_function=True, cache=key is not None, nogil=True)

    return Mode(Unlocked(), RewriteDatabaseQuery(include=["fast_run", "numba"]))


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


def _parts(model: "pymc.Model") -> Callable[[ndarray], list[ndarray]]:
    """Cut the vector into the variables, where that is all there is to do."""
    shapes = [np.shape(value) for value in model.initial_point(0).values()]
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return lambda x: [part.reshape(shape) for part, shape in zip(np.split(x, cuts), shapes)]


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
