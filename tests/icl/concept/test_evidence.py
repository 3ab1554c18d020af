"""The evidence decomposition against enumeration, a second implementation, known parameters and known controls."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from chance import ERROR, SIGMAS
from scipy.stats import ks_2samp

from icl.concept.diagnose import diagnose, posterior_predictive_check
from icl.concept.evidence.account import constant_data
from icl.concept.evidence.identified import DATA, DATA_AND_NOISE_PRIOR, PRIOR, identified_sums, told_by
from icl.concept.evidence.layout import evidence_cells, evidence_layout, label_evidence
from icl.concept.evidence.model import build_evidence_model
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS
from icl.concept.evidence.simulate import draw_prior, expected_accuracy, simulate_evidence
from icl.concept.evidence.summary import break_even, label_share, summarise_conditions, summarise_evidence
from icl.concept.fit import Fit, fit
from icl.errors import UserError
from probes.figures.picture import png
from probes.findings.material import Material, by_task
from probes.report.sections.catalogue import SECTIONS

LADDER = (
    *(("gold", "task"), ("random", "task"), ("shuffled", "task"), ("random_words", "task"), ("none", "task")),
    *(("random", "ood"), ("random", "none")),
)
TRUE = {
    "inputs": 0.25,
    "label_space": 0.2,
    "label_weight": 0.5,
    "label_noise": 0.1,
    "noise": 0.4,
    "start_log_odds": -0.5,
    "base": 0.5,
    "skill": 0.9,
    "walk_deviation": 0.15,
    "log_precision": 5.5,
}
SHARES = {"gold": 1.0, "flipped": 0.0, "fraction_correct(0.75)": 0.75}


def ladder(rng, *, modes=LADDER, sets=4, queries=100, shots=(0, 4, 16), m=2, formats=("minimal",), model="small"):
    """Cells of a run without answers worth the name; shares of drawn labels are drawn."""
    rows = []
    for written in formats:
        same = {"model": model, "task": "films", "format": written, "num_labels": m, "num_prompts": queries}
        if 0 in shots:
            zero = {"demonstration_set_id": "", "label_mode": "zero_shot", "input_mode": "none", "num_shots": 0}
            rows.append(same | zero | {"share_correct": np.nan})
        for n in (n for n in shots if n):
            for chosen in range(sets):
                for mode, inputs in modes:
                    share = SHARES.get(mode, rng.binomial(n, 1 / m) / n)
                    known = inputs == "task" and mode not in ("none", "random_words")
                    shown = {"label_mode": mode, "input_mode": inputs, "num_shots": n}
                    shown |= {"demonstration_set_id": f"set{chosen}", "share_correct": share if known else np.nan}
                    rows.append(same | shown)
    cells = pd.DataFrame(rows).assign(balance="balanced", label_draw=0, order=0, option_order=0)
    there = cells["num_shots"] > 0
    wrong = 1 - cells["share_correct"]
    return cells.assign(
        share_permuted=wrong.where(cells["label_mode"] == "flipped", wrong / (m - 1)),
        share_permuted_is_exact=m == 2,
        has_inputs=there & (cells["input_mode"] == "task"),
        has_label_space=there & ~cells["label_mode"].isin(["none", "random_words"]),
        num_correct=np.arange(len(cells)) % 2,
    )


def parameters(cells: pd.DataFrame, **changed) -> dict[str, np.ndarray]:
    layout = evidence_layout(cells)
    sizes = {name: len(layout.styles if name in ("noise", "start_log_odds") else layout.series) for name in TRUE}
    sizes |= dict.fromkeys(changed, len(layout.series)) | {name: sizes[name] for name in changed if name in sizes}
    return {name: np.full(sizes[name], value) for name, value in (TRUE | changed).items()}


def made_tree(cells: pd.DataFrame, rng, *, agree: bool = True, **changed) -> xr.DataTree:
    """What a fit would hold whose posterior is close about known parameters."""
    layout, concepts = evidence_layout(cells), 3 if "permuted_gap" in changed else 2
    known = parameters(cells, **changed)
    m = layout.series["num_labels"].to_numpy()
    right, wrong = (known["label_weight"] * label_evidence(share, known["label_noise"], m) for share in (1.0, 0.0))
    known |= {"labels": right, "wrong_labels": right - wrong, "accuracy": expected_accuracy(cells, known)}
    dim = {"noise": "style", "start_log_odds": "style", "accuracy": "cell"}
    groups = {}
    for group, width in (("posterior", 0.001), ("prior", 1.0)):
        draws = {}
        for name, value in known.items():
            noise = width * rng.standard_normal((2, 500, len(value)))
            noise[0] += 0 if agree else 3
            draws[name] = (("chain", "draw", dim.get(name, "series")), value + noise)
        groups[group] = xr.Dataset(draws, coords={k: v for k, v in layout.coords.items() if k != "step"})
    groups["sample_stats"] = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 500), dtype=bool))})
    groups["constant_data"] = constant_data(layout)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {"account": "evidence", "observe": "counts", "concepts": concepts, "models": '["small"]'}
    return tree


# ---------------------------------------------------------------- label evidence


@pytest.mark.parametrize(("m", "right"), [(2, 3), (3, 1), (5, 4)])
def test_label_evidence_is_the_mean_log_likelihood_ratio_of_the_labels(m, right):
    """Four labels, `right` of them as the mapping says: enumerated against uniform labels."""
    noise = 0.12
    gold, shown = np.zeros(4, dtype=int), np.where(np.arange(4) < right, 0, 1)
    under = np.full((m, m), noise / (m - 1))
    np.fill_diagonal(under, 1 - noise)
    ratio = np.prod([under[g, s] * m for g, s in zip(gold, shown)])
    assert label_evidence(right / 4, noise, m) == pytest.approx(np.log(ratio) / 4, rel=1e-12)


def test_labels_as_right_as_chance_speak_against_the_mapping():
    assert label_evidence(0.5, 0.1, 2) < 0 < label_evidence(0.9, 0.1, 2)
    # In expectation over labels made by the mapping itself it is a divergence, hence positive.
    assert label_evidence(1 - 0.3, 0.3, 3) > 0
    assert label_evidence(1 / 3, 2 / 3, 3) == pytest.approx(0.0, abs=1e-12)


# ---------------------------------------------------------------- cells


def scores_of(rows: list[dict]) -> pd.DataFrame:
    """A score table; each row a prompt with `logprobs` by candidate, the first of them gold."""
    table = []
    for number, row in enumerate(rows):
        logprobs = row.pop("logprobs")
        for place, logprob in enumerate(logprobs):
            known = {
                "run": "r", "model": "small", "task": "films", "probe": "ladder", "label_mode": "gold",
                "input_mode": "task", "format": "minimal", "order": 0, "num_shots": 4, "example_length": pd.NA,
                "seed_selection": 0, "seed_labels": 0, "seed_order": 0, "seed_format": 0, "prompt_id": f"p{number}",
                "query_id": f"q{number}", "demonstration_set_id": "set0", "num_wrong_shown": 0, "num_label_tokens": 1,
                "boundary_clean": True, "status": "ok", "reason": "", "candidate": "abc"[place],
                "candidate_text": "abc"[place], "is_gold": place == 0, "logprob": logprob, "logprob_per_token": logprob,
            }  # fmt: skip
            table.append(known | row)
    return pd.DataFrame(table)


def test_cells_give_ties_to_the_first_and_count_zero_shot_questions_once():
    zero = {"num_shots": 0, "query_id": "q0", "prompt_id": "same"}
    cells = evidence_cells(
        scores_of(
            [
                *({"logprobs": [-1.0, -1.0]} for _ in range(4)),
                *({"logprobs": [-0.1, -3.0]} for _ in range(2)),
                *({"logprobs": [-2.0, -0.2], "demonstration_set_id": f"set{i}"} | zero for i in range(3)),
            ]
        )
    )
    shown, none = cells[cells["num_shots"] > 0].iloc[0], cells[cells["num_shots"] == 0].iloc[0]
    assert (shown["num_correct"], shown["num_prompts"]) == (6, 6)
    assert (none["num_correct"], none["num_prompts"], none["label_mode"]) == (0, 1, "zero_shot")
    assert len(cells) == 2
    assert not none["has_inputs"]
    assert not none["has_label_space"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # label mode, inputs, wrong of 4, candidates → ρ, permuted, exact, inputs, label space
        (("gold", "task", 0, 3), (1.0, 0.0, True, True, True)),
        (("random", "task", 2, 3), (0.5, 0.25, False, True, True)),
        (("random", "task", 3, 2), (0.25, 0.75, True, True, True)),
        (("permuted", "task", 4, 3), (0.0, 1.0, True, True, True)),
        (("flip_after(1)", "task", 3, 3), (0.25, 0.75, True, True, True)),
        (("random_words", "task", None, 2), (np.nan, np.nan, True, True, False)),
        (("none", "task", None, 2), (np.nan, np.nan, True, True, False)),
        (("random", "ood", None, 2), (np.nan, np.nan, True, False, True)),
        (("random", "none", None, 2), (np.nan, np.nan, True, False, True)),
    ],
)
def test_what_a_cell_shows_is_read_from_its_mode_and_its_labels(row, expected):
    mode, inputs, wrong, m = row
    logprobs = [-0.1, *[-3.0] * (m - 1)]
    prompts = [
        {"logprobs": logprobs, "label_mode": mode, "input_mode": inputs, "num_wrong_shown": wrong},
        {"logprobs": logprobs[::-1], "num_shots": 0, "label_mode": mode},
    ]
    cell = evidence_cells(scores_of(prompts)).set_index("num_shots").loc[4]
    names = ["share_correct", "share_permuted", "share_permuted_is_exact", "has_inputs", "has_label_space"]
    found, wanted = cell[names].to_numpy(dtype=float), np.array(expected, dtype=float)
    np.testing.assert_allclose(found, wanted, equal_nan=True)


def test_symbols_are_left_out():
    prompts = [{"logprobs": [-0.1, -3.0]}, {"logprobs": [-3.0, -0.1], "num_shots": 0}]
    with_symbols = [*prompts, {"logprobs": [-0.1, -3.0], "label_mode": "symbols"}]
    assert len(evidence_cells(scores_of([dict(p) for p in with_symbols]))) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[c["num_shots"] == 16], "only between shot counts, got only 16 shots"),
        (lambda c: c.assign(num_correct=c["num_prompts"]), "was answered right, so nothing can be decomposed"),
        (lambda c: c.assign(num_correct=0), "was answered wrong, so nothing can be decomposed"),
        (lambda c: c.assign(num_correct=50), "same share of right answers, 50%"),
        (
            lambda c: pd.concat([c, c.assign(model="dull", num_correct=0)], ignore_index=True),
            "dull on films: every prompt of all 57 cells was answered wrong",
        ),
        (lambda c: c.assign(num_correct=101), "num_correct must lie between 0 and num_prompts, got 101 of 100"),
        (lambda c: c.drop(columns="share_correct"), r"columns \['share_correct'\] are missing"),
        (lambda c: c.assign(num_correct=0.5), r"\['num_correct'\] of the evidence cells must be whole numbers"),
        (lambda c: c.assign(share_correct=1.5), "are shares in"),
        (lambda c: pd.concat([c, c]), "occur twice"),
        (lambda c: c.assign(num_labels=np.arange(len(c)) % 2 + 2), "have different numbers of labels"),
        (lambda c: c.assign(num_labels=1), "fewer than 2 labels"),
        (lambda c: c.iloc[:0], "has no rows"),
        (lambda c: c.assign(format=None), r"columns \['format'\] of the evidence cells have missing values"),
    ],
)
def test_cells_that_tell_nothing_are_refused(rng, change, message):
    with pytest.raises(UserError, match=message):
        build_evidence_model(change(ladder(rng)))


def test_wrong_questions_are_refused(rng):
    cells = ladder(rng)
    with pytest.raises(UserError, match="concepts must be 2 .* or 3 .*, got 4"):
        build_evidence_model(cells, concepts=4)
    with pytest.raises(UserError, match="at least 2 chains, 4 draws and 1 tuning draw, got 1"):
        fit(cells, "evidence", chains=1, seed=0)
    with pytest.raises(UserError, match=r"parameters \['skill'\] are missing"):
        simulate_evidence(cells, {k: v for k, v in parameters(cells).items() if k != "skill"}, rng)
    with pytest.raises(UserError, match="parameter 'noise' needs one value for each style, 1"):
        expected_accuracy(cells, parameters(cells) | {"noise": np.zeros(3)})
    with pytest.raises(UserError, match="odds must be positive, got 0"):
        summarise_conditions(made_tree(cells, rng), odds=0.0)
    with pytest.raises(UserError, match="are of tasks in words|is of tasks in words"):
        evidence_cells(scores_of([{"logprobs": [-0.1, -1.0], "example_length": 5}]))


# ---------------------------------------------------------------- the model


@pytest.mark.parametrize(("concepts", "m"), [(2, 2), (3, 2), (3, 4)])
def test_mean_accuracy_agrees_with_the_second_implementation(rng, concepts, m):
    """At draws from the prior, walks included; two models, two formats."""
    import pymc as pm

    modes = (*LADDER, ("flipped", "task"))
    cells = [ladder(rng, modes=modes, m=m, formats=("minimal", "arrow"), model=model) for model in ("a", "b")]
    cells = pd.concat(cells, ignore_index=True)
    model = build_evidence_model(cells, concepts=concepts)
    with model:
        drawn = pm.draw([*model.free_RVs, *model.deterministics], random_seed=1, draws=3, mode="FAST_COMPILE")
    drawn = dict(zip([v.name for v in (*model.free_RVs, *model.deterministics)], drawn))
    layout = evidence_layout(cells)
    for draw in range(3):
        mine = {name: values[draw] for name, values in drawn.items()}
        known = {name: mine[name] for name in [*TRUE, *(["permuted_gap"] if concepts == 3 else [])]}
        step = mine["walk_deviation"][layout.walk_series] * mine["walk_unit"]
        walk = [
            sum(step[at] * length for at, length in zip(*cell))
            for cell in zip(layout.cell_walk, layout.cell_walk_length)
        ]
        np.testing.assert_allclose(mine["accuracy"], expected_accuracy(cells, known, np.array(walk)), atol=1e-10)
        np.testing.assert_allclose(
            mine["labels"], mine["label_weight"] * label_evidence(1.0, mine["label_noise"], m), atol=1e-10
        )


@pytest.mark.parametrize("concepts", [2, 3])
def test_the_priors_drawn_by_numpy_are_the_models(rng, concepts):
    import pymc as pm

    cells = ladder(rng, modes=(*LADDER, ("flipped", "task")), m=3)
    numpy = draw_prior(evidence_layout(cells), DEFAULT_EVIDENCE_PRIORS, concepts=concepts, num_draws=2000, rng=rng)
    model = build_evidence_model(cells, concepts=concepts)
    with model:
        drawn = pm.draw([model[name] for name in numpy], random_seed=1, draws=2000, mode="FAST_COMPILE")
    for name, values in zip(numpy, drawn):
        assert ks_2samp(values.ravel(), numpy[name].ravel()).pvalue > ERROR / len(numpy), name


def test_a_set_walks_from_its_fewest_demonstrations_to_its_most(rng):
    layout = evidence_layout(ladder(rng, sets=2, shots=(0, 4, 16)))
    assert len(layout.walk_series) == 4
    variance = (layout.cell_walk_length**2).sum(axis=1)
    np.testing.assert_allclose(variance, layout.cells["num_shots"])
    shown = layout.cells["num_shots"].to_numpy() > 0
    first = layout.cell_walk[shown, 0]
    sets = layout.cells["demonstration_set_id"].to_numpy()[shown]
    assert len(set(zip(first, sets))) == 2


def test_a_permuted_task_is_answered_wrong_and_is_never_the_likelier_start(rng):
    cells = ladder(rng, modes=(("gold", "task"), ("flipped", "task")), m=3)
    many = parameters(cells, label_weight=3.0, noise=0.0, permuted_gap=0.5)
    found = cells.assign(accuracy=expected_accuracy(cells, many)).set_index(["label_mode", "num_shots"])["accuracy"]
    assert found["gold", 16].to_numpy() == pytest.approx(0.9, abs=1e-6)
    assert found["flipped", 16].to_numpy() == pytest.approx(0.05, abs=1e-6)
    assert found["zero_shot", 0].item() > 0.5


def test_simulated_counts_have_the_mean_and_spread_of_their_law(rng):
    cells = ladder(rng, queries=200, sets=2, modes=(("gold", "task"), ("random", "task")))
    known = parameters(cells, walk_deviation=1e-9, log_precision=4.0)
    share = np.stack([simulate_evidence(cells, known, rng)["num_correct"] / 200 for _ in range(100)])
    mean = expected_accuracy(cells, known)
    np.testing.assert_allclose(share.mean(axis=0), mean, atol=5 * np.sqrt(0.25 * (1 / 200 + 1 / 55) / 100))
    spread = mean * (1 - mean) / 200 * (1 + 199 / (np.exp(4.0) + 1))
    np.testing.assert_allclose(share.var(axis=0), spread, rtol=0.7)


# ---------------------------------------------------------------- what the conditions tell apart


def sums_of(tree: xr.DataTree) -> list[dict[str, float]]:
    return [{name: weight for (name, _), weight in found.items()} for found in identified_sums(tree, 0)]


def told(tree: xr.DataTree, *names: str) -> list[str]:
    return [told_by(tree, 0, {(name, "minimal" if name == "noise" else ""): 1.0}) for name in names]


def test_gold_labels_alone_tell_one_sum(rng):
    tree = made_tree(ladder(rng, modes=(("gold", "task"),)), rng)
    assert told(tree, "inputs", "label_space", "labels", "noise") == [PRIOR] * 4
    assert sums_of(tree) == [{"inputs": 1.0, "label_space": 1.0, "labels": 1.0, "noise": -1.0}]
    parts = summarise_evidence(tree)
    assert parts.loc[~parts["is_sum"], "median"].isna().all()
    truth = 0.25 + 0.2 + 0.5 * np.log(0.9 * 2) - 0.4
    assert parts.loc[parts["is_sum"], "median"].item() == pytest.approx(truth, abs=1e-3)
    assert parts.loc[parts["is_sum"], "component"].item() == "inputs + label_space + labels − noise[minimal]"
    assert np.isnan(label_share(tree)["median"].item())


def test_wrong_labels_tell_what_right_ones_are_worth(rng):
    tree = made_tree(ladder(rng, modes=(("gold", "task"), ("random", "task"))), rng)
    assert told(tree, "wrong_labels", "labels", "inputs") == [DATA, DATA_AND_NOISE_PRIOR, PRIOR]
    assert np.isnan(label_share(tree)["median"].item())


def test_the_ladder_tells_all_but_one_direction_and_that_with_the_prior_of_the_label_noise(rng):
    tree = made_tree(ladder(rng), rng)
    assert told(tree, "wrong_labels") == [DATA]
    assert told(tree, "inputs", "label_space", "labels", "noise") == [DATA_AND_NOISE_PRIOR] * 4
    assert sums_of(tree) == [
        {"inputs": 1.0, "noise": -1.0},
        {"label_space": 1.0, "noise": -1.0},
        {"labels": 1.0, "noise": 1.0},
    ]
    share = label_share(tree).iloc[0]
    labels = 0.5 * np.log(0.9 * 2)
    assert share["median"] == pytest.approx(labels / (0.45 + labels), abs=1e-3)
    assert share["told_by"] == DATA_AND_NOISE_PRIOR


def test_a_null_direction_of_the_ladder_moves_no_cell(rng):
    """The same mean accuracy from other parts: what is called untold is so."""
    cells = ladder(rng)
    before = expected_accuracy(cells, parameters(cells))
    # inputs, label space and noise up by t, labels down by t, wrong_labels as it was: γ and η follow.
    t, right, lost = 0.05, 0.5 * np.log(1.8), 0.5 * (np.log(1.8) - np.log(0.2))
    target = (right - t) / lost
    grid = np.linspace(0.01, 0.49, 200_001)
    ratio = np.log((1 - grid) * 2) / np.log((1 - grid) / grid)
    noise = grid[np.abs(ratio - target).argmin()]
    other = {"inputs": 0.25 + t, "label_space": 0.2 + t, "noise": 0.4 + t, "label_noise": noise}
    other["label_weight"] = lost / np.log((1 - noise) / noise)
    assert abs(noise - 0.1) > 0.01
    np.testing.assert_allclose(expected_accuracy(cells, parameters(cells, **other)), before, atol=1e-4)


def test_without_zero_shots_and_a_second_count_a_drift_is_not_told(rng):
    cells = ladder(rng, modes=(("gold", "task"), ("random", "task")), shots=(16,))
    other = ladder(rng, modes=(("gold", "task"),), formats=("arrow",))
    tree = made_tree(pd.concat([cells, other], ignore_index=True), rng)
    rows = summarise_conditions(tree).set_index(["format", "label_mode"])
    assert rows.loc[("minimal", "gold"), "told_by"] == PRIOR
    assert np.isnan(rows.loc[("minimal", "gold"), "drift"])
    assert "run more shot counts, including 0" in rows.loc[("minimal", "gold"), "note"]
    assert rows.loc[("arrow", "gold"), "told_by"] == DATA


# ---------------------------------------------------------------- what is summed up


def test_conditions_hold_signal_noise_and_the_shots_to_nine_in_ten(rng):
    rows = summarise_conditions(made_tree(ladder(rng), rng)).set_index(["label_mode", "input_mode"])
    gold = rows.loc[("gold", "task")]
    drift = 0.25 + 0.2 + 0.5 * np.log(1.8) - 0.4
    assert gold["drift"] == pytest.approx(drift, abs=1e-3)
    assert gold["signal"] == pytest.approx(drift + 0.4, abs=1e-3)
    assert gold["noise"] == pytest.approx(0.4, abs=1e-3)
    assert gold["shots_needed"] == pytest.approx((np.log(9) + 0.5) / drift, rel=0.02)
    assert gold["prob_signal_exceeds_noise"] == 1.0
    ood = rows.loc[("random", "ood")]
    assert ood["drift"] == pytest.approx(0.2 - 0.4, abs=1e-3)
    assert np.isinf(ood["shots_needed"])
    assert (ood["prob_never"], ood["prob_signal_exceeds_noise"]) == (1.0, 0.0)
    assert np.isnan(ood["share_correct"])


@pytest.mark.parametrize(
    ("noise", "exists"), [(0.4, (0.0, 0.0)), (0.0, (0.0, 1.0)), (1.0, (1.0, 0.0))], ids=["inside", "always", "never"]
)
def test_break_even_is_where_signal_equals_noise(rng, noise, exists):
    changed = {"noise": noise} if noise else {"noise": 0.0, "inputs": 1.0}
    row = break_even(made_tree(ladder(rng), rng, **changed)).iloc[0]
    never, always = exists
    assert (row["prob_never"], row["prob_always"], row["prob_none"]) == (never, always, never + always)
    if never or always:
        assert np.isnan(row["median"])
    else:
        rest = 0.45 + 0.5 * float(label_evidence(row["median"], 0.1, 2))
        assert rest == pytest.approx(0.4, abs=5e-3)


# ---------------------------------------------------------------- the report


def section(tree: xr.DataTree, stale: str = "") -> Material:
    return Material(model="small", metrics=pd.DataFrame(columns=["model"]), fits=(Fit(tree, stale),))


def test_the_report_draws_the_parts_and_tells_sums_as_sums(rng):
    material = section(made_tree(ladder(rng), rng))
    drawn = SECTIONS["evidence"].draw(material)
    assert png(drawn.figure, dpi=30).startswith(b"\x89PNG")
    assert re.match(r"small: 39\.\d % \(90 % interval .*\) of the signal of demonstrations comes", drawn.title)
    ticks = [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()]
    assert ticks[:3] == ["inputs of the task", "words of the label space", "right labels"]
    assert "sum: inputs of the task − noise of the format minimal" in ticks
    said = SECTIONS["evidence"].say(material).text
    assert "Each demonstration with gold labels moves the log-odds of the task by 0.34 nats" in said
    assert "identify only sums of the other parts: inputs of the task − noise of the format minimal −0.15" in said
    assert "Right labels bring 39." in said
    assert "Signal equals noise where" in said


def test_of_several_tasks_each_is_told_its_own(rng, monkeypatch):
    monkeypatch.setattr("icl.concept.diagnose.MAX_RHAT", 99.0)
    monkeypatch.setattr("icl.concept.diagnose.MIN_ESS_BULK", 0)
    films, topics = ladder(rng), ladder(rng).assign(task="topics")
    tree = made_tree(pd.concat([films, topics], ignore_index=True), rng)
    metrics = pd.DataFrame({"model": "small", "task": ["films", "topics"]})
    of_both = Material(model="", metrics=by_task(metrics, ("films", "topics")), fits=(Fit(tree, ""),))
    names = of_both.metrics["model"].tolist()
    assert names == ["small | films", "small | topics"]
    alone = section(made_tree(films, rng))
    for material in map(of_both.of, names):
        drawn = SECTIONS["evidence"].draw(material)
        assert drawn.title.startswith(f"{material.model}: ")
        ticks, theirs = (
            [label.get_text() for label in one.figure.axes[0].get_yticklabels()]
            for one in (drawn, SECTIONS["evidence"].draw(alone))
        )
        assert ticks == theirs
        assert SECTIONS["evidence"].say(material).text.startswith("Each demonstration with gold labels")


def test_a_name_that_looks_like_a_model_of_a_task_is_a_name():
    """Nothing is taken out of a name: this model is called so, and the fit of 'small' is not its own."""
    fit = SimpleNamespace(models=("small",))
    material = Material(model="", metrics=pd.DataFrame({"model": ["small | films"], "task": "films"}), fits=(fit,))
    assert material.of("small | films").fits == ()


def test_a_share_that_only_the_prior_tells_is_not_quoted(rng):
    material = section(made_tree(ladder(rng, modes=(("gold", "task"),)), rng))
    said = SECTIONS["evidence"].say(material).text
    assert "do not identify the share of the signal that right labels bring" in said
    drawn = SECTIONS["evidence"].draw(material)
    assert "%" not in drawn.title
    assert png(drawn.figure, dpi=30).startswith(b"\x89PNG")


def test_a_fit_that_did_not_converge_or_is_of_other_scores_is_not_quoted(rng):
    material = section(made_tree(ladder(rng), rng, agree=False))
    assert SECTIONS["evidence"].draw(material) is None
    assert "did not converge" in SECTIONS["evidence"].say(material).text
    material = section(made_tree(ladder(rng), rng), stale="It was made from other scores.")
    assert SECTIONS["evidence"].draw(material) is None
    assert SECTIONS["evidence"].say(material).text.startswith("It was made from other scores. Its numbers are not")
    assert not section(made_tree(ladder(rng), rng)).of("large").fits


# ---------------------------------------------------------------- fits


@pytest.fixture(scope="module")
def fitted() -> tuple[pd.DataFrame, xr.DataTree]:
    rng = np.random.default_rng(3)
    cells = ladder(rng, queries=500, sets=5)
    cells = simulate_evidence(cells, parameters(cells), rng)
    return cells, fit(cells, "evidence", concepts=2, seed=1, draws=800, tune=600, chains=3)


def test_known_parts_are_recovered(fitted):
    _, tree = fitted
    assert diagnose(tree).max_rhat < 1.03
    right, lost = 0.5 * np.log(1.8), 0.5 * (np.log(1.8) - np.log(0.2))
    known = {"wrong_labels": lost, "inputs − noise": -0.15, "label_space − noise": -0.2, "labels + noise": right + 0.4}
    ends, draws_of = {}, {}
    for group in ("prior", "posterior"):
        draws = {name: tree[group][name].to_numpy() for name in ("inputs", "label_space", "labels", "noise")}
        draws["wrong_labels"] = tree[group]["wrong_labels"].to_numpy()
        draws["inputs − noise"] = draws["inputs"] - draws["noise"]
        draws["label_space − noise"] = draws["label_space"] - draws["noise"]
        draws["labels + noise"] = draws["labels"] + draws["noise"]
        draws_of[group] = draws
        ends[group] = {name: np.quantile(draws[name], [0.05, 0.95]) for name in known}
    parts = summarise_evidence(tree).set_index("component")
    for name, value in known.items():
        low, high = ends["posterior"][name]
        deviation = np.std(draws_of["posterior"][name])
        assert abs(np.mean(draws_of["posterior"][name]) - value) < SIGMAS * deviation, name
        assert high - low < 0.5 * np.ptp(ends["prior"][name]), name
        row = parts.loc[name.replace("noise", "noise[minimal]")]
        np.testing.assert_allclose([row["lower"], row["upper"]], [low, high])
    posterior = tree["posterior"].to_dataset()
    share = posterior["labels"] / (posterior["inputs"] + posterior["label_space"] + posterior["labels"])
    assert abs(float(share.mean()) - right / (right + 0.45)) < SIGMAS * float(share.std())
    assert label_share(tree)["median"].item() == pytest.approx(float(share.median()), rel=1e-9)
    gold = summarise_conditions(tree).iloc[0]
    assert gold["drift"] == pytest.approx(right + 0.05, abs=1.5 * (gold["drift_upper"] - gold["drift_lower"]))
    assert gold["drift_lower"] > 0
    assert gold["note"] == ""
    assert posterior_predictive_check(tree)["inside"].mean() > 0.8


def test_a_fit_holds_what_plots_and_checks_need(fitted):
    cells, tree = fitted
    groups = {"prior", "prior_predictive", "posterior", "sample_stats", "posterior_predictive", "log_likelihood"}
    assert set(tree.children) == groups | {"observed_data", "constant_data"}
    assert tree.attrs["account"] == "evidence"
    assert tree["log_likelihood"]["num_correct"].sizes["cell"] == len(cells)
    np.testing.assert_array_equal(tree["constant_data"]["num_correct"], cells["num_correct"])
    assert not [name for name in tree["posterior"].data_vars if str(name).endswith("_unit")]


def control_cells(rule, rng, *, modes=(*LADDER, ("flipped", "task"))) -> pd.DataFrame:
    cells = ladder(rng, modes=modes, queries=48, model="control")
    return cells.assign(num_correct=rng.binomial(48, [rule(cell) for cell in cells.itertuples()]))


@pytest.mark.slow
def test_models_fitted_together_are_fitted_each_by_itself(rng):
    weights, cells = {"hard of hearing": 0.25, "keen": 0.8}, []
    for model, weight in weights.items():
        layout = ladder(rng, queries=300, sets=5, model=model)
        cells.append(simulate_evidence(layout, parameters(layout, label_weight=weight), rng))
    much = {"draws": 2000}
    together = fit(pd.concat(cells, ignore_index=True), "evidence", seed=1, **much)
    assert diagnose(together).converged
    parts = summarise_evidence(together).set_index(["component", "model"])
    for mine in cells:
        alone, model = fit(mine, "evidence", seed=2, **much), mine["model"].iloc[0]
        row, joint = (
            summarise_evidence(alone).set_index("component").loc["wrong_labels"],
            parts.loc["wrong_labels", model],
        )
        width = row["upper"] - row["lower"]
        ends = ["median", "lower", "upper"]
        np.testing.assert_allclose(joint[ends].astype(float), row[ends].astype(float), atol=0.12 * width)
    lost = together["posterior"]["wrong_labels"]
    for draws, weight in zip(lost.transpose("series", ...), weights.values(), strict=True):
        assert abs(float(draws.mean()) - weight * (np.log(1.8) - np.log(0.2))) < SIGMAS * float(draws.std())
    assert (lost.isel(series=1) > lost.isel(series=0)).mean() > 0.5  # four deviations lie between the two


@pytest.mark.slow
def test_a_follower_of_gold_shows_no_signal_that_matters(rng):
    tree = fit(control_cells(lambda cell: 0.9, rng), "evidence", concepts=2, draws=1000, seed=1)
    assert diagnose(tree).converged
    conditions = summarise_conditions(tree)
    # Its zero-shot cell holds 48 questions, so the gain is known to two sd of their share and no better.
    assert (conditions["gain"].abs() < 2 * np.sqrt(0.9 * 0.1 / 48)).all()
    assert conditions["note"].str.contains("no sign of a relevant signal").all()
    said = SECTIONS["evidence"].say(replace(section(tree), model="control")).text
    assert "no sign of a relevant signal" in said
    assert "is not quoted" in said


@pytest.mark.slow
def test_a_learner_of_the_mapping_owes_what_it_gains_to_the_labels(rng):
    """Inputs and label words bring no more than the noise; the share itself leans on the prior of the label noise."""

    def rule(cell):
        share = cell.share_correct
        return 0.5 if np.isnan(share) or share == 0.5 else 0.98 if share > 0.5 else 0.02

    tree = fit(control_cells(rule, rng, modes=LADDER), "evidence", draws=1000, seed=1)
    assert diagnose(tree).converged
    parts = summarise_evidence(tree).set_index("component")
    assert parts.loc["wrong_labels", "lower"] > 1.0
    assert parts.loc["labels + noise[minimal]", "lower"] > 0.4
    assert parts.loc["inputs − noise[minimal]", "upper"] < 0.2
    assert parts.loc["label_space − noise[minimal]", "upper"] < 0.2
    assert label_share(tree)["told_by"].item() == DATA_AND_NOISE_PRIOR
