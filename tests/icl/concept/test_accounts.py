"""Accounts against formulas written out by hand, random walks, and PyMC's own densities."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from icl.concept.accounts import ACCOUNTS, account_named
from icl.concept.accounts.account import DIMENSIONS, LINKS
from icl.concept.hierarchy import SET_DECAY, SET_EFFECT, log_prior, unconstrained
from icl.concept.layout import Layout, layout_of
from icl.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")

SHOTS = (0, 1, 4, 16)


def counts(
    *, models: tuple[str, ...] = ("m",), tasks: tuple[str, ...] = ("t",), sets: tuple[str, ...] = ("all",)
) -> pd.DataFrame:
    """A table that every account can be fitted to, with numbers of no meaning."""
    rows = []
    for model in models:
        for task in tasks:
            for k in (3, 10):
                for n in SHOTS:
                    for label_mode in ("gold", "flipped") if n else ("zero_shot",):
                        for name in sets if n else ("all",):
                            row = {"model": model, "task": task, "label_mode": label_mode, "format": "f"}
                            row |= {"example_length": k, "num_shots": n, "num_correct": 3 * k + n, "num_prompts": 90}
                            row |= {"chance": 1 / 50, "ceiling": 0.9, "demonstration_set": name}
                            row |= {"mean_logprob": -1.0 - 0.01 * k, "logprob_error": 0.05}
                            rows.append(row | {"evidence": 0.3 * n, "evidence_deviation": 0.1 * (1 + n)})
    return pd.DataFrame(rows).astype({"example_length": "Int64"})


def set_values(layout: Layout, **values: float) -> np.ndarray:
    """Accuracy of each cell with these values (on the scale of x) in every level."""
    nodes = layout.draw_prior(1, np.random.default_rng(0))
    for name, value in values.items():
        nodes[unconstrained(name)][...] = value
    return layout.probability(layout.gathered(nodes))[0]


def cell(layout: Layout, *, n: int, k: int = 3, label_mode: str = "gold") -> int:
    cells = layout.grid.cells
    mode = label_mode if n else "zero_shot"
    found = (cells["num_shots"] == n) & (cells["example_length"] == k) & (cells["label_mode"] == mode)
    (place,) = np.flatnonzero(found)
    return int(place)


def inverse_softplus(value: float) -> float:
    return float(np.log(np.expm1(value)))


@pytest.mark.parametrize("account", ACCOUNTS.values(), ids=lambda account: account.name)
def test_every_prior_is_data_with_a_reason(account) -> None:
    names = [parameter.name for parameter in account.parameters]
    assert len(set(names)) == len(names)
    for parameter in account.parameters:
        assert parameter.reason
        assert parameter.meaning
        assert set(parameter.by) <= set(DIMENSIONS)
        assert parameter.link in LINKS


@pytest.mark.parametrize("account", ACCOUNTS.values(), ids=lambda account: account.name)
@pytest.mark.parametrize("observe", ["counts", "logprob"])
def test_pymc_and_numpy_hold_the_same_account(account, observe: str, rng: np.random.Generator) -> None:
    """The sampler's density is the sum of NumPy's prior densities of all nodes and of its likelihood."""
    layout = layout_of(counts(models=("a", "b"), sets=("s1", "s2")), account, observe=observe)
    nodes = layout.draw_prior(2, rng)
    model = layout.model()
    densities = model.compile_logp(jacobian=False, sum=False, mode="FAST_COMPILE")
    names = {variable.name: model.rvs_to_values[variable].name for variable in model.free_RVs}
    transforms = {variable.name: model.rvs_to_transforms[variable] for variable in model.free_RVs}
    everything = [node.__class__(**{**_fields(node), "is_prior": True}) for node in layout.nodes]
    for draw in range(2):
        here = {name: values[draw : draw + 1] for name, values in nodes.items()}
        point = {
            names[name]: (np.log(values[0]) if transforms[name] is not None else values[0])
            for name, values in here.items()
        }
        positive = sum(np.log(here[node.name]).sum() for node in layout.nodes if node.positive)  # of log-normals
        expected = sum(part[0] for part in log_prior(everything, here).values()) - positive
        expected += layout.log_likelihood(here).sum()
        assert sum(part.sum() for part in densities(point)) == pytest.approx(expected, rel=1e-6)


def _fields(node) -> dict:
    return {name: getattr(node, name) for name in node.__slots__}


@pytest.mark.parametrize("account", ACCOUNTS.values(), ids=lambda account: account.name)
def test_probabilities_are_probabilities_and_zero_shot_knows_no_label_mode(account, rng: np.random.Generator) -> None:
    layout = layout_of(counts(), account)
    nodes = layout.draw_prior(500, rng)
    probability = layout.probability(layout.gathered(nodes))
    assert ((probability > 0) & (probability < 1)).all()
    for parameter in account.parameters:  # whatever belongs to a label mode or condition cannot move n = 0
        if {"label_mode", "condition"} & set(parameter.by) and not account.needs_evidence:
            nodes[unconstrained(parameter.name)] = rng.standard_normal(nodes[unconstrained(parameter.name)].shape)
    moved = layout.probability(layout.gathered(nodes))
    zero = layout.grid.cells["num_shots"].to_numpy() == 0
    np.testing.assert_allclose(moved[:, zero], probability[:, zero], rtol=1e-12)


def test_drift_diffusion_is_the_walk_it_claims(rng: np.random.Generator) -> None:
    layout = layout_of(counts(), account_named("drift-diffusion"))
    at = {"signal_of_label_mode": 0.6, "noise_of_format": 0.2, "start_deviation": 0.5, "step_deviation": 0.7}
    values = {name: inverse_softplus(value) for name, value in at.items()}
    values |= {"drift_deviation": inverse_softplus(0.1 / 0.3), "start_log_odds": -1.0}
    values |= {"miss_logit": -1.0, "skill_logit": 1.0}
    got = set_values(layout, **values)
    ceiling = 0.92
    miss = ceiling * expit(-1.0)
    hit = miss + (ceiling - miss) * expit(1.0)
    for k in (3, 10):
        for n in SHOTS:
            z = -1.0 + 0.5 * rng.standard_normal(400_000)
            own = 0.6 * k / 6.5 - 0.2 + 0.1 * rng.standard_normal(400_000)
            for _ in range(n):
                z += own + 0.7 * rng.standard_normal(400_000)
            expected = miss + (hit - miss) * expit(z).mean()
            assert got[cell(layout, n=n, k=k)] == pytest.approx(expected, abs=2e-3)


def test_pure_drift_is_drift_diffusion_without_deviation() -> None:
    shared = {"signal_of_label_mode": 0.3, "noise_of_format": 0.1, "start_log_odds": -1.0}
    shared |= {"miss_logit": -1.0, "skill_logit": 1.0}
    still = dict.fromkeys(("start_deviation", "step_deviation", "drift_deviation"), -40.0)
    pure = set_values(layout_of(counts(), account_named("pure-drift")), **shared)
    walk = set_values(layout_of(counts(), account_named("drift-diffusion")), **shared, **still)
    np.testing.assert_allclose(walk, pure, atol=1e-8)


def test_tempered_bayes_at_temperature_one_is_the_exact_posterior(rng: np.random.Generator) -> None:
    layout = layout_of(counts(), account_named("tempered-bayes"))
    got = set_values(
        layout, temperature=0.0, start_log_odds=0.0, start_deviation=-40.0, miss_logit=-60.0, skill_logit=60.0
    )
    n = 16
    log_odds = 0.3 * n + 0.1 * (1 + n) * rng.standard_normal(1_000_000)
    assert got[cell(layout, n=n)] == pytest.approx(0.92 * expit(log_odds).mean(), abs=2e-3)


def test_weighted_bayes_of_one_weight_is_tempered_bayes() -> None:
    shared = {"start_log_odds": -1.0, "start_deviation": 0.5, "miss_logit": -1.0, "skill_logit": 1.0}
    tempered = set_values(layout_of(counts(), account_named("tempered-bayes")), temperature=np.log(0.4), **shared)
    layout = layout_of(counts(), account_named("weighted-bayes"))
    np.testing.assert_allclose(set_values(layout, weight=0.4, weight_exponent=0.0, **shared), tempered, atol=1e-12)


@pytest.mark.parametrize(("weight", "exponent"), [(-0.3, 0.0), (-0.2, 0.4), (0.8, -0.5)])
def test_weighted_bayes_weighs_evidence_by_the_number_of_demonstrations(
    weight: float, exponent: float, rng: np.random.Generator
) -> None:
    """By draws of prompts whose exact log-odds are those that the table states."""
    layout = layout_of(counts(), account_named("weighted-bayes"))
    levels = {"start_deviation": -40.0, "miss_logit": -60.0, "skill_logit": 60.0}
    got = set_values(layout, weight=weight, weight_exponent=exponent, start_log_odds=0.5, **levels)
    for n in (1, 16):
        log_odds = 0.5 + weight * (1 + n) ** exponent * (0.3 * n + 0.1 * (1 + n) * rng.standard_normal(1_000_000))
        assert got[cell(layout, n=n)] == pytest.approx(0.92 * expit(log_odds).mean(), abs=2e-3)
    assert (got[cell(layout, n=16)] < got[cell(layout, n=0)]) == (weight < 0)


def test_tempered_bayes_says_what_it_lacks() -> None:
    table = counts()
    table.loc[3, "evidence"] = np.nan
    with pytest.raises(UserError, match="needs the exact evidence of every cell, and 1 of 14 have none"):
        layout_of(table, account_named("tempered-bayes"))


@pytest.mark.parametrize("name", ["arora", "arora-sampling", "arora-scoring"])
def test_aroras_laws_are_posterior_averages(name: str) -> None:
    """Weights ρ_m·P_m^(nK) updated shot by shot, as a Bayesian would, not by the law's log-sum-exp."""
    layout = layout_of(counts(), account_named(name))
    right, gaps, priors = expit(0.8), [0.5, 1.2], [0.4, -0.3]
    values = {"right_logit": 0.8, "efficiency": 1.5}
    if name == "arora-scoring":
        values |= {"gap": inverse_softplus(gaps[0]), "others_prior": priors[0]}
        p, weight = np.array([right, right * np.exp(-gaps[0])]), np.exp([0.0, priors[0]])
    else:
        values |= {"near_gap": inverse_softplus(gaps[0]), "far_gap": inverse_softplus(gaps[1])}
        values |= {"near_prior": priors[0], "far_prior": priors[1]}
        p, weight = right * np.exp([0.0, -gaps[0], -gaps[0] - gaps[1]]), np.exp([0.0, *priors])
    got = set_values(layout, **values)
    shown = 0
    for n in SHOTS:
        for _ in range(n - shown):
            weight = weight * p**1.5
            weight = weight / weight.sum()
        shown = n
        assert got[cell(layout, n=n)] == pytest.approx((weight * p).sum() / weight.sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("power", lambda n: (n + 1) ** -0.7),
        ("bounded-power", lambda n: (1 + n / 3.0) ** -0.7),
        ("logistic", lambda n: 1 / (1 + (n / 3.0) ** 0.7)),
    ],
)
def test_laws_of_the_negative_log_accuracy(name: str, left) -> None:
    layout = layout_of(counts(), account_named(name))
    values = {"start_logit": -1.0, "end_logit": 1.0, "exponent": np.log(0.7)}
    if name != "power":
        values["turn"] = np.log(3.0)
    got = set_values(layout, **values)
    start, end = -np.log(expit(-1.0)), -np.log(expit(1.0))
    for n in SHOTS:
        assert got[cell(layout, n=n)] == pytest.approx(np.exp(-(end + (start - end) * left(n))), abs=1e-6)


