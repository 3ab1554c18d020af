"""Implied posteriors and temperatures against predictors whose posterior and temperature are known."""

import numpy as np
import pytest
from chance import plausible
from scipy.optimize import minimize

from icl.errors import UserError
from icl.ginc.exact import ExactInference, infer
from icl.ginc.family import default_family
from icl.ginc.implied import fit_temperature, implied_posterior, tempered_predictive
from icl.ginc.positions import answer_positions, prompt_tokens
from icl.ginc.sampling import sample_examples


def inference_of_prompts(
    rng, *, num_prompts: int = 30, num_examples: int = 4, example_length: int = 3
) -> ExactInference:
    family = default_family()
    examples = sample_examples(
        family, num_prompts=num_prompts, num_examples=num_examples, example_length=example_length, rng=rng
    )
    return infer(family, prompt_tokens(examples), positions=answer_positions(num_examples, example_length))


def test_mixtures_give_back_their_weights(rng):
    inference = inference_of_prompts(rng)
    weights = rng.dirichlet(np.ones(5), size=(30, 4))
    mixture = np.einsum("bpc,bpcv->bpv", weights, np.exp(inference.log_predictive_by_concept))
    with np.errstate(divide="ignore"):
        implied = implied_posterior(np.log(mixture), inference.log_predictive_by_concept, tolerance=1e-10)
    assert (implied.kl < 2e-10).all()
    assert (implied.excess <= 1e-10).all()
    np.testing.assert_allclose(implied.weights.sum(axis=2), 1, rtol=1e-12)
    # KL bounds how far weights can be off where concepts differ (Pinsker): in total variation of the predictions
    again = np.einsum("bpc,bpcv->bpv", implied.weights, np.exp(inference.log_predictive_by_concept))
    assert np.abs(again - mixture).sum(axis=2).max() <= np.sqrt(2 * 2e-10)
    identified = (
        np.array(
            [
                [np.linalg.svd(np.exp(p), compute_uv=False)[-1] for p in row]
                for row in inference.log_predictive_by_concept
            ]
        )
        > 0.1
    )
    assert identified.sum() > 20
    np.testing.assert_allclose(implied.weights[identified], weights[identified], atol=1e-3)


def test_the_exact_predictor_acts_on_the_exact_posterior(rng):
    inference = inference_of_prompts(rng, num_examples=2)
    implied = implied_posterior(inference.log_predictive, inference.log_predictive_by_concept, tolerance=1e-10)
    predicted = np.einsum("bpc,bpcv->bpv", implied.weights, np.exp(inference.log_predictive_by_concept))
    np.testing.assert_allclose(predicted, np.exp(inference.log_predictive), atol=2e-5)
    posterior = np.exp(inference.log_posterior[:, inference.positions])
    assert np.median(np.abs(implied.weights - posterior)) < 1e-5


def divergence(logits: np.ndarray, target: np.ndarray, by_concept: np.ndarray) -> float:
    weights = np.exp(logits - np.logaddexp.reduce(logits))
    return (target * np.log(target / (weights @ by_concept))).sum()


def test_any_model_gets_the_weights_that_another_optimiser_finds(rng):
    inference = inference_of_prompts(rng, num_prompts=12, num_examples=1)
    log_lm = rng.normal(0, 2, (12, 1, 50))
    log_lm -= np.logaddexp.reduce(log_lm, axis=2, keepdims=True)
    implied = implied_posterior(log_lm, inference.log_predictive_by_concept)
    for row in range(12):
        by_concept = np.exp(inference.log_predictive_by_concept[row, 0])
        reached = (by_concept > 0).any(axis=0)
        target = np.exp(log_lm[row, 0, reached])
        target /= target.sum()
        assert implied.mass_outside[row, 0] == pytest.approx(1 - np.exp(log_lm[row, 0, reached]).sum(), rel=1e-9)
        found = minimize(divergence, np.zeros(5), args=(target, by_concept[:, reached]), tol=1e-10)
        assert implied.kl[row, 0] <= found.fun + 2e-7
        assert implied.kl[row, 0] >= found.fun - 1e-3  # the other one stops short of the simplex's corners


def test_mass_outside_the_family_is_reported_and_set_aside(rng):
    inference = inference_of_prompts(rng)
    whole = implied_posterior(inference.log_predictive, inference.log_predictive_by_concept)
    leaky = implied_posterior(inference.log_predictive + np.log(0.9), inference.log_predictive_by_concept)
    np.testing.assert_allclose(leaky.mass_outside, 0.1, atol=1e-12)
    np.testing.assert_allclose(leaky.kl, whole.kl, atol=2e-7)  # each is known to 1e-7
    np.testing.assert_allclose(whole.mass_outside, 0, atol=1e-12)


