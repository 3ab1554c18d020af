"""HELM: ``per_instance_stats.json``, whose run is told by the ``run_spec.json`` beside it."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from icl.errors import UserError
from probes.importing.source import Source, as_text

__all__ = ["read_helm"]

_RIGHT = ("exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match")
"""Statistics that say whether an answer is right; the first that an instance has counts."""


def read_helm(path: Path) -> Source | None:
    """Read right and wrong of each instance and trial; None where the file is none of HELM's.

    Raises
    ------
    UserError
        If the file is damaged, or no instance has a statistic of right answers.
    """
    instances = _read_json(path)
    if not isinstance(instances, list) or not instances or not {"instance_id", "stats"} <= set(instances[0]):
        return None
    rows = []
    for instance in instances:
        stats = {stat["name"]["name"]: stat for stat in instance["stats"] if stat.get("count")}
        right = next((stats[name] for name in _RIGHT if name in stats), None)
        if right is None:
            continue
        changed = (instance.get("perturbation") or {}).get("name", "")
        trial = instance.get("train_trial_index", 0)
        rows.append({"query": instance["instance_id"], "demonstration_set": f"trial {trial}", "perturbation": changed})
        rows[-1]["correct"] = right["sum"] / right["count"]
    if not rows:
        raise UserError(f"{path}: no instance has one of {', '.join(_RIGHT)}; import a table that says what is right.")
    table = pd.DataFrame(rows).assign(**_about(path))
    mapping = {name: name for name in table.columns if name != "perturbation" or table[name].any()}
    return Source(path=path, form="HELM per-instance statistics", table=as_text(table), map=mapping)


def _about(path: Path) -> dict[str, Any]:
    """Model, task and shots, as far as the run's specification tells them."""
    beside = path.with_name("run_spec.json")
    if not beside.exists():
        return {}
    spec = _read_json(beside)
    adapter = spec.get("adapter_spec", {})
    found = {
        "task": str(spec.get("name", "")).split(",model=")[0].split(":model=")[0],
        "model": adapter.get("model_deployment") or adapter.get("model"),
        "num_shots": adapter.get("max_train_instances"),
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({str(error).splitlines()[0]}); check the file.") from error
