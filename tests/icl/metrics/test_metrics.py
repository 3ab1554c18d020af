"""Metrics against scikit-learn, closed forms, hand counts and simulated coverage."""

import numpy as np
import pandas as pd
import pytest
from chance import plausible
from scipy import stats
from sklearn.metrics import f1_score, log_loss

from icl.errors import UserError
from icl.metrics.assemble import metrics_table
from icl.metrics.bayes import bayes_gap
from icl.metrics.catalogue import METRICS
from icl.metrics.formats import format_effects
from icl.metrics.labels import label_effects, label_slope
from icl.metrics.levels import expected_calibration_error, levels, macro_f1
from icl.metrics.measure import measure_scores
from icl.metrics.metric import SCORES
from icl.metrics.outcomes import prompt_outcomes
from icl.metrics.shots import shots_effects
from icl.metrics.spread import posterior_spread
from icl.metrics.uncertainty import (
    clustered_mean,
    clustered_ratio,
    clustered_share,
    clustered_share_difference,
    clustered_share_ratio,
    jackknife,
)
from icl.scores import SCORE_COLUMNS, validate_scores

LABELS = ("no", "yes")


def score_table(
    rng, *, modes=("gold", "random"), formats=("a",), shots=(0, 4), queries=20, sets=3, lift=None, model="m"
):
    """Make scores whose log-odds for the gold label are set by `lift(mode, format, shots)`."""
    lift = lift or (lambda mode, format, n: 1.0)
    rows = []
    for format in formats:
        for n in shots:
            for mode in modes if n else ("zero_shot",):
                for s in range(sets):
                    for q in range(queries):
                        gold = LABELS[q % 2]
                        odds = lift(mode, format, n) + rng.normal()
                        wrong = n // 2 if mode == "random" else 0
                        for label in LABELS:
                            logprob = -np.log1p(np.exp(-odds if label == gold else odds))
                            rows.append(row(model, mode, format, n, s, q, label, gold, logprob, wrong))
    return validate_scores(pd.DataFrame(rows))


def row(model, mode, format, n, s, q, label, gold, logprob, wrong):
    return {
        "run": "r",
        "model": model,
        "task": "t",
        "probe": "p",
        "label_mode": mode,
        "input_mode": "task",
        "format": format,
        "order": 0,
        "num_shots": n,
        "example_length": None,
        "seed_selection": 0,
        "seed_labels": 0,
        "seed_order": 0,
        "seed_format": 0,
        "prompt_id": f"{mode}{format}{n}{s}{q}",
        "query_id": f"q{q}",
        "demonstration_set_id": f"s{s}",
        "num_wrong_shown": wrong,
        "candidate": label,
        "candidate_text": f" {label}",
        "is_gold": label == gold,
        "num_label_tokens": 1,
        "logprob": logprob,
        "logprob_per_token": logprob,
        "boundary_clean": True,
        "status": "ok",
        "reason": "",
    }


def test_outcomes_agree_with_scikit_learn(rng):
    scores = score_table(rng, modes=("gold",), shots=(4,))
    outcomes = prompt_outcomes(scores)
    wide = scores.pivot(index=["query_id", "demonstration_set_id"], columns="candidate", values="logprob")
    wide = wide.loc[list(outcomes[["query_id", "demonstration_set_id"]].itertuples(index=False, name=None))]
    probability = np.exp(wide.to_numpy())
    predicted = np.array(LABELS)[probability.argmax(axis=1)]
    assert (outcomes["prediction"] == predicted).all()
    gold = outcomes["gold"].to_numpy()
    assert -outcomes["log_score"].mean() == pytest.approx(log_loss(gold, probability, labels=list(LABELS)), rel=1e-9)
    indicator = gold[:, None] == np.array(LABELS)
    np.testing.assert_allclose(outcomes["brier"], ((probability - indicator) ** 2).sum(axis=1), rtol=1e-12)
    assert macro_f1(gold, predicted) == pytest.approx(f1_score(gold, predicted, average="macro"), rel=1e-12)


def test_probabilities_are_normalised_over_the_candidates(rng):
    scores = score_table(rng, shots=(4,))
    lowered = scores.assign(logprob=scores["logprob"] - 5.0)
    given, other = (prompt_outcomes(table).drop(columns=["logprobs"]) for table in (scores, lowered))
    pd.testing.assert_frame_equal(given, other)


