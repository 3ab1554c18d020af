"""The ledger, Condition 1 and the forecast of success against sums over hidden paths, loops and known answers."""

from itertools import product

import numpy as np
import pytest
from chance import SIGMAS
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss

from icl.errors import UserError
from icl.ginc.condition import enumerated_condition, sampled_condition
from icl.ginc.exact import infer
from icl.ginc.family import GincFamily, default_family, sample_family
from icl.ginc.ledger import ledger
from icl.ginc.positions import answer_positions, prompt_tokens
from icl.ginc.sampling import sample_examples
from icl.ginc.success import SuccessModel, fit_success, score_forecast


def smoothed(family: GincFamily, concept: int, smoothing: float) -> np.ndarray:
    return (1 - smoothing) * family.transition[concept] + smoothing / family.num_states


def probability(family: GincFamily, start: np.ndarray, transition: np.ndarray, tokens) -> float:
    """Sum over all hidden paths that emit the tokens."""
    total = 0.0
    for path in product(*[np.flatnonzero(family.emission == token) for token in tokens]):
        weight = start[path[0]] if path else 1.0
        for before, after in zip(path, path[1:]):
            weight *= transition[before, after]
        total += weight
    return total


@pytest.fixture(scope="module")
def small_family() -> GincFamily:
    return sample_family(
        rng=np.random.default_rng(4),
        num_entities=2,
        num_properties=3,
        vocab_size=4,
        num_concepts=3,
        num_pretraining_concepts=3,
        transition_temp=0.5,
    )


@pytest.mark.parametrize(
    ("example_length", "num_examples", "inside", "joints"),
    [(2, 3, [1, 4], [0, 2, 3, 5]), (3, 2, [1, 2], [0, 3])],  # which tokens of the demonstrations are what
)
def test_ledger_matches_enumeration_of_hidden_paths(small_family, rng, example_length, num_examples, inside, joints):
    examples = sample_examples(
        small_family, num_prompts=4, num_examples=num_examples, example_length=example_length, rng=rng
    )
    book = ledger(small_family, examples, smoothing=0.05)
    for row, tokens in enumerate(prompt_tokens(examples)):
        starts_and_chains = [(small_family.start[c], smoothed(small_family, c, 0.05)) for c in range(3)]
        likelihood = [
            [probability(small_family, *law, tokens[: t + 1]) for t in range(len(tokens))] for law in starts_and_chains
        ]
        log_conditional = np.diff(np.log(likelihood), axis=1, prepend=0.0)
        others = [c for c in range(3) if c != examples.concept[row]]
        np.testing.assert_array_equal(book.competitor[row], others)
        for column, other in enumerate(others):
            ratio = log_conditional[examples.concept[row]] - log_conditional[other]
            np.testing.assert_allclose(book.log_ratio[row, :, column], ratio, atol=1e-12)
            signal, noise = ratio[inside].sum() / (num_examples - 1), -ratio[joints].sum() / (num_examples - 1)
            assert book.signal[row, column] == pytest.approx(signal, abs=1e-12)
            assert book.noise[row, column] == pytest.approx(noise, abs=1e-12)
            assert book.drift[row, column] == pytest.approx(signal - noise, abs=1e-12)
        worst = book.drift[row].min()
        assert book.drift[row, book.hardest[row]] == worst
        assert book.holds[row] == (worst > 0)


def test_the_ledger_adds_up_to_the_posterior_after_every_number_of_demonstrations(rng):
    family = default_family()
    examples = sample_examples(family, num_prompts=40, num_examples=5, example_length=4, rng=rng)
    posterior = np.exp(infer(family, prompt_tokens(examples)).log_posterior)
    right = posterior[np.arange(40), :, examples.concept][:, answer_positions(5, 4)]
    np.testing.assert_allclose(expit(ledger(family, examples).log_odds), right, rtol=1e-9, atol=1e-15)


