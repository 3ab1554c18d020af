"""The crossed model against its dense density, the analysis of variance, and data whose components are known."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from chance import SIGMAS, plausible
from scipy import stats
from small_runs import run_experiment

from icl.concept.diagnose import diagnose
from icl.concept.fit import fit
from icl.concept.variance import build_variance_model, variance_shares
from icl.concept.variance_blocks import blocks_of, columns_of
from icl.concept.variance_layout import MAX_LOG_ODDS, layout_of
from icl.errors import UserError
from icl.metrics.power import components
from probes.cli.main import main as run
from probes.runs.experiment import Experiment

TRUE_SD = {"query": 1.0, "demonstrations": 0.7, "order": 0.4, "format": 0.6, "labels": 0.5, "residual": 1.0}


def outcomes(*, queries=12, sets=5, orders=2, formats=4, labels=2, sd=TRUE_SD, rng, **columns) -> pd.DataFrame:
    """Full crossing of queries with prompts; log-odds of the gold label with these standard deviations."""
    counts = (queries, sets, orders, formats, labels)
    q, s, o, f, d = (index.ravel() for index in np.meshgrid(*map(np.arange, counts), indexing="ij"))
    level = {"query": q, "demonstrations": s, "order": s * orders + o, "format": f, "labels": s * labels + d}
    level["residual"] = np.arange(len(q))
    log_odds = 0.5 + sum(sd[name] * rng.normal(size=len(q))[codes] for name, codes in level.items())
    table = pd.DataFrame({"query_id": q, "demonstration_set_id": s, "order": o, "format": f, "label_draw": d})
    table = table.assign(model="m", task="t", label_mode="random", num_shots=4, input_mode="task", num_candidates=2)
    right = (rng.random(len(q)) < 1 / (1 + np.exp(-log_odds))).astype(float)
    return table.assign(gold_probability=1 / (1 + np.exp(-log_odds)), accuracy=right).assign(**columns)


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return fit(outcomes(rng=np.random.default_rng(2)), "variance", seed=1, draws=1000)


# ---------------------------------------------------------------- what varied


def test_factors_that_did_not_vary_are_left_out_and_named(rng):
    layout = layout_of(outcomes(orders=1, formats=1, rng=rng))
    assert list(layout.levels) == ["query", "demonstrations", "labels"]
    assert layout.num_levels == {"query": 12, "demonstrations": 5, "labels": 10}
    assert layout.absent == dict.fromkeys(("order", "format", "combination"), "not varied")


def test_orders_and_labels_are_levels_within_a_set(rng):
    layout = layout_of(outcomes(rng=rng))
    assert layout.num_levels == {
        "query": 12,
        "demonstrations": 5,
        "order": 10,
        "format": 4,
        "labels": 10,
        "combination": 80,
    }
    for child in ("order", "labels"):
        pairs = np.unique(np.column_stack([layout.levels[child], layout.levels["demonstrations"]]), axis=0)
        assert len(pairs) == layout.num_levels[child]


def test_factors_that_vary_only_together_are_counted_once(rng):
    table = outcomes(orders=1, formats=1, labels=1, rng=rng)
    layout = layout_of(table.assign(format="f" + table["demonstration_set_id"].astype(str)))
    assert layout.absent["format"] == "varied only together with demonstrations, and counted there"
    ginc = table.assign(query_id=np.arange(len(table)))
    assert "each level was asked once" in layout_of(ginc).absent["query"]


def test_label_draws_may_be_absent_and_zero_shot_prompts_are_left_out(rng):
    table = outcomes(labels=1, rng=rng).drop(columns=["label_draw", "input_mode"])
    zero = table[table["format"] == 0].assign(num_shots=0, label_mode="zero_shot")
    layout = layout_of(pd.concat([table, zero], ignore_index=True))
    assert len(layout.values) == len(table)
    assert set(layout.setting) == {0}


def test_log_odds_are_zero_at_chance_and_cut(rng):
    table = outcomes(rng=rng, num_candidates=4)
    probability = np.full(len(table), 0.25)
    probability[:2] = [0.0, 1.0]
    values = layout_of(table.assign(gold_probability=probability)).values
    assert values[:2].tolist() == [-MAX_LOG_ODDS, MAX_LOG_ODDS]
    np.testing.assert_allclose(values[2:], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "ask", "message"),
    [
        (lambda t: t.drop_duplicates("query_id"), {}, "nothing to split; run the probe with two or more"),
        (lambda t: t.assign(num_shots=0), {}, "no prompt shows demonstrations"),
        (lambda t: t.drop(columns="gold_probability"), {}, r"columns \['gold_probability'\] of the outcomes"),
        (lambda t: t.assign(gold_probability=0.5), {}, "all 960 scores are 0, so no variance can be split"),
        (lambda t: t.assign(gold_probability=np.nan), {}, "gold_probability; split accuracy, which needs no"),
        (lambda t: t.assign(gold_probability=62.5), {}, r"a share in \[0, 1\], got 62.5 in 960 of 960 rows"),
        (lambda t: t.assign(num_candidates=1), {}, "two or more candidates, got 1"),
        (
            lambda t: t.assign(accuracy=0.625),
            {"observe": "accuracy"},
            "1 or 0 for each prompt, got 0.625 in 960",
        ),
        (lambda t: t.assign(accuracy=100.0), {"observe": "accuracy"}, "1 or 0 for each prompt, got 100 in 960 of 960"),
        (lambda t: t, {"observe": "accuray"}, "no score 'accuray'. .* Did you mean 'accuracy'"),
        (lambda t: t, {"chains": 1}, "at least 2 chains, 4 draws and 1 tuning draw, got 1"),
    ],
)
def test_outcomes_that_cannot_be_split_are_refused(rng, change, ask, message):
    with pytest.raises(UserError, match=message):
        fit(change(outcomes(rng=rng)), "variance", seed=0, **ask)


def test_prompts_that_were_not_scored_are_left_out(rng):
    table = outcomes(rng=rng)
    gone = rng.random(len(table)) < 0.2
    layout = layout_of(table.assign(gold_probability=table["gold_probability"].mask(gone)))
    np.testing.assert_array_equal(layout.values, layout_of(table[~gone]).values)
    with pytest.raises(UserError, match="1 of 960 scores are missing"):
        replace(layout_of(table), values=np.r_[np.nan, np.zeros(959)])


# ---------------------------------------------------------------- the density


def counted(*, tasks=2, models=5, formats=6, sets=6, items=400, sd: dict[str, float], rng) -> pd.DataFrame:
    """Shares of right answers of several models on several tasks; log-odds with these standard deviations."""
    names = ["task", "model", "format", "demonstration_set_id"]
    sizes = (tasks, models, formats, sets)
    table = pd.DataFrame(
        dict(zip(names, (index.ravel() for index in np.meshgrid(*map(np.arange, sizes), indexing="ij"))))
    )
    levels = {
        "model": ["task", "model"],
        "format": ["task", "format"],
        "demonstrations": ["task", "demonstration_set_id"],
        "model_by_format": ["task", "model", "format"],
        "residual": names,
    }
    log_odds = np.zeros(len(table))
    for name, columns in levels.items():
        codes = table.groupby(columns, sort=False).ngroup().to_numpy()
        log_odds += sd[name] * rng.normal(size=codes.max() + 1)[codes]
    right = rng.binomial(items, 1 / (1 + np.exp(-log_odds)))
    table = table.astype(str).assign(query_id=table["demonstration_set_id"].astype(str), label_mode="gold", num_shots=4)
    return table.assign(num_items=items, accuracy=right / items)


TRUE_COUNTED_SD = {"model": 0.8, "format": 0.5, "demonstrations": 0.3, "model_by_format": 0.4, "residual": 0.2}


def with_gaps(rng) -> pd.DataFrame:
    """One model; settings differ between queries, and prompts are missing here and there."""
    table = outcomes(queries=4, sets=3, formats=2, rng=rng)
    return table.assign(num_shots=np.where(table["query_id"] < 2, 4, 8))[rng.random(len(table)) < 0.7]


def of_models(rng, *, models=3) -> pd.DataFrame:
    """Several models, each with the same prompts; order, set and format are crossed with queries."""
    parts = [outcomes(queries=4, sets=2, formats=2, labels=1, rng=rng).assign(model=f"m{one}") for one in range(models)]
    return pd.concat(parts, ignore_index=True).sample(frac=1.0, random_state=1)


def counts_with_gaps(rng) -> pd.DataFrame:
    table = counted(models=2, formats=3, sets=3, sd=TRUE_COUNTED_SD, rng=rng)
    return table[rng.random(len(table)) < 0.8]


def counts_of_two_settings(rng) -> pd.DataFrame:
    """Two tasks of one design, a third without one of the models and with half the sets in another setting."""
    table = counted(tasks=3, models=3, formats=3, sets=4, sd=TRUE_COUNTED_SD, rng=rng)
    odd = (table["task"] == "2") & (table["demonstration_set_id"] > "1")
    return table.assign(num_shots=np.where(odd, 8, 4))[(table["task"] != "2") | (table["model"] != "0")]


@pytest.mark.parametrize(
    ("make", "score", "num_blocks", "num_columns"),
    [
        (with_gaps, "gold_log_odds", 1, 38),  # nothing is crossed: all levels but those of the largest part
        (lambda rng: outcomes(queries=5, sets=3, formats=2, labels=1, rng=rng), "gold_log_odds", 2, 12),
        (of_models, "gold_log_odds", 4, 9),
        (counts_with_gaps, "accuracy", 2, 26),
        (counts_of_two_settings, "accuracy", 4, 11),
    ],
)
def test_the_density_is_that_of_the_dense_normal(make, score, num_blocks, num_columns, rng):
    """Against the multivariate normal of all outcomes, up to a constant."""
    layout = layout_of(make(rng), score)
    blocks = blocks_of(layout)
    assert len(blocks) == num_blocks
    assert columns_of(blocks) == num_columns
    model = build_variance_model(layout)
    (sd,) = model.free_RVs
    density = model.compile_logp(jacobian=False, mode="FAST_COMPILE")
    y, onehot = layout.values, {name: np.eye(codes.max() + 1)[codes] for name, codes in layout.levels.items()}
    settings = np.eye(layout.setting.max() + 1)[layout.setting]
    scale = (y - settings @ (settings.T @ y / settings.sum(axis=0))).std()
    differences = []
    for _ in range(5):
        sds = np.abs(rng.normal(size=len(model.coords["factor"]))) + 0.1
        covariance = sds[-1] ** 2 * np.eye(len(y)) + (10 * scale) ** 2 * settings @ settings.T
        for name, value in zip(model.coords["factor"][:-1], sds):
            covariance += value**2 * onehot[name] @ onehot[name].T
        dense = stats.multivariate_normal(np.full(len(y), y.mean()), covariance).logpdf(y)
        dense += stats.halfnorm(scale=scale).logpdf(sds).sum()
        differences.append(density({model.rvs_to_values[sd].name: np.log(sds)}) - dense)
    assert np.ptp(differences) < 1e-6


def test_counts_have_log_odds_and_a_known_sampling_variance(rng):
    table = counted(sd=TRUE_COUNTED_SD, rng=rng)
    layout = layout_of(table, "accuracy")
    assert layout.tasks == ("0", "1")
    assert list(layout.levels) == [
        "demonstrations", "format", "combination", "model", "model_by_format", "model_by_demonstrations",
    ]  # fmt: skip
    assert layout.num_levels["model"] == 10
    assert layout.absent["query"] == "questions were counted together"
    draws = rng.binomial(400, 0.3, 20_000)
    simulated = np.var(np.log((draws + 0.5) / (400 - draws + 0.5)))
    even = layout_of(table.assign(accuracy=0.3), "accuracy")
    assert even.sampling == pytest.approx(simulated, rel=0.05)
    with pytest.raises(UserError, match="some outcomes are of one question"):
        layout_of(table.assign(num_items=np.where(table["model"] == "0", 1, 400), accuracy=1.0), "accuracy")


def test_several_models_without_demonstrations_can_be_split(rng):
    table = counted(sd=TRUE_COUNTED_SD, rng=rng).assign(num_shots=0)
    assert "model" in layout_of(table, "accuracy").levels
    with pytest.raises(UserError, match="no prompt shows demonstrations"):
        layout_of(table[table["model"] == "0"], "accuracy")


# ---------------------------------------------------------------- recovery


@pytest.mark.slow
def test_components_of_several_models_are_recovered_from_counts():
    rng = np.random.default_rng(8)
    fitted = fit(
        counted(tasks=3, models=8, sd=TRUE_COUNTED_SD, rng=rng), "variance", observe="accuracy", seed=1, draws=500
    )
    draws = np.log(fitted["posterior"]["sd"])
    for name, true in TRUE_COUNTED_SD.items():
        if name != "residual":
            found = draws.sel(factor=name)
            assert abs(float(found.mean()) - np.log(true)) < SIGMAS * float(found.std()), name
    shares = variance_shares(fitted).set_index("factor")
    assert shares.loc["residual", "sd"] == pytest.approx(0.2, abs=0.04)
    assert shares.loc["sampling", "sd"] == pytest.approx(np.sqrt(float(fitted.attrs["sampling"])), rel=1e-6)


def test_known_components_are_recovered(tree):
    shares = variance_shares(tree).set_index("factor")
    draws = np.log(tree["posterior"]["sd"])
    for name, true in TRUE_SD.items():
        found = draws.sel(factor=name)
        assert abs(float(found.mean()) - np.log(true)) < SIGMAS * float(found.std()), name
    assert shares.loc["combination", "sd"] < 0.3  # over data sets its variance scatters by 0.013
    assert shares.loc["residual", "sd"] == pytest.approx(1.0, rel=0.11)  # and this by 2.4 %
    assert shares.loc["format", "note"] == "only 4 levels, so it depends on the prior"
    judged = diagnose(tree)
    assert judged.max_rhat < 1.02  # 1.003 in the middle of 20 seeds, 1.006 at most
    assert judged.min_ess_bulk > 400
    assert judged.divergence_share <= 0.001


def test_shares_add_up_and_the_prompt_is_the_sum_of_its_parts(tree):
    shares = variance_shares(tree)
    assert list(shares["factor"]) == [
        "query", "demonstrations", "order", "format", "labels", "combination", "prompt", "residual",
    ]  # fmt: skip
    draws = tree["posterior"]["sd"] ** 2
    total = draws.sum("factor")
    prompt = draws.sel(factor=["demonstrations", "order", "format", "labels", "combination"]).sum("factor") / total
    row = shares.set_index("factor").loc["prompt"]
    assert row["share"] == pytest.approx(float(prompt.median()), rel=1e-12)
    whole = shares.set_index("factor").loc[["query", "prompt", "residual"], "share"].sum()
    assert whole == pytest.approx(1.0, abs=0.1)  # medians


@pytest.mark.slow
def test_balanced_data_give_the_estimates_of_the_analysis_of_variance(rng):
    table = outcomes(queries=40, sets=40, orders=1, formats=1, labels=1, rng=rng)
    shares = variance_shares(fit(table, "variance", seed=3, draws=500)).set_index("factor")
    found = components(layout_of(table).values, table["demonstration_set_id"].to_numpy(), table["query_id"].to_numpy())
    for name, variance in (("demonstrations", found.by_set), ("query", found.by_query), ("residual", found.residual)):
        assert shares.loc[name, "sd"] == pytest.approx(np.sqrt(variance), rel=0.05), name
    assert shares.loc["format", "note"] == "not varied"
    assert np.isnan(shares.loc["format", "sd"])


@pytest.mark.slow
def test_right_and_wrong_answers_can_be_split_too(rng):
    sd = TRUE_SD | {"query": 1.5, "residual": 0.0}
    table = outcomes(queries=24, orders=1, labels=1, sets=8, sd=sd, rng=rng)
    fitted = fit(table, "variance", observe="accuracy", seed=1)
    shares = variance_shares(fitted).set_index("factor")
    query = np.log(fitted["posterior"]["sd"].sel(factor="query"))
    assert abs(float(query.mean()) - np.log(1.5)) < SIGMAS * float(query.std())
    assert shares.loc["residual", "sd"] == pytest.approx(np.pi / np.sqrt(3), rel=1e-12)
    assert diagnose(fitted).max_rhat < 1.03


# ---------------------------------------------------------------- the command, served by what is compiled above


def test_variance_splits_a_run_and_keeps_the_split(capsys, tmp_path):
    experiment = Experiment(
        models=("mapping-learner", "copy-last-label"),
        task="topic",
        probes=("prompt-variance",),
        formats=("qa", "arrow"),
        orders=2,
        label_draws=2,
        queries=8,
    )
    folder = run_experiment(experiment, tmp_path / "run")
    assert run(["variance", str(folder.path), "--draws", "100", "--json"]) in (0, 3)
    together = {row["factor"]: row for row in json.loads(capsys.readouterr().out)}
    assert together["model"]["share"] + together["model_by_demonstrations"]["share"] > 0.05  # they do not answer alike
    assert run(["variance", str(folder.path), "--model", "copy-last-label", "--draws", "200", "--json"]) in (0, 3)
    shares = {row["factor"]: row for row in json.loads(capsys.readouterr().out)}
    assert shares["format"]["share"] < 0.05  # it reads labels, not formats
    assert shares["prompt"]["share"] > 0.05
    assert "model" not in shares
    fit, both = folder.fits()  # by the names of their files
    assert both.models == ("mapping-learner", "copy-last-label")
    assert fit.models == ("copy-last-label",)
    assert fit.path == folder.path / "fits" / "variance.gold_log_odds.copy-last-label.nc"
    assert run(["variance", str(folder.path), "--model", "nobody"]) == 2


@pytest.mark.slow
def test_intervals_cover_known_components():
    """Ten data sets, five components each: 45 of 50 intervals should cover."""
    rng, covered = np.random.default_rng(5), []
    for seed in range(10):
        table = outcomes(queries=10, sets=8, orders=2, formats=6, labels=1, rng=rng)
        shares = variance_shares(fit(table, "variance", seed=seed, draws=500, tune=400)).set_index("factor")
        for name in ("query", "demonstrations", "order", "format", "residual"):
            true = TRUE_SD[name] if name != "demonstrations" else np.hypot(TRUE_SD[name], TRUE_SD["labels"])
            covered.append(shares.loc[name, "sd_lower"] <= true <= shares.loc[name, "sd_upper"])
    assert plausible(sum(covered), len(covered), (0.87, 1.0))
