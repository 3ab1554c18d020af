"""What every task offers, a world with known truth included: what prompts, probes and scorers need of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from icl.seeds import Seeds
from icl.tasks.corpus import Corpus
from icl.tasks.demonstrations import Demonstrations, DrawnSet
from icl.tasks.example import Example

__all__ = ["AnyTask", "Kind"]

type Kind = Literal["sentences", "multiple choice", "GINC"]
"""Kinds of task that a probe may have grids of its own for."""


@runtime_checkable
class AnyTask(Protocol):
    """A task of any kind, answered by one of its candidates.

    `icl.tasks.task.Task` draws from rows; a world with known truth draws without end.
    """

    @property
    def name(self) -> str:
        """Name in tables and plots."""

    @property
    def description(self) -> str:
        """One line of what is asked."""

    @property
    def source(self) -> str:
        """Where it comes from, with a digest, fingerprint or revision."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how it was read, a sentence each."""

    @property
    def kind(self) -> Kind:
        """Which of a probe's grids suit it."""

    @property
    def in_words(self) -> bool:
        """Whether words of no meaning can take the place of its inputs and labels."""

    @property
    def world(self) -> str:
        """Which formats write it: those of the same `icl.prompts.formats.Format.world`."""

    @property
    def format_fields(self) -> Mapping[str, str]:
        """What the fields of its formats stand for, such as ``delimiter``."""

    @property
    def label_space(self) -> tuple[str, ...]:
        """Labels that demonstrations show; empty in multiple choice."""

    @property
    def answers(self) -> tuple[str, ...]:
        """What is scored as an answer to every query; empty in multiple choice, where each query has its own."""

    @property
    def is_multiple_choice(self) -> bool:
        """Whether each example brings its own options."""

    @property
    def num_options(self) -> int:
        """Answers that a query is scored against."""

    @property
    def pool(self) -> tuple[Example, ...]:
        """Rows that demonstrations are drawn from; empty where examples are drawn without end."""

    @property
    def query_pool(self) -> tuple[Example, ...]:
        """Rows that queries are drawn from, where those are others than the pool's."""

    @property
    def own_factors(self) -> Mapping[str, Any]:
        """Factors of a prompt that the task itself decides → their values, such as the length of an example."""

    @property
    def truth(self) -> object | None:
        """The law of a known world's text, which exact Bayes needs; None where nobody knows it."""

    def with_own_factors(self, **values: Any) -> "AnyTask":
        """Change the task's own factors."""

    def check(self, asked: Mapping[str, Any]) -> None:
        """Refuse a condition, its factors by name, that makes no sense of this task.

        Raises
        ------
        UserError
            Saying which, and what to leave out.
        """

    def draw_sets(
        self, *, num_queries: int, num_demonstration_sets: int, num_demonstrations: int, balance: str, seeds: Seeds
    ) -> list[DrawnSet]:
        """Draw demonstrations, as many as the largest number of shots, and the queries behind them."""

    def draw_curves(self, *, num_demonstration_sets: int, num_demonstrations: int, seeds: Seeds) -> list[DrawnSet]:
        """Draw prompts whose every demonstration is also asked: num_demonstrations + 1 queries per set."""

    def draw_inputs(
        self, inputs: tuple[str, ...], *, corpus: Corpus | None, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """Draw inputs from elsewhere in the place of the task's own, one for each."""

    def label_counts(self, drawn: Iterable[Demonstrations]) -> Counter[str]:
        """Count how often each label comes; `drawn` are the demonstrations of a run."""
