"""The two functions that nutpie calls for each gradient and each draw, as machine code that needs no Python.

Functions of Python share the interpreter's lock, so that chains wait for each other, and those that nutpie compiles of
a PyMC model cannot be kept on disk. The two here are the same for all models, and Numba keeps them: they find the
density of *this* model, its data and the change of variables (`icl.concept.transport`) by their addresses. What they
are made of stands in this file, whose age tells Numba whether what it keeps is still good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from jaxtyping import Float
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy import ndarray

from icl.compiled_loops import compiled, entry

__all__ = ["BOUND", "VECTORS", "Given", "bend", "expand", "log_density", "unbend"]

VECTORS = types.UniTuple(types.float64[::1], 1)(types.float64[::1], types.float64[::1])
"""Signature of what PyTensor compiles: (x, data) → one vector."""

_BAD_GRADIENT, _BAD_DENSITY, _RAISED = 3, 4, 1
"""Codes above 0 turn the sampler back from a point; others would end it."""

_NUMBERS = types.CPointer(types.float64)
_ADDRESSES = types.CPointer(types.int64)
_NUM_ADDRESSES = 10

BOUND = 4.0
"""Bending levels off about so many standard deviations out, where a pilot knows nothing; half way there it is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the two functions are told of a model: addresses, and what has to live as long as they are used.

    Attributes
    ----------
    addresses
        Of the density, of what expands a draw (0: nothing does), of the data and of the change of variables (0: there
        is none), with the sizes of the last two.
    owners
        What lies there.
    """

    addresses: ndarray
    owners: tuple[Any, ...]

    @classmethod
    def of(
        cls,
        density: Callable[..., Any],
        expand: Callable[..., Any] | None,
        data: Float[ndarray, " size"],
        change: tuple[ndarray, ndarray, ndarray, ndarray] | None,
    ) -> "Given":
        """Point at a density, at what expands a draw (both compiled of `VECTORS`), at data and at `Transport.parts`."""
        arrays = [np.ascontiguousarray(data, dtype=float)]
        addresses = np.zeros(_NUM_ADDRESSES, dtype=np.int64)
        if change is not None:
            mean, axes, bends, spread = change
            arrays += [np.ascontiguousarray(part, dtype=float) for part in (mean, axes, axes.T, bends, spread)]
            addresses[9] = bends.shape[1]
        addresses[:3] = _address_of(density), 0 if expand is None else _address_of(expand), len(data)
        addresses[3 : 3 + len(arrays)] = [array.ctypes.data for array in arrays]
        return cls(addresses=addresses, owners=(density, expand, arrays))


def _address_of(compiled: Any) -> int:
    """Where the machine code of a function of `VECTORS` lies."""
    result = compiled.get_compile_result(VECTORS)
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


def _as_function(_, address):
    """Take an address for a function of `VECTORS`."""
    found = types.FunctionType(VECTORS)

    def codegen(context, builder, signature, args):
        function = cgutils.create_struct_proxy(found)(context, builder)
        function.c_addr = function.py_addr = cgutils.get_null_value(cgutils.voidptr_t)
        function.jit_addr = builder.inttoptr(args[0], cgutils.voidptr_t)
        return function._getvalue()

    return found(types.int64), codegen


def _as_numbers(_, address):
    """Take an address for that of floating-point numbers."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(_NUMBERS))

    return _NUMBERS(types.int64), codegen


_function_at: Any = intrinsic(_as_function)
_numbers_at: Any = intrinsic(_as_numbers)
_carray: Any = numba.carray


@compiled
def bend(z, bends, spread):
    """Bend each axis by the looser ones: z → a."""
    most = bends.shape[1] - 1
    a = np.empty_like(z)
    u = np.ones(most + 1)
    for i in range(len(z)):
        total = spread[i] * z[i]
        for j in range(min(i, most) + 1):
            for k in range(j + 1):
                total += bends[i, j, k] * u[j] * u[k]
        a[i] = total
        if i < most:
            u[i + 1] = total * (1 + (total / BOUND) ** 4) ** -0.25
    return a


@compiled
def unbend(a, gradient, bends, spread):
    """Bring a gradient with respect to a back to one with respect to z."""
    most = bends.shape[1] - 1
    u, of_u = np.ones(most + 1), np.zeros(most + 1)
    for i in range(min(most, len(a))):
        u[i + 1] = a[i] * (1 + (a[i] / BOUND) ** 4) ** -0.25
    found = np.empty_like(a)
    for i in range(len(a) - 1, -1, -1):
        of_a = gradient[i]
        if i < most:
            of_a += of_u[i + 1] * (1 + (a[i] / BOUND) ** 4) ** -1.25
        found[i] = spread[i] * of_a
        for j in range(min(i, most) + 1):
            for k in range(j + 1):
                of_u[j] += of_a * bends[i, j, k] * u[k]
                of_u[k] += of_a * bends[i, j, k] * u[j]
    return found


@compiled
def _place(dim, z, given):
    """Map z to x; a are the bent coordinates between them."""
    if given[9] == 0:
        return z, z
    axes = _carray(_numbers_at(given[6]), (dim, dim))
    bends = _carray(_numbers_at(given[7]), (dim, given[9], given[9]))
    a = bend(z, bends, _carray(_numbers_at(given[8]), (dim,)))
    x = _carray(_numbers_at(given[4]), (dim,)).copy()
    for j in range(dim):
        x += a[j] * axes[j]
    return x, a


@compiled
def _brought_back(dim, gradient, a, given):
    """Bring a gradient with respect to x back to one with respect to z."""
    if given[9] == 0:
        return gradient
    axes = _carray(_numbers_at(given[5]), (dim, dim))
    bends = _carray(_numbers_at(given[7]), (dim, given[9], given[9]))
    of_a = np.zeros(dim)
    for i in range(dim):
        of_a += gradient[i] * axes[i]
    return unbend(a, of_a, bends, _carray(_numbers_at(given[8]), (dim,)))


@entry(types.int64(types.uint64, _NUMBERS, _NUMBERS, _NUMBERS, _ADDRESSES))
def log_density(dim, z_at, gradient_at, density_at, given_at):
    """Write the log density at z and its gradient; 0, or why there is none."""
    given = _carray(given_at, (_NUM_ADDRESSES,))
    dim = np.int64(dim)
    gradient, density = _carray(gradient_at, (dim,)), _carray(density_at, (1,))
    try:
        x, a = _place(dim, _carray(z_at, (dim,)), given)
        (found,) = _function_at(given[0])(x, _carray(_numbers_at(given[3]), (given[2],)))
        density[0] = found[0]
        gradient[:] = _brought_back(dim, found[1:], a, given)
    except Exception:  # noqa: BLE001  the only kind that numba knows
        return _RAISED
    if not np.isfinite(gradient).all():
        return _BAD_GRADIENT
    return 0 if np.isfinite(density[0]) else _BAD_DENSITY


@entry(types.int64(types.uint64, types.uint64, _NUMBERS, _NUMBERS, _ADDRESSES))
def expand(dim, size, z_at, values_at, given_at):
    """Write what z means on the variables' own scales; 0, or -1 where that cannot be told."""
    given = _carray(given_at, (_NUM_ADDRESSES,))
    dim = np.int64(dim)
    values = _carray(values_at, (np.int64(size),))
    try:
        x, _ = _place(dim, _carray(z_at, (dim,)), given)
        if given[1] == 0:
            values[:] = x
        else:
            (found,) = _function_at(given[1])(x, _carray(_numbers_at(given[3]), (given[2],)))
            values[:] = found
    except Exception:  # noqa: BLE001  the only kind that numba knows
        return -1
    return 0
