"""What varied in a run: each outcome's level of every factor that can move an answer, and the factors that did not."""

from dataclasses import MISSING, dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from numpy import ndarray

from icl import factors
from icl.errors import UserError, unknown_name

__all__ = [
    "FACTORS",
    "MAX_LOG_ODDS",
    "MODEL_FACTORS",
    "PROMPT_FACTORS",
    "SAMPLING",
    "VARIANCE_SCORES",
    "VarianceLayout",
    "layout_of",
    "part_name",
]

PROMPT_FACTORS: dict[str, str] = {
    "demonstrations": "which demonstrations are shown",
    "order": "in which order, within a demonstration set",
    "format": "how they are written, the order of listed options included",
    "labels": "which labels they carry, label mode and draw within a demonstration set",
    "combination": "what the four above do only in combination",
}
"""Factors that a prompt is made of → meaning."""

MODEL_FACTORS: dict[str, str] = {
    "model": "which model answers, in each setting",
    "model_by_format": "how a model responds to a format",
    "model_by_demonstrations": "how a model responds to a demonstration set",
}
"""Factors of several models → meaning."""

_CROSSED = {f"model_by_{name}": ("model", name) for name in ("format", "demonstrations")}
"""Factor that crosses two others → these."""

SAMPLING = "sampling"
"""The part that is known: which questions were counted."""

FACTORS: dict[str, str] = {
    "query": "which query is asked",
    **PROMPT_FACTORS,
    **MODEL_FACTORS,
    SAMPLING: "which questions were counted, known from their number",
    "residual": "how a query responds to a prompt, beyond all other effects",
}
"""Every part of the variance → meaning."""

VARIANCE_SCORES: dict[str, str] = {"gold_log_odds": "nats", "accuracy": "nats, log-odds of a right answer"}
"""What can be split → unit of its standard deviations."""

MAX_LOG_ODDS = 15.0
"""Log-odds are cut here, in nats: beyond one in three million, probabilities are rounding."""

_SETTING = list(factors.condition_columns("model", "label_mode", "format"))
_ABSENT = {one.name: one.default for one in factors.FACTORS if one.default is not MISSING} | {"num_items": 1}
_NEEDED = ["model", "task", "query_id", "demonstration_set_id"]
_NEEDED += [one.name for one in factors.FACTORS if one.default is MISSING]


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceLayout:
    """Outcomes laid out by factor.

    Every level is one of a task: several tasks have levels and settings of their own, and share standard deviations.

    Attributes
    ----------
    score
        What is split, see `VARIANCE_SCORES`.
    models, tasks
        Their names.
    values
        The score of each outcome: nats (0 at chance), or 0 and 1; of questions that were counted together the log-odds
        of their share, with half a question added on either side, in nats.
    setting
        Task, number of shots, inputs, balance, example length and variant of each outcome, numbered: each setting has a
        mean of its own, so that what the settings differ by counts for no factor.
    task, model
        Number of each outcome's task, and of its model.
    levels
        Factor → number of each outcome's level. Only factors that varied and can be told from the others.
    absent
        Other factor → why it is not there.
    sampling
        Of counted questions: mean variance of the log-odds by which questions were asked, nats squared; None where
        each outcome is of one prompt.
    """

    score: str
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    values: Float[ndarray, " num_outcomes"]
    setting: Integer[ndarray, " num_outcomes"]
    task: Integer[ndarray, " num_outcomes"]
    model: Integer[ndarray, " num_outcomes"]
    levels: dict[str, Integer[ndarray, " num_outcomes"]]
    absent: dict[str, str]
    sampling: float | None = None

    def __post_init__(self) -> None:
        """Refuse scores that are not what their name says."""
        if not np.isfinite(self.values).all():
            raise UserError(
                f"{(~np.isfinite(self.values)).sum()} of {len(self.values)} scores are missing or infinite; leave "
                "those prompts out."
            )
        if (
            self.score == "accuracy"
            and self.sampling is None
            and (bad := (self.values != 0) & (self.values != 1)).any()
        ):
            raise UserError(
                f"accuracy is 1 or 0 for each prompt, got {self.values[bad][0]:g} in {bad.sum()} of {len(bad)} rows; "
                "give one row per prompt, shares with their num_items, or split gold_log_odds, which takes "
                "probabilities."
            )

    @property
    def num_levels(self) -> dict[str, int]:
        """Number of levels of each factor."""
        return {name: int(codes.max()) + 1 for name, codes in self.levels.items()}


