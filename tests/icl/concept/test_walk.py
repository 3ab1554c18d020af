"""The sublinear walk against the laws that it contains, and walks of curves against their covariance."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from small_accounts import cell, curve

from icl.concept.accounts import walk
from icl.concept.accounts.account import Account
from icl.concept.accounts.drift import DRIFT_DIFFUSION
from icl.concept.accounts.laws import BOUNDED_POWER
from icl.concept.accounts.walk import SUBLINEAR_WALK
from icl.concept.fit import fit
from icl.concept.grid import grid_of
from icl.concept.hierarchy import unconstrained
from icl.concept.layout import layout_of
from icl.concept.wander import OWN_STEP, SHARED_STEP, walks_of

SHOTS = np.array([0, 1, 2, 5, 25, 100, 1000])
STILL = -40.0
"""On the scale of x of a softplus or exp: nothing."""


def table(**changes: object) -> pd.DataFrame:
    return pd.DataFrame([cell(num_shots=int(n), num_correct=50, **changes) for n in SHOTS])


def accuracy(account: Account, counts: pd.DataFrame, **values: float) -> np.ndarray:
    """Probability of a right answer by cell, with these values on the scale of x and no wandering."""
    layout = layout_of(counts, account)
    nodes = layout.draw_prior(1, np.random.default_rng(0))
    for name, value in values.items():
        nodes[unconstrained(name)][...] = value
    for name in (OWN_STEP, SHARED_STEP):
        if name in nodes:
            nodes[name][...] = 0.0
    return layout.probability(layout.gathered(nodes))[0]


def inverse_softplus(value: float) -> float:
    return float(np.log(np.expm1(value)))


SHOWN = {"unshown_logit": 60.0, "ceiling_shift": 0.0, "effective_labels": 0.0}
"""Every label is answered alike, shown or not."""

LEVELS = {"start_log_odds": -1.2, "miss_logit": -0.5, "skill_logit": 1.0}


def test_with_b_of_one_it_is_drift_diffusion() -> None:
    counts = table()
    middle = np.expm1(np.log1p(SHOTS).mean())
    start, sigma, gain = inverse_softplus(0.6), 0.8, 1.7
    walk = {"gain": gain, "exponent": 1.0, "start_deviation": start, "diffusion": inverse_softplus(sigma)}
    drift = {
        "signal_of_label_mode": inverse_softplus(0.1 + gain / middle),
        "noise_of_format": inverse_softplus(0.1),
        "start_deviation": start,
        "step_deviation": inverse_softplus(sigma / np.sqrt(middle)),
        "drift_deviation": STILL,
    }
    one = accuracy(SUBLINEAR_WALK, counts, **walk, **LEVELS, **SHOWN)
    np.testing.assert_allclose(one, accuracy(DRIFT_DIFFUSION, counts, **drift, **LEVELS), rtol=1e-7)


@pytest.mark.parametrize("exponent", [0.0, 1e-9, -0.5, 0.4])
def test_its_log_odds_are_a_power_of_n_and_in_the_limit_a_logarithm(exponent: float) -> None:
    still = {"start_deviation": STILL, "diffusion": STILL, "gain": 1.5, "exponent": exponent}
    found = accuracy(SUBLINEAR_WALK, table(), **still, **LEVELS, **SHOWN)
    middle = np.exp(np.log1p(SHOTS).mean())
    power = ((1 + SHOTS) ** exponent - 1) / (middle**exponent - 1) if abs(exponent) > 1e-6 else None
    time = np.log(1 + SHOTS) / np.log(middle) if power is None else power
    miss = expit(-0.5)  # half the questions are right by chance, and the anchor is its logit, 0
    hit = miss + (1 - miss) * expit(1.0)
    np.testing.assert_allclose(found, miss + (hit - miss) * expit(-1.2 + 1.5 * time), rtol=1e-6)


def test_labels_that_were_not_shown_are_answered_less_well() -> None:
    """κ of balanced labels against counting: of 20 labels, 1 − (1 − 1/20)ⁿ have been shown."""
    counts = table(chance=0.05)
    surely = {"start_deviation": STILL, "diffusion": STILL, "start_log_odds": 60.0, "gain": 0.0, "miss_logit": -60.0}
    surely |= {"skill_logit": 60.0, "ceiling_shift": 0.0, "effective_labels": 0.0, "unshown_logit": 0.0}
    found = accuracy(SUBLINEAR_WALK, counts, **surely)
    shown = 1 - (1 - 1 / 20) ** SHOTS
    np.testing.assert_allclose(found, 0.5 + 0.5 * shown, atol=0.01)
    assert found[0] == pytest.approx(0.5, abs=1e-6)
    vocabulary = accuracy(SUBLINEAR_WALK, counts.assign(example_length=5), **surely)
    np.testing.assert_allclose(vocabulary, 1.0, atol=1e-6)  # any token may be an answer


def test_walks_have_the_covariance_of_a_wiener_process_in_log_n() -> None:
    """Cov = min(log(1 + n), log(1 + m)) within a curve, nothing between curves but what models on a task share."""
    shots = (1, 4, 16)
    rows = [cell(num_shots=n, model=m, task=t) for m in ("a", "b") for t in ("s", "u") for n in shots]
    rows += [cell(num_shots=0, model="a", task="s"), cell(num_shots=4, model="a", task="s", label_mode="random")]
    grid = grid_of(pd.DataFrame(rows))
    walks = walks_of(grid)
    cells = grid.cells
    n = cells["num_shots"].to_numpy()
    least = np.minimum(np.log1p(n)[:, None], np.log1p(n)[None])
    task = (cells["task"].to_numpy()[:, None] == cells["task"].to_numpy()) & (
        cells["label_mode"].to_numpy()[:, None] == cells["label_mode"].to_numpy()
    )
    model = cells["model"].to_numpy()[:, None] == cells["model"].to_numpy()
    np.testing.assert_allclose(walks.own @ walks.own.T, np.where(task & model, least, 0.0), atol=1e-12)
    np.testing.assert_allclose(walks.shared @ walks.shared.T, np.where(task, least, 0.0), atol=1e-12)
    alone = walks_of(grid_of(curve(50, 60, 70)))
    assert alone.shared.shape == (3, 0)


@pytest.mark.slow
def test_the_power_of_n_is_recovered_with_its_verdict() -> None:
    """A curve whose evidence grows as n^0.2 up to 1,000 shots, and one whose demonstrations add up."""
    shots = np.array([0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000])
    effort = {"draws": 500, "tune": 500, "chains": 2, "seed": 3}
    for exponent, low, high in ((0.2, 0.9, 1.0), (1.0, 0.0, 0.9)):
        time = np.expm1(exponent * np.log1p(shots)) / np.expm1(exponent * np.log1p(shots).mean())
        share = 0.1 + 0.8 * expit(-2 + 2 * time)
        rows = [cell(num_shots=int(n), num_correct=int(5000 * p), num_prompts=5000) for n, p in zip(shots, share)]
        tree = fit(pd.DataFrame(rows).assign(chance=0.1, example_length=5), SUBLINEAR_WALK, **effort)
        found = tree["posterior"]["exponent"].to_numpy()
        assert np.quantile(found, 0.02) < exponent < np.quantile(found, 0.98)
        assert low <= (found < 1).mean() <= high


@pytest.mark.parametrize(
    ("time", "step", "exponent", "shots"),
    [
        (3.0, 1.0, 1.0, 3.0),
        (np.log(8.0), 1.0, 0.0, 7.0),
        (2.0, 1.0, -0.5, np.inf),  # the evidence never exceeds that of 1/|b| = 2 demonstrations
        (1.5, 1.0, -0.5, 15.0),
        (-1.0, 1.0, 0.5, 0.0),  # it started beyond
        (-1.0, -1.0, 0.5, np.inf),  # it falls from a start below
    ],
)
def test_the_shots_at_even_odds_invert_the_operational_time(
    time: float, step: float, exponent: float, shots: float
) -> None:
    found = walk._shots_at(*(np.array([each]) for each in (time, step, exponent)))
    assert found[0] == pytest.approx(shots)
    if 0 < shots < np.inf and exponent:
        assert ((1 + shots) ** exponent - 1) / exponent == pytest.approx(time)


def test_priors_of_one_demonstration_move_with_the_shots_that_are_asked() -> None:
    """On GINC's shots they stay where they were; where (1 + n) is twenty times as much, so is its scale."""
    ginc = pd.DataFrame([cell(num_shots=n) for n in (0, 1, 2, 4, 8, 16, 32, 64)])
    many = pd.DataFrame([cell(num_shots=20 * (1 + n) - 1) for n in (0, 1, 2, 4, 8, 16, 32, 64)])
    for account, name, sign in ((DRIFT_DIFFUSION, "signal_of_label_mode", -1), (BOUNDED_POWER, "turn", 1)):
        places = []
        for counts in (ginc, many):
            (node,) = (node for node in layout_of(counts, account).nodes if node.name == unconstrained(name))
            places.append(np.ravel(node.location)[0])
        assert places[0] == account.parameter(name).location
        assert places[1] - places[0] == pytest.approx(sign * np.log(20))


def test_the_wrong_concept_answers_at_each_tasks_own_chance() -> None:
    """A task of many labels does not move the anchor of a task of two; GINC's tokens are guessed far better."""
    both = pd.concat([curve(50, 60, task="two", chance=0.5), curve(50, 60, task="many", chance=1 / 68)])
    (node,) = (node for node in layout_of(both, DRIFT_DIFFUSION).nodes if node.name == unconstrained("miss_logit"))
    np.testing.assert_allclose(np.ravel(node.location), [0.0, -np.log(67)])
    ginc = layout_of(curve(50, 60, chance=1 / 50, example_length=5), DRIFT_DIFFUSION)
    (node,) = (node for node in ginc.nodes if node.name == unconstrained("miss_logit"))
    assert node.location == pytest.approx(-0.6)
