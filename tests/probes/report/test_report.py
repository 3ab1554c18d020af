"""The report: words follow the numbers, figures leak nothing, the page needs nothing and trusts no text."""

import json
import re
from dataclasses import replace
from html import unescape
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from metric_rows import with_sides

from icl.concept.compare import Comparison
from icl.concept.extrapolate import CARRIED, Extrapolation
from icl.concept.fit import Fit
from icl.errors import UserError
from icl.metrics.assemble import metrics_table
from icl.metrics.measure import measure_scores
from icl.metrics.outcomes import prompt_outcomes
from probes.comparison.figures import draw_comparison, draw_extrapolation
from probes.figures import words
from probes.figures.picture import png
from probes.figures.style import label_mode_style
from probes.findings.selection import Setting, main_setting, split_models
from probes.report import concept_words, drawn, page
from probes.report.concept_figures import plot_drift, plot_learning_curves, plot_signal_noise
from probes.report.effects_figure import plot_effects
from probes.report.figures import plot_formats, plot_label_modes, plot_reliability
from probes.report.headlines import told
from probes.report.limits import limits
from probes.report.sections.comparison import contests
from probes.report.words import answers
from probes.runs.artefacts import COMPARISON, FIT, stamp_of_run
from probes.runs.comparisons import read_comparison, store_comparison
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder, create_run
from probes.runs.plan import make_plan
from probes.scorers.scorer import Answer, LabelAnswer, Scorer

HOSTILE = "<script>alert(1)</script>"
SETTING = Setting(format="qa", example_length=None, num_shots=4)


class Follower(Scorer):
    """Gives the gold label most of its weight, the more often the more right labels are shown."""

    name = "follower"

    def __call__(self, prompts):
        rng = np.random.default_rng(0)
        scores = []
        for prompt in prompts:
            num_shots = len(prompt.demonstrations)
            right = num_shots - (prompt.demonstrations.num_wrong_shown or 0)
            gold = [candidate.label == prompt.gold_label for candidate in prompt.candidates]
            weights = rng.random(len(gold)) + (rng.random() < 0.3 + 0.15 * right) * np.array(gold) * 2
            scores.append(np.log(weights / weights.sum()))
        scores[0][:] = np.nan
        return np.array(scores)

    def answer(self, prompts, *, progress=None):
        for index, row in enumerate(self(prompts)):
            clean = index % 4 > 0
            told = [LabelAnswer(v, 1, clean, v, reason="no number" if np.isnan(v) else "") for v in row.tolist()]
            yield index, Answer.of(told)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    experiment = Experiment(
        models=("majority",),
        task="sentiment",
        probes=("label-correctness",),
        label_modes=("gold", "random", "shuffled"),
        formats=("qa", "arrow"),
        shots=(0, 1, 4),
        queries=12,
        demonstration_sets=2,
    )
    folder = create_run(tmp_path_factory.mktemp("report") / "run", experiment)
    plan = make_plan(experiment)
    execute(folder, replace(plan, scorers=(Follower(), *plan.scorers)))
    return folder


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch):
    monkeypatch.setattr(page, "png", lambda figure: png(figure, dpi=30))


@pytest.fixture
def one_picture(monkeypatch):
    """Draw only the first figure, where figures are not what is tested."""
    monkeypatch.setattr(page, "draw_all", lambda *args, **kwargs: islice(drawn.draw_all(*args, **kwargs), 1))


def copy_of(
    run: RunFolder, path: Path, *, scores: pd.DataFrame, metrics: pd.DataFrame, task: str = "sentiment", **manifest
) -> RunFolder:
    """A run folder with other scores and their metrics, as if they had been run."""
    folder = create_run(path, replace(run.experiment, task=task))
    folder.write_manifest(run.manifest | {"task": task} | manifest)
    folder.add_scores(scores)
    folder.write_metrics(metrics)
    return folder


def with_fit(folder: RunFolder, tree: xr.DataTree, name: str = "drift-diffusion.counts") -> None:
    """Put a fit of the scores that a folder holds into it."""
    tree.attrs |= stamp_of_run(folder.path, "sum")
    (folder.path / "fits").mkdir(exist_ok=True)
    FIT.write(folder.path / "fits" / f"{name}.nc", tree)


