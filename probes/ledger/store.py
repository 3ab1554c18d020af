"""The folder of a ledger: tables, figures, and the record of what was asked.

ledger.json        what was asked of which weights, with which versions
books.parquet      exact signal, noise and drift; competitors, behaviour, temperatures, scores and forecasts likewise:
                   see `LedgerResults`
figures/           PNG
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from icl.ginc.family import GincFamily
from probes import disk
from probes.figures.picture import png
from probes.ledger.figures import draw_ledger
from probes.ledger.measure import LedgerQuestion, LedgerResults
from probes.runs.versions import versions
from probes.scorers.ginc import GincPredictor

__all__ = ["open_folder", "write_ledger"]

_RECORD = "ledger.json"


def open_folder(
    folder: Path, question: LedgerQuestion, family: GincFamily, predictors: Sequence[GincPredictor]
) -> None:
    """Make the folder and write down what is asked, before it is; an earlier ledger there will be replaced.

    Raises
    ------
    UserError
        If the folder cannot be made, or holds something else than a ledger.
    """
    disk.check_ours(folder, "ledger", _RECORD)
    record = asdict(question) | {
        "family": family.fingerprint,
        "models": {predictor.name: predictor.identity() for predictor in predictors},
        "versions": versions(),
    }
    disk.make_folder(folder / "figures")
    for file in folder.glob("*.parquet"):
        disk.remove(file)
    disk.write_json(folder / _RECORD, record)


def write_ledger(folder: Path, results: LedgerResults) -> None:
    """Write tables and figures."""
    for field in fields(results):
        disk.write_whole(folder / f"{field.name}.parquet", getattr(results, field.name).to_parquet())
    for drawn in draw_ledger(results):
        disk.write_whole(folder / "figures" / f"{drawn.name}.png", png(drawn.figure))
