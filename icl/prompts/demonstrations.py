"""Demonstrations and queries: which labelled inputs stand in a prompt."""

from dataclasses import dataclass, replace

import numpy as np

from icl.errors import UserError
from icl.prompts.seeds import Seeds, stream
from icl.tasks.task import Example, Task

__all__ = ["Demonstrations", "Episode", "draw_curves", "draw_episodes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrations:
    """Labelled examples shown in a prompt; the gold labels stay beside the shown ones.

    Attributes
    ----------
    set_id : str
        Which drawn set they belong to; nested shot counts share it.
    inputs, gold_labels : tuple of str
        One entry a demonstration.
    shown_labels : tuple of str, or None
        Labels as shown, in the task's label space; None where no labels are shown.
    label_mode : str
        How the shown labels were made.
    """

    set_id: str
    inputs: tuple[str, ...]
    gold_labels: tuple[str, ...]
    shown_labels: tuple[str, ...] | None
    label_mode: str = "gold"

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def num_wrong_shown(self) -> int | None:
        """Shown labels that differ from gold; None where no labels are shown, or other words in their place."""
        if self.shown_labels is None or self.label_mode == "random_words":
            return None
        return sum(shown != gold for shown, gold in zip(self.shown_labels, self.gold_labels))

    def first(self, num_shots: int) -> "Demonstrations":
        """Keep the first `num_shots` demonstrations."""
        return self._take(range(num_shots))

    def reordered(self, permutation: np.ndarray) -> "Demonstrations":
        """Put the demonstrations in another order."""
        return self._take(permutation)

    def _take(self, indices) -> "Demonstrations":
        return replace(
            self,
            inputs=tuple(self.inputs[i] for i in indices),
            gold_labels=tuple(self.gold_labels[i] for i in indices),
            shown_labels=None if self.shown_labels is None else tuple(self.shown_labels[i] for i in indices),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One query with the demonstrations drawn for it, as many as the largest shot count asks for."""

    demonstrations: Demonstrations
    query: Example
    query_id: str


def draw_episodes(
    task: Task,
    *,
    num_queries: int,
    num_demonstration_sets: int,
    num_demonstrations: int,
    balanced: bool,
    seeds: Seeds,
) -> list[Episode]:
    """Cross queries with demonstration sets; no query is ever a demonstration.

    Parameters
    ----------
    balanced
        Give every block of m demonstrations (m labels) each label once, in random order; otherwise draw from the
        pool as it is. Any first n demonstrations are balanced as well as n allows.

    Raises
    ------
    UserError
        If the pool cannot supply so many queries and demonstrations.
    """
    needed = num_queries + num_demonstrations
    if needed > len(task.pool):
        raise UserError(
            f"task '{task.name}' has {len(task.pool)} examples, but {num_queries} queries and "
            f"{num_demonstrations} shots need {needed}; ask for fewer with --queries or --shots."
        )
    order = stream(seeds.selection, "queries").permutation(len(task.pool))
    queries, rest = order[:num_queries], order[num_queries:]
    episodes = []
    for number in range(num_demonstration_sets):
        rng = stream(seeds.selection, "demonstrations", number)
        chosen = (_balanced if balanced else _plain)(task, rng.permutation(rest), num_demonstrations, rng)
        labels = tuple(task.pool[i].label for i in chosen)
        demonstrations = Demonstrations(
            set_id=f"set{number}",
            inputs=tuple(task.pool[i].input for i in chosen),
            gold_labels=labels,
            shown_labels=labels,
        )
        episodes += [Episode(demonstrations=demonstrations, query=task.pool[i], query_id=f"pool{i}") for i in queries]
    return episodes


def draw_curves(
    task: Task, *, num_demonstration_sets: int, num_demonstrations: int, seeds: Seeds
) -> list[tuple[Demonstrations, list[tuple[str, Example]]]]:
    """Draw prompts whose every demonstration is also asked, behind those before it.

    Returns
    -------
    list
        For each set its demonstrations, and num_demonstrations + 1 queries by number of shots: (identity, example).

    Raises
    ------
    UserError
        If the pool cannot supply so many.
    """
    needed = num_demonstrations + 1
    if needed > len(task.pool):
        raise UserError(
            f"task '{task.name}' has {len(task.pool)} examples, but a curve to {num_demonstrations} shots needs "
            f"{needed}; ask for fewer with --shots."
        )
    drawn = []
    for number in range(num_demonstration_sets):
        chosen = stream(seeds.selection, "curve", number).permutation(len(task.pool))[:needed]
        examples = [(f"pool{i}", task.pool[i]) for i in chosen.tolist()]
        labels = tuple(example.label for _, example in examples[:-1])
        demonstrations = Demonstrations(
            set_id=f"set{number}",
            inputs=tuple(example.input for _, example in examples[:-1]),
            gold_labels=labels,
            shown_labels=labels,
        )
        drawn.append((demonstrations, examples))
    return drawn


def _plain(task: Task, shuffled: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    return [int(i) for i in shuffled[:count]]


def _balanced(task: Task, shuffled: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    waiting = {label: [int(i) for i in shuffled if task.pool[i].label == label] for label in task.label_space}
    chosen: list[int] = []
    while len(chosen) < count:
        for index in rng.permutation(len(task.label_space)):
            label = task.label_space[index]
            if len(chosen) < count:
                if not waiting[label]:
                    raise UserError(
                        f"task '{task.name}' has too few examples labelled {label!r} for {count} balanced "
                        "demonstrations beside the queries; ask for fewer with --shots or --queries, "
                        "or draw them as they come with --unbalanced."
                    )
                chosen.append(waiting[label].pop())
    return chosen
