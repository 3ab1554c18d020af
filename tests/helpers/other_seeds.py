"""The tests under other random numbers: `TEST_SEED=1 make test` moves every seed that a test or a sampler gets."""

import os
import sys
from pathlib import Path

import numpy as np

__all__ = ["fixed_rng", "move_seeds"]

_HERE = str(Path(__file__).parents[1])
_STEP = 7919


def fixed_rng(seed: int) -> np.random.Generator:
    """Make the generator that users get from this seed: what it draws is what is tested."""
    return np.random.Generator(np.random.PCG64(seed))


def move_seeds() -> None:
    """Move the seeds of generators made in test files, and of every fit; 0, the default, moves none."""
    moved = _STEP * int(os.environ.get("TEST_SEED", "0"))
    if not moved:
        return
    import nutpie

    default_rng, sample = np.random.default_rng, nutpie.sample

    def moved_rng(seed=None):
        ours = sys._getframe(1).f_code.co_filename.startswith(_HERE)
        return default_rng(seed + moved if ours and isinstance(seed, int) else seed)

    np.random.default_rng = moved_rng
    nutpie.sample = lambda *arguments, seed, **options: sample(*arguments, seed=(seed + moved) % 2**32, **options)