def test_tempered_predictions_are_the_tempered_mixture(rng):
    inference = inference_of_prompts(rng, num_prompts=3)
    np.testing.assert_allclose(
        np.exp(tempered_predictive(inference, 1.0)), np.exp(inference.log_predictive), rtol=1e-10, atol=1e-300
    )
    equal = np.exp(inference.log_predictive_by_concept).mean(axis=2)
    np.testing.assert_allclose(np.exp(tempered_predictive(inference, 0.0)), equal, rtol=1e-12)
    for row, position in [(0, 1), (2, 3)]:
        likelihood = np.exp(inference.log_evidence[row, inference.positions[position]])
        weights = likelihood**0.3 / (likelihood**0.3).sum()
        by_hand = weights @ np.exp(inference.log_predictive_by_concept[row, position])
        np.testing.assert_allclose(np.exp(tempered_predictive(inference, 0.3))[row, position], by_hand, rtol=1e-10)


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0, 2.5])
def test_a_tempered_predictor_gets_its_temperature_back(rng, temperature):
    inference = inference_of_prompts(rng)
    fit = fit_temperature(tempered_predictive(inference, temperature), inference, rng=rng)
    assert fit.temperature.estimate == pytest.approx(temperature, abs=1e-6)
    assert fit.kl < 1e-12
    assert fit.kl <= fit.kl_of_exact_bayes + 1e-12
    exact_bayes = (
        (
            np.exp(tempered_predictive(inference, temperature))
            * (
                np.nan_to_num(tempered_predictive(inference, temperature), neginf=0.0)
                - np.nan_to_num(inference.log_predictive, neginf=0.0)
            )
        )
        .sum(axis=2)
        .mean()
    )
    assert fit.kl_of_exact_bayes == pytest.approx(exact_bayes, abs=1e-9)


def test_the_interval_covers_when_each_prompt_has_its_own_temperature():
    rng = np.random.default_rng(11)
    inference = inference_of_prompts(rng, num_prompts=2000, num_examples=3)
    own = 0.3 * np.exp(rng.normal(0, 0.8, 2000))
    log_lm = np.concatenate([tempered_predictive(part(inference, [i]), own[i]) for i in range(2000)])
    truth = fit_temperature(log_lm, inference, rng=rng, num_resamples=2).temperature.estimate
    covered = 0
    for number in range(40):
        rows = np.arange(number * 50, (number + 1) * 50)
        interval = fit_temperature(log_lm[rows], part(inference, rows), rng=rng, num_resamples=200).temperature
        covered += interval.low <= truth <= interval.high
    assert plausible(covered, 40), covered


def part(inference: ExactInference, rows) -> ExactInference:
    return ExactInference(
        concepts=inference.concepts,
        positions=inference.positions,
        log_evidence=inference.log_evidence[rows],
        log_predictive=inference.log_predictive[rows],
        log_predictive_by_concept=inference.log_predictive_by_concept[rows],
        smoothing=inference.smoothing,
    )


def test_a_temperature_that_predictions_leave_open_is_said_so(rng):
    inference = inference_of_prompts(rng, num_prompts=4, num_examples=40, example_length=10)
    last = infer(default_family(), np.zeros((4, 1), dtype=int), concepts=[0])
    fit = fit_temperature(last.log_predictive, last, rng=rng)
    assert "every temperature from 0 to 16 fits alike" in fit.temperature.reason
    assert (fit.temperature.low, fit.temperature.high) == (0.0, 16.0)
    alone = fit_temperature(inference.log_predictive[:1], part(inference, [0]), rng=rng)
    assert alone.temperature.reason == "one prompt only, so no interval"
    assert np.isnan(alone.temperature.low)


def test_what_is_no_prediction_is_refused(rng):
    inference = inference_of_prompts(rng, num_prompts=2)
    by_concept = inference.log_predictive_by_concept
    with pytest.raises(UserError, match=r"log_lm must hold log-probabilities, but those of one prediction sum to 50"):
        implied_posterior(np.zeros((2, 4, 50)), by_concept)
    nowhere = np.where((np.exp(by_concept) > 0).any(axis=2), -np.inf, np.log(1 / 50))
    with pytest.raises(UserError, match="gives no probability to any token that a concept can emit in 8 predictions"):
        implied_posterior(nowhere, by_concept)
    with pytest.raises(UserError, match="at least 0, got -1"):
        tempered_predictive(inference, -1.0)
    with pytest.raises(UserError, match="without predictions"):
        fit_temperature(inference.log_predictive[:0], part(inference, slice(0, 0)), rng=rng)
