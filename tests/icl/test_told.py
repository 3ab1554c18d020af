"""Told answers: what a table says of right and wrong gives the numbers that the run behind it gives."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from icl.answers import ANSWER_COLUMNS
from icl.concept.counts import counts_from_answers
from icl.errors import UserError
from icl.metrics.measure import measure
from icl.metrics.uncertainty import clustered_share, counted_difference, unpaired_difference
from icl.scores import PROMPT_KEYS
from icl.told import told_answers, validate_told


def counted(right: dict[int, list[int]], *, items: int = 200, **columns) -> pd.DataFrame:
    """Right answers of each run by number of demonstrations."""
    rows = [
        {"num_shots": shots, "demonstration_set_id": f"run={run}", "num_correct": one}
        for shots, runs in right.items()
        for run, one in enumerate(runs)
    ]
    usual = {"model": "m", "task": "t", "label_mode": "gold", "format": "qa", "num_items": items, "num_candidates": 4}
    return pd.DataFrame(rows).assign(**usual | columns)


def metrics_of(table: pd.DataFrame) -> pd.DataFrame:
    return measure(lambda how: told_answers(table))


def test_told_answers_are_an_answer_table():
    answers = told_answers(counted({0: [50], 4: [80, 100]}).assign(seed=["a", "b", "c"]))
    assert list(answers.columns) == [*PROMPT_KEYS, *ANSWER_COLUMNS, "seed"]
    assert answers["accuracy"].tolist() == [0.25, 0.4, 0.5]
    assert (answers["chance"] == 0.25).all()
    assert answers["gold_probability"].isna().all()
    assert answers["reason_of_probability"].str.contains("no probabilities").all()


def test_counts_come_back_as_they_were():
    table = counted({0: [50], 4: [80, 100], 16: [120, 150]})
    cells = counts_from_answers(told_answers(table))
    back = cells.groupby("num_shots")[["num_correct", "num_prompts"]].sum()
    assert back["num_correct"].to_dict() == {0: 50, 4: 180, 16: 270}
    assert back["num_prompts"].to_dict() == {0: 200, 4: 400, 16: 400}
    assert set(cells.loc[cells["num_shots"] > 0, "demonstration_set"]) == {"run=0", "run=1"}


def test_variants_are_never_pooled():
    both = [counted({0: [50], 4: [90]}, variant=name) for name in ("order=sorted", "order=random")]
    answers = told_answers(pd.concat(both, ignore_index=True))
    assert len(counts_from_answers(answers)) == 4
    levels = measure(lambda how: answers).query("metric == 'accuracy'")
    assert sorted(levels["variant"].unique()) == ["order=random", "order=sorted"]
    assert len(levels) == 4


def test_one_count_has_the_binomial_interval_of_its_questions():
    level = metrics_of(counted({4: [640]}, items=1000)).query("metric == 'accuracy'").iloc[0]
    exact = stats.binomtest(640, 1000).proportion_ci(0.9, method="wilson")
    np.testing.assert_allclose([level["low"], level["high"]], exact, atol=2e-4)
    assert level["num_prompts"] == 1000
    assert level["resolution"] == 0.001
    assert "other questions only" in level["reason"]


def test_several_runs_have_the_interval_of_their_spread():
    right = [100, 110, 130, 96, 120, 104]
    level = metrics_of(counted({4: right})).query("metric == 'accuracy'").iloc[0]
    shares = np.array(right) / 200
    assert level["standard_error"] == pytest.approx(stats.sem(shares))
    assert level["degrees"] == len(right) - 1


def test_runs_count_by_their_questions():
    values, items = np.array([0.2, 0.8]), np.array([100.0, 300.0])
    sets = np.array(["a", "b"])
    found = clustered_share(values, sets, sets, items=items)
    assert found.estimate == pytest.approx((20 + 240) / 400)


def test_gains_are_paired_by_run_where_runs_are_the_same():
    table = counted({0: [60, 70, 50], 4: [100, 104, 96]})
    gain = metrics_of(table).query("metric == 'shots_gain' and score == 'accuracy'").iloc[0]
    paired = (np.array([100, 104, 96]) - np.array([60, 70, 50])) / 200
    assert gain["estimate"] == pytest.approx(paired.mean())
    assert gain["standard_error"] == pytest.approx(stats.sem(paired))


def test_gains_over_other_runs_have_the_interval_of_welch():
    table = counted({4: [100, 120, 96, 110]})
    base = counted({0: [60, 70, 50]}).assign(demonstration_set_id=["x", "y", "z"])
    gain = metrics_of(pd.concat([base, table], ignore_index=True)).query("metric == 'shots_gain'").iloc[0]
    few, many = np.array([60, 70, 50]) / 200, np.array([100, 120, 96, 110]) / 200
    welch = stats.ttest_ind(many, few, equal_var=False).confidence_interval(0.9)
    np.testing.assert_allclose([gain["low"], gain["high"]], welch)
    assert "not paired" in gain["reason"]


def test_a_single_pair_has_the_error_of_two_independent_counts():
    one = np.array([0.7]), np.array([0.5])
    found = counted_difference(*one, np.array(["s"]), items=(np.array([400.0]), np.array([100.0])))
    assert found.estimate == pytest.approx(0.2)
    assert found.standard_error == pytest.approx(np.sqrt(0.7 * 0.3 / 400 + 0.5 * 0.5 / 100))


def test_a_difference_of_means_adds_their_variances():
    rng = np.random.default_rng(0)
    sides = [clustered_share(rng.random(size), np.arange(size), np.arange(size)) for size in (5, 9)]
    found = unpaired_difference(*sides)
    assert found.standard_error == pytest.approx(np.hypot(*(side.standard_error for side in sides)))


def test_what_needs_a_prediction_is_absent_without_one():
    table = counted({0: [50], 4: [90, 80]}).assign(label_mode=["gold", "gold", "random"])
    metrics = metrics_of(table)
    assert set(metrics["metric"]) <= {
        *("accuracy", "gold_probability", "log_score", "brier"),
        "accuracy_by_normalisation",
        "shots_gain",
        "task_recognition",
        "gap",
    }
    gone = metrics[metrics["metric"] == "gold_probability"]
    assert gone["estimate"].isna().all()
    assert gone["reason"].str.contains("imported table holds no probabilities").all()
    assert metrics.query("metric == 'task_recognition'")["estimate"].iloc[0] == pytest.approx(80 / 200 - 1 / 4)


def test_chance_that_is_not_known_is_said():
    table = counted({4: [90]}, label_mode="random").drop(columns="num_candidates")
    recognised = metrics_of(table).query("metric == 'task_recognition' and score == 'accuracy'").iloc[0]
    assert np.isnan(recognised["estimate"])
    assert "chance is not known" in recognised["reason"]
    with pytest.raises(UserError, match="chance, the share that guessing answers right, is not known"):
        counts_from_answers(told_answers(table))


def test_grades_are_averaged_but_not_counted():
    table = counted({0: [0.5], 4: [0.25]}, items=1)
    assert metrics_of(table).query("metric == 'accuracy'")["estimate"].tolist() == [0.5, 0.25]
    with pytest.raises(UserError, match="graded in parts, the first 0.5"):
        counts_from_answers(told_answers(table))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_correct": 300.0}, "300 right of 200"),
        ({"num_correct": -1.0}, "fewer than none"),
        ({"num_shots": -1}, "num_shots cannot be negative, got -1"),
        ({"num_candidates": 1}, "at least 2, got 1"),
        ({"chance": 1.5}, "at least 0 and below 1, got 1.5"),
        ({"demonstration_set_id": "a"}, "1 rows are of the same model"),
    ],
)
def test_impossible_tables_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        validate_told(counted({4: [90, 80]}).assign(**change))
