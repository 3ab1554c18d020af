"""Populations that move with what is known of models and tasks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from small_accounts import FLAT, LEVEL, cell, curve

from icl.concept.accounts import ACCOUNTS
from icl.concept.accounts.account import Account
from icl.concept.compiled import compile_layout
from icl.concept.fit import fit
from icl.concept.grid import grid_of
from icl.concept.hierarchy import unconstrained
from icl.concept.layout import layout_of
from icl.concept.regressors import slope_sentences, slope_table
from icl.errors import UserError

SIZES = np.array([1e8, 3e8, 1e9, 3e9, 1e10, 3e10, 1e11])

MOVED: Account = replace(FLAT, name="moved", parameters=(replace(LEVEL, is_regressed=True),))
"""One level of accuracy for each model, which may grow with its size."""


def models_of_sizes(slope: float, **changes: object) -> pd.DataFrame:
    """Accuracy of models whose logit grows by `slope` with tenfold parameters, at two numbers of shots."""
    rows = [
        cell(
            model=f"m{place}",
            num_shots=n,
            num_prompts=2000,
            num_correct=round(2000 * float(expit(slope * (np.log10(size) - 9.5)))),
            num_parameters=int(size),
            **changes,
        )
        for place, size in enumerate(SIZES)
        for n in (0, 4)
    ]
    return pd.DataFrame(rows)


def test_a_regressor_needs_three_that_are_known_and_differ() -> None:
    known = models_of_sizes(0.5)
    assert grid_of(known).regressors.names == ("tenfold parameters",)
    same = known.assign(num_parameters=7_000_000_000)
    two = known.assign(num_parameters=known["num_parameters"].where(known["model"].isin(["m0", "m1"])))
    for table in (same, two, known.drop(columns="num_parameters")):
        assert grid_of(table).regressors.names == ()
    tuned = known.assign(is_tuned=known["model"].isin(["m0", "m1"]))
    assert grid_of(tuned).regressors.names == ("tenfold parameters", "tuning")


def test_a_model_without_weights_is_refused() -> None:
    known = models_of_sizes(0.5)
    known.loc[0, "num_parameters"] = 0
    with pytest.raises(UserError, match="num_parameters must be at least 1, got 0; leave it empty"):
        grid_of(known)


def test_regressors_are_centred_on_the_models_that_are_known() -> None:
    known = models_of_sizes(0.5)
    known["num_parameters"] = known["num_parameters"].where(known["model"] != "m6")
    values = grid_of(known).regressors.values[:, 0]
    logs = np.log10(SIZES[:6])
    np.testing.assert_allclose(values, [*(logs - logs.mean()), 0.0])


def test_labels_are_a_regressor_of_tasks_counted_once() -> None:
    tasks = {"two": 2, "eight": 8, "many": 64}
    tables = [
        curve(40, 50, 60, model=model, task=task, chance=1 / labels)
        for task, labels in tasks.items()
        for model in ("a", "b")
        if (model, task) != ("b", "many")
    ]
    grid = grid_of(pd.concat(tables, ignore_index=True))
    assert grid.regressors.names == ("twofold labels",)
    expected = {"two": 1 - 10 / 3, "eight": 3 - 10 / 3, "many": 6 - 10 / 3}
    of_each = [expected[grid.tasks[task]] for task in grid.of_task]
    np.testing.assert_allclose(grid.regressors.values[:, 0], of_each)


def test_the_density_is_that_of_normals_around_a_line() -> None:
    """PyMC's model against a density written out here."""
    layout = layout_of(models_of_sizes(0.5), MOVED)
    compiled = compile_layout(layout)
    rng = np.random.default_rng(0)
    held_out = compiled.density.with_data(weights=np.zeros(len(layout.grid.cells)))
    one, other = (held_out.start(seed) for seed in (1, 2))

    def expected(x: np.ndarray) -> float:
        nodes = {name: values[None] for name, values in held_out.expand(x).items()}
        slope, level = nodes["level_slope"][0], nodes[unconstrained("level")][0]
        mean = nodes["level_population"][0] + layout.grid.regressors.values @ slope
        spread = nodes["level_spread"][0]
        total = norm.logpdf(level, mean, spread).sum() + norm.logpdf(slope, 0, 0.25 * LEVEL.spread).sum()
        total += norm.logpdf(nodes["level_population"], LEVEL.location, LEVEL.spread).sum()
        total += norm.logpdf(nodes["log_precision_population"], 7.0, 2.0).sum()
        total += norm.logpdf(np.log(spread), np.log(0.5 * LEVEL.spread), 0.5)
        precision = nodes["log_precision_spread"][0]
        total += norm.logpdf(np.log(precision), np.log(0.5 * 2.0), 0.5)
        around = nodes["log_precision_population"][0]
        return total + norm.logpdf(nodes[unconstrained("log_precision")][0], around, precision).sum()

    moved = [one, other, one + 0.3 * rng.standard_normal(len(one))]
    found = [held_out.evaluate(x)[0] for x in moved]
    np.testing.assert_allclose(np.diff(found), np.diff([expected(x) for x in moved]), rtol=1e-8, atol=1e-8)


def test_drawn_models_lie_around_the_line() -> None:
    layout = layout_of(models_of_sizes(0.5), MOVED)
    nodes = layout.draw_prior(4000, np.random.default_rng(0))
    line = nodes["level_population"][:, None] + nodes["level_slope"] @ layout.grid.regressors.values.T
    away = (nodes[unconstrained("level")] - line) / nodes["level_spread"][:, None]
    assert away.mean() == pytest.approx(0, abs=0.03)
    assert away.std() == pytest.approx(1, abs=0.03)


def test_a_slope_is_recovered_and_said() -> None:
    """Seven models that lie on a line exactly; the prior, Normal(0, 0.375²), draws a little towards 0."""
    tree = fit(models_of_sizes(0.8), MOVED, draws=300, tune=300, chains=2, seed=0)
    slope = slope_table(tree).iloc[0]
    assert (slope["parameter"], slope["regressor"]) == ("level", "tenfold parameters")
    assert slope["median"] == pytest.approx(0.8, abs=0.15)
    assert slope["lower"] > 0.5
    assert slope["prior_deviation"] == pytest.approx(0.375, rel=0.1)
    (said,) = slope_sentences(tree)
    assert said.startswith("With tenfold parameters level changes by 0.")


def test_laws_let_their_level_and_what_demonstrations_do_be_moved() -> None:
    for account in ACCOUNTS.values():
        assert sum(parameter.is_regressed for parameter in account.parameters) >= 2
