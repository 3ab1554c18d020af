"""A calibration in words."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from icl.concept.uniformity import BAND, MAX_DIVERGENCE_SHARE, MAX_RHAT

__all__ = ["calibration_lines", "design_table"]


def calibration_lines(ranks: pd.DataFrame, summary: pd.DataFrame) -> Iterator[str]:
    """Spell out, design by design, whether true values lie among posterior draws as they should."""
    num = int(summary["simulations"].max())
    yield f"Simulation-based calibration: parameters drawn from the prior, data simulated, fitted again, {num} times"
    yield design_table(ranks, summary).to_string(index=False)
    yield ""
    chance, error = round(1 / (1 - BAND)), float(np.nanmax(summary["coverage_error"]))
    yield f"outside    quantities whose ranks leave the {BAND:.0%} band of uniform ones; one in {chance} does by chance"
    yield f"coverage   of 90 % intervals: least and most over quantities (standard error {error:.3f}), and their mean"
    yield "recovery   rank correlation of true and fitted values: median and least over quantities"
    yield f"converged  fits of R-hat ≤ {MAX_RHAT} and ≤ {MAX_DIVERGENCE_SHARE:.0%} of draws divergent; others stay"
    yield "failed     fits without a result; draws: independent draws that a rank rests on"
    yield ""
    yield from _outside(summary)
    yield from _failures(ranks)


def design_table(ranks: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """One row per design; quantities that only repeat another's ranks count once."""
    rows = []
    for name, found in summary[summary["same_as"] == ""].groupby("design", sort=False):
        fits = ranks[ranks["design"] == name].drop_duplicates("simulation")
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
        yield f"No quantity of {len(judged)} leaves its band."
        return
    expected = (1 - BAND) * len(judged)
    yield f"{len(outside)} of {len(judged)} quantities leave their band; {expected:.1f} would by chance:"
    for row in outside.itertuples():
        yield (
            f"  {row.design}: {row.quantity}: ECDF off by {row.max_difference:.3f}, coverage {row.coverage:.3f}, "
            f"recovery {row.recovery:.2f}"
        )


def _failures(ranks: pd.DataFrame) -> Iterator[str]:
    failed = ranks[ranks["reason"] != ""].drop_duplicates(["design", "simulation"])
    for (design, reason), found in failed.groupby(["design", "reason"], sort=False):
        yield f"{len(found)} fits of {design} failed: {reason}"
