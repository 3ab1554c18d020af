"""What a run may use of the machine and of servers; it changes no result."""

import math
from dataclasses import dataclass

from icl.errors import UserError
from probes.runs.option import option, options_of

__all__ = ["CACHE", "MEANS", "Resources"]

MEANS, CACHE = "resources, which change no result", "cache"
"""What entries belong to in `--help`."""

_SENSIBLE = {"memory": 4, "batch_tokens": 1024, "concurrency": 8, "timeout": 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a run may use; `option` says of each entry what it means."""

    memory: float | None = option(
        None, help="GB of memory in addition to the weights", group=MEANS, unset="half of the free memory"
    )
    batch_tokens: int | None = option(
        None, help="maximum number of tokens per forward pass", group=MEANS, unset="depends on the device"
    )
    concurrency: int = option(8, help="servers: maximum number of simultaneous requests", group=MEANS)
    timeout: float = option(60.0, help="servers: seconds that one request may take", group=MEANS)
    use_cache: bool = option(
        True,
        help="look answers up in, and store them for, other runs",
        flag_help="do not reuse answers from other runs, and store none for them",
        group=CACHE,
        flag="--no-cache",
    )

    def __post_init__(self):
        for name, one in options_of(Resources).items():
            if (value := getattr(self, name)) is not None and not one.fits(value):
                raise UserError(f"{name} must be {one.spelled}, got {value!r}.")
        for name, sensible in _SENSIBLE.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UserError(
                    f"--{name.replace('_', '-')} must be positive, got {value:g}; give a number such as {sensible}, or "
                    "leave it out."
                )
