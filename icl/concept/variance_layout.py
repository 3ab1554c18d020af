"""What varied in a run: each outcome's level of every factor that can move an answer, and the factors that did not."""

from dataclasses import MISSING, dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from numpy import ndarray

from icl import factors
from icl.errors import UserError, unknown_name

__all__ = ["FACTORS", "MAX_LOG_ODDS", "PROMPT_FACTORS", "VARIANCE_SCORES", "VarianceLayout", "layout_of"]

PROMPT_FACTORS: dict[str, str] = {
    "demonstrations": "which demonstrations are shown",
    "order": "in which order, within a demonstration set",
    "format": "how they are written, the order of listed options included",
    "labels": "which labels they carry, label mode and draw within a demonstration set",
    "combination": "what the four above do only in combination",
}
"""Factors that a prompt is made of → meaning."""

FACTORS: dict[str, str] = {
    "query": "which query is asked",
    **PROMPT_FACTORS,
    "residual": "how a query responds to a prompt, beyond all other effects",
}
"""Every part of the variance → meaning."""

VARIANCE_SCORES: dict[str, str] = {"gold_log_odds": "nats", "accuracy": "nats, log-odds of a right answer"}
"""What can be split → unit of its standard deviations."""

MAX_LOG_ODDS = 15.0
"""Log-odds are cut here, in nats: beyond one in three million, probabilities are rounding."""

