"""A worker of a sweep: it holds one model at a time, is asked units of it, and stores their parts itself.

It runs in a process of its own, which `probes.runs.sweep_ray` starts, on this machine or another.
"""

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from icl.errors import UserError
from probes.disk import DiskError
from probes.runs.asking import ask_units
from probes.runs.execute import check_precision
from probes.runs.folder import RunFolder
from probes.runs.plan import Plan
from probes.runs.resources import Resources
from probes.runs.sweep_file import Cell
from probes.runs.sweep_plan import Plans, model_key
from probes.runs.units import make_units
from probes.runs.versions import versions
from probes.scorers.scorer import Scorer

__all__ = ["Worker", "about"]


class Worker:
    """What runs in a process of Ray: it holds one model at a time and is asked units of it."""

    def __init__(self, resources: Resources, folder: str):
        with suppress(OSError):
            os.chdir(folder)  # relative paths of the experiment lead from there
        self._plans = Plans(resources)
        self._scorer: Scorer | None = None
        self._stopped = threading.Event()
        self._far = (0.0, 0)

    def lab(self) -> dict[str, str]:
        """Tell which lab this is."""
        return about()

    def stop(self) -> None:
        """Let the unit that is being asked end, with what came of it stored."""
        self._stopped.set()

    def how_far(self) -> tuple[float, int]:
        """Prompts and tokens of the unit that is being asked."""
        return self._far

    def ask(self, cell: Cell, path: Path, model: str, key: str, unit_id: str) -> dict[str, Any]:
        """Answer what is not stored of a unit; tells tokens and reading, or what went wrong."""
        return self._told(lambda: self._ask(cell, path, model, key, unit_id))

    def compare(self, cell: Cell, path: Path, model: str, key: str) -> dict[str, Any]:
        """Compare reduced precision with float32, for the record of a run."""
        return self._told(lambda: self._compare(cell, path, model, key))

    def _ask(self, cell: Cell, path: Path, model: str, key: str, unit_id: str) -> dict[str, Any]:
        plan, scorer = self._opened(cell, path, model, key)
        unit = next(one for one in make_units(plan) if one.id == unit_id)
        folder, tokens = RunFolder(path), 0

        def progress(done: int, total: int) -> None:
            nonlocal tokens
            tokens = done if scorer.unit == "token" else 0
            self._far = (len(unit.places) * min(done / max(total, 1), 1.0), tokens)
            if self._stopped.is_set():
                raise _StoppedError

        scorer.begin_reading()
        done = folder.stored_prompts().get(model, set())
        cached = ask_units(folder, plan, scorer, (unit,), done=done, progress=progress)
        return {"tokens": tokens, "reading": scorer.reading(), "cached": cached}

    def _compare(self, cell: Cell, path: Path, model: str, key: str) -> dict[str, Any]:
        manifest: dict[str, Any] = {"precision": {}}
        plan, scorer = self._opened(cell, path, model, key)
        check_precision(plan, scorer, manifest)
        return {"precision": manifest["precision"]}

    def _opened(self, cell: Cell, path: Path, model: str, key: str) -> tuple[Plan, Scorer]:
        if not (path / "experiment.toml").exists():
            host = socket.gethostname()
            raise UserError(f"a worker on {host} does not see {path}; choose an --out that all machines see.")
        plan = self._plans.of(cell)
        scorer = next(one for one in plan.scorers if one.name == model)
        if scorer is not self._scorer and self._scorer is not None:
            self._scorer.close()
        self._scorer = scorer
        if model_key(scorer) != key:
            expected, found = json.loads(key)[1], scorer.identity()
            what = next(name for name in found if found[name] != expected.get(name))
            raise UserError(
                f"a worker on {socket.gethostname()} would answer for '{model}' otherwise than this machine ({what} is "
                f"{found[what]} there, {expected.get(what)} here); run the sweep from a machine like its workers, or "
                "name the same --device and files for both."
            )
        return plan, scorer

    def _told(self, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._far = (0.0, 0)
        try:
            return do()
        except _StoppedError:
            return {"stopped": True}
        except UserError as error:
            said = " ".join([str(error), *getattr(error, "__notes__", ())])
            return {"failure": said, "stops": isinstance(error, DiskError)}


class _StoppedError(Exception):
    """The sweep was interrupted."""


@cache
def about() -> dict[str, str]:
    """The lab of this process: versions of what answers depend on, and a digest of its code."""
    root = Path(__file__).parents[2]
    code = hashlib.sha256()
    for path in sorted(path for package in ("icl", "probes") for path in (root / package).rglob("*.py")):
        code.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    known = versions()
    named = ("icl-probe-lab", "python", "torch", "transformers", "tokenizers")
    return {name: str(known[name]) for name in named} | {"code": code.hexdigest()[:12]}
