"""Documents and prompts of GINC against enumeration, frequencies and their own protocol."""

from itertools import product

import numpy as np
import pytest

from icl.errors import UserError
from icl.ginc.family import DELIMITER, GincFamily, default_family, sample_family
from icl.ginc.positions import Role, answer_positions, prompt_tokens, roles
from icl.ginc.sampling import (
    gold_labels,
    sample_documents,
    sample_examples,
    sample_random_documents,
    sample_unseen_examples,
    stream_documents,
)


def most_probable_label(family: GincFamily, tokens, concept: int, start: np.ndarray, smoothing: float) -> np.ndarray:
    """Probability of each label after `tokens`, by enumeration of hidden paths."""
    mass = np.zeros(family.vocab_size)
    for path in product(range(family.num_states), repeat=len(tokens) + 1):
        weight = start[path[0]] * all(family.emission[s] == t for s, t in zip(path, tokens))
        for before, after in zip(path, path[1:]):
            weight *= (1 - smoothing) * family.transition[concept, before, after] + smoothing / family.num_states
        mass[family.emission[path[-1]]] += weight
    return mass


def test_gold_labels_are_the_most_probable_continuations_by_enumeration(tiny_family, rng):
    examples = sample_examples(tiny_family, num_prompts=15, num_examples=2, example_length=4, rng=rng)
    for row, example in product(range(15), range(2)):
        start = np.tile(np.arange(2) == examples.start_property[row], 2) / 2
        tokens = examples.tokens[row, example, :-1]
        mass = most_probable_label(tiny_family, tokens, examples.concept[row], start, 0.0)
        assert mass[examples.gold_labels[row, example]] == pytest.approx(mass.max(), rel=1e-12)
    np.testing.assert_array_equal(examples.query_label, examples.gold_labels[:, -1])


def test_unseen_examples_keep_their_entity_and_take_labels_from_unseen_concepts(rng):
    family = sample_family(
        rng=rng, num_entities=2, num_properties=3, vocab_size=5, num_concepts=3, num_pretraining_concepts=1
    )
    examples = sample_unseen_examples(family, num_prompts=20, num_examples=2, example_length=3, rng=rng, smoothing=0.1)
    assert set(examples.concept) == {1, 2}
    for row, example in product(range(20), range(2)):
        tokens = examples.tokens[row, example]
        assert any(set(tokens) <= set(words[1:]) for words in family.memory)
        mass = most_probable_label(family, tokens[:-1], examples.concept[row], np.full(6, 1 / 6), 0.1)
        assert mass[examples.gold_labels[row, example]] == pytest.approx(mass.max(), rel=1e-12)


