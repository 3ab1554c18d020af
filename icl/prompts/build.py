"""Paired prompts: the same queries and demonstrations under every condition; only the varied factor changes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from icl.errors import UserError
from icl.ginc.task import GincTask, draw_ginc_curves, draw_ginc_episodes
from icl.prompts.demonstrations import Demonstrations, Episode, draw_curves, draw_episodes
from icl.prompts.formats import Format, get_format
from icl.prompts.label_modes import LabelMode, label_words, parse_label_mode, relabel, shown_words
from icl.prompts.render import Prompt, check_words, render, render_channel
from icl.prompts.seeds import Seeds, stream
from icl.tasks.task import Example, Task

__all__ = ["Condition", "Selection", "build_prompts", "formats_for"]

ZERO_SHOT = LabelMode(name="zero_shot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is varied: label mode, format, number of shots. Zero shots have one label mode, `zero_shot`.

    `method` says what is scored, see `icl.prompts.render.METHODS`.
    """

    label_mode: LabelMode
    format: str
    num_shots: int
    method: str = "direct"

    @classmethod
    def of(cls, label_mode: str, format: str, num_shots: int, method: str = "direct") -> "Condition":
        """Build a condition from names as the user writes them."""
        mode = parse_label_mode(label_mode)
        if mode == ZERO_SHOT or num_shots == 0:
            return cls(label_mode=ZERO_SHOT, format=format, num_shots=0, method=method)
        return cls(label_mode=mode, format=format, num_shots=num_shots, method=method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which queries and demonstrations are drawn.

    On GINC every prompt draws its own demonstrations, as in the paper: there are
    num_queries · num_demonstration_sets prompts a condition.

    On a `curve`, n shots of a set are asked for the label of its demonstration n + 1, so one prompt gives every shot
    count; there is one query a set and shot count, and demonstrations are drawn as they come (in a balanced block the
    last label would follow from the others).
    """

    num_queries: int
    num_demonstration_sets: int
    balanced: bool
    seeds: Seeds
    curve: bool = False


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
    most_shots = max((condition.num_shots for condition in conditions), default=0)
    sets = _draw_sets(task, selection, most_shots)
    frequencies = _label_frequencies(task, [demonstrations for demonstrations, _ in sets])
    words = {mode: label_words(mode, task.answers) for mode in {c.label_mode for c in conditions}}
    for condition in conditions:
        check_words(formats[condition.format], words[condition.label_mode], task.name)
        if condition.method == "channel" and isinstance(task, GincTask):
            raise UserError("method 'channel' is for sentences; GINC labels are tokens like any other, ask directly.")
    in_demonstrations = {
        mode: shown_words(mode, words[mode], rng=stream(selection.seeds.labels, "words", task.name)) for mode in words
    }
    prompts = []
    for demonstrations, queries in sets:
        for condition, probes in conditions.items():
            # On a curve labels are made once for the whole prompt: shorter ones are its beginnings.
            whole = demonstrations if selection.curve else demonstrations.first(condition.num_shots)
            shown = relabel(
                whole,
                condition.label_mode,
                label_space=task.label_space,
                label_frequencies=frequencies,
                rng=stream(selection.seeds.labels, demonstrations.set_id, str(condition.label_mode)),
            ).first(condition.num_shots)
            asked = [queries[condition.num_shots]] if selection.curve else queries
            write = render_channel if condition.method == "channel" else render
            prompts += [
                write(
                    task.name,
                    shown,
                    query,
                    formats[condition.format],
                    words=words[condition.label_mode],
                    shown=in_demonstrations[condition.label_mode],
                    query_id=query_id,
                    example_length=task.example_length if isinstance(task, GincTask) else None,
                    probes=probes,
                )
                for query_id, query in asked
            ]
    return prompts


type _Set = tuple[Demonstrations, list[tuple[str, Example]]]
"""Demonstrations, with the queries that are asked behind them: on a curve one for each number of shots."""


def _draw_sets(task: Task | GincTask, selection: Selection, num_demonstrations: int) -> list[_Set]:
    if selection.curve and isinstance(task, GincTask):
        return draw_ginc_curves(
            task,
            num_prompts=selection.num_demonstration_sets,
            num_demonstrations=num_demonstrations,
            seeds=selection.seeds,
        )
    if selection.curve and isinstance(task, Task):
        return draw_curves(
            task,
            num_demonstration_sets=selection.num_demonstration_sets,
            num_demonstrations=num_demonstrations,
            seeds=selection.seeds,
        )
    sets: dict[str, _Set] = {}
    for episode in _draw(task, selection, num_demonstrations):
        _, queries = sets.setdefault(episode.demonstrations.set_id, (episode.demonstrations, []))
        queries.append((episode.query_id, episode.query))
    return list(sets.values())


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


def _label_frequencies(task: Task | GincTask, drawn: list[Demonstrations]) -> Counter[str]:
    """Count labels in the pool; GINC has no pool, there the drawn demonstrations stand for it."""
    if isinstance(task, Task):
        return Counter(example.label for example in task.pool)
    return Counter(label for demonstrations in drawn for label in demonstrations.gold_labels)


def _with_delimiter(format: Format, delimiter: str) -> Format:
    return replace(
        format,
        field_separator=format.field_separator.replace("{delimiter}", delimiter),
        demonstration_separator=format.demonstration_separator.replace("{delimiter}", delimiter),
    )