def test_prompts_with_a_failed_row_are_left_out_whole(rng):
    scores = score_table(rng, modes=("gold",), shots=(4,))
    scores.loc[0, ["logprob", "logprob_per_token"]] = np.nan
    scores.loc[0, ["status", "reason"]] = ["unscorable", "test"]
    assert len(prompt_outcomes(validate_scores(scores))) == 59


def test_a_zero_shot_question_counts_once_however_many_sets_ask_it(rng):
    once = score_table(rng, formats=("a", "b"), shots=(0,), sets=1)
    thrice = pd.concat([once.assign(demonstration_set_id=f"s{s}") for s in range(3)], ignore_index=True)
    rows, repeated = (metrics_table([*levels(o), *format_effects(o)]) for o in map(prompt_outcomes, (once, thrice)))
    pd.testing.assert_frame_equal(rows, repeated)
    assert (rows["reason"] == "").sum() >= 10  # no word of demonstration sets
    assert set(rows["num_demonstration_sets"]) == {0}
    score = prompt_outcomes(once)["log_score"].to_numpy()[:20]
    row = rows[(rows["metric"] == "log_score") & (rows["format"] == "a")].iloc[0]
    half = stats.t.ppf(0.95, 19) * score.std(ddof=1) / np.sqrt(20)
    assert [row["low"], row["high"]] == pytest.approx([score.mean() - half, score.mean() + half], rel=1e-9)


def test_clustered_mean_with_every_prompt_its_own_cluster_is_the_textbook_one(rng):
    values = rng.normal(size=50)
    own = np.arange(50)
    estimate = clustered_mean(values, own, own)
    assert estimate.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(50), rel=1e-12)


def test_clustered_mean_over_sets_alone_is_the_error_of_the_set_means(rng):
    values = rng.normal(size=(6, 10)) + rng.normal(size=(6, 1))
    sets = np.repeat(np.arange(6), 10)
    estimate = clustered_mean(values.ravel(), sets, np.zeros(60))
    means = values.mean(axis=1)
    assert estimate.standard_error == pytest.approx(means.std(ddof=1) / np.sqrt(6), rel=1e-12)
    assert "one query" in estimate.reason


def test_one_demonstration_set_is_said_so(rng):
    estimate = clustered_mean(rng.normal(size=20), np.zeros(20), np.arange(20))
    assert "one demonstration set" in estimate.reason
    assert np.isfinite(estimate.low)
    alone = clustered_mean(np.array([0.3]), np.zeros(1), np.zeros(1))
    assert np.isnan(alone.low)
    assert "one prompt only" in alone.reason


def test_crossed_intervals_cover(rng):
    """Effects of set, query and prompt; 90 % intervals of the mean in 400 replications."""
    sets, queries = (index.ravel() for index in np.meshgrid(np.arange(8), np.arange(30), indexing="ij"))
    covered = 0
    for _ in range(400):
        values = 0.3 * rng.normal(size=8)[sets] + 0.5 * rng.normal(size=30)[queries] + rng.normal(size=240)
        estimate = clustered_mean(values, sets, queries)
        covered += estimate.low <= 0 <= estimate.high
    assert plausible(covered, 400)


def test_a_share_of_one_still_has_an_error_bar():
    estimate = clustered_share(np.ones(40), np.arange(40), np.arange(40))
    assert estimate.estimate == estimate.high == 1.0
    assert 0.9 < estimate.low < 1.0
    unchanged = clustered_share_difference(np.zeros(40), np.arange(40), np.arange(40))
    assert -0.1 < unchanged.low < 0 < unchanged.high == -unchanged.low


def test_share_intervals_cover_near_the_edge(rng):
    own = np.arange(60)
    covered = 0
    for _ in range(1000):
        estimate = clustered_share((rng.random(60) < 0.95).astype(float), own, own)
        covered += estimate.low <= 0.95 <= estimate.high
    assert plausible(covered, 1000)


