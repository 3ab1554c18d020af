"""The concept room against random walks, quadrature and numbers counted by hand."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.special import expit, ndtr
from scipy.stats import betabinom, norm

from icl.concept.accounts import DRIFT_DIFFUSION
from icl.concept.accounts.drift import expected_sigmoid
from icl.concept.counts import COUNT_COLUMNS, counts_from_scores, validate_counts
from icl.concept.diagnose import diagnose, posterior_predictive_check, prior_predictive_check
from icl.concept.fit import fit
from icl.concept.grid import grid_of
from icl.concept.layout import layout_of
from icl.concept.summary import demonstrations_needed, separately_identified, summarise
from icl.errors import UserError
from icl.scores import SCORE_COLUMNS

pytestmark = pytest.mark.filterwarnings(
    # PyTensor tells numba's users that a random draw runs as Python; only predictive draws do, and they are few.
    "ignore:Numba will use object mode:UserWarning",
)

GINC_LENGTHS = (3, 5, 8, 10)
GINC_MODELS = {"strong": (0.12, 0.2), "weak": (0.08, 0.3)}  # signal per token, noise per demonstration: nats
TEXT_SIGNAL = {"gold": 0.9, "random": 0.35, "shuffled": 0.6, "flipped": 0.0}
TEXT_NOISE = {"arrow": 0.25, "qa": 0.5}


def walk_counts(
    *, start: float, drift: float, num_shots: int, miss: float, hit: float, num_prompts: int, rng: np.random.Generator
) -> int:
    """Walk each prompt's log-odds shot by shot, let it pick a concept and answer; count the right answers."""
    log_odds = start + 0.5 * rng.standard_normal(num_prompts)
    own_drift = drift + 0.1 * rng.standard_normal(num_prompts)
    for _ in range(num_shots):
        log_odds = log_odds + own_drift + 0.6 * rng.standard_normal(num_prompts)
    has_concept = rng.random(num_prompts) < expit(log_odds)
    return int((rng.random(num_prompts) < np.where(has_concept, hit, miss)).sum())


def cell(**changes: object) -> dict[str, object]:
    fields = {"model": "m", "task": "t", "label_mode": "gold", "format": "arrow", "example_length": pd.NA}
    fields |= {"num_shots": 0, "num_correct": 50, "num_prompts": 100, "chance": 0.5, "ceiling": np.nan}
    return fields | changes


def table(*cells: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(cells)).astype({"example_length": "Int64"})


