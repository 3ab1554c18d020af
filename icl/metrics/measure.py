"""All metrics that a score table feeds, in one table."""

import pandas as pd

from icl.errors import UserError
from icl.metrics.effects import EFFECTS, bayes_gap
from icl.metrics.levels import levels
from icl.metrics.outcomes import prompt_outcomes
from icl.metrics.table import metrics_table

__all__ = ["measure"]


def measure(scores: pd.DataFrame) -> pd.DataFrame:
    """Compute levels and effects from a score table.

    Returns
    -------
    DataFrame
        Columns of `icl.metrics.table.METRIC_COLUMNS`.

    Raises
    ------
    UserError
        If no prompt has been scored.
    """
    outcomes = prompt_outcomes(scores)
    if outcomes.empty:
        raise UserError("the score table holds no prompt that was scored; run the probe to its end first.")
    rows = levels(outcomes)
    for effect in EFFECTS.values():
        rows += effect(outcomes)
    return metrics_table(rows + bayes_gap(scores))
