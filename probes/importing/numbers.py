"""Text of a column as numbers, and shares as counts: what does not fit is said with the row it stands in."""

import re

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError
from probes.importing.fields import Field
from probes.importing.source import is_missing

__all__ = ["counts_of_shares", "decimals", "is_value", "numbers"]

_TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "c": 1.0, "i": 0.0, "correct": 1.0, "incorrect": 0.0}

_SHOWN = 3


def numbers(values: pd.Series, field: Field, where: str) -> Float[ndarray, " num_rows"]:
    """Read a column of numbers; missing ones are NaN.

    Parameters
    ----------
    where
        Names the column, for messages.

    Raises
    ------
    UserError
        If a value is no number, or none that the field can have; says what it may have been meant for.
    """
    text = values.astype("str").str.strip()
    if field.name == "percent":
        text = text.str.removesuffix("%").str.strip()
    if field.kind == "truth":
        text = text.str.lower().map(lambda value: str(_TRUTH.get(value, value)))
    missing = is_missing(text).to_numpy()
    found = pd.to_numeric(text.mask(missing), errors="coerce").to_numpy(dtype=float)
    if (bad := np.isnan(found) & ~missing).any():
        first = str(values[bad].iloc[0])
        holds = f"{where} holds {first!r} in row {_row(bad)}{_such(bad)}"
        if field.name == "accuracy" and first.strip().endswith("%"):
            raise UserError(
                f"{holds}, which is in percent, and accuracy is a share from 0 to 1; map the column as percent=COLUMN, "
                "which reads the sign."
            )
        if re.fullmatch(r"[+-]?[\d.]+(,\d+)+", first.strip()):
            raise UserError(
                f"{holds}, which has a comma in it; write numbers with a decimal point and without marks of thousands, "
                "such as 0.5 and 1000."
            )
        raise UserError(
            f"{holds}, which is no number, and {field.name} is one; correct the table, or map another column."
        )
    known = found[~missing]
    if np.isinf(known).any() and field.name != "logprob":
        raise UserError(
            f"{_holds(where, found, np.isinf(found))}, and {field.name} is a finite one; correct the table."
        )
    _check[field.kind](found, field, where)
    return found


def is_value(text: str, field: Field) -> bool:
    """Whether a text can be a value of a field."""
    try:
        return field.kind == "name" or not np.isnan(numbers(pd.Series([text]), field, "")).any()
    except UserError:
        return False


def counts_of_shares(
    shares: Float[ndarray, " num_rows"], items: Float[ndarray, " num_rows"], places: int, where: str
) -> Float[ndarray, " num_rows"]:
    """Turn shares of questions answered right into counts.

    A share that was written with `places` decimals may be off by half a unit of the last one.

    Raises
    ------
    UserError
        If a share is of no whole number of questions within that rounding.
    """
    exact = shares * items
    whole = np.round(exact)
    slack = items * 0.5 * 10.0**-places + 1e-6 * items + 1e-9
    bad = np.abs(exact - whole) > slack
    if bad.any():
        row = int(bad.argmax())
        raise UserError(
            f"{where}: {shares[row]:g} of {items[row]:g} questions (row {row + 1}) would be {exact[row]:.2f} right "
            f"answers, and {bad.sum():,} of {len(bad):,} rows are no whole number either; correct num_items, which may "
            "differ between tasks (--set num_items[TASK]=N), or choose a column that is a share of right answers."
        )
    return whole


def decimals(values: pd.Series) -> int:
    """The most decimals that a column of numbers was written with."""
    text = values.astype("str").str.strip().str.lower().str.removesuffix("%").str.strip()
    mantissa, _, exponent = (text.str.partition("e")[part] for part in range(3))
    written = mantissa.str.partition(".")[2].str.len().fillna(0).astype(int)
    return int((written - pd.to_numeric(exponent, errors="coerce").fillna(0).astype(int)).clip(lower=0).max())


def _check_share(found: Float[ndarray, " num_rows"], field: Field, where: str) -> None:
    if not (bad := (found < 0) | (found > 1)).any():
        return
    percent = np.nanmin(found) >= 0 and np.nanmax(found) <= 100
    remedy = (
        f"it looks like percent: map it as percent=COLUMN instead of {field.name}=COLUMN"
        if percent and field.name == "accuracy"
        else "divide it by what it is out of, or map another column"
    )
    raise UserError(f"{_holds(where, found, bad)}, and {field.name} is a share from 0 to 1; {remedy}.")


def _check_whole(found: Float[ndarray, " num_rows"], field: Field, where: str) -> None:
    bad = (found < 0) | (found != np.round(found)) & ~np.isnan(found)
    if bad.any():
        instead = "; for shares map accuracy" if field.name == "num_correct" else "; correct the table"
        raise UserError(f"{_holds(where, found, bad)}, and {field.name} is a whole number from 0 on{instead}.")


def _check_truth(found: Float[ndarray, " num_rows"], field: Field, where: str) -> None:
    bad = (found != 0) & (found != 1) & ~np.isnan(found)
    if bad.any():
        instead = (
            "a share is mapped as accuracy, with num_items, and partial credit as grade"
            if field.name == "correct"
            else "correct the table"
        )
        raise UserError(f"{_holds(where, found, bad)}, and {field.name} is 1 or 0; {instead}.")


def _check_number(found: Float[ndarray, " num_rows"], field: Field, where: str) -> None:
    limits = {"percent": (0.0, 100.0), "logprob": (-np.inf, 1e-6)}
    low, high = limits.get(field.name, (-np.inf, np.inf))
    if (bad := (found < low) | (found > high)).any():
        what = "lies between 0 and 100" if field.name == "percent" else "is at most 0, in nats"
        raise UserError(
            f"{where} holds {found[bad][0]:g} in row {_row(bad)}, and {field.name} {what}; correct the table."
        )
    if field.name == "percent" and np.nanmax(found, initial=0.0) <= 1 < (found > 0).sum():
        raise UserError(
            f"{where} holds nothing above 1, so it looks like shares; map it as accuracy instead of percent."
        )


_check = {"share": _check_share, "whole": _check_whole, "truth": _check_truth, "number": _check_number}


def _holds(where: str, found: ndarray, bad: ndarray) -> str:
    return f"{where} holds {found[bad][0]:g} in row {_row(bad)}{_such(bad)}"


def _such(bad: ndarray) -> str:
    return f" ({bad.sum():,} such rows)" if bad.sum() > 1 else ""


def _row(bad: ndarray) -> int:
    return int(np.argmax(bad)) + 1
