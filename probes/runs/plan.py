"""From an experiment to the prompts of each task: the grid, checked before anything is scored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from icl.errors import UserError
from icl.factors import FACTORS, Factor, as_tuple
from icl.metrics.table import FORMAT_SEARCH
from icl.prompts.audit import ending_notices, format_notices, twin_notices
from icl.prompts.build import Condition, Selection, build_prompts, formats_for
from icl.prompts.grammar import GRAMMAR
from icl.prompts.render import Prompt, content_free, label_prior
from icl.seeds import Seeds, stream
from icl.tasks.corpus import load_corpus
from icl.tasks.protocol import AnyTask
from icl.tasks.remarks import task_notices
from icl.tasks.task import Task
from probes.catalogue.index import get_probe
from probes.catalogue.probe import Grid, Probe, conditions
from probes.models import OWN_OPTIONS, ModelSpec
from probes.runs.asked_task import load_asked_task
from probes.runs.experiment import Experiment, entries
from probes.runs.located import check_digests
from probes.runs.models import SharedScorers, open_models
from probes.runs.pool import shared_rows
from probes.runs.resources import Resources
from probes.runs.search import Search, make_search
from probes.scorers.scorer import Scorer

__all__ = ["Plan", "TooLong", "make_plan", "make_seeds", "notices_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLong:
    """A question that a model cannot read, since it has more tokens than the model's context."""

    num_tokens: int
    context_length: int | None
    model: str

    def __str__(self) -> str:
        return f"{self.num_tokens} tokens, but model '{self.model}' reads {self.context_length}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run will ask.

    Attributes
    ----------
    task : AnyTask
        What is asked (for GINC, of the first example length).
    prompts : tuple of Prompt
        Every prompt once, prompts that share demonstrations together.
    scorers : tuple of Scorer
        Each has checked the prompts already.
    models : mapping of str to ModelSpec
        What was asked for, by the scorer's name.
    seeds : Seeds
        By source.
    skipped : dict
        Scorer's name → identity of each question that it cannot read → how long that is.
    calibrate : bool
        Whether each prompt is accompanied by what PMI and contextual calibration compare with.
    use_cache : bool
        Whether answers of other runs are used.
    search : Search or None
        Which of the prompts a budgeted search chooses among; the others are all asked.
    notices : tuple of str
        What there is to say about the data of this run before it is asked, a sentence each.
    made : Task or None
        The task as Python made it, before labels are renamed; None where it came otherwise.
    """

    task: AnyTask
    prompts: tuple[Prompt, ...]
    scorers: tuple[Scorer, ...]
    seeds: Seeds
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    skipped: dict[str, dict[str, TooLong]] = field(default_factory=dict)
    calibrate: bool = False
    use_cache: bool = False
    search: Search | None = None
    notices: tuple[str, ...] = ()
    made: Task | None = None

    def companions(self, prompt: Prompt) -> tuple[Prompt, ...]:
        """List what is asked beside a prompt, so that PMI and contextual calibration need no second run.

        The label prefix alone, then each content-free query; none for the channel method, whose candidates compete
        on one text.
        """
        if not self.calibrate or prompt.method != "direct":
            return ()
        return (label_prior(prompt), *content_free(prompt))

    def questions(self) -> dict[str, Prompt]:
        """List every distinct question of prompts and companions: identity → one prompt that asks it."""
        return {one.prompt_id: one for prompt in self.prompts for one in (prompt, *self.companions(prompt))}


def make_plan(
    experiment: Experiment, resources: Resources = Resources(), *, shared: SharedScorers | None = None
) -> Plan:
    """Check an experiment and lay out its prompts; loads no weights.

    Parameters
    ----------
    shared
        Scorers that other plans opened, and to which those of this plan are added.

    Raises
    ------
    UserError
        Whatever is wrong with names, files, counts or lengths, before anything is scored.
    """
    task, made = load_asked_task(experiment)
    if experiment.digests:
        remedy = "put that {kind} back, or take `digests` out of the experiment file to ask this one"
        check_digests(entries(experiment), experiment.digests, remedy=remedy, made=made)
    seeds = make_seeds(experiment)
    corpus = load_corpus(experiment.corpus) if experiment.corpus else None
    selection = Selection(
        num_queries=experiment.queries,
        num_demonstration_sets=experiment.demonstration_sets,
        seeds=seeds,
        curve=experiment.curve,
        corpus=corpus,
    )
    prompts = build_prompts(task, _conditions(experiment, task, seeds), selection)
    models = _open_models(experiment, resources, task, shared)
    scorers = tuple(scorer for _, scorer in models.values())
    plan = Plan(
        task=task,
        made=made,
        prompts=tuple(prompts),
        scorers=scorers,
        models={name: spec for name, (spec, _) in models.items()},
        seeds=seeds,
        calibrate=experiment.calibrate and task.in_words,
        use_cache=resources.use_cache,
        search=make_search(prompts, FORMAT_SEARCH, budget=experiment.budget, seed=seeds.format),
    )
    if experiment.budget is not None and plan.search is None:
        raise UserError("a budget belongs to probe 'format-search', which this run does not ask; leave out --budget.")
    _check_heeded(experiment, prompts)
    questions = list(plan.questions().values())
    for scorer in scorers:
        scorer.check(questions)
    skipped = {scorer.name: _too_long(scorer, questions) for scorer in scorers}
    if not experiment.skip_too_long:
        for scorer in scorers:
            _refuse_too_long(scorer, prompts, skipped[scorer.name])
    notices = (*(corpus.notes if corpus else ()), *notices_of(task, prompts, scorers))
    return replace(plan, skipped=skipped, notices=notices)


def notices_of(task: AnyTask, prompts: Sequence[Prompt], scorers: Sequence[Scorer]) -> tuple[str, ...]:
    """List what a user should know about the data of some prompts before they are asked."""
    said = task_notices(task)
    said += ending_notices(prompts) + format_notices(prompts, formats_for(task, {prompt.format for prompt in prompts}))
    if task.pool or task.query_pool:
        said += [*twin_notices(task, prompts), *shared_rows(prompts)]
    for scorer in scorers:
        said += scorer.notices(prompts)
    return tuple(said)


def _check_heeded(experiment: Experiment, prompts: list[Prompt]) -> None:
    """Refuse what was chosen but would change no prompt."""
    needed: dict[str, tuple[str, str, Any]] = {
        one.option: (one.needs, one.name, 0) for one in FACTORS if one.needs and _asks_several(experiment, one)
    }
    if experiment.corpus is not None:
        needed["corpus"] = ("input mode 'ood'", "input_mode", "task")
    for name, (what, factor, usual) in needed.items():
        found = {getattr(prompt.demonstrations, factor) for prompt in prompts} - {usual, "none"}
        if not found:
            raise UserError(
                f"--{name.replace('_', '-')} changes no prompt of this run, which has no {what}; leave it out."
            )


def _asks_several(experiment: Experiment, factor: Factor) -> bool:
    return getattr(experiment, factor.option) not in (None, 1)


def _open_models(
    experiment: Experiment, resources: Resources, task: AnyTask, shared: SharedScorers | None
) -> dict[str, tuple[ModelSpec, Scorer]]:
    return open_models(
        as_tuple(experiment.models),
        task,
        {name: getattr(experiment, name) for name in OWN_OPTIONS},
        shared=shared,
        smoothing=experiment.smoothing,
        memory=resources.memory,
        batch_tokens=resources.batch_tokens,
        concurrency=resources.concurrency,
        timeout=resources.timeout,
    )


def _too_long(scorer: Scorer, questions: list[Prompt]) -> dict[str, TooLong]:
    return {
        questions[index].prompt_id: TooLong(num_tokens=length, context_length=scorer.context_length, model=scorer.name)
        for index, length in scorer.too_long(questions).items()
    }


def _refuse_too_long(scorer: Scorer, prompts: list[Prompt], skipped: dict[str, TooLong]) -> None:
    """Refuse a run whose prompts do not all fit; what fits is said in shots."""
    long = [prompt for prompt in prompts if prompt.prompt_id in skipped]
    if not long:
        return
    worst = max(long, key=lambda prompt: len(prompt.text))
    shots = len(worst.demonstrations)
    fitting = [len(p.demonstrations) for p in prompts if p.prompt_id not in skipped]
    fits = f"prompts of {max(fitting)} shots fit" if fitting else "none fits"
    raise UserError(
        f"{len(long):,} of {len(prompts):,} prompts are too long for model '{scorer.name}': one of {shots} shots, "
        f"has {skipped[worst.prompt_id]} ({fits}); ask for fewer with --shots, use another "
        "model, or leave them out with --skip-too-long."
    )


def make_seeds(experiment: Experiment) -> Seeds:
    """Collect the seeds by source; the experiment's one seed stands in where a source has none."""
    sources = ("selection", "labels", "order", "format")
    given = {source: getattr(experiment, f"seed_{source}") for source in sources}
    return Seeds(**{source: experiment.seed if seed is None else seed for source, seed in given.items()})


