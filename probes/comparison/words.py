"""A comparison of accounts in words."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from icl.concept.extrapolate import CARRIED, Extrapolation
from probes.figures.words import listed, number
from probes.runs.comparisons import StoredComparison
from probes.terminal.layout import paragraphs, table_lines

__all__ = [
    "closest_words",
    "comparison_lines",
    "crps_differences",
    "extrapolation_lines",
    "fold_table",
    "forecast_table",
    "ranking_table",
    "unconverged",
    "unconverged_words",
]

_CELL = ["fold", "model", "task", "label_mode", "format", "example_length", "demonstration_set", "num_shots"]
_SURE = 2.0
"""Standard errors: a smaller difference in CRPS tells no order."""


def unconverged(*tables: pd.DataFrame) -> list[str]:
    """Titles of the accounts whose fit did not converge in any of these tables."""
    found = [table.loc[table["converged"].eq(False).fillna(False).astype(bool), "title"] for table in tables]
    return list(dict.fromkeys(title for titles in found for title in titles))


def unconverged_words(titles: Sequence[str], *, anyway: bool) -> str:
    """Say which fits did not converge, and where their numbers are."""
    kept = "their numbers follow, because of --anyway" if anyway else "their rows are withheld, --anyway prints them"
    return f"Did not converge: {', '.join(titles)}; {kept}. Raise --draws and --tune."


def comparison_lines(compared: StoredComparison, *, anyway: bool = False) -> Iterator[str]:
    """Spell out the order of accounts, and what it rests on.

    Parameters
    ----------
    anyway
        Show the rows of accounts that did not converge as well.
    """
    title = f"Accounts ranked by how well each predicts a held-out {compared.unit} (nats, ± standard error)"
    yield from paragraphs([title])
    table = compared.table[compared.table["elpd"].notna()]
    table = table if anyway else table[table["converged"].fillna(False).astype(bool)]
    costs = {"parameters": table["p_loo"].round(1), "refits": table["num_refits"], "seconds": table["seconds"].round()}
    if len(table):
        yield from table_lines(ranking_table(table).assign(**costs), keys=2)
    yield from paragraphs(compared.sentences)


def extrapolation_lines(extended: Extrapolation, *, anyway: bool = False) -> Iterator[str]:
    """Spell out how far each account carries; `anyway` as in `comparison_lines`."""
    title = f"{extended.hold_out.words} ({extended.unit})"
    yield from paragraphs([title])
    table = extended.table[extended.table["crps"].notna()]
    if not anyway:
        table = table[table["converged"].fillna(True).astype(bool)]  # carrying forward needs no chains
    yield from table_lines(forecast_table(extended, table))
    if extended.cells["fold"].nunique() > 1:
        yield from paragraphs(["", "CRPS and share inside 90 % intervals by what was held out"])
        yield from table_lines(fold_table(extended, table["account"].tolist()))
    yield from paragraphs([*extended.sentences, *filter(None, [closest_words(extended)])])


def ranking_table(table: pd.DataFrame) -> pd.DataFrame:
    """Write rows of `Comparison.table` for people: rank, elpd, how far behind the best, stacking weight."""
    return pd.DataFrame(
        {
            "": ["–" if pd.isna(rank) else str(rank) for rank in table["rank"]],
            "account": table["title"],
            "elpd": [_with_error(row.elpd, row.se, 1) for row in table.itertuples()],
            "behind the best": [
                _best(table) if row.difference == 0 else _with_error(row.difference, row.difference_se, 1)
                for row in table.itertuples()
            ],
            "weight": ["" if pd.isna(weight) else number(weight) for weight in table["weight"]],
        }
    )


def _best(table: pd.DataFrame) -> str:
    """What stands for the best of a table; a single row is behind nothing."""
    return "best" if len(table) > 1 else "–"


def forecast_table(extended: Extrapolation, table: pd.DataFrame) -> pd.DataFrame:
    """Write rows of `Extrapolation.table` for people, each with how far its CRPS lies behind the smallest."""
    differences = crps_differences(extended).set_index("account")
    behind = [
        _best(table)
        if account == differences.index[0]
        else _with_error(differences["difference"][account], differences["difference_se"][account], 2)
        if account in differences.index
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


def fold_table(extended: Extrapolation, accounts: Sequence[str]) -> pd.DataFrame:
    """Write the scores of each fold for people: a row a fold, a column an account."""
    scores = extended.by_fold
    titles = dict(zip(extended.table["account"], extended.table["title"]))
    rows: dict[str, dict[str, str]] = {}
    for row in scores[scores["account"].isin(accounts)].itertuples():
        inside = "" if pd.isna(row.coverage) else f"{number(row.crps)} ({100 * row.coverage:.0f} %)"
        rows.setdefault(row.fold, {"held out": row.fold})[titles[row.account]] = inside
    return pd.DataFrame(rows.values())[["held out", *(titles[account] for account in accounts)]]


def crps_differences(extended: Extrapolation) -> pd.DataFrame:
    """Pair the CRPS of each account with that of the best, cell by cell, over the cells that both predicted.

    Returns
    -------
    pd.DataFrame
        One row per account that converged and one for the baseline, best first: account, title, difference (mean CRPS
        minus that of the best, in `extended.unit`), difference_se (its standard error over cells), num_cells. Cells of
        one curve are wrong together, which this error does not take into account.
    """
    table = extended.table[extended.table["crps"].notna()]
    table = table[table["converged"].fillna(False) | (table["account"] == CARRIED)]
    held = extended.cells[extended.cells["held_out"]]
    held = held.assign(cell=held.groupby(_CELL, dropna=False).ngroup())
    crps = held.pivot(index="cell", columns="account", values="crps")[table["account"].tolist()]
    apart = crps.sub(crps.iloc[:, 0], axis=0)
    counted = apart.notna().sum()
    return table[["account", "title"]].assign(
        difference=apart.mean().to_numpy(),
        difference_se=(apart.std() / np.sqrt(counted)).to_numpy(),
        num_cells=counted.to_numpy(),
    )


def closest_words(extended: Extrapolation) -> str:
    """Say which prediction has the smallest CRPS and what cannot be told from it; empty where no account converged."""
    differences = crps_differences(extended)
    if differences["account"].isin([CARRIED]).all():
        return ""
    best, others = differences.iloc[0], differences.iloc[1:]
    crps = extended.table["crps"].iloc[0]
    text = f"{best['title']} comes closest (CRPS {number(crps)} {extended.unit})"
    level = others[~(others["difference"] > _SURE * others["difference_se"])]
    if len(level):
        named = [
            f"{row.title} ({_with_error(row.difference, row.difference_se, 2)} behind)" for row in level.itertuples()
        ]
        return f"{text}; it is not settled which extrapolates best: {listed(['it', *named])}."
    if len(others):
        near = others.iloc[0]
        text += f"; the next, {near['title']}, lies {_with_error(near['difference'], near['difference_se'], 2)} behind"
    return f"{text}."


def _with_error(value: float, error: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{number(value, digits)} ± {number(error, digits)}"
