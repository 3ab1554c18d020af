"""Score what a plan asks, skipping what a run folder already holds, and write rows as answers come."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from icl.answers import answer_table
from icl.errors import UserError
from icl.metrics.boundaries import boundary_audit
from icl.metrics.measure import measure_scores
from icl.prompts.render import LABEL_PREFIX_ALONE, Prompt
from icl.tasks.text import printable
from probes.runs.cache import AnswerCache, answer_cache
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder, create_run
from probes.runs.manifest import make_manifest
from probes.runs.plan import Plan, make_plan
from probes.runs.rows import Answers, prompt_key, score_rows, stored_answers, stored_keys
from probes.runs.search import Search, is_right
from probes.runs.standing import left_sentence, stored_sentence
from probes.scorers.scorer import Answer, Progress, Scorer
from probes.terminal.progress import detail, phase

__all__ = ["execute", "run_experiment"]

_WRITTEN_TOGETHER = 1024
"""Prompts whose rows are written as one part."""

_SECONDS_BETWEEN_WRITES = 10.0
"""A kill loses no more than the answers of so many seconds and the pass that was under way."""

_CHECKED_FOR_PRECISION = 16
"""Prompts of the run on which reduced precision is compared with float32."""


def execute(folder: RunFolder, plan: Plan, *, tell: Callable[[str], None] | None = None) -> pd.DataFrame:
    """Score every prompt of the plan with every scorer, then measure; return the metrics table.

    Parameters
    ----------
    tell
        Called with a sentence on what is left of a run that goes on.

    Raises
    ------
    UserError
        If the folder holds scores of a model that has changed since, or a scorer fails; what was scored stays, and a
        note of the error, as of a `KeyboardInterrupt`, says how much that is.
    """
    with folder.locked():
        manifest = make_manifest(folder, plan)
        folder.write_manifest(manifest)
        stored = folder.scores()
        if tell is not None and (left := left_sentence(stored, plan)):
            tell(left)
        try:
            return _execute(folder, plan, manifest, stored)
        except (KeyboardInterrupt, UserError) as error:
            if note := stored_sentence(folder, plan, always=isinstance(error, KeyboardInterrupt)):
                error.add_note(note)
            raise


def run_experiment(experiment: Experiment, out: Path) -> RunFolder:
    """Plan, check and execute an experiment into the run folder `out`; the call for notebooks."""
    plan = make_plan(experiment)
    folder = create_run(out, experiment, plan.made)
    execute(folder, plan)
    return folder


def _execute(folder: RunFolder, plan: Plan, manifest: dict, stored: pd.DataFrame) -> pd.DataFrame:
    began = time.perf_counter()
    for scorer in plan.scorers:
        with closing(scorer):
            _answer(folder, plan, scorer, manifest, stored[stored["model"] == scorer.name])
    with phase("measuring"):
        scores = folder.scores()
        manifest["boundaries"] = boundary_audit(answer_table(scores)).set_index("model").to_dict(orient="index")
        try:
            metrics = measure_scores(scores, folder.normalisation)  # another than the default was asked for
        except UserError as error:  # nothing to ask again: the same command would end here
            folder.write_manifest(manifest | {"unanswered": str(error)})
            raise
        folder.write_metrics(metrics)
    manifest["state"] = "finished"
    manifest["seconds"] = round(manifest["seconds"] + time.perf_counter() - began, 1)
    folder.write_manifest(manifest)
    return metrics


def _answer(folder: RunFolder, plan: Plan, scorer: Scorer, manifest: dict, stored: pd.DataFrame) -> None:
    """Let one scorer answer all that the plan asks of it, and record how it did."""
    try:
        with phase(f"{scorer.name}: reading", unit=scorer.unit) as told:
            cached = _ask(folder, plan, scorer, stored, told)
    finally:
        if reading := scorer.reading():
            manifest["reading"][scorer.name] = reading
        folder.write_manifest(manifest)
    if cached:
        manifest["from_cache"][scorer.name] = cached
    if scorer.name not in manifest["precision"] and (deviation := scorer.precision_check(_sample(plan, scorer))):
        manifest["precision"][scorer.name] = deviation


def _ask(folder: RunFolder, plan: Plan, scorer: Scorer, stored: pd.DataFrame, progress: Progress) -> int:
    """Ask a scorer what the folder does not hold yet, each question once; return how many the cache answered.

    Questions recur: without demonstrations every demonstration set asks the same, and labels that were drawn or
    shuffled may come out as the gold ones.
    """
    done = stored_keys(stored)
    held = {number: prompt for number, prompt in enumerate(plan.prompts) if prompt_key(prompt) in done}
    searched = set(plan.search.places) if plan.search else set()
    waiting = {n: prompt for n, prompt in enumerate(plan.prompts) if n not in held and n not in searched}
    if not waiting and not searched - set(held):
        return 0
    answers = stored_answers(stored, list(held.values()), plan)
    with answer_cache(scorer, use=plan.use_cache) as cache:
        reader = _Reader(scorer, _Writer(folder, plan, scorer, answers, cache), answers, cache)
        reader.read(waiting, progress)
        if plan.search:
            asked = [n for n in held if n in searched] + sorted(plan.search.shared)
            with detail("format search"):
                _search(plan, plan.search, reader, answers, asked)
    return reader.num_from_cache


def _search(plan: Plan, search: Search, reader: "_Reader", answers: Answers, asked: list[int]) -> None:
    """Ask what a search chooses, batch by batch, going on from what was asked before."""

    def right(number: int) -> bool:
        prompt = plan.prompts[number]
        found = answers.get(prompt.prompt_id)
        return found is not None and is_right(prompt, found)

    answered = {number: right(number) for number in asked}
    while chosen := search.next_prompts(answered):
        reader.read({number: plan.prompts[number] for number in chosen}, None)
        answered |= {number: right(number) for number in chosen}


class _Reader:
    """Asks a scorer each question once, after the folder's own answers and the cache's."""

    def __init__(self, scorer: Scorer, writer: "_Writer", answers: Answers, cache: AnswerCache):
        self._scorer, self._writer, self._answers, self._cache = scorer, writer, answers, cache
        self._is_loaded = False
        self.num_from_cache = 0

    def read(self, prompts: dict[int, Prompt], progress: Progress | None) -> None:
        """Answer prompts, given by their position in the plan, and write their rows."""
        writer, answers, cache, scorer = self._writer, self._answers, self._cache, self._scorer
        questions = writer.expect(prompts)
        known = cache.look_up([prompt_id for prompt_id in questions if prompt_id not in answers])
        answers |= known
        self.num_from_cache += len(known)
        new = [prompt for prompt_id, prompt in questions.items() if prompt_id not in answers]
        for prompt_id in questions:
            if prompt_id in answers:
                writer.arrived(prompt_id)
        # Every row waits for its label prior, so those few come first; they share no beginning with the others.
        priors = [prompt for prompt in new if prompt.query_id == LABEL_PREFIX_ALONE]
        others = [prompt for prompt in new if prompt.query_id != LABEL_PREFIX_ALONE]
        if new and scorer.has_weights and not self._is_loaded:
            with phase(f"{scorer.name}: loading weights", numbered=False):
                scorer.load()
            self._is_loaded = True
        try:
            for asked, told in ((priors, None), (others, progress)):
                for index, answer in scorer.answer(asked, progress=told):
                    prompt_id = asked[index].prompt_id
                    answers[prompt_id] = answer
                    cache.keep(prompt_id, answer)
                    writer.arrived(prompt_id)
        finally:
            writer.write()


class _Writer:
    """Writes the rows of prompts once they and their companions are answered."""

    def __init__(self, folder: RunFolder, plan: Plan, scorer: Scorer, answers: Answers, cache: AnswerCache):
        self._folder, self._plan, self._scorer, self._answers, self._cache = folder, plan, scorer, answers, cache
        self._skipped = plan.skipped.get(scorer.name, {})
        self._missing: dict[int, int] = {}
        self._wanted_by: dict[str, list[int]] = {}
        self._prompts: dict[int, Prompt] = {}
        self._ready: list[int] = []
        self._last_write = time.monotonic()

    def expect(self, prompts: dict[int, Prompt]) -> dict[str, Prompt]:
        """Take the prompts that rows are wanted of; return every distinct question that this asks."""
        questions: dict[str, Prompt] = {}
        self._prompts |= prompts
        for number, prompt in prompts.items():
            if reason := self._skipped.get(prompt.prompt_id):
                self._answers[prompt.prompt_id] = Answer.missing(len(prompt.candidates), f"it has {reason}")
                self._ready.append(number)
                continue
            asked = {one.prompt_id: one for one in (prompt, *self._plan.companions(prompt))}
            asked = {name: one for name, one in asked.items() if name not in self._skipped}
            questions |= asked
            self._missing[number] = len(asked)
            for name in asked:
                self._wanted_by.setdefault(name, []).append(number)
        return questions

    def arrived(self, prompt_id: str) -> None:
        """Note that a question is answered; write when enough is ready or some time has passed."""
        for number in self._wanted_by.pop(prompt_id, ()):
            self._missing[number] -= 1
            if not self._missing[number]:
                self._ready.append(number)
        late = time.monotonic() - self._last_write > _SECONDS_BETWEEN_WRITES
        if late or len(self._ready) >= _WRITTEN_TOGETHER:
            self.write()

    def write(self) -> None:
        """Write what is ready, and store the cache."""
        self._cache.store()
        run, model = printable(self._folder.path.absolute().name), self._scorer.name
        while self._ready:
            part = {number: self._prompts[number] for number in self._ready[:_WRITTEN_TOGETHER]}
            self._folder.add_scores(score_rows(part, self._answers, self._plan, model=model, run=run))
            del self._ready[:_WRITTEN_TOGETHER]  # what is stored is not written again, whatever stops the rest
        self._last_write = time.monotonic()


def _sample(plan: Plan, scorer: Scorer) -> list[Prompt]:
    """Prompts of the run, evenly over all of it, that the scorer can read."""
    skipped = plan.skipped.get(scorer.name, {})
    scored = [prompt for prompt in plan.prompts if prompt.prompt_id not in skipped]
    scored = [prompt for prompt in scored if prompt.method == scored[0].method]  # one scale of nats
    chosen = np.unique(np.linspace(0, len(scored) - 1, min(len(scored), _CHECKED_FOR_PRECISION)).round().astype(int))
    return [scored[index] for index in chosen]