def ginc_counts(num_prompts: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    cells = []
    for model, (signal, noise) in GINC_MODELS.items():
        for k in GINC_LENGTHS:
            world = {
                "start": -1.5 + 0.2 * k,
                "drift": signal * k - noise,
                "miss": 0.2 + 0.02 * k,
                "hit": 0.6 + 0.03 * k,
            }
            for n in (0, 1, 4, 16, 64):
                correct = walk_counts(**world, num_shots=n, num_prompts=num_prompts, rng=rng)
                counted = {"num_shots": n, "num_correct": correct, "num_prompts": num_prompts}
                cells.append(cell(model=model, format="ginc", example_length=k, chance=1 / 50, **counted))
    return table(*cells)


def text_counts(num_prompts: int = 192) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    cells = []
    for written, start in (("arrow", -0.5), ("qa", 0.3)):
        for n in (0, 4, 16):
            for mode, signal in TEXT_SIGNAL.items() if n else [("zero_shot", 0.0)]:
                world = {"start": start, "drift": signal - TEXT_NOISE[written], "miss": 0.5, "hit": 0.92}
                correct = walk_counts(**world, num_shots=n, num_prompts=num_prompts, rng=rng)
                counted = {"num_shots": n, "num_correct": correct, "num_prompts": num_prompts}
                cells.append(cell(format=written, label_mode=mode, **counted))
    return table(*cells)


@pytest.fixture(scope="module")
def ginc_tree() -> xr.DataTree:
    return fit(ginc_counts(), draws=500, tune=400, chains=4, seed=1)


@pytest.fixture(scope="module")
def text_tree() -> xr.DataTree:
    return fit(text_counts(), draws=500, tune=500, chains=4, seed=2)


# ---------------------------------------------------------------- counts


def scores(answers: list[tuple[dict[str, object], dict[str, float], str]]) -> pd.DataFrame:
    """A score table from (condition, candidate -> logprob, gold); NaN where a candidate was not scored."""
    rows = []
    for number, (condition, logprobs, gold) in enumerate(answers):
        for candidate, logprob in logprobs.items():
            ok = not np.isnan(logprob)
            row = {column.name: "x" if column.dtype == "str" else 0 for column in SCORE_COLUMNS}
            row |= {"model": "m", "label_mode": "gold", "input_mode": "task", "format": "f", "num_shots": 4}
            row |= {"example_length": pd.NA, "boundary_clean": pd.NA, "query_id": f"q{number}", "candidate": candidate}
            row |= {
                "logprob_below": np.nan,
                "is_gold": candidate == gold,
                "logprob": logprob,
                "status": "ok" if ok else "truncated",
            }
            rows.append(row | {"reason": "" if ok else "too long"} | condition)
    return pd.DataFrame(rows)


ZERO = {"label_mode": "zero_shot", "num_shots": 0}


def test_counts_are_the_argmax_answers() -> None:
    counts = counts_from_scores(
        scores(
            [
                (ZERO, {"a": -1.0, "b": -2.0}, "a"),
                (ZERO, {"a": -1.0, "b": -2.0}, "b"),
                ({}, {"a": -1.0, "b": -2.0}, "a"),
                ({}, {"a": -3.0, "b": -2.0}, "b"),
                ({}, {"a": -3.0, "b": -2.0}, "a"),
            ]
        )
    )
    assert list(counts.columns) == [column.name for column in COUNT_COLUMNS]
    counted = counts.set_index("num_shots")
    assert counted[["num_correct", "num_prompts"]].to_numpy().tolist() == [[1, 2], [2, 3]]
    assert (counted["chance"] == 0.5).all()
    assert counted["ceiling"].isna().all()


def test_a_tie_goes_to_the_candidate_listed_first_and_unscored_gold_is_left_out() -> None:
    tied = [({}, {"a": -1.0, "b": -1.0}, gold) for gold in "aaaaaaab"]
    unscored = ({}, {"a": float("nan"), "b": -1.0}, "a")
    counts = counts_from_scores(scores([(ZERO, {"a": -1.0, "b": -2.0}, "a"), *tied, unscored]))
    shown = counts[counts["num_shots"] == 4].iloc[0]
    assert (shown["num_correct"], shown["num_prompts"]) == (7, 8)


def test_oracle_becomes_the_ceiling_of_its_cell_only() -> None:
    answers = [(ZERO, {"a": -1.0, "b": -2.0}, "a"), ({}, {"a": -1.0, "b": -2.0}, "b")]
    oracle = [({"model": "oracle"}, {"a": -1.0, "b": -2.0}, gold) for gold in "aaab"]
    counts = counts_from_scores(scores([*answers, *oracle])).set_index("num_shots")
    assert set(counts["model"]) == {"m"}
    assert counts.loc[4, "ceiling"] == 0.75
    assert np.isnan(counts.loc[0, "ceiling"])


def test_oracle_alone_is_fitted_like_a_model() -> None:
    alone = [
        (ZERO | {"model": "oracle"}, {"a": -1.0, "b": -2.0}, "a"),
        ({"model": "oracle"}, {"a": -1.0, "b": -2.0}, "b"),
    ]
    assert set(counts_from_scores(scores(alone))["model"]) == {"oracle"}


def test_other_inputs_are_a_label_mode_of_their_own() -> None:
    answers = [(ZERO, {"a": -1.0, "b": -2.0}, "a"), ({"input_mode": "ood"}, {"a": -1.0, "b": -2.0}, "b")]
    grid = grid_of(counts_from_scores(scores(answers)))
    assert grid.label_modes == ("gold, ood inputs",)
    assert grid_of(grid.cells).label_modes == grid.label_modes


def test_a_balance_that_varies_makes_conditions_of_its_own_also_across_runs() -> None:
    asked = {"a": -1.0, "b": -2.0}
    first = counts_from_scores(scores([(ZERO, asked, "a"), ({"balance": "as-drawn"}, asked, "b")]))
    other = counts_from_scores(scores([(ZERO, asked, "a"), ({"balance": "skewed(0.75)"}, asked, "b")]))
    assert grid_of(first).label_modes == ("gold",)  # one balance goes without saying
    both = pd.concat([first, other[other["num_shots"] > 0]])
    assert grid_of(both).label_modes == ("gold", "gold, skewed(0.75) balance")
    assert len(grid_of(both).conditions) == 2


def test_the_tasks_own_inputs_go_without_saying_beside_others() -> None:
    answers = [({"input_mode": mode}, {"a": -1.0, "b": -2.0}, "a") for mode in ("ood", "task")]
    counts = counts_from_scores(scores([(ZERO, {"a": -1.0, "b": -2.0}, "a"), *answers]))
    grid = grid_of(counts)
    assert grid.label_modes == ("gold, ood inputs", "gold")
    assert grid_of(grid.cells).label_modes == grid.label_modes


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (table(cell()).drop(columns="chance"), "columns \\['chance'\\] are missing"),
        (table(cell()).iloc[:0], "no rows"),
        (table(cell(), cell(num_shots=4, format=None)), "missing values"),
        (table(cell(), cell(num_shots=4, num_correct=1.5)), "whole numbers"),
        (table(cell(), cell(num_shots=4)).assign(num_prompts="many"), "wrong type"),
        (table(cell(), cell(num_shots=4, num_correct=101)), "got 101 of 100"),
        (table(cell(), cell(num_shots=-1)), "cannot be negative"),
        (table(cell(), cell(num_shots=4, chance=1.5)), "chance is a share"),
        (table(cell(), cell(label_mode="random"), cell(num_shots=4)), "occur twice"),
        (table(cell(num_shots=4)), "two or more shot counts, got only 4 shots"),
        (table(cell(), cell(num_shots=4)).assign(mean_logprob=0.1), "mean_logprob must be at most 0"),
    ],
)
def test_bad_counts_are_refused_in_one_sentence(counts: pd.DataFrame, message: str) -> None:
    with pytest.raises(UserError, match=message):
        validate_counts(counts)