def fitted(model: str, *, lengths: tuple = (None,), agree: bool = True, noise: float = 0.3) -> xr.DataTree:
    """A hand-made fit in the layout of `icl.concept.fit.fit`: gold labels, format qa, 0 and 4 shots."""
    rng = np.random.default_rng(1)
    num_draws, count = 1000, len(lengths)
    draws = ("chain", "draw")
    conditions = [f"gold | qa | k={length}" for length in lengths]
    coords = {"model": [model], "condition": conditions, "example_length": [str(n or "none") for n in lengths]}
    coords |= {"format": ["qa"]}

    def quantities(spread):
        signal = 1.3 + spread * rng.standard_normal((2, num_draws, 1, count))
        noisy = noise + spread * rng.standard_normal((2, num_draws, 1, count))
        signal[0] += 0 if agree else 5
        dims = (*draws, "model", "condition")
        start = (*draws, "model", "format", "example_length")
        return xr.Dataset(
            {"signal": (dims, signal), "noise": (dims, noisy), "drift": (dims, signal - noisy)}
            | {"start_log_odds": (start, rng.standard_normal((2, num_draws, 1, 1, count)))},
            coords=coords,
        )

    tokens = [float(n or 1) for n in lengths]
    cells = {
        "cell_model": ("cell", [model] * 2 * count),
        "cell_task": ("cell", ["sentiment"] * 2 * count),
        "cell_label_mode": ("cell", ["zero_shot", "gold"] * count),
        "cell_format": ("cell", ["qa"] * 2 * count),
        "cell_example_length": ("cell", [float(n or np.nan) for n in lengths for _ in range(2)]),
        "num_shots": ("cell", [0, 4] * count),
        "num_correct": ("cell", [10, 15] * count),
        "num_prompts": ("cell", [24, 24] * count),
        "condition_label_mode": ("condition", ["gold"] * count),
        "condition_format": ("condition", ["qa"] * count),
        "condition_example_length": ("condition", [float(n or np.nan) for n in lengths]),
        "condition_tokens": ("condition", tokens),
        "observed": (("model", "condition"), np.ones((1, count), dtype=bool)),
    }
    again = rng.binomial(24, 0.6, (2, num_draws, 2 * count))
    tree = xr.DataTree.from_dict(
        {
            "prior": quantities(1.0),
            "posterior": quantities(0.05),
            "posterior_predictive": xr.Dataset({"num_correct": ((*draws, "cell"), again)}),
            "sample_stats": xr.Dataset({"diverging": (draws, np.zeros((2, num_draws), dtype=bool))}),
            "observed_data": xr.Dataset({"num_correct": cells["num_correct"]}),
            "constant_data": xr.Dataset(cells, coords={"model": [model], "condition": conditions}),
        }
    )
    tree.attrs = {"account": "drift-diffusion", "observe": "counts", "models": json.dumps([model])}
    return tree


def row(metric: str, estimate: float, low: float, high: float, **columns) -> dict:
    return with_sides(
        {
            "model": "small",
            "task": "films",
            "metric": metric,
            "score": "accuracy",
            "contrast": "",
            "normalisation": "sum",
            "label_mode": "gold",
            "input_mode": "task",
            "balance": "balanced",
            "format": "qa",
            "num_shots": 4,
            "example_length": None,
            "estimate": estimate,
            "standard_error": (high - low) / 3.3,
            "low": low,
            "high": high,
            "degrees": 20.0,
            "unit": "share",
            "resolution": 0.01,
            "num_prompts": 100,
            "num_queries": 50,
            "num_demonstration_sets": 2,
            "reason": "",
        }
        | columns
    )


def made(gap: tuple, *extra: dict, **columns) -> pd.DataFrame:
    """A metrics table with one label gap."""
    levels = [row("accuracy", 0.7, 0.6, 0.8), row("accuracy", 0.7, 0.6, 0.8, label_mode="random")]
    levels.append(row("accuracy", 0.6, 0.5, 0.7, format="arrow"))
    names = {"label_mode": "random", "contrast": "gold − random"} | columns
    return metrics_table([*levels, row("gap", *gap, **names), *extra])


def said(metrics: pd.DataFrame, topic: str) -> str:
    [answer] = answers(metrics)
    return next(sentence.text for sentence in answer.sentences if sentence.topic == topic)


# --- words ---


def test_an_interval_that_covers_zero_is_no_effect():
    metrics = made((0.031, -0.004, 0.066))
    text = said(metrics, "Labels")
    assert "small lost 3.1 points of accuracy (90 % interval −0.4 to 6.6): no clear effect." in text
    assert answers(metrics)[0].headline == (
        "small, format qa, 4 shots: no clear effect of random labels (gold − random +3.1, −0.4 to 6.6)."
    )


def test_an_interval_beside_zero_states_the_points():
    metrics = made((0.031, 0.004, 0.066))
    text = said(metrics, "Labels")
    assert "small lost 3.1 points of accuracy (90 % interval 0.4 to 6.6)." in text
    assert "no clear" not in text
    assert answers(metrics)[0].headline == (
        "small, format qa, 4 shots: random labels lost 3.1 points of accuracy against gold labels "
        "(90 % interval 0.4 to 6.6)."
    )


def test_wrong_labels_that_help_are_a_gain():
    assert "small gained 3.1 points of accuracy (90 % interval 0.4 to 6.6)." in said(
        made((-0.031, -0.066, -0.004)), "Labels"
    )


