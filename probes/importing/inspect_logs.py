"""Logs of inspect_ai, read by its own reader: one row for each sample, epoch and scorer.

The package is an optional extra, asked for only where a log is imported.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from icl.errors import UserError
from probes.importing.source import Source, as_text

__all__ = ["read_inspect"]

_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Scores of inspect_ai that are letters: correct, incorrect, partial, no answer."""

_SHOTS = ("num_fewshot", "fewshot", "num_shots", "n_shots", "k_shot")
"""Arguments by which tasks take a number of demonstrations; there is no fixed one."""


def read_inspect(path: Path) -> Source | None:
    """Read a log; None where a JSON file is none.

    Raises
    ------
    UserError
        If the package is not installed, or the log has no samples or no score of right answers.
    """
    if path.suffix == ".json" and not _is_log(path):
        return None
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as error:
        raise UserError(
            f"{path} is a log of inspect_ai, whose reader is not installed; run `pip install 'icl-probe-lab[inspect]'`."
        ) from error
    try:
        log = read_eval_log(str(path))
    except (OSError, ValueError, KeyError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} cannot be read as a log of inspect_ai ({said}); check the file.") from error
    rows = [row for sample in log.samples or () for row in _rows(sample)]
    if not rows:
        raise UserError(f"{path} holds no scored samples (its status is {log.status}); import a log that is complete.")
    table = pd.DataFrame(rows).assign(model=log.eval.model, task=log.eval.task)
    arguments = log.eval.task_args or {}
    shots = next((arguments[name] for name in _SHOTS if isinstance(arguments.get(name), int)), None)
    if shots is not None:
        table["num_shots"] = int(shots)
    outcome = "correct" if table["grade"].isin([0.0, 1.0]).all() else "grade"
    table = table.rename(columns={"grade": outcome})
    mapping = {name: name for name in table.columns if name != "scorer" or table["scorer"].nunique() > 1}
    if table["demonstration_set"].nunique() == 1:
        del mapping["demonstration_set"]
    return Source(path=path, form="inspect_ai log", table=as_text(table), map=mapping)


def _rows(sample: Any) -> Iterator[dict[str, Any]]:
    choices = getattr(sample, "choices", None)
    for scorer, score in (sample.scores or {}).items():
        grade = _grade(score.value)
        if grade is None:
            continue
        target = sample.target if isinstance(sample.target, str) else "/".join(map(str, sample.target))
        yield {
            "query": sample.id,
            "demonstration_set": f"epoch {sample.epoch}",
            "scorer": scorer,
            "grade": grade,
            "gold": target,
            "prediction": score.answer or "",
            "num_candidates": len(choices) if choices else "",
        }


def _grade(value: Any) -> float | None:
    """Credit from 0 to 1; None for scores that say something else."""
    if isinstance(value, str):
        return _LETTERS.get(value)
    if isinstance(value, bool | int | float) and 0 <= float(value) <= 1:
        return float(value)
    return None


def _is_log(path: Path) -> bool:
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(head, Mapping) and {"version", "status", "eval"} <= set(head)
