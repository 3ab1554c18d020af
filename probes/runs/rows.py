"""Answers to prompts as rows of the score table, and back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray

from icl.prompts.render import Prompt
from icl.scores import CONTENT_FREE_COLUMNS, PROMPT_KEYS, SCORE_COLUMNS
from probes.runs.plan import Plan
from probes.scorers.scorer import NO_NUMBER, UNKNOWN_BOUNDARY, Answer

__all__ = ["Answers", "prompt_key", "score_rows", "stored_answers", "stored_keys"]

type Answers = dict[str, Answer]
"""Prompt's identity → what was said of its candidates."""

_KEYS = (*(name for name in PROMPT_KEYS if name != "model"), "prompt_id")

_COMPANION_COLUMNS = ("logprob_prior", *CONTENT_FREE_COLUMNS)
"""Where the answers to `Plan.companions` stand, in their order."""


def score_rows(prompts: Mapping[int, Prompt], answers: Answers, plan: Plan, *, model: str, run: str) -> pd.DataFrame:
    """Lay the answers to prompts, by their position in the plan, out as rows of the score table."""
    asked = list(prompts.values())
    shared = pd.DataFrame([prompt_key(prompt) for prompt in asked], columns=list(_KEYS)).assign(
        run=run,
        model=model,
        probe=[",".join(prompt.probes) for prompt in asked],
        seed_selection=plan.seeds.selection,
        seed_labels=plan.seeds.labels,
        seed_order=plan.seeds.order,
        seed_format=plan.seeds.format,
        number=list(prompts),
        num_wrong_shown=[prompt.demonstrations.num_wrong_shown for prompt in asked],
    )
    sizes = [len(prompt.candidates) for prompt in asked]
    table = shared.loc[np.repeat(np.arange(len(asked)), sizes)].reset_index(drop=True)
    table = table.assign(**_of_candidates(asked), **_of_answers([answers[p.prompt_id] for p in asked]))
    for name, values in _of_companions(asked, answers, plan).items():
        table[name] = values
    return table.reindex(columns=[column.name for column in SCORE_COLUMNS])


def _of_candidates(prompts: Sequence[Prompt]) -> dict[str, list]:
    """Columns that prompts alone tell of their candidates."""
    candidates = [candidate for prompt in prompts for candidate in prompt.candidates]
    is_gold: list[bool] = []
    is_mapped: list[bool | None] = []
    times_shown: list[int | None] = []
    is_last: list[bool | None] = []
    for prompt in prompts:
        size, shown = len(prompt.candidates), prompt.shown_indices
        mapped = prompt.demonstrations.shown_for(prompt.gold_label)
        is_gold += [candidate.label == prompt.gold_label for candidate in prompt.candidates]
        is_mapped += [None if mapped is None else candidate.label == mapped for candidate in prompt.candidates]
        times_shown += np.bincount(shown, minlength=size).tolist() if shown else [None] * size
        is_last += [index == shown[-1] for index in range(size)] if shown else [None] * size
    return {
        "candidate": [candidate.label for candidate in candidates],
        "candidate_text": [candidate.text for candidate in candidates],
        "is_gold": is_gold,
        "is_mapped": is_mapped,
        "times_shown": times_shown,
        "is_last_shown": is_last,
        "num_label_bytes": [candidate.num_bytes for candidate in candidates],
    }


def _of_answers(answers: Sequence[Answer]) -> dict[str, Any]:
    """Columns that answers tell of their candidates."""
    logprob = _joined(answers, "logprob", math.nan)
    num_tokens = _joined(answers, "num_tokens", 1)
    failed = np.isnan(logprob)
    reason = _joined(answers, "reason", "", dtype=object)
    rank, clean = _joined(answers, "vocabulary_rank", 0), _joined(answers, "boundary_clean", UNKNOWN_BOUNDARY)
    return {
        "num_label_tokens": num_tokens,
        "logprob": logprob,
        "logprob_below": _joined(answers, "logprob_below", math.nan),
        "logprob_per_token": logprob / np.where(num_tokens > 0, num_tokens, np.nan),
        "logprob_split": _joined(answers, "logprob_split", math.nan),
        "vocabulary_rank": pd.arrays.IntegerArray(rank.astype("int64"), rank == 0),
        "boundary_clean": pd.arrays.BooleanArray(clean == 1, clean == UNKNOWN_BOUNDARY),
        "status": np.where(failed, "unscorable", "ok"),
        "reason": np.where(failed, np.where(reason == "", NO_NUMBER, reason), ""),
    }


