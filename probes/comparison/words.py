"""A comparison of accounts in words."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from icl.concept.compare import Comparison
from icl.concept.extrapolate import CARRIED, Extrapolation
from probes.report.section import listed
from probes.report.verdict import number

__all__ = ["closest_words", "comparison_lines", "crps_gaps", "extrapolation_lines", "forecast_table", "ranking_table"]

_CELL = ["model", "task", "label_mode", "format", "example_length", "demonstration_set", "num_shots"]
_SURE = 2.0
"""Standard errors: a smaller difference in CRPS tells no order."""


def comparison_lines(compared: Comparison) -> Iterator[str]:
    """Spell out the order of accounts, and what it rests on."""
    yield f"Accounts by how well each predicts a {compared.unit} that it has not seen (nats, ± standard error)"
    table = compared.table[compared.table["elpd"].notna()]
    costs = {"parameters": table["p_loo"].round(1), "refits": table["num_refits"], "seconds": table["seconds"].round()}
    yield ranking_table(table).assign(**costs).to_string(index=False)
    yield from compared.sentences


def extrapolation_lines(extended: Extrapolation) -> Iterator[str]:
    """Spell out how far each account carries."""
    yield f"Fitted to at most {extended.shots} shots, scored on the cells with more ({extended.unit})"
    table = extended.table[extended.table["crps"].notna()]
    yield forecast_table(extended, table).to_string(index=False)
    yield from extended.sentences
    if closest := closest_words(extended):
        yield closest


def ranking_table(table: pd.DataFrame) -> pd.DataFrame:
    """Write rows of `Comparison.table` for people: rank, elpd, how far behind the best, stacking weight."""
    return pd.DataFrame(
        {
            "": ["–" if pd.isna(rank) else str(rank) for rank in table["rank"]],
            "account": table["title"],
            "elpd": [_with_error(row.elpd, row.se, 1) for row in table.itertuples()],
            "behind the best": [
                "best" if row.difference == 0 else _with_error(row.difference, row.difference_se, 1)
                for row in table.itertuples()
            ],
            "weight": ["" if pd.isna(weight) else number(weight) for weight in table["weight"]],
        }
    )


def forecast_table(extended: Extrapolation, table: pd.DataFrame) -> pd.DataFrame:
    """Write rows of `Extrapolation.table` for people, each with how far its CRPS lies behind the smallest."""
    gaps = crps_gaps(extended).set_index("account")
    behind = [
        "best"
        if account == gaps.index[0]
        else _with_error(gaps["gap"][account], gaps["gap_se"][account], 2)
        if account in gaps.index
        else ""
        for account in table["account"]
    ]
    return pd.DataFrame(
        {
            "account": [
                title + (" (not converged)" if converged is not pd.NA and not converged else "")
                for title, converged in zip(table["title"], table["converged"])
            ],
            "CRPS": [number(value) for value in table["crps"]],
            "behind the best": behind,
            "inside 90 %": [f"{100 * share:.0f} %" for share in table["coverage"]],
            "width": [number(value, 1) for value in table["width"]],
            "bias": [number(value, 1, signed=True) for value in table["bias"]],
            "log score": [number(value) for value in table["log_score"]],
            "cells": table["num_cells"],
        }
    )


def crps_gaps(extended: Extrapolation) -> pd.DataFrame:
    """Pair the CRPS of each account with that of the best, cell by cell, over the cells that both predicted.

    Returns
    -------
    pd.DataFrame
        One row per account that converged and one for the baseline, best first: account, title, gap (mean CRPS minus
        that of the best, in `extended.unit`), gap_se (its standard error over cells), num_cells. Cells of one curve go
        wrong together, which this error does not know.
    """
    table = extended.table[extended.table["crps"].notna()]
    table = table[table["converged"].fillna(False) | (table["account"] == CARRIED)]
    held = extended.cells[extended.cells["held_out"]]
    held = held.assign(cell=held.groupby(_CELL, dropna=False).ngroup())
    crps = held.pivot(index="cell", columns="account", values="crps")[table["account"].tolist()]
    apart = crps.sub(crps.iloc[:, 0], axis=0)
    counted = apart.notna().sum()
    return table[["account", "title"]].assign(
        gap=apart.mean().to_numpy(), gap_se=(apart.std() / np.sqrt(counted)).to_numpy(), num_cells=counted.to_numpy()
    )


def closest_words(extended: Extrapolation) -> str:
    """Say which prediction has the smallest CRPS and what cannot be told from it; empty where no account converged."""
    gaps = crps_gaps(extended)
    if gaps["account"].isin([CARRIED]).all():
        return ""
    best, others = gaps.iloc[0], gaps.iloc[1:]
    crps = extended.table["crps"].iloc[0]
    text = f"{best['title']} comes closest (CRPS {number(crps)} {extended.unit})"
    level = others[~(others["gap"] > _SURE * others["gap_se"])]
    if len(level):
        named = [f"{row.title} ({_with_error(row.gap, row.gap_se, 2)} behind)" for row in level.itertuples()]
        return f"{text}; which carries furthest cannot be told between {listed(['it', *named])}."
    if len(others):
        near = others.iloc[0]
        text += f"; the next, {near['title']}, lies {_with_error(near['gap'], near['gap_se'], 2)} behind"
    return f"{text}."


def _with_error(value: float, error: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{number(value, digits)} ± {number(error, digits)}"
