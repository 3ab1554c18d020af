"""Compile plain loops at their first use: numba takes half a second to load, and most commands never need it."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["compiled", "entry"]


@cache
def compiled(loops: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of arrays by numba; the machine code is kept where that can be written to."""
    import numba

    plain = inspect.unwrap(loops)  # numba compiles functions, not what a type checker wraps around them
    try:
        return numba.njit(plain, cache=True, error_model="numpy")
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return numba.njit(plain, error_model="numpy")


def entry(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that is called by its address, as C would, of a signature of numba's types."""

    def compile_entry(loops: Callable[..., Any]) -> Any:
        import numba

        plain = inspect.unwrap(loops)
        try:
            return numba.cfunc(signature, cache=True)(plain)
        except RuntimeError:
            return numba.cfunc(signature)(plain)

    return compile_entry
