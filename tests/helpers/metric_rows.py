"""Rows of the metrics table that tests write by hand."""

__all__ = ["with_sides"]


def with_sides(row: dict) -> dict:
    """Fill in the two sides of a contrast such as ``8 shots − 0 shots``, as the metrics do."""
    compared, minus, baseline = row["contrast"].partition(" − ")
    names = [side.removesuffix(" shots") if minus else "" for side in (compared, baseline)]
    return {"compared": names[0], "baseline": names[1]} | row
