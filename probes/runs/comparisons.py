"""What a comparison leaves in its folder, and the same read back as the values that it was written from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from icl.concept.compare import Comparison, compare, layouts_of
from icl.concept.curves import CURVE_EFFORT
from icl.concept.extrapolate import Extrapolation, extrapolate
from icl.concept.holdout import HoldOut, folds_of
from icl.concept.loo import MAX_REFITS
from icl.errors import UserError
from probes import disk
from probes.runs.artefacts import COMPARISON, EXTRAPOLATION, checksum, read_artefact, stale
from probes.runs.versions import versions

if TYPE_CHECKING:
    from probes.runs.folder import RunFolder

__all__ = ["StoredComparison", "compare_counts", "read_comparison", "records", "store_comparison"]

_RANKING = "comparison.parquet"

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
        What accounts predicted of held-out cells; None where that was not asked.
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


def compare_counts(
    folder: "RunFolder",
    counts: pd.DataFrame,
    *,
    source: Mapping[str, str],
    origin: str,
    accounts: Sequence[str] | None = None,
    observe: str = "counts",
    hold_out: HoldOut | None = None,
    draws: int | None = None,
    tune: int | None = None,
    chains: int | None = None,
    seed: int = 0,
    max_refits: int = MAX_REFITS,
    progress: Callable[[str], None] | None = None,
) -> StoredComparison:
    """Compare accounts of a counts table, with shots held out where that is asked, and store what came of it.

    Parameters
    ----------
    source, origin
        Stamp and place of what the counts were made of, for the record.
    accounts, observe, draws, tune, chains, seed, max_refits, progress
        As of `icl.concept.compare.compare`.
    hold_out
        Fit as well without these cells, and predict them.

    Raises
    ------
    UserError
        If an account is not known, none can be fitted, or the folder cannot be written to.
    """
    if hold_out is not None:  # what cannot be held out is said before anything is compiled
        layouts, _ = layouts_of(counts, accounts, observe)
        folds_of(next(iter(layouts.values())).grid.cells, hold_out)
    effort = CURVE_EFFORT.but(draws=draws, tune=tune, chains=chains)
    asked: dict[str, Any] = {"accounts": accounts, "observe": observe, "seed": seed}
    asked |= {name: getattr(effort, name) for name in ("draws", "tune", "chains")}
    with disk.locked(folder.path, "make it writable, or name another folder with --out"):
        shared: dict[str, Any] = asked | {"compiled": {}, "progress": progress}
        compared = compare(counts, max_refits=max_refits, **shared)
        extended = None if hold_out is None else extrapolate(counts, hold_out, **shared)
        record = {"source": origin, **asked, "max_refits": max_refits}
        record |= {"hold_out": None if hold_out is None else asdict(hold_out)}
        record |= {"versions": versions()}
        with disk.rescued():
            record = store_comparison(folder, compared, extended, source=source, asked=record)
    return StoredComparison(
        table=compared.table,
        unit=compared.unit,
        sentences=compared.sentences,
        extended=extended,
        record=record,
        trouble="",
    )


def store_comparison(
    folder: "RunFolder", compared: Comparison, extended: Extrapolation | None, *, source: Mapping[str, str], asked: dict
) -> dict:
    """Write a comparison into a folder; return what `comparison.json` records of it.

    The record holds a checksum of each table, so that files of two comparisons are not taken for one.

    Parameters
    ----------
    source
        Stamp of what was read, see `probes.runs.artefacts`.
    asked
        How it was asked, for the record.
    """
    record = asked | dict(source) | {"unit": compared.unit, "sentences": compared.sentences}
    tables = {_RANKING: compared.table.to_parquet()}
    if extended is not None:
        record["extrapolation"] = {
            "table": records(extended.table),
            "unit": extended.unit,
            "hold_out": asdict(extended.hold_out),
            "by_fold": records(extended.by_fold),
            "sentences": extended.sentences,
        }
        tables[EXTRAPOLATION.place] = extended.cells.to_parquet()
    checksums = {name: checksum(table) for name, table in tables.items()}
    COMPARISON.write(folder.path / COMPARISON.place, record | {"checksums": checksums})
    for name, table in tables.items():
        disk.write_whole(folder.path / name, table)
    if extended is None:
        disk.remove(folder.path / EXTRAPOLATION.place)
    return record


def read_comparison(folder: "RunFolder") -> StoredComparison | None:
    """Read a run's comparison and say whether it may be quoted; None where there is none.

    Raises
    ------
    UserError
        If a file of it is missing or damaged.
    """
    path = folder.path / COMPARISON.place
    if not path.exists():
        return None
    record = read_artefact(COMPARISON, path, folder.path)
    trouble = stale(COMPARISON, path, record, folder.path)
    for name, known in record.get("checksums", {}).items():
        table = folder.path / name
        if not table.exists() or checksum(table.read_bytes()) != known:
            raise UserError(
                f"{table} is not the table that {COMPARISON.place} describes; run `probe compare {folder.quoted}` "
                "again."
            )
    try:
        return StoredComparison(
            table=disk.read_table(folder.path / _RANKING),
            unit=record["unit"],
            sentences=tuple(record["sentences"]),
            extended=_extrapolation(folder, record["extrapolation"])
            if not trouble and "extrapolation" in record
            else None,
            record=record,
            trouble=trouble,
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}); run `probe compare {folder.quoted}` again.") from error


def records(table: pd.DataFrame) -> list[dict]:
    """Rows of a table as JSON holds them: missing is null."""
    return json.loads(table.to_json(orient="records"))


def _extrapolation(folder: "RunFolder", stored: dict) -> Extrapolation:
    table, cells = (
        pd.DataFrame(stored["table"]).astype(_TYPES),
        read_artefact(EXTRAPOLATION, folder.path / EXTRAPOLATION.place, folder.path),
    )
    if unknown := set(table.loc[table["crps"].notna(), "account"]) - set(cells["account"]):
        raise ValueError(f"no predictions of {', '.join(sorted(unknown))}")
    return Extrapolation(
        table=table,
        cells=cells,
        unit=stored["unit"],
        hold_out=HoldOut(kind=stored["hold_out"]["kind"], origins=tuple(stored["hold_out"]["origins"])),
        sentences=tuple(stored["sentences"]),
    )
