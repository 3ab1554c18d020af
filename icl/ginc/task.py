"""GINC as a task: examples are words of digits, every prompt draws its own concept and demonstrations."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from jaxtyping import Integer
from numpy import ndarray

from icl.errors import UserError
from icl.ginc.family import DELIMITER, GincFamily
from icl.ginc.sampling import GincExamples, sample_examples
from icl.seeds import Seeds, stream
from icl.tasks.corpus import Corpus
from icl.tasks.demonstrations import Demonstrations, DrawnSet
from icl.tasks.example import Example
from icl.tasks.protocol import AnyTask, Kind

__all__ = [
    "DEFAULT_EXAMPLE_LENGTH",
    "GincTask",
    "family_of",
    "read_tokens",
    "token_words",
]

DEFAULT_EXAMPLE_LENGTH = 5
"""Tokens of one example, label included, where none are named."""


@dataclass(frozen=True, kw_only=True)
class GincTask:
    """Continue the query by the token that its concept makes most probable (Xie §4.1).

    Attributes
    ----------
    family : GincFamily
        The world.
    example_length : int
        k: tokens in one example, label included.
    """

    family: GincFamily
    example_length: int
    name: str = "ginc"
    description: str = "continue a sequence of a hidden Markov concept (Xie et al. 2022)"

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """Every token of the vocabulary is scored: the paper's prediction is greedy over all of it."""
        return token_words(self.family)

    @cached_property
    def label_space(self) -> tuple[str, ...]:
        """The tokens that some hidden state emits; labels that are shown come from here."""
        return tuple(self.answers[token] for token in np.unique(self.family.emission))

    @property
    def source(self) -> str:
        """The family's fingerprint."""
        return f"ginc:{self.family.fingerprint}"

    @property
    def notes(self) -> tuple[str, ...]:
        """It is drawn, not read."""
        return ()

    @property
    def kind(self) -> Kind:
        """Probes have grids of their own for it."""
        return "GINC"

    @property
    def in_words(self) -> bool:
        """It has tokens only."""
        return False

    @property
    def world(self) -> str:
        """It has formats of its own."""
        return "ginc"

    @property
    def format_fields(self) -> Mapping[str, str]:
        """The delimiter's word."""
        return {"delimiter": self.answers[DELIMITER]}

    @property
    def is_multiple_choice(self) -> bool:
        """Every query is scored against the same vocabulary."""
        return False

    @property
    def num_options(self) -> int:
        """Tokens of the vocabulary."""
        return len(self.answers)

    @property
    def pool(self) -> tuple[Example, ...]:
        """It has no rows: examples are drawn without end."""
        return ()

    @property
    def query_pool(self) -> tuple[Example, ...]:
        """It has no rows."""
        return ()

    @property
    def own_factors(self) -> Mapping[str, Any]:
        """The length of an example."""
        return {"example_length": self.example_length}

    @property
    def truth(self) -> GincFamily:
        """The family."""
        return self.family

    def with_own_factors(self, **values: Any) -> "GincTask":
        """Take another length of examples; None keeps the task's."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def check(self, asked: Mapping[str, Any]) -> None:
        """Refuse what is for sentences.

        Raises
        ------
        UserError
            Saying what to leave out.
        """
        if asked["label_mode"] in ("symbols", "random_words"):
            raise UserError(f"label mode '{asked['label_mode']}' writes words, but GINC has tokens only; leave it out.")
        if asked["method"] == "channel":
            raise UserError("method 'channel' is for sentences; GINC labels are tokens like any other, ask directly.")
        if asked["balance"] != "balanced":
            raise UserError("demonstrations of GINC come as their concept draws them; leave out --balances.")

    def draw_sets(
        self, *, num_queries: int, num_demonstration_sets: int, num_demonstrations: int, balance: str, seeds: Seeds
    ) -> list[DrawnSet]:
        """Draw prompts by the paper's protocol: each has its own concept, start property and demonstrations.

        There are num_queries · num_demonstration_sets of them, with one query each. A demonstration's gold label is the
        token its chain drew; the query's is the most probable one.
        """
        num_prompts = num_queries * num_demonstration_sets
        examples = self._draw_examples(num_prompts, num_demonstrations, seeds)
        words = self.answers
        sets: list[DrawnSet] = []
        for number in range(num_prompts):
            gold = words[examples.query_label[number]]
            query = Example(input=_write(words, examples.tokens[number, -1, :-1]), label=gold)
            demonstrations = self._demonstrations(examples, number)
            sets.append((demonstrations, [(demonstrations.set_id, query)]))
        return sets

    def draw_curves(self, *, num_demonstration_sets: int, num_demonstrations: int, seeds: Seeds) -> list[DrawnSet]:
        """Draw the same prompts with every example also as a query: its gold label is the most probable token, as ever.

        Returns
        -------
        list
            For each prompt its demonstrations, and num_demonstrations + 1 queries by number of shots.
        """
        examples = self._draw_examples(num_demonstration_sets, num_demonstrations, seeds)
        words = self.answers
        drawn: list[DrawnSet] = []
        for number in range(num_demonstration_sets):
            demonstrations = self._demonstrations(examples, number)
            queries = [
                (f"{demonstrations.set_id}-{n}", Example(input=_write(words, tokens[:-1]), label=words[gold]))
                for n, (tokens, gold) in enumerate(zip(examples.tokens[number], examples.gold_labels[number]))
            ]
            drawn.append((demonstrations, queries))
        return drawn

    def draw_inputs(
        self, inputs: tuple[str, ...], *, corpus: Corpus | None, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """Draw inputs that no concept made: as many tokens as each has, uniform over all that some state emits."""
        words = self.answers
        tokens = np.setdiff1d(self.family.emission, [DELIMITER])
        return tuple(_write(words, rng.choice(tokens, size=len(text.split()))) for text in inputs)

    def label_counts(self, drawn: Iterable[Demonstrations]) -> Counter[str]:
        """Count the labels that were drawn, there being no pool."""
        return Counter(label for demonstrations in drawn for label in demonstrations.gold_labels)

    def _draw_examples(self, num_prompts: int, num_demonstrations: int, seeds: Seeds) -> GincExamples:
        return sample_examples(
            self.family,
            num_prompts=num_prompts,
            num_examples=num_demonstrations + 1,
            example_length=self.example_length,
            rng=stream(seeds.selection, "ginc", self.example_length),
        )

    def _demonstrations(self, examples: GincExamples, number: int) -> Demonstrations:
        """All examples of a prompt but the last."""
        shown, words = examples.tokens[number, :-1], self.answers
        labels = tuple(words[example[-1]] for example in shown)
        return Demonstrations(
            set_id=f"k{self.example_length}-{number}",
            inputs=tuple(_write(words, example[:-1]) for example in shown),
            gold_labels=labels,
            shown_labels=labels,
            balance="as-drawn",
        )


def family_of(task: AnyTask) -> GincFamily | None:
    """Return the family that a task's text follows; None where it follows none."""
    return task.truth if isinstance(task.truth, GincFamily) else None


def token_words(family: GincFamily) -> tuple[str, ...]:
    """Write each token as digits of one common width, so that no word is a prefix of another."""
    return tuple(_token_of_word(family.vocab_size))


@cache
def _token_of_word(vocab_size: int) -> dict[str, int]:
    width = len(str(vocab_size - 1))
    return {f"{token:0{width}d}": token for token in range(vocab_size)}


def read_tokens(text: str, family: GincFamily) -> list[int]:
    """Read GINC text back into tokens.

    Raises
    ------
    UserError
        If a word is not one of the family's tokens.
    """
    token_of = _token_of_word(family.vocab_size)
    try:
        return [token_of[word] for word in text.split()]
    except KeyError as error:
        raise UserError(
            f"the exact Bayes scorer reads GINC prompts only, got the word {error}; "
            "use it with --task ginc, or choose another --model."
        ) from None


def _write(words: tuple[str, ...], tokens: Integer[ndarray, " length"]) -> str:
    return " ".join(words[token] for token in tokens)