@pytest.mark.parametrize(("right", "which"), [(0, "wrong"), (100, "right")])
def test_counts_that_are_all_alike_inform_no_account(right: int, which: str) -> None:
    alike = table(cell(num_correct=right), cell(num_shots=4, num_correct=right))
    with pytest.raises(UserError, match=f"was answered {which}, so counts can inform no account"):
        layout_of(alike, DRIFT_DIFFUSION)


def test_one_chain_cannot_disagree() -> None:
    with pytest.raises(UserError, match="at least 2 chains"):
        fit(ginc_counts(), chains=1, seed=0)


# ---------------------------------------------------------------- the model


@pytest.mark.parametrize("deviation", [0.1, 1.0, 5.0, 30.0])
@pytest.mark.parametrize("mean", [-20.0, -1.3, 0.0, 4.0])
def test_expected_sigmoid_matches_adaptive_quadrature(mean: float, deviation: float) -> None:
    middle = float(np.clip(-mean / deviation, -11, 11))  # where the integrand bends most
    expected, _ = quad(
        lambda z: expit(mean + deviation * z) * norm.pdf(z), -12, 12, points=[middle], epsabs=1e-12, limit=300
    )
    got = expected_sigmoid(np.array([mean]), np.array([deviation]), ndtr)
    np.testing.assert_allclose(got, [expected], atol=1e-8)  # the mixture's own error is 2e-9


def test_conditions_leave_zero_shot_out() -> None:
    grid = grid_of(text_counts())
    assert len(grid.conditions) == 8
    assert grid.label_modes == ("gold", "random", "shuffled", "flipped")
    assert (grid.cell_condition[grid.cells["num_shots"] == 0] == -1).all()


def test_prior_is_as_ready_to_fall_as_to_rise(rng: np.random.Generator) -> None:
    nodes = layout_of(text_counts(), DRIFT_DIFFUSION).draw_prior(4000, rng)
    signal, noise = (np.logaddexp(0, nodes[f"{name}_x"]) for name in ("signal_of_label_mode", "noise_of_format"))
    drift = signal[:, 0, 0] - noise[:, 0, 0]
    assert abs((drift > 0).mean() - 0.5) < 0.035  # 4,000 draws: 4.4 standard errors


# ---------------------------------------------------------------- parameter recovery


def deviations(tree: xr.DataTree, truth: np.ndarray, name: str = "drift") -> np.ndarray:
    """How many posterior deviations a quantity of each (model, condition), in that order, lies off the true one.

    The eight share their parameters and priors, so that all err alike (over data sets: mean 1, deviation 0.5). A right
    program passes a bound of 4 on each but for less than 1e-4; counts of intervals that hold the truth vary far more.
    """
    drawn = tree["posterior"][name]
    middle, deviation = drawn.mean(("chain", "draw")), drawn.std(("chain", "draw"))
    return np.abs(middle.to_numpy().ravel() - truth) / deviation.to_numpy().ravel()


