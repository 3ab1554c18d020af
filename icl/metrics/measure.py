"""All metrics that a score table feeds, in one table."""

import pandas as pd

from icl.errors import UserError
from icl.metrics.effects import EFFECTS, SCORE_EFFECTS
from icl.metrics.levels import levels
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalise, possible_normalisations
from icl.metrics.outcomes import CHANNEL, prompt_outcomes
from icl.metrics.table import metrics_table

__all__ = ["measure"]


def measure(scores: pd.DataFrame, normalisation: str = DEFAULT_NORMALISATION) -> pd.DataFrame:
    """Compute levels and effects from a score table.

    Parameters
    ----------
    normalisation
        One of `icl.metrics.normalise.NORMALISATIONS`; the column of that name says which. Accuracy is given under each
        of them in any case (metric ``accuracy_by_normalisation``).

    Returns
    -------
    DataFrame
        Columns of `icl.metrics.table.METRIC_COLUMNS`.

    Raises
    ------
    UserError
        If no prompt has been scored, or the normalisation needs what was not asked.
    """
    outcomes = prompt_outcomes(normalise(scores, normalisation))
    if outcomes.empty:
        raise UserError("the score table holds no prompt that was scored; run the probe to its end first.")
    rows = levels(outcomes)
    for effect in EFFECTS.values():
        rows += effect(outcomes)
    for effect in SCORE_EFFECTS.values():
        rows += effect(scores)
    rows = [row | {"normalisation": _of(row, normalisation)} for row in rows]
    for how in possible_normalisations(scores):
        rows += [
            row | {"metric": "accuracy_by_normalisation", "normalisation": how, "contrast": how}
            for row in levels(prompt_outcomes(normalise(scores, how)), scores=("accuracy",))
            if how == _of(row, how)
        ]
    return metrics_table(rows)


def _of(row: dict, normalisation: str) -> str:
    """The channel method compares one text behind several labels: its sums are not normalised."""
    return DEFAULT_NORMALISATION if str(row["model"]).endswith(CHANNEL) else normalisation
