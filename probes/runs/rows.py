"""Answers to prompts as rows of the score table, and back."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Integer
from numpy import ndarray

from icl.prompts.render import Prompt
from icl.scores import CONTENT_FREE_COLUMNS, PROMPT_KEYS, SCORE_COLUMNS, first_rows, written_probes
from probes.runs.plan import Plan
from probes.scorers.scorer import NO_NUMBER, UNKNOWN_BOUNDARY, Answer

__all__ = ["Answers", "prompt_key", "score_rows", "stored_answers"]

type Answers = dict[str, Answer]
"""Prompt's identity → what was said of its candidates."""

_KEYS = (*(name for name in PROMPT_KEYS if name != "model"), "prompt_id")

_DTYPES = {column.name: column.dtype for column in SCORE_COLUMNS}

_SOURCES = ("selection", "labels", "order", "format")

_OF_CANDIDATE = {"candidate": "label", "candidate_text": "text"}

_COMPANION_COLUMNS = ("logprob_prior", *CONTENT_FREE_COLUMNS)
"""Where the answers to `Plan.companions` stand, in their order."""


def score_rows(prompts: Mapping[int, Prompt], answers: Answers, plan: Plan, *, model: str, run: str) -> pd.DataFrame:
    """Lay the answers to prompts, by their position in the plan, out as rows of the score table; strings as categories.

    What a prompt says of all its candidates is coded once for each prompt and repeated.
    """
    asked = list(prompts.values())
    sizes = np.array([len(prompt.candidates) for prompt in asked])
    keys = zip(*(prompt_key(prompt) for prompt in asked))
    shared: dict[str, Sequence[Any]] = dict(zip(_KEYS, keys)) | {
        "run": [run] * len(asked),
        "model": [model] * len(asked),
        "probe": [written_probes(prompt.probes) for prompt in asked],
        "number": list(prompts),
        "num_wrong_shown": [prompt.demonstrations.num_wrong_shown for prompt in asked],
        **{f"seed_{source}": [getattr(plan.seeds, source)] * len(asked) for source in _SOURCES},
    }
    columns = {name: _repeated(name, values, sizes) for name, values in shared.items()}
    columns |= _of_candidates(asked) | _of_answers([answers[prompt.prompt_id] for prompt in asked])
    columns |= _of_companions(asked, answers, plan)
    return pd.DataFrame({column.name: columns[column.name] for column in SCORE_COLUMNS}, copy=False)


def _repeated(name: str, values: Sequence[Any], sizes: Integer[ndarray, " num_prompts"]) -> Any:
    """One value a prompt as a column of all its rows."""
    if _DTYPES[name] == "str":
        codes, names = pd.factorize(np.array(values, dtype=object))
        return pd.Categorical.from_codes(np.repeat(codes, sizes), names)
    return _integers([-1 if value is None else value for value in values], [value is None for value in values], sizes)


def _integers(values: Any, missing: Any, sizes: Integer[ndarray, " num_prompts"] | int = 1) -> Any:
    """A column of whole numbers, some of which are missing."""
    repeated = np.repeat(np.asarray(values, dtype="int64"), sizes), np.repeat(np.asarray(missing, dtype=bool), sizes)
    return pd.arrays.IntegerArray(*repeated)