@pytest.mark.parametrize(
    ("gap", "twin", "text"),
    [
        (
            (0.0004, -0.1, 0.1),
            (0.084, 0.02, 0.15),
            "changed by 0.0 points of accuracy (90 % interval −10.0 to 10.0): no ",
        ),
        (
            (-0.0004, -0.1, 0.1),
            (0.084, 0.02, 0.15),
            "which has no steps, did fall, by 8.4 points (90 % interval 2.0 to ",
        ),
        (
            (0.0, -0.1, 0.1),
            (0.084, -0.02, 0.19),
            "changed by −8.4 points (90 % interval −19.0 to 2.0): no clear effect e",
        ),
        (
            (0.05, 0.01, 0.09),
            (0.084, -0.02, 0.19),
            "changed by −8.4 points (90 % interval −19.0 to 2.0): no clear effect.",
        ),
        ((0.05, 0.01, 0.09), (0.084, 0.02, 0.15), "probability fell too, by 8.4 points (90 % interval 2.0 to 15.0)."),
        ((-0.05, -0.09, -0.01), (0.084, 0.02, 0.15), "gold label's probability fell instead, by 8.4 points (90 % int"),
    ],
)
def test_a_twin_is_not_said_to_agree_where_it_does_not(gap, twin, text):
    smooth = {"score": "gold_probability", "label_mode": "random", "contrast": "gold − random"}
    assert text in said(made(gap, row("gap", *twin, **smooth)), "Labels")


def test_one_demonstration_set_is_said_beside_the_interval():
    reason = "one demonstration set: the interval speaks of queries alone"
    metrics = made((0.031, 0.004, 0.066), reason=reason)
    assert f"({reason})" in said(metrics, "Labels")


def test_a_missing_interval_gives_no_verdict():
    text = said(made((0.031, np.nan, np.nan), reason="one prompt only, so no interval"), "Labels")
    assert text.startswith(
        "Random labels against gold labels, 4 shots (format qa): small lost 3.1 points of accuracy, "
        "without an interval (one prompt only, so no interval)."
    )
    assert "nothing can be said" in answers(made((0.031, np.nan, np.nan)))[0].headline


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        ((0.2, 0.1, 0.3), "small gained 20.0 points of accuracy (90 % interval 10.0 to 30.0)."),
        ((-0.2, -0.3, 0.1), "small lost 20.0 points of accuracy (90 % interval −10.0 to 30.0): no clear effect."),
        ((-0.2, np.nan, np.nan), "small lost 20.0 points of accuracy, without an interval."),
    ],
)
def test_what_demonstrations_brought_is_a_gain_or_a_loss(gain, text):
    gained = row("shots_gain", *gain, contrast="4 shots − 0 shots")
    assert f"4 shots against none, gold labels (format qa): {text}" in said(
        made((0.0, -0.1, 0.1), gained), "Demonstrations"
    )


def test_factors_are_ordered_and_the_largest_is_named_only_when_intervals_part():
    spread = {"format": "", "contrast": "qa − arrow"}
    clear = made((0.05, 0.02, 0.08), row("format_spread_posterior", 0.3, 0.2, 0.4, **spread))
    assert answers(clear)[0].headline == (
        "small, format qa, 4 shots: formats lie 30.0 points of accuracy apart (90 % interval 20.0 to 40.0; best qa, "
        "worst arrow); random labels lost 5.0 points against gold labels (2.0 to 8.0). Clearly the largest: format."
    )
    close = made((0.25, 0.1, 0.4), row("format_spread_posterior", 0.3, 0.2, 0.4, **spread))
    assert "which is largest is not settled" in answers(close)[0].headline


def test_a_spread_that_equal_formats_could_give_is_no_effect():
    spread = row("format_spread_posterior", 0.05, 0.01, 0.12, format="", contrast="qa − arrow")
    text = said(made((0.0, -0.1, 0.1), spread), "Format")
    assert "no clear effect" in text
    assert "moved it more" not in text


def test_a_spread_over_formats_needs_queries_for_each():
    few = {"format": "", "contrast": "qa − arrow", "num_queries": 3}
    spread = row("format_spread_posterior", 0.3, 0.2, 0.4, **few)
    assert "no clear effect, since 50 prompts of 3 queries are too few for 2 formats" in (
        said(made((0.0, -0.1, 0.1), spread), "Format")
    )


def test_the_gap_to_exact_bayes_is_put_in_words():
    gap = row("bayes_accuracy_gap", 0.14, 0.05, 0.23, contrast="exact Bayes − model")
    assert "Against exact Bayes it loses 14.0 points" in said(made((0.0, -0.1, 0.1), gap), "Exact Bayes")


def test_references_are_not_subjects():
    metrics = made((0.031, 0.004, 0.066))
    both = pd.concat([metrics, metrics.assign(model="oracle"), metrics.assign(model="copy-last-label")])
    assert split_models(both) == (["small"], ["oracle", "copy-last-label"])
    assert [answer.model for answer in answers(both)] == ["small"]
    assert "exact Bayes 70.0 %" in said(both, "Level")


