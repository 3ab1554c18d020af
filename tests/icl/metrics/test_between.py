"""Differences between models and variants, against a paired t interval and the formulas for counts."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from icl.metrics.between import COUNTED, MOST_PAIRED
from icl.metrics.measure import measure
from icl.told import told_answers


def differences(told: pd.DataFrame, metric: str = "model_difference") -> pd.DataFrame:
    rows = told.assign(**{name: value for name, value in USUAL.items() if name not in told})
    metrics = measure(lambda how: told_answers(rows))
    return metrics[(metrics["metric"] == metric) & (metrics["score"] == "accuracy")].set_index("contrast")


USUAL = {"task": "t", "label_mode": "gold", "format": "f", "num_shots": 0, "demonstration_set_id": "", "num_items": 1}


def answered(model: str, right: np.ndarray, **columns) -> pd.DataFrame:
    table = pd.DataFrame({"model": model, "query_id": [f"q{n}" for n in range(len(right))], "num_correct": right})
    return table.assign(**columns)


def paired_t(values: np.ndarray) -> tuple[float, float]:
    return stats.t.interval(0.9, len(values) - 1, values.mean(), stats.sem(values))


@pytest.mark.parametrize("num_shots", [0, 4])
def test_models_are_paired_by_question(num_shots, rng):
    a = (rng.random(60) < 0.4).astype(float)
    b = np.where(rng.random(60) < 0.8, a, 1 - a)
    table = pd.concat([answered("a", a), answered("b", b).sample(frac=1, random_state=1)]).assign(num_shots=num_shots)
    row = differences(table).loc["b − a"]
    assert row["estimate"] == pytest.approx((b - a).mean())
    assert (row["low"], row["high"]) == pytest.approx(paired_t(b - a))
    assert (row["model"], row["compared"], row["baseline"], row["num_queries"]) == ("b", "b", "a", 60)


def test_questions_that_one_side_lacks_are_left_out(rng):
    a, b = ((rng.random(50) < share).astype(float) for share in (0.4, 0.6))
    row = differences(pd.concat([answered("a", a), answered("b", b)[20:]])).loc["b − a"]
    assert (row["low"], row["high"]) == pytest.approx(paired_t((b - a)[20:]))
    assert row["num_prompts"] == 30


def test_variants_are_paired_within_a_model(rng):
    plain, chain = ((rng.random(40) < share).astype(float) for share in (0.3, 0.7))
    table = pd.concat([answered("a", plain, variant="cot=no"), answered("a", chain, variant="cot=yes")])
    row = differences(table, "variant_difference").loc["cot=yes − cot=no"]
    assert (row["low"], row["high"]) == pytest.approx(paired_t(chain - plain))
    assert row["variant"] == ""
    assert differences(table).empty


def test_tasks_are_the_clusters_of_their_questions(rng):
    """Ten tasks of twelve questions each, whose differences are alike within a task."""
    task = np.repeat(np.arange(10), 12)
    a = np.zeros(120)
    b = (rng.random(10) < 0.5).astype(float)[task]
    table = pd.concat([answered("a", a), answered("b", b)])
    row = differences(table.assign(demonstration_set_id=[f"task={n}" for n in np.tile(task, 2)])).loc["b − a"]
    assert row["standard_error"] == pytest.approx(stats.sem(b[::12]), rel=1e-6)
    assert row["degrees"] == 9


def counts(model: str, right: list[int], runs: str) -> pd.DataFrame:
    table = pd.DataFrame({"model": model, "num_correct": right, "demonstration_set_id": [f"run={r}" for r in runs]})
    return table.assign(num_items=100, query_id="", num_shots=4)


def test_counts_are_paired_by_run_and_say_so():
    row = differences(pd.concat([counts("a", [50, 60, 70], "123"), counts("b", [58, 64, 81], "123")])).loc["b − a"]
    assert (row["low"], row["high"]) == pytest.approx(paired_t(np.array([0.08, 0.04, 0.11])))
    assert row["reason"].startswith(COUNTED)


def test_counts_of_other_runs_are_not_paired():
    row = differences(pd.concat([counts("a", [50, 60, 70], "123"), counts("b", [58, 64, 81], "456")])).loc["b − a"]
    welch = stats.ttest_ind([0.58, 0.64, 0.81], [0.5, 0.6, 0.7], equal_var=False).confidence_interval(0.9)
    assert (row["low"], row["high"]) == pytest.approx((welch.low, welch.high))
    assert row["reason"].startswith(COUNTED)


def test_other_questions_are_not_paired(rng):
    a, b = ((rng.random(200) < share).astype(float) for share in (0.4, 0.6))
    other = answered("b", b).assign(query_id=[f"other{n}" for n in range(200)])
    row = differences(pd.concat([answered("a", a), other])).loc["b − a"]
    welch = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.9)
    assert (row["low"], row["high"]) == pytest.approx((welch.low, welch.high), abs=1e-3)
    assert row["reason"] == "not paired: no question and run is shared"


def test_many_models_are_compared_with_the_first_alone():
    some = [counts(f"m{n}", [50 + n, 60], "12") for n in range(MOST_PAIRED + 1)]
    assert len(differences(pd.concat(some[:-1]))) == MOST_PAIRED * (MOST_PAIRED - 1) // 2
    found = differences(pd.concat(some))
    assert len(found) == MOST_PAIRED
    assert set(found["baseline"]) == {"m0"}


def test_what_is_too_much_to_compare_is_said(monkeypatch):
    table = pd.concat([counts(f"m{n}", [50 + n, 60], "12") for n in range(3)])
    monkeypatch.setattr("icl.metrics.between.MOST_DIFFERENCES", 2)
    (row,) = differences(table).itertuples()
    assert row.reason == "3 pairs to compare, and at most 2 are; import fewer conditions (--only)"
    assert np.isnan(row.estimate)
