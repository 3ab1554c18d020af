"""The metrics of inputs, orders, biases, mappings, contextual calibration: hand counts, closed forms, optimisers."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from chance import plausible
from metric_rows import SIDES
from scipy import stats
from scipy.optimize import minimize
from scipy.special import log_softmax

from icl.answers import answer_table
from icl.metrics.across_normalisations import contextual_calibration_effects
from icl.metrics.assemble import metrics_table
from icl.metrics.bias import bias_effects
from icl.metrics.catalogue import TWINS
from icl.metrics.formats import search_effects, set_effects
from icl.metrics.labels import CONTRASTS, demonstration_effects, label_effects
from icl.metrics.levels import macro_f1, macro_f1_soft
from icl.metrics.measure import measure_scores
from icl.metrics.normalise import normalise
from icl.metrics.orders import entropy, global_entropy, order_effects
from icl.metrics.outcomes import prompt_outcomes
from icl.scores import CONTENT_FREE_COLUMNS, validate_scores
from probes.report.headlines import headlines

LABELS = ("no", "yes", "maybe")


def table(rng, conditions: list[dict], *, queries=12, sets=3, odds=None, shown=None) -> pd.DataFrame:
    """Make scores by condition; `odds(condition, set, query)` are log-odds of the gold label, plus noise of 1 nat."""
    rows = []
    for condition in conditions:
        for s in range(sets):
            for q in range(queries):
                logits = rng.normal(size=len(LABELS))
                if odds is not None:
                    logits[q % len(LABELS)] += odds(condition, s, q)
                labels = shown(condition, s, q) if shown else []
                logits += condition.get("_last", 0) * np.array([[label] == labels[-1:] for label in LABELS])
                logprob = logits - np.log(np.exp(logits).sum())
                rows += [one(condition, s, q, label, float(value), labels) for label, value in zip(LABELS, logprob)]
    return validate_scores(pd.DataFrame(rows))


def one(condition, s, q, label, logprob, shown) -> dict:
    gold = LABELS[q % len(LABELS)]
    base = {"run": "r", "model": "m", "task": "t", "probe": "p", "label_mode": "gold", "input_mode": "task"}
    base |= {"format": "f", "order": 0, "num_shots": 4, "example_length": None, "num_wrong_shown": 0}
    base |= dict.fromkeys(("seed_selection", "seed_labels", "seed_order", "seed_format"), 0)
    base |= {"query_id": f"q{q}", "demonstration_set_id": f"s{s}", "candidate": label, "candidate_text": label}
    base |= {"is_gold": label == gold, "num_label_tokens": 1, "logprob": logprob, "logprob_per_token": logprob}
    base |= {"boundary_clean": True, "status": "ok", "reason": "", "prompt_id": "x"}
    if shown:
        base |= {"times_shown": shown.count(label), "is_last_shown": shown[-1] == label}
    return base | {name: value for name, value in condition.items() if not name.startswith("_")}


def value(rows: list[dict], metric: str, score: str = "", **where) -> float:
    (found,) = [
        r for r in rows if r["metric"] == metric and r["score"] == score and all(r[k] == v for k, v in where.items())
    ]
    return found["estimate"]


@pytest.mark.parametrize("metric", CONTRASTS)
def test_effects_of_parts_are_differences_of_means(rng, metric):
    kinds = CONTRASTS[metric]
    conditions = [
        {"label_mode": mode, "input_mode": inputs} for mode, inputs in dict.fromkeys(sum(CONTRASTS.values(), ()))
    ]
    outcomes = prompt_outcomes(table(rng, conditions, odds=lambda c, s, q: len(c["label_mode"]) / 5))
    means = outcomes.groupby(["label_mode", "input_mode"])["accuracy"].mean()
    rows = demonstration_effects(outcomes)
    assert value(rows, metric, "accuracy") == pytest.approx(means[kinds[0]] - means[kinds[1]], abs=1e-12)


def test_following_a_mapping_by_hand(rng):
    following = dict(zip(LABELS, (*LABELS[1:], LABELS[0])))
    scores = table(rng, [{"label_mode": "flipped"}, {"label_mode": "gold"}])
    gold = scores["query_id"].str[1:].astype(int).map(lambda q: LABELS[q % 3])
    mapped = gold.where(scores["label_mode"] == "gold", gold.map(following))
    scores = scores.assign(is_mapped=scores["candidate"] == mapped)
    outcomes = prompt_outcomes(validate_scores(scores))
    flipped = outcomes[outcomes["label_mode"] == "flipped"]
    assert (flipped["mapped"] == flipped["gold"].map(following)).all()
    rows = label_effects(outcomes)
    share = (flipped["prediction"] == flipped["gold"].map(following)).mean()
    assert value(rows, "follow_rate") == pytest.approx(share)
    wide = scores[(scores["label_mode"] == "flipped") & scores["is_mapped"].astype(bool)]
    assert value(rows, "follow_probability") == pytest.approx(np.exp(wide["logprob"]).mean())
    assert not [r for r in rows if r["metric"] == "follow_rate" and r["label_mode"] == "gold"]


def test_prediction_shift_is_the_total_variation_distance(rng):
    outcomes = prompt_outcomes(table(rng, [{"label_mode": "gold"}, {"label_mode": "random"}]))
    arrays = {mode: np.stack(rows["distribution"].to_list()) for mode, rows in outcomes.groupby("label_mode")}
    distance = 0.5 * np.abs(arrays["gold"] - arrays["random"]).sum(axis=1).mean()
    assert value(label_effects(outcomes), "prediction_shift") == pytest.approx(distance)


ORDERS = [{"order": k} for k in range(6)]


def test_order_metrics_by_hand(rng):
    outcomes = prompt_outcomes(table(rng, ORDERS, odds=lambda c, s, q: c["order"] / 3))
    rows = order_effects(outcomes)
    within = outcomes.groupby(["demonstration_set_id", "query_id"])["gold_probability"].std(ddof=0).mean()
    assert value(rows, "order_sd_query", "gold_probability") == pytest.approx(within)
    means = outcomes.groupby(["demonstration_set_id", "order"])["accuracy"].mean().unstack()
    assert value(rows, "order_spread", "accuracy") == pytest.approx((means.max(axis=1) - means.min(axis=1)).mean())
    assert value(rows, "order_worst", "accuracy") == pytest.approx((means.min(axis=1) - means.mean(axis=1)).mean())
    wide = outcomes.pivot(index=["demonstration_set_id", "query_id"], columns="order", values="prediction")
    agree = np.mean([(wide[a] == wide[b]).mean() for a, b in combinations(range(6), 2)])
    assert value(rows, "order_consistency") == pytest.approx(agree)
    entropies = outcomes.groupby(["demonstration_set_id", "order"])["prediction"].agg(
        lambda p: -sum(share * np.log(share) for share in p.value_counts(normalize=True))
    )
    assert value(rows, "global_entropy") == pytest.approx(entropies.mean())
    local = np.mean([-(p * np.log(p)).sum() for p in outcomes["distribution"]])
    assert value(rows, "local_entropy") == pytest.approx(local)
    assert value(rows, "global_entropy_gain", "accuracy") == pytest.approx(gain_by_hand(outcomes, "accuracy"))


def gain_by_hand(outcomes, score: str) -> float:
    """Each query's score with the order that all other queries pick, minus its average over orders."""
    gains = []
    for (_, query), asked in outcomes.groupby(["demonstration_set_id", "query_id"]):
        others = outcomes[outcomes["demonstration_set_id"].isin(asked["demonstration_set_id"])]
        others = others[others["query_id"] != query].groupby("order")["prediction"]
        entropies = others.agg(lambda p: -sum(share * np.log(share) for share in p.value_counts(normalize=True)))
        scores = asked.set_index("order")[score]
        first = entropies.index[entropies >= entropies.max() - 1e-9]  # ties share the first place
        gains.append(scores.loc[first].mean() - scores.mean())
    return float(np.mean(gains))


