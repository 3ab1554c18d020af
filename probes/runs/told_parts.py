"""Told answers of an imported table in a run folder: Parquet parts named by what they answer, compact as they came."""

import hashlib
from pathlib import Path

import pandas as pd

from icl.errors import UserError
from icl.scores import PROMPT_KEYS
from icl.told import TOLD_COLUMNS, told_answers, validate_told
from probes import disk
from probes.runs.artefacts import ANSWERS

__all__ = ["holds_told", "read_told_answers", "write_told"]

_STRINGS = [column.name for column in TOLD_COLUMNS if column.dtype == "str"]


def write_told(run: Path, table: pd.DataFrame) -> None:
    """Check told answers and store them in a run folder; a row that counts many questions stays one row."""
    table = validate_told(table)
    keys = ("\x1f".join(map(str, key)) for key in table[list(PROMPT_KEYS)].itertuples(index=False))
    name = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    stored = table.astype(dict.fromkeys(_STRINGS, "category"))
    disk.write_whole(disk.make_folder(run / ANSWERS) / f"part-{name}.parquet", stored.to_parquet())


def holds_told(run: Path) -> bool:
    """Whether a run folder holds told answers."""
    return any((run / ANSWERS).glob("*.parquet"))


def read_told_answers(run: Path) -> pd.DataFrame:
    """Read told answers as rows of the answer table, see `icl.told.told_answers`, in the order of the imported table.

    Raises
    ------
    UserError
        If a part is damaged.
    """
    parts = []
    for path in sorted((run / ANSWERS).glob("*.parquet")):
        try:
            parts.append(told_answers(disk.read_table(path)))
        except (OSError, ValueError) as error:
            remedy = "delete the run folder and run the same `probe import` command again"
            raise error if isinstance(error, UserError) else disk.read_error(path, error, remedy) from error
    return pd.concat(parts, ignore_index=True)
