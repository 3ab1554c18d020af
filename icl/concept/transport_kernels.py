"""The loops of `icl.concept.transport`, which run at every step of a sampler."""

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import numpy as np
from numba import njit

__all__ = ["bend", "unbend"]


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop itself, not what a checker of types may have wrapped around it."""
    return njit(cache=True, nogil=True)(unwrap(function))


@_compiled
def bend(z, bends, spread, bound):
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
            u[i + 1] = total * (1 + (total / bound) ** 4) ** -0.25
    return a


@_compiled
def unbend(a, gradient, bends, spread, bound):
    """Bring a gradient with respect to a back to one with respect to z."""
    most = bends.shape[1] - 1
    u, of_u = np.ones(most + 1), np.zeros(most + 1)
    for i in range(min(most, len(a))):
        u[i + 1] = a[i] * (1 + (a[i] / bound) ** 4) ** -0.25
    found = np.empty_like(a)
    for i in range(len(a) - 1, -1, -1):
        of_a = gradient[i]
        if i < most:
            of_a += of_u[i + 1] * (1 + (a[i] / bound) ** 4) ** -1.25
        found[i] = spread[i] * of_a
        for j in range(min(i, most) + 1):
            for k in range(j + 1):
                of_u[j] += of_a * bends[i, j, k] * u[k]
                of_u[k] += of_a * bends[i, j, k] * u[j]
    return found
