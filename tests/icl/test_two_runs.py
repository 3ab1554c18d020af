"""Two runs side by side: against differences taken by hand, paired and not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import probes
from icl.metrics.two_runs import PAIRED, UNPAIRED, changed_answers, run_differences
from icl.metrics.uncertainty import clustered_share_difference

ASKED = {"label_modes": ("gold", "random"), "shots": 4, "queries": 12, "demonstration_sets": 3}


def answers(out, model: str, **asked) -> pd.DataFrame:
    """Answers of a control."""
    return probes.run(model, "sentiment", out=out, **(ASKED | asked)).answers()


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, pd.DataFrame]:
    path = tmp_path_factory.mktemp("runs")
    return {
        "follower": answers(path / "follower", "gold-follower"),
        "recency": answers(path / "recency", "recency(1.5)"),
        "others": answers(path / "others", "recency(1.5)", seed=5),
    }


def test_a_run_does_not_differ_from_itself(told):
    table = run_differences(told["recency"], told["recency"])
    assert set(table["how"]) == {PAIRED}
    assert (table["difference"] == 0).all()
    assert (table["low"] <= 0).all()
    asked, changed = changed_answers(told["recency"], told["recency"])
    assert (asked, changed) == (len(told["recency"]), 0)


def test_the_same_prompts_are_paired(told):
    first, second = told["follower"], told["recency"]
    table = run_differences(first, second).set_index(["label_mode", "score"])
    assert set(table["model"]) == {"recency(1.5) − gold-follower"}
    for mode in ("gold", "random"):
        left, right = (run[run["label_mode"] == mode].sort_values("prompt_id") for run in (first, second))
        assert left["prompt_id"].tolist() == right["prompt_id"].tolist()
        values = right["accuracy"].to_numpy() - left["accuracy"].to_numpy()
        clusters = left["demonstration_set_id"].to_numpy(), left["query_id"].to_numpy()
        expected = clustered_share_difference(values, *clusters)
        row = table.loc[(mode, "accuracy")]
        assert (row["how"], row["prompts"]) == (PAIRED, len(values))
        assert row["second"] - row["first"] == pytest.approx(row["difference"])
        np.testing.assert_allclose(
            [row["difference"], row["low"], row["high"]], [expected.estimate, expected.low, expected.high]
        )


def test_prompts_without_an_answer_leave_the_others_paired(told):
    first = told["follower"].copy()
    lost = first.index[(first["label_mode"] == "gold")][:2]
    first.loc[lost, "accuracy"] = np.nan
    table = run_differences(first, told["recency"]).set_index(["label_mode", "score"])
    row = table.loc[("gold", "accuracy")]
    assert row["how"] == PAIRED
    assert row["prompts"] == (first["label_mode"] == "gold").sum() - len(lost)


def test_changed_answers_are_counted_prompt_by_prompt(told):
    both = told["follower"].merge(told["recency"], on="prompt_id", suffixes=("", "_other"))
    expected = len(both), int((both["prediction"] != both["prediction_other"]).sum())
    assert changed_answers(told["follower"], told["recency"]) == expected
    assert expected[1] > 0


def test_other_prompts_are_compared_as_independent_averages(told):
    table = run_differences(told["recency"], told["others"])
    assert set(table["how"]) == {UNPAIRED}
    assert changed_answers(told["recency"], told["others"])[0] < len(told["recency"])
    sides = [run[run["label_mode"] == "gold"]["accuracy"].mean() for run in (told["recency"], told["others"])]
    row = table[(table["label_mode"] == "gold") & (table["score"] == "accuracy")].iloc[0]
    assert row["difference"] == pytest.approx(sides[1] - sides[0])
    assert row["low"] < row["difference"] < row["high"]


def test_intervals_of_log_scores_are_not_cut_at_one_nat(told):
    """Independent answers, each query once: Welch's interval, which SciPy gives."""
    rng = np.random.default_rng(0)
    first, second = (
        run[run["label_mode"] == "gold"].drop_duplicates("query_id") for run in (told["recency"], told["others"])
    )
    first, second = (
        run.assign(log_score=rng.normal(middle, 2.0, len(run)), demonstration_set_id=run["query_id"])
        for run, middle in ((first, -1.0), (second, -9.0))
    )
    table = run_differences(first, second)
    row = table[table["score"] == "log_score"].iloc[0]
    expected = stats.ttest_ind(second["log_score"], first["log_score"], equal_var=False).confidence_interval(0.9)
    assert row["how"] == UNPAIRED
    np.testing.assert_allclose([row["low"], row["high"]], [expected.low, expected.high], rtol=0.02)
    assert row["high"] < -1


def test_conditions_of_one_run_alone_are_left_out(told):
    gold = told["follower"][told["follower"]["label_mode"] == "gold"]
    assert set(run_differences(gold, told["recency"])["label_mode"]) == {"gold"}
