"""Comparison of accounts against dense integration, closed forms, brute force and counting by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp
from scipy.stats import betabinom, binom, norm
from small_accounts import FLAT, LEVEL, LINE, RISING, cell, compiled, curve

from icl.concept import loo
from icl.concept.accounts import ACCOUNTS, POWER
from icl.concept.compare import compare
from icl.concept.compiled import Compiled, compile_layout
from icl.concept.extrapolate import CARRIED, extrapolate
from icl.concept.fit import fit
from icl.concept.forecast import carried_forward, scored, scores_of
from icl.concept.holdout import HoldOut
from icl.concept.layout import Layout, layout_of
from icl.concept.marginal import log_integral, unit_log_likelihood, units_of
from icl.concept.sampler import Effort
from icl.concept.scoring import crps, log_mean_exp, stacking_weights
from icl.concept.sensitivity import sensitivity
from icl.errors import UserError


def sets_table() -> pd.DataFrame:
    rows = [cell(num_shots=0, num_correct=10, num_prompts=20, demonstration_set="all")]
    for name, correct in (("a", (12, 15)), ("b", (5, 9)), ("c", (190, 195))):
        total = 200 if name == "c" else 20
        for n, right in zip((2, 8), correct):
            rows.append(cell(num_shots=n, num_correct=right, num_prompts=total, demonstration_set=name))
    return pd.DataFrame(rows)


SAMPLING = {"draws": 1000, "tune": 500, "chains": 2, "seed": 3}
EFFORT = Effort(draws=1000, tune=500, chains=2)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> dict[str, Compiled]:
    """Two small accounts among the others, compiled once for all tests."""
    for name, machine in compiled().items():
        monkeypatch.setitem(ACCOUNTS, name, machine.layout.account)
    return compiled()


@pytest.fixture
def flat() -> Compiled:
    return compiled()["flat"]


def on_grid(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Every value of level and log precision, and their log prior: a dense grid instead of a sampler."""
    level, precision = np.meshgrid(np.linspace(-1.5, 2.5, 161), np.linspace(-1, 15, 161), indexing="ij")
    nodes = {"level_x": level.reshape(-1, 1), "log_precision_x": precision.reshape(-1, 1)}
    prior = norm.logpdf(level, 0, 1.5) + norm.logpdf(precision, 7, 2)
    return layout.log_likelihood(nodes), prior.ravel()


# ---------------------------------------------------------------- scores


def test_crps_of_a_normal_forecast_is_its_closed_form() -> None:
    draws = 1.0 + 2.0 * np.random.default_rng(0).standard_normal((200_000, 3))
    outcome = np.array([1.0, -2.0, 6.0])
    z = (outcome - 1.0) / 2.0
    exact = 2.0 * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))  # Gneiting & Raftery 2007, eq. 21
    np.testing.assert_allclose(crps(draws, outcome), exact, atol=0.02)


def test_crps_is_the_fair_double_sum() -> None:
    draws = np.random.default_rng(1).integers(0, 9, (7, 2)).astype(float)
    outcome = np.array([3.0, 11.0])
    pairs = np.abs(draws[:, None] - draws[None]).sum(axis=(0, 1)) / (7 * 6)
    np.testing.assert_allclose(crps(draws, outcome), np.abs(draws - outcome).mean(axis=0) - pairs / 2, rtol=1e-12)


def test_stacking_weights_sum_to_one_and_are_best() -> None:
    rng = np.random.default_rng(2)
    elpd = -3 + rng.standard_normal((2, 40)) * 0.8
    weights = stacking_weights(elpd)
    assert weights.sum() == pytest.approx(1.0)
    best = minimize_scalar(
        lambda w: -np.log(w * np.exp(elpd[0]) + (1 - w) * np.exp(elpd[1])).sum(), bounds=(0, 1), method="bounded"
    )
    assert weights[0] == pytest.approx(best.x, abs=1e-3)
    # Whole sets are so improbable that their density is 0 in floating point; nothing may change.
    np.testing.assert_allclose(stacking_weights(elpd - 2000.0), weights, atol=1e-6)
    np.testing.assert_array_equal(stacking_weights(elpd[:1]), [1.0])


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(("right", "total", "spread"), [(3, 10, 0.3), (9_000, 10_000, 0.4), (0, 50, 2.0)])
def test_quadrature_agrees_with_dense_integration(right: int, total: int, spread: float) -> None:
    def log_density(u):
        return binom.logpmf(right, total, expit(0.5 + u))

    at = np.linspace(-9 * spread, 9 * spread, 100_001)
    exact = logsumexp(log_density(at) + norm.logpdf(at, 0, spread)) + np.log(at[1] - at[0])
    assert log_integral(log_density, np.array([spread]))[0] == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize(("far", "width"), [(30.0, 1.0), (3.0, 0.01)])