@pytest.mark.parametrize(("share", "text"), [(0.0, "0.0"), (-0.0004, "0.0"), (-0.0312, "−3.1"), (np.nan, "missing")])
def test_points_have_one_decimal_and_a_proper_minus(share, text):
    assert words.points(share) == text


# --- the fitted account in words ---


def test_signal_and_noise_are_quoted_where_they_can_be_told_apart():
    account = concept_words.read_account(Fit(fitted("small", lengths=(5, 10))))
    text = concept_words.concept_sentence(account, "small", replace(SETTING, example_length=10)).text
    assert "Each demonstration of length k = 10 with gold labels brings 1.30" in text
    assert "nats of signal and 0.30" in text
    assert "P(signal > noise) > 0.99" in text


def test_only_the_drift_is_quoted_where_they_cannot():
    account = concept_words.read_account(Fit(fitted("small")))
    text = concept_words.concept_sentence(account, "small", SETTING).text
    assert "moves the log-odds of the right concept by 1.00" in text
    assert "not separately identified" in text
    assert "nats of signal" not in text


def test_a_fit_that_did_not_converge_is_not_quoted():
    account = concept_words.read_account(Fit(fitted("small", agree=False)))
    text = concept_words.concept_sentence(account, "small", SETTING).text
    assert text.startswith("This fit did not converge")
    assert "nats" not in text
    names = [figure.name for figure in drawn.draw_all(made((0.1, 0.0, 0.2)), model="small", accounts=[account])]
    assert not {"signal_noise", "drift"} & set(names)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("a part more", r"was made from other scores than the run holds now; run `probe fit .* to renew it\."),
        ("an earlier version", r"written by an earlier version, .*; run `probe fit .* --account drift-diffusion"),
    ],
)
def test_a_fit_of_other_scores_is_not_quoted(run, tmp_path, change, said):
    folder = copy_of(run, tmp_path / "run", scores=run.scores(), metrics=run.metrics())
    with_fit(folder, fitted("follower"))
    [fit] = folder.fits()
    assert concept_words.read_account(fit).usable
    if change == "a part more":
        folder.add_scores(run.scores().iloc[:2].assign(query_id="another"))
    else:
        tree = fitted("follower")
        FIT.write(fit.path, tree)
    [fit] = folder.fits()
    account = concept_words.read_account(fit)
    assert not account.usable
    assert re.search(said, account.trouble)
    assert "Warning" in repr(fit)
    assert "Warning" in fit._repr_html_()


def test_a_fit_does_not_hang_on_how_scores_lie_in_parts_or_what_these_are_called(run, tmp_path):
    """What is renamed or copied is the same; what differs in a single number, or is read otherwise, is not."""
    folder = copy_of(run, tmp_path / "run", scores=run.scores(), metrics=run.metrics())
    stamp = stamp_of_run(folder.path, "sum")
    [part] = (folder.path / "scores").glob("*.parquet")
    part.rename(part.with_name("part-zzz.parquet"))
    assert stamp_of_run(folder.path, "sum") == stamp
    assert stamp_of_run(folder.path, "per-byte") != stamp
    scores = run.scores()
    moved = scores["logprob"].where(scores.index != scores["logprob"].first_valid_index(), -0.123)
    for name, change in {"logprob": moved, "format": scores["format"].replace("qa", "qb")}.items():
        elsewhere = copy_of(run, tmp_path / name, scores=scores.assign(**{name: change}), metrics=run.metrics())
        assert stamp_of_run(elsewhere.path, "sum")["digest"] != stamp["digest"], name


def test_fits_of_a_version_before_are_named_and_not_used(run, tmp_path, one_picture):
    folder = copy_of(run, tmp_path / "run", scores=run.scores(), metrics=run.metrics())
    for name in ("posterior.nc", "evidence.nc", "variance.nc"):
        FIT.write(folder.path / name, fitted("follower"))
    assert folder.fits() == []
    html = page.write_report(folder).read_text()
    assert "No law of learning curves was fitted" in html
    for name, command in {"posterior.nc": "fit", "evidence.nc": "fit", "variance.nc": "variance"}.items():
        assert f"{name} is a fit by an earlier version" in html
        assert f"run <code>probe {command}" in html


def test_metrics_of_other_scores_are_refused_and_those_of_a_version_before_computed_again(run, tmp_path):
    folder = copy_of(run, tmp_path / "run", scores=run.scores(), metrics=run.metrics())
    plain = folder.metrics().assign(estimate=0.123)
    plain.attrs = {}
    plain.to_parquet(folder.path / "metrics.parquet")
    pd.testing.assert_frame_equal(folder.metrics(), run.metrics())
    folder.write_metrics(run.metrics())
    folder.add_scores(run.scores().iloc[:2].assign(query_id="another"))
    with pytest.raises(UserError, match=r"other scores than .*; run `probe measure .* --normalisation sum` to renew"):
        folder.metrics()


