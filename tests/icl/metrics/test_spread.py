"""Posteriors of spreads against limits that are known exactly and simulations whose truth is known."""

import numpy as np
import pytest
from chance import COVERAGE, plausible
from scipy import stats

from icl.errors import UserError
from icl.metrics.spread import (
    posterior_sd,
    posterior_spread,
    sd_of_means,
    sd_within_sets,
    spread_of_means,
    spread_within_sets,
)

OWN = np.arange(60)


def covers(estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def asked_by_a_bandit(true_means: np.ndarray, *, budget: int, rng: np.random.Generator):
    """Mean, standard error and count of each arm when the arms that look extreme are asked again and again."""
    answers = [list(mean + rng.normal(size=10)) for mean in true_means]
    while (asked := sum(map(len, answers))) < budget:
        means, counts = np.array([np.mean(a) for a in answers]), np.array([len(a) for a in answers])
        doubt = np.sqrt(2 * np.log(asked) / counts)
        arm = int(np.argmax(means + doubt) if asked % 2 else np.argmin(means - doubt))
        answers[arm] += list(true_means[arm] + rng.normal(size=5))
    counts = np.array([len(a) for a in answers])
    return np.array([np.mean(a) for a in answers]), np.array([np.std(a, ddof=1) for a in answers]) / counts**0.5, counts


def test_equal_errors_give_the_posterior_of_paired_values(rng):
    """Both know the same: means, one noise and its degrees of freedom."""
    values = np.array([0.0, 0.1, 0.2, 0.5]) + rng.normal(size=(60, 1)) + 0.7 * rng.normal(size=(60, 4))
    own = values - values.mean(axis=1, keepdims=True)
    noise = np.sqrt((own - own.mean(axis=0)).var(axis=0).sum() / 59 / 3)
    errors = np.full(4, noise)
    for paired, of_means in ((posterior_spread, spread_of_means), (posterior_sd, sd_of_means)):
        first, second = paired(values, OWN, OWN), of_means(values.mean(axis=0), errors, 3 * 59.0)
        assert second.estimate == pytest.approx(first.estimate, rel=0.02)
        assert (second.low, second.high) == pytest.approx((first.low, first.high), rel=0.05)


def test_small_errors_leave_the_spread_of_the_means():
    means = np.array([0.1, 0.4, 0.9])
    spread, deviation = spread_of_means(means, np.full(3, 1e-6)), sd_of_means(means, np.full(3, 1e-6))
    assert (spread.low, spread.estimate, spread.high) == pytest.approx((0.8, 0.8, 0.8), abs=1e-5)
    assert deviation.estimate == pytest.approx(means.std(ddof=1), abs=1e-5)
    exact = spread_of_means(means, np.zeros(3))
    assert exact.estimate == pytest.approx(0.8, rel=1e-12)
    assert np.isnan(exact.low)
    assert exact.reason


def test_a_condition_that_nobody_could_measure_takes_no_part():
    """Its mean is arbitrary; the posterior puts it among the others."""
    alone = spread_of_means(np.array([0.0, 0.3, 0.6]), np.full(3, 0.01))
    wild = spread_of_means(np.array([0.0, 0.3, 0.6, 50.0]), np.array([0.01, 0.01, 0.01, 1e4]))
    assert alone.low < wild.estimate < 3 * alone.high


def test_unequal_errors_with_few_degrees_widen_the_interval(rng):
    means, errors = rng.normal(size=6), np.array([0.1, 0.1, 0.4, 0.4, 0.8, 0.8])
    known, pooled, apart = (spread_of_means(means, errors, degrees) for degrees in (None, 4.0, np.full(6, 4.0)))
    assert known.high - known.low < min(pooled.high - pooled.low, apart.high - apart.low)


def test_the_same_numbers_give_the_same_answer():
    means, errors = np.array([0.0, 0.5]), np.array([0.1, 0.2])
    assert spread_of_means(means, errors, 5.0) == spread_of_means(means, errors, 5.0)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(("num_conditions", "deviation"), [(4, 0.3), slow(8, 0.02), slow(8, 1.0)])
def test_intervals_cover_where_a_bandit_chose_whom_to_ask(rng, num_conditions, deviation):
    covered = {"spread": 0, "these": 0, "all": 0}
    raw, inferred = [], []
    for _ in range(150):
        truth = deviation * rng.normal(size=num_conditions)
        means, errors, counts = asked_by_a_bandit(truth, budget=50 * num_conditions, rng=rng)
        spread = spread_of_means(means, errors, counts - 1.0)
        covered["spread"] += covers(spread, np.ptp(truth))
        covered["these"] += covers(sd_of_means(means, errors, counts - 1.0), truth.std(ddof=1))
        covered["all"] += covers(sd_of_means(means, errors, counts - 1.0, sampled=True), deviation)
        raw.append(np.ptp(means) - np.ptp(truth))
        inferred.append(spread.estimate - np.ptp(truth))
    least, most = COVERAGE
    most = most if deviation > 0.1 else 1.0  # next to 0 an interval that begins there can miss on one side only
    assert all(plausible(count, 150, (least, most)) for count in covered.values()), covered
    assert abs(np.mean(inferred)) < abs(np.mean(raw)) + 0.02


def test_posterior_sd_covers_the_deviation_of_crossed_data(rng):
    """10 sets × 20 queries × 6 conditions: conditions differ in general, per set and per query."""
    sets, queries = (index.ravel() for index in np.meshgrid(np.arange(10), np.arange(20), indexing="ij"))
    covered = 0
    for _ in range(200):
        truth = 0.4 * rng.normal(size=6)
        values = truth + 0.3 * rng.normal(size=(10, 6))[sets] + 0.5 * rng.normal(size=(20, 6))[queries]
        covered += covers(posterior_sd(values + rng.normal(size=(200, 6)), sets, queries), truth.std(ddof=1))
    assert plausible(covered, 200)


def test_what_cannot_be_known_is_said():
    assert "too few" in posterior_sd(np.zeros((2, 3)), OWN[:2], OWN[:2]).reason
    assert "no spread" in spread_of_means(np.array([0.5]), np.array([0.1])).reason
    with pytest.raises(UserError, match="must be 0 or more, got nan; leave out"):
        spread_of_means(np.array([0.1, 0.2]), np.array([0.1, np.nan]))
    with pytest.raises(UserError, match="degrees of freedom must be 1 or more, got 0"):
        spread_of_means(np.array([0.1, 0.2]), np.array([0.1, 0.1]), np.array([0.0, 3.0]))


def test_the_prior_has_no_end_that_pulls_the_spread_down():
    """Of two conditions with known noise the difference of the true means is Normal(difference, 2 s²)."""
    difference = stats.foldnorm(3.0, scale=np.sqrt(2) * 0.1)  # the measured ones lie three errors of theirs apart
    spread = spread_of_means(np.array([0.0, 3 * np.sqrt(2) * 0.1]), np.full(2, 0.1))
    found, exact = (spread.low, spread.estimate, spread.high), difference.ppf([0.05, 0.5, 0.95])
    assert found == pytest.approx(exact, abs=0.1 * np.sqrt(2) * 0.1)


@pytest.mark.parametrize("deviation", [0.4, 0.8, 2.0])
def test_three_conditions_cover_from_close_together_to_far_apart(rng, deviation):
    covered, above = 0, 0
    for _ in range(200):
        truth = deviation * np.array([-1.0, 0.0, 1.0])
        spread = spread_of_means(truth + 0.3 * rng.normal(size=3), np.full(3, 0.3))
        covered, above = covered + covers(spread, np.ptp(truth)), above + (spread.high < np.ptp(truth))
    assert plausible(covered, 200, (0.87, 0.96)), covered
    assert plausible(above, 200, (0.0, 0.06))  # 5 % of truths lie above a 90 % interval


def test_an_interval_begins_at_0_where_the_f_test_does_not_rule_it_out(rng):
    """At a truth of 0 that is so in 95 % of samples; the F test is SciPy's."""
    begins = 0
    for _ in range(200):
        groups = rng.normal(size=(3, 12))
        noise = np.sqrt(groups.var(axis=1, ddof=1).mean() / 12)
        spread = spread_of_means(groups.mean(axis=1), np.full(3, noise), 33.0)
        equal = stats.f_oneway(*groups).pvalue
        begins += spread.low == 0
        if abs(equal - 0.05) > 0.01:  # the noise is drawn, so p is known to a third digit
            assert (spread.low == 0) == (equal > 0.05)
    assert plausible(begins, 200, (0.95, 0.95))


def test_two_conditions_do_not_tell_the_deviation_of_many():
    means, errors = np.array([0.0, 0.5]), np.full(2, 0.1)
    assert "two conditions" in sd_of_means(means, errors, sampled=True).reason
    assert sd_of_means(means, errors).low > 0


def test_sets_whose_orders_do_not_differ_share_an_interval_that_begins_at_0(rng):
    begins = sum(
        spread_within_sets([rng.normal(size=(20, 1)) + rng.normal(size=(20, 3)) for _ in range(5)]).low == 0
        for _ in range(100)
    )
    assert plausible(begins, 100, (0.95, 0.99))


@pytest.mark.slow
@pytest.mark.parametrize(("num_sets", "num_orders"), [(6, 3), (12, 3), (4, 6)])
def test_spreads_within_sets_cover_the_average_over_all_sets(rng, num_sets, num_orders):
    """Each set's orders have effects of their own; a set by itself could hardly tell them from noise."""
    many = 0.3 * rng.normal(size=(50_000, num_orders))
    covered = {"spread": 0, "sd": 0}
    for _ in range(150):
        tables = [
            0.3 * rng.normal(size=num_orders) + rng.normal(size=(40, 1)) + 0.8 * rng.normal(size=(40, num_orders))
            for _ in range(num_sets)
        ]
        covered["spread"] += covers(spread_within_sets(tables), np.ptp(many, axis=1).mean())
        covered["sd"] += covers(sd_within_sets(tables), many.std(axis=1, ddof=1).mean())
    assert all(plausible(count, 150, (0.87, 0.96)) for count in covered.values()), covered


def test_spreads_within_sets_that_have_no_noise_or_no_company():
    table = np.tile([0.0, 0.2, 0.6], (5, 1))
    exact = spread_within_sets([table, table / 2])
    assert exact.estimate == pytest.approx(0.45)
    assert exact.reason
    assert "1 demonstration sets" in sd_within_sets([table]).reason
