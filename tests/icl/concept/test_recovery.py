"""Simulation-based calibration tells right fits from wrong ones, counts what failed, and goes on where it stopped."""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from chance import ERROR, SIGMAS
from scipy.stats import kstest

from icl.concept.accounts import POWER
from icl.concept.compiled import Fitted
from icl.concept.curves import quantities_of
from icl.concept.diagnose import largest_rhat
from icl.concept.evidence.account import in_dims
from icl.concept.evidence.layout import evidence_layout, label_evidence
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS
from icl.concept.evidence.simulate import draw_prior, draw_walk, expected_accuracy
from icl.concept.evidence.trial import EvidenceTrial
from icl.concept.layout import Layout, layout_of
from icl.concept.sampler import Effort
from icl.concept.sbc import LOG_LIKELIHOOD, SMALL_FIT, AccountTrial, Fits, rank_among, simulations
from icl.concept.uniformity import BAND, ecdf_band, ecdf_difference, summarise_ranks
from icl.errors import UserError
from icl.ginc.family import sample_family
from icl.ginc.implied import tempered_predictive
from probes.cli import calibrate
from probes.recovery.agreement import Agreement, AgreementQuestion, measure_agreement
from probes.recovery.agreement_words import agreement_lines, rank_correlation
from probes.recovery.answers import acted_log_odds, answers_of, ask, count_answers, growth
from probes.recovery.figures import draw_agreement, draw_sbc
from probes.recovery.run import BATCH, run_trials
from probes.recovery.sbc_words import sbc_lines
from probes.recovery.store import open_agreement, open_folder
from probes.recovery.trials import TWO_MODELS, ladder, one_model, sbc_trials
from probes.runs.folder import RunFolder
from probes.scorers.ginc import TemperedPredictor

EFFORT = replace(SMALL_FIT, draws=200)


def small_layout(account=POWER) -> Layout:
    table = one_model()
    return layout_of(table[(table["example_length"] == 10) & (table["label_mode"] != "random")], account)


SMALL = AccountTrial(layout=small_layout())


def shifted(by: float) -> AccountTrial:
    """The small table with another prior of the accuracy that many demonstrations lead to."""
    moved = tuple(
        replace(parameter, location=parameter.location + by) if parameter.name == "end_logit" else parameter
        for parameter in POWER.parameters
    )
    return AccountTrial(layout=small_layout(replace(POWER, parameters=moved)))


def from_the_prior(effort: Effort, *, seed: int, observed: np.ndarray) -> Fitted:
    """A sampler that never looks at the data."""
    nodes = SMALL.layout.draw_prior(effort.chains * effort.draws, np.random.default_rng(seed))
    dims = {name: [f"{name}_{axis}" for axis in range(1, values.ndim)] for name, values in nodes.items()}
    shape = (effort.chains, effort.draws)
    draws = {name: (("chain", "draw", *dims[name]), x.reshape(*shape, *x.shape[1:])) for name, x in nodes.items()}
    return undiverged(xr.Dataset(draws))


def undiverged(posterior: xr.Dataset) -> Fitted:
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros(shape, dtype=bool))})
    return Fitted(trace=xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats}))


def lost(effort: Effort, *, seed: int, observed: np.ndarray) -> Fitted:
    """A sampler that finds no place to start from, but for half of the data."""
    if seed % 2:
        raise RuntimeError("no place to start from")
    return from_the_prior(effort, seed=seed, observed=observed)


@pytest.fixture(scope="module")
def fit() -> Fits:
    return SMALL.compiled()


