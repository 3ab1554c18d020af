"""How long things take, in words and in bars."""

import sys

__all__ = ["duration", "progress_interval"]


def progress_interval() -> float:
    """Seconds between two states of a progress bar: few lines where they go to a log."""
    return 0.5 if sys.stderr.isatty() else 20.0


def duration(seconds: float) -> str:
    """Write seconds for people."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