_SETTING = list(factors.condition_columns("model", "task", "label_mode", "format"))
_ABSENT = {one.name: one.default for one in factors.FACTORS if one.default is not MISSING}
_NEEDED = ["model", "task", "query_id", "demonstration_set_id"]
_NEEDED += [one.name for one in factors.FACTORS if one.default is MISSING]


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceLayout:
    """Outcomes of one model on one task, laid out by factor.

    Attributes
    ----------
    score
        What is split, see `VARIANCE_SCORES`.
    values
        The score of each outcome: nats (0 at chance), or 0 and 1.
    setting
        Number of shots, inputs, balance and example length of each outcome, numbered: each setting has a mean of its
        own, so that what the settings differ by counts for no factor.
    levels
        Factor → number of each outcome's level. Only factors that varied and can be told from the others.
    absent
        Other factor → why it is not there.
    """

    score: str
    model: str
    task: str
    values: Float[ndarray, " num_outcomes"]
    setting: Integer[ndarray, " num_outcomes"]
    levels: dict[str, Integer[ndarray, " num_outcomes"]]
    absent: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse scores that are not what their name says."""
        if not np.isfinite(self.values).all():
            raise UserError(
                f"{(~np.isfinite(self.values)).sum()} of {len(self.values)} scores are missing or infinite; leave "
                "those prompts out."
            )
        if self.score == "accuracy" and (bad := (self.values != 0) & (self.values != 1)).any():
            raise UserError(
                f"accuracy is 1 or 0 for each prompt, got {self.values[bad][0]:g} in {bad.sum()} of {len(bad)} rows; "
                "give one row per prompt, or split gold_log_odds, which takes probabilities."
            )

    @property
    def num_levels(self) -> dict[str, int]:
        """Number of levels of each factor."""
        return {name: int(codes.max()) + 1 for name, codes in self.levels.items()}


def layout_of(outcomes: pd.DataFrame, score: str = "gold_log_odds") -> VarianceLayout:
    """Lay out the prompts with demonstrations; zero-shot prompts have no factor but the query and are left out.

    Prompts without the score, those that could not be scored, are left out too.

    Raises
    ------
    UserError
        If the outcomes are of several models or tasks, no prompt has the score, nothing about their prompts varied, or
        a score is none: accuracies other than 0 and 1, probabilities outside [0, 1].
    """
    if score not in VARIANCE_SCORES:
        raise unknown_name("score", score, VARIANCE_SCORES)
    own = ["accuracy"] if score == "accuracy" else ["gold_probability", "num_candidates"]
    if missing := [name for name in [*_NEEDED, *own] if name not in outcomes]:
        raise UserError(
            f"columns {missing} of the outcomes are missing; icl.metrics.outcomes.prompt_outcomes makes them."
        )
    for name in ("model", "task"):
        if outcomes[name].nunique() > 1:
            raise UserError(f"one fit takes one {name}, got {', '.join(outcomes[name].unique())}; fit each separately.")
    rows = outcomes.assign(**{name: value for name, value in _ABSENT.items() if name not in outcomes})
    rows = rows[rows["num_shots"] > 0]
    if rows.empty:
        raise UserError(
            "no prompt shows demonstrations, so there is nothing to split; run the probe with shots above 0."
        )
    rows = rows[rows[own].notna().all(axis=1)]
    if rows.empty:
        instead = ""
        if own[0] != "accuracy" and "accuracy" in outcomes and outcomes["accuracy"].notna().any():
            instead = "; split accuracy, which needs no probabilities"
        raise UserError(f"no prompt with demonstrations has the score {own[0]}{instead or ', so none can be split'}.")
    levels, reasons = _levels(rows)
    if not set(levels) & set(PROMPT_FACTORS):
        raise UserError(
            "all prompts have the same demonstrations, order, format and labels, so there is nothing to split; run the "
            "probe with two or more demonstration sets, formats or label modes."
        )
    return VarianceLayout(
        score=score,
        model=str(rows["model"].iloc[0]),
        task=str(rows["task"].iloc[0]),
        values=_values(rows, score),
        setting=_codes(rows, _SETTING),
        levels=levels,
        absent=reasons,
    )


def _values(rows: pd.DataFrame, score: str) -> Float[ndarray, " num_outcomes"]:
    if score == "accuracy":
        return rows["accuracy"].to_numpy(dtype=float)
    p, candidates = (rows[name].to_numpy(dtype=float) for name in ("gold_probability", "num_candidates"))
    if (bad := (p < 0) | (p > 1)).any():
        raise UserError(
            f"gold_probability is a share in [0, 1], got {p[bad][0]:g} in {bad.sum()} of {len(p)} rows; give "
            "probabilities, not percentages or logarithms."
        )
    if (candidates < 2).any():
        raise UserError(f"log-odds need two or more candidates, got {candidates.min():g}; correct num_candidates.")
    with np.errstate(divide="ignore"):
        log_odds = np.log(p) - np.log1p(-p)
    return np.clip(log_odds + np.log(candidates - 1), -MAX_LOG_ODDS, MAX_LOG_ODDS)


def _levels(rows: pd.DataFrame) -> tuple[dict[str, ndarray], dict[str, str]]:
    """Levels of the factors that varied and can be told apart, and why the others are left out."""
    shown = ["demonstration_set_id", *_SETTING]
    repeated = [factors.get_factor(name) for name in factors.REPEATED_FACTORS if name != "order"]
    labels = ["label_mode", *(one.name for one in repeated if not one.matters_bare)]
    written = ["format", *(one.name for one in repeated if one.matters_bare)]
    keys = {
        "query": ["query_id"],
        "demonstrations": shown,
        "order": [*shown, "order"],
        "format": written,
        "labels": [*shown, *labels],
        "combination": [*shown, "order", *written, *labels],
    }
    several = {
        "query": rows["query_id"].nunique() > 1,
        "demonstrations": rows["demonstration_set_id"].nunique() > 1,
        "order": _nested(rows, shown, ["order"]),
        "format": len(rows[written].drop_duplicates()) > 1,
        "labels": _nested(rows, shown, labels),
        "combination": True,
    }
    kept: dict[str, ndarray] = {}
    reasons = {}
    for name, columns in keys.items():
        codes = _codes(rows, columns)
        twin = next((other for other, theirs in kept.items() if _same_partition(codes, theirs)), None)
        if not several[name] or (name == "combination" and len(set(kept) & set(PROMPT_FACTORS)) < 2):
            reasons[name] = "not varied"
        elif codes.max() + 1 == len(codes):
            reasons[name] = "each level was asked once, so it is part of the residual"
        elif twin is not None:
            reasons[name] = (
                "not varied" if name == "combination" else f"varied only together with {twin}, and counted there"
            )
        else:
            kept[name] = codes
    return kept, reasons


def _nested(rows: pd.DataFrame, parent: list[str], child: list[str]) -> bool:
    """Whether any parent has several children."""
    pairs = rows[[*parent, *child]].drop_duplicates()
    return bool(pairs.duplicated(parent).any())


def _same_partition(one: Integer[ndarray, " n"], other: Integer[ndarray, " n"]) -> bool:
    pairs = len(np.unique(one * (other.max() + 1) + other))
    return bool(pairs == one.max() + 1 == other.max() + 1)


def _codes(rows: pd.DataFrame, columns: list[str]) -> Integer[ndarray, " num_outcomes"]:
    return rows.groupby(columns, dropna=False, sort=False).ngroup().to_numpy()
