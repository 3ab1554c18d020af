"""Prompt outcomes: the answers that are known, as metrics read them, and the scores that each of them has.

Which labels a server tells hangs on the model's answer: it tells what the model finds likely. A mean over the prompts
whose probabilities are known would therefore be one over prompts of a kind. So where a condition's predictions are
known and its probabilities are not, beyond `MOST_UNTOLD` of the prompts, it has no probabilities at all.
"""

import numpy as np
import pandas as pd

from icl.answers import MOST_UNTOLD, answer_table
from icl.factors import condition_columns
from icl.scores import PROMPT_KEYS as _KEYS

PROMPT_KEYS = list(_KEYS)

__all__ = [
    "CONDITION",
    "PROMPT_KEYS",
    "known_answers",
    "lacking_conditions",
    "prompt_outcomes",
    "total_variation",
]

CONDITION = condition_columns()
"""Columns that together name what levels are averaged over."""


def prompt_outcomes(scores: pd.DataFrame, *, need: str = "accuracy") -> pd.DataFrame:
    """Keep the prompts of `icl.answers.answer_table` of which `need`, one of `SCORES`, is known."""
    return known_answers(answer_table(scores), need=need)


def known_answers(answers: pd.DataFrame, *, need: str = "accuracy") -> pd.DataFrame:
    """Keep the answers of which `need`, one of `SCORES`, is known; probabilities of whole conditions or none."""
    answers = answers[answers["accuracy"].notna()]
    unsure = lacking_conditions(answers, answers["gold_probability"].isna())
    if unsure.any():
        numbers = ["confidence", "gold_probability", "brier", "mapped_probability", "log_score"]
        answers = answers.assign(**{name: answers[name].mask(unsure) for name in numbers})
        if "distribution" in answers:  # left out where metrics read no candidates
            nothing = answers["num_candidates"].fillna(0).map(lambda size: np.full(int(size), np.nan))
            answers = answers.assign(distribution=answers["distribution"].where(~unsure, nothing))
    untold = lacking_conditions(answers, answers["log_score"].isna(), most=0.0)
    answers = answers.assign(log_score=answers["log_score"].mask(untold))
    return answers[answers[need].notna()].reset_index(drop=True)


def lacking_conditions(answers: pd.DataFrame, lacks: pd.Series, *, most: float = MOST_UNTOLD) -> pd.Series:
    """Flag every answer of the conditions of which more than a share `most` of the prompts lacks something."""
    if not lacks.any():
        return lacks
    return lacks.groupby([answers[name] for name in CONDITION], dropna=False).transform("mean") > most


def total_variation(first: pd.Series, second: pd.Series) -> np.ndarray:
    """Half the summed differences of two distributions a prompt: by how much probability the answers differ."""
    return 0.5 * np.array([np.abs(a - b).sum() for a, b in zip(first, second)])