def test_a_set_shifts_all_its_cells_but_not_zero_shot() -> None:
    layout = layout_of(counts(sets=("s1", "s2")), account_named("power"))
    nodes = layout.draw_prior(1, np.random.default_rng(0))
    nodes[SET_EFFECT][...], nodes[SET_DECAY][...] = 0.0, 0.0
    still = layout.probability(layout.gathered(nodes))[0]
    nodes[SET_EFFECT][0] = np.array([1.0, 0.0])
    moved = layout.probability(layout.gathered(nodes))[0]
    is_first = (layout.grid.cells["demonstration_set"] == "s1").to_numpy()
    change = np.log(moved / (1 - moved)) - np.log(still / (1 - still))
    np.testing.assert_allclose(change, np.where(is_first, 1.0, 0.0), atol=1e-6)


@pytest.mark.parametrize(("models", "tasks", "effects"), [(2, 1, ()), (1, 3, ()), (2, 3, ("model", "task"))])
def test_models_and_tasks_lie_around_a_population(
    models: int, tasks: int, effects: tuple[str, ...], rng: np.random.Generator
) -> None:
    names = tuple(f"m{i}" for i in range(models)), tuple(f"t{i}" for i in range(tasks))
    layout = layout_of(counts(models=names[0], tasks=names[1]), account_named("power"))
    nodes = {node.name for node in layout.nodes}
    assert "start_logit_population" in nodes
    assert ("start_logit_spread" in nodes) == (models * tasks >= 4)
    assert tuple(kind for kind in ("model", "task") if f"start_logit_{kind}_effect" in nodes) == effects
    drawn = layout.draw_prior(20_000, rng)
    x = drawn["start_logit_x"]
    assert x.shape == (20_000, models * tasks, 1, 2)
    # Two of a population differ by √2 spreads, so more than nothing and less than two that share nothing.
    apart = (x[:, 0] - x[:, -1]).std() / np.sqrt(2)
    assert 0.25 * 2 < apart < 1.3 * 2  # the prior's own spread is 2
    assert np.corrcoef(x[:, 0, 0, 0], x[:, -1, 0, 0])[0, 1] > 0.3


def test_an_unknown_account_is_named_with_its_nearest() -> None:
    with pytest.raises(UserError, match="bounded-power"):
        account_named("bounded-pwer")


def test_log_probabilities_that_are_missing_are_counted() -> None:
    table = counts()
    table.loc[[2, 5], "mean_logprob"] = [np.nan, -np.inf]
    with pytest.raises(UserError, match="2 of 14 cells have no finite mean log-probability"):
        layout_of(table, account_named("power"), observe="logprob")
