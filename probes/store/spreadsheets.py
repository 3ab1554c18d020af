"""Text that a spreadsheet would take for a formula stays text."""

import pandas as pd

__all__ = ["spreadsheet_safe"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that begins as formulas do, in cells and in names of columns; numbers stay."""
    safe = table.rename(columns=_quoted)
    for name, column in safe.items():
        if not pd.api.types.is_numeric_dtype(column):
            safe[name] = column.map(_quoted)
    return safe


def _quoted(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
