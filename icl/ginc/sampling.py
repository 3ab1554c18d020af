"""Documents and few-shot prompts of a GINC family (Xie §4.1 and appendix)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.compiled_loops import compiled
from icl.errors import UserError
from icl.ginc.exact import DEFAULT_SMOOTHING, smoothed_transition
from icl.ginc.family import GincFamily, chosen_concepts
from icl.ginc.forward import forward
from icl.ties import likeliest

__all__ = [
    "GincExamples",
    "gold_labels",
    "sample_documents",
    "sample_examples",
    "sample_random_documents",
    "sample_unseen_examples",
    "stream_documents",
]

_NUMBERS_AT_ONCE = 1 << 18
"""How many steps' random numbers are held at a time: 4 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GincExamples:
    """Examples for a batch of prompts; the last example of each prompt is the query.

    Attributes
    ----------
    tokens : Integer[ndarray, "num_prompts num_examples example_length"]
        An example's first ``example_length − 1`` tokens are its input, the last is what was drawn as its label.
    gold_labels : Integer[ndarray, "num_prompts num_examples"]
        Gold label of every example as if it were the query: argmax of p(y | x_i, θ*), not the token that was drawn.
    concept : Integer[ndarray, " num_prompts"]
        The right concept θ*.
    start_property : Integer[ndarray, " num_prompts"]
        The property s_0 that all examples of the prompt start from; −1 where they share none (unseen concepts).
    """

    tokens: Integer[ndarray, "num_prompts num_examples example_length"]
    gold_labels: Integer[ndarray, "num_prompts num_examples"]
    concept: Integer[ndarray, " num_prompts"]
    start_property: Integer[ndarray, " num_prompts"]

    @property
    def query_label(self) -> Integer[ndarray, " num_prompts"]:
        """Gold label of the query."""
        return self.gold_labels[:, -1]


def sample_documents(
    family: GincFamily,
    *,
    num_documents: int,
    length: int,
    rng: np.random.Generator,
    concepts: Sequence[int] | Integer[ndarray, " num_chosen"] | None = None,
) -> tuple[Integer[ndarray, "num_documents length"], Integer[ndarray, " num_documents"]]:
    """Draw documents, each from one concept, uniform over `concepts` (the pretraining mixture if None).

    Returns
    -------
    tokens, concept
        The documents (`uint8` where the vocabulary allows it) and the concept behind each.
    """
    chosen = chosen_concepts(family, concepts)
    concept = chosen[rng.integers(len(chosen), size=num_documents)]
    state = _draw(np.cumsum(family.start, axis=1)[concept], rng)
    return _run_chain(family, concept, state, length, rng), concept


def stream_documents(
    family: GincFamily,
    *,
    num_documents: int,
    length: int,
    batch_size: int,
    rng: np.random.Generator,
    concepts: Sequence[int] | Integer[ndarray, " num_chosen"] | None = None,
) -> Iterator[tuple[Integer[ndarray, "batch length"], Integer[ndarray, " batch"]]]:
    """Yield `sample_documents` in batches of at most `batch_size` documents, of which only one is held at a time."""
    if batch_size < 1:
        raise UserError(f"batch_size must be at least 1, got {batch_size}.")
    for first in range(0, num_documents, batch_size):
        batch = min(batch_size, num_documents - first)
        yield sample_documents(family, num_documents=batch, length=length, rng=rng, concepts=concepts)


def sample_random_documents(
    family: GincFamily, *, num_documents: int, length: int, rng: np.random.Generator
) -> Integer[ndarray, "num_documents length"]:
    """Draw tokens i.i.d. uniformly from the vocabulary, delimiter included (Xie §4.3, the ablation "random data")."""
    return rng.integers(family.vocab_size, size=(num_documents, length), dtype=_token_type(family))


def sample_examples(
    family: GincFamily,
    *,
    num_prompts: int,
    num_examples: int,
    example_length: int,
    rng: np.random.Generator,
    concepts: Sequence[int] | Integer[ndarray, " num_chosen"] | None = None,
) -> GincExamples:
    """Draw the examples of in-distribution prompts (Xie §4.1).

    For each prompt the concept is uniform over `concepts` (the pretraining mixture if None) and one start property is
    uniform over 1..P−1; each example draws its entity uniformly and runs the concept's chain for `example_length`
    tokens.

    Raises
    ------
    UserError
        If `example_length` is below 2: an example needs an input and a label.
    """
    _check_examples(num_examples, example_length)
    chosen = chosen_concepts(family, concepts)
    concept = chosen[rng.integers(len(chosen), size=num_prompts)]
    start_property = rng.integers(1, family.num_properties, size=num_prompts)
    entity = rng.integers(family.num_entities, size=(num_prompts, num_examples))
    state = entity * family.num_properties + start_property[:, None]
    tokens = _run_chain(family, np.repeat(concept, num_examples), state.reshape(-1), example_length, rng)
    tokens = tokens.reshape(num_prompts, num_examples, example_length)
    return GincExamples(
        tokens=tokens,
        gold_labels=gold_labels(family, tokens[:, :, :-1], concept, start_property),
        concept=concept,
        start_property=start_property,
    )