def test_the_table_of_a_ledger_says_the_same(rng):
    examples = sample_examples(default_family(), num_prompts=6, num_examples=3, example_length=5, rng=rng)
    book = ledger(default_family(), examples)
    table = book.to_frame()
    assert len(table) == 6 * 4
    np.testing.assert_allclose(table["signal"] - table["noise"], table["drift"])
    np.testing.assert_allclose(table["start_noise"] + table["delimiter_noise"], table["noise"])
    np.testing.assert_array_equal(table.groupby("prompt")["holds"].all(), book.holds)
    hardest = table[table["hardest"]].set_index("prompt")["drift"]
    np.testing.assert_array_equal(hardest, table.groupby("prompt")["drift"].min())
    assert (table["concept"] != table["competitor"]).all()


def test_ledgers_that_cannot_be_kept_are_refused(rng):
    family = default_family()
    examples = sample_examples(family, num_prompts=50, num_examples=8, example_length=3, rng=rng)
    with pytest.raises(UserError, match="smoothing above 0"):
        ledger(family, examples, smoothing=0.0)
    with pytest.raises(UserError, match="num_examples ≥ 2 with the query, got 1"):
        ledger(family, sample_examples(family, num_prompts=2, num_examples=1, example_length=3, rng=rng))
    with pytest.raises(UserError, match=r"not among the competing ones, \[0, 1\]"):
        ledger(family, examples, concepts=[0, 1])
    single = sample_examples(family, num_prompts=2, num_examples=2, example_length=3, rng=rng, concepts=[0])
    with pytest.raises(UserError, match="needs a competitor, but the only concept is 0"):
        ledger(family, single, concepts=[0])


def kl_by_hand(family: GincFamily, concept: int, other: int, start_property: int, length: int, smoothing: float):
    """KL_j by going through every prefix and every hidden path."""
    start = np.tile(np.arange(family.num_properties) == start_property, family.num_entities) / family.num_entities
    chain, theirs = family.transition[concept], smoothed(family, other, smoothing)
    kl = np.zeros(length)
    for j in range(length):
        for tokens in product(range(family.vocab_size), repeat=j + 1):
            with_it = probability(family, start, chain, tokens)
            if with_it > 0:
                ours = with_it / probability(family, start, chain, tokens[:-1]) if j else with_it
                before = probability(family, family.start[other], theirs, tokens[:-1]) if j else 1.0
                kl[j] += with_it * np.log(ours * before / probability(family, family.start[other], theirs, tokens))
    return kl


def test_condition_matches_enumeration_and_its_definition(small_family):
    condition = enumerated_condition(small_family, example_length=3, smoothing=0.05)
    assert len(condition.concept) == 6
    delimiters = [state for state in range(6) if small_family.emission[state] == 0]
    for pair, (concept, other) in enumerate(zip(condition.concept.tolist(), condition.competitor.tolist())):
        for start_property in (1, 2):
            by_hand = kl_by_hand(small_family, concept, other, start_property, 3, 0.05)
            np.testing.assert_allclose(condition.kl[pair, start_property - 1], by_hand, rtol=1e-10)
        ours, theirs = smoothed(small_family, concept, 0.05), smoothed(small_family, other, 0.05)
        c1 = min(ours[h, d] for h in range(6) for d in delimiters)
        c2 = max(theirs[h, d] for h in range(6) for d in delimiters)
        c3 = min(small_family.start[concept, d] for d in delimiters)
        c4 = max(small_family.start[other, d] for d in delimiters)
        delimiter_noise = 2 * (np.log(c2) - np.log(c1)) + np.log(c4) - np.log(c3)
        assert condition.delimiter_noise[pair] == pytest.approx(delimiter_noise, rel=1e-12)
        assert condition.start_noise[pair] == pytest.approx(-np.log(min(small_family.start[concept])), rel=1e-12)
    np.testing.assert_array_equal(condition.holds, condition.signal > condition.start_noise + condition.delimiter_noise)
    assert (condition.to_frame()["signal"] == condition.signal).all()


