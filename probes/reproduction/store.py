"""The folder of a reproduction: what it was asked, parts that are there whole or not at all, and results.

reproduction.json  what was asked, of which weights, with which versions
parts/             outcomes of one experiment, model and example length each
cells.parquet      accuracy, ceiling and KL of each cell; orders.parquet, spreads.parquet: orders of demonstrations
scorecard.json     the claims and what became of them
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from icl.errors import UserError
from probes import disk
from probes.reproduction.claims import Verdict
from probes.reproduction.experiments import EXPERIMENTS, Reproduction
from probes.runs.versions import versions
from probes.scorers.ginc import GincPredictor

__all__ = ["RECORD", "open_folder", "read_part", "start_record", "store_results"]

RECORD = "reproduction.json"


def open_folder(out: Path, asked: Reproduction, predictors: Sequence[GincPredictor]) -> Path:
    """Make the folder, or accept one that holds the same reproduction.

    Raises
    ------
    UserError
        If the folder holds a reproduction with other settings or weights, or something else.
    """
    out = Path(out)
    disk.check_ours(out, "reproduction", RECORD)
    if (out / RECORD).exists():
        before = _earlier(out)
        now = _settings(asked, predictors)
        for name, value in now.items():
            if before.get(name) != value:
                raise UserError(
                    f"{out} holds a reproduction with other settings ({name} was {_show(before.get(name))}, now "
                    f"{_show(value)}); choose another --out, or repeat the first command to resume it."
                )
    return disk.make_folder(out)


def _settings(asked: Reproduction, predictors: Sequence[GincPredictor]) -> dict:
    models = {predictor.name: predictor.identity() for predictor in predictors}
    experiments = list(asked.experiments) or list(EXPERIMENTS)
    return {
        "experiments": experiments,
        "prompts": asked.prompts,
        "seed": asked.seed,
        "smoothing": asked.smoothing,
        "models": models,
    }


def start_record(
    folder: Path, asked: Reproduction, predictors: Sequence[GincPredictor], missing: Sequence[str]
) -> dict:
    """Write down what is asked before it is; returns the record, with the start and seconds of earlier ones."""
    before = _earlier(folder) if (folder / RECORD).exists() else {}
    record = _settings(asked, predictors) | {
        "state": "running",
        "started": before.get("started", datetime.now(UTC).isoformat(timespec="seconds")),
        "seconds": before.get("seconds", 0.0),
        "parameters": {p.name: getattr(p, "num_parameters", None) for p in predictors},
        "training_seconds": {p.name: getattr(p, "training_seconds", None) for p in predictors},
        "not_shipped": list(missing),
        "versions": versions(),
    }
    disk.write_json(folder / RECORD, record)
    return record


def store_results(folder: Path, tables: Mapping[str, pd.DataFrame], verdicts: Sequence[Verdict], record: dict) -> None:
    """Write tables as `.parquet`, the scorecard, and the record of a finished reproduction."""
    for name, table in tables.items():
        disk.write_whole(folder / f"{name}.parquet", table.to_parquet())
    scorecard = [verdict.as_dict() for verdict in verdicts]
    disk.write_json(folder / "scorecard.json", scorecard)
    disk.write_json(folder / RECORD, record | {"state": "finished"})


def _earlier(folder: Path) -> dict:
    try:
        return dict(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise disk.read_error(folder / RECORD, error, "choose another --out, or delete the folder first") from error


def read_part(path: Path) -> pd.DataFrame:
    """Read one part.

    Raises
    ------
    UserError
        If it is damaged.
    """
    try:
        return disk.read_table(path)
    except (OSError, ValueError) as error:
        remedy = "delete this file and rerun the same command, which asks only what the file held"
        raise disk.read_error(path, error, remedy) from error


def _show(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({identity['weights']})" for name, identity in value.items())
    return str(value)
