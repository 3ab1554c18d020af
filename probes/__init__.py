"""The instruments of the lab: scorers, probe designs, runs, pretraining, reports and the command line.

A notebook needs `probes.register`, which adds a scorer of one's own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probes import register

__all__ = ["register"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # found when asked for, so that importing the package stays quick
        return import_module("probes.register")
    raise AttributeError(f"module 'probes' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
