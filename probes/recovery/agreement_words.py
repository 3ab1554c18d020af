"""Agreement with the ledger in words."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from icl.concept.uniformity import MAX_DIVERGENCE_SHARE, MAX_RHAT
from probes.recovery.agreement import Agreement
from probes.terminal.layout import paragraphs, table_lines

__all__ = ["agreement_lines", "not_converged", "rank_correlation"]

_FAST = 3.0  # nats per demonstration

_WAYS = {
    "greedy": "Greedy answers: right where the most probable token is the gold label",
    "sampled": "Sampled answers: right where a token drawn from the prediction is the gold label",
}


def agreement_lines(results: Agreement, *, anyway: bool = False) -> Iterator[str]:
    """Spell out fitted drifts beside exact ones, and fitted temperatures beside the true ones.

    Parameters
    ----------
    anyway
        Show what was fitted by chains that do not agree as well.
    """
    poor = not_converged(results)
    limits = f"R-hat > {MAX_RHAT} or > {MAX_DIVERGENCE_SHARE:.0%} divergent"
    yield from paragraphs([f"Not converged ({limits}): {', '.join(poor) or 'none'}", ""])
    for answers, title in _WAYS.items():
        conditions = results.conditions[results.conditions["answers"] == answers]
        temperatures = results.temperatures[results.temperatures["answers"] == answers]
        explained = "τ × the ledger's (growth of log-odds acted on) → fitted (90 % interval)"
        yield from paragraphs([title, f"Drift, nats per demonstration: {explained}"])
        yield from table_lines(_drifts(conditions, anyway).reset_index(names="predictor"))
        yield ""
        yield "Share τ of each nat of evidence that is used"
        yield from table_lines(_temperatures(temperatures, anyway))
        yield ""
        known = conditions["true_temperature"].notna()
        slow = (
            f"tempered Bayesians whose log-odds grow by less than {_FAST:g} nats at every k, so that one shot leaves "
            "the concept uncertain"
        )
        for whose, some in (
            (slow, _slow(conditions[known])),
            ("all tempered Bayesians", conditions[known]),
            ("trained models (τ implied by their distributions)", conditions[~known]),
        ):
            yield from paragraphs(_correlations(whose, some))
        yield ""


def rank_correlation(conditions: pd.DataFrame, of: str, against: str) -> float:
    """Spearman's rank correlation of two columns over conditions."""
    return float(conditions[of].corr(conditions[against], method="spearman"))


def _drifts(conditions: pd.DataFrame, anyway: bool) -> pd.DataFrame:
    ends = zip(*(conditions[name] for name in ("expected_drift", "acted_drift", "drift", "drift_lower", "drift_upper")))
    cells = [
        f"{a:.2f} ({b:.2f}) → " + (f"{middle:.2f} [{low:.2f}, {high:.2f}]" if read or anyway else "not converged")
        for (a, b, middle, low, high), read in zip(ends, ~_poor(conditions))
    ]
    wide = conditions.assign(cell=cells).pivot(index="model", columns="example_length", values="cell")
    wide.columns = [f"k={length}" for length in wide.columns]
    return wide.loc[list(dict.fromkeys(conditions["model"]))].rename_axis(None)


def _poor(table: pd.DataFrame) -> pd.Series:
    """Which rows come from chains that do not agree."""
    return (table["max_rhat"] > MAX_RHAT) | (table["divergence_share"] > MAX_DIVERGENCE_SHARE)


def _temperatures(temperatures: pd.DataFrame, anyway: bool) -> pd.DataFrame:
    def interval(name: str) -> list[str]:
        ends = zip(*(temperatures[column] for column in (name, f"{name}_low", f"{name}_high")))
        return [f"{middle:.3f} [{low:.3f}, {high:.3f}]" for middle, low, high in ends]

    true = ["" if np.isnan(tau) else f"{tau:g}" for tau in temperatures["true_temperature"]]
    columns = {"predictor": temperatures["model"], "true τ": true, "implied by distributions": interval("implied")}
    read = ~_poor(temperatures)
    fitted = [span if may or anyway else "not converged" for span, may in zip(interval("fitted"), read)]
    return pd.DataFrame(columns | {"fitted by tempered Bayes": fitted})


def _correlations(whose: str, conditions: pd.DataFrame) -> Iterator[str]:
    if len(conditions) < 3:
        return
    told = [
        f"{name} {rank_correlation(conditions.assign(known=_expected(conditions, name)), name, 'known'):.2f}"
        for name in ("drift", "signal", "noise")
    ]
    acted = conditions["acted_drift"]
    inside = acted.between(conditions["drift_lower"], conditions["drift_upper"]).mean()
    yield (
        f"{whose}, {len(conditions)} conditions: rank correlation of fitted and τ × exact {', '.join(told)}, "
        f"of drift and growth {rank_correlation(conditions, 'drift', 'acted_drift'):.2f}; "
        f"fitted ÷ growth, median {(conditions['drift'] / acted).median():.2f}; "
        f"{inside:.0%} of intervals hold the growth"
    )


def _slow(conditions: pd.DataFrame) -> pd.DataFrame:
    """Conditions of predictors that grow by less than 3 nats at every k: only there answers tell more from less."""
    return conditions[conditions["acted_drift"].groupby(conditions["model"]).transform("max") < _FAST]


def _expected(conditions: pd.DataFrame, name: str) -> pd.Series:
    """τ times the exact quantity."""
    return conditions["expected_drift"] / conditions["exact_drift"] * conditions[f"exact_{name}"]


def not_converged(results: Agreement) -> list[str]:
    """Name the fits whose chains do not agree."""
    found = []
    for account, table in (("drift–diffusion", results.conditions), ("tempered Bayes", results.temperatures)):
        pairs = table.loc[_poor(table), ["model", "answers"]].drop_duplicates()
        found += [f"{account} on {model} ({answers})" for model, answers in pairs.itertuples(index=False)]
    return found
