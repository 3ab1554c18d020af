"""Randomness split by source, so that changing one thing about a prompt leaves the others as they were."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

__all__ = ["Seeds", "stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """One seed a source: selection of queries and demonstrations, shown labels, order, format."""

    selection: int
    labels: int
    order: int
    format: int

    @classmethod
    def same(cls, seed: int) -> "Seeds":
        """Use one number for every source; the streams still differ, since `stream` is keyed by what it is for."""
        return cls(selection=seed, labels=seed, order=seed, format=seed)


def stream(seed: int, *keys: str | int) -> np.random.Generator:
    """Open the generator that belongs to `seed` and `keys`, whatever else was drawn before."""
    return np.random.default_rng([seed, *(crc32(str(key).encode()) for key in keys)])