@pytest.mark.slow
def test_orders_that_do_not_differ_gain_nothing_by_being_picked(rng):
    """Where one label is right every time, the order that errs most by chance has the largest entropy."""
    gains, same = [], []
    for _ in range(30):
        scores = table(rng, ORDERS, queries=30, odds=lambda c, s, q: 1.5)
        outcomes = prompt_outcomes(scores[scores["query_id"].str[1:].astype(int) % len(LABELS) == 0])
        gains.append(value(order_effects(outcomes), "global_entropy_gain", "accuracy"))
        orders = outcomes.groupby(["demonstration_set_id", "order"])
        entropies, means = (
            orders["prediction"].agg(lambda p: global_entropy(p.to_numpy())).unstack(),
            orders["accuracy"].mean().unstack(),
        )
        best = entropies.eq(entropies.max(axis=1), axis=0)
        same.append(float((means[best].mean(axis=1) - means.mean(axis=1)).mean()))
    error = np.std(gains) / np.sqrt(len(gains))
    assert abs(np.mean(gains)) < 6 * error  # of 30 values: t with 29 degrees of freedom
    assert np.mean(same) < -6 * error


def test_a_true_spread_over_orders_is_found_and_none_is_not_made_up(rng):
    moved = order_effects(prompt_outcomes(table(rng, ORDERS, queries=60, odds=lambda c, s, q: c["order"])))
    still = order_effects(prompt_outcomes(table(rng, ORDERS, queries=60)))
    assert value(moved, "order_spread_posterior", "gold_probability") > 0.3
    assert value(still, "order_spread_posterior", "gold_probability") < value(still, "order_spread", "gold_probability")


