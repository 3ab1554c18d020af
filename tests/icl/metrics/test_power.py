"""Variance components against the analysis of variance, plans against simulated runs."""

import numpy as np
import pytest
from chance import SIGMAS
from scipy import stats

from icl.errors import UserError
from icl.metrics.crossed import cells_of, degrees_of_freedom
from icl.metrics.power import (
    TYPICAL,
    VarianceComponents,
    components,
    minimum_detectable_effect,
    needed,
    power_of,
    standard_error,
)
from icl.metrics.uncertainty import clustered_error, clustered_mean

PARTS = VarianceComponents(by_set=0.3, by_query=0.6, residual=1.0)


def crossed(num_sets: int, num_queries: int) -> tuple[np.ndarray, np.ndarray]:
    sets, queries = np.meshgrid(np.arange(num_sets), np.arange(num_queries), indexing="ij")
    return sets.ravel(), queries.ravel()


def draw(parts: VarianceComponents, sets: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    by_set = np.sqrt(parts.by_set) * rng.normal(size=sets.max() + 1)
    by_query = np.sqrt(parts.by_query) * rng.normal(size=queries.max() + 1)
    return by_set[sets] + by_query[queries] + np.sqrt(parts.residual) * rng.normal(size=len(sets))


def test_components_of_a_full_table_are_those_of_the_analysis_of_variance(rng):
    sets, queries = crossed(5, 12)
    values = draw(PARTS, sets, queries, rng)
    table = values.reshape(5, 12)
    rows, columns, all_ = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True), table.mean()
    between_sets = 12 * ((rows - all_) ** 2).sum() / 4
    between_queries = 5 * ((columns - all_) ** 2).sum() / 11
    within = ((table - rows - columns + all_) ** 2).sum() / (4 * 11)
    found = components(values, sets, queries)
    assert found.residual == pytest.approx(within, rel=1e-9)
    assert found.by_set == pytest.approx(max(0, (between_sets - within) / 12), rel=1e-9)
    assert found.by_query == pytest.approx(max(0, (between_queries - within) / 5), rel=1e-9)


def test_components_are_right_on_average_where_prompts_are_missing(rng):
    sets, queries = crossed(10, 20)
    kept = rng.random(200) < 0.6
    found = [components(draw(PARTS, sets, queries, rng)[kept], sets[kept], queries[kept]) for _ in range(600)]
    for name in ("by_set", "by_query", "residual"):
        each = np.array([getattr(one, name) for one in found])
        assert abs(each.mean() - getattr(PARTS, name)) < SIGMAS * each.std() / np.sqrt(600), name