def test_ginc_grid_recovers_drift_signal_and_noise(ginc_tree: xr.DataTree) -> None:
    found = diagnose(ginc_tree)
    assert found.divergence_share <= 0.005
    assert found.max_rhat < 1.1  # 1.04 with 500 draws a chain; the default 2,000 reach 1.01
    rows = summarise(ginc_tree)
    signal, noise = np.array([GINC_MODELS[model] for model in rows["model"]]).T
    signal = signal * rows["example_length"].to_numpy()
    truth = signal - noise
    for name, true in (("signal", signal), ("noise", noise), ("drift", truth)):
        assert deviations(ginc_tree, true, name).max() < 4, name
    assert deviations(ginc_tree, -truth).max() > 3.5  # known well enough to tell
    for _, of_model in rows.assign(truth=truth).groupby("model"):
        assert (np.argsort(of_model["drift"]) == np.argsort(of_model["truth"])).all()
    assert rows["separately_identified"].all()
    assert (rows["note"] == "").all()
    assert (rows["drift_contraction"] > 0.8).all()


def test_text_grid_recovers_drift_but_not_its_parts(text_tree: xr.DataTree) -> None:
    assert diagnose(text_tree).divergence_share <= 0.005
    assert diagnose(text_tree).max_rhat < 1.05
    rows = summarise(text_tree)
    truth = np.array(
        [TEXT_SIGNAL[mode] - TEXT_NOISE[written] for mode, written in zip(rows["label_mode"], rows["format"])]
    )
    assert deviations(text_tree, truth).max() < 4
    assert rows["drift"].corr(pd.Series(truth), method="spearman") > 0.8
    assert not rows["separately_identified"].any()
    assert rows["note"].str.contains("interpret the drift").all()
    assert rows.loc[rows["label_mode"] == "flipped", "drift"].lt(0).all()


def test_probability_of_signal_over_noise_is_a_count_of_draws(text_tree: xr.DataTree) -> None:
    posterior = text_tree["posterior"]
    by_hand = (posterior["signal"].to_numpy() > posterior["noise"].to_numpy()).mean(axis=(0, 1))[0]
    np.testing.assert_array_equal(summarise(text_tree)["prob_signal_exceeds_noise"], by_hand)


def test_log_likelihood_matches_scipy(ginc_tree: xr.DataTree) -> None:
    posterior, cells = ginc_tree["posterior"].isel(chain=0, draw=0), ginc_tree["constant_data"]
    accuracy = posterior["accuracy"].to_numpy()
    precision = np.exp(posterior["log_precision"].sel(model=cells["cell_model"].to_numpy()).to_numpy())
    expected = betabinom.logpmf(
        cells["num_correct"].to_numpy(),
        cells["num_prompts"].to_numpy(),
        accuracy * precision,
        (1 - accuracy) * precision,
    )
    got = ginc_tree["log_likelihood"]["num_correct"].isel(chain=0, draw=0).to_numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-6)


# ---------------------------------------------------------------- checks and summary


def test_predictive_checks_count_conditions(ginc_tree: xr.DataTree) -> None:
    after, before = posterior_predictive_check(ginc_tree), prior_predictive_check(ginc_tree)
    assert after["inside"].mean() >= 0.8
    assert before["inside"].mean() >= 0.8
    assert after.attrs["sentence"].startswith(f"{after['inside'].sum()} of 40 conditions")
    assert ((before["upper"] - before["lower"]) > (after["upper"] - after["lower"])).all()


def hand_made(chains: np.ndarray, diverging: np.ndarray) -> xr.DataTree:
    posterior = xr.Dataset(
        {"drift": (("chain", "draw", "condition"), chains[..., None])}, coords={"condition": ["gold"]}
    )
    stats = xr.Dataset({"diverging": (("chain", "draw"), diverging)})
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


def test_a_broken_fit_is_called_broken(rng: np.random.Generator) -> None:
    apart = rng.standard_normal((4, 500)) + np.array([0.0, 0.0, 0.0, 5.0])[:, None]
    diverging = np.zeros((4, 500), dtype=bool)
    diverging[0, :20] = True
    found = diagnose(hand_made(apart, diverging))
    assert not found.converged
    assert found.worst_variable == "drift[gold]"
    assert (found.divergences, found.divergence_share) == (20, 0.01)
    assert found.sentences[0].startswith("This fit did not converge: its 4 chains disagree")
    assert "20 of 2000 draws diverged (1.0%)" in found.sentences[0]


