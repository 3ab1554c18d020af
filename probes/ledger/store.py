"""The folder of a ledger: four tables, figures, and the record of what was asked.

ledger.json        what was asked of which weights, with which versions
books.parquet      exact signal, noise and drift; behaviour, temperatures, scores, forecasts: see `LedgerResults`
figures/           PNG
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from icl.errors import UserError
from probes.ledger.measure import LedgerQuestion, LedgerResults
from probes.report.ledger_figures import draw_ledger
from probes.report.style import png
from probes.runs.folder import write_whole
from probes.runs.versions import versions
from probes.scorers.ginc import GincPredictor

__all__ = ["check_folder", "write_ledger"]

_RECORD = "ledger.json"


def check_folder(folder: Path) -> None:
    """Accept a folder that is new, empty or an earlier ledger's.

    Raises
    ------
    UserError
        If it holds something else.
    """
    if folder.is_file() or (folder.exists() and any(folder.iterdir()) and not (folder / _RECORD).exists()):
        raise UserError(f"{folder} is not empty and holds no ledger (no {_RECORD}); choose another --out.")


def write_ledger(
    folder: Path, results: LedgerResults, question: LedgerQuestion, predictors: Sequence[GincPredictor]
) -> None:
    """Write tables, figures and the record; a ledger that was there before is replaced."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    record = asdict(question) | {
        "models": {predictor.name: predictor.identity() for predictor in predictors},
        "versions": versions(),
    }
    for field in fields(results):
        write_whole(folder / f"{field.name}.parquet", getattr(results, field.name).to_parquet())
    for drawn in draw_ledger(results):
        write_whole(folder / "figures" / f"{drawn.name}.png", png(drawn.figure))
    write_whole(folder / _RECORD, (json.dumps(record, indent=1) + "\n").encode())