def _joined(answers: Sequence[Answer], name: str, default: Any, *, dtype: type | None = None) -> ndarray:
    """One column over all candidates of some prompts; `default` where an answer has no such column."""
    columns = [getattr(answer, name) for answer in answers]
    if all(column is None for column in columns):
        return np.full(sum(map(len, answers)), default, dtype=dtype)
    filled = (np.full(len(one), default) if column is None else column for one, column in zip(answers, columns))
    return np.concatenate([np.asarray(column, dtype=dtype) for column in filled])


def _of_companions(prompts: Sequence[Prompt], answers: Answers, plan: Plan) -> dict[str, list[float]]:
    """What each candidate has behind the label prefix alone and behind content-free queries; NaN where not asked."""
    found: dict[str, list[float]] = {name: [] for name in _COMPANION_COLUMNS}
    for prompt in prompts:
        beside = [answers.get(one.prompt_id) for one in plan.companions(prompt)]
        for place, values in enumerate(found.values()):
            told = beside[place] if place < len(beside) else None
            values += [math.nan] * len(prompt.candidates) if told is None else told.logprob.tolist()
    return found


def prompt_key(prompt: Prompt) -> tuple:
    """Name a prompt as the score table does."""
    named = prompt.factors | {
        "task": prompt.task,
        "query_id": prompt.query_id,
        "demonstration_set_id": prompt.demonstrations.set_id,
        "prompt_id": prompt.prompt_id,
    }
    return tuple(named[key] for key in _KEYS)


def stored_keys(stored: pd.DataFrame) -> set[tuple]:
    """Name the prompts that one model's rows hold, as `prompt_key` does."""
    mine = stored[list(_KEYS)].drop_duplicates()
    return {tuple(None if pd.isna(value) else value for value in row) for row in mine.itertuples(index=False)}


def stored_answers(stored: pd.DataFrame, prompts: Sequence[Prompt], plan: Plan) -> Answers:
    """Read answers, and those to companions, back from one model's rows of these prompts.

    Rows that are not ok give no answer.
    """
    prompt_of = {prompt.prompt_id: prompt for prompt in prompts}
    answers: Answers = {}
    beside: Answers = {}
    ok = stored[(stored["status"] == "ok") & stored["prompt_id"].isin(prompt_of)]
    for prompt_id, rows in ok.drop_duplicates(["prompt_id", "candidate"]).groupby("prompt_id", sort=False):
        prompt = prompt_of[str(prompt_id)]
        if len(rows) < len(prompt.candidates):
            continue
        answers[prompt.prompt_id] = Answer(
            logprob=rows["logprob"].to_numpy(),
            num_tokens=rows["num_label_tokens"].to_numpy(dtype=int),
            boundary_clean=rows["boundary_clean"].astype("Int8").fillna(UNKNOWN_BOUNDARY).to_numpy(dtype=np.int8),
            logprob_split=rows["logprob_split"].to_numpy(),
            vocabulary_rank=rows["vocabulary_rank"].fillna(0).to_numpy(dtype=int),
        )
        for column, one in zip(_COMPANION_COLUMNS, plan.companions(prompt)):
            if not np.isnan(values := rows[column].to_numpy()).any():
                beside[one.prompt_id] = Answer(logprob=values)
    # A companion's row tells its log-probability only; where the same question is also a prompt, that answer is whole.
    asked = {prompt.prompt_id for prompt in plan.prompts}
    return {name: answer for name, answer in beside.items() if name not in asked} | answers
