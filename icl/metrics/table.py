"""The metrics table: one row = one metric of one model under one condition or contrast of conditions."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.factors import CONDITION_FACTORS, FACTORS, condition_columns
from icl.metrics.metric import PAIRED_SCORES
from icl.metrics.uncertainty import Estimate

__all__ = [
    "FORMAT_SEARCH",
    "METRIC_COLUMNS",
    "SETTING",
    "as_drawn",
    "asked_once",
    "clusters",
    "items_of",
    "matched",
    "metric_row",
    "num_prompts",
    "scores_of",
    "settings",
    "tells_labels",
    "without_search",
]

FORMAT_SEARCH = "format-search"
"""The probe whose prompts are chosen by a search."""

METRIC_COLUMNS: dict[str, str] = {
    "model": "name under which the scorer answers",
    "asked_model": "the scorer's name, the same whichever the method",
    "method": "direct or channel, see `icl.factors`",
    "task": "task's name",
    "metric": "name of the metric",
    "score": "the per-prompt score that it averages; empty where it has one of its own",
    "contrast": "what was compared, in words, e.g. 'gold − random'; empty for a plain level",
    "compared": "of a difference of two: what it is subtracted from, e.g. 'gold'; of a spread the best; else empty",
    "baseline": "of a difference of two: what is subtracted, e.g. 'random'; of a spread the worst; else empty",
    "normalisation": "how candidates were compared, see icl.metrics.normalise",
    **{
        one.name: f"condition: {one.meaning}" + ("; empty where several are compared" if one.dtype == "str" else "")
        for one in CONDITION_FACTORS
    },
    "estimate": "in `unit`; NaN with a reason where it is not defined",
    "standard_error": "clustered by demonstration set and query",
    "low": "lower end of the 90 % interval",
    "high": "upper end of the 90 % interval",
    "degrees": "degrees of freedom of the t distribution behind the interval; missing where it has another source",
    "p_value": "two-sided test of no difference; missing where 0 does not mean that, see icl.metrics.multiplicity",
    "p_holm": "p_value after Holm's correction over all rows of its model, task, metric, score and normalisation",
    "unit": "unit of the estimate",
    "resolution": "smallest step that the metric can take; 0 where it is continuous",
    "num_prompts": "prompts that it rests on",
    "num_queries": "distinct queries; where they were counted together, as many as one demonstration set was asked",
    "num_demonstration_sets": "distinct demonstration sets; 0 where none is shown",
    "reason": "what limits the number, or why it is missing",
    "reason_kind": "the reason without the numbers in it, by which reasons are counted",
}

SETTING = list(condition_columns("label_mode"))
"""What stays fixed where label modes are compared."""


def metric_row(rows: pd.DataFrame, metric: str, estimate: Estimate, *, resolution: float = 0.0, **columns) -> dict:
    """Put an estimate in a row; `rows` are the outcomes it rests on, `columns` override their settings.

    The contrast of two sides is written from them. The unit is the metric's own, see `icl.metrics.catalogue`.
    """
    first = {name: rows[name].iloc[0] for name in (*SETTING, "asked_model", "method")}
    if "compared" in columns:
        columns = {"contrast": f"{columns['compared']} − {columns['baseline']}"} | columns
    row = first | {
        "metric": metric,
        "score": "",
        "contrast": "",
        "compared": "",
        "baseline": "",
        "normalisation": "",
        "label_mode": "",
        "estimate": estimate.estimate,
        "standard_error": estimate.standard_error,
        "low": estimate.low,
        "high": estimate.high,
        "degrees": estimate.degrees,
        "resolution": resolution,
        "num_prompts": num_prompts(rows),
        "num_queries": rows["query_id"].nunique() if items_of(rows) is None else int(rows["num_items"].max()),
        "num_demonstration_sets": rows["demonstration_set_id"].nunique() if first["num_shots"] > 0 else 0,
        "reason": estimate.reason,
        "reason_kind": estimate.kind or estimate.reason,
    }
    return row | columns


def settings(outcomes: pd.DataFrame, *keys: str) -> Iterator[pd.DataFrame]:
    """Split outcomes by the named columns, in the order they come in."""
    for _, rows in outcomes.groupby(list(keys), dropna=False, sort=False):
        yield rows


def asked_once(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep one answer a query and format where no demonstrations are shown: there every set asks the same question.

    Each query then counts as a set of its own, so that an interval speaks of queries and of nothing else.
    """
    if rows["num_shots"].iloc[0] > 0:
        return rows
    kept = rows.drop_duplicates([*(factor.name for factor in FACTORS if factor.matters_bare), "query_id"])
    pairs = rows[["query_id", "demonstration_set_id"]].drop_duplicates()
    if pairs["demonstration_set_id"].nunique() > 1 and not pairs.duplicated("query_id").any():
        return kept  # an imported table's tasks or runs, each with questions of its own
    return kept.assign(demonstration_set_id=kept["query_id"])