def conjugate_ranks(*, posterior_width: float, count: int = 150) -> pd.DataFrame:
    """θ ~ N(0, 1), y ~ N(θ, 1): the posterior is N(y / 2, 1/2), here drawn too narrow or too wide."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(count):
        truth = rng.normal()
        middle, width = (truth + rng.normal()) / 2, posterior_width * np.sqrt(0.5)
        draws = rng.normal(middle, width, size=(2, 100))
        low, high = np.quantile(draws, [0.05, 0.95])
        rank, kept = rank_among(truth, draws, 200.0, rng)
        rows.append(
            {"simulation": number, "quantity": "θ", "truth": truth, "median": middle, "deviation": width}
            | {"inside90": float(low <= truth <= high), "rank": float(rank), "num_draws": float(kept), "ess": 200.0}
            | {"place": (rank + rng.uniform()) / (kept + 1), "max_rhat": 1.0, "divergence_share": 0.0, "reason": ""}
        )
    return pd.DataFrame(rows)


def ranked_uniformly(ranks: pd.DataFrame) -> bool:
    """Whether the places of every quantity but the log-likelihood are uniform; bands of 99 % would often deny it."""
    places = ranks[ranks["quantity"] != LOG_LIKELIHOOD].groupby("quantity")["place"]
    return bool((places.agg(lambda values: kstest(values, "uniform").pvalue) > ERROR / places.ngroups).all())


def test_a_conjugate_posterior_is_found_calibrated_and_a_narrow_one_is_not():
    ranks = conjugate_ranks(posterior_width=1.0)
    right = summarise_ranks(ranks).iloc[0]
    assert ranked_uniformly(ranks)
    assert summarise_ranks(ranks.assign(place=(np.arange(150) + 0.5) / 150))["uniform"].all()
    assert abs(right["coverage"] - 0.9) < SIGMAS * right["coverage_error"]
    assert right["contraction"] == pytest.approx(0.5, abs=0.25)  # posterior variance 1/2 of the prior's 1
    assert right["recovery"] == pytest.approx(np.sqrt(0.5), abs=0.2)
    narrow = summarise_ranks(conjugate_ranks(posterior_width=0.5)).iloc[0]
    assert not narrow["uniform"]
    assert narrow["coverage"] < 0.9 - 3 * narrow["coverage_error"]
    wide = summarise_ranks(conjugate_ranks(posterior_width=2.0)).iloc[0]
    assert not wide["uniform"]


@pytest.mark.parametrize("num_values", [40, 300])
def test_the_band_holds_uniform_values_as_often_as_it_says(num_values):
    rng = np.random.default_rng(8)
    points, low, high = ecdf_band(num_values)
    inside = 0
    for _ in range(2000):
        difference = ecdf_difference(rng.uniform(size=num_values), points)
        inside += ((low <= difference) & (difference <= high)).all()
    assert inside / 2000 == pytest.approx(BAND, abs=SIGMAS * np.sqrt(BAND * (1 - BAND) / 2000))


def test_ranks_are_thinned_by_effective_draws_and_ties_are_drawn():
    rng = np.random.default_rng(0)
    draws = np.arange(200.0).reshape(2, 100)
    assert rank_among(50.5, draws, 200.0, rng) == (51, 200)
    assert rank_among(50.5, draws, 20.0, rng) == (6, 20)  # 0, 10, …, 50 lie below
    assert rank_among(-1.0, draws, np.nan, rng) == (0, 200)
    ties = [rank_among(1.0, np.ones((2, 5)), np.nan, rng)[0] for _ in range(200)]
    assert set(ties) == set(range(11))


def test_a_fit_sees_the_data_that_were_swapped_in(fit):
    rng = np.random.default_rng(0)
    prompts = SMALL.layout.grid.cells["num_prompts"].to_numpy()
    for share in (0.0, 0.2, 0.8, 1.0):  # all wrong and all right can be fitted as well
        fitted = fit(EFFORT, seed=1, observed=(share * prompts).astype(int))
        found = quantities_of(SMALL.layout, fitted.nodes, EFFORT.chains, rng)["posterior"]
        assert fitted.diverging.shape == (EFFORT.chains, EFFORT.draws)
        np.testing.assert_allclose(found["accuracy"].median(("chain", "draw")), share, atol=0.06)
        assert 0.99 < largest_rhat(found) < 1.2


def test_simulations_of_an_account_are_calibrated_and_a_wrong_prior_shows(fit):
    ranks = pd.concat(simulations(SMALL, fit, EFFORT, range(20), seed=2))
    judged = summarise_ranks(ranks).set_index("quantity")
    assert list(judged.index) == ["start_logit", "end_logit", "exponent", "log_precision", LOG_LIKELIHOOD]
    assert ranked_uniformly(ranks)
    assert (judged["failed"] == 0).all()
    assert (judged["converged"] > 0.7).all()
    assert judged.loc["start_logit", "recovery"] > 0.9
    wrong = summarise_ranks(pd.concat(simulations(SMALL, fit, EFFORT, range(20), seed=2, truth=shifted(4.0))))
    assert not wrong.set_index("quantity").loc["end_logit", "uniform"]


def test_a_simulation_is_the_same_whichever_others_are_run():
    sampler = from_the_prior
    together = list(simulations(SMALL, sampler, EFFORT, [3, 4], seed=0))[1]
    pd.testing.assert_frame_equal(together, next(simulations(SMALL, sampler, EFFORT, [4], seed=0)))
    assert not together["truth"].equals(next(simulations(SMALL, sampler, EFFORT, [4], seed=1))["truth"])


def test_a_sampler_that_ignores_the_data_shows_in_the_log_likelihood_alone():
    sampler = from_the_prior
    ranks = pd.concat(simulations(SMALL, sampler, EFFORT, range(60), seed=0))
    judged = summarise_ranks(ranks).set_index("quantity")
    assert ranked_uniformly(ranks)
    assert not judged.loc[LOG_LIKELIHOOD, "uniform"]


def test_fits_that_fail_are_counted():
    sampler = lost
    ranks = pd.concat(simulations(SMALL, sampler, EFFORT, range(20), seed=0), ignore_index=True)
    failed = ranks.drop_duplicates("simulation")["reason"].ne("").sum()
    assert 0 < failed < 20
    summary = summarise_ranks(ranks)
    assert (summary["failed"] == failed).all()
    assert (summary["converged"] <= 1 - failed / 20).all()
    told = "\n".join(sbc_lines(ranks.assign(trial="power"), summary.assign(trial="power")))
    assert f"{failed} fits of power failed: no place to start from" in told


def test_every_account_is_laid_out_with_cells_that_inform_it():
    trials = sbc_trials(["drift-diffusion", "tempered-bayes", "arora", "logistic"], "counts")
    assert list(trials) == ["drift-diffusion", "tempered-bayes", "arora", "logistic", TWO_MODELS]
    assert {len(trial.layout.grid.cells) for trial in trials.values()} == {14}
    assert len(trials[TWO_MODELS].layout.grid.models) == 2
    assert len(trials[TWO_MODELS].layout.grid.sets) == 4
    assert sbc_trials(["power"], "logprob")["power"].layout.observation.name == "logprob"
    evidence = sbc_trials(["evidence"], "counts")
    assert [(trial.concepts, len(trial.cells)) for trial in evidence.values()] == [(2, 37), (3, 43)]
    assert len({trial.settings() for trial in (*trials.values(), *evidence.values())}) == 7


def test_the_evidence_decomposition_is_ranked_with_what_is_made_of_it():
    trial = EvidenceTrial(cells=ladder(flipped=True), concepts=3)
    layout = evidence_layout(trial.cells)

    def from_its_prior(effort: Effort, *, seed: int, observed: np.ndarray) -> Fitted:
        rng, num_draws = np.random.default_rng(seed), effort.chains * effort.draws
        drawn = draw_prior(layout, DEFAULT_EVIDENCE_PRIORS, concepts=3, num_draws=num_draws, rng=rng)
        drawn["accuracy"] = expected_accuracy(trial.cells, drawn, draw_walk(layout, drawn["walk_deviation"], rng))
        return undiverged(in_dims(layout, drawn, chains=effort.chains))

    ranks = pd.concat(simulations(trial, from_its_prior, EFFORT, range(40), seed=0))
    judged = summarise_ranks(ranks).set_index("quantity")
    made = {"permuted_gap", "label share", "drift of right labels", "break-even share"}
    assert made < set(judged.index)
    assert ranked_uniformly(ranks)
    assert not judged.loc[LOG_LIKELIHOOD, "uniform"]  # its draws never look at the data
    one = ranks[ranks["simulation"] == 0].set_index("quantity")["truth"]
    drift = one["inputs"] + one["label_space"] + one["labels"] - one["noise"]
    assert one["drift of right labels"] == pytest.approx(drift)
    right = label_evidence(one["break-even share"], one["label_noise"], 2)
    assert one["inputs"] + one["label_space"] + one["label_weight"] * right == pytest.approx(one["noise"])


def ask_for(folder, **changed):
    asked = {"seed": 0, "observe": "counts", "effort": EFFORT} | changed
    return open_folder(
        folder, {"power": changed.pop("trial", SMALL)}, **{k: v for k, v in asked.items() if k != "trial"}
    )


def test_a_killed_study_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(AccountTrial, "compiled", lambda trial: from_the_prior)
    trials = {"power": SMALL}

    def go(folder, simulated: list, number: int):
        def progress(name, done):
            simulated.append(done)

        return run_trials(trials, folder, num_simulations=number, seed=0, effort=EFFORT, progress=progress)

    whole, _ = go(ask_for(tmp_path / "whole"), [], 30)
    folder, simulated = ask_for(tmp_path / "killed"), []
    go(folder, [], BATCH)
    (tmp_path / "killed" / "parts" / "power.00005.parquet").write_bytes(b"damaged")
    again, summary = go(ask_for(tmp_path / "killed"), simulated, 30)
    assert simulated == [BATCH] + [1] * (30 - BATCH)
    pd.testing.assert_frame_equal(whole, again)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "killed" / "ranks.parquet"), again)
    with RunFolder(tmp_path / "killed").locked(), pytest.raises(UserError, match="another process is writing"):
        go(folder, [], 40)
    fewer, _ = go(folder, [], 10)
    assert fewer["simulation"].nunique() == 10
    for drawn in draw_sbc(again, summary):
        assert drawn.figure.axes[0].lines


def test_a_folder_is_not_mixed(tmp_path):
    folder = tmp_path / "one"
    ask_for(folder)
    with pytest.raises(UserError, match="was begun with seed 0, got 1; choose another --out"):
        ask_for(folder, seed=1)
    with pytest.raises(UserError, match="was begun with effort"):
        ask_for(folder, effort=replace(EFFORT, draws=100))
    ask_for(folder, effort=replace(EFFORT, cores=2))
    with pytest.raises(UserError, match="priors or cells of power that differ"):
        ask_for(folder, trial=shifted(1.0))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    for opener in (ask_for, lambda path: open_agreement(path, {})):
        with pytest.raises(UserError, match=r"no study of recovery .* \(no sbc.json or agreement.json\); choose"):
            opener(tmp_path / "other")


def test_a_folder_of_an_earlier_version_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "calibration.json").write_text('{"seed": 0, "designs": {}}')
    for opener in (ask_for, lambda path: open_agreement(path, {})):
        with pytest.raises(UserError, match="by an earlier version of `probe calibrate` .* choose another --out"):
            opener(tmp_path)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--simulations", "5"], "needs --simulations of 10 or more, got 5"),
        (["--accounts", "evidence", "--observe", "logprob"], "account evidence is fitted to counts, got --observe"),
        (["--accounts", "powr"], "no account 'powr'. Known: .* Did you mean 'power'"),
        (["--observe", "logits"], "no observation 'logits'"),
        (["--seed", "-1"], "--seed cannot be negative, got -1"),
        (["--jobs", "0"], "--jobs must be 1 or more, got 0"),
        (["--draws", "1"], "at least 2 chains, 4 draws and 1 tuning draw"),
        (["--models", "ginc-small"], "--models goes with --ledger only"),
        (["--family", "two.npz"], "--family goes with --ledger only"),
        (["--ledger", "--accounts", "power"], "--accounts does not go with --ledger"),
        (["--ledger", "--prompts", "3", "--models", "none"], "needs --prompts of 20 or more, got 3"),
    ],
)
def test_mistakes_are_told_in_a_sentence(tmp_path, flags, sentence):
    parser = argparse.ArgumentParser()
    calibrate.add(parser)
    with pytest.raises(UserError, match=sentence):
        calibrate.run(parser.parse_args(["--out", str(tmp_path / "out"), *flags]))
    assert not (tmp_path / "out").exists()


def test_simulations_need_numbers():
    sampler = from_the_prior
    with pytest.raises(UserError, match="ask for one simulation or more"):
        next(simulations(SMALL, sampler, EFFORT, [], seed=0))
    with pytest.raises(UserError, match="there are no ranks"):
        summarise_ranks(pd.DataFrame())


SHOTS = np.array([0, 2, 8])


@pytest.fixture(scope="module")
def family():
    return sample_family(
        rng=np.random.default_rng(4),
        num_entities=5,
        num_properties=6,
        vocab_size=20,
        num_concepts=4,
        num_pretraining_concepts=3,
    )


def test_answers_are_counted_greedily_and_as_probabilities(family):
    asked = {4: ask(family, 4, SHOTS, prompts=200, seed=1)}
    predictive = tempered_predictive(asked[4].inference, 0.3)
    answered = answers_of("tempered(0.3)", 0.3, asked, {4: predictive}, seed=1)
    gold = np.exp(predictive[np.arange(200)[:, None], np.arange(3), asked[4].gold])
    greedy, sampled = (count_answers(answered, way, asked, SHOTS) for way in ("greedy", "sampled"))
    right = (predictive.argmax(axis=2) == asked[4].gold).sum(axis=0)
    np.testing.assert_array_equal(greedy["num_correct"], right)
    error = np.sqrt((gold * (1 - gold)).sum(axis=0))
    assert (np.abs(sampled["num_correct"] - gold.sum(axis=0)) < SIGMAS * error).all()
    assert answered.implied[4].estimate == pytest.approx(0.3, abs=1e-3)
    np.testing.assert_allclose(greedy["evidence"], asked[4].ledger.log_odds[:, SHOTS].mean(axis=0))
    exact = answers_of("tempered(1)", 1.0, asked, {4: asked[4].inference.log_predictive}, seed=1)
    of_exact = count_answers(exact, "greedy", asked, SHOTS)
    np.testing.assert_allclose(of_exact["num_correct"] / 200, of_exact["ceiling"])


def test_the_log_odds_that_a_tempered_bayesian_acts_on_are_those_of_its_weights(family):
    asked = ask(family, 4, SHOTS, prompts=50, seed=1)
    np.testing.assert_allclose(acted_log_odds(asked, 1.0), asked.log_odds)
    log_weights = 0.05 * asked.inference.log_evidence[:, asked.inference.positions]
    weights = np.exp(log_weights - log_weights.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    right = weights[np.arange(50), :, asked.ledger.concept]
    np.testing.assert_allclose(acted_log_odds(asked, 0.05), np.log(right / (1 - right)), rtol=1e-6)
    assert growth(np.array([[0.0, 1.0, 5.0], [0.0, 3.0, 9.0]]), np.array([0, 2, 4])) == pytest.approx(7 / 4)
    assert growth(np.array([[1.0, 4.0, 90.0]]), np.array([0, 2, 4])) == pytest.approx(1.5)


def made_up_agreement() -> Agreement:
    conditions = pd.DataFrame(
        {
            "answers": ["greedy"] * 4 + ["sampled"] * 4,
            "model": ["tempered(0.1)", "tempered(0.1)", "ginc-small", "ginc-small"] * 2,
            "example_length": [3, 10] * 4,
            "true_temperature": [0.1, 0.1, np.nan, np.nan] * 2,
            "exact_drift": [1.0, 4.0] * 4,
            "exact_signal": [2.0, 6.0] * 4,
            "exact_noise": [1.0, 2.0] * 4,
            "expected_drift": [0.1, 0.4, 0.5, 2.0] * 2,
            "acted_drift": [0.15, 0.5, 0.7, 4.0] * 2,
            "drift": [0.2, 0.3, 0.6, 1.0] * 2,
            "drift_lower": [0.1, 0.2, 0.3, 0.5] * 2,
            "drift_upper": [0.4, 0.6, 1.0, 2.5] * 2,
            "signal": [0.3, 0.6, 0.8, 2.0] * 2,
            "noise": [0.1, 0.3, 0.2, 1.0] * 2,
            "max_rhat": [1.0] * 6 + [1.3, 1.3],
            "divergence_share": 0.0,
        }
    )
    temperatures = pd.DataFrame(
        {"answers": ["greedy", "greedy", "sampled", "sampled"], "model": ["tempered(0.1)", "ginc-small"] * 2}
        | {"true_temperature": [0.1, np.nan] * 2, "max_rhat": 1.0, "divergence_share": 0.0}
        | {"implied": 0.2, "implied_low": 0.1, "implied_high": 0.3}
        | {"fitted": 0.25, "fitted_low": 0.2, "fitted_high": 0.4}
    )
    return Agreement(conditions=conditions, temperatures=temperatures, counts=pd.DataFrame())


def test_the_ledger_s_order_is_judged_apart_where_one_shot_does_not_settle_it():
    base = made_up_agreement().conditions.iloc[[0] * 6].reset_index(drop=True)
    slow = base.assign(model=["a"] * 3 + ["b"] * 3, example_length=[3, 5, 8] * 2)
    slow["acted_drift"] = [0.1, 0.5, 1.0, 0.4, 2.0, 9.0]  # of b the last grows too fast, so none of b is judged
    slow["drift"] = [0.2, 1.0, 2.0, 5.0, 4.0, 3.0]
    for name in ("expected_drift", "exact_signal", "exact_noise", "signal", "noise"):
        slow[name] += np.arange(6)
    told = list(agreement_lines(replace(made_up_agreement(), conditions=slow)))
    (apart,) = [line for line in told if "one shot leaves the concept uncertain" in line]
    assert "3 conditions" in apart
    assert "of drift and growth 1.00; fitted ÷ growth, median 2.00" in apart
    (whole,) = [line for line in told if line.startswith("all tempered Bayesians, 6 conditions")]
    assert "of drift and growth 1.00" not in whole


def test_an_agreement_is_told_and_drawn():
    results = made_up_agreement()
    told = "\n".join(agreement_lines(results))
    assert "0.10 (0.15) → 0.20 [0.10, 0.40]" in told
    assert "Not converged (R-hat > 1.05 or > 1% divergent): drift–diffusion on ginc-small (sampled)" in told
    assert "0.250 [0.200, 0.400]" in told
    greedy = results.conditions.iloc[:4]
    assert rank_correlation(greedy, "drift", "expected_drift") == pytest.approx(1.0)
    assert rank_correlation(greedy, "noise", "exact_noise") == pytest.approx(0.8, abs=0.15)
    (drawn,) = draw_agreement(results.conditions)
    assert [axes.get_title() for axes in drawn.figure.axes] == ["greedy answers", "sampled answers"]


@pytest.mark.slow
def test_fitted_drift_rises_with_the_share_of_evidence_used(family):
    question = AgreementQuestion(
        temperatures=(0.02, 0.1, 0.5), example_lengths=(3, 5), shots=(0, 1, 2, 4, 8, 16), prompts=300, seed=1
    )
    model = TemperedPredictor(replace(family), temperature=0.2)  # a family of its own, with the same fingerprint
    results = measure_agreement([model], question, effort=replace(EFFORT, draws=300, tune=300), family=family)
    found = results.conditions[results.conditions["answers"] == "sampled"]
    assert found["true_temperature"].nunique() == 3
    assert rank_correlation(found, "drift", "expected_drift") > 0.85
    trained = results.temperatures[results.temperatures["true_temperature"].isna()]
    np.testing.assert_allclose(trained["implied"], 0.2, atol=0.01)
