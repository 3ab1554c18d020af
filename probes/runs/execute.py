"""Score what a plan asks, part by part, skipping what a run folder already holds."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.metrics.measure import measure
from icl.prompts.render import Prompt
from icl.scores import SCORE_COLUMNS
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder, create_run
from probes.runs.plan import Plan, make_plan
from probes.runs.versions import versions
from probes.scorers.scorer import LabelAudit, Scorer

__all__ = ["execute", "run_experiment", "score_rows"]

_PART = 128
"""Prompts that are scored between two writes: a kill loses no more than these."""

_KEYS = (
    *("task", "label_mode", "input_mode", "format", "order", "num_shots", "example_length"),
    *("query_id", "demonstration_set_id", "prompt_id"),
)

type Answers = dict[str, tuple[np.ndarray, list[LabelAudit]]]
"""Prompt's identity → nats and tokens of each candidate."""


def execute(folder: RunFolder, plan: Plan, *, progress: Callable[[str, int, int], None] | None = None) -> pd.DataFrame:
    """Score every prompt of the plan with every scorer, then measure; return the metrics table.

    Parameters
    ----------
    progress
        Called with (model, prompts done, prompts in all) after every part.

    Raises
    ------
    UserError
        If the folder holds scores of a model that has changed since, or a scorer fails; what was scored stays.
    """
    with folder.locked():
        return _execute(folder, plan, progress)


def _execute(folder: RunFolder, plan: Plan, progress: Callable[[str, int, int], None] | None) -> pd.DataFrame:
    manifest = _manifest(folder, plan)
    folder.write_manifest(manifest)
    stored = folder.scores()
    began = time.perf_counter()
    for scorer in plan.scorers:
        done = _finished(stored, scorer.name)
        waiting = [prompt for prompt in plan.prompts if _key(prompt) not in done]
        answers = _answered(stored, scorer.name, waiting)
        total = len(plan.prompts)
        for start in range(0, len(waiting), _PART):
            part = waiting[start : start + _PART]
            _ask(scorer, part, answers)
            folder.add_scores(score_rows(scorer, part, answers, plan, run=folder.path.name))
            if progress:
                progress(scorer.name, total - len(waiting) + start + len(part), total)
    metrics = measure(folder.scores())
    folder.write_metrics(metrics)
    manifest["state"] = "finished"
    manifest["seconds"] = round(manifest["seconds"] + time.perf_counter() - began, 1)
    folder.write_manifest(manifest)
    return metrics


def run_experiment(experiment: Experiment, out: Path) -> RunFolder:
    """Plan, check and execute an experiment into the run folder `out`; the call for notebooks."""
    plan = make_plan(experiment)
    folder = create_run(out, experiment)
    execute(folder, plan)
    return folder


def _ask(scorer: Scorer, prompts: Sequence[Prompt], answers: Answers) -> None:
    """Add the answers to questions that are not answered yet, each asked once.

    Questions recur: without demonstrations every demonstration set asks the same, and labels that were drawn or
    shuffled may come out as the gold ones.
    """
    new = {prompt.prompt_id: prompt for prompt in prompts if prompt.prompt_id not in answers}
    if new:
        asked = list(new.values())
        answers.update(zip(new, zip(scorer(asked), scorer.audit(asked))))


def score_rows(scorer: Scorer, prompts: Sequence[Prompt], answers: Answers, plan: Plan, *, run: str) -> pd.DataFrame:
    """Lay the answers to prompts out as rows of the score table."""
    rows = []
    for prompt in prompts:
        logprobs, audit = answers[prompt.prompt_id]
        shared = {
            "run": run,
            "model": scorer.name,
            "probe": ",".join(prompt.probes),
            "seed_selection": plan.seeds.selection,
            "seed_labels": plan.seeds.labels,
            "seed_order": plan.seeds.order,
            "seed_format": plan.seeds.format,
            "num_wrong_shown": prompt.demonstrations.num_wrong_shown,
        } | dict(zip(_KEYS, _key(prompt)))
        for candidate, logprob, label in zip(prompt.candidates, logprobs, audit):
            failed = np.isnan(logprob)
            rows.append(
                shared
                | {
                    "candidate": candidate.label,
                    "candidate_text": candidate.text,
                    "is_gold": candidate.label == prompt.gold_label,
                    "num_label_tokens": label.num_label_tokens,
                    "logprob": logprob,
                    "logprob_per_token": logprob / label.num_label_tokens,
                    "boundary_clean": label.boundary_clean,
                    "status": "unscorable" if failed else "ok",
                    "reason": "the scorer gave no number" if failed else "",
                }
            )
    return pd.DataFrame(rows, columns=[column.name for column in SCORE_COLUMNS])


def _key(prompt: Prompt) -> tuple:
    return (
        prompt.task,
        prompt.demonstrations.label_mode if len(prompt.demonstrations) else "zero_shot",
        prompt.input_mode,
        prompt.format,
        prompt.order,
        len(prompt.demonstrations),
        prompt.example_length,
        prompt.query_id,
        prompt.demonstrations.set_id,
        prompt.prompt_id,
    )


def _finished(stored: pd.DataFrame, model: str) -> set[tuple]:
    mine = stored[stored["model"] == model][list(_KEYS)].drop_duplicates()
    return {tuple(None if pd.isna(value) else value for value in row) for row in mine.itertuples(index=False)}


def _answered(stored: pd.DataFrame, model: str, waiting: Sequence[Prompt]) -> Answers:
    """Read back the answers to those waiting prompts whose question an earlier start has asked."""
    wanted = stored["prompt_id"].isin({prompt.prompt_id for prompt in waiting})
    mine = stored[wanted & (stored["model"] == model)].drop_duplicates(["prompt_id", "candidate"])
    return {
        str(prompt_id): (
            rows["logprob"].to_numpy(),
            [
                LabelAudit(int(count), None if pd.isna(clean) else bool(clean))
                for count, clean in zip(rows["num_label_tokens"], rows["boundary_clean"])
            ],
        )
        for prompt_id, rows in mine.groupby("prompt_id", sort=False)
    }


def _manifest(folder: RunFolder, plan: Plan) -> dict:
    models = {scorer.name: scorer.identity() for scorer in plan.scorers}
    before = _earlier_manifest(folder)
    if before is not None:
        for name, identity in models.items():
            if before["models"].get(name, identity) != identity:
                old, new = before["models"][name], identity
                what = next(key for key in new if old.get(key) != new[key])
                raise UserError(
                    f"{folder.path} holds scores of another '{name}' ({what} was {old.get(what)}, now {new[what]}); "
                    "choose another --out."
                )
        if before["source"] != plan.task.source:
            raise UserError(
                f"{folder.path} holds scores of another task ({before['source']}, now {plan.task.source}); "
                "choose another --out."
            )
    return {
        "state": "running",
        "started": before["started"] if before else datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": before["seconds"] if before else 0.0,
        "task": plan.task.name,
        "source": plan.task.source,
        "description": plan.task.description,
        "num_prompts": len(plan.prompts),
        "models": models,
        "seeds": {source: getattr(plan.seeds, source) for source in ("selection", "labels", "order", "format")},
        "versions": versions(),
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
    }


def _earlier_manifest(folder: RunFolder) -> dict | None:
    """The manifest of an earlier start; a damaged one is made anew, the scores do not need it."""
    try:
        return folder.manifest
    except UserError:
        return None
