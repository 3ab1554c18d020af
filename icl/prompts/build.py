"""Paired prompts: the same queries and demonstrations under every condition; only the varied factor changes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from icl.ginc.task import GincTask, draw_ginc_episodes
from icl.prompts.demonstrations import Episode, draw_episodes
from icl.prompts.formats import Format, get_format
from icl.prompts.label_modes import LabelMode, label_words, parse_label_mode, relabel
from icl.prompts.render import Prompt, check_words, render
from icl.prompts.seeds import Seeds, stream
from icl.tasks.task import Task

__all__ = ["Condition", "Selection", "build_prompts", "formats_for"]

ZERO_SHOT = LabelMode(name="zero_shot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is varied: label mode, format, number of shots. Zero shots have one label mode, `zero_shot`."""

    label_mode: LabelMode
    format: str
    num_shots: int

    @classmethod
    def of(cls, label_mode: str, format: str, num_shots: int) -> "Condition":
        """Build a condition from names as the user writes them."""
        mode = parse_label_mode(label_mode)
        if mode == ZERO_SHOT or num_shots == 0:
            return cls(label_mode=ZERO_SHOT, format=format, num_shots=0)
        return cls(label_mode=mode, format=format, num_shots=num_shots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which queries and demonstrations are drawn.

    On GINC every prompt draws its own demonstrations, as in the paper: there are
    num_queries · num_demonstration_sets prompts a condition.
    """

    num_queries: int
    num_demonstration_sets: int
    balanced: bool
    seeds: Seeds


def formats_for(task: Task | GincTask, names: Iterable[str]) -> dict[str, Format]:
    """Look up formats for a task, with the task's delimiter filled in."""
    world = "ginc" if isinstance(task, GincTask) else "text"
    formats = {name: get_format(name, world=world) for name in names}
    if isinstance(task, GincTask):
        formats = {name: _with_delimiter(format, task.delimiter) for name, format in formats.items()}
    return formats


def build_prompts(
    task: Task | GincTask, conditions: dict[Condition, tuple[str, ...]], selection: Selection
) -> list[Prompt]:
    """Render every condition on the same queries and demonstrations.

    Parameters
    ----------
    conditions
        Each condition with the names of the probes that ask for it.

    Returns
    -------
    list of Prompt
        Grouped by demonstration set, so that prompts that share demonstrations stand together.
    """
    formats = formats_for(task, {condition.format for condition in conditions})
    episodes = _draw(task, selection, max((condition.num_shots for condition in conditions), default=0))
    frequencies = _label_frequencies(task, episodes)
    words = {mode: label_words(mode, task.answers) for mode in {c.label_mode for c in conditions}}
    for condition in conditions:
        check_words(formats[condition.format], words[condition.label_mode], task.name)
    label_space = task.label_space
    sets: dict[str, list[Episode]] = {}
    for episode in episodes:
        sets.setdefault(episode.demonstrations.set_id, []).append(episode)
    prompts = []
    for set_id, members in sets.items():
        for condition, probes in conditions.items():
            shown = relabel(
                members[0].demonstrations.first(condition.num_shots),
                condition.label_mode,
                label_space=label_space,
                label_frequencies=frequencies,
                rng=stream(selection.seeds.labels, set_id, str(condition.label_mode)),
            )
            prompts += [
                render(
                    task.name,
                    shown,
                    episode.query,
                    formats[condition.format],
                    words=words[condition.label_mode],
                    query_id=episode.query_id,
                    example_length=task.example_length if isinstance(task, GincTask) else None,
                    probes=probes,
                )
                for episode in members
            ]
    return prompts


def _draw(task: Task | GincTask, selection: Selection, num_demonstrations: int) -> list[Episode]:
    if isinstance(task, GincTask):
        return draw_ginc_episodes(
            task,
            num_prompts=selection.num_queries * selection.num_demonstration_sets,
            num_demonstrations=num_demonstrations,
            seeds=selection.seeds,
        )
    return draw_episodes(
        task,
        num_queries=selection.num_queries,
        num_demonstration_sets=selection.num_demonstration_sets,
        num_demonstrations=num_demonstrations,
        balanced=selection.balanced,
        seeds=selection.seeds,
    )


def _label_frequencies(task: Task | GincTask, episodes: list[Episode]) -> Counter[str]:
    """Count labels in the pool; GINC has no pool, there the drawn demonstrations stand for it."""
    if isinstance(task, Task):
        return Counter(example.label for example in task.pool)
    return Counter(label for episode in episodes for label in episode.demonstrations.gold_labels)


def _with_delimiter(format: Format, delimiter: str) -> Format:
    return replace(
        format,
        field_separator=format.field_separator.replace("{delimiter}", delimiter),
        demonstration_separator=format.demonstration_separator.replace("{delimiter}", delimiter),
    )