def test_ratio_is_missing_with_a_reason_where_the_denominator_may_be_zero(rng):
    own = np.arange(40)
    noise = rng.normal(size=40)
    missing = clustered_ratio(noise, noise - noise.mean(), own, own)
    assert np.isnan(missing.estimate)
    assert "covers 0" in missing.reason
    alone = clustered_ratio(noise, 4 + noise, own[:1].repeat(len(own)), own[:1].repeat(len(own)))
    assert "without an interval (" in alone.reason
    assert "nan" not in alone.reason
    fine = clustered_ratio(2 + 0.1 * noise, 4 + 0.2 * noise, own, own)
    assert fine.estimate == pytest.approx(0.5, rel=1e-12)
    assert fine.standard_error == pytest.approx(0.0, abs=1e-12)


def test_a_ratio_of_shares_that_agree_on_every_prompt_still_has_an_error_bar():
    own, right = np.arange(100), (np.arange(100) < 70).astype(float)
    agree = clustered_ratio(right, right, own, own, of_shares=True)
    t = stats.t.ppf(0.95, 99)
    unseen = t**2 / (100 + t**2)  # Wilson's upper end for 0 of 100
    assert (agree.estimate, agree.low, agree.high) == pytest.approx((1.0, 1 - unseen / 0.7, 1 + unseen / 0.7))
    never = clustered_ratio(np.zeros(100), right, own, own, of_shares=True)
    assert (never.estimate, never.low, never.high) == pytest.approx((0.0, -unseen / 0.7, unseen / 0.7))
    share = clustered_share_ratio(np.zeros(100), right, own, own)
    assert (share.estimate, share.low, share.high) == pytest.approx((0.0, 0.0, unseen / 0.7))
    once = clustered_ratio((own == 0).astype(float), right, own, own, of_shares=True)
    assert once.low < once.estimate < once.high
    plain = clustered_share_difference(np.zeros(100), own, own)
    assert (never.low * 0.7, never.high * 0.7) == pytest.approx((plain.low, plain.high))  # one difference, one interval


def test_the_denominator_of_a_ratio_of_shares_has_an_error_bar_too():
    own = np.arange(8)
    found = clustered_ratio(np.ones(8), np.zeros(8), own, own, of_shares=True)
    plain = clustered_share_difference(np.zeros(8), own, own)
    assert found.reason == (
        f"the denominator is 0.000 with a 90 % interval of {plain.low:.3f} to {plain.high:.3f}, which covers 0"
    )


def test_intervals_of_share_ratios_cover_where_few_prompts_differ(rng):
    """The ceiling is right on 70 % of the prompts, the model on the same but for 1 in 100 of them."""
    own, covered = np.arange(100), 0
    for _ in range(1000):
        ceiling = (rng.random(100) < 0.7).astype(float)
        found = clustered_share_ratio(ceiling * (rng.random(100) > 0.01), ceiling, own, own)
        covered += found.low <= 0.99 <= found.high
    assert plausible(covered, 1000, (0.88, 1.0))  # where nothing differs, the interval is wide


def test_a_mean_takes_a_level_of_its_own(rng):
    values, own = rng.normal(size=30), np.arange(30)
    found = clustered_mean(values, own, own, level=0.975)
    expected = stats.t.interval(0.975, 29, values.mean(), values.std(ddof=1) / np.sqrt(30))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-12)


def test_jackknife_of_a_mean_is_the_textbook_error(rng):
    values = rng.normal(size=20)
    estimate = jackknife(np.mean, (values,), np.arange(20), np.arange(20))
    assert estimate.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(20), rel=1e-12)


def test_expected_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    correct = np.array([1.0, 0.0, 1.0, 0.0])
    assert expected_calibration_error(confidence, correct) == pytest.approx((2 * 0.45 + 2 * 0.05) / 4)


def select(rows: list[dict], **where) -> dict:
    (found,) = [r for r in rows if all(r[key] == value for key, value in where.items())]
    return found


def test_label_effects_find_the_gap_that_was_put_in(rng):
    scores = score_table(
        rng, queries=200, sets=6, lift=lambda mode, f, n: {"zero_shot": 0.0, "gold": 2.0, "random": 1.0}[mode]
    )
    rows = label_effects(prompt_outcomes(scores))
    accuracy = prompt_outcomes(scores).groupby("label_mode")["accuracy"].mean()
    gap = select(rows, metric="gap", score="accuracy")
    assert gap["estimate"] == pytest.approx(accuracy["gold"] - accuracy["random"], abs=1e-12)
    assert gap["contrast"] == "gold − random"
    gler = select(rows, metric="GLER", score="accuracy")
    gain = accuracy["gold"] - accuracy["zero_shot"]
    assert gler["estimate"] == pytest.approx((accuracy["gold"] - accuracy["random"]) / gain, rel=1e-9)
    kept = select(rows, metric="gain_retained", score="accuracy")
    assert kept["estimate"] == pytest.approx(1 - gler["estimate"], rel=1e-9)
    assert gap["resolution"] == pytest.approx(1 / 1200)
    recognition = select(rows, metric="task_recognition", score="accuracy")
    assert recognition["estimate"] == pytest.approx(accuracy["random"] - 0.5, rel=1e-9)