def layout_of(outcomes: pd.DataFrame, score: str = "gold_log_odds") -> VarianceLayout:
    """Lay out the prompts with demonstrations; zero-shot ones only where several models answered nothing else.

    Prompts without the score, those that could not be scored, are left out too.

    Raises
    ------
    UserError
        If no prompt has the score, neither model nor anything about the prompts varied, or a score is none: accuracies
        other than 0 and 1 of single prompts, probabilities outside [0, 1].
    """
    if score not in VARIANCE_SCORES:
        raise unknown_name("score", score, VARIANCE_SCORES)
    own = ["accuracy"] if score == "accuracy" else ["gold_probability", "num_candidates"]
    if missing := [name for name in [*_NEEDED, *own] if name not in outcomes]:
        raise UserError(
            f"columns {missing} of the outcomes are missing; icl.metrics.outcomes.prompt_outcomes makes them."
        )
    rows = outcomes.assign(**{name: value for name, value in _ABSENT.items() if name not in outcomes})
    shown = rows[rows["num_shots"] > 0]
    if shown.empty and rows["model"].nunique() < 2:
        raise UserError(
            "no prompt shows demonstrations, so there is nothing to split; run the probe with shots above 0."
        )
    rows = rows if shown.empty else shown
    rows = rows[rows[own].notna().all(axis=1)]
    if rows.empty:
        instead = ""
        if own[0] != "accuracy" and "accuracy" in outcomes and outcomes["accuracy"].notna().any():
            instead = "; split accuracy, which needs no probabilities"
        raise UserError(f"no prompt with demonstrations has the score {own[0]}{instead or ', so none can be split'}.")
    counted = bool((rows["num_items"] > 1).any())
    levels, reasons = _levels(rows, counted=counted)
    if not set(levels) & {*PROMPT_FACTORS, *MODEL_FACTORS}:
        raise UserError(
            "all prompts have the same demonstrations, order, format and labels, so there is nothing to split; run the "
            "probe with two or more demonstration sets, formats or label modes."
        )
    values, sampling = _counted(rows) if counted else (_values(rows, score), None)
    return VarianceLayout(
        score=score,
        models=tuple(dict.fromkeys(map(str, rows["model"]))),
        tasks=tuple(dict.fromkeys(map(str, rows["task"]))),
        values=values,
        setting=_codes(rows, _SETTING),
        task=_codes(rows, ["task"]),
        model=_codes(rows, ["model"]),
        levels=levels,
        absent=reasons,
        sampling=sampling,
    )


def _counted(rows: pd.DataFrame) -> tuple[Float[ndarray, " num_outcomes"], float]:
    """Empirical log-odds of counted questions, and the mean of their sampling variances (Cox 1970)."""
    if (rows["num_items"] < 2).any():
        raise UserError(
            "some outcomes are of one question and others count several, whose variances are not comparable; import "
            "them into runs of their own."
        )
    right = (rows["accuracy"] * rows["num_items"]).to_numpy(dtype=float) + 0.5
    wrong = rows["num_items"].to_numpy(dtype=float) + 1 - right
    return np.log(right / wrong), float((1 / right + 1 / wrong).mean())


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


def _levels(rows: pd.DataFrame, *, counted: bool) -> tuple[dict[str, ndarray], dict[str, str]]:
    """Levels of the factors that varied and can be told apart, and why the others are left out."""
    shown = ["demonstration_set_id", *_SETTING]
    labels = ["label_mode", "label_draw"]
    written = ["task", "format", "option_order"]
    several_models = rows["model"].nunique() > 1
    keys = {
        "query": ["task", "query_id"],
        "demonstrations": shown,
        "order": [*shown, "order"],
        "format": written,
        "labels": [*shown, *labels],
        "combination": [*shown, "order", *written[1:], *labels],
        "model": ["model", *_SETTING],
        "model_by_format": ["model", *written],
        "model_by_demonstrations": ["model", *shown],
    }
    varies = {
        "query": rows["query_id"].nunique() > 1 and not counted,
        "demonstrations": _nested(rows, _SETTING, ["demonstration_set_id"]),
        "order": _nested(rows, shown, ["order"]),
        "format": _nested(rows, ["task"], written[1:]),
        "labels": _nested(rows, shown, labels),
        "combination": True,
        "model": several_models,
    }
    varies |= {name: several_models and varies[other] for name, (_, other) in _CROSSED.items()}
    kept: dict[str, ndarray] = {}
    reasons = {}
    for name, columns in keys.items():
        codes = _codes(rows, columns)
        twin = next((other for other, theirs in kept.items() if _same_partition(codes, theirs)), None)
        if name == "query" and counted:
            reasons[name] = "questions were counted together"
        elif not varies[name] or (name == "combination" and len(set(kept) & set(PROMPT_FACTORS)) < 2):
            reasons[name] = "not varied"
        elif codes.max() + 1 == len(codes):
            reasons[name] = "each level was asked once, so it is part of the residual"
        elif twin is not None:
            reasons[name] = (
                "not varied" if name == "combination" else f"varied only together with {twin}, and counted there"
            )
        else:
            kept[name] = codes
    if not several_models:
        reasons = {name: reason for name, reason in reasons.items() if name not in MODEL_FACTORS}
    return kept, reasons


def _nested(rows: pd.DataFrame, parent: list[str], child: list[str]) -> bool:
    """Whether any parent has several children."""
    pairs = rows[[*parent, *child]].drop_duplicates()
    return bool(pairs.duplicated(parent).any())


def _same_partition(one: Integer[ndarray, " n"], other: Integer[ndarray, " n"]) -> bool:
    pairs = len(np.unique(one * (other.max() + 1) + other))
    return bool(pairs == one.max() + 1 == other.max() + 1)


def _codes(rows: pd.DataFrame, columns: list[str]) -> Integer[ndarray, " num_outcomes"]:
    """Number the levels that columns tell together, in the order of their names."""
    return rows.groupby(columns, dropna=False, sort=True).ngroup().to_numpy()


def part_name(name: str) -> str:
    """Write a part of the variance for people, such as ``model × format``."""
    return " × ".join(_CROSSED.get(name, (name,)))
