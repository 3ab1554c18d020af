"""GINC against what cannot share its bugs: enumeration of hidden paths, hmmlearn, frequencies."""

from itertools import product

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import GincFamily, default_family, load_family, sample_family
from icl.ginc.sampling import gold_labels, sample_documents, sample_examples


def path_probability(family: GincFamily, concept: int, path: tuple[int, ...], tokens, smoothing: float) -> float:
    probability = family.start[concept, path[0]]
    for before, after in zip(path, path[1:]):
        probability *= (1 - smoothing) * family.transition[concept, before, after] + smoothing / family.num_states
    return probability * all(family.emission[state] == token for state, token in zip(path, tokens))


def evidence_by_enumeration(family: GincFamily, tokens, smoothing: float) -> np.ndarray:
    paths = list(product(range(family.num_states), repeat=len(tokens)))
    return np.array(
        [
            sum(path_probability(family, concept, path, tokens, smoothing) for path in paths)
            for concept in range(family.num_pretraining_concepts)
        ]
    )


@pytest.mark.parametrize("smoothing", [1e-2, 0.3])
def test_exact_inference_matches_enumeration_of_hidden_paths(tiny_family, smoothing):
    emitted = np.unique(tiny_family.emission)
    for tokens in product(emitted, repeat=4):
        inference = infer(tiny_family, np.array([tokens]), smoothing=smoothing)
        evidence = evidence_by_enumeration(tiny_family, tokens, smoothing)
        np.testing.assert_allclose(np.exp(inference.log_evidence[0, -1]), evidence, rtol=1e-10)
        np.testing.assert_allclose(np.exp(inference.log_posterior[0, -1]), evidence / evidence.sum(), rtol=1e-10)
        predictive = [
            evidence_by_enumeration(tiny_family, (*tokens, following), smoothing).sum() / evidence.sum()
            for following in range(tiny_family.vocab_size)
        ]
        np.testing.assert_allclose(np.exp(inference.log_predictive[0, 0]), predictive, rtol=1e-10)


def test_exact_evidence_matches_hmmlearn_on_the_default_family(rng):
    family, smoothing = default_family(), 1e-2
    documents, _ = sample_documents(family, num_documents=4, length=300, rng=rng)
    ours = infer(family, documents, smoothing=smoothing).log_evidence[:, -1]
    for concept in range(family.num_pretraining_concepts):
        reference = CategoricalHMM(n_components=family.num_states, n_features=family.vocab_size)
        reference.startprob_ = family.start[concept]
        reference.transmat_ = (1 - smoothing) * family.transition[concept] + smoothing / family.num_states
        reference.emissionprob_ = np.eye(family.vocab_size)[family.emission]
        theirs = [reference.score(document[:, None].astype(int)) for document in documents]
        np.testing.assert_allclose(ours[:, concept], theirs, rtol=1e-10)


def test_predictive_is_a_mixture_that_sums_to_one(rng):
    family = default_family()
    documents, _ = sample_documents(family, num_documents=8, length=50, rng=rng)
    inference = infer(family, documents)
    np.testing.assert_allclose(np.exp(inference.log_predictive).sum(axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.exp(inference.log_predictive_by_concept).sum(axis=-1), 1.0, rtol=1e-12)


def test_evidence_finds_the_concept_behind_a_document(rng):
    family = default_family()
    documents, concept = sample_documents(family, num_documents=40, length=200, rng=rng)
    assert (infer(family, documents).log_posterior[:, -1].argmax(axis=1) == concept).all()


def test_gold_label_is_the_most_probable_continuation_by_enumeration(tiny_family, rng):
    examples = sample_examples(tiny_family, num_prompts=30, num_examples=1, example_length=4, rng=rng)
    for row in range(30):
        tokens = examples.tokens[row, 0, :-1]
        concept, start_property = examples.concept[row], examples.start_property[row]
        mass = np.zeros(tiny_family.vocab_size)
        for path in product(range(tiny_family.num_states), repeat=4):
            if path[0] % tiny_family.num_properties != start_property:
                continue
            weight = float(all(tiny_family.emission[s] == t for s, t in zip(path, tokens)))
            for before, after in zip(path, path[1:]):
                weight *= tiny_family.transition[concept, before, after]
            mass[tiny_family.emission[path[-1]]] += weight
        assert mass[examples.query_label[row]] == pytest.approx(mass.max(), rel=1e-12)


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


def test_family_has_the_structure_of_the_paper():
    family = default_family()
    assert (family.memory[:, 0] == 0).all()
    assert (family.memory[:, 1:] > 0).all()
    assert (np.diagonal(family.entity_transition, axis1=1, axis2=2) >= 0.9).all()
    np.testing.assert_allclose(family.transition.sum(axis=-1), 1.0)
    np.testing.assert_allclose(family.transition.sum(axis=-2), 1.0)  # mixtures of permutations are doubly stochastic


def test_family_survives_a_round_trip(tmp_path):
    family = default_family()
    family.save(tmp_path / "family.npz")
    loaded = load_family(tmp_path / "family.npz")
    assert loaded.fingerprint == family.fingerprint
    np.testing.assert_array_equal(loaded.transition, family.transition)


def test_a_prompt_impossible_under_every_concept_is_said_so(rng):
    family = default_family()
    examples = sample_examples(family, num_prompts=50, num_examples=8, example_length=3, rng=rng)
    with_delimiters = np.concatenate(
        [examples.tokens, np.zeros((50, 8, 1), dtype=examples.tokens.dtype)], axis=2
    ).reshape(50, -1)
    with pytest.raises(UserError, match=r"probability 0 under every concept at smoothing 0 .* use a smoothing above 0"):
        infer(family, with_delimiters, smoothing=0.0)


def test_tokens_outside_the_vocabulary_are_refused():
    with pytest.raises(UserError, match="token 50, but the family's vocabulary runs from 0 to 49"):
        infer(default_family(), np.array([[3, 50]]))


def test_rows_that_are_no_distributions_are_refused():
    family = default_family()
    with pytest.raises(UserError, match="start must hold probabilities whose rows sum to 1"):
        GincFamily(
            memory=family.memory,
            start=family.start * 2,
            property_transition=family.property_transition,
            entity_transition=family.entity_transition,
            num_pretraining_concepts=5,
            vocab_size=50,
        )


def test_a_file_that_is_no_family_is_refused(tmp_path):
    (tmp_path / "family.npz").write_text("not an archive")
    with pytest.raises(UserError, match="not a saved GINC family"):
        load_family(tmp_path / "family.npz")
    with pytest.raises(UserError, match="there is no GINC family"):
        load_family(tmp_path / "missing.npz")


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
    np.testing.assert_array_equal(examples.query_label, examples.gold_labels[:, -1])
