"""P-values against the intervals that they belong to, SciPy's t test, and Holm's correction against brute force."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from chance import plausible
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from icl.metrics.assemble import metrics_table
from icl.metrics.catalogue import TESTED
from icl.metrics.multiplicity import FAMILY, holm, with_p_values
from icl.metrics.table import METRIC_COLUMNS
from icl.metrics.uncertainty import Estimate, clustered_mean, clustered_share, clustered_share_difference

p_values = hnp.arrays(float, st.integers(1, 6), elements=st.floats(0, 1))


def rows_of(estimates: list[Estimate], metric: str = "gap", **columns) -> pd.DataFrame:
    """Rows of a metrics table that hold nothing but these estimates."""
    names = ("estimate", "standard_error", "low", "high", "degrees", "reason")
    same = {"metric": metric, "model": "m", "task": "t", "score": "accuracy", "normalisation": "sum"} | columns
    return pd.DataFrame([{name: getattr(found, name) for name in names} | same for found in estimates])


def closed_testing(values: np.ndarray) -> np.ndarray:
    """Adjusted p-values by definition: the largest Bonferroni p of any set of hypotheses that holds this one."""
    everything = range(len(values))
    sets = [chosen for size in range(1, len(values) + 1) for chosen in combinations(everything, size)]
    bonferroni = {chosen: min(1.0, len(chosen) * values[list(chosen)].min()) for chosen in sets}
    return np.array([max(p for chosen, p in bonferroni.items() if one in chosen) for one in everything])


@given(p_values)
def test_holm_is_closed_testing_with_bonferroni(values):
    np.testing.assert_allclose(holm(values), closed_testing(values), rtol=1e-12)


@given(p_values)
def test_holm_keeps_order_and_never_lowers(values):
    adjusted = holm(values)
    assert (adjusted >= values).all()
    assert (np.diff(adjusted[np.argsort(values, kind="stable")]) >= 0).all()


def test_holm_by_hand_skips_what_is_missing():
    adjusted = holm(np.array([0.03, np.nan, 0.01, 0.04]))
    np.testing.assert_allclose(adjusted, [0.06, np.nan, 0.03, 0.06], rtol=1e-12)


def test_p_value_of_a_mean_is_the_textbook_t_test(rng):
    values, own = rng.normal(0.3, 1, size=25), np.arange(25)
    found = with_p_values(rows_of([clustered_mean(values, own, own)]), tested=TESTED)
    assert found["p_value"].item() == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-9)
    assert found["p_holm"].item() == found["p_value"].item()


def test_p_value_is_below_a_tenth_exactly_where_the_interval_leaves_out_zero(rng):
    own, found = np.arange(12), []
    for shift in np.linspace(-0.9, 0.9, 60):
        found.append(clustered_share_difference(np.clip(rng.choice([-1, 0, 1], 12) + np.sign(shift), -1, 1), own, own))
        share = clustered_share((rng.random(12) < abs(shift)).astype(float), own, own)
        ends = {end: getattr(share, end) - 0.5 for end in ("estimate", "low", "high")}
        found.append(Estimate(**ends, standard_error=share.standard_error, degrees=share.degrees))
    table = with_p_values(rows_of(found), tested=TESTED)
    outside = (table["low"] > 0) | (table["high"] < 0)
    assert (outside == (table["p_value"] < 0.1)).all()
    assert 20 < outside.sum() < 100


def test_no_prompt_that_differs_is_no_evidence_of_a_difference():
    own = np.arange(40)
    found = with_p_values(rows_of([clustered_share_difference(np.zeros(40), own, own)]), tested=TESTED)
    assert found["p_value"].item() == 1.0


def test_only_differences_are_tested_and_callers_may_add_to_them(rng):
    own = np.arange(20)
    estimates = [clustered_mean(rng.normal(size=20), own, own) for _ in range(2)]
    table = pd.concat([rows_of(estimates[:1]), rows_of(estimates[1:], metric="recency")], ignore_index=True)
    assert list(with_p_values(table, tested=TESTED)["p_value"].isna()) == [False, True]
    assert with_p_values(table, tested={"gap", "recency"})["p_value"].notna().all()
    missing = with_p_values(rows_of([Estimate.missing("nothing was run")]), tested=TESTED)
    assert missing[["p_value", "p_holm"]].isna().all(axis=None)


@pytest.mark.parametrize("column", FAMILY)
def test_families_are_corrected_apart(rng, column):
    own = np.arange(20)
    estimates = [clustered_mean(rng.normal(size=20), own, own) for _ in range(3)]
    first, other = rows_of(estimates), rows_of(estimates, **{column: "shots_gain"})
    together = with_p_values(pd.concat([first, other], ignore_index=True), tested=TESTED)
    np.testing.assert_array_equal(together["p_holm"][:3], with_p_values(first, tested=TESTED)["p_holm"])


def test_a_family_without_differences_errs_in_a_tenth_of_all_runs_at_most(rng):
    """Eight correlated comparisons of nothing; uncorrected, half of the runs would call one of them real."""
    own, uncorrected, corrected = np.arange(30), 0, 0
    for _ in range(500):
        baseline = rng.normal(size=30)
        found = [clustered_mean(rng.normal(size=30) - 0.5 * baseline, own, own) for _ in range(8)]
        table = with_p_values(rows_of(found), tested=TESTED)
        uncorrected += (table["p_value"] < 0.1).any()
        corrected += (table["p_holm"] < 0.1).any()
    assert uncorrected / 500 > 0.3
    assert plausible(corrected, 500, (0.0, 0.1))


def test_the_metrics_table_has_the_columns_even_when_empty():
    assert list(metrics_table([]).columns) == list(METRIC_COLUMNS)
    assert {"degrees", "p_value", "p_holm"} <= set(METRIC_COLUMNS)
