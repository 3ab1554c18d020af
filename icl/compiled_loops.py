"""Compile plain loops at their first use: numba takes half a second to load, and most commands never need it."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["compiled"]


@cache
def compiled(loops: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of arrays by numba; the machine code is kept where that can be written to."""
    import numba

    plain = inspect.unwrap(loops)  # numba compiles functions, not what a type checker wraps around them
    try:
        return numba.njit(plain, cache=True, error_model="numpy")
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return numba.njit(plain, error_model="numpy")
