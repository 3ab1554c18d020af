"""From the text behind a flag to its value; what does not fit is said in one sentence."""

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["corpus", "count", "names", "told_by", "whole_numbers", "windows"]


def names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"takes at least one name, several with commas between, got {text!r}")
    return found


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


def count(text: str) -> int:
    """A number such as 12e6."""
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"takes a number such as 12e6, got {text!r}") from None


def corpus(text: str) -> tuple[int, int]:
    """Documents x tokens."""
    try:
        count, length = text.split("x")
        return int(count), int(length)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes documents x tokens such as 1000x10240, got {text!r}") from None


def windows(text: str) -> tuple[tuple[float, int], ...]:
    """Window lengths with their share of the tokens: (share, length) each."""
    try:
        phases = [phase.split(":") for phase in text.split(",")]
        return tuple((float(share), int(length)) for length, share in phases)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes length:share such as 128:0.5,768:0.5, got {text!r}") from None
