"""Simulation-based calibration in words."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from icl.concept.uniformity import BAND, MAX_DIVERGENCE_SHARE, MAX_RHAT
from probes.terminal.layout import entries, paragraphs, table_lines

__all__ = ["MOSTLY", "astray", "sbc_lines", "trial_table"]

MOSTLY = 0.5
"""Share of fits that have to converge for a trial's ranks to be read."""


def astray(summary: pd.DataFrame) -> list[str]:
    """Trials most of whose fits did not converge: their ranks judge the sampler, not the account."""
    shares = summary.groupby("trial", sort=False)["converged"].mean()
    return [str(name) for name, share in shares.items() if share < MOSTLY]


def sbc_lines(ranks: pd.DataFrame, summary: pd.DataFrame, *, anyway: bool = False) -> Iterator[str]:
    """Spell out, trial by trial, whether true values lie among posterior draws as they should.

    Parameters
    ----------
    anyway
        Show trials most of whose fits did not converge as well.
    """
    if poor := astray(summary):
        kept = "their rows follow, because of --anyway" if anyway else "their rows are withheld, --anyway prints them"
        yield from paragraphs([f"Most fits did not converge: {', '.join(poor)}; {kept}. Raise --draws and --tune.", ""])
    failures = paragraphs(_failures(ranks))
    if not anyway:
        ranks, summary = (table[~table["trial"].isin(poor)] for table in (ranks, summary))
    if summary.empty:
        yield from failures
        return
    num = int(summary["simulations"].max())
    how = "parameters drawn from the prior, data simulated, fitted again"
    yield from paragraphs([f"Simulation-based calibration: {how}, {num} times"])
    yield from table_lines(trial_table(ranks, summary))
    yield ""
    chance, error = round(1 / (1 - BAND)), float(np.nanmax(summary["coverage_error"]))
    legend = {
        "outside": f"quantities whose ranks leave the {BAND:.0%} band of uniform ones; one in {chance} does by chance",
        "coverage": f"of 90 % intervals: least and most over quantities (standard error {error:.3f}), and their mean",
        "recovery": "rank correlation of true and fitted values: median and least over quantities",
        "converged": f"fits of R-hat ≤ {MAX_RHAT} and ≤ {MAX_DIVERGENCE_SHARE:.0%} of draws divergent; others stay",
        "failed": "fits without a result; draws: independent draws that a rank rests on",
    }
    yield from entries(legend)
    yield ""
    yield from paragraphs(_outside(summary))
    yield from failures


def trial_table(ranks: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """One row per trial; quantities that only repeat another's ranks count once."""
    rows = []
    for name, found in summary[summary["same_as"] == ""].groupby("trial", sort=False):
        fits = ranks[ranks["trial"] == name].drop_duplicates("simulation")
        inside = found.dropna(subset="uniform")
        rows.append(
            {
                "account": name,
                "quantities": len(found),
                "outside": int((~inside["uniform"].astype(bool)).sum()),
                "coverage": f"{found['coverage'].min():.2f}–{found['coverage'].max():.2f}",
                "mean": f"{found['coverage'].mean():.3f}",
                "recovery": f"{found['recovery'].median():.2f}, {found['recovery'].min():.2f}",
                "converged": f"{found['converged'].mean():.0%}",
                "failed": int(fits["reason"].ne("").sum()),
                "draws": f"{found['median_draws'].median():.0f}",
            }
        )
    return pd.DataFrame(rows)


def _outside(summary: pd.DataFrame) -> Iterator[str]:
    judged = summary[(summary["same_as"] == "") & summary["uniform"].notna()]
    outside = judged[~judged["uniform"].astype(bool)]
    if outside.empty:
        yield f"None of {len(judged)} quantities leaves its band."
        return
    expected = (1 - BAND) * len(judged)
    yield f"{len(outside)} of {len(judged)} quantities leave their band; {expected:.1f} would by chance:"
    for row in outside.itertuples():
        yield (
            f"  {row.trial}: {row.quantity}: ECDF off by {row.max_difference:.3f}, coverage {row.coverage:.3f}, "
            f"recovery {row.recovery:.2f}"
        )


def _failures(ranks: pd.DataFrame) -> Iterator[str]:
    failed = ranks[ranks["reason"] != ""].drop_duplicates(["trial", "simulation"])
    for (trial, reason), found in failed.groupby(["trial", "reason"], sort=False):
        yield f"{len(found)} fits of {trial} failed: {reason}"
