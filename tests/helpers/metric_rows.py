"""Rows of the metrics table that tests write by hand."""

from icl.factors import SIDE_FACTORS

__all__ = ["SIDES", "with_sides"]

SIDES = dict.fromkeys(SIDE_FACTORS, "")
"""Side factors of a condition, none of them told."""


def with_sides(row: dict) -> dict:
    """Fill in the scorer behind the model, and the two sides of a contrast such as ``8 shots − 0 shots``."""
    compared, minus, baseline = row["contrast"].partition(" − ")
    names = [side.removesuffix(" shots") if minus else "" for side in (compared, baseline)]
    known = {"asked_model": row["model"], "method": "direct", "reason_kind": row["reason"]}
    return SIDES | known | {"compared": names[0], "baseline": names[1]} | row