def test_sets_and_queries_that_are_not_crossed_have_no_components(rng):
    own = np.arange(30)
    for sets, queries in ((own, own), (np.zeros(30), own), (own // 10, own)):
        assert components(rng.normal(size=30), sets, queries) is None


def test_prompts_of_one_pair_count_as_one_value(rng):
    sets, queries = crossed(4, 6)
    values = rng.normal(size=24)
    once = clustered_error(values - values.mean(), sets, queries)
    twice = clustered_error(np.tile(values - values.mean(), 2), np.tile(sets, 2), np.tile(queries, 2))
    assert twice[:2] == pytest.approx(once[:2], rel=1e-12)
    assert cells_of(np.ones(48), np.tile(sets, 2), np.tile(queries, 2)).values == pytest.approx(np.ones(24))


def test_degrees_of_freedom_in_the_limits():
    """All from sets: sets − 1. All from queries: queries − 1. Nothing but noise: that of the sets at least."""
    counts = {"num_sets": 3, "num_queries": 50}
    assert degrees_of_freedom(by_set=1.0, by_query=0.0, residual=0.0, total=1.0, **counts) == pytest.approx(2)
    assert degrees_of_freedom(by_set=0.0, by_query=1.0, residual=0.0, total=1.0, **counts) == pytest.approx(49)
    assert degrees_of_freedom(by_set=0.0, by_query=0.0, residual=0.0, total=0.0, **counts) == 2
    assert degrees_of_freedom(by_set=1.0, by_query=1.0, residual=1.0, total=1.0, **counts) >= 2


@pytest.mark.parametrize("parts", [(0.3, 0.5, 1.0), (0.0, 1.0, 0.25), (0.01, 1.0, 1.0), (0.25, 0.25, 0.25)])
def test_intervals_cover_with_as_few_as_three_sets(rng, parts):
    sets, queries = crossed(3, 40)
    truth = VarianceComponents(by_set=parts[0], by_query=parts[1], residual=parts[2])
    found = [clustered_mean(draw(truth, sets, queries, rng), sets, queries) for _ in range(600)]
    assert 0.85 <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.96
    spread = np.std([one.estimate for one in found])
    assert spread == pytest.approx(standard_error(truth, 40, 3), rel=0.1)


@pytest.mark.parametrize(
    ("parts", "effect"),
    [(TYPICAL, 0.2), (TYPICAL, 0.1), (VarianceComponents(by_set=0.0, by_query=0.1, residual=0.1), 0.1)],
)
def test_a_run_of_the_planned_size_finds_the_effect_as_often_as_planned(rng, parts, effect):
    option = needed(effect, parts)[0]
    sets, queries = crossed(option.num_sets, option.num_queries)
    lows = [clustered_mean(effect + draw(parts, sets, queries, rng), sets, queries).low for _ in range(500)]
    assert np.mean(np.array(lows) > 0) == pytest.approx(0.8, abs=3 * np.sqrt(0.8 * 0.2 / 500))


def test_power_is_that_of_the_t_test_where_only_queries_differ():
    parts = VarianceComponents(by_set=0.0, by_query=1.0, residual=0.0)
    shift, t = 0.3 * np.sqrt(40), stats.t.ppf(0.95, 39)
    expected = stats.nct.sf(t, 39, shift) + stats.nct.cdf(-t, 39, shift)
    assert power_of(0.3, parts, num_queries=40, num_sets=3) == pytest.approx(expected, rel=1e-6)
    assert power_of(0.0, parts, num_queries=40, num_sets=3) == pytest.approx(0.1, rel=1e-6)


def test_minimum_detectable_effect_inverts_power_and_shrinks_with_size():
    for num_sets in (2, 3, 8):
        effects = [minimum_detectable_effect(TYPICAL, num_queries=q, num_sets=num_sets) for q in (4, 16, 64, 256)]
        assert (np.diff(effects) < 0).all()
        assert power_of(effects[1], TYPICAL, num_queries=16, num_sets=num_sets) == pytest.approx(0.8, abs=1e-4)
    by_sets = [minimum_detectable_effect(TYPICAL, num_queries=32, num_sets=s) for s in (2, 4, 8, 16)]
    assert (np.diff(by_sets) < 0).all()
    size = {"num_queries": 32, "num_sets": 4}
    by_power = [minimum_detectable_effect(TYPICAL, **size, power=p) for p in (0.5, 0.8, 0.95)]
    assert (np.diff(by_power) > 0).all()
    assert minimum_detectable_effect(TYPICAL, **size, level=0.95) > by_power[1]
    assert minimum_detectable_effect(VarianceComponents(by_set=0.0, by_query=0.0, residual=0.0), **size) == 0


def test_needed_sizes_suffice_only_just_and_start_with_the_cheapest():
    options = needed(0.2, TYPICAL)
    assert [one.prompts for one in options] == sorted(one.prompts for one in options)
    for one in options:
        assert one.prompts == one.num_sets * one.num_queries
        assert power_of(0.2, TYPICAL, num_queries=one.num_queries, num_sets=one.num_sets) >= 0.8
        if one.num_queries > 2:
            assert power_of(0.2, TYPICAL, num_queries=one.num_queries - 1, num_sets=one.num_sets) < 0.8
    assert all(
        one.num_sets <= 12 and one.num_queries <= 100 for one in needed(0.2, TYPICAL, max_sets=12, max_queries=100)
    )
    assert needed(-0.2, TYPICAL) == options


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: needed(0.0, TYPICAL), "must not be 0, got 0.0; give the smallest"),
        (lambda: needed(0.01, TYPICAL, max_queries=50, max_sets=4), "a difference of 0.01 is too small for 50 queries"),
        (lambda: needed(0.1, TYPICAL, power=1.5), "power is a probability between 0 and 1, got 1.5"),
        (lambda: standard_error(TYPICAL, 64, 1), "two or more of each, got 64 queries and 1 sets"),
        (lambda: minimum_detectable_effect(TYPICAL, num_queries=9, num_sets=3, power=0.05), "power must exceed 0.1"),
        (lambda: VarianceComponents(by_set=-1.0, by_query=0.0, residual=0.0), "a variance is 0 or more, got -1 by set"),
    ],
)
def test_plans_that_make_no_sense_are_refused(ask, message):
    with pytest.raises(UserError, match=message):
        ask()