def test_entropies_of_known_distributions():
    assert entropy(np.array([0.5, 0.5])) == pytest.approx(np.log(2))
    assert entropy(np.array([1.0, 0.0])) == 0
    assert global_entropy(np.array(["a", "a", "b", "b"])) == pytest.approx(np.log(2))


def drawn_labels(rng):
    drawn = {}

    def shown(condition, s, q):
        return drawn.setdefault(s, [LABELS[i] for i in rng.integers(3, size=4)])

    return shown


def test_the_smooth_recency_slope_is_the_strength_that_was_put_in():
    rng = np.random.default_rng(3)
    scores = table(rng, [{"_last": 1.5, "label_mode": "random"}], sets=40, shown=drawn_labels(rng))
    noiseless = scores.assign(logprob=1.5 * scores["is_last_shown"].astype(float) - 5, logprob_per_token=-5.0)
    assert value(bias_effects(prompt_outcomes(noiseless)), "recency_bias_logprob") == pytest.approx(1.5, abs=1e-9)
    assert value(bias_effects(prompt_outcomes(noiseless)), "majority_bias_logprob") == pytest.approx(0, abs=1e-9)
    noisy = next(r for r in bias_effects(prompt_outcomes(scores)) if r["metric"] == "recency_bias_logprob")
    assert noisy["low"] < 1.5 < noisy["high"]


def test_the_logit_slopes_are_those_of_a_general_optimiser(rng):
    scores = table(rng, [{"_last": 1.0, "label_mode": "random"}], sets=20, shown=drawn_labels(rng))
    found = {r["metric"]: r["estimate"] for r in bias_effects(prompt_outcomes(scores))}
    ordered = scores.sort_values(["demonstration_set_id", "query_id", "candidate"])
    columns = [ordered[name].to_numpy(dtype=float) for name in ("is_last_shown", "times_shown", "is_gold")]
    columns += [(ordered["candidate"] == label).to_numpy(dtype=float) for label in sorted(LABELS)[1:]]
    x = np.stack(columns, axis=-1).reshape(-1, 3, 5)
    chosen = ordered["logprob"].to_numpy().reshape(-1, 3).argmax(axis=1)

    def loss(slopes):
        utility = x @ slopes
        likelihood = utility[np.arange(len(x)), chosen] - np.log(np.exp(utility).sum(axis=1))
        return -likelihood.sum() + (slopes**2).sum() / 50

    best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-8}).x
    assert [found["recency_bias"], found["majority_bias"]] == pytest.approx(best[:2], abs=1e-4)


def test_bias_slopes_cover_what_was_put_in():
    """90 % intervals of the smooth slope, in 150 replications."""
    covered, queries = 0, 6
    rng = np.random.default_rng(0)
    blank = table(rng, [{"label_mode": "random"}], sets=12, queries=queries, shown=drawn_labels(rng))
    candidate = blank["candidate"].map(LABELS.index).to_numpy().reshape(12 * queries, 3)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        shown = rng.integers(3, size=(12, 4)).repeat(queries, axis=0)
        is_last = candidate == shown[:, -1:]
        logprob = log_softmax(rng.normal(size=is_last.shape) + is_last, axis=1).ravel()
        times = (candidate[:, :, None] == shown[:, None]).sum(axis=2).ravel()
        scores = blank.assign(logprob=logprob, times_shown=times, is_last_shown=is_last.ravel())
        row = next(r for r in bias_effects(prompt_outcomes(scores)) if r["metric"] == "recency_bias_logprob")
        covered += row["low"] <= 1.0 <= row["high"]
    assert plausible(covered, 150)


