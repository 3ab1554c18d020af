"""Documents and few-shot prompts of a GINC family (Xie §4.1 and appendix)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.errors import UserError
from icl.ginc.family import GincFamily

__all__ = ["GincExamples", "gold_labels", "sample_documents", "sample_examples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GincExamples:
    """Examples for a batch of prompts; the last example of each prompt is the query.

    Attributes
    ----------
    tokens : Integer[ndarray, "num_prompts num_examples example_length"]
        An example's first ``example_length − 1`` tokens are its input, the last is what the chain drew as its
        label.
    query_label : Integer[ndarray, " num_prompts"]
        Gold label of the query: argmax of p(y | x_test, θ*), not the token that was drawn.
    concept : Integer[ndarray, " num_prompts"]
        The right concept θ*.
    start_property : Integer[ndarray, " num_prompts"]
        The property s_0 that all examples of the prompt start from.
    """

    tokens: Integer[ndarray, "num_prompts num_examples example_length"]
    query_label: Integer[ndarray, " num_prompts"]
    concept: Integer[ndarray, " num_prompts"]
    start_property: Integer[ndarray, " num_prompts"]


def sample_documents(
    family: GincFamily, *, num_documents: int, length: int, rng: np.random.Generator
) -> tuple[Integer[ndarray, "num_documents length"], Integer[ndarray, " num_documents"]]:
    """Draw documents, each from one concept of the pretraining mixture.

    Returns
    -------
    tokens, concept
        The documents (`uint8` where the vocabulary allows it) and the concept behind each.
    """
    concept = rng.integers(family.num_pretraining_concepts, size=num_documents)
    state = _draw(np.cumsum(family.start, axis=1)[concept], rng)
    return _run_chain(family, concept, state, length, rng), concept


def sample_examples(
    family: GincFamily, *, num_prompts: int, num_examples: int, example_length: int, rng: np.random.Generator
) -> GincExamples:
    """Draw the examples of in-distribution prompts (Xie §4.1).

    For each prompt the concept is uniform over the pretraining mixture and one start property is uniform over
    1..P−1; each example draws its entity uniformly and runs the concept's chain for `example_length` tokens.

    Raises
    ------
    UserError
        If `example_length` is below 2: an example needs an input and a label.
    """
    if example_length < 2:
        raise UserError(f"a GINC example needs an input and a label: example_length ≥ 2, got {example_length}.")
    concept = rng.integers(family.num_pretraining_concepts, size=num_prompts)
    start_property = rng.integers(1, family.num_properties, size=num_prompts)
    entity = rng.integers(family.num_entities, size=(num_prompts, num_examples))
    state = entity * family.num_properties + start_property[:, None]
    tokens = _run_chain(family, np.repeat(concept, num_examples), state.reshape(-1), example_length, rng)
    tokens = tokens.reshape(num_prompts, num_examples, example_length)
    return GincExamples(
        tokens=tokens,
        query_label=gold_labels(family, tokens[:, -1, :-1], concept, start_property),
        concept=concept,
        start_property=start_property,
    )


def gold_labels(
    family: GincFamily,
    inputs: Integer[ndarray, "num_prompts input_length"],
    concept: Integer[ndarray, " num_prompts"],
    start_property: Integer[ndarray, " num_prompts"],
) -> Integer[ndarray, " num_prompts"]:
    """Find argmax_y p(y | x, θ*) with the start property known and the entity uniform (Xie §4.1)."""
    start = np.zeros((family.num_properties, family.num_entities, family.num_properties))
    start[np.arange(family.num_properties), :, np.arange(family.num_properties)] = 1 / family.num_entities
    belief: Float[ndarray, "num_prompts num_states"] = start.reshape(family.num_properties, -1)[start_property]
    labels = np.empty(len(inputs), dtype=int)
    states_of_token = family.emission[None, :] == np.arange(family.vocab_size)[:, None]
    for theta in np.unique(concept):
        rows = concept == theta
        alpha = belief[rows]
        for tokens in inputs[rows].T:
            alpha = np.where(states_of_token[tokens], alpha, 0.0) @ family.transition[theta]
        labels[rows] = np.argmax(alpha @ states_of_token.T, axis=1)
    return labels


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
    tokens = np.empty((length, len(state)), dtype=np.min_scalar_type(family.vocab_size - 1))
    for step in range(length):
        if step:
            entity = _draw(entity_cdf[concept, entity], rng)
            prop = _draw(property_cdf[concept, prop], rng)
        tokens[step] = family.memory[entity, prop]
    return np.ascontiguousarray(tokens.T)


def _draw(cdf: Float[ndarray, "num_draws size"], rng: np.random.Generator) -> Integer[ndarray, " num_draws"]:
    """Draw an index from each row of cumulative probabilities."""
    uniform = rng.random(len(cdf)) * cdf[:, -1]  # scaled, so that rounding never points behind the last
    return (uniform[:, None] >= cdf[:, :-1]).sum(axis=1)
