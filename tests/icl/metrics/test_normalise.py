"""Normalisations and the boundary audit against hand counts, from stored primitives alone."""

import numpy as np
import pandas as pd
import pytest

from icl.answers import answer_table
from icl.errors import UserError
from icl.metrics.boundaries import boundary_audit
from icl.metrics.measure import measure_scores
from icl.metrics.normalise import NORMALISATIONS, normalisation_of, normalise, possible_normalisations
from icl.metrics.outcomes import prompt_outcomes
from icl.scores import CONTENT_FREE_COLUMNS, validate_scores

CANDIDATES = ("yes", "perhaps")


def table(num_prompts: int = 6, **columns) -> pd.DataFrame:
    """Two candidates a prompt, drawn log-probabilities; `columns` override."""
    rng = np.random.default_rng(0)
    size = 2 * num_prompts
    text = {"run": "r", "model": "m", "task": "t", "probe": "p", "label_mode": "gold", "input_mode": "task"}
    text |= {"format": "qa", "status": "ok", "reason": "", "demonstration_set_id": "set0"}
    numbers = dict.fromkeys(("order", "seed_selection", "seed_labels", "seed_order", "seed_format"), 0)
    prompt = np.repeat([f"q{i}" for i in range(num_prompts)], 2)
    rows = text | numbers | {"num_shots": 4, "example_length": pd.NA, "num_wrong_shown": 0}
    rows |= {"prompt_id": prompt, "query_id": prompt, "candidate": list(CANDIDATES) * num_prompts}
    rows |= {"candidate_text": [f" {c}" for c in CANDIDATES] * num_prompts}
    rows |= {"is_gold": [True, False] * num_prompts, "num_label_tokens": [1, 2] * num_prompts}
    rows |= {"num_label_bytes": [3, 7] * num_prompts, "logprob": -rng.exponential(2, size)}
    rows |= {"logprob_prior": -rng.exponential(2, size), "logprob_split": np.nan, "boundary_clean": pd.NA}
    rows |= {name: -rng.exponential(2, size) for name in CONTENT_FREE_COLUMNS}
    frame = pd.DataFrame(rows | columns, index=range(size))
    return validate_scores(frame.assign(logprob_per_token=frame["logprob"] / frame["num_label_tokens"]))


def test_each_normalisation_is_what_it_says():
    scores = table()
    raw = scores["logprob"].to_numpy().reshape(-1, 2)
    found = {how: normalise(scores, how)["logprob"].to_numpy().reshape(-1, 2) for how in NORMALISATIONS}
    np.testing.assert_array_equal(found["sum"], raw)
    np.testing.assert_allclose(found["per-token"], raw / [1, 2])
    np.testing.assert_allclose(found["per-byte"], raw / [3, 7])
    np.testing.assert_allclose(found["pmi"], raw - scores["logprob_prior"].to_numpy().reshape(-1, 2))
    # Zhao: q ∝ p / p̄, p̄ the mean of the normalised probabilities behind the content-free queries
    shares = [np.exp(scores[name].to_numpy().reshape(-1, 2)) for name in CONTENT_FREE_COLUMNS]
    mean = np.mean([share / share.sum(axis=1, keepdims=True) for share in shares], axis=0)
    expected = np.exp(raw) / mean
    expected /= expected.sum(axis=1, keepdims=True)
    calibrated = np.exp(found["calibrated"])
    np.testing.assert_allclose(calibrated / calibrated.sum(axis=1, keepdims=True), expected)
    outcomes = prompt_outcomes(normalise(scores, "calibrated"))
    np.testing.assert_allclose(outcomes["gold_probability"], expected[:, 0])


def test_contextual_calibration_takes_away_what_the_demonstrations_favour():
    """A model that adds the same bias to one label everywhere is unbiased once calibrated."""
    fair = table()
    bias = np.where(fair["candidate"] == "yes", 0.0, -3.0)
    free = dict.fromkeys(CONTENT_FREE_COLUMNS, np.log(0.5) + bias)
    biased = fair.assign(logprob=fair["logprob"] + bias, **free)
    one, other = (
        prompt_outcomes(normalise(t, "calibrated")) for t in (fair.assign(**dict.fromkeys(free, -1.0)), biased)
    )
    np.testing.assert_allclose(one["gold_probability"], other["gold_probability"])


def test_channel_rows_keep_their_sum_and_answer_as_a_model_of_their_own():
    both = pd.concat([table(), table(method="channel", logprob_prior=np.nan)], ignore_index=True)
    normal = normalise(both, "pmi")
    channel = (both["method"] == "channel").to_numpy()
    np.testing.assert_array_equal(normal["logprob"][channel], both["logprob"][channel])
    assert (normal["logprob"][~channel] != both["logprob"][~channel]).all()
    assert set(prompt_outcomes(both)["model"]) == {"m", "m (channel)"}
    metrics = measure_scores(both, "per-token")
    told = metrics.loc[metrics["metric"] == "accuracy", ["model", "asked_model", "method", "normalisation"]]
    assert told.to_numpy().tolist() == [
        ["m", "m", "direct", "per-token"],
        ["m (channel)", "m", "channel", "sum"],
    ]
    assert normalisation_of(metrics) == "per-token"
    assert normalisation_of(metrics[metrics["method"] == "channel"]) == "sum"


def test_a_model_whose_own_name_ends_like_a_channel_is_normalised():
    named = table(model="m (channel)")
    metrics = measure_scores(named, "per-token")
    accuracy = metrics[metrics["metric"] == "accuracy"].iloc[0]
    assert accuracy[["asked_model", "method", "normalisation"]].tolist() == ["m (channel)", "direct", "per-token"]


def test_accuracy_is_given_under_every_normalisation_that_the_run_allows():
    scores = table()
    metrics = measure_scores(scores, "per-token")
    accuracy = metrics[metrics["metric"] == "accuracy"]
    assert accuracy["normalisation"].tolist() == ["per-token"]
    each = metrics[metrics["metric"] == "accuracy_by_normalisation"].set_index("normalisation")["estimate"]
    for how in NORMALISATIONS:
        assert each[how] == prompt_outcomes(normalise(scores, how))["accuracy"].mean()
    assert accuracy["estimate"].item() == each["per-token"]
    bare = table(logprob_prior=np.nan, **dict.fromkeys(CONTENT_FREE_COLUMNS, np.nan))
    assert possible_normalisations(bare) == ["sum", "per-token", "per-byte"]


def test_what_was_not_asked_is_said():
    bare = table(logprob_prior=np.nan)
    with pytest.raises(
        UserError, match=r"'pmi' needs logprob_prior, which all 12 rows lack, because it was not asked or could not"
    ):
        normalise(bare, "pmi")
    with pytest.raises(UserError, match=r"no normalisation 'per_tokens'.*Did you mean 'per-token'"):
        normalise(bare, "per_tokens")


def test_the_boundary_audit_counts_rows_and_changed_predictions():
    logprob = np.log([0.6, 0.4] * 6)
    split = logprob.copy()
    split[2:4] = np.log([0.3, 0.4])  # the second prompt would be answered otherwise
    split[4:6] = np.log([0.5, 0.4])  # the third not
    clean = np.ones(12, dtype=bool)
    clean[[2, 4]] = False
    audit = boundary_audit(answer_table(table(logprob=logprob, logprob_split=split, boundary_clean=clean)))
    assert audit.to_dict("records") == [
        {"model": "m", "candidates": 12, "unclean": 2, "prompts": 6, "predictions_changed": 1}
    ]
    assert boundary_audit(answer_table(table())).empty  # a scorer without tokens
