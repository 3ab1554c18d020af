"""The rule for answers: against one prompt at a time, and the same in metrics, fits and searches."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_scores import table_of

from icl.answers import ANSWER_COLUMNS, MOST_UNTOLD, answer_table, left_out, predicted
from icl.concept.counts import counts_from_scores
from icl.concept.evidence.layout import count_cells
from icl.errors import UserError
from icl.metrics.bias import bias_effects
from icl.metrics.measure import measure_scores
from icl.metrics.normalise import normalise
from icl.metrics.outcomes import prompt_outcomes
from icl.scores import PROMPT_KEYS, validate_scores

NAN, INF = float("nan"), float("inf")
TOLD = st.sampled_from([-INF, -3.0, -2.0, -1.0, -0.5])
CANDIDATE = st.one_of(st.tuples(TOLD, st.just(NAN)), st.tuples(st.just(NAN), st.one_of(st.just(NAN), TOLD)))


@given(st.lists(st.lists(CANDIDATE, min_size=2, max_size=4), min_size=1, max_size=5))
def test_the_table_says_of_each_prompt_what_one_prompt_says(prompts):
    answers = answer_table(table_of(prompts))
    assert list(answers.columns) == [*PROMPT_KEYS, *ANSWER_COLUMNS]
    for candidates, row in zip(prompts, answers.itertuples()):
        place = predicted(*(np.array(values) for values in zip(*candidates)))
        assert pd.isna(row.prediction) if place is None else row.prediction == "dcba"[place]
        assert np.isnan(row.accuracy) if place is None else row.accuracy == (place == 0)
        assert bool(row.reason) == (place is None)


@given(st.lists(CANDIDATE, min_size=2, max_size=4))
def test_a_known_answer_is_that_of_every_model_that_agrees_with_what_was_told(candidates):
    """Untold candidates may have any log-probability below their bounds; none of them changes what is known."""
    row = next(answer_table(table_of([candidates])).itertuples())
    rng = np.random.default_rng(0)
    for _ in range(20):
        guess = [
            told if not np.isnan(told) else (0.0 if np.isnan(below) else below) - rng.exponential() - 1e-9
            for told, below in candidates
        ]
        if not np.isfinite(guess).any():
            continue
        weights = np.exp(np.array(guess))
        if not pd.isna(row.prediction):
            assert weights["dcba".index(row.prediction)] == weights.max()
        if not np.isnan(row.gold_probability):
            assert abs(row.gold_probability - weights[0] / weights.sum()) <= MOST_UNTOLD / 2 + 1e-12


def test_probabilities_are_given_where_what_was_not_told_is_little():
    little, much = np.log(MOST_UNTOLD / 2), np.log(0.5)
    answers = answer_table(
        table_of([[(0.0, NAN), (NAN, little)], [(0.0, NAN), (NAN, much)], [(NAN, little), (0.0, NAN)]])
    )
    assert answers["accuracy"].tolist() == [1, 1, 0]
    assert answers["gold_probability"].isna().tolist() == [False, True, False]
    assert answers["log_score"].isna().tolist() == [False, True, True]  # what the gold label has was not told
    assert answers["reason_of_probability"].tolist() == ["", "not told", ""]


def test_a_prompt_whose_candidates_are_all_impossible_has_no_answer():
    answers = answer_table(table_of([[(-INF, NAN), (-INF, NAN)], [(-INF, NAN), (-1.0, NAN)]]))
    assert answers["accuracy"].isna().tolist() == [True, False]
    assert answers["reason"].tolist() == ["all candidates have probability 0, so the model prefers none", ""]
    assert answers["gold_probability"].tolist()[1] == 0


def half_told(rng: np.random.Generator) -> pd.DataFrame:
    """Prompts on a server that tells candidates above −2 only: it names the gold label where the model is right."""
    logprobs = np.log(rng.dirichlet([0.5, 0.5, 0.5], size=200))
    prompts = [[(x, NAN) if x > -2 else (NAN, -2.0) for x in row] for row in logprobs.tolist()]
    tied = [[(-1.0, NAN), (-1.0, NAN), (-3.0, NAN)]] * 4
    unknown = [[(NAN, NAN), (-1.0, NAN), (-3.0, NAN)]] * 5
    zero = table_of(prompts[:50], num_shots=0, label_mode="zero_shot")
    shown = table_of([*prompts, *tied, *unknown], gold=[*([0] * 200), 1, 1, 0, 0, 0, 0, 0, 0, 0])
    return pd.concat([shown, zero], ignore_index=True)


def test_metrics_and_fits_count_the_same_answers(rng):
    scores = half_told(rng)
    metrics = measure_scores(scores)
    accuracy = metrics[(metrics["metric"] == "accuracy") & (metrics["num_shots"] == 4)].iloc[0]
    counts = counts_from_scores(scores).set_index("num_shots").loc[4]
    cells = count_cells(answer_table(scores)).set_index("num_shots").loc[4]
    right = answer_table(scores).query("num_shots == 4")["accuracy"]
    assert accuracy["num_prompts"] == counts["num_prompts"] == cells["num_prompts"] == right.notna().sum() == 204
    assert accuracy["estimate"] * 204 == pytest.approx(right.sum(), abs=1e-9)
    assert counts["num_correct"] == cells["num_correct"] == right.sum()


def test_accuracy_is_that_of_a_server_that_tells_everything(rng):
    """Untold rivals lose nothing; only dropping their prompts would, and make every answer right."""
    logprobs = np.log(rng.dirichlet([0.5, 0.5, 0.5], size=300))
    told = [[(x, NAN) for x in row] for row in logprobs.tolist()]
    half = [[(x, NAN) if x == max(row) else (NAN, max(row) - 1e-6) for x in row] for row in logprobs.tolist()]
    whole, partly = (measure_scores(table_of(prompts)) for prompts in (told, half))
    for metric in ("accuracy", "macro_f1"):
        one, other = (table[table["metric"] == metric].iloc[0] for table in (whole, partly))
        assert one["estimate"] == other["estimate"]
        assert other["num_prompts"] == 300
    for metric in ("gold_probability", "log_score", "brier"):
        one, other = (table[table["metric"] == metric].iloc[0] for table in (whole, partly))
        assert one["estimate"] == one["estimate"]
        assert np.isnan(other["estimate"])
        assert other["reason"] == "not known for all prompts: not told"


def test_a_mean_log_probability_is_not_one_of_the_likely_gold_labels_alone(rng):
    counts = counts_from_scores(half_told(rng)).set_index("num_shots")
    assert counts["mean_logprob"].isna().all()


def test_bounds_follow_the_normalisation():
    scores = table_of([[(-1.0, NAN), (NAN, -3.0)]])
    per_token = normalise(scores, "per-token")
    assert per_token["logprob_below"].tolist()[1] == -1.5
    assert answer_table(per_token)["prediction"].tolist() == ["d"]
    pmi = normalise(scores.assign(logprob_prior=[-1.0, -0.5]), "pmi")
    assert pmi["logprob_below"].tolist()[1] == -2.5
    assert answer_table(pmi)["prediction"].tolist() == ["d"]
    unlikely = normalise(scores.assign(logprob_prior=[-1.0, NAN]), "pmi")  # what is taken off it may be very much
    assert answer_table(unlikely)["prediction"].isna().all()
    no_tokens = normalise(scores.assign(num_label_tokens=[1, 0]), "per-token")
    assert answer_table(no_tokens)["prediction"].isna().all()


def test_what_is_left_out_is_counted_in_every_condition(rng):
    found = left_out(answer_table(half_told(rng)))
    assert found["num_shots"].tolist() == [4]
    assert found[["num_left_out", "num_prompts", "reason"]].iloc[0].tolist() == [5, 209, "not told"]
    assert left_out(answer_table(table_of([[(-1.0, NAN), (-2.0, NAN)]]))).empty


@pytest.mark.parametrize("read", [measure_scores, counts_from_scores, lambda scores: count_cells(answer_table(scores))])
def test_where_nothing_has_an_answer_the_commonest_reason_is_given(read):
    with pytest.raises(
        UserError, match=r"none of the 2 prompts has an answer; the commonest reason, 2 times: not told"
    ):
        read(table_of([[(NAN, NAN), (-1.0, NAN)], [(-1.0, NAN), (NAN, -0.5)]]))


def test_probabilities_are_of_all_prompts_of_a_condition_or_of_none(rng):
    """Those of which they are known are those that the model is sure of: their mean says nothing of the others."""
    logprobs = np.log(rng.dirichlet([0.5, 0.5, 0.5], size=300))
    sure = [[(x, NAN) if x > -1.5 else (NAN, -1.5) for x in row] for row in logprobs.tolist()]
    told = [[(x, NAN) for x in row] for row in logprobs.tolist()]
    table = pd.concat([table_of(sure), table_of(told, num_shots=8)], ignore_index=True)
    metrics = measure_scores(table)
    levels = metrics[metrics["metric"].isin(["accuracy", "gold_probability", "log_score", "brier"])]
    known = levels.set_index(["num_shots", "metric"])["estimate"].notna()
    assert known.unstack("metric").loc[4].to_dict() == {
        "accuracy": True,
        "gold_probability": False,
        "log_score": False,
        "brier": False,
    }
    assert known.loc[8].all()
    assert set(prompt_outcomes(table).query("num_shots == 4")["gold_probability"].isna()) == {True}
    few = [*told[:299], [(-0.1, NAN), (NAN, -0.5), (NAN, -0.5)]]
    estimate = measure_scores(table_of(few)).set_index("metric")["estimate"]
    whole = measure_scores(table_of(told)).set_index("metric")["estimate"]
    assert abs(estimate["gold_probability"] - whole["gold_probability"]) < MOST_UNTOLD


def test_bounds_are_of_what_was_not_told():
    scores = table_of([[(-1.0, NAN), (NAN, -3.0)]])
    for change, said in (({"logprob_below": [-2.0, -3.0]}, "status ok"), ({"logprob_below": [NAN, 0.5]}, "got 0.5")):
        with pytest.raises(UserError, match=said):
            validate_scores(scores.assign(**change))
    old = validate_scores(scores.drop(columns="logprob_below"))
    assert old["logprob_below"].isna().all()


@pytest.mark.parametrize("how", ["pmi", "calibrated"])
def test_labels_whose_companion_is_missing_or_impossible_are_not_compared(how):
    scores = table_of([[(-1.0, NAN), (-2.0, NAN)]] * 4)
    companion = np.array([-1.0, -1.0, NAN, -1.0, -INF, -1.0, -1.0, -INF])
    columns = {"pmi": ["logprob_prior"], "calibrated": ["logprob_na", "logprob_mask", "logprob_empty"]}[how]
    answers = answer_table(normalise(scores.assign(**dict.fromkeys(columns, companion)), how))
    assert answers["prediction"].notna().tolist() == [True, False, False, False]
    assert set(answers["reason"][1:]) == {f"what normalisation '{how}' divides by is not known or 0"}
    with pytest.raises(UserError, match="which all 8 rows lack, because it was not asked or could not be scored"):
        normalise(scores, how)
    none = table_of([[(NAN, NAN), (NAN, NAN)]])
    with pytest.raises(UserError, match="none of the 1 prompts has an answer; the commonest reason, 1 times: not told"):
        measure_scores(none, how)


def test_slopes_of_choices_are_of_all_predictions_that_bounds_settle(rng):
    """Leaving out prompts with an untold label would leave those in which the model hesitates."""
    odds = rng.normal(size=60)
    told = [[(float(x), NAN) for x in (-np.log1p(np.exp(-one)), -np.log1p(np.exp(one)))] for one in odds]
    half = [[pair if pair[0] > -1 else (NAN, -1.0) for pair in row] for row in told]
    half = [row if any(pair[0] > -1 for pair in row) else kept for row, kept in zip(half, told)]
    last = rng.random(60) < 0.5
    shown = {
        "is_last_shown": np.c_[last, ~last].ravel(),
        "times_shown": np.c_[rng.integers(0, 5, 60), [4] * 60].ravel(),
    }
    shown["times_shown"][1::2] = 4 - shown["times_shown"][::2]
    gold = rng.integers(0, 2, 60).tolist()
    whole, partly = (
        pd.DataFrame(bias_effects(prompt_outcomes(table_of(p, gold=gold, label_mode="random").assign(**shown))))
        for p in (told, half)
    )
    assert partly["metric"].tolist() == whole["metric"].tolist()
    chosen = ~whole["metric"].str.endswith("_logprob")
    np.testing.assert_allclose(partly.loc[chosen, "estimate"], whole.loc[chosen, "estimate"])
    assert partly.loc[~chosen, "estimate"].isna().all()
    assert whole["estimate"].notna().all()