def matched(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Line two conditions up by query, demonstration set and order, keeping the prompts that both have.

    A prompt without demonstrations goes with every order of its query, and with every set where it was asked beside
    other sets; labels drawn several times on one side alone each go with the one prompt of the other side.
    """
    repeated = [factor for factor in FACTORS if factor.role == "repetition"]
    keys = ["query_id", *(factor.name for factor in repeated if factor.matters_bare)]
    bare = len(second) > 0 and second["num_shots"].max() == 0
    if not bare or set(first["demonstration_set_id"]) <= set(second["demonstration_set_id"]):
        keys += ["demonstration_set_id"]
    if bare:
        second = second.drop_duplicates(keys)
    for factor in repeated:
        if factor.matters_bare or (bare and factor.as_drawn_only):
            continue
        if factor.as_drawn_only or (first[factor.name].nunique() > 1 and second[factor.name].nunique() > 1):
            keys.append(factor.name)
    left = first[keys].assign(left=np.arange(len(first)))
    right = second[keys].assign(right=np.arange(len(second)))
    both = left.merge(right, on=keys)
    return (
        first.iloc[both["left"].to_numpy()].reset_index(drop=True),
        second.iloc[both["right"].to_numpy()].reset_index(drop=True),
    )


def as_drawn(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Keep the prompts whose demonstrations and options stand as drawn, but for those that only a search asked.

    Other orders, and searches, have metrics of their own.
    """
    first = np.logical_and.reduce([outcomes[one.name] == 0 for one in FACTORS if one.as_drawn_only])
    return without_search(outcomes[first])


def without_search(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Leave out what only a format search asked: it asks formats unequally often."""
    return outcomes[outcomes["probe"] != FORMAT_SEARCH]


def clusters(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Demonstration set and query of each prompt."""
    return rows["demonstration_set_id"].to_numpy(), rows["query_id"].to_numpy()


def num_prompts(rows: pd.DataFrame) -> int:
    """Count the prompts behind some rows, those that were counted together included."""
    items = items_of(rows)
    return len(rows) if items is None else int(items.sum())


def scores_of(rows: pd.DataFrame, among: Sequence[str] = PAIRED_SCORES) -> list[str]:
    """Name the scores that any of these rows has; an imported table may lack all probabilities."""
    return [score for score in among if rows[score].notna().any()]


def tells_labels(rows: pd.DataFrame) -> bool:
    """Whether it is known of any row what was answered, and not only whether that was right."""
    return bool((rows["prediction"] != "").any())


def items_of(rows: pd.DataFrame) -> Float[ndarray, " num_rows"] | None:
    """Questions behind each row; None where each row is one prompt, as in every run of the lab."""
    if "num_items" not in rows or (rows["num_items"] == 1).all():
        return None
    return rows["num_items"].to_numpy(dtype=float)


def resolution(rows: pd.DataFrame) -> float:
    """Step of a mean of zeros and ones over these prompts (Schaeffer: report it beside every such metric)."""
    return 1 / num_prompts(rows) if len(rows) else np.nan
