"""Numbers as marks of a list: digits, letters and Roman numerals."""

from collections.abc import Callable
from string import ascii_lowercase

from icl.errors import UserError

__all__ = ["NUMERALS", "letters", "roman"]


def letters(position: int) -> str:
    """Count in letters from 1: a, b, …, z, aa, ab, …"""
    written = ""
    while position > 0:
        position, digit = divmod(position - 1, 26)
        written = ascii_lowercase[digit] + written
    return written


_ROMAN = {
    "m": 1000, "cm": 900, "d": 500, "cd": 400, "c": 100, "xc": 90, "l": 50, "xl": 40, "x": 10, "ix": 9, "v": 5,
    "iv": 4, "i": 1,
}  # fmt: skip


def roman(position: int) -> str:
    """Count in Roman numerals from 1: i, ii, iii, iv, …"""
    written = ""
    for numeral, value in _ROMAN.items():
        times, position = divmod(position, value)
        written += numeral * times
    return written


def _counted(write: Callable[[int], str]) -> Callable[[int], str]:
    def checked(position: int) -> str:
        if position < 1:
            raise UserError(f"there is no position {position} in a list; count from 1.")
        return write(position)

    return checked


NUMERALS: dict[str, Callable[[int], str]] = {
    "1": _counted(str),
    "a": _counted(letters),
    "A": _counted(lambda position: letters(position).upper()),
    "i": _counted(roman),
    "I": _counted(lambda position: roman(position).upper()),
}
"""How a position, counted from 1, is written, by how the first is."""
