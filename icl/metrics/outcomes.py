"""Prompt outcomes: the answers that are known, as metrics read them, and the scores that each of them has."""

import numpy as np
import pandas as pd

from icl.answers import answer_table
from icl.scores import PROMPT_KEYS as _KEYS

PROMPT_KEYS = list(_KEYS)

__all__ = ["PROMPT_KEYS", "SCORES", "known_answers", "prompt_outcomes", "total_variation"]

SCORES: dict[str, str] = {
    "accuracy": "share",
    "gold_probability": "probability",
    "log_score": "nats",
    "brier": "squared probability",
}
"""Per-prompt scores → unit. `gold_probability` is the continuous twin of accuracy; for `brier` lower is better."""


def prompt_outcomes(scores: pd.DataFrame, *, need: str = "accuracy") -> pd.DataFrame:
    """Keep the prompts of `icl.answers.answer_table` of which `need` is known, one of `SCORES`."""
    return known_answers(answer_table(scores), need=need)


def known_answers(answers: pd.DataFrame, *, need: str = "accuracy") -> pd.DataFrame:
    """Keep the answers of which `need` is known, one of `SCORES`."""
    return answers[answers[need].notna()].reset_index(drop=True)


def total_variation(first: pd.Series, second: pd.Series) -> np.ndarray:
    """Half the summed differences of two distributions a prompt: by how much probability the answers differ."""
    return 0.5 * np.array([np.abs(a - b).sum() for a, b in zip(first, second)])
