"""Answers to prompts as rows of the score table, and back."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from icl.prompts.render import Prompt
from icl.scores import CONTENT_FREE_COLUMNS, PROMPT_KEYS, SCORE_COLUMNS
from probes.runs.plan import Plan
from probes.scorers.scorer import Answer

__all__ = ["Answers", "prompt_key", "score_rows", "stored_answers", "stored_keys"]

type Answers = dict[str, list[Answer]]
"""Prompt's identity → what was said of each candidate."""

_KEYS = (*(name for name in PROMPT_KEYS if name != "model"), "prompt_id")

_COMPANION_COLUMNS = ("logprob_prior", *CONTENT_FREE_COLUMNS)
"""Where the answers to `Plan.companions` stand, in their order."""


def score_rows(prompts: Mapping[int, Prompt], answers: Answers, plan: Plan, *, model: str, run: str) -> pd.DataFrame:
    """Lay the answers to prompts, by their position in the plan, out as rows of the score table."""
    rows = []
    for number, prompt in prompts.items():
        shared = {
            "run": run,
            "model": model,
            "probe": ",".join(prompt.probes),
            "seed_selection": plan.seeds.selection,
            "seed_labels": plan.seeds.labels,
            "seed_order": plan.seeds.order,
            "seed_format": plan.seeds.format,
            "number": number,
            "num_wrong_shown": prompt.demonstrations.num_wrong_shown,
        } | dict(zip(_KEYS, prompt_key(prompt)))
        shown = prompt.shown_indices
        counts = np.bincount(shown, minlength=len(prompt.candidates)) if shown else [None] * len(prompt.candidates)
        mapped = prompt.demonstrations.shown_for(prompt.gold_label)
        beside = [answers.get(one.prompt_id) for one in plan.companions(prompt)]
        for index, (candidate, answer) in enumerate(zip(prompt.candidates, answers[prompt.prompt_id])):
            failed = math.isnan(answer.logprob)
            rows.append(
                shared
                | {
                    "candidate": candidate.label,
                    "candidate_text": candidate.text,
                    "is_gold": candidate.label == prompt.gold_label,
                    "is_mapped": None if mapped is None else candidate.label == mapped,
                    "times_shown": counts[index],
                    "is_last_shown": index == shown[-1] if shown else None,
                    "num_label_tokens": answer.num_tokens,
                    "num_label_bytes": candidate.num_bytes,
                    "logprob": answer.logprob,
                    "logprob_per_token": answer.logprob / answer.num_tokens if answer.num_tokens else math.nan,
                    "logprob_split": answer.logprob_split,
                    "vocabulary_rank": answer.vocabulary_rank,
                    "boundary_clean": answer.boundary_clean,
                    "status": "unscorable" if failed else "ok",
                    "reason": (answer.reason or "the scorer gave no number") if failed else "",
                }
                | {name: one[index].logprob for name, one in zip(_COMPANION_COLUMNS, beside) if one is not None}
            )
    return pd.DataFrame(rows, columns=[column.name for column in SCORE_COLUMNS])


def prompt_key(prompt: Prompt) -> tuple:
    """Name a prompt as the score table does."""
    shown = prompt.demonstrations
    named = {
        "task": prompt.task,
        "label_mode": shown.label_mode if len(shown) else "zero_shot",
        "input_mode": shown.input_mode,
        "balance": shown.balance,
        "label_draw": shown.label_draw,
        "format": prompt.format,
        "order": shown.order,
        "option_order": prompt.option_order,
        "method": prompt.method,
        "num_shots": len(shown),
        "example_length": prompt.example_length,
        "query_id": prompt.query_id,
        "demonstration_set_id": shown.set_id,
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
        answers[prompt.prompt_id] = [
            Answer(
                logprob=row.logprob,
                num_tokens=int(row.num_label_tokens),
                boundary_clean=None if pd.isna(row.boundary_clean) else bool(row.boundary_clean),
                logprob_split=row.logprob_split,
                vocabulary_rank=None if pd.isna(row.vocabulary_rank) else int(row.vocabulary_rank),
            )
            for row in rows.itertuples()
        ]
        for column, one in zip(_COMPANION_COLUMNS, plan.companions(prompt)):
            if not np.isnan(values := rows[column].to_numpy()).any():
                beside[one.prompt_id] = [Answer(float(value)) for value in values]
    # A companion's row tells its log-probability only; where the same question is also a prompt, that answer is whole.
    asked = {prompt.prompt_id for prompt in plan.prompts}
    return {name: answer for name, answer in beside.items() if name not in asked} | answers