def test_slope_equals_the_gap_over_the_share_it_took_away(rng):
    scores = score_table(rng, queries=50, shots=(4,), lift=lambda mode, f, n: 2.0 if mode == "gold" else 1.0)
    outcomes = prompt_outcomes(scores)
    slope = select(label_slope(outcomes), score="gold_probability")
    gap = select(label_effects(outcomes), metric="gap", score="gold_probability")
    assert slope["estimate"] == pytest.approx(gap["estimate"] / 0.5, rel=1e-9)  # random showed half of them right
    assert slope["standard_error"] == pytest.approx(gap["standard_error"] / 0.5, rel=0.4)  # a jackknife over blocks


def test_format_spread_is_biased_upward_and_its_posterior_is_not(rng):
    scores = score_table(rng, modes=("gold",), formats=tuple("abcdefgh"), shots=(4,), queries=40, sets=2)
    rows = format_effects(prompt_outcomes(scores))
    raw = select(rows, metric="format_spread", score="gold_probability")
    posterior = select(rows, metric="format_spread_posterior", score="gold_probability")
    assert raw["estimate"] > posterior["estimate"]
    assert posterior["low"] < 0.4 * raw["estimate"]  # the formats are all alike


def test_posterior_spread_covers_a_known_spread(rng):
    truth = np.array([0.0, 0.1, 0.2, 0.5])
    own = np.arange(80)
    covered = 0
    for _ in range(200):
        values = truth + rng.normal(size=(80, 1)) + 0.7 * rng.normal(size=(80, 4))
        estimate = posterior_spread(values, own, own)
        covered += estimate.low <= 0.5 <= estimate.high
    assert plausible(covered, 200)


def test_consistency_and_flip_rate_by_hand(rng):
    scores = score_table(rng, modes=("gold", "flipped"), formats=("a", "b"), shots=(4,), queries=10, sets=1)
    outcomes = prompt_outcomes(scores)
    predictions = outcomes.pivot(index="query_id", columns=["label_mode", "format"], values="prediction")
    agree = (predictions["gold", "a"] == predictions["gold", "b"]).mean()
    found = select(format_effects(outcomes), metric="consistency", label_mode="gold")
    assert found["estimate"] == pytest.approx(agree)
    flips = (predictions["gold", "a"] != predictions["flipped", "a"]).mean()
    assert select(label_effects(outcomes), metric="flip_rate", format="a")["estimate"] == pytest.approx(flips)


def test_shots_gain_is_paired_with_zero_shots(rng):
    scores = score_table(rng, queries=60, lift=lambda mode, f, n: 0.2 * n)
    outcomes = prompt_outcomes(scores)
    means = outcomes.groupby(["label_mode", "num_shots"])["gold_probability"].mean()
    gain = select(shots_effects(outcomes), label_mode="gold", score="gold_probability")
    assert gain["estimate"] == pytest.approx(means["gold", 4] - means["zero_shot", 0], rel=1e-9)


def test_bayes_gap_is_zero_for_the_oracle_itself_and_known_for_another(rng):
    oracle = score_table(rng, shots=(4,), modes=("gold",), model="oracle")
    twin = oracle.assign(model="twin")
    flat = oracle.assign(model="flat", logprob=np.log(0.5), logprob_per_token=np.log(0.5))
    rows = bayes_gap(prompt_outcomes(pd.concat([oracle, twin, flat], ignore_index=True)))
    assert select(rows, model="twin", metric="bayes_kl")["estimate"] == pytest.approx(0.0, abs=1e-12)
    p = np.exp(oracle["logprob"].to_numpy())
    expected = (p * (np.log(p) - np.log(0.5))).sum() / (len(p) / 2)
    assert select(rows, model="flat", metric="bayes_kl")["estimate"] == pytest.approx(expected, rel=1e-9)