def test_a_sound_fit_is_called_sound(rng: np.random.Generator) -> None:
    found = diagnose(hand_made(rng.standard_normal((4, 500)), np.zeros((4, 500), dtype=bool)))
    assert found.converged
    assert found.sentences[0].startswith("4 chains agree")


def test_a_quantity_that_never_moved_is_no_convergence() -> None:
    assert not diagnose(hand_made(np.zeros((4, 500)), np.zeros((4, 500), dtype=bool))).converged


def shaped(conditions: list[tuple[str, str, int]], drift: list[float], start: float) -> xr.DataTree:
    """A tree with one model and the given draws of drift in every condition."""
    modes, formats, lengths = zip(*conditions)
    names = [f"c{number}" for number in range(len(conditions))]
    fixed = xr.Dataset(
        {
            "condition_label_mode": ("condition", list(modes)),
            "condition_format": ("condition", list(formats)),
            "condition_example_length": ("condition", np.array(lengths, dtype=float)),
            "condition_tokens": ("condition", np.array(lengths, dtype=float)),
            "observed": (("model", "condition"), np.ones((1, len(names)), dtype=bool)),
        },
        coords={"model": ["m"], "condition": names},
    )
    draws = np.broadcast_to(np.array(drift)[None, :, None, None], (1, len(drift), 1, len(names)))
    levels = {"model": ["m"], "format": sorted(set(formats)), "example_length": sorted({str(k) for k in lengths})}
    starts = np.full((1, len(drift), *(len(level) for level in levels.values())), start)
    posterior = xr.Dataset(
        {
            "drift": (("chain", "draw", "model", "condition"), draws),
            "start_log_odds": (("chain", "draw", *levels), starts),
        },
        coords={"condition": names, **levels},
    )
    return xr.DataTree.from_dict({"posterior": posterior, "constant_data": fixed})


@pytest.mark.parametrize(
    ("conditions", "apart"),
    [
        ([("gold", "f", 3), ("gold", "f", 5)], [True, True]),
        ([("gold", "f", 5), ("random", "f", 5)], [False, False]),
        ([("gold", "f", 3), ("gold", "f", 5), ("random", "f", 5)], [True, True, True]),
        ([("gold", "f", 3), ("gold", "f", 5), ("random", "g", 5)], [True, True, False]),
    ],
)
def test_parts_are_identified_only_where_example_length_varies(
    conditions: list[tuple[str, str, int]], apart: list[bool]
) -> None:
    assert separately_identified(shaped(conditions, [0.1], 0.0)).to_numpy()[0].tolist() == apart


def test_demonstrations_needed_by_hand() -> None:
    # log 9 = 2.197: from −1 at 0.5 nats a shot it takes 6.39; falling draws never get there.
    row = demonstrations_needed(shaped([("gold", "f", 3)], [0.5, 0.5, 0.5, -0.1], -1.0)).iloc[0]
    assert row["median"] == pytest.approx((np.log(9) + 1) / 0.5)
    assert row["upper"] == np.inf
    assert row["prob_never"] == 0.25
    assert demonstrations_needed(shaped([("gold", "f", 3)], [-0.1], 3.0)).iloc[0]["median"] == 0


# ---------------------------------------------------------------- the tree on disk, and imports


def test_tree_survives_netcdf(text_tree: xr.DataTree, tmp_path) -> None:
    path = tmp_path / "posterior.nc"
    text_tree.to_netcdf(path)
    with xr.open_datatree(path) as reread:
        assert set(reread.children) == set(text_tree.children)
        assert dict(reread.attrs) == dict(text_tree.attrs)
        for name in text_tree.children:
            xr.testing.assert_equal(reread[name].to_dataset(), text_tree[name].to_dataset())
        pd.testing.assert_frame_equal(summarise(reread), summarise(text_tree))
        assert diagnose(reread) == diagnose(text_tree)


def test_importing_the_room_loads_no_heavy_library() -> None:
    modules = "accounts, counts, layout, diagnose, fit, grid, hierarchy, observation, summary"
    code = f"import sys; from icl.concept import {modules}; "
    code += "print([m for m in ('pymc', 'nutpie', 'arviz', 'torch', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
