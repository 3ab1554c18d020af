"""The instruments of the lab: scorers, the catalogue of probes, runs, pretraining, reports and the command line.

A notebook needs `probes.run`, `probes.open_run` and `probes.import_table`, which return a run that shows itself,
`probes.open_store`, which asks many runs at once, and `probes.register` for scorers of its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probes import register
    from probes.notebook import import_table, open_run, run
    from probes.store import open_store

__all__ = ["import_table", "open_run", "open_store", "register", "run"]


def __getattr__(name: str) -> Any:
    if name in ("import_table", "open_run", "run"):  # found when asked for, so that importing the package stays quick
        return getattr(import_module("probes.notebook"), name)
    if name == "open_store":
        return getattr(import_module("probes.store"), name)
    if name == "register":
        return import_module("probes.register")
    raise AttributeError(f"module 'probes' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