# --- figures ---


def test_every_figure_is_drawn_without_global_state(run):
    import matplotlib

    metrics, outcomes = run.metrics(), prompt_outcomes(run.scores())
    account = concept_words.read_account(Fit(fitted("follower", lengths=(5, 10))))
    figures = [
        plot_label_modes(metrics, model="follower", chance=0.5),
        plot_effects(metrics, model="follower"),
        plot_formats(metrics, model="follower", chance=0.5),
        plot_learning_curves(metrics, model="follower", predicted=account.predicted),
        plot_signal_noise(account.summary, model="follower"),
        plot_drift(account.summary, model="follower"),
        plot_reliability(outcomes, model="follower", fewest=3),
    ]
    for figure in figures:
        assert png(figure, dpi=40).startswith(b"\x89PNG")
    assert matplotlib._pylab_helpers.Gcf.get_num_fig_managers() == 0


def test_twelve_label_modes_have_styles_of_their_own():
    modes = ["gold", "random", "random_marginal", "shuffled", "flipped", "permuted", "symbols", "none"]
    modes += [f"fraction_correct({share})" for share in (0, 0.25, 0.5, 0.75, 1)]
    assert len({label_mode_style(mode) for mode in modes}) == len(modes)


def test_a_figure_that_has_nothing_to_compare_says_so():
    alone = metrics_table([row("accuracy", 0.7, 0.6, 0.8)])
    with pytest.raises(ValueError, match="two label modes"):
        plot_label_modes(alone, model="small")
    with pytest.raises(ValueError, match="one format only"):
        plot_formats(alone, model="small")
    assert list(drawn.draw_all(alone, model="small")) == []


# --- limits ---


def test_what_is_missing_is_counted(run):
    text = " ".join(limits(run.scores(), run.metrics(), ()))
    bad = (run.scores()["status"] != "ok").sum()
    assert f"{bad:,} of" in text
    assert "(follower: no number)" in text
    assert "candidates are cut into tokens otherwise when joined to their prompt" in text
    assert "No law of learning curves was fitted: run `probe fit`" in text
    assert "2 demonstration sets" in text
    assert "steps of 1 ÷ (number of prompts)" in text


# --- rival accounts ---


def compared_accounts(*, converged: tuple[bool, ...] = (True, True, False)) -> Comparison:
    """A hand-made comparison in the layout of `icl.concept.compare.compare`: the last account could not be fitted."""
    titles = ["<i>first</i> law", "second law", "third law", "unfit law"]
    ranked = int(np.sum(converged))
    missing = [np.nan] * (4 - ranked)
    table = pd.DataFrame(
        {
            "account": ["first", "second", "third", "unfit"],
            "title": titles,
            "rank": pd.array([*range(1, ranked + 1), *[pd.NA] * (4 - ranked)], dtype="Int64"),
            "elpd": [-40.25, -43.5, -38.125, np.nan],
            "se": [5.5, 6.25, 4.75, np.nan],
            "p_loo": [3.0, 4.0, 5.0, np.nan],
            "difference": [*[0.0, -3.25, -9.0][:ranked], *missing],
            "difference_se": [*[0.0, 2.125, 3.0][:ranked], *missing],
            "weight": [*[0.625, 0.375, 0.0][:ranked], *missing],
            "num_units": pd.array([5, 5, 5, pd.NA], dtype="Int64"),
            "num_refits": pd.array([0, 0, 0, pd.NA], dtype="Int64"),
            "converged": pd.array([*converged, pd.NA], dtype="boolean"),
            "seconds": [1.0, 1.0, 1.0, np.nan],
        }
    )
    said = ("What is left out is said here.", "The order of accounts is said here (-3.2 nats).", "third law: no rank.")
    return Comparison(table=table, units=pd.DataFrame(), unit="cell", sentences=said)


