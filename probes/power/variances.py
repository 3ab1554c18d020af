"""How much a run's paired differences of accuracy vary, by demonstration set and by query."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icl.factors import BARE_COLUMNS, condition_columns
from icl.metrics.power import VarianceComponents, components
from icl.metrics.table import SETTING, as_drawn, clusters, matched, settings

__all__ = ["Variances", "own_variances"]

_FEWEST = 2
"""Demonstration sets and queries from which variances can be told apart."""

type Pairs = Iterator[tuple[pd.DataFrame, pd.DataFrame]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variances:
    """Variances of one prompt's difference, averaged over differences of one kind, and what these are.

    Where every prompt has demonstrations of its own all of the variance is counted by query.
    """

    components: VarianceComponents
    said: str


def own_variances(outcomes: pd.DataFrame, *, crossed: bool, only_labels: bool = False) -> list[Variances]:
    """Average the variances of each model's differences: between label modes, else shot counts, else formats.

    A single difference of few demonstration sets tells little of how much sets differ; the average over those of a
    kind tells more. A model of which no kind of difference varies at all tells nothing and is left out.

    Parameters
    ----------
    outcomes
        Prompt outcomes.
    crossed
        Whether the same queries were asked with every demonstration set.
    only_labels
        Whether only differences between label modes will do.
    """
    kinds = {"label modes": _labels}
    if not only_labels:
        kinds |= {"numbers of demonstrations": _shots, "formats": _formats}
    asked = as_drawn(outcomes)
    asked = asked[asked["label_draw"] == 0]
    found = []
    for rows in settings(asked, "model"):
        for said, pairs in kinds.items():
            each = [one for pair in pairs(rows) if (one := _components(*pair, crossed=crossed)) is not None]
            total = np.mean([(one.by_set, one.by_query, one.residual) for one in each], axis=0) if each else np.zeros(3)
            if total.sum() > 0:
                by_set, by_query, residual = total.tolist()
                average = VarianceComponents(by_set=by_set, by_query=by_query, residual=residual)
                many = f"{len(each)} differences" if len(each) > 1 else "the difference"
                name = str(rows["model"].iloc[0])
                found.append(Variances(components=average, said=f"by the variances of {many} between {said}, {name}"))
                break
    return found


def _labels(rows: pd.DataFrame) -> Pairs:
    for block in settings(rows[rows["num_shots"] > 0], *SETTING):
        gold = block[block["label_mode"] == "gold"]
        for other in settings(block[block["label_mode"] != "gold"], "label_mode"):
            yield gold, other


def _shots(rows: pd.DataFrame) -> Pairs:
    for block in settings(rows, *BARE_COLUMNS):
        few = block[block["num_shots"] == block["num_shots"].min()]
        for more in settings(block[block["num_shots"] > few["num_shots"].iloc[0]], "label_mode", "num_shots"):
            same = few if few["num_shots"].iloc[0] == 0 else few[few["label_mode"] == more["label_mode"].iloc[0]]
            yield more, same


def _formats(rows: pd.DataFrame) -> Pairs:
    keys = condition_columns("model", "task", "format")
    for block in settings(rows[rows["num_shots"] > 0], *keys):
        first, *others = settings(block, "format")
        for other in others:
            yield other, first


def _components(first: pd.DataFrame, second: pd.DataFrame, *, crossed: bool) -> VarianceComponents | None:
    """Variances of one difference; None where the two share too few prompts."""
    if first.empty or second.empty:
        return None
    left, right = matched(first, second)
    difference = (left["accuracy"] - right["accuracy"]).to_numpy()
    if not crossed:
        if len(left) < _FEWEST:
            return None
        return VarianceComponents(by_set=0.0, by_query=float(np.var(difference, ddof=1)), residual=0.0)
    if min(left["query_id"].nunique(), left["demonstration_set_id"].nunique()) < _FEWEST:
        return None
    return components(difference, *clusters(left))
