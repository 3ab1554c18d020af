"""The record of how a run was answered: model identities, seeds, versions, machine; and what it must not mix."""

import os
import platform
from datetime import UTC, datetime
from typing import Any

from icl.errors import UserError
from probes.models import ModelSpec
from probes.runs.folder import RunFolder
from probes.runs.models import identity_of, model_record
from probes.runs.plan import Plan
from probes.runs.pool import most_curves, most_queries
from probes.runs.versions import versions

__all__ = ["make_manifest"]


def make_manifest(folder: RunFolder, plan: Plan) -> dict:
    """Write down what a run rests on, going on from an earlier start's record.

    Raises
    ------
    UserError
        If the folder holds scores of a model or task that has changed since.
    """
    models = {
        scorer.name: model_record(plan.models.get(scorer.name) or ModelSpec(name=scorer.name), scorer)
        for scorer in plan.scorers
    }
    before = _earlier_manifest(folder)
    if before is not None:
        _check_unchanged(folder, before, models, plan.task.source)
    before = before or {}
    return {
        "state": "running",
        "started": before.get("started") or datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": before.get("seconds", 0.0),
        "task": plan.task.name,
        "source": plan.task.source,
        "description": plan.task.description,
        "num_prompts": len(plan.prompts),
        "notices": list(plan.notices),
        **_rows_allowed(plan),
        "models": models,
        "reading": before.get("reading", {}),
        "from_cache": before.get("from_cache", {}),
        "precision": before.get("precision", {}),
        "boundaries": before.get("boundaries", {}),
        "skipped": {name: len(reasons) for name, reasons in plan.skipped.items() if reasons},
        "seeds": {source: getattr(plan.seeds, source) for source in ("selection", "labels", "order", "format")},
        "versions": versions(),
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
    }


def _rows_allowed(plan: Plan) -> dict:
    """What the task's rows allow, for whoever wants a larger run; GINC is drawn without end."""
    if not plan.task.pool:
        return {"most_queries": {}}
    most = most_queries(plan.task, plan.prompts, plan.seeds)
    return {"most_queries": most, "most_curves": most_curves(plan.task, plan.prompts)}


def _check_unchanged(folder: RunFolder, before: dict, models: dict[str, dict[str, Any]], source: str) -> None:
    for name, record in models.items():
        new, old = identity_of(record), identity_of(before["models"].get(name, record))
        if old != new:
            what = next(key for key in new if old.get(key) != new[key])
            raise UserError(
                f"{folder.path} holds scores of a different '{name}' ({what} was {old.get(what)}, now {new[what]}); "
                "choose another --out."
            )
    if before["source"] != source:
        raise UserError(
            f"{folder.path} holds scores of a different task ({before['source']}, now {source}); choose another --out."
        )


def _earlier_manifest(folder: RunFolder) -> dict | None:
    """The manifest of an earlier start; a damaged one is made anew, the scores do not need it."""
    try:
        return folder.manifest
    except UserError:
        return None