def extrapolated(*, converged: tuple[bool, ...] = (True, True)) -> Extrapolation:
    """A hand-made extrapolation from 1 shot to 4 and 8, in the layout of `icl.concept.extrapolate.extrapolate`."""
    accounts = ["first", "second", CARRIED]
    cells = pd.DataFrame({"num_shots": [0, 1, 4, 8], "observed": [50.0, 60.0, 70.0, 75.0]})
    cells = cells.assign(model="follower", task="sentiment", format="qa", example_length=pd.NA, demonstration_set="all")
    cells["label_mode"] = ["zero_shot", "gold", "gold", "gold"]
    cells["held_out"] = cells["num_shots"] > 1
    cells = cells.assign(lower=40.0, median=62.5, upper=80.0, inside=True, log_score=-2.0)
    each = [cells.assign(account="first", crps=[0.0, 0.0, 3.0, 5.0])]
    each.append(cells.assign(account="second", crps=[0.0, 0.0, 3.5, 6.0]))
    each.append(cells[cells["held_out"]].assign(account=CARRIED, crps=[9.0, 9.5]))
    table = pd.DataFrame(
        {
            "account": [*accounts, "unfit"],
            "title": ["<i>first</i> law", "second law", "last cell carried forward", "unfit law"],
            "num_cells": pd.array([2, 2, 2, pd.NA], dtype="Int64"),
            "coverage": [1.0, 0.75, 0.5, np.nan],
            "width": [40.5, 41.5, 42.5, np.nan],
            "crps": [4.0, 4.75, 9.25, np.nan],
            "bias": [-7.5, 2.25, 3.125, np.nan],
            "log_score": [-2.125, -2.25, -3.5, np.nan],
            "converged": pd.array([*converged, pd.NA, pd.NA], dtype="boolean"),
            "seconds": [1.5, 1.5, np.nan, np.nan],
            "note": ["", "", "", "cannot be fitted"],
        }
    )
    said = ("No order of extrapolations is said.", "unfit law is left out.")
    return Extrapolation(table=table, cells=pd.concat(each, ignore_index=True), unit="points", shots=1, sentences=said)


@pytest.fixture
def with_comparison(run, tmp_path):
    """Put a comparison into a copy of the run, as `probe compare` does."""

    def store(compared: Comparison, extended: Extrapolation | None = None, **asked) -> RunFolder:
        folder = copy_of(run, tmp_path / "run", scores=run.scores(), metrics=run.metrics())
        asked = {"observe": "counts", "draws": 500, "chains": 4} | asked
        store_comparison(folder, compared, extended, source=stamp_of_run(folder.path, "sum"), asked=asked)
        return folder

    return store


def chapter(html: str) -> str:
    """The chapter on compared accounts, without its pictures."""
    text = html[html.index("<h2>Accounts of the learning curves compared") : html.index("<h2>All effects")]
    return re.sub(r'src="data:[^"]*"', "", text)