def test_quadrature_finds_a_peak_far_from_the_prior_and_what_lies_beside_it(far: float, width: float) -> None:
    def log_density(u):  # a peak that the prior hardly expects, and a floor
        return np.logaddexp(norm.logpdf(u, far, width), -20.0)

    at = np.linspace(-40, 80, 1_200_001)
    exact = logsumexp(log_density(at) + norm.logpdf(at)) + np.log(at[1] - at[0])
    assert log_integral(log_density, np.array([1.0]))[0] == pytest.approx(exact, abs=1e-3)


def test_quadrature_of_a_normal_is_exact() -> None:
    found = log_integral(lambda u: norm.logpdf(1.7, u, 0.2), np.array([0.5]))
    assert found[0] == pytest.approx(norm.logpdf(1.7, 0, np.hypot(0.5, 0.2)), abs=1e-9)
    assert np.log(quad(lambda u: norm.pdf(1.7, u, 0.2) * norm.pdf(u, 0, 0.5), -4, 4, points=[1.4])[0]) == pytest.approx(
        found[0], abs=1e-7
    )


@pytest.mark.parametrize("observe", ["counts", "logprob"])
def test_a_left_out_set_has_its_effect_integrated_out(observe: str) -> None:
    counts = sets_table().assign(mean_logprob=lambda t: np.log(t["num_correct"] / t["num_prompts"]), logprob_error=0.1)
    layout = layout_of(counts, FLAT, observe=observe)
    units = units_of(layout.grid)
    assert units.word == "demonstration set"
    assert len(units.labels) == 4  # three sets, and the zero-shot cell on its own
    nodes = layout.draw_prior(4, np.random.default_rng(0))
    found = unit_log_likelihood(layout, nodes, units)
    for draw in range(4):
        at = np.linspace(-100, 100, 40_001) * nodes["set_spread"][draw]  # data may contradict a draw
        here = {name: np.repeat(values[[draw]], len(at), axis=0) for name, values in nodes.items()}
        here["set_effect"] = np.repeat(at[:, None], 3, axis=1)
        cells = layout.log_likelihood(here)
        prior = norm.logpdf(at, 0, nodes["set_spread"][draw]) + np.log(at[1] - at[0])
        dense = [logsumexp(cells[:, units.of_cell == unit].sum(axis=1) + prior) for unit in (1, 2, 3)]
        np.testing.assert_allclose(found[draw, 1:], dense, atol=0.005)
        assert found[draw, 0] == pytest.approx(cells[0, 0])


def test_the_unit_is_a_task_where_there_are_three_and_a_cell_where_nothing_else_is_told() -> None:
    tasks = pd.concat([curve(50, 60, 70).assign(task=name) for name in ("t1", "t2", "t3")])
    units = units_of(layout_of(tasks, POWER).grid)
    assert (units.word, units.labels) == ("task", ("t1", "t2", "t3"))
    np.testing.assert_array_equal(units.of_cell, np.repeat([0, 1, 2], 3))
    alone = units_of(layout_of(curve(50, 60, 70), POWER).grid)
    assert (alone.word, len(alone.labels)) == ("cell", 3)
    assert "n=2" in alone.labels[2]


# ---------------------------------------------------------------- leave one out