def _of_candidates(prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Columns that prompts alone tell of their candidates; what a label space says of them is laid out once."""
    spaces = list({id(prompt.candidates): prompt.candidates for prompt in prompts}.values())
    place = {id(space): index for index, space in enumerate(spaces)}
    which = np.array([place[id(prompt.candidates)] for prompt in prompts])
    starts = np.cumsum([0, *map(len, spaces)])
    sizes = np.array([len(prompt.candidates) for prompt in prompts])
    begins = np.cumsum(sizes) - sizes
    # Where each row's candidate stands in the spaces laid end to end.
    at = np.arange(sizes.sum()) + np.repeat(starts[which] - begins, sizes)
    listed = [candidate for space in spaces for candidate in space]
    found = {name: _coded([getattr(one, field) for one in listed], at) for name, field in _OF_CANDIDATE.items()}
    rows = int(sizes.sum())
    is_gold, is_mapped, is_last = (np.zeros(rows, dtype=bool) for _ in range(3))
    unmapped, unshown = (np.zeros(len(prompts), dtype=bool) for _ in range(2))
    times = np.zeros(rows, dtype="int64")
    for number, (prompt, begin) in enumerate(zip(prompts, begins.tolist())):
        is_gold[begin + prompt.gold_index] = True
        mapped = prompt.demonstrations.shown_for(prompt.gold_label)
        unmapped[number] = mapped is None
        if mapped in prompt.positions:
            is_mapped[begin + prompt.positions[mapped]] = True
        shown = prompt.shown_indices
        unshown[number] = not shown
        if shown:
            np.add.at(times, begin + np.array(shown), 1)
            is_last[begin + shown[-1]] = True
    return found | {
        "is_gold": is_gold,
        "is_mapped": pd.arrays.BooleanArray(is_mapped, np.repeat(unmapped, sizes)),
        "times_shown": _integers(times, np.repeat(unshown, sizes)),
        "is_last_shown": pd.arrays.BooleanArray(is_last, np.repeat(unshown, sizes)),
        "num_label_bytes": np.array([candidate.num_bytes for candidate in listed])[at],
    }


def _coded(names: Sequence[str], at: Integer[ndarray, " num_rows"]) -> pd.Categorical:
    codes, distinct = pd.factorize(np.array(names, dtype=object))
    return pd.Categorical.from_codes(codes[at], distinct)


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
        "status": pd.Categorical.from_codes(failed.astype(int), ["ok", "unscorable"]),
        "reason": pd.Categorical(np.where(failed, np.where(reason == "", NO_NUMBER, reason), "")),
    }


def _joined(answers: Sequence[Answer], name: str, default: Any, *, dtype: type | None = None) -> ndarray:
    """One column over all candidates of some prompts; `default` where an answer has no such column."""
    columns = [getattr(answer, name) for answer in answers]
    if all(column is None for column in columns):
        return np.full(sum(map(len, answers)), default, dtype=dtype)
    filled = (np.full(len(one), default) if column is None else column for one, column in zip(answers, columns))
    return np.concatenate([np.asarray(column, dtype=dtype) for column in filled])


def _of_companions(prompts: Sequence[Prompt], answers: Answers, plan: Plan) -> dict[str, ndarray]:
    """What each candidate has behind the label prefix alone and behind content-free queries; NaN where not asked."""
    found: dict[str, list[ndarray]] = {name: [] for name in _COMPANION_COLUMNS}
    for prompt in prompts:
        beside = [answers.get(one.prompt_id) for one in plan.companions(prompt)]
        for place, values in enumerate(found.values()):
            told = beside[place] if place < len(beside) else None
            values.append(np.full(len(prompt.candidates), np.nan) if told is None else told.logprob)
    return {name: np.concatenate(values) for name, values in found.items()}


def prompt_key(prompt: Prompt) -> tuple:
    """Name a prompt as the score table does."""
    named = prompt.factors | {
        "task": prompt.task,
        "query_id": prompt.query_id,
        "demonstration_set_id": prompt.demonstrations.set_id,
        "prompt_id": prompt.prompt_id,
    }
    return tuple(named[key] for key in _KEYS)


def stored_answers(parts: Iterable[pd.DataFrame], prompts: Sequence[Prompt], plan: Plan, *, model: str) -> Answers:
    """Read answers, and those to companions, of one model back from the rows of these prompts.

    Rows that are not ok give no answer.
    """
    prompt_of = {prompt.prompt_id: prompt for prompt in prompts}
    answers: Answers = {}
    beside: Answers = {}
    for part in parts:
        ok = part[((part["model"] == model) & (part["status"] == "ok")).to_numpy()]
        numbers = {name: ok[name].to_numpy() for name in ("logprob", "logprob_split", *_COMPANION_COLUMNS)}
        numbers["num_tokens"] = ok["num_label_tokens"].to_numpy(dtype=int)
        numbers["rank"] = ok["vocabulary_rank"].fillna(0).to_numpy(dtype=int)
        numbers["clean"] = ok["boundary_clean"].astype("Int8").fillna(UNKNOWN_BOUNDARY).to_numpy(dtype=np.int8)
        starts = np.flatnonzero(first_rows(ok))
        names = ok["prompt_id"].iloc[starts].astype(object)
        for prompt_id, start, end in zip(names, starts.tolist(), [*starts[1:].tolist(), len(ok)]):
            prompt = prompt_of.get(prompt_id)
            if prompt is None or prompt_id in answers or end - start < len(prompt.candidates):
                continue
            mine = {name: values[start:end] for name, values in numbers.items()}
            answers[prompt_id] = Answer(
                logprob=mine["logprob"],
                num_tokens=mine["num_tokens"],
                boundary_clean=mine["clean"],
                logprob_split=mine["logprob_split"],
                vocabulary_rank=mine["rank"],
            )
            for column, one in zip(_COMPANION_COLUMNS, plan.companions(prompt)):
                if not np.isnan(mine[column]).any():
                    beside[one.prompt_id] = Answer(logprob=mine[column])
    # A companion's row tells its log-probability only; where the same question is also a prompt, that answer is whole.
    asked = {prompt.prompt_id for prompt in plan.prompts}
    return {name: answer for name, answer in beside.items() if name not in asked} | answers