def rows_of(html: str) -> list[list[str]]:
    """The cells of every table row but the headings."""
    rows = re.findall(r"<tr>(<td.*?)</tr>", html.replace("\N{NO-BREAK SPACE}", " "))
    return [
        [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows
    ]


def test_the_page_tells_a_stored_comparison(with_comparison, one_picture):
    folder = with_comparison(compared_accounts(), extrapolated())
    html = page.write_report(folder).read_text()
    assert_self_contained(html)
    text = chapter(html)
    first = "&lt;i&gt;first&lt;/i&gt; law"
    assert rows_of(text) == [
        ["1", first, "−40.2 ± 5.5", "best", "0.62"],
        ["2", "second law", "−43.5 ± 6.2", "−3.2 ± 2.1", "0.38"],
        [first, "4.00", "best", "100 %", "40.5", "−7.5", "−2.12", "2"],
        ["second law", "4.75", "0.75 ± 0.25", "75 %", "41.5", "+2.2", "−2.25", "2"],
        ["last cell carried forward", "9.25", "5.25 ± 0.75", "50 %", "42.5", "+3.1", "−3.50", "2"],
    ]
    assert "The order of accounts is said here (−3.2 nats)." in text
    assert f"{first} comes closest (CRPS 4.00 points); the next, second law, lies 0.75 ± 0.25 behind." in text
    assert text.index("What is left out is said here.") < text.index("third law: no rank.")
    assert "−38.1" not in text  # of the account that did not converge
    assert f"fitted {first}, second law and third law to the answers" in text
    assert text.count("<img") == 2
    assert {"comparison.png", "extrapolation.png"} <= {path.name for path in (folder.path / "figures").iterdir()}


def test_a_run_without_a_comparison_says_nothing_of_it(run, one_picture):
    html = page.write_report(run).read_text()
    assert "Accounts of the learning curves compared" not in html
    assert "probe compare" not in html
    assert not (run.path / "figures" / "comparison.png").exists()


def test_without_shots_held_out_only_unseen_units_are_told(with_comparison, one_picture):
    text = chapter(page.write_report(with_comparison(compared_accounts())).read_text())
    assert len(rows_of(text)) == 2
    assert text.count("<h3>") == text.count("<img") == 1
    assert "CRPS" not in text


def test_accounts_that_did_not_converge_are_neither_ranked_nor_drawn(with_comparison, one_picture):
    folder = with_comparison(compared_accounts(converged=(False,) * 3), extrapolated(converged=(False, False)))
    text = chapter(page.write_report(folder).read_text())
    assert rows_of(text) == []
    assert "<img" not in text
    assert "The order of accounts is said here" in text
    assert "No order of extrapolations is said." in text
    assert not re.search(r"−4\d\.\d ±|4\.00|nan", text)


@pytest.mark.parametrize("change", ["scores", "normalisation", "record of an earlier version"])
def test_a_comparison_of_other_scores_is_not_quoted(run, with_comparison, one_picture, change):
    folder = with_comparison(compared_accounts(), extrapolated())
    path = folder.path / COMPARISON.place
    record = COMPARISON.read(path)
    if change == "scores":
        folder.add_scores(run.scores().iloc[:2].assign(query_id="another"))  # the run has a query more by now
        folder.write_metrics(run.metrics())
    elif change == "normalisation":
        COMPARISON.write(path, record | {"normalisation": "per-byte"})
    else:
        del record["digest"]
        COMPARISON.write(path, record)
    text = chapter(page.write_report(folder).read_text())
    said = "written by an earlier version" if "earlier" in change else "made from other scores than the run holds now"
    assert said in text
    assert "run <code>probe compare" in text
    assert 'class="warning"' in text
    assert "<h3>" not in text
    assert not rows_of(text)


def test_what_is_stored_of_a_comparison_is_read_back(run, with_comparison):
    compared, extended = compared_accounts(), extrapolated()
    folder = with_comparison(compared, extended)
    stored = read_comparison(folder)
    assert stored.trouble == ""
    pd.testing.assert_frame_equal(stored.table, compared.table)
    pd.testing.assert_frame_equal(stored.extended.table, extended.table)
    assert stored.extended.cells["crps"].tolist() == extended.cells["crps"].tolist()
    assert (stored.extended.unit, stored.extended.shots) == ("points", 1)
    assert [contest.heading for contest in contests(stored)] == [
        "Predicting a cell that was left out",
        "Predicting prompts of more than 1 shot",
    ]


def test_a_damaged_comparison_is_said(with_comparison):
    folder = with_comparison(compared_accounts())
    (folder.path / "comparison.json").write_text("{}")
    with pytest.raises(UserError, match=r"comparison\.json is damaged \(it lacks entries\); delete it and run"):
        page.write_report(folder)


def test_files_of_two_comparisons_are_not_taken_for_one(with_comparison):
    folder = with_comparison(compared_accounts(), extrapolated())
    table, whole = folder.path / "comparison.parquet", (folder.path / "comparison.parquet").read_bytes()
    pd.read_parquet(table).assign(elpd=-1.0).to_parquet(table)
    with pytest.raises(UserError, match=r"comparison\.parquet is not the table that comparison\.json speaks of"):
        page.write_report(folder)
    table.unlink()
    with pytest.raises(UserError, match=r"comparison\.parquet is not the table"):
        page.write_report(folder)
    table.write_bytes(whole)
    record = COMPARISON.read(folder.path / COMPARISON.place)
    record["extrapolation"]["table"][0]["account"] = "nosuch"
    COMPARISON.write(folder.path / COMPARISON.place, record)
    with pytest.raises(UserError, match=r"comparison\.json is damaged \(no predictions of nosuch\)"):
        page.write_report(folder)


def test_figures_of_a_comparison_show_its_numbers():
    [axes] = draw_comparison(compared_accounts().table, "cell").figure.axes[:1]
    line = next(line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o")
    assert list(line.get_xdata()) == [0.0, -3.25]
    assert draw_comparison(compared_accounts(converged=(True, False, False)).table, "cell") is None

    figure = draw_extrapolation(extrapolated()).figure
    panels = [axes for axes in figure.axes if axes.lines]
    assert len(panels) == 1
    observed = [line for line in panels[0].lines if line.get_marker() == "o"]
    assert [list(line.get_ydata()) for line in observed] == [[50.0, 60.0], [70.0, 75.0]]
    assert [line.get_markerfacecolor() for line in observed] == ["#222222", "white"]
    words = {text.get_text() for text in figure.legends[0].get_texts()}
    assert words == {"<i>first</i> law", "second law", "last cell carried forward"} | {
        "observed, fitted to",
        "observed, held out",
    }
    assert draw_extrapolation(extrapolated(converged=(False, False))) is None


# --- the page ---


def assert_self_contained(html: str) -> None:
    for forbidden in ("http://", "https://", "<script", "@import", "<link", "url("):
        assert forbidden not in html
    sources = re.findall(r"""src\s*=\s*["']([^"']{0,30})""", html)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_the_page_is_self_contained_and_leads_with_the_answer(run):
    path = page.write_report(run)
    html = path.read_text()
    assert path == run.path / "report.html"
    assert_self_contained(html)
    order = [
        html.index(part)
        for part in ("The answer", "Figures<", "Missing data and limitations", "<summary>experiment.toml")
    ]
    assert order == sorted(order)
    assert "fitted: run <code>probe fit</code> on this folder" in html
    assert len(list((run.path / "figures").glob("*.png"))) == html.count("<img")
    assert main_setting(run.metrics(), "follower") is not None
    assert not re.search(r"\{\w+[.(]", re.sub(r"<style>.*</style>", "", html, flags=re.S))


def test_the_answer_links_to_where_all_effects_stand_and_says_what_the_run_could_find(run, tmp_path, one_picture):
    folder = copy_of(run, tmp_path / "my run (1)", scores=run.scores(), metrics=run.metrics(), notices=["Look here."])
    html = page.write_report(folder).read_text(encoding="utf-8")
    targets = re.findall(r'href="#([^"]+)"', html)
    assert "all-effects-1" in targets
    for target in targets:
        assert f'id="{target}"' in html, target
    text = html.replace("\N{NO-BREAK SPACE}", " ")
    [answer] = told(page.read_material(folder))
    for sentence in answer.leading:
        assert sentence in unescape(text)
    assert "This run (12 queries × 2 demonstration sets) could find" in text
    assert "probe run '" in unescape(text)
    assert "Look here." in text
    assert 'href="#limits"' in text


def test_the_page_is_made_for_phones_dark_rooms_and_paper():
    style = (Path(page.__file__).with_name("page.html")).read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
    rules = dict(re.findall(r"^(th, td|figure, tr[^{]*|h1, h2[^{]*) \{([^}]*)", style, flags=re.M))
    assert all("anywhere" not in rule for name, rule in rules.items() if name.startswith("th"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_the_page_can_be_read(scheme):
    style = (Path(page.__file__).with_name("page.html")).read_text(encoding="utf-8")
    [light, dark, *_] = re.findall(r":root \{([^}]*)\}", style)
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", light if scheme == "light" else dark))

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for ink, paper in (("ink", "page"), ("soft", "page"), ("accent", "page"), ("ink", "wash"), ("ink", "alarm-wash")):
        high, low = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)


def test_hostile_names_are_escaped(run, tmp_path):
    scores = run.scores()
    scores["task"] = HOSTILE
    scores["model"] = scores["model"].replace("follower", '"><img src=x> $a_b$ & co')
    scores["format"] = scores["format"].replace("qa", "<b>'qa' \"&\" $</b>")
    for column in ("candidate", "candidate_text"):
        scores[column] = '<i>"&' + scores[column] + "'"
    scores["reason"] = scores["reason"].where(scores["status"] == "ok", "<u>no</u>")
    models = {'"><img src=x> $a_b$ & co': {"revision": HOSTILE}}
    folder = copy_of(run, tmp_path / "run", scores=scores, metrics=measure_scores(scores), task=HOSTILE, models=models)
    html = page.write_report(folder).read_text()
    assert_self_contained(html)
    for raw in ("<img src=x", "<b>", "<i>", "<u>"):
        assert raw not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;u&gt;no&lt;/u&gt;" in html


def test_the_page_quotes_a_fit_and_warns_of_a_bad_one(run, tmp_path, one_picture):
    folder = copy_of(run, tmp_path / "run", scores=run.scores(), metrics=run.metrics())
    with_fit(folder, fitted("follower"))
    good = page.write_report(folder).read_text()
    assert "moves the log-odds of the right concept by 1.00" in good
    with_fit(folder, fitted("follower", agree=False))
    bad = page.write_report(folder).read_text()
    assert bad.index("This fit did not converge") < bad.index("The answer")
    assert "log-odds of the right concept" not in bad


def test_the_page_shows_every_fit_of_a_run(run, tmp_path, one_picture):
    folder = copy_of(run, tmp_path / "run", scores=run.scores(), metrics=run.metrics())
    with_fit(folder, fitted("follower"))
    with_fit(folder, fitted("follower", agree=False), "drift-diffusion.counts.per-byte")
    html = page.write_report(folder).read_text()
    assert "moves the log-odds of the right concept by 1.00" in html
    assert html.count("This fit did not converge") >= 1
    assert [fit.trouble == "" for fit in folder.fits()] == [True, False]


def test_one_reference_alone_makes_a_page(run, tmp_path, one_picture):
    scores, metrics = (table[table["model"] == "majority"] for table in (run.scores(), run.metrics()))
    folder = copy_of(run, tmp_path / "run", scores=scores, metrics=metrics, state="running")
    html = page.write_report(folder).read_text()
    assert "This run holds reference models only" in html
    assert "was not finished" in html


def test_missing_metrics_stay_missing_on_the_page(run, tmp_path):
    metrics = run.metrics()
    gone = metrics["metric"].isin(["gap", "shots_gain", "format_spread_posterior"])
    metrics.loc[gone, ["estimate", "standard_error", "low", "high"]] = np.nan
    metrics.loc[gone, "reason"] = "nobody knows"
    html = page.write_report(copy_of(run, tmp_path / "run", scores=run.scores(), metrics=metrics)).read_text()
    assert "nobody knows" in html
    assert "nothing can be said of effects" in html
    text = re.sub(r'src="data:[^"]*"', "", html).split("<body>")[1].split("experiment.toml")[0]
    assert not re.search(r"\bnan\b", text.lower())
