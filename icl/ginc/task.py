"""GINC as a task: examples are words of digits, every prompt draws its own concept and demonstrations."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from jaxtyping import Integer
from numpy import ndarray

from icl.errors import UserError
from icl.ginc.family import DELIMITER, GincFamily
from icl.ginc.sampling import GincExamples, sample_examples
from icl.prompts.demonstrations import Demonstrations, Episode
from icl.prompts.seeds import Seeds, stream
from icl.tasks.task import Example

__all__ = [
    "GincTask",
    "draw_ginc_curves",
    "draw_ginc_episodes",
    "draw_ginc_inputs",
    "read_tokens",
    "token_words",
]


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
    def delimiter(self) -> str:
        """The delimiter's word."""
        return self.answers[DELIMITER]

    @property
    def source(self) -> str:
        """The family's fingerprint."""
        return f"ginc:{self.family.fingerprint}"


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


def draw_ginc_episodes(task: GincTask, *, num_prompts: int, num_demonstrations: int, seeds: Seeds) -> list[Episode]:
    """Draw prompts by the paper's protocol: each has its own concept, start property and demonstrations.

    A demonstration's gold label is the token its chain drew; the query's is the most probable one.
    """
    examples = _draw_examples(task, num_prompts, num_demonstrations, seeds)
    words = task.answers
    episodes = []
    for number in range(num_prompts):
        gold = words[examples.query_label[number]]
        query = Example(input=_write(words, examples.tokens[number, -1, :-1]), label=gold)
        demonstrations = _demonstrations(task, examples, number)
        episodes.append(Episode(demonstrations=demonstrations, query=query, query_id=demonstrations.set_id))
    return episodes


def draw_ginc_curves(
    task: GincTask, *, num_prompts: int, num_demonstrations: int, seeds: Seeds
) -> list[tuple[Demonstrations, list[tuple[str, Example]]]]:
    """Draw the same prompts with every example also as a query: its gold label is the most probable token, as ever.

    Returns
    -------
    list
        For each prompt its demonstrations, and num_demonstrations + 1 queries by number of shots: (identity, example).
    """
    examples = _draw_examples(task, num_prompts, num_demonstrations, seeds)
    words = task.answers
    drawn = []
    for number in range(num_prompts):
        demonstrations = _demonstrations(task, examples, number)
        queries = [
            (f"{demonstrations.set_id}-{n}", Example(input=_write(words, tokens[:-1]), label=words[gold]))
            for n, (tokens, gold) in enumerate(zip(examples.tokens[number], examples.gold_labels[number]))
        ]
        drawn.append((demonstrations, queries))
    return drawn


def draw_ginc_inputs(task: GincTask, inputs: tuple[str, ...], *, rng: np.random.Generator) -> tuple[str, ...]:
    """Draw inputs that no concept made: as many tokens as each has, uniform over all that some state emits."""
    words = task.answers
    tokens = np.setdiff1d(task.family.emission, [DELIMITER])
    return tuple(_write(words, rng.choice(tokens, size=len(text.split()))) for text in inputs)


def _draw_examples(task: GincTask, num_prompts: int, num_demonstrations: int, seeds: Seeds) -> GincExamples:
    return sample_examples(
        task.family,
        num_prompts=num_prompts,
        num_examples=num_demonstrations + 1,
        example_length=task.example_length,
        rng=stream(seeds.selection, "ginc", task.example_length),
    )


def _demonstrations(task: GincTask, examples: GincExamples, number: int) -> Demonstrations:
    """All examples of a prompt but the last."""
    shown, words = examples.tokens[number, :-1], task.answers
    labels = tuple(words[example[-1]] for example in shown)
    return Demonstrations(
        set_id=f"k{task.example_length}-{number}",
        inputs=tuple(_write(words, example[:-1]) for example in shown),
        gold_labels=labels,
        shown_labels=labels,
        balance="as-drawn",
    )


def _write(words: tuple[str, ...], tokens: Integer[ndarray, " length"]) -> str:
    return " ".join(words[token] for token in tokens)
