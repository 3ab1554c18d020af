"""Two runs side by side: what each answered under the same conditions, and by how much that differs.

Where both asked the same prompts (the same text and candidates), a difference is paired prompt by prompt, and clustered
by query and demonstration set as every difference of the lab. Otherwise it is that of two independent averages.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from icl.factors import condition_columns
from icl.metrics.metric import PAIRED_SCORES, SHARES
from icl.metrics.table import as_drawn, asked_once, clusters, items_of, num_prompts, scores_of
from icl.metrics.uncertainty import (
    Estimate,
    clustered_mean,
    clustered_share,
    clustered_share_difference,
    unpaired_difference,
)

__all__ = ["DIFFERENCE_COLUMNS", "PAIRED", "UNPAIRED", "changed_answers", "run_differences"]

PAIRED, UNPAIRED = "same prompts", "other prompts"
"""How a difference was taken: prompt by prompt, or between two averages."""

DIFFERENCE_COLUMNS = [
    *condition_columns(),
    "score",
    "first",
    "second",
    "difference",
    "low",
    "high",
    "prompts",
    "how",
    "reason",
]
"""Condition, averages of both runs, second minus first with its 90 % interval, and how it was taken of how many."""


def run_differences(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Compare the answers of two runs, condition by condition.

    Parameters
    ----------
    first, second
        Answer tables. Models go with those of the same name; where each run has one model, with the other.

    Returns
    -------
    DataFrame
        `DIFFERENCE_COLUMNS`, one row for each condition that both runs asked, and each score; ``model`` is
        ``second − first`` where the names differ.
    """
    rows = [
        {**condition, "score": score, **_difference(left, right, score)}
        for condition, left, right in _conditions(first, second)
        for score in scores_of(left, PAIRED_SCORES)
        if right[score].notna().any()
    ]
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def changed_answers(first: pd.DataFrame, second: pd.DataFrame) -> tuple[int, int]:
    """Count the prompts that both runs asked a model and answered, and those of them that were answered otherwise."""
    asked = changed = 0
    for _, left, right in _conditions(first, second):
        left, right = _same_prompts(left, right)
        known = ((left["prediction"] != "") & (right["prediction"] != "")).to_numpy()
        asked += int(known.sum())
        changed += int((left["prediction"].to_numpy() != right["prediction"].to_numpy())[known].sum())
    return asked, changed


def _conditions(first: pd.DataFrame, second: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame, pd.DataFrame]]:
    """Conditions that both runs asked, with the answers of both."""
    names = [list(dict.fromkeys(run["model"].astype(str))) for run in (first, second)]
    if len(names[0]) == len(names[1]) == 1 and names[0] != names[1]:
        second = second.assign(model=names[0][0])
        shown = {names[0][0]: f"{names[1][0]} − {names[0][0]}"}
    else:
        shown = {}
    keys = list(condition_columns())
    sides = [{_key(key): rows for key, rows in _grouped(run, keys)} for run in (first, second)]
    for key, left in sides[0].items():
        if (right := sides[1].get(key)) is not None:
            condition = dict(zip(keys, left[keys].iloc[0]))
            yield condition | {"model": shown.get(condition["model"], condition["model"])}, left, right


def _grouped(run: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple, pd.DataFrame]]:
    for key, rows in as_drawn(run).groupby(keys, dropna=False, sort=False, observed=True):
        yield key, asked_once(rows)


def _key(values: tuple) -> tuple:
    return tuple(None if pd.isna(value) else value for value in values)


def _same_prompts(left: pd.DataFrame, right: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of both sides for the prompts that both have, in one order; a prompt that was asked twice counts once."""
    left, right = (side.drop_duplicates("prompt_id").set_index("prompt_id", drop=False) for side in (left, right))
    both = left.index.intersection(right.index, sort=False)
    return left.loc[both], right.loc[both]


def _difference(left: pd.DataFrame, right: pd.DataFrame, score: str) -> dict:
    is_share = score == "accuracy"
    same_left, same_right = _same_prompts(left, right)
    is_same = len(same_left) == left["prompt_id"].nunique() == right["prompt_id"].nunique()
    known = (same_left[score].notna() & same_right[score].notna()).to_numpy()
    same_left, same_right = same_left[known], same_right[known]
    counted = items_of(left) is not None or items_of(right) is not None
    if is_same and len(same_left) and not counted:
        values = (same_right[score] - same_left[score]).to_numpy()
        found = (clustered_share_difference if is_share else clustered_mean)(values, *clusters(same_left))
        averages, prompts, how = (same_left[score].mean(), same_right[score].mean()), len(values), PAIRED
    else:
        levels = [_level(side[side[score].notna()], score) for side in (left, right)]
        found = unpaired_difference(levels[1], levels[0], bounded=score in SHARES)
        averages = (levels[0].estimate, levels[1].estimate)
        prompts, how = min(num_prompts(left), num_prompts(right)), UNPAIRED
    return {
        "first": averages[0],
        "second": averages[1],
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "prompts": prompts,
        "how": how,
        "reason": found.reason if np.isnan(found.low) else "",
    }


def _level(rows: pd.DataFrame, score: str) -> Estimate:
    values = rows[score].to_numpy()
    if score == "accuracy":
        return clustered_share(values, *clusters(rows), items=items_of(rows))
    return clustered_mean(values, *clusters(rows))