def dense_error_and_degrees(rows: pd.DataFrame, cluster: pd.Series) -> tuple[float, float]:
    """CR2 error of the recency slope and its degrees of freedom, by matrices of all prompts and candidates."""
    columns = [rows[name].to_numpy(dtype=float) for name in ("is_last_shown", "times_shown", "is_gold")]
    columns += [(rows["candidate"] == label).to_numpy(dtype=float) for label in sorted(LABELS)[1:]]
    prompt = [rows["demonstration_set_id"], rows["query_id"]]
    x, y = (
        (values - values.groupby(prompt).transform("mean")).to_numpy()
        for values in (pd.DataFrame(dict(enumerate(columns)), index=rows.index), rows["logprob"])
    )
    inverse = np.linalg.inv(x.T @ x)
    left = np.eye(len(x)) - x @ inverse @ x.T
    weights = []
    for name in cluster.unique():
        own = np.flatnonzero(cluster == name)
        sizes, axes = np.linalg.eigh(left[np.ix_(own, own)])
        weights.append(left[:, own] @ (axes / np.sqrt(sizes)) @ axes.T @ x[own] @ inverse[0])
    variance = sum(float(weight @ y) ** 2 for weight in weights)
    between = np.array(weights) @ np.array(weights).T
    return np.sqrt(variance), np.trace(between) ** 2 / (between**2).sum()


def test_errors_of_bias_slopes_are_those_of_dense_matrices(rng):
    scores = table(rng, [{"label_mode": "random", "_last": 1.0}], queries=5, sets=7, shown=drawn_labels(rng))
    own = scores.assign(query_id=scores["demonstration_set_id"] + scores["query_id"])
    other_way = own.assign(query_id=own["demonstration_set_id"], demonstration_set_id=own["query_id"])
    error, degrees = dense_error_and_degrees(own, own["demonstration_set_id"])
    for rows in (own, other_way):
        row = next(r for r in bias_effects(prompt_outcomes(rows)) if r["metric"] == "recency_bias_logprob")
        assert row["standard_error"] == pytest.approx(error, rel=1e-9)
        assert row["degrees"] == pytest.approx(degrees, rel=1e-9)
        half = stats.t.ppf(0.95, degrees) * error
        assert (row["low"], row["high"]) == pytest.approx((row["estimate"] - half, row["estimate"] + half))


def test_variances_of_bias_slopes_are_right_with_few_sets():
    """Of six sets that tell four slopes a jackknife's variance is half as large again, and more."""
    num_sets, queries = 6, 8
    rng = np.random.default_rng(0)
    blank = table(rng, [{"label_mode": "random"}], sets=num_sets, queries=queries, shown=drawn_labels(rng))
    candidate = blank["candidate"].map(LABELS.index).to_numpy().reshape(num_sets * queries, 3)
    found: dict[str, list] = {}
    for _ in range(150):
        shown = rng.integers(3, size=(num_sets, 4)).repeat(queries, axis=0)
        favourite = 0.5 * rng.normal(size=(num_sets, 3)).repeat(queries, axis=0)
        times = (candidate[:, :, None] == shown[:, None]).sum(axis=2)
        utility = np.take_along_axis(favourite, candidate, axis=1) + 0.3 * times + 0.6 * rng.normal(size=times.shape)
        last = (candidate == shown[:, -1:]).ravel()
        scores = blank.assign(logprob=log_softmax(utility, axis=1).ravel(), times_shown=times.ravel())
        for row in bias_effects(prompt_outcomes(scores.assign(is_last_shown=last))):
            found.setdefault(row["metric"], []).append(
                (row["estimate"], row["standard_error"], row["low"], row["high"])
            )
    for metric, known in found.items():
        estimate, error, _, _ = np.array([one for one in known if not np.isnan(one[2])]).T
        assert len(estimate) > 120, metric
        assert 0.7 < (error**2).mean() / estimate.var() < 1.4, metric
    estimate, _, low, high = np.array([one for one in found["majority_bias_logprob"] if not np.isnan(one[2])]).T
    assert plausible(((low <= 0.3) & (high >= 0.3)).sum(), len(low))