def sample_unseen_examples(
    family: GincFamily,
    *,
    num_prompts: int,
    num_examples: int,
    example_length: int,
    rng: np.random.Generator,
    concepts: Sequence[int] | Integer[ndarray, " num_chosen"] | None = None,
    smoothing: float = DEFAULT_SMOOTHING,
) -> GincExamples:
    """Draw prompts of unseen concepts as the paper's published generator does.

    Each example has one entity for all its tokens and properties i.i.d. uniform on 1..P−1 at each position. Its label
    is the most probable one under an unseen concept (uniform over `concepts`, all unseen ones if None) that starts
    from any state alike.

    Many such inputs are impossible under the concept, which has exact zeros. With `smoothing` 0 these get the delimiter
    as their label, as happens in the published generator; the default smooths the concept as the oracle does, so that
    every label is an answer.

    Raises
    ------
    UserError
        If the family has no unseen concept, or `example_length` is below 2.
    """
    _check_examples(num_examples, example_length)
    if concepts is None and family.num_concepts == family.num_pretraining_concepts:
        raise UserError(
            f"all {family.num_concepts} concepts of this family are in the pretraining mixture, so none is unseen; "
            "sample a family with num_pretraining_concepts below num_concepts."
        )
    unseen = np.arange(family.num_pretraining_concepts, family.num_concepts)
    chosen = unseen if concepts is None else chosen_concepts(family, concepts)
    concept = chosen[rng.integers(len(chosen), size=num_prompts)]
    entity = rng.integers(family.num_entities, size=(num_prompts, num_examples, 1))
    prop = rng.integers(1, family.num_properties, size=(num_prompts, num_examples, example_length))
    tokens = family.memory[entity, prop].astype(_token_type(family))
    start_property = np.full(num_prompts, -1)
    return GincExamples(
        tokens=tokens,
        gold_labels=gold_labels(family, tokens[:, :, :-1], concept, start_property, smoothing=smoothing),
        concept=concept,
        start_property=start_property,
    )


def gold_labels(
    family: GincFamily,
    inputs: Integer[ndarray, "num_prompts num_examples input_length"],
    concept: Integer[ndarray, " num_prompts"],
    start_property: Integer[ndarray, " num_prompts"],
    *,
    smoothing: float = 0.0,
) -> Integer[ndarray, "num_prompts num_examples"]:
    """Find argmax_y p(y | x, θ*) with the start property known and the entity uniform (Xie §4.1).

    Equally likely labels, as nearly deterministic families have them, are settled by `icl.ties`. A start property of −1
    means that every start state is alike. An input that θ* cannot have made, which `smoothing` rules out, gets the
    delimiter.
    """
    labels = np.empty(inputs.shape[:2], dtype=int)
    for theta, known in np.unique(np.stack([concept, start_property], axis=1), axis=0):
        start = np.ones((1, family.num_entities, family.num_properties))
        if known >= 0:
            start[:, :, np.arange(family.num_properties) != known] = 0
        start = start.reshape(1, -1) / start.sum()
        rows = (concept == theta) & (start_property == known)
        queries = inputs[rows].reshape(-1, inputs.shape[2])
        transition = smoothed_transition(family, smoothing, np.array([theta]))
        last = np.array([inputs.shape[2] - 1])
        _, predictive = forward(start, transition, family.emission, family.vocab_size, queries, last)
        with np.errstate(divide="ignore"):
            log_predictive = np.log(predictive[:, 0, 0])
        labels[rows] = likeliest(log_predictive).reshape(-1, inputs.shape[1])
    return labels


def _check_examples(num_examples: int, example_length: int) -> None:
    if example_length < 2:
        raise UserError(f"a GINC example needs an input and a label: example_length ≥ 2, got {example_length}.")
    if num_examples < 1:
        raise UserError(f"a GINC prompt needs a query: num_examples ≥ 1, got {num_examples}.")


def _token_type(family: GincFamily) -> np.dtype:
    return np.min_scalar_type(family.vocab_size - 1)


def _run_chain(
    family: GincFamily,
    concept: Integer[ndarray, " num_chains"],
    state: Integer[ndarray, " num_chains"],
    length: int,
    rng: np.random.Generator,
) -> Integer[ndarray, "num_chains length"]:
    """Emit `length` tokens from each chain; given its start, entity and property move independently."""
    entity, prop = np.divmod(state, family.num_properties)
    entity_cdf = np.cumsum(family.entity_transition, axis=-1)
    property_cdf = np.cumsum(family.property_transition, axis=-1)
    tokens = np.empty((len(state), length), dtype=_token_type(family))
    tokens[:, 0] = family.memory[entity, prop]
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, len(state)))
    for first in range(1, length, at_once):
        uniform = rng.random((min(at_once, length - first), 2, len(state)))
        piece = tokens[:, first : first + at_once]
        compiled(_walk)(entity_cdf, property_cdf, family.memory, concept, uniform, entity, prop, piece)
    return tokens


def _walk(entity_cdf, property_cdf, memory, concept, uniform, entity, prop, tokens):
    """Move each chain on by as many steps as there are numbers in `uniform`; plain loops, to be compiled.

    Numbers are scaled to the last cumulative probability, so that rounding never points behind it.
    """
    for step in range(uniform.shape[0]):
        for chain in range(uniform.shape[2]):
            cdf = entity_cdf[concept[chain], entity[chain]]
            number = uniform[step, 0, chain] * cdf[-1]
            to_entity = 0
            for index in range(len(cdf) - 1):
                to_entity += number >= cdf[index]
            cdf = property_cdf[concept[chain], prop[chain]]
            number = uniform[step, 1, chain] * cdf[-1]
            to_property = 0
            for index in range(len(cdf) - 1):
                to_property += number >= cdf[index]
            entity[chain], prop[chain] = to_entity, to_property
            tokens[chain, step] = memory[to_entity, to_property]


def _draw(cdf: Float[ndarray, "num_draws size"], rng: np.random.Generator) -> Integer[ndarray, " num_draws"]:
    """Draw an index from each row of cumulative probabilities."""
    uniform = rng.random(len(cdf)) * cdf[:, -1]  # scaled, so that rounding never points behind the last
    return (uniform[:, None] >= cdf[:, :-1]).sum(axis=1)
