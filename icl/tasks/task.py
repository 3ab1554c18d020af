"""What is asked: labelled inputs with their answers, of one label space or to be chosen from options."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from icl.errors import UserError, unknown_name
from icl.seeds import Seeds
from icl.tasks.corpus import Corpus, builtin_corpus
from icl.tasks.demonstrations import Demonstrations, DrawnSet
from icl.tasks.draw import draw_curves, draw_episodes
from icl.tasks.example import Example
from icl.tasks.ood import draw_ood
from icl.tasks.protocol import Kind
from icl.tasks.text import unreadable, visible

__all__ = ["Example", "Task", "with_label_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A classification or multiple-choice task in words.

    Attributes
    ----------
    name : str
        Name in tables and plots.
    description : str
        One line of what is asked.
    label_space : tuple of str
        All labels, each non-empty; empty in multiple choice. They may begin one another (`icl.prompts.endings`).
    pool : tuple of Example
        Labelled inputs, all distinct, from which demonstrations are drawn, and queries where `query_pool` is empty.
        In multiple choice each has options of its own, equally many; they may begin one another.
    source : str
        Where the pool comes from: "built-in", a file with its hash, a Hub data set with its revision; what
        Python makes is named by a digest when it is asked.
    query_pool : tuple of Example
        Where it is not empty, queries are drawn from it; it shares no input with `pool`.
    notes : tuple of str
        What a user should know about how the task was read, a sentence each.

    Raises
    ------
    UserError
        If a text holds what no model can be given, inputs repeat, or some examples have options and some have none. In
        classification: if there are fewer than two labels, two look the same, a label is empty, or an example's label
        is unknown. In multiple choice: if there is a label space, the number of options varies or is below two, or an
        example's options are empty, repeated or without its label.
    """

    name: str
    description: str
    label_space: tuple[str, ...]
    pool: tuple[Example, ...]
    source: str = ""
    query_pool: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        examples = (*self.pool, *self.query_pool)
        _check_texts(self)
        without = sum(not example.options for example in examples)
        if 0 < without < len(examples):
            raise UserError(
                f"task '{self.name}' mixes multiple choice and classification: {without} of its {len(examples)} "
                "examples have no options; give options to all or to none."
            )
        if self.is_multiple_choice:
            _check_options(self, examples)
        else:
            _check_labels(self, examples)
        _check_inputs(self)

    @property
    def is_multiple_choice(self) -> bool:
        """Whether each example brings its own options."""
        return any(example.options for example in (*self.pool[:1], *self.query_pool[:1]))

    @property
    def num_options(self) -> int:
        """Answers that a query is scored against: an example's options, or the labels."""
        return len(self.pool[0].options) if self.is_multiple_choice else len(self.label_space)

    @property
    def answers(self) -> tuple[str, ...]:
        """What is scored as an answer to every query: the labels; empty in multiple choice."""
        return self.label_space

    @property
    def kind(self) -> Kind:
        """Multiple choice, or sentences of one label space."""
        return "multiple choice" if self.is_multiple_choice else "sentences"

    @property
    def in_words(self) -> bool:
        """Words of no meaning can take the place of inputs and labels."""
        return True

    @property
    def world(self) -> str:
        """It is written in the formats for text."""
        return "text"

    @property
    def format_fields(self) -> Mapping[str, str]:
        """Formats for text have no fields that hang on the task."""
        return {}

    @property
    def own_factors(self) -> Mapping[str, Any]:
        """No factor is the task's own."""
        return {}

    @property
    def truth(self) -> None:
        """Nobody knows the law of its text."""
        return None

    def with_own_factors(self, **values: Any) -> "Task":
        """Take no values, since no factor is the task's own."""
        return replace(self, **values)

    def check(self, asked: Mapping[str, Any]) -> None:
        """Refuse more rotations of the options than there are.

        Raises
        ------
        UserError
            Naming how many there are.
        """
        places = asked["option_order"]
        if places >= max(self.num_options, 1):
            raise UserError(
                f"task '{self.name}' lists {self.num_options} options, which have {self.num_options} rotations, but "
                f"{places + 1} option orders were asked for; ask for fewer with --option-orders."
            )

    def draw_sets(
        self, *, num_queries: int, num_demonstration_sets: int, num_demonstrations: int, balance: str, seeds: Seeds
    ) -> list[DrawnSet]:
        """Cross queries with demonstration sets, see `icl.tasks.draw.draw_episodes`."""
        sets: dict[str, DrawnSet] = {}
        for episode in draw_episodes(
            self,
            num_queries=num_queries,
            num_demonstration_sets=num_demonstration_sets,
            num_demonstrations=num_demonstrations,
            balance=balance,
            seeds=seeds,
        ):
            _, queries = sets.setdefault(episode.demonstrations.set_id, (episode.demonstrations, []))
            queries.append((episode.query_id, episode.query))
        return list(sets.values())

    def draw_curves(self, *, num_demonstration_sets: int, num_demonstrations: int, seeds: Seeds) -> list[DrawnSet]:
        """Ask every demonstration behind those before it, see `icl.tasks.draw.draw_curves`."""
        return draw_curves(
            self,
            num_demonstration_sets=num_demonstration_sets,
            num_demonstrations=num_demonstrations,
            seeds=seeds,
        )

    def draw_inputs(
        self, inputs: tuple[str, ...], *, corpus: Corpus | None, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """Draw sentences of like length from a corpus, None being the built-in one; none of the task's own."""
        own = {example.input for example in (*self.pool, *self.query_pool)}
        return draw_ood(inputs, corpus or builtin_corpus(), exclude=own, rng=rng)

    def label_counts(self, drawn: Iterable[Demonstrations]) -> Counter[str]:
        """Count the labels of the pool, whatever was drawn."""
        return Counter(example.label for example in self.pool)


def _check_texts(task: Task) -> None:
    """Refuse half characters and NUL, saying where they stand."""
    for place, pool in (("pool", task.pool), ("query pool", task.query_pool)):
        for number, example in enumerate(pool, start=1):
            for what, texts in (("input", (example.input,)), ("label", (example.label,)), ("options", example.options)):
                for text in texts:
                    if fault := unreadable(text):
                        raise UserError(
                            f"the {what} of example {number} in the {place} of task {task.name!a} "
                            f"hold{'s' if what != 'options' else ''} {fault}, which no model can be given; correct it."
                        )
    for text in (task.name, task.description, *task.label_space):
        if fault := unreadable(text):
            raise UserError(f"{ascii(text)[:80]} in task {task.name!a} holds {fault}; write it otherwise.")


def _check_labels(task: Task, examples: Sequence[Example]) -> None:
    """Refuse labels that cannot compete by their probabilities, and labels out of the space."""
    labels = task.label_space
    if any(not visible(label).strip() for label in labels):
        raise UserError(f"task '{task.name}' has an empty label; give every example a label word.")
    if len(set(labels)) < 2:
        raise UserError(
            f"task '{task.name}' has only one class ({labels[0]!r}); a probe needs at least two."
            if labels
            else f"task '{task.name}' has no labels at all; a probe needs at least two."
        )
    if twin := _look_alike(labels):
        raise UserError(
            f"labels {twin[0]!a} and {twin[1]!a} of task '{task.name}' look the same on a screen, since they "
            "differ in invisible characters or in how accents are stored; write them the same way."
        )
    if strangers := {example.label for example in examples} - set(labels):
        raise UserError(f"task '{task.name}' has examples labelled {sorted(strangers)}, not in its label space.")


def _look_alike(labels: Sequence[str]) -> tuple[str, str] | None:
    """Find two labels that differ only in what nobody sees: composition and invisible characters."""
    seen: dict[str, str] = {}
    for label in labels:
        composed = visible(unicodedata.normalize("NFC", label))
        shown = "".join(" " if one.isspace() else one for one in composed)
        if shown in seen and seen[shown] != label:
            return seen[shown], label
        seen[shown] = label
    return None


def _check_options(task: Task, examples: Sequence[Example]) -> None:
    """Refuse options that are no choice, and a label space beside them."""
    if task.label_space:
        raise UserError(
            f"task '{task.name}' has options and a label space ({' / '.join(task.label_space)}); leave the label "
            "space empty, or the options."
        )
    numbers = {len(example.options) for example in examples}
    if len(numbers) > 1:
        raise UserError(
            f"task '{task.name}' has {min(numbers)} to {max(numbers)} options for an example; give every example "
            "equally many, so that chance is the same for all."
        )
    if min(numbers) < 2:
        raise UserError(f"task '{task.name}' has one option for an example; a choice needs at least two.")
    for example in examples:
        options, start = example.options, example.input[:40]
        if any(not visible(option).strip() for option in options):
            raise UserError(f"task '{task.name}' has an empty option at {start!r}; write every option out.")
        if len(set(options)) < len(options):
            raise UserError(f"task '{task.name}' has the same option twice at {start!r}; make the options differ.")
        if example.label not in options:
            raise UserError(
                f"label {example.label!r} at {start!r} of task '{task.name}' is none of its options "
                f"({' / '.join(options)}); give the text of one of them."
            )


def _check_inputs(task: Task) -> None:
    """Refuse inputs that stand more than once."""
    for place, pool in (("pool", task.pool), ("query pool", task.query_pool)):
        repeats = len(pool) - len({example.input for example in pool})
        if repeats:
            raise UserError(
                f"{repeats} inputs of task '{task.name}' are in its {place} more than once; keep one of each, or a "
                "demonstration may give the query's answer away."
            )
    if shared := {example.input for example in task.pool} & {example.input for example in task.query_pool}:
        raise UserError(
            f"{len(shared)} inputs of task '{task.name}' are both in its pool and in its query pool; take them out "
            "of one, or a demonstration may give the query's answer away."
        )


def with_label_words(task: Task, words: Mapping[str, str]) -> Task:
    """Rename labels of a task, in prompts and tables alike.

    Raises
    ------
    UserError
        If a label is not the task's, two labels would have one name, or the task is multiple choice.
    """
    if task.is_multiple_choice:
        raise UserError(
            f"label words are for classification, but task '{task.name}' is multiple choice; leave them out."
        )
    for label in words:
        if label not in task.label_space:
            raise unknown_name(f"label of task '{task.name}'", label, task.label_space)
    renamed = tuple(words.get(label, label) for label in task.label_space)
    if twice := sorted({label for label in renamed if renamed.count(label) > 1}):
        raise UserError(f"two labels of task '{task.name}' would be called '{twice[0]}'; give each a word of its own.")

    def rename(pool: tuple[Example, ...]) -> tuple[Example, ...]:
        return tuple(replace(example, label=words.get(example.label, example.label)) for example in pool)

    return replace(task, label_space=renamed, pool=rename(task.pool), query_pool=rename(task.query_pool))
