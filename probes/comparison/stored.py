"""What a comparison leaves in its folder, and the same read back as the values that it was written from."""

import hashlib
import json
from dataclasses import dataclass

import pandas as pd

from icl.concept.compare import Comparison
from icl.concept.extrapolate import Extrapolation
from icl.errors import UserError
from icl.metrics.normalise import normalisation_of
from probes.runs.folder import RunFolder

__all__ = ["StoredComparison", "fingerprint_of", "read_comparison", "records", "store_comparison"]

_TYPES = dict.fromkeys(("coverage", "width", "crps", "bias", "log_score", "seconds"), "float64")
_TYPES |= {"num_cells": "Int64", "converged": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredComparison:
    """Accounts compared, as a run folder holds it.

    Attributes
    ----------
    table, unit, sentences
        As of `icl.concept.compare.Comparison`.
    extended
        What accounts predicted of held-out shots; None where that was not asked.
    record
        How it was asked: observe, draws, chains, seed and more.
    trouble
        Why none of it may be quoted; empty where it may.
    """

    table: pd.DataFrame
    unit: str
    sentences: tuple[str, ...]
    extended: Extrapolation | None
    record: dict
    trouble: str


def store_comparison(
    folder: RunFolder, compared: Comparison, extended: Extrapolation | None, *, fingerprint: str, asked: dict
) -> dict:
    """Write a comparison into a folder; return what `comparison.json` records of it.

    Parameters
    ----------
    fingerprint
        Of the table that was read, see `fingerprint_of`.
    asked
        How it was asked, for the record.
    """
    record = asked | {"fingerprint": fingerprint, "unit": compared.unit, "sentences": compared.sentences}
    if extended is not None:
        record["extrapolation"] = {
            "table": records(extended.table),
            "unit": extended.unit,
            "shots": extended.shots,
            "sentences": extended.sentences,
        }
    folder.write_comparison(record, compared.table, None if extended is None else extended.cells)
    return record


def read_comparison(folder: RunFolder, scores: pd.DataFrame, metrics: pd.DataFrame) -> StoredComparison | None:
    """Read a run's comparison and judge whether it is one of these scores; None where there is none.

    Raises
    ------
    UserError
        If a file of it is missing or damaged.
    """
    if not folder.has_comparison:
        return None
    record = folder.comparison_record()
    folder.check_comparison(record)
    try:
        return _judged(folder, record, scores, metrics)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder.path / 'comparison.json'} is damaged ({error}); run `probe compare {folder.quoted}` again."
        ) from error


def _judged(folder: RunFolder, record: dict, scores: pd.DataFrame, metrics: pd.DataFrame) -> StoredComparison:
    now = fingerprint_of(scores, record.get("normalisation") or normalisation_of(metrics))
    is_of_these = record.get("fingerprint") == now
    return StoredComparison(
        table=folder.comparison(),
        unit=record["unit"],
        sentences=tuple(record["sentences"]),
        extended=_extrapolation(folder, record["extrapolation"]) if is_of_these and "extrapolation" in record else None,
        record=record,
        trouble=""
        if is_of_these
        else "The accounts were compared on other scores than the run holds now; run `probe compare` again.",
    )


def fingerprint_of(table: pd.DataFrame, normalisation: str = "") -> str:
    """Short name of a table as it was read, and of how it is counted; the order of its rows is nothing to it.

    It is made of the numbers that stand in the file, never of any that were computed from them.
    """
    lines = table[sorted(table)].to_csv(index=False).splitlines()
    return hashlib.sha256("\n".join([normalisation, *sorted(lines)]).encode()).hexdigest()[:16]


def records(table: pd.DataFrame) -> list[dict]:
    """Rows of a table as JSON holds them: missing is null."""
    return json.loads(table.to_json(orient="records"))


def _extrapolation(folder: RunFolder, stored: dict) -> Extrapolation:
    table, cells = pd.DataFrame(stored["table"]).astype(_TYPES), folder.extrapolation()
    if unknown := set(table.loc[table["crps"].notna(), "account"]) - set(cells["account"]):
        raise ValueError(f"no predictions of {', '.join(sorted(unknown))}")
    return Extrapolation(
        table=table,
        cells=cells,
        unit=stored["unit"],
        shots=stored["shots"],
        sentences=tuple(stored["sentences"]),
    )
