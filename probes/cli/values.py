"""From the text after a flag to its value; what does not fit is said in one sentence."""

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["names", "number", "pairs", "told_by", "whole_number", "whole_numbers"]


def names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"takes one or more names, separated by commas, got {text!r}")
    return found


def whole_number(text: str) -> int:
    """One whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes a whole number, got {text!r}") from None


def number(text: str) -> float:
    """One number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes a number, got {text!r}") from None


def whole_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes whole numbers such as 0,4,16, got {text!r}") from None


def told_by(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let argparse say what a function's `ValueError` says."""

    def told(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return told


def pairs(text: str) -> tuple[str, ...]:
    """NAME=VALUE pairs with commas between; a piece without a sign of equality goes on with the value before it."""
    found: list[str] = []
    for piece in text.split(","):
        if "=" in piece or not found:
            found.append(piece)
        else:
            found[-1] += f",{piece}"
    return tuple(found)