def test_unseen_inputs_that_no_smoothing_makes_possible_get_the_delimiter():
    family = default_family()
    options = {"num_prompts": 200, "num_examples": 1, "example_length": 10}
    exact = sample_unseen_examples(family, **options, rng=np.random.default_rng(3), smoothing=0.0)
    smoothed = sample_unseen_examples(family, **options, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(exact.tokens, smoothed.tokens)
    impossible = np.zeros(200, dtype=bool)
    for row in range(200):
        alpha = np.ones(100)
        for token in exact.tokens[row, 0, :-1]:
            alpha = (alpha * (family.emission == token)) @ family.transition[exact.concept[row]]
        impossible[row] = alpha.sum() == 0
    assert impossible.any()
    assert (exact.query_label[impossible] == DELIMITER).all()
    assert (smoothed.query_label[impossible] != DELIMITER).any()


def test_examples_start_from_one_property_and_follow_the_chain(rng):
    family = default_family()
    examples = sample_examples(family, num_prompts=400, num_examples=5, example_length=6, rng=rng)
    first = examples.tokens[:, :, 0]
    for row in range(400):
        assert set(first[row]) <= set(family.memory[:, examples.start_property[row]])
    assert set(np.unique(examples.start_property)) == set(range(1, family.num_properties))
    assert set(np.unique(examples.concept)) == set(range(family.num_pretraining_concepts))


def test_documents_have_the_token_frequencies_of_the_chain(rng):
    family = sample_family(rng=rng, num_concepts=1, num_pretraining_concepts=1)
    documents, _ = sample_documents(family, num_documents=4000, length=3, rng=rng)
    emits = np.eye(family.vocab_size)[family.emission]
    state = family.start[0]
    for position in range(3):
        expected = state @ emits
        observed = np.bincount(documents[:, position], minlength=family.vocab_size) / len(documents)
        standard_error = np.sqrt(expected * (1 - expected) / len(documents))
        assert (np.abs(observed - expected) <= 4.5 * standard_error + 1e-12).all()
        state = state @ family.transition[0]


def test_gold_labels_do_not_depend_on_the_batch(rng):
    family = default_family()
    examples = sample_examples(family, num_prompts=20, num_examples=3, example_length=5, rng=rng)
    singly = [
        gold_labels(
            family, examples.tokens[i : i + 1, :, :-1], examples.concept[i : i + 1], examples.start_property[i : i + 1]
        )
        for i in range(20)
    ]
    np.testing.assert_array_equal(np.concatenate(singly), examples.gold_labels)


def test_a_streamed_document_is_a_sampled_one():
    family = default_family()
    stream = stream_documents(family, num_documents=7, length=30, batch_size=3, rng=np.random.default_rng(5))
    batches = list(stream)
    assert [len(tokens) for tokens, _ in batches] == [3, 3, 1]
    rng = np.random.default_rng(5)
    for tokens, concept in batches:
        expected = sample_documents(family, num_documents=len(tokens), length=30, rng=rng)
        np.testing.assert_array_equal(tokens, expected[0])
        np.testing.assert_array_equal(concept, expected[1])


def test_documents_of_many_steps_use_one_stream_of_numbers(monkeypatch):
    whole, _ = sample_documents(default_family(), num_documents=4, length=50, rng=np.random.default_rng(2))
    monkeypatch.setattr("icl.ginc.sampling._NUMBERS_AT_ONCE", 12)
    pieces, _ = sample_documents(default_family(), num_documents=4, length=50, rng=np.random.default_rng(2))
    np.testing.assert_array_equal(whole, pieces)


def test_random_documents_are_uniform_over_the_vocabulary(rng):
    documents = sample_random_documents(default_family(), num_documents=50, length=1000, rng=rng)
    counts = np.bincount(documents.ravel(), minlength=50)
    assert len(counts) == 50
    chi_squared = ((counts - 1000) ** 2 / 1000).sum()  # 49 degrees of freedom: mean 49, standard deviation 9.9
    assert 49 - 4 * 9.9 < chi_squared < 49 + 4 * 9.9


def test_prompts_of_chosen_concepts_and_fast_entities_follow_their_chain(rng):
    family = sample_family(rng=rng, entity_identity=0.0)
    assert (np.diagonal(family.entity_transition, axis1=1, axis2=2) < 0.9).any()
    examples = sample_examples(family, num_prompts=20, num_examples=4, example_length=8, rng=rng, concepts=[6])
    assert (examples.concept == 6).all()
    for example in examples.tokens.reshape(-1, 8):
        alpha = np.ones(family.num_states)
        for token in example:
            alpha = (alpha * (family.emission == token)) @ family.transition[6]
        assert alpha.sum() > 0


def test_a_prompt_asks_every_example_at_its_place(rng):
    examples = sample_examples(default_family(), num_prompts=9, num_examples=5, example_length=4, rng=rng)
    tokens = prompt_tokens(examples)
    assert tokens.shape == (9, 5 * 5 - 2)
    answers = answer_positions(5, 4)
    np.testing.assert_array_equal(tokens[:, answers[:-1] + 1], examples.tokens[:, :-1, -1])
    assert answers[-1] == tokens.shape[1] - 1
    role = roles(5, 4)
    assert "".join("sid"[r] for r in role) == "siiid" * 4 + "sii"
    assert (tokens[:, role == Role.DELIMITER] == DELIMITER).all()
    np.testing.assert_array_equal(tokens[:, role == Role.START], examples.tokens[:, :, 0])


def test_prompts_that_cannot_be_made_are_refused(rng):
    everything_seen = sample_family(rng=rng, num_concepts=2, num_pretraining_concepts=2)
    with pytest.raises(UserError, match="none is unseen"):
        sample_unseen_examples(everything_seen, num_prompts=1, num_examples=1, example_length=3, rng=rng)
    with pytest.raises(UserError, match="example_length ≥ 2, got 1"):
        sample_examples(default_family(), num_prompts=1, num_examples=1, example_length=1, rng=rng)
    with pytest.raises(UserError, match="num_examples ≥ 1, got 0"):
        sample_examples(default_family(), num_prompts=1, num_examples=0, example_length=3, rng=rng)
    with pytest.raises(UserError, match="batch_size must be at least 1, got 0"):
        next(stream_documents(default_family(), num_documents=1, length=3, batch_size=0, rng=rng))