def test_a_slope_that_nothing_tells_is_left_out_without_a_warning(rng):
    """Each set shows each label once: how often cannot matter, which comes last can."""
    shown = [["no", "yes", "maybe"], ["maybe", "no", "yes"], ["yes", "maybe", "no"], ["yes", "no", "maybe"]]
    scores = table(rng, [{"label_mode": "random"}], sets=4, shown=lambda condition, s, q: shown[s])
    assert {row["metric"] for row in bias_effects(prompt_outcomes(scores))} == {"recency_bias", "recency_bias_logprob"}
    as_texts = scores.assign(times_shown=0, is_last_shown=False)
    assert not bias_effects(prompt_outcomes(as_texts))  # where options are texts


def test_sets_that_tell_a_slope_alone_leave_it_without_an_interval(rng):
    """Two sets show four things: each fits its own, and their misfit says nothing."""
    shown = {0: ["no", "no", "yes", "yes"], 1: ["maybe", "yes", "yes", "no"]}
    scores = table(rng, [{"label_mode": "random"}], sets=2, shown=lambda condition, s, q: shown[s])
    rows = {row["metric"]: row for row in bias_effects(prompt_outcomes(scores))}
    for metric in ("recency_bias_logprob", "majority_bias_logprob"):
        assert np.isfinite(rows[metric]["estimate"])
        assert np.isnan([rows[metric][name] for name in ("low", "high", "standard_error")]).all()
        assert "identifies this slope" in rows[metric]["reason"]


def test_contextual_calibration_by_hand(rng):
    scores = table(rng, [{}], odds=lambda c, s, q: 1.0)
    prior = dict(zip(LABELS, np.log([0.6, 0.3, 0.1])))
    scores = scores.assign(**dict.fromkeys(CONTENT_FREE_COLUMNS, scores["candidate"].map(prior)))
    rows = contextual_calibration_effects({how: answer_table(normalise(scores, how)) for how in ("sum", "calibrated")})
    wide = scores.pivot(index=["demonstration_set_id", "query_id"], columns="candidate", values="logprob")
    gold = np.array([LABELS[int(q[1:]) % 3] for _, q in wide.index])
    raw = (wide.to_numpy().argmax(axis=1) == [list(wide.columns).index(g) for g in gold]).mean()
    moved = wide - pd.Series(prior)
    after = (moved.to_numpy().argmax(axis=1) == [list(wide.columns).index(g) for g in gold]).mean()
    assert value(rows, "contextual_calibration_gain", "accuracy") == pytest.approx(after - raw)
    assert not contextual_calibration_effects(
        {"sum": answer_table(table(rng, [{}]))}
    )  # nothing was asked to calibrate by


def test_agreement_over_sets_by_hand(rng):
    outcomes = prompt_outcomes(table(rng, [{}], odds=lambda c, s, q: 2.0))
    wide = outcomes.pivot(index="query_id", columns="demonstration_set_id", values="prediction")
    agree = np.mean([(wide[a] == wide[b]).mean() for a, b in combinations(wide.columns, 2)])
    assert value(set_effects(outcomes), "set_consistency") == pytest.approx(agree)


def test_a_search_spread_stands_on_unequal_counts(rng):
    scores = table(
        rng,
        [{"format": f, "probe": "format-search"} for f in "abc"],
        queries=40,
        odds=lambda c, s, q: 3.0 * (c["format"] == "a"),
    )
    outcomes = prompt_outcomes(scores)
    uneven = outcomes[(outcomes["format"] != "b") | (outcomes["query_id"].str[1:].astype(int) < 5)]
    row = next(r for r in search_effects(uneven) if r["score"] == "gold_probability")
    assert row["low"] < outcomes.groupby("format")["gold_probability"].mean().agg(np.ptp) < row["high"]
    assert not search_effects(outcomes.assign(probe="format"))


def test_soft_macro_f1_is_macro_f1_where_answers_are_sure(rng):
    gold, predicted = rng.integers(3, size=60), rng.integers(3, size=60)
    is_gold, sure = (np.eye(3)[labels] for labels in (gold, predicted))
    assert macro_f1_soft(is_gold, sure) == pytest.approx(macro_f1(gold, predicted))


