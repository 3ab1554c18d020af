"""Ask a scorer what units hold, each question once, and write rows as answers come."""

import time
from collections.abc import Mapping, Sequence

from icl.prompts.render import LABEL_PREFIX_ALONE, Prompt
from icl.tasks.text import printable
from probes.runs.cache import AnswerCache, answer_cache
from probes.runs.folder import RunFolder
from probes.runs.plan import Plan
from probes.runs.rows import Answers, prompt_key, score_rows, stored_answers
from probes.runs.search import Search, is_right
from probes.runs.units import Unit
from probes.scorers.scorer import Answer, Progress, Scorer
from probes.terminal.progress import detail, phase

__all__ = ["ask_units"]

_WRITTEN_TOGETHER = 1024
"""Prompts whose rows are written as one part."""

_SECONDS_BETWEEN_WRITES = 10.0
"""A kill loses no more than the answers of so many seconds and the pass that was under way."""


def ask_units(
    folder: RunFolder,
    plan: Plan,
    scorer: Scorer,
    units: Sequence[Unit],
    *,
    done: set[tuple],
    progress: Progress | None = None,
) -> int:
    """Ask a scorer what the folder does not hold yet of some units; return how many questions the cache answered.

    Each question is asked once in a call. Questions recur: without demonstrations every demonstration set asks the
    same, labels that were drawn or shuffled may come out as the gold ones, and what PMI and contextual calibration
    compare with is common to many prompts. What is stored of other units answers those that recur in these; processes
    that work at the same time share them through the cache of answers only, where the scorer has one.

    Parameters
    ----------
    done
        Prompts of the scorer that are stored, see `RunFolder.stored_prompts`.
    progress
        Told of the units of progress done and, as far as they are known, in all.
    """
    held = {number: prompt for number, prompt in enumerate(plan.prompts) if prompt_key(prompt) in done}
    if all(place in held for unit in units for place in unit.places):
        return 0
    answers = stored_answers(folder.score_parts(), list(held.values()), plan, model=scorer.name) if held else {}
    with answer_cache(scorer, use=plan.use_cache) as cache:
        reader = _Reader(scorer, _Writer(folder, plan, scorer, answers, cache), answers, cache)
        told = _Told(progress)
        for left, unit in zip(range(len(units), 0, -1), units):
            if unit.is_search and plan.search:
                with detail("format search"):
                    _search(plan, plan.search, reader, answers, held)
                continue
            waiting = {place: plan.prompts[place] for place in unit.places if place not in held}
            reader.read(waiting, told.of_one_in(left))
    return reader.num_from_cache


def _search(plan: Plan, search: Search, reader: "_Reader", answers: Answers, held: Mapping[int, Prompt]) -> None:
    """Ask what a search chooses, batch by batch, going on from what was asked before."""
    reader.read({place: plan.prompts[place] for place in sorted(search.shared) if place not in held}, None)
    asked = [place for place in held if place in set(search.places)] + sorted(search.shared)

    def right(number: int) -> bool:
        prompt = plan.prompts[number]
        found = answers.get(prompt.prompt_id)
        return found is not None and is_right(prompt, found)

    answered = {number: right(number) for number in asked}
    while chosen := search.next_prompts(answered):
        reader.read({number: plan.prompts[number] for number in chosen}, None)
        answered |= {number: right(number) for number in chosen}


class _Told:
    """Adds the progress of one unit after another up; those to come are taken to be as large as the one at work."""

    def __init__(self, progress: Progress | None):
        self._progress = progress
        self._before = self._now = 0

    def of_one_in(self, left: int) -> Progress | None:
        """Tell of the next unit, when so many are left with it."""
        if self._progress is None:
            return None
        self._before, self._now = self._before + self._now, 0
        progress = self._progress

        def told(done: int, total: int) -> None:
            self._now = done
            progress(self._before + done, self._before + total * left)

        return told


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
