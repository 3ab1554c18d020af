"""What is held out, forecasts mixed by other curves' scores, and the baseline's spread between sets."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from scipy.stats import norm
from small_accounts import FLAT, cell, compiled, curve

from icl.concept.accounts import ACCOUNTS
from icl.concept.extrapolate import STACKED, extrapolate
from icl.concept.forecast import carried_forward
from icl.concept.holdout import HoldOut, folds_of
from icl.concept.layout import layout_of
from icl.concept.mixture import Forecast, mixed, weights_elsewhere
from icl.errors import UserError


def two_by_two() -> pd.DataFrame:
    """Two models on two tasks at 0, 1 and 2 shots."""
    return pd.concat(
        [curve(30, 40, 50, model=model, task=task) for model in ("a", "b") for task in ("s", "t")], ignore_index=True
    )


def test_origins_models_and_tasks_are_held_out() -> None:
    cells = two_by_two()
    n, model, task = (cells[name].to_numpy() for name in ("num_shots", "model", "task"))
    shots = folds_of(cells, HoldOut(origins=(1,)))
    assert [(fold.name, fold.origin) for fold in shots] == [("n > 1", 1)]
    np.testing.assert_array_equal(shots[0].seen, n <= 1)
    whole = folds_of(cells, HoldOut(kind="model"))
    assert [(fold.name, fold.origin) for fold in whole] == [("a", None), ("b", None)]
    np.testing.assert_array_equal(whole[1].seen, model != "b")
    partly = folds_of(cells, HoldOut(kind="task", origins=(1, 0)))
    assert [fold.name for fold in partly] == ["s, n > 0", "t, n > 0", "s, n > 1", "t, n > 1"]
    np.testing.assert_array_equal(partly[3].seen, (task != "t") | (n <= 1))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"kind": "shot"}, "Did you mean 'shots'"),
        ({"kind": "shots"}, "none was given; add --from N"),
        ({"origins": (-1,)}, "a number of 0 or more, got -1"),
    ],
)
def test_what_cannot_be_held_out_is_said(asked: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        HoldOut(**asked)


def test_a_table_of_one_model_can_predict_none_from_others() -> None:
    with pytest.raises(UserError, match="a single model, m, so none can be predicted from the others"):
        folds_of(curve(30, 40, 50), HoldOut(kind="model"))
    with pytest.raises(UserError, match=r"no cell has more than 4 shots \(the largest number is 2\)"):
        folds_of(two_by_two(), HoldOut(kind="model", origins=(4,)))


def test_a_curve_does_not_weigh_its_own_forecast() -> None:
    """The first account is right on one curve and wrong on two, so the two trust the second, and the one does not."""
    score = np.array([[0.0, 0.0, -9.0, -9.0, -9.0, -9.0], [-9.0, -9.0, 0.0, 0.0, 0.0, 0.0]])
    weights = weights_elsewhere(score, np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    np.testing.assert_allclose(weights[1, :2], 1.0, atol=1e-3)
    np.testing.assert_allclose(weights[:, 2:], 0.5, atol=0.01)  # of two others, each is best once
    np.testing.assert_array_equal(weights_elsewhere(score, np.zeros(6, dtype=int)), 0.5)


def test_a_mixture_has_the_moments_and_the_density_of_one(rng: np.random.Generator) -> None:
    places = np.array([0.0, 10.0])
    forecasts = {
        name: Forecast(draws=at + rng.standard_normal((20_000, 2)), log_score=norm.logpdf([1.0, 9.0], at))
        for name, at in zip("ab", places)
    }
    weights = np.array([[0.3, 1.0], [0.7, 0.0]])
    found = mixed(forecasts, weights, rng)
    np.testing.assert_allclose(found.draws.mean(axis=0), weights.T @ places, atol=0.15)
    np.testing.assert_allclose(found.draws.var(axis=0), 1 + np.array([0.3 * 0.7 * 100, 0.0]), rtol=0.05)
    density = weights[0] * norm.pdf([1.0, 9.0], 0) + weights[1] * norm.pdf([1.0, 9.0], 10)
    np.testing.assert_allclose(found.log_score, np.log(density))


def test_what_is_carried_forward_is_as_uncertain_as_sets_differ(rng: np.random.Generator) -> None:
    """Sets that differ by 0.6 on the logit scale at the last shots, of so many prompts that binomial noise is small."""
    prompts, sets = 20_000, 200
    share = 1 / (1 + np.exp(-0.6 * rng.standard_normal(sets)))
    rows = [
        cell(num_shots=n, num_correct=int(p * prompts), num_prompts=prompts, demonstration_set=f"s{place}")
        for place, p in enumerate(share)
        for n in (1, 4, 8)
    ]
    layout = layout_of(pd.DataFrame(rows), FLAT)
    seen = layout.grid.cells["num_shots"].to_numpy() <= 4
    found = carried_forward(layout, seen, rng=rng)
    logits = logit(found[["lower", "upper"]].to_numpy() / 100)
    np.testing.assert_allclose((logits[:, 1] - logits[:, 0]).mean() / (2 * norm.ppf(0.95)), 0.6, atol=0.08)


def test_a_model_is_predicted_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five models alike: the sixth, of which nothing was seen, is expected where they are."""
    for name, machine in compiled().items():
        monkeypatch.setitem(ACCOUNTS, name, machine.layout.account)
    counts = pd.concat([curve(60, 61, 59, model=name) for name in "abcdef"], ignore_index=True)
    found = extrapolate(counts, HoldOut(kind="model"), ["flat"], draws=500, tune=500, chains=2, seed=0)
    cells = found.cells[(found.cells["account"] == "flat") & found.cells["held_out"]]
    assert sorted(cells["fold"].unique()) == list("abcdef")
    assert (cells["fold"] == cells["model"]).all()
    assert cells["inside"].all()
    assert abs(cells["median"].mean() - 60) < 4
    assert STACKED not in set(found.cells["account"])
    plain = found.table.set_index("account").loc["carried-forward"]
    assert np.isnan(plain["crps"])  # nothing to carry
    assert len(found.by_fold) == 12