def test_every_metric_that_moves_in_steps_has_a_continuous_twin(rng):
    conditions = [{"label_mode": mode, "order": k} for mode in ("gold", "random", "flipped") for k in range(3)]
    conditions += [{"label_mode": "zero_shot", "num_shots": 0}, {"label_mode": "symbols"}]
    conditions += [{"format": "g", "label_mode": "gold"}, {"input_mode": "ood", "label_mode": "random"}]
    scores = table(rng, conditions, shown=drawn_labels(rng), odds=lambda c, s, q: 1.0)
    scores = scores.assign(**dict.fromkeys(CONTENT_FREE_COLUMNS, -1.0))
    mapped = scores["is_gold"].where(scores["label_mode"].isin(["gold", "flipped"]))
    metrics = measure_scores(validate_scores(scores.assign(is_mapped=mapped)))
    stepped = metrics[metrics["resolution"] > 0]
    assert len(set(stepped["metric"])) > 15
    for row in stepped.itertuples():
        if row.metric == "accuracy_by_normalisation":
            continue
        twin = metrics[metrics["metric"] == TWINS.get(row.metric, row.metric)]
        twin = twin[(twin["resolution"] == 0) & (twin["label_mode"] == row.label_mode) & (twin["format"] == row.format)]
        assert len(twin), (row.metric, row.score)
    assert (metrics.loc[metrics["score"] == "accuracy", "resolution"] > 0).all()


def test_the_metrics_table_says_inputs_and_balance(rng):
    found = metrics_table(
        label_effects(
            prompt_outcomes(table(rng, [{"input_mode": "ood"}, {"label_mode": "random", "input_mode": "ood"}]))
        )
    )
    assert set(found["input_mode"]) == {"ood"}
    assert set(found["balance"]) == {"balanced"}


def test_choices_that_follow_from_what_was_shown_have_no_slope_but_a_reason(rng):
    scores = table(rng, [{"label_mode": "random"}], sets=12, shown=drawn_labels(rng))
    copied = scores.assign(logprob=np.where(scores["is_last_shown"].astype(bool), -0.01, -5.0))
    rows = {row["metric"]: row for row in bias_effects(prompt_outcomes(validate_scores(copied)))}
    assert np.isnan(rows["recency_bias"]["estimate"])
    assert "read the log-probabilities" in rows["recency_bias"]["reason"]
    assert rows["recency_bias_logprob"]["estimate"] == pytest.approx(4.99)


def test_a_prompt_with_a_failed_candidate_leaves_the_bias_of_the_others(rng):
    scores = table(rng, [{"label_mode": "random"}], sets=12, shown=drawn_labels(rng))
    scores.loc[0, ["logprob", "logprob_per_token"]] = np.nan
    scores.loc[0, ["status", "reason"]] = ["unscorable", "test"]
    (row,) = [
        row for row in bias_effects(prompt_outcomes(validate_scores(scores))) if row["metric"] == "recency_bias_logprob"
    ]
    assert row["num_prompts"] == 12 * 12 - 1


def line(metric: str, estimate: float, **where) -> dict:
    row = SIDES | {
        "metric": metric,
        "score": "",
        "estimate": estimate,
        "low": estimate,
        "high": estimate,
        "unit": "nats",
    }
    row |= {
        "model": "m",
        "contrast": "",
        "compared": "",
        "baseline": "",
        "label_mode": "gold",
        "format": "f",
        "input_mode": "task",
        "balance": "",
    }
    return row | {"num_shots": 4, "example_length": pd.NA, "reason": "too few choices"} | where


def test_headlines_tell_the_twin_of_what_is_not_known_and_repeat_nothing():
    rows = [line("recency_bias", np.nan), line("majority_bias", 0.2), line("recency_bias_logprob", 1.5)]
    told = list(headlines(pd.DataFrame([*rows, line("majority_bias_logprob", 0.3)]), ("bias",)))[1:]
    assert [text.split(",")[0].strip() for text in told] == ["recency_bias_logprob", "majority_bias"]
    unknown = list(headlines(pd.DataFrame(rows[:2]), ("bias",)))[1:]
    assert "not known, since too few choices" in unknown[0]
    own = [line("accuracy", np.nan, score="accuracy"), line("gold_probability", 0.4)]  # this probe asks for both
    told = list(headlines(pd.DataFrame(own), ("prompt-variance",)))[1:]
    assert [text.split(",")[0].strip() for text in told] == ["accuracy", "gold_probability"]