def _conditions(experiment: Experiment, task: AnyTask, seeds: Seeds) -> dict[Condition, tuple[str, ...]]:
    """Unite the grids of all probes: condition → the probes that ask for it."""
    united: dict[Condition, tuple[str, ...]] = {}
    for name in dict.fromkeys(experiment.probes):
        for condition in conditions(_grids(get_probe(name), experiment, task, seeds)):
            united[condition] = (*united.get(condition, ()), name)
    return united


def _grids(probe: Probe, experiment: Experiment, task: AnyTask, seeds: Seeds) -> list[Grid]:
    """A probe's grids for this task, with what the user chose and sampled formats drawn."""
    grids = probe.grids_for(task)
    if not grids:
        raise UserError(
            f"probe '{probe.name}' makes no sense on task '{task.name}' ({probe.meant_for}); choose another --task or "
            "--probe."
        )
    chosen = [grid.override(experiment) for grid in grids]
    chosen = [replace(grid, formats=_expand(as_tuple(grid.formats), seeds.format)) for grid in chosen]
    return [grid.as_curve() for grid in chosen] if experiment.curve else chosen


def _expand(names: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """Draw the formats of the grammar that ``sampled(16)`` stands for; other names stay."""
    found: dict[str, None] = {}
    for name in names:
        if not (written := re.fullmatch(r"sampled\(([^)]*)\)", name)):
            found[name] = None
            continue
        if not written[1].isdigit() or int(written[1]) < 1:
            raise UserError(f"sampled needs a number of formats, got '{name}'; write for example sampled(16).")
        drawn = GRAMMAR.sample(int(written[1]), rng=stream(seed, "formats"))
        found |= dict.fromkeys(format.name for format in drawn)
    return tuple(found)
