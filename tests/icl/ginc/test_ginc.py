"""GINC against what cannot share its bugs: enumeration of hidden paths, hmmlearn, frequencies."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM
from numpy._core._multiarray_umath import __cpu_dispatch__
from other_seeds import fixed_rng

import probes
from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import DEFAULT_FAMILY_SEED, GincFamily, default_family, load_family, sample_family
from icl.ginc.positions import answer_positions, prompt_tokens
from icl.ginc.sampling import sample_documents, sample_examples


def probability_of_every_sequence(family: GincFamily, concept: int, smoothing: float, length: int) -> np.ndarray:
    """Sum over all hidden paths, one by one: an array with one axis of vocab_size for each token."""
    total = np.zeros((family.vocab_size,) * length)
    for path in product(range(family.num_states), repeat=length):
        probability = family.start[concept, path[0]]
        for before, after in zip(path, path[1:]):
            probability *= (1 - smoothing) * family.transition[concept, before, after] + smoothing / family.num_states
        total[tuple(family.emission[state] for state in path)] += probability
    return total


def hmmlearn_model(family: GincFamily, concept: int, smoothing: float) -> CategoricalHMM:
    model = CategoricalHMM(n_components=family.num_states, n_features=family.vocab_size)
    model.startprob_ = family.start[concept]
    model.transmat_ = (1 - smoothing) * family.transition[concept] + smoothing / family.num_states
    model.emissionprob_ = np.eye(family.vocab_size)[family.emission]
    return model


@pytest.mark.parametrize("smoothing", [1e-2, 0.3])
def test_exact_inference_matches_enumeration_of_hidden_paths_at_every_position(tiny_family, smoothing):
    length = 4
    sequences = np.array(list(product(np.unique(tiny_family.emission), repeat=length)))
    inference = infer(tiny_family, sequences, smoothing=smoothing, positions=range(length))
    table = np.stack([probability_of_every_sequence(tiny_family, c, smoothing, length + 1) for c in range(2)])
    for row, tokens in enumerate(sequences):
        for t in range(length):
            beginning = table[(slice(None), *tokens[: t + 1])]
            evidence = beginning.reshape(2, -1).sum(axis=1)
            continued = beginning.reshape(2, tiny_family.vocab_size, -1).sum(axis=2)
            posterior = evidence / evidence.sum()
            predictive = continued.sum(axis=0) / evidence.sum()
            np.testing.assert_allclose(np.exp(inference.log_evidence[row, t]), evidence, rtol=1e-10)
            np.testing.assert_allclose(np.exp(inference.log_posterior[row, t]), posterior, rtol=1e-10)
            np.testing.assert_allclose(np.exp(inference.log_predictive[row, t]), predictive, rtol=1e-10)
            by_concept = continued / evidence[:, None]
            np.testing.assert_allclose(np.exp(inference.log_predictive_by_concept[row, t]), by_concept, rtol=1e-10)


def test_exact_evidence_matches_hmmlearn_at_every_position(rng):
    family, smoothing = default_family(), 1e-2
    document = sample_documents(family, num_documents=1, length=40, rng=rng)[0]
    ours = infer(family, document, smoothing=smoothing).log_evidence[0]
    for concept in range(family.num_pretraining_concepts):
        model = hmmlearn_model(family, concept, smoothing)
        theirs = [model.score(document[0, : t + 1, None].astype(int)) for t in range(40)]
        np.testing.assert_allclose(ours[:, concept], theirs, rtol=1e-10)


def test_unseen_concepts_compete_when_asked_and_match_hmmlearn(rng):
    family = default_family()
    documents, concept = sample_documents(family, num_documents=4, length=300, rng=rng, concepts=[7, 2])
    assert set(concept) <= {7, 2}
    inference = infer(family, documents, concepts=[2, 7])
    assert (inference.concepts[inference.log_posterior[:, -1].argmax(axis=1)] == concept).all()
    for column, theta in enumerate((2, 7)):
        model = hmmlearn_model(family, theta, inference.smoothing)
        theirs = [model.score(document[:, None].astype(int)) for document in documents]
        np.testing.assert_allclose(inference.log_evidence[:, -1, column], theirs, rtol=1e-10)


def test_a_prediction_inside_a_prompt_is_that_of_the_prompt_cut_there(rng):
    family = default_family()
    examples = sample_examples(family, num_prompts=6, num_examples=5, example_length=4, rng=rng)
    tokens, answers = prompt_tokens(examples), answer_positions(5, 4)
    inference = infer(family, tokens, positions=answers)
    for number, position in enumerate(answers):
        cut = infer(family, tokens[:, : position + 1])
        np.testing.assert_allclose(inference.log_predictive[:, number], cut.log_predictive[:, 0], rtol=1e-12)
        np.testing.assert_allclose(inference.log_posterior[:, position], cut.log_posterior[:, -1], rtol=1e-12)


def test_long_documents_stay_finite(rng):
    documents, _ = sample_documents(default_family(), num_documents=2, length=10_240, rng=rng)
    inference = infer(default_family(), documents)
    assert np.isfinite(inference.log_evidence).all()
    assert np.isfinite(inference.log_predictive).sum() == 2 * len(np.unique(default_family().emission))
    assert (np.diff(inference.log_evidence, axis=1) <= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": [0, 3]}, r"positions must be different indices from 0 to 2, .*got \[0, 3\]"),
        ({"positions": [1, 1]}, "positions must be different"),
        ({"concepts": [10]}, r"concepts must be different indices from 0 to 9, at least one; got \[10\]"),
        ({"concepts": []}, "at least one"),
        ({"smoothing": -0.1}, "smoothing must lie in"),
    ],
)
def test_positions_concepts_and_smoothing_out_of_range_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        infer(default_family(), np.array([[3, 4, 5]]), **options)


def test_numba_is_loaded_only_to_compute():
    code = (
        "import sys, icl.ginc.implied, icl.ginc.condition, icl.ginc.success\n"
        "from probes.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


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


def test_a_token_that_no_state_emits_is_said_so():
    family = default_family()
    silent = int(np.setdiff1d(np.arange(50), family.emission)[0])
    with pytest.raises(
        UserError, match=rf"1 of 2 prompts .* \(the first is number 1\); no state emits its token {silent}"
    ):
        infer(family, np.array([[0, 0], [0, silent]]))


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
    family = default_family()
    family.save(tmp_path / "whole.npz")
    content = (tmp_path / "whole.npz").read_bytes()
    np.save(tmp_path / "array.npy", family.memory)
    for damaged in (
        content[:300],
        content[: len(content) // 2],
        content[:-10],
        b"",
        (tmp_path / "array.npy").read_bytes(),
    ):
        (tmp_path / "family.npz").write_bytes(damaged)
        with pytest.raises(UserError, match="not a saved GINC family .* must be a whole .npz file"):
            load_family(tmp_path / "family.npz")
    with pytest.raises(UserError, match="not a saved GINC family"):
        load_family(tmp_path)
    with pytest.raises(UserError, match="there is no GINC family"):
        load_family(tmp_path / "missing.npz")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("vocab_size", lambda size: np.array([50, 50]), "vocab_size must be one whole number, got int64 in shape (2,)"),
        ("vocab_size", lambda size: np.array(50.5), "vocab_size must be one whole number, got float64"),
        ("num_pretraining_concepts", lambda number: np.array(np.nan), "must be one whole number, got float64"),
        ("num_pretraining_concepts", lambda number: np.array(11), "must lie in 1..10, got 11"),
        ("memory", lambda memory: memory[0], "matrix of whole numbers, entities × properties, got shape (10,)"),
        ("memory", lambda memory: memory[:0], "matrix of whole numbers, entities × properties, got shape (0, 10)"),
        ("memory", lambda memory: memory.astype(float), "got shape (10, 10) of float64"),
        ("memory", lambda memory: np.maximum(memory, 1), "column 0 of memory must hold the delimiter, 0, got [1, 1,"),
        ("memory", lambda memory: memory - 1, "memory holds token -1, but tokens run from 0 to 49"),
        ("memory", lambda memory: memory * 50, "but tokens run from 0 to 49"),
        ("start", lambda start: np.array(1.0), "start must be a matrix, concepts × states, got shape ()"),
        ("start", lambda start: start[:0], "start must be a matrix, concepts × states, got shape (0, 100)"),
        ("start", lambda start: start * np.nan, "start must hold probabilities"),
        ("start", lambda start: start.astype(complex), "floating-point numbers in shape (10, 100), got complex128"),
        ("property_transition", lambda matrix: matrix[0], "in shape (10, 10, 10), got float64 in (10, 10)"),
    ],
)
def test_a_file_with_arrays_that_are_no_family_says_which(name, change, message, tmp_path, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # users have no checked annotations
    default_family().save(tmp_path / "family.npz")
    with np.load(tmp_path / "family.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "family.npz", **arrays | {name: change(arrays[name])})
    with pytest.raises(UserError, match="family.npz is not a saved GINC family: ") as refusal:
        load_family(tmp_path / "family.npz")
    assert message in str(refusal.value)


# ---------------------------------------------------------------- the family of the shipped models


def test_the_default_family_is_what_its_seed_draws():
    drawn, shipped = sample_family(rng=fixed_rng(DEFAULT_FAMILY_SEED)), default_family()
    assert drawn.is_same(shipped)
    assert not drawn.is_same(replace(shipped, num_pretraining_concepts=4))
    assert not drawn.is_same(replace(shipped, memory=shipped.memory[::-1].copy()))
    assert not drawn.is_same(sample_family(rng=fixed_rng(DEFAULT_FAMILY_SEED), start_temp=10.001))
    np.testing.assert_array_equal(drawn.memory, shipped.memory)
    for name in ("start", "property_transition", "entity_transition"):
        np.testing.assert_allclose(getattr(drawn, name), getattr(shipped, name), rtol=2**-23, atol=0)


@pytest.mark.parametrize("change", [1 + 4e-16, 1 - 4e-16])
@pytest.mark.parametrize("transition_temp", [0.1, 0.01])
def test_another_exp_draws_the_same_family(change, transition_temp, monkeypatch):
    """As a processor does whose `exp` differs in the last bits."""
    here = [sample_family(rng=np.random.default_rng(seed), transition_temp=transition_temp) for seed in range(5)]
    exp = np.exp
    monkeypatch.setattr(np, "exp", lambda values: exp(values) * change)
    there = [sample_family(rng=np.random.default_rng(seed), transition_temp=transition_temp) for seed in range(5)]
    assert [family.fingerprint for family in there] == [family.fingerprint for family in here]


def test_gold_labels_do_not_hang_on_the_last_bit():
    """Of two tokens that are equally probable the first is the label, however the sums were rounded."""
    shipped = Path(probes.__file__).parent / "pretrain" / "shipped" / "ginc-deterministic" / "family.npz"
    family = load_family(shipped)
    drawn = [
        sample_examples(one, num_prompts=100, num_examples=50, example_length=2, rng=np.random.default_rng(2))
        for one in (family, replace(family, property_transition=family.property_transition * (1 + 4e-16)))
    ]
    np.testing.assert_array_equal(drawn[0].tokens, drawn[1].tokens)
    np.testing.assert_array_equal(drawn[0].gold_labels, drawn[1].gold_labels)


def test_a_smaller_processor_knows_the_default_family_and_the_shipped_models_by_the_same_name():
    """Even where NumPy's `exp` is another one."""
    code = (
        "import numpy; from icl.ginc.family import default_family, sample_family; print(default_family().fingerprint, "
        "*(sample_family(rng=numpy.random.default_rng(seed)).fingerprint for seed in range(20)))"
    )
    smaller = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__)}
    said = subprocess.run([sys.executable, "-c", code], env=smaller, check=True, capture_output=True, text=True)
    drawn = [sample_family(rng=fixed_rng(seed)) for seed in range(20)]
    assert said.stdout.split() == [family.fingerprint for family in (default_family(), *drawn)]
    trained_on = {
        record.parent.name: load_family(record.parent / "family.npz").fingerprint
        for record in sorted((Path(probes.__file__).parent / "pretrain" / "shipped").glob("*/training.json"))
    }
    others = {"ginc-deterministic", "ginc-fast-entities"}
    assert {name for name, known in trained_on.items() if known != default_family().fingerprint} == others
