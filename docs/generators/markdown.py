"""Small pieces of Markdown."""

from collections.abc import Iterable, Sequence

__all__ = ["cell", "code", "table"]


def cell(text: object) -> str:
    """Make text fit for a cell of a table."""
    return str(text).replace("|", r"\|").replace("\n", " ")


def code(text: object) -> str:
    """Set text in the type of code."""
    return f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; its cells are text that may hold markup."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(each) for each in line) + " |" for line in lines) + "\n"
