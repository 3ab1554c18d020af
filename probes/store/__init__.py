"""A folder of runs, queried as one: every answer, metric, fit and model of all of them, as tables of SQL."""

from probes.store.store import Store, open_store

__all__ = ["Store", "open_store"]
