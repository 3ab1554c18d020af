"""A comparison of accounts in words."""

from collections.abc import Iterator

import pandas as pd

from icl.concept.compare import Comparison
from icl.concept.extrapolate import Extrapolation

__all__ = ["comparison_lines", "extrapolation_lines"]


def comparison_lines(compared: Comparison) -> Iterator[str]:
    """Spell out the order of accounts, and what it rests on."""
    yield f"Accounts by how well each predicts a {compared.unit} that it has not seen (nats, ± standard error)"
    table = compared.table[compared.table["elpd"].notna()]
    shown = pd.DataFrame(
        {
            "": ["–" if pd.isna(rank) else str(rank) for rank in table["rank"]],
            "account": table["title"],
            "elpd": [f"{row.elpd:.1f} ± {row.se:.1f}" for row in table.itertuples()],
            "behind the best": [_gap(row.difference, row.difference_se) for row in table.itertuples()],
            "weight": ["" if pd.isna(weight) else f"{weight:.2f}" for weight in table["weight"]],
            "parameters": table["p_loo"].round(1),
            "refits": table["num_refits"],
            "seconds": table["seconds"].round(),
        }
    )
    yield shown.to_string(index=False)
    yield from compared.sentences


def extrapolation_lines(extended: Extrapolation) -> Iterator[str]:
    """Spell out how far each account carries."""
    yield f"Fitted to at most {extended.shots} shots, scored on the cells with more ({extended.unit})"
    table = extended.table[extended.table["crps"].notna()]
    shown = pd.DataFrame(
        {
            "account": [
                title + (" (not converged)" if converged is not pd.NA and not converged else "")
                for title, converged in zip(table["title"], table["converged"])
            ],
            "CRPS": table["crps"].round(2),
            "inside 90 %": [f"{100 * share:.0f} %" for share in table["coverage"]],
            "width": table["width"].round(1),
            "bias": table["bias"].round(1),
            "log score": table["log_score"].round(2),
            "cells": table["num_cells"],
        }
    )
    yield shown.to_string(index=False)
    yield from extended.sentences


def _gap(difference: float, error: float) -> str:
    if pd.isna(difference):
        return ""
    return "best" if difference == 0 else f"{difference:.1f} ± {error:.1f}"