def test_leave_one_out_by_weights_and_by_refits_is_exact(flat: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = flat.of(layout_of(curve(55, 62, 58, 60, 52, 72, 57), FLAT))
    layout, units = machine.layout, units_of(machine.layout.grid)
    density, prior = on_grid(layout)
    exact = np.empty(7)
    for left in range(7):
        others = prior + np.delete(density, left, axis=1).sum(axis=1)
        exact[left] = logsumexp(others + density[:, left]) - logsumexp(others)
    nodes = machine.fit(EFFORT, seed=3).nodes
    weighted = loo.leave_one_out(machine, nodes, units, max_refits=0, effort=EFFORT, seed=3)
    np.testing.assert_allclose(np.delete(weighted.elpd, 5), np.delete(exact, 5), atol=0.1)
    assert weighted.elpd.argmin() == 5  # the cell that strays

    doubts = np.array([0.9, 0.1, np.nan, 0.8, 0.1, 0.95, 0.1])
    monkeypatch.setattr(loo, "_importance", lambda *_: (np.zeros(7), doubts, 0.7))
    said: list[str] = []
    again = loo.leave_one_out(machine, nodes, units, max_refits=3, progress=said.append, effort=EFFORT, seed=3)
    assert np.flatnonzero(again.refitted).tolist() == [0, 2, 5]  # the worst three of four
    assert np.flatnonzero(again.unreliable).tolist() == [3]
    np.testing.assert_allclose(again.elpd[again.refitted], exact[again.refitted], atol=0.12)
    assert np.all(again.error[again.refitted] < 0.1)
    assert np.isnan(again.error[~again.refitted]).all()
    assert len(said) == 3
    assert "(1 of 3)" in said[0]


def test_held_out_cells_do_not_reach_the_posterior(flat: Compiled) -> None:
    seen = np.arange(7) < 3
    one = flat.fit(EFFORT, seed=3, seen=seen)
    two = flat.of(layout_of(curve(*RISING[:3], 3, 99, 0, 50), FLAT)).fit(EFFORT, seed=3, seen=seen)
    for name, values in one.nodes.items():
        np.testing.assert_array_equal(values, two.nodes[name])
    density, prior = on_grid(flat.layout)
    weight = prior + density[:, :3].sum(axis=1)
    level = np.repeat(np.linspace(-1.5, 2.5, 161), 161)
    exact = (np.exp(weight - logsumexp(weight)) * level).sum()
    assert one.nodes["level_x"].mean() == pytest.approx(exact, abs=0.04)


def test_another_table_takes_the_place_of_one_only_where_what_was_compiled_is_the_same(flat: Compiled) -> None:
    for layout in (
        layout_of(curve(*RISING), LINE),
        layout_of(curve(*RISING[:4]), FLAT),
        layout_of(curve(*RISING, num_prompts=101), FLAT),
        layout_of(curve(*RISING), replace(FLAT, parameters=(replace(LEVEL, spread=1.0),))),
    ):
        with pytest.raises(ValueError, match="only where priors, cells and prompts are the same"):
            flat.of(layout)


# ---------------------------------------------------------------- compare


def test_the_better_account_is_first_and_none_is_dropped(toys: dict[str, Compiled]) -> None:
    found = compare(
        curve(*RISING),
        ["flat", "line", "tempered-bayes"],
        draws=2000,
        tune=500,
        chains=2,
        seed=1,
        max_refits=1,
        compiled=toys,
    )
    table = found.table
    assert list(table["account"]) == ["line", "flat", "tempered-bayes"]
    assert table["rank"].tolist()[:2] == [1, 2]
    assert pd.isna(table["rank"].iloc[2])
    assert "needs the exact evidence" in table["note"].iloc[2]
    assert table["weight"].sum() == pytest.approx(1.0)
    by_unit = found.units.pivot(index="unit", columns="account", values="elpd")
    gap = by_unit["flat"] - by_unit["line"]
    assert table["difference"].iloc[1] == pytest.approx(gap.sum())
    assert table["difference_se"].iloc[1] == pytest.approx(np.sqrt(7) * gap.std(ddof=0))
    assert table["elpd"].iloc[0] == pytest.approx(by_unit["line"].sum())
    assert found.units.groupby("account")["refitted"].sum().to_dict() == dict(
        zip(table["account"][:2], table["num_refits"][:2])
    )
    said = " ".join(found.sentences)
    assert found.unit == "cell"
    assert "One cell is left out at a time" in said
    assert "line is ahead" in said or "line predicts best" in said
    assert "With 7 units, standard errors are rough" in said
    assert "tempered Bayes is left out" in said


def test_an_account_that_did_not_converge_has_no_rank(toys: dict[str, Compiled]) -> None:
    found = compare(curve(*RISING), ["flat"], draws=50, tune=1, chains=2, seed=1, compiled=toys)
    assert not found.table["converged"].iloc[0]
    assert found.table[["rank", "elpd", "difference", "weight"]].isna().all(axis=None)
    assert found.units.empty
    assert "did not converge" in found.table["note"].iloc[0]
    assert any("No account converged" in sentence for sentence in found.sentences)


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(UserError, match="no account 'powr'.*Did you mean 'power'"):
        compare(curve(30, 42, 48), ["powr"], seed=0)
    with pytest.raises(UserError, match="needs the exact evidence"):
        compare(curve(30, 42, 48), ["tempered-bayes"], seed=0)
    with pytest.raises(UserError, match="no account was named"):
        compare(curve(30, 42, 48), [], seed=0)
    with pytest.raises(UserError, match="at least 2 chains"):
        compare(curve(30, 42, 48), chains=1, seed=0)
    with pytest.raises(UserError, match="at least 100, got 2 chains of 49"):
        compare(curve(30, 42, 48), draws=49, chains=2, seed=0)
    with pytest.raises(UserError, match="max_refits cannot be negative"):
        compare(curve(30, 42, 48), max_refits=-1, seed=0)


# ---------------------------------------------------------------- extrapolation


def test_what_cannot_be_held_out_is_said() -> None:
    with pytest.raises(UserError, match=r"no cell has more than 8 shots \(the largest number is 2\)"):
        extrapolate(curve(30, 42, 48), HoldOut(origins=(8,)), ["power"], seed=0)
    with pytest.raises(UserError, match="only the shot count 0 is left when shots above 0"):
        extrapolate(curve(30, 42, 48), HoldOut(origins=(0,)), ["power"], seed=0)
    with pytest.raises(UserError, match="no shot count is left"):
        extrapolate(curve(30, 42, 48).query("num_shots > 0"), HoldOut(origins=(0,)), ["power"], seed=0)
    with pytest.raises(UserError, match="no account 'x'"):
        extrapolate(curve(30, 42, 48), HoldOut(origins=(1,)), ["x"], seed=0)


def test_a_rising_line_carries_further_than_its_last_cell(toys: dict[str, Compiled]) -> None:
    counts = curve(*RISING)
    found = extrapolate(
        counts, HoldOut(origins=(4,)), ["line", "tempered-bayes"], draws=3000, tune=500, chains=2, seed=1, compiled=toys
    )
    assert list(found.table["account"]) == ["line", CARRIED, "tempered-bayes"]
    assert (found.unit, found.hold_out.origins) == ("points", (4,))
    line, plain = found.table.iloc[0], found.table.iloc[1]
    assert (line["num_cells"], line["coverage"], plain["coverage"]) == (3, 1.0, pytest.approx(1 / 3))
    assert line["crps"] < plain["crps"] / 3
    cells = found.cells[found.cells["account"] == "line"]
    assert cells["held_out"].tolist() == [False] * 4 + [True] * 3
    assert cells["observed"].tolist() == counts["num_correct"].tolist()
    assert line["crps"] == pytest.approx(cells.loc[cells["held_out"], "crps"].mean())
    assert "line predicts the 3 held-out cells best" in found.sentences[0]
    assert any("tempered Bayes is left out" in sentence for sentence in found.sentences)


def test_the_last_seen_cell_of_the_same_curve_is_carried_forward() -> None:
    rows = [cell(num_shots=0, num_correct=20)]
    rows += [cell(num_shots=n, num_correct=c) for n, c in ((1, 30), (4, 60), (16, 70))]
    rows += [cell(num_shots=16, num_correct=25, label_mode="random"), cell(num_shots=16, num_correct=9, format="qa")]
    layout = layout_of(pd.DataFrame(rows), FLAT)
    seen = layout.grid.cells["num_shots"].to_numpy() <= 4
    found = carried_forward(layout, seen, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found["median"].to_numpy(), [60, 20, np.nan], atol=1)  # its curve, zero-shot, nothing
    exact = betabinom.logpmf([70, 25], 100, [60.5, 20.5], [40.5, 80.5])
    np.testing.assert_allclose(found["log_score"].to_numpy()[:2], exact)
    assert found["inside"].tolist() == [True, True, False]
    assert scores_of(found)["num_cells"] == 2
    assert scores_of(found)["coverage"] == 1.0


def test_scores_are_counted_by_hand() -> None:
    layout = layout_of(curve(50, 60, 70, num_prompts=200), FLAT)
    draws = np.array([[40.0, 60.0, 100.0], [60.0, 60.0, 120.0], [50.0, 60.0, 110.0]])
    found = scored(layout, np.array([True, True, False]), draws, np.array([-1.0, -2.0, -5.0]))
    assert found["observed"].tolist() == [25.0, 30.0, 35.0]
    assert found["median"].tolist() == [25.0, 30.0, 55.0]
    assert found["inside"].tolist() == [True, True, False]
    scores = scores_of(found)
    assert (scores["num_cells"], scores["coverage"], scores["bias"], scores["log_score"]) == (1, 0.0, 20.0, -5.0)
    assert scores["crps"] == pytest.approx(20 - (5 + 10 + 5) / 6)


def test_log_mean_exp_survives_improbable_cells() -> None:
    np.testing.assert_allclose(log_mean_exp(np.log([[1.0], [3.0]]) - 2000), [np.log(2) - 2000])


# ---------------------------------------------------------------- sensitivity


@pytest.mark.parametrize(
    ("outcome", "error", "verdict"), [(0.4, 0.1, "fine"), (6.0, 1.0, "conflict"), (0.5, 20.0, "weak likelihood")]
)
def test_power_scaling_finds_what_leans_on_the_prior(outcome: float, error: float, verdict: str) -> None:
    weight = 1 / (1 + error**2)  # x ~ Normal(0, 1), outcome ~ Normal(x, error²): the posterior is known
    noise = np.random.default_rng(0).standard_normal((4, 1000))
    x = weight * outcome + np.sqrt(1 - weight) * noise
    groups = {
        "posterior": {"x": x},
        "log_prior": {"x": norm.logpdf(x)},
        "log_likelihood": {"y": norm.logpdf(outcome, x, error)[..., None]},
    }
    tree = xr.DataTree.from_dict(
        {
            name: xr.Dataset({key: (("chain", "draw", "cell")[: values.ndim], values) for key, values in group.items()})
            for name, group in groups.items()
        }
    )
    assert sensitivity(tree)["verdict"].tolist() == [verdict]
    with pytest.raises(UserError, match="holds no log_prior"):
        sensitivity(tree.drop_nodes("log_prior"))


@pytest.mark.slow
def test_every_quantity_of_a_fit_has_its_sensitivity() -> None:
    table = sensitivity(fit(curve(55, 62, 58, 60), FLAT, draws=500, tune=500, chains=2, seed=0))
    assert [name.split("[")[0] for name in table["quantity"]] == ["level", "log_precision"]
    assert table["verdict"].iloc[0] == "fine"
    assert table["prior"].iloc[1] > 3 * table["prior"].iloc[0]  # four cells tell little of how cells stray


@pytest.mark.slow
def test_sets_left_out_by_weights_and_by_refits_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    shares = expit(0.4 + 0.4 * rng.standard_normal(10))
    rows = [
        cell(num_shots=n, num_correct=rng.binomial(40, share), num_prompts=40, demonstration_set=f"s{number}")
        for number, share in enumerate(shares)
        for n in (2, 8)
    ]
    machine = compile_layout(layout_of(pd.DataFrame(rows), FLAT))
    units = units_of(machine.layout.grid)
    nodes = machine.fit(Effort(tune=500), seed=3).nodes
    effort = Effort(draws=4000, tune=500)
    weighted = loo.leave_one_out(machine, nodes, units, max_refits=0, effort=effort, seed=3)
    monkeypatch.setattr(loo, "_importance", lambda *_: (np.zeros(10), np.full(10, np.inf), 0.7))
    again = loo.leave_one_out(machine, nodes, units, effort=effort, seed=3)
    assert again.refitted.all()
    trusted = weighted.pareto_k < 0.6
    assert trusted.sum() >= 5
    np.testing.assert_allclose(weighted.elpd[trusted], again.elpd[trusted], atol=0.2)
