"""Results of lm-evaluation-harness: ``samples_TASK_DATE.jsonl``, one question per line, and ``results_DATE.json``.

Samples of multiple choice hold the log-probability of each candidate, and become scores. Those of generated text hold
metrics of 0 and 1. Model and number of demonstrations stand in the results that were written beside the samples, under
the same date; without them the model is the name of the folder, as the harness makes it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from icl.errors import UserError
from probes.importing.plain import read_json_lines
from probes.importing.source import Source, as_text

__all__ = ["read_results", "read_samples"]

_SAMPLES = re.compile(r"samples_(?P<task>.+?)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl")

_RIGHT = ("exact_match", "acc", "em", "pass@1", "pass_at_1")
"""Metrics of a generated answer that say whether it is right, the first that is there counts."""

_COLUMNS = ("model", "task", "num_shots", "query", "candidate", "logprob", "is_gold", "correct", "filter")


def read_samples(path: Path) -> Source | None:
    """Read the log of samples of one task; None where its lines are none.

    Raises
    ------
    UserError
        If a line is damaged, or its metrics do not say whether the answer is right.
    """
    samples = read_json_lines(path)
    if not samples or not {"doc_id", "resps"} <= set(samples[0]):
        return None
    named = _SAMPLES.fullmatch(path.name)
    task = named["task"] if named else path.stem.removeprefix("samples_")
    about, notes = _about(path, task, named["date"] if named else "")
    rows = [about | row for sample in samples for row in _rows(sample, path)]
    table = pd.DataFrame(rows)
    told = [name for name in _COLUMNS if name in table]
    mapping = {name: name for name in told if name != "filter"}
    if "filter" in table and table["filter"].nunique() > 1:
        mapping["filter"] = "filter"
    return Source(
        path=path, form="lm-evaluation-harness samples", table=as_text(table[told]), map=mapping, notes=tuple(notes)
    )


def read_results(path: Path) -> Source | None:
    """Read accuracies by task with the number of questions; None where the file holds no results of the harness."""
    results = _read_json(path)
    if not isinstance(results, dict) or not {"results", "n-samples"} <= set(results):
        return None
    rows = []
    for task, metrics in results["results"].items():
        accuracy = next(
            (
                metrics[name]
                for right in _RIGHT
                for name in metrics
                if name.split(",")[0] == right and _is_number(metrics[name])
            ),
            None,
        )
        size = results["n-samples"].get(task, {}).get("effective")
        if accuracy is not None and size:
            shots = _shots(results, task)
            rows.append({"task": task, "accuracy": float(accuracy), "num_items": size} | shots)
    if not rows:
        raise UserError(f"{path} holds no accuracy of a task with its number of questions; import the samples instead.")
    table = pd.DataFrame(rows).assign(model=_model(results, path))
    mapping = {name: name for name in table.columns}
    return Source(path=path, form="lm-evaluation-harness results", table=as_text(table), map=mapping)


def _rows(sample: Mapping[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    """One row for each candidate of multiple choice, or one for a generated answer."""
    about = {"query": sample["doc_id"], "filter": sample.get("filter", "none")}
    pairs = [_pair(answer) for answer in sample["resps"]]
    if len(pairs) > 1 and all(pair is not None for pair in pairs):
        names = _candidates(sample, len(pairs))
        gold = _gold(sample.get("target"), names)
        if gold is not None:
            for place, (name, logprob) in enumerate(zip(names, pairs)):
                yield about | {"candidate": name, "logprob": logprob, "is_gold": place == gold}
            return
    right = next((float(sample[name]) for name in _RIGHT if _is_number(sample.get(name))), None)
    if right is None:
        raise UserError(
            f"{path}: the sample of document {sample['doc_id']} has none of {', '.join(_RIGHT)} and no candidates of "
            "which the right one is known; import the results, or a table that says what is right."
        )
    yield about | {"correct": right}


def _pair(answer: Any) -> float | None:
    """The log-probability of a candidate, logged as [[log-probability, whether it is greedy]]; None if it is text."""
    first = answer[0] if isinstance(answer, list) and answer else None
    if not isinstance(first, list) or len(first) != 2 or str(first[1]) not in ("True", "False"):
        return None
    return float(first[0])


def _candidates(sample: Mapping[str, Any], count: int) -> list[str]:
    """Continuations that were scored; their numbers where they do not differ, as where contexts do."""
    arguments = sample.get("arguments")
    asked = list(arguments.values()) if isinstance(arguments, dict) else list(arguments or [])
    texts = [list(one.values()) if isinstance(one, dict) else list(one) for one in asked]
    names = [str(one[1]).strip() if len(one) > 1 else "" for one in texts]
    if len(names) != count or len(set(names)) < count or "" in names:
        return [str(place) for place in range(count)]
    return names


def _gold(target: Any, names: Sequence[str]) -> int | None:
    """Place of the right candidate: by its number, or by its text."""
    if isinstance(target, list):
        target = target[0] if len(target) == 1 else None
    text = str(target).strip()
    if text in names:
        return names.index(text)
    return int(text) if text.isdecimal() and int(text) < len(names) else None


def _about(path: Path, task: str, date: str) -> tuple[dict[str, Any], list[str]]:
    """Model and shots of a file of samples, from the results of the same date, and what is not told."""
    beside = path.with_name(f"results_{date}.json")
    if date and beside.exists():
        results = _read_json(beside)
        return {"model": _model(results, beside), "task": task} | _shots(results, task), []
    said = (
        f"{path.name}: without results_{date or 'DATE'}.json beside it, the model is taken from the name of the folder."
    )
    return {"model": _from_folder(path), "task": task}, [said]


def _model(results: Mapping[str, Any], path: Path) -> str:
    config = results.get("config") or {}
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        arguments = dict(pair.split("=", 1) for pair in arguments.split(",") if "=" in pair)
    return str(results.get("model_name") or (arguments or {}).get("pretrained") or _from_folder(path))


def _shots(results: Mapping[str, Any], task: str) -> dict[str, int]:
    shots = (results.get("n-shot") or {}).get(task)
    return {"num_shots": int(shots)} if isinstance(shots, int) else {}


def _from_folder(path: Path) -> str:
    return path.resolve().parent.name.replace("__", "/")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({str(error).splitlines()[0]}); check the file.") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and value == value