def test_bayes_gap_counts_a_zero_shot_question_once(rng):
    once = score_table(rng, shots=(0,), sets=1, model="oracle")
    once = pd.concat([once, once.assign(model="flat", logprob=np.log(0.5), logprob_per_token=np.log(0.5))])
    thrice = pd.concat([once.assign(demonstration_set_id=f"s{s}") for s in range(3)], ignore_index=True)
    rows, repeated = (metrics_table(bayes_gap(prompt_outcomes(scores))) for scores in (once, thrice))
    pd.testing.assert_frame_equal(rows, repeated)
    assert set(rows["num_prompts"]) == {20}
    assert set(rows["reason"]) == {""}


def test_measure_gives_a_number_or_a_reason_everywhere(rng):
    metrics = measure_scores(score_table(rng, formats=("a", "b"), sets=1))
    nothing = metrics["estimate"].isna()
    assert (metrics.loc[nothing, "reason"] != "").all()
    assert (metrics.loc[metrics["low"].isna(), "reason"] != "").all()
    twins = metrics[(metrics["metric"] == "gap")].groupby("score").size()
    assert twins["accuracy"] == twins["gold_probability"]


def test_levels_cover_every_condition(rng):
    outcomes = prompt_outcomes(score_table(rng))
    accuracy = [r for r in levels(outcomes) if r["metric"] == "accuracy"]
    assert {(r["label_mode"], r["num_shots"]) for r in accuracy} == {("zero_shot", 0), ("gold", 4), ("random", 4)}


def test_intervals_of_levels_stay_among_the_values_that_a_score_takes(rng):
    few = prompt_outcomes(score_table(rng, queries=2, sets=2))
    share = np.array([0.02, 0.98] * (len(few) // 2))
    spread = few.assign(gold_probability=share, log_score=np.log(share), brier=2 * (1 - share) ** 2)
    found = pd.DataFrame(levels(spread)).dropna(subset="low")
    assert set(SCORES) <= set(found["metric"])
    for score, known in SCORES.items():
        least, most = known.low, known.high
        mine = found[found["metric"] == score]
        assert ((mine["low"] >= least) & (mine["high"] <= most)).all(), score
        assert (mine["low"] < mine["high"]).all(), score


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="logprob"), r"missing columns \['logprob'\]"),
        (lambda t: t.assign(extra=1), r"unknown columns \['extra'\]"),
        (lambda t: t.assign(status="fine"), "unknown status"),
        (lambda t: t.assign(logprob=0.5), "cannot be positive"),
        (lambda t: t.assign(logprob=np.nan), "needs a status other than ok"),
        (lambda t: pd.concat([t, t]), "occur twice"),
        (lambda t: t.assign(is_gold=True), "exactly one gold candidate"),
    ],
)
def test_tables_that_are_no_score_tables_are_refused(rng, change, message):
    with pytest.raises(UserError, match=message):
        validate_scores(change(score_table(rng)))


def test_an_empty_table_cannot_be_measured():
    empty = pd.DataFrame({column.name: pd.Series(dtype=column.dtype) for column in SCORE_COLUMNS})
    with pytest.raises(UserError, match="no prompt that was scored"):
        measure_scores(validate_scores(empty))


def test_reasons_are_counted_without_their_numbers():
    """Two ratios whose denominators' intervals cover 0 lie at other numbers, and have one kind of reason."""
    found = [
        clustered_ratio(np.ones(6), np.array([step, -step] * 3), np.arange(6) // 2, np.arange(6) % 2)
        for step in (0.1, 0.2)
    ]
    assert len({one.reason for one in found}) == 2
    assert {one.kind for one in found} == {"the denominator's interval covers 0"}


def test_what_a_share_is_is_declared_and_not_read_off_its_unit():
    shares = {(name, score) for name, one in METRICS.items() for score in one.scores or ("",) if one.is_share(score)}
    assert {("label_correctness_slope", "accuracy"), ("gap", "gold_probability"), ("flip_rate", "")} <= shares
    others = {("gap", "log_score"), ("GLER", "accuracy"), ("brier", "brier"), ("bayes_kl", ""), ("recency_bias", "")}
    assert not shares & others
    assert METRICS["label_correctness_slope"].unit_of("log_score") == "nats per share of correct labels"
