"""All metrics that the answers of a run feed, in one table."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from icl.answers import GOLD_UNTOLD, OF_CANDIDATES, answer_table, nothing_known
from icl.errors import UserError
from icl.metrics.assemble import metrics_table
from icl.metrics.catalogue import ACROSS_NORMALISATIONS, EFFECTS, METRICS
from icl.metrics.metric import SCORES
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalise, possible_normalisations, used_normalisation
from icl.metrics.outcomes import CONDITION, known_answers
from icl.metrics.table import as_drawn, asked_once, metric_row, settings
from icl.metrics.uncertainty import Estimate

__all__ = ["measure", "measure_scores"]

_NEEDS = tuple(dict.fromkeys(metric.need_of(score) for metric in METRICS.values() for score in metric.scores or ("",)))
"""Columns of an answer of which some metrics need one and some another."""

_FEWEST_CANDIDATES = 2
"""Stands in where an imported table does not tell how many there were, for arrays that no row is kept of."""


def measure(
    answers: Callable[[str], pd.DataFrame],
    normalisation: str = DEFAULT_NORMALISATION,
    *,
    possible: Sequence[str] = (DEFAULT_NORMALISATION,),
) -> pd.DataFrame:
    """Compute levels and effects from the answers of a run.

    Parameters
    ----------
    answers
        (normalisation) → the answer table under it, see `icl.answers.answer_table`.
    normalisation
        One of `icl.metrics.normalise.NORMALISATIONS`; the column of that name says which. Accuracy is given under each
        of those that are possible in any case (metric ``accuracy_by_normalisation``).
    possible
        Normalisations for which every prompt has what they need, see `icl.metrics.normalise.possible_normalisations`.

    Returns
    -------
    DataFrame
        Columns of `icl.metrics.table.METRIC_COLUMNS`.

    Raises
    ------
    UserError
        If no prompt has been scored, or the normalisation needs what was not asked.
    """
    asked = answers(normalisation)
    if asked.empty:
        raise UserError("the score table holds no prompt that was scored; run the probe to its end first.")
    if asked["accuracy"].isna().all():
        raise UserError(nothing_known(asked))
    under = {  # without the columns that take most memory
        how: (asked if how == normalisation else answers(how)).drop(columns=list(OF_CANDIDATES)) for how in possible
    }
    rows = _rows(asked)
    for effect in ACROSS_NORMALISATIONS.values():
        rows += effect(under)
    own = [row["normalisation"] or used_normalisation(str(row["method"]), normalisation) for row in rows]
    return metrics_table([row | {"normalisation": how} for row, how in zip(rows, own)])


def measure_scores(scores: pd.DataFrame, normalisation: str = DEFAULT_NORMALISATION) -> pd.DataFrame:
    """Compute levels and effects from a score table that is in memory; see `measure`."""

    def answers(how: str) -> pd.DataFrame:
        return answer_table(normalise(scores, how))

    return measure(answers, normalisation, possible=possible_normalisations(scores))


def _rows(answers: pd.DataFrame) -> list[dict]:
    """Levels and effects, each of the prompts of which what it needs is known."""
    outcomes = known_answers(answers)
    if not outcomes[list(_NEEDS)].isna().any(axis=None):
        return _effects(outcomes)
    rows = _unknown_levels(answers, outcomes)
    computed: dict[bytes, list[dict]] = {}
    for need in _NEEDS:
        known = outcomes[need].notna()
        if known.any():
            those = known.to_numpy().tobytes()
            if those not in computed:
                computed[those] = _effects(_filled(outcomes[known].reset_index(drop=True)))
            rows += [row for row in computed[those] if METRICS[row["metric"]].need_of(row["score"]) == need]
    return rows


def _unknown_levels(answers: pd.DataFrame, outcomes: pd.DataFrame) -> list[dict]:
    """Rows without a number, with the reason, for the scores that conditions lack."""
    rows = []
    told = answers[answers["accuracy"].notna()].reset_index(drop=True)  # the same prompts as the outcomes
    drawn = as_drawn(outcomes)
    is_told = drawn["candidates"].isna() if "candidates" in drawn else pd.Series(False, index=drawn.index)
    for score in SCORES:
        # An imported table lacks it throughout, which is said once for each model and task.
        for asked in (*settings(drawn[~is_told], *CONDITION), *settings(drawn[is_told], "model", "task")):
            if asked[score].notna().any():
                continue
            mine = told.loc[asked.index]
            gone = mine[mine[score].isna()]
            why = gone["reason_of_probability"].replace("", GOLD_UNTOLD).mode()
            reason = f"not known for all prompts: {why.iloc[0]}"
            names = {"score": score, "label_mode": asked["label_mode"].iloc[0]}
            rows.append(metric_row(asked_once(asked), score, Estimate.missing(reason), **names))
    return rows


def _effects(outcomes: pd.DataFrame) -> list[dict]:
    return [row for effect in EFFECTS.values() for row in effect(outcomes)]


def _filled(known: pd.DataFrame) -> pd.DataFrame:
    """Put a guess where a probability is not known but some are; no row that rests on one is kept."""
    known = known.assign(num_candidates=known["num_candidates"].fillna(_FEWEST_CANDIDATES).astype(int))
    guess = 1 / known["num_candidates"]
    alike = known["num_candidates"].map(lambda size: np.full(size, 1 / size))
    named = known["num_candidates"].map(lambda size: ("",) * size)
    unknown = known["gold_probability"].isna()
    guesses = {name: guess for name in ("confidence", "gold_probability", "brier")} | {"log_score": np.log(guess)}
    filled = {name: known[name].fillna(value) for name, value in guesses.items() if known[name].notna().any()}
    filled["mapped_probability"] = known["mapped_probability"].mask(unknown & known["mapped"].notna(), guess)
    filled |= {name: known[name].where(known[name].notna(), "") for name in ("gold", "prediction")}
    filled["candidates"] = known["candidates"].where(known["candidates"].notna(), named)
    return known.assign(**filled, distribution=known["distribution"].where(~unknown, alike))
