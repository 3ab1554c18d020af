"""Intervals of ratios and of jackknifed statistics against closed forms and simulated coverage."""

import numpy as np
import pytest
from chance import plausible
from scipy import stats

from icl.metrics.uncertainty import clustered_mean, clustered_ratio, clustered_share, jackknife


def crossed(num_sets: int, num_queries: int) -> tuple[np.ndarray, np.ndarray]:
    sets, queries = np.meshgrid(np.arange(num_sets), np.arange(num_queries), indexing="ij")
    return sets.ravel(), queries.ravel()


def test_both_ends_of_a_ratio_are_rejected_only_just(rng):
    """Fieller: r is an end where numerator − r · denominator has a mean that is t errors from 0."""
    own = np.arange(40)
    below = 1.0 + 1.5 * rng.normal(size=40)
    above = 0.5 * below + rng.normal(size=40)
    found = clustered_ratio(above, below, own, own)
    t = stats.t.ppf(0.95, 39)
    for end in (found.low, found.high):
        left = above - end * below
        assert abs(left.mean()) / (left.std(ddof=1) / np.sqrt(40)) == pytest.approx(t, rel=1e-9)
    above, below = found.high - found.estimate, found.estimate - found.low
    assert above != pytest.approx(below, rel=1e-3)  # no delta method is lopsided


def test_ratios_cover_where_the_denominator_is_only_just_known(rng):
    sets, queries = crossed(8, 20)
    covered, known = 0, 0
    for _ in range(300):
        shared = 0.5 * rng.normal(size=8)[sets] + 0.5 * rng.normal(size=20)[queries]
        below = 0.8 + shared + rng.normal(size=160)
        found = clustered_ratio(0.5 * below + rng.normal(size=160), below, sets, queries)
        if not np.isnan(found.low):
            known += 1
            covered += found.low <= 0.5 <= found.high
    assert plausible(covered, known)


@pytest.mark.parametrize("parts", [(0.5, 0.5, 1.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (0.0, 0.0, 1.0)])
def test_a_jackknifed_mean_covers_as_the_mean_does(rng, parts):
    sets, queries = crossed(6, 36)
    covered, ratio = 0, []
    for _ in range(300):
        values = parts[0] * rng.normal(size=6)[sets] + parts[1] * rng.normal(size=36)[queries]
        values = values + parts[2] * rng.normal(size=216)
        found = jackknife(np.mean, (values,), sets, queries)
        covered += found.low <= 0 <= found.high
        ratio.append(found.standard_error / clustered_mean(values, sets, queries).standard_error)
    assert plausible(covered, 300, (0.87, 0.96))
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.08)


def test_queries_that_belong_to_one_set_each_are_counted_with_it(rng):
    sets, queries = np.repeat(np.arange(8), 5), np.arange(40)
    values = rng.normal(size=8)[sets] + rng.normal(size=40)
    means = values.reshape(8, 5).mean(axis=1)
    for found in (jackknife(np.mean, (values,), sets, queries), jackknife(np.mean, (values,), queries, sets)):
        assert found.standard_error == pytest.approx(means.std(ddof=1) / np.sqrt(8), rel=1e-9)
        assert found.degrees == 7


def test_shares_near_the_edge_cover_with_three_sets_and_are_not_vacuous(rng):
    """Right on 98.8 % of prompts: a quarter of such runs see no error at all."""
    sets, queries = crossed(3, 40)

    def chance(by_set: np.ndarray, by_query: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-5 - 0.5 * by_set - by_query))

    truth = chance(rng.normal(size=200_000), rng.normal(size=200_000)).mean()
    found = []
    for _ in range(400):
        right = rng.random(120) < chance(rng.normal(size=3)[sets], rng.normal(size=40)[queries])
        found.append(clustered_share(right.astype(float), sets, queries))
    assert 0.9 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.99
    assert max(one.high - one.low for one in found if one.estimate == 1) < 0.2