def test_sampled_condition_agrees_with_the_enumerated_one(small_family, rng):
    exact = enumerated_condition(small_family, example_length=4)
    sampled = sampled_condition(small_family, example_length=4, rng=rng, num_prompts=1500)
    assert (sampled.signal_error > 0).all()
    assert (np.abs(sampled.signal - exact.signal) < SIGMAS * sampled.signal_error).all()
    np.testing.assert_array_equal(sampled.noise, exact.noise)


def test_without_smoothing_the_noise_of_the_condition_is_infinite(rng):
    condition = sampled_condition(default_family(), example_length=3, rng=rng, num_prompts=200, smoothing=0.0)
    assert np.isinf(condition.noise).all()
    np.testing.assert_array_equal(np.isnan(condition.signal_error), np.isinf(condition.signal))
    assert not condition.holds.any()


def test_conditions_that_cannot_be_computed_are_refused(rng):
    with pytest.raises(UserError, match="use sampled_condition"):
        enumerated_condition(default_family(), example_length=10)
    with pytest.raises(UserError, match="num_prompts is too small for 9 start properties: 3"):
        sampled_condition(default_family(), example_length=3, rng=rng, num_prompts=3)


def test_hit_and_miss_are_recovered(rng):
    truth = SuccessModel(hit=0.9, miss=0.15)
    log_odds = rng.normal(0, 4, 20_000)
    correct = rng.random(20_000) < truth.probability(log_odds)
    found = fit_success(log_odds, correct)
    assert found.hit == pytest.approx(truth.hit, abs=4 * np.sqrt(0.09 / 8_000))
    assert found.miss == pytest.approx(truth.miss, abs=4 * np.sqrt(0.13 / 8_000))


def test_surely_known_concepts_give_shares_as_hit_and_miss():
    log_odds = np.repeat([40.0, -40.0], [10, 4])
    correct = np.array([True] * 8 + [False] * 2 + [True] + [False] * 3)
    found = fit_success(log_odds, correct)
    assert found.hit == pytest.approx((8 + 0.5) / (10 + 1), rel=1e-5)
    assert found.miss == pytest.approx((1 + 0.5) / (4 + 1), rel=1e-5)


def test_forecast_scores_match_scikit_learn(rng):
    chance = rng.uniform(0.05, 0.95, 500)
    correct = rng.random(500) < chance
    score = score_forecast(chance, correct)
    assert score.brier == pytest.approx(brier_score_loss(correct, chance), rel=1e-12)
    assert score.log_score == pytest.approx(-log_loss(correct, chance), rel=1e-9)
    assert score.num_prompts == 500
    sure = score_forecast(np.array([1.0, 0.0]), np.array([True, False]))
    assert (sure.brier, sure.log_score, sure.expected_calibration_error) == (0.0, 0.0, 0.0)


def test_the_ledger_forecasts_the_success_of_exact_bayes(rng):
    family = default_family()
    parts = []
    for _ in range(2):
        examples = sample_examples(family, num_prompts=300, num_examples=5, example_length=3, rng=rng)
        inference = infer(family, prompt_tokens(examples), positions=answer_positions(5, 3))
        correct = inference.log_predictive.argmax(axis=2) == examples.gold_labels
        parts.append((ledger(family, examples).log_odds.ravel(), correct.ravel()))
    forecast = fit_success(*parts[0]).probability(parts[1][0])
    score = score_forecast(forecast, parts[1][1])
    base_rate = parts[0][1].mean()
    assert score.log_score > score_forecast(np.full(1500, base_rate), parts[1][1]).log_score
    assert score.expected_calibration_error < 0.1  # of ten bins of 150


def test_shares_outside_0_and_1_are_refused():
    with pytest.raises(UserError, match="hit is a probability"):
        SuccessModel(hit=1.2, miss=0.1)
    with pytest.raises(UserError, match="without prompts"):
        fit_success(np.zeros(0), np.zeros(0, dtype=bool))
    with pytest.raises(UserError, match="without prompts"):
        score_forecast(np.zeros(0), np.zeros(0, dtype=bool))
