"""Sections of the report: each shows what its rows hold and quotes it, and is not there without them."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from report_runs import row as row_of_run
from small_runs import run_experiment

from icl.concept.fit import Fit
from icl.metrics.assemble import metrics_table
from icl.metrics.outcomes import prompt_outcomes
from icl.metrics.spread import posterior_spread
from probes.figures.drawn import Drawn
from probes.figures.picture import png
from probes.findings.material import Material
from probes.findings.selection import asked_rows
from probes.report import page
from probes.report.numbers import main_table, table_html
from probes.report.sections import flip, ladder, recognition
from probes.report.sections.catalogue import SECTIONS
from probes.report.words import answers
from probes.runs.experiment import Experiment

EVERY_REQUEST = ("bias", "consistency", "contextual-calibration")


def row(metric: str, estimate: float, low: float, high: float, **columns) -> dict:
    """A row of the metrics table, with the fields that sections read."""
    return row_of_run(metric, estimate, low, high, **({"label_mode": "", "num_shots": 16} | columns))


def pair(metric: str, accuracy: tuple, probability: tuple, **columns) -> list[dict]:
    """A number and its continuous twin."""
    twin = {"score": "gold_probability", "unit": "probability", "resolution": 0.0}
    name = "gold_probability" if metric == "accuracy" else metric
    return [row(metric, *accuracy, **columns), row(name, *probability, **columns | twin)]


def twins(metric: str, twin: str, value: tuple, smooth: tuple, **columns) -> list[dict]:
    """A metric that has a name of its own for its twin."""
    plain = {"score": ""} | columns
    return [row(metric, *value, **plain), row(twin, *smooth, **plain)]


def material(rows: list[dict], **known) -> Material:
    return Material(model="small", metrics=metrics_table(rows), **known)


def prompt(probabilities: list[float], gold: int, **keys) -> list[dict]:
    """Rows of a score table for one prompt; candidates are a, b, c … in that order unless named."""
    names = keys.pop("candidates", "abcdefgh"[: len(probabilities)])
    mapped = keys.pop("mapped", None)
    known = {
        "model": "small",
        "task": "films",
        "label_mode": "gold",
        "input_mode": "task",
        "balance": "balanced",
        "label_draw": 0,
        "format": "qa",
        "order": 0,
        "option_order": 0,
        "method": "direct",
        "num_shots": 4,
        "example_length": pd.NA,
        "variant": "",
        "query_id": "q0",
        "demonstration_set_id": "set0",
        "probe": "",
        "num_wrong_shown": 0,
        "times_shown": pd.NA,
        "is_last_shown": pd.NA,
        "boundary_clean": pd.NA,
        "logprob_split": np.nan,
        "status": "ok",
    } | keys
    return [
        known
        | {
            "candidate": name,
            "logprob": np.log(probability),
            "logprob_below": np.nan,
            "prompt_id": repr(known),
            "reason": "",
            "is_gold": place == gold,
            "is_mapped": pd.NA if mapped is None else place == mapped,
        }
        for place, (name, probability) in enumerate(zip(names, probabilities))
    ]


def table(*prompts: list[dict]) -> pd.DataFrame:
    scores = pd.DataFrame([one for rows in prompts for one in rows])
    return scores.astype({"is_mapped": "boolean", "num_shots": "Int64", "example_length": "Int64"})


def drawn(name: str, known: Material) -> Drawn:
    found = SECTIONS[name].draw(known)
    assert found is not None
    assert png(found.figure, dpi=30).startswith(b"\x89PNG")
    return found


def said(name: str, known: Material) -> str:
    sentence = SECTIONS[name].say(known)
    assert sentence is not None
    return sentence.text


def labels(figure) -> list[str]:
    """Labels of the lines, from top to bottom."""
    texts = [tick for axes in figure.axes for tick in zip(axes.get_yticks(), axes.get_yticklabels())]
    return [label.get_text() for _, label in texts if re.search("[a-z]", label.get_text())]


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def axis_names(figure) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]


# --- the parts of a demonstration ---


def the_ladder() -> list[dict]:
    kinds = {("inputs", "none", "task"): 0.5, ("gold", "gold", "task"): 0.9, ("ood", "random", "ood"): 0.6}
    kinds |= {
        ("random", "random", "task"): 0.7,
        ("words", "random_words", "task"): 0.55,
        ("none", "random", "none"): 0.4,
    }
    rows = []
    for (_, label_mode, input_mode), level in kinds.items():
        where = {"label_mode": label_mode, "input_mode": input_mode}
        rows += pair("accuracy", (level, level - 0.1, level + 0.1), (level - 0.2, level - 0.25, level - 0.15), **where)
    rows += pair("accuracy", (0.52, 0.45, 0.6), (0.5, 0.45, 0.55), label_mode="zero_shot", num_shots=0)
    of_two = {"input_mode": ""}
    rows += pair("label_space_effect", (0.15, 0.05, 0.25), (0.1, -0.01, 0.2), **of_two)
    rows += pair("input_distribution_effect", (0.1, -0.02, 0.22), (0.05, 0.01, 0.1), **of_two)
    return rows + pair("gap", (0.2, 0.1, 0.3), (0.15, 0.1, 0.2), label_mode="random", contrast="gold − random")


def test_the_ladder_stands_in_its_order_with_its_contrasts_below():
    known = material(the_ladder(), chance=0.5)
    found = drawn("ladder", known)
    kinds = ["gold labels", "random labels", "random words as labels"]
    kinds += ["random labels, other inputs", "labels only", "inputs only"]
    parts = ["right labels", "words of the label space", "inputs from the task"]
    assert labels(found.figure) == [*kinds, *parts]
    assert legend(found.figure) == ["no demonstrations (band: 90 %)", "chance"]
    assert axis_names(found.figure)[:2] == ["accuracy (%)", "probability of the gold label (%)"]
    assert "right labels +20.0, words of the label space +15.0, inputs from the task +10.0 (not clear)" in found.title


def test_the_ladder_in_words_has_each_contrast_with_its_twin():
    text = said("ladder", material(the_ladder()))
    assert "words of the label space (random labels minus random words) +15.0 (5.0 to 25.0) and +10.0 " in text
    assert "(−1.0 to 20.0, not clear)" in text
    assert "with others) +10.0 (−2.0 to 22.0, not clear) and +5.0 (1.0 to 10.0)" in text


def test_a_contrast_that_holm_takes_back_is_named():
    known = material(the_ladder())
    taken = known.metrics["metric"] == "label_space_effect"
    known.metrics.loc[taken, "p_holm"] = 0.3
    assert "After Holm's correction" in said("ladder", known)
    assert "no longer clear: words of the label space" in drawn("ladder", known).caption
    assert "Holm" not in said("ladder", material(the_ladder()))


def test_label_modes_alone_are_no_ladder():
    rows = [
        one
        for mode in ("gold", "random")
        for one in pair("accuracy", (0.7, 0.6, 0.8), (0.6, 0.5, 0.7), label_mode=mode)
    ]
    rows += pair("gap", (0.2, 0.1, 0.3), (0.15, 0.1, 0.2), label_mode="random", contrast="gold − random")
    assert SECTIONS["ladder"].draw(material(rows)) is None
    with pytest.raises(ValueError, match="one kind of demonstrations"):
        ladder.plot_ladder(material(rows))


# --- recognition and learning ---


def the_curves() -> list[dict]:
    rows = []
    for shots, learnt in ((4, 0.1), (16, 0.3)):
        for mode, above in (("gold", 0.4), ("random", 0.2), ("symbols", learnt)):
            level = 0.25 + above
            where = {"label_mode": mode, "num_shots": shots}
            rows += pair("accuracy", (level, level - 0.1, level + 0.1), (level, level - 0.05, level + 0.05), **where)
            if metric := {"random": "task_recognition", "symbols": "task_learning"}.get(mode):
                rows += pair(metric, (above, above - 0.1, above + 0.1), (above, above - 0.05, above + 0.05), **where)
    return rows


def test_recognition_and_learning_are_drawn_above_chance():
    known = material(the_curves())
    found = drawn("recognition", known)
    assert found.title == (
        "small, points of accuracy above chance at 16 shots: recognition +20.0 (10.0 to 30.0), learning +30.0 "
        "(20.0 to 40.0)"
    )
    curves = {
        tuple(np.round(line.get_ydata(), 6)) for line in found.figure.axes[0].get_lines() if len(line.get_ydata()) == 2
    }
    assert {(40.0, 40.0), (20.0, 20.0), (10.0, 30.0)} <= curves
    assert "symbols: learning alone" in legend(found.figure)
    assert "with symbols (task learning) +30.0 (20.0 to 40.0) and +30.0 (25.0 to 35.0)" in said("recognition", known)


def test_recognition_needs_symbols_at_two_shot_counts():
    one = [r for r in the_curves() if r["num_shots"] == 16]
    assert SECTIONS["recognition"].draw(material(one)) is None
    assert "16 shots" in said("recognition", material(one))
    none = [r for r in the_curves() if r["label_mode"] != "symbols"]
    assert SECTIONS["recognition"].say(material(none)) is None
    with pytest.raises(ValueError, match="no symbols"):
        recognition.plot_recognition(material(none))


# --- a mapping that changes ---


@pytest.mark.parametrize(
    ("mode", "count"), [("gold", 0), ("flip_after(12)", 4), ("flip_after(20)", 0), ("flipped", 16), ("random", None)]
)
def test_flipped_demonstrations_are_counted(mode, count):
    assert flip.num_flipped(mode, 16) == count


def the_flips() -> list[dict]:
    rows = []
    for mode, share in (("flip_after(12)", 0.1), ("flip_after(4)", 0.6), ("flipped", 0.8)):
        value, smooth = (share, share - 0.05, share + 0.05), (share / 2, share / 2 - 0.01, share / 2 + 0.01)
        rows += twins("follow_rate", "follow_probability", value, smooth, label_mode=mode)
    return rows


def test_answers_that_follow_are_told_by_flipped_demonstrations():
    known = material(the_flips(), chance=0.5)
    found = drawn("flip", known)
    assert found.title == (
        "small follows the new mapping in 10.0 % (5.0 to 15.0) with 4 of 16 demonstrations flipped and in 80.0 % "
        "(75.0 to 85.0) with 16 of 16 demonstrations flipped"
    )
    assert "12 of 16 60.0 % (55.0 to 65.0) and 30.0 % (29.0 to 31.0)" in said("flip", known)
    assert [float(tick) for tick in found.figure.axes[0].get_xticks()] == [0, 4, 12, 16]


def test_the_new_mapping_is_also_counted_before_it_is_shown():
    """Gold labels: the answer that the later mapping would give is b for a; one of four prompts gives it."""
    shown = {"num_shots": 16, "label_mode": "gold"}
    gold = [prompt([0.9, 0.1], 0, query_id=f"q{i}", **shown) for i in range(3)]
    gold.append(prompt([0.2, 0.8], 0, query_id="q3", **shown))
    later = [prompt([0.5, 0.5], 0, mapped=1, num_shots=16, label_mode="flip_after(12)", query_id="q0")]
    outcomes = prompt_outcomes(table(*gold, *later))
    figure = flip.plot_flip(material(the_flips(), outcomes=outcomes))
    starts = [
        line.get_ydata()[0]
        for axes in figure.axes
        for line in axes.get_lines()
        if len(line.get_ydata()) == 4 and line.get_linestyle() == "-"
    ]
    assert starts == pytest.approx([25.0, 100 * (3 * 0.1 + 0.8) / 4])


def test_a_mapping_that_never_changes_within_a_prompt_is_no_flip():
    only = [r for r in the_flips() if r["label_mode"] == "flipped"]
    assert SECTIONS["flip"].draw(material(only)) is None


# --- orders ---


def the_orders(num_queries: int) -> pd.DataFrame:
    """Two sets, four orders; order o is right on the first o + 1 queries of set 0, on all of set 1."""
    prompts = []
    for name in (0, 1):
        for order in range(4):
            for query in range(num_queries):
                right = name == 1 or query <= order
                where = {"query_id": f"q{query}", "demonstration_set_id": f"set{name}", "order": order}
                prompts.append(prompt([0.8, 0.2] if right else [0.4, 0.6], 0, **where))
    return prompt_outcomes(table(*prompts))


def the_order_rows() -> list[dict]:
    where = {"label_mode": "gold", "num_shots": 4}
    rows = pair("order_spread_posterior", (0.3, 0.2, 0.4), (0.1, 0.05, 0.15), **where)
    return rows + pair("order_sd_query", (0.25, 0.2, 0.3), (0.12, 0.1, 0.14), **where)


def test_every_order_is_a_dot_over_its_set():
    known = material(the_order_rows(), outcomes=the_orders(10), chance=0.5)
    found = drawn("order", known)
    assert (
        found.title
        == "small, 4 shots: best and worst order of a set are 30.0 points (90 % interval 20.0 to 40.0) apart"
    )
    dots = [line.get_ydata() for line in found.figure.axes[0].get_lines() if len(line.get_ydata()) == 4]
    np.testing.assert_allclose(dots, [[10, 20, 30, 40], [100, 100, 100, 100]])
    assert legend(found.figure) == ["one order", "mean of the set's orders", "chance"]
    text = said("order", known)
    assert "are 30.0 points (90 % interval 20.0 to 40.0) of accuracy apart and 10.0 points" in text
    assert "standard deviation over orders of 25.0 points" in text


def test_queries_with_demonstrations_of_their_own_are_columns():
    prompts = []
    for query in range(12):
        for order in range(3):
            where = {"query_id": f"q{query}", "demonstration_set_id": f"set{query}", "order": order}
            prompts.append(prompt([0.8, 0.2] if order < query % 4 else [0.3, 0.7], 0, **where))
    known = material(the_order_rows(), outcomes=prompt_outcomes(table(*prompts)))
    found = drawn("order", known)
    heights = [patch.get_height() for patch in found.figure.axes[0].patches]
    np.testing.assert_allclose(heights, [25.0, 25.0, 25.0, 25.0])
    assert "standard deviation of 25.0 points (90 % interval 20.0 to 30.0)" in found.title


def test_one_order_is_no_figure():
    outcomes = the_orders(10)
    assert SECTIONS["order"].draw(material(the_order_rows(), outcomes=outcomes[outcomes["order"] == 0])) is None
    assert SECTIONS["order"].say(material(the_flips(), outcomes=outcomes)) is None


# --- options ---


def the_places() -> pd.DataFrame:
    """Three options in three rotations; a query is answered right where the right one stands first."""
    prompts = []
    for query in range(8):
        for rotation in range(3):
            names = "abc"[rotation:] + "abc"[:rotation]
            gold = names.index("abc"[query % 3])
            where = {"query_id": f"q{query}", "option_order": rotation, "format": "options", "num_shots": 0}
            where |= {"label_mode": "zero_shot"}
            right = [0.6, 0.3, 0.1] if query else [0.1, 0.3, 0.6]
            prompts.append(prompt(right, gold, candidates=names, **where))
    return table(*prompts)


def test_the_place_of_the_right_option_is_that_of_its_row():
    places = prompt_outcomes(the_places())["gold_place"]
    assert places.value_counts().to_dict() == {0: 8, 1: 8, 2: 8}


def test_accuracy_is_drawn_by_place():
    scores = the_places()
    outcomes = prompt_outcomes(scores)
    known = material(the_flips(), scores=scores, outcomes=outcomes, chance=1 / 3)
    found = drawn("options", known)
    line = next(line for line in found.figure.axes[0].get_lines() if len(line.get_ydata()) == 3)
    np.testing.assert_allclose(line.get_ydata(), [87.5, 0.0, 12.5])
    values = np.array([[1.0, 0, 0]] * 7 + [[0.0, 0, 1]])
    spread = posterior_spread(values, np.arange(8), np.arange(8))
    assert f"are {100 * spread.estimate:.1f} points" in found.title
    assert "87.5 % were right where it stood first and 12.5 % where it stood last" in said("options", known)
    once = outcomes[outcomes["option_order"] == 0]
    assert SECTIONS["options"].draw(material(the_flips(), scores=scores, outcomes=once)) is None


# --- search ---


def test_searched_formats_stand_by_accuracy_with_their_prompts():
    prompts = []
    for name, count, right in (("g1", 6, 6), ("g2", 3, 1)):
        for query in range(count):
            probabilities = [0.9, 0.1] if query < right else [0.2, 0.8]
            prompts.append(prompt(probabilities, 0, format=name, query_id=f"q{query}", probe="format-search"))
    outcomes = prompt_outcomes(table(*prompts))
    rows = pair("format_search_spread", (0.4, 0.1, 0.7), (0.3, 0.1, 0.5), format="", contrast="g1 − unknown")
    known = material(rows, outcomes=outcomes, chance=0.5)
    found = drawn("search", known)
    assert labels(found.figure) == ["g1, n = 6", "g2, n = 3"]
    assert found.title == "small: 2 formats, best and worst 40.0 points (90 % interval 10.0 to 70.0) apart"
    assert "In the run g1 (" in said("search", known)
    assert "unknown worst" in said("search", known)
    assert SECTIONS["search"].draw(material(rows, outcomes=outcomes.assign(probe="format"))) is None


# --- consistency, bias, contextual calibration: on request ---


def test_agreement_stands_in_groups_with_its_overlap():
    where = {"label_mode": "gold", "num_shots": 4}
    rows = twins("consistency", "overlap", (0.7, 0.6, 0.8), (0.75, 0.7, 0.8), **where, format="")
    assert SECTIONS["consistency"].draw(material(rows)) is None
    assert SECTIONS["consistency"].draw(material(rows, probes=("consistency",))) is not None
    rows += twins("order_consistency", "order_overlap", (0.9, 0.8, 1.0), (0.95, 0.9, 1.0), **where)
    known = material(rows)
    found = drawn("consistency", known)
    assert labels(found.figure) == ["between formats", "4 shots", "between orders", "qa, 4 shots"]
    assert found.title == "small: two predictions for one query agree between formats in 70.0 %, orders in 90.0 %"
    assert "formats 70.0 % (90 % interval 60.0 to 80.0), their answers overlap by 75.0 %" in said("consistency", known)


def the_biases() -> list[dict]:
    rows = []
    for shots, slope in ((4, 1.5), (8, 2.5)):
        where = {"label_mode": "random", "num_shots": shots, "balance": "", "unit": "nats"}
        value, smooth = (slope, slope - 0.5, slope + 0.5), (slope / 2, slope / 2 - 0.1, slope / 2 + 0.1)
        rows += twins("recency_bias", "recency_bias_logprob", value, smooth, **where)
        rows += twins("majority_bias", "majority_bias_logprob", (0.1, -0.1, 0.3), (1e-16, 1e-17, 2e-16), **where)
    return rows


def test_biases_are_in_nats_a_group_each_shot_count():
    assert SECTIONS["bias"].draw(material(the_biases())) is None
    known = material(the_biases(), probes=("bias",))
    found = drawn("bias", known)
    slopes = ["the label shown last", "each additional demonstration with a label"]
    assert labels(found.figure) == ["4 shots, random labels", *slopes, "8 shots, random labels", *slopes]
    assert found.title.startswith("small: +2.50 nats (90 % interval 2.00 to 3.00) for the label shown last, 8 shots")
    assert "0.00 nats (90 % interval 0.00 to 0.00; no clear effect) in the log-probabilities" in said("bias", known)


def the_contextual_calibration() -> list[dict]:
    rows = []
    for shots, change in ((0, -0.02), (4, 0.1)):
        where = {"label_mode": "gold" if shots else "zero_shot", "num_shots": shots}
        low, high = change - 0.05, change + 0.05
        rows += pair("contextual_calibration_gain", (change, low, high), (change / 2, low / 2, high / 2), **where)
        rows.append(row("expected_calibration_error_change", -0.2, -0.3, -0.1, score="", **where))
        for how, level in (("sum", 0.6), ("calibrated", 0.6 + change)):
            rows.append(row("accuracy_by_normalisation", level, 0.5, 0.8, normalisation=how, **where))
    return rows


def test_contextual_calibration_is_a_dumbbell_a_condition():
    assert SECTIONS["contextual_calibration"].draw(material(the_contextual_calibration())) is None
    known = material(the_contextual_calibration(), probes=("contextual-calibration",))
    found = drawn("contextual_calibration", known)
    assert labels(found.figure) == ["qa, 0 shots", "qa, 4 shots"]
    changes = "accuracy by −2.0 to +10.0 points in 2 conditions, clearly in 1"
    assert found.title == f"small: contextual calibration changes {changes}"
    bars = [line.get_xdata() for line in found.figure.axes[0].get_lines() if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(bars, [[60.0, 58.0], [60.0, 70.0]])
    assert "+10.0 points of accuracy (90 % interval 5.0 to 15.0) and +5.0 points of" in said(
        "contextual_calibration", known
    )
    assert "calibration error by −20.0 points (90 % interval −30.0 to −10.0)" in said("contextual_calibration", known)


# --- variance ---


def the_variance(*, agree: bool = True) -> xr.DataTree:
    """A hand-made split: query 3, demonstrations 1, residual 4 of 8 parts."""
    rng = np.random.default_rng(0)
    sd = np.sqrt([3.0, 1.0, 4.0]) * (1 + 0.01 * rng.standard_normal((2, 500, 3)))
    sd[0] += 0 if agree else 3
    factors = ["query", "demonstrations", "residual"]
    codes = {"query": ("outcome", np.arange(12) % 6), "demonstrations": ("outcome", np.arange(12) // 6)}
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"sd": (("chain", "draw", "factor"), sd)}, coords={"factor": factors}),
            "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 500), dtype=bool))}),
            "constant_data": xr.Dataset(codes),
        }
    )
    tree.attrs = {
        "models": '["small"]',
        "observe": "gold_log_odds",
        "absent": '{"order": "not varied"}',
        "account": "variance",
    }
    return tree


def test_shares_of_the_variance_are_bars_with_intervals():
    known = material(the_flips(), fits=(Fit(the_variance()),))
    found = drawn("variance", known)
    widths = [patch.get_width() for patch in found.figure.axes[0].patches]
    np.testing.assert_allclose(widths, [37.5, 12.5, 12.5, 50.0], atol=0.2)
    assert labels(found.figure) == ["query (6 levels)", "prompt", "demonstrations (2 levels)", "residual"]
    assert re.match(
        r"small: the prompt explains 12\.\d % \(90 % interval 12\.\d to 1[23]\.\d\) of the variance of the gold",
        found.title,
    )
    assert "order: not varied" in found.caption
    assert "The prompt explains" in said("variance", known)


def test_a_split_that_did_not_converge_is_not_quoted():
    known = material(the_flips(), fits=(Fit(the_variance(agree=False)),))
    assert SECTIONS["variance"].draw(known) is None
    assert "not converge" in said("variance", known)
    assert "The prompt explains" not in said("variance", known)


def test_a_split_of_other_answers_is_not_quoted():
    known = material(the_flips(), fits=(Fit(the_variance(), stale="It was made from other scores."),))
    assert SECTIONS["variance"].draw(known) is None
    assert said("variance", known).startswith("It was made from other scores. Its shares are not quoted")


def test_a_split_of_another_model_is_not_shown():
    known = Material(model="", metrics=metrics_table(the_flips()), fits=(Fit(the_variance()),))
    assert known.of("small").fit("variance") is not None
    assert known.of("large").fit("variance") is None


# --- all together ---


def everything() -> list[dict]:
    rows = [*the_ladder(), *the_curves(), *the_flips(), *the_order_rows(), *the_biases(), *the_contextual_calibration()]
    where = {"label_mode": "gold", "num_shots": 4}
    return rows + twins("set_consistency", "set_overlap", (0.7, 0.6, 0.8), (0.75, 0.7, 0.8), **where)


def test_missing_numbers_are_never_written_as_nan():
    metrics = metrics_table(everything())
    gone = metrics["metric"] != "accuracy"
    metrics.loc[gone, ["estimate", "standard_error", "low", "high"]] = np.nan
    metrics.loc[gone, "reason"] = "nobody knows"
    known = Material(model="small", metrics=metrics, probes=EVERY_REQUEST)
    for name, section in SECTIONS.items():
        texts = []
        if (sentence := section.say(known)) is not None:
            texts += [sentence.text, sentence.lead]
        if (found := section.draw(known)) is not None:
            texts += [found.title, found.caption]
        assert not re.search(r"\bnan\b", " ".join(texts).lower()), name


def test_a_run_without_a_probe_has_no_section_of_it():
    levels = pair("accuracy", (0.7, 0.6, 0.8), (0.6, 0.5, 0.7), label_mode="gold")
    for section in SECTIONS.values():
        assert section.draw(material(levels, probes=EVERY_REQUEST)) is None
        assert section.say(material(levels, probes=EVERY_REQUEST)) is None


def test_the_table_puts_the_continuous_twin_beside_each_number():
    table = main_table(metrics_table(everything()))
    gap = table[table["metric"] == "gap"].iloc[0]
    assert (gap["estimate"], gap["twin"], gap["twin_low"]) == (0.2, 0.15, 0.1)
    follow = table[(table["metric"] == "follow_rate") & (table["label_mode"] == "flipped")]
    assert follow.empty or follow["twin"].iloc[0] == pytest.approx(0.4)
    assert not table["metric"].isin(["gold_probability", "follow_probability"]).any()
    html = table_html(table)
    assert "its continuous twin" in html
    assert "20.0 [10.0, 30.0] points" in html
    assert "15.0 [10.0, 20.0] points" in html


def test_what_no_probe_asked_for_is_left_out_of_the_table():
    metrics = metrics_table(everything())
    assert "recency_bias" not in set(asked_rows(metrics, ("flip",))["metric"])
    assert "recency_bias" in set(asked_rows(metrics, ("bias",))["metric"])


def test_the_headline_answers_the_probe_that_was_asked():
    known = Material(model="", metrics=metrics_table(everything()), probes=("flip",))
    [answer] = answers(known.metrics, material=known)
    assert answer.headline.startswith("small follows the new mapping in 10.0 %")
    [answer] = answers(known.metrics, material=Material(model="", metrics=known.metrics, probes=("ladder", "flip")))
    assert answer.headline.startswith("small, format qa, 16 shots: random labels lost")


@pytest.mark.parametrize(
    ("probe", "asked", "figures"),
    [
        ("ladder", {"models": ("gold-follower", "recency(1.5)")}, {"label_modes", "ladder", "effects"}),
        ("order", {}, {"order", "consistency"}),
        ("flip", {}, {"label_modes", "flip", "effects"}),
        ("format-search", {"formats": ("sampled(3)",)}, {"format_search"}),
        ("option-order", {"task": "kinds", "formats": ("options",)}, {"effects", "option_order", "consistency"}),
    ],
)
def test_a_page_shows_the_figures_of_what_was_run(probe, asked, figures, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "png", lambda figure: png(figure, dpi=20))
    asked = {"models": ("recency(1.5)",), "task": "sentiment", "queries": 6, "demonstration_sets": 2} | asked
    folder = run_experiment(Experiment(probes=(probe,), **asked), tmp_path / "run")
    html = page.write_report(folder).read_text()
    shown = {path.stem.split("_", 2)[2] for path in (folder.path / "figures").glob("*.png")}
    assert figures <= shown <= figures | {"reliability"}
    text = re.sub(r'src="data:[^"]*"', "", html).split("<body>")[1].split("experiment.toml")[0]
    assert not re.search(r"\bnan\b", text.lower())
