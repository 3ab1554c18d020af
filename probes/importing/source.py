"""A table of results as it was read: text in every cell but for lists, and what its columns are known to mean."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["FILE_COLUMN", "Source", "as_text", "is_missing"]

FILE_COLUMN = "file"
"""Column that every table has beside its own: the name of its file, without folder and ending."""

_MISSING = frozenset({"", "na", "nan", "n/a", "null", "none", "<na>", "-"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of results.

    Attributes
    ----------
    path : Path
        The file.
    form : str
        What it was read as, such as ``CSV``.
    table : DataFrame
        Text in each cell, empty where nothing was; a list stays one.
    map : dict
        Field → column, as far as the form of the file tells.
    notes : tuple of str
        Sentences on what the file does not tell.
    """

    path: Path
    form: str
    table: pd.DataFrame
    map: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Write every cell as text, as a CSV file would hold it; lists stay lists."""
    return pd.DataFrame({str(name): _written(table[name]) for name in table.columns}, dtype=object)


def is_missing(values: pd.Series) -> pd.Series:
    """Flag cells of text that stand for nothing."""
    return values.astype("str").str.strip().str.lower().isin(_MISSING)


def _written(values: Iterable[Any]) -> list[Any]:
    return [_text(value) for value in values]


def _text(value: Any) -> Any:
    if isinstance(value, str | list):
        return value
    if isinstance(value, tuple) or (hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0):
        return list(value)
    if value is None or (not isinstance(value, dict) and pd.isna(value)):
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if hasattr(value, "item"):  # a scalar of NumPy's, written as short as its own type allows
        return "1" if str(value) == "True" else "0" if str(value) == "False" else _short(str(value))
    return _short(repr(value)) if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    return text.removesuffix(".0")
