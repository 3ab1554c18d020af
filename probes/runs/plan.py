"""From an experiment to the prompts of each task: the grid, checked before anything is scored."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from icl.errors import UserError
from icl.ginc.family import default_family, load_family
from icl.ginc.task import GincTask
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.render import Prompt
from icl.prompts.seeds import Seeds
from icl.tasks.catalogue import load_task
from icl.tasks.task import Task
from probes.designs.catalogue import get_probe
from probes.designs.design import Grid
from probes.runs.experiment import Experiment
from probes.scorers.catalogue import make_scorer
from probes.scorers.scorer import Scorer

__all__ = ["GINC", "Plan", "load_named_task", "make_plan", "make_seeds"]

GINC = "ginc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run will ask.

    Attributes
    ----------
    task : Task or GincTask
        What is asked (for GINC, of the first example length).
    prompts : tuple of Prompt
        Every prompt once, prompts that share demonstrations together.
    scorers : tuple of Scorer
        Each has checked the prompts already.
    seeds : Seeds
        By source.
    """

    task: Task | GincTask
    prompts: tuple[Prompt, ...]
    scorers: tuple[Scorer, ...]
    seeds: Seeds


def make_plan(experiment: Experiment) -> Plan:
    """Check an experiment and lay out its prompts; loads no weights.

    Raises
    ------
    UserError
        Whatever is wrong with names, files, counts or lengths, before anything is scored.
    """
    task = load_named_task(experiment)
    seeds = make_seeds(experiment)
    selection = Selection(
        num_queries=experiment.queries,
        num_demonstration_sets=experiment.demonstration_sets,
        balanced=experiment.balanced,
        seeds=seeds,
    )
    prompts: list[Prompt] = []
    for example_length, conditions in _conditions(experiment, task).items():
        asked = task
        if isinstance(task, GincTask) and example_length is not None:
            asked = replace(task, example_length=example_length)
        prompts += build_prompts(asked, conditions, selection)
    scorers = []
    for model in dict.fromkeys(experiment.models):
        options = {
            "revision": experiment.revision,
            "dtype": experiment.dtype,
            "device": experiment.device,
            "batch_tokens": experiment.batch_tokens,
            "trust_remote_code": experiment.trust_remote_code,
        }
        scorer = make_scorer(model, task, smoothing=experiment.smoothing, **options)
        scorer.check(prompts)
        scorers.append(scorer)
    names = [scorer.name for scorer in scorers]
    if len(set(names)) < len(names):
        raise UserError(f"two models go by the same name ({', '.join(names)}); rename one's folder or file.")
    return Plan(task=task, prompts=tuple(prompts), scorers=tuple(scorers), seeds=seeds)


def load_named_task(experiment: Experiment) -> Task | GincTask:
    """Load the task that an experiment names."""
    if experiment.task == GINC:
        family = load_family(Path(experiment.family)) if experiment.family else default_family()
        return GincTask(family=family, example_length=(experiment.example_lengths or (5,))[0])
    for option in ("family", "example_lengths"):
        if getattr(experiment, option) is not None:
            raise UserError(f"{option} belongs to --task ginc, got task '{experiment.task}'; leave it out.")
    return load_task(
        experiment.task,
        input_column=experiment.input_column,
        label_column=experiment.label_column,
        also_known=(GINC,),
    )


def make_seeds(experiment: Experiment) -> Seeds:
    """Collect the seeds by source; the experiment's one seed stands in where a source has none."""
    sources = ("selection", "labels", "order", "format")
    given = {source: getattr(experiment, f"seed_{source}") for source in sources}
    return Seeds(**{source: experiment.seed if seed is None else seed for source, seed in given.items()})


def _conditions(experiment: Experiment, task: Task | GincTask) -> dict[int | None, dict[Condition, tuple[str, ...]]]:
    """Unite the grids of all probes: example length → condition → the probes that ask for it."""
    united: dict[int | None, dict[Condition, tuple[str, ...]]] = {}
    for grid_name, grid in _grids(experiment, task):
        for example_length in grid.example_lengths:
            conditions = united.setdefault(example_length, {})
            for condition in grid.conditions():
                conditions[condition] = (*conditions.get(condition, ()), grid_name)
    return united


def _grids(experiment: Experiment, task: Task | GincTask) -> Iterable[tuple[str, Grid]]:
    for name in dict.fromkeys(experiment.probes):
        probe = get_probe(name)
        yield (
            name,
            (probe.text if isinstance(task, Task) else probe.ginc).override(
                label_modes=experiment.label_modes,
                formats=experiment.formats,
                shots=experiment.shots,
                example_lengths=experiment.example_lengths,
            ),
        )
