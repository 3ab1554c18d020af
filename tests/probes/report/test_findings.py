"""Findings: every condition is among them, what leads is fixed beforehand, and words give direction and interval."""

import numpy as np
import pandas as pd
import pytest
from metric_rows import with_sides

from icl.metrics.assemble import metrics_table
from icl.metrics.multiplicity import holm
from probes.findings.findings import Finding, findings
from probes.findings.leading import elsewhere, lead, mode_words, others
from probes.report.effects_figure import effect_lines, left_out
from probes.report.effects_table import effects_html
from probes.report.words import answers


def row(metric: str, contrast: str, estimate: float, half: float, **columns) -> dict:
    """An effect with a symmetric interval of this half width, in a row of the metrics table."""
    low, high = estimate - half, estimate + half
    return with_sides(
        {
            "model": "small",
            "task": "films",
            "metric": metric,
            "score": "accuracy",
            "contrast": contrast,
            "normalisation": "sum",
            "label_mode": "gold",
            "input_mode": "task",
            "balance": "balanced",
            "format": "qa",
            "num_shots": 8,
            "example_length": None,
            "estimate": estimate,
            "standard_error": half / 1.7247,
            "low": low,
            "high": high,
            "degrees": 20.0,
            "unit": "share",
            "num_prompts": 100,
            "num_queries": 50,
            "num_demonstration_sets": 2,
            "reason": "",
        }
        | columns
    )


def level(format: str = "qa", **columns) -> dict:
    return row("accuracy", "", 0.7, 0.1, format=format, **columns)


def gap(mode: str, estimate: float, half: float, **columns) -> dict:
    return row("gap", f"gold − {mode}", estimate, half, label_mode=mode, **columns)


def gain(shots: int, estimate: float, half: float, **columns) -> dict:
    return row("shots_gain", f"{shots} shots − 0 shots", estimate, half, **{"num_shots": shots} | columns)


def found(*rows: dict) -> list[Finding]:
    """Findings beside the levels of two formats under gold and random labels, of which `input-output` comes first."""
    levels = [level(name, label_mode=mode) for name in ("input-output", "qa") for mode in ("gold", "random")]
    return findings(metrics_table([*levels, *rows]), "small")


def said(*rows: dict) -> str:
    every = found(*rows)
    return " ".join([lead(every), elsewhere(every), others(every)])


TWO_FORMATS = (
    gap("random", 0.02, 0.2, format="input-output"),
    gap("flipped", 0.05, 0.3, format="input-output"),
    gap("random", 0.1, 0.2),
)


def test_a_clear_result_of_another_format_is_told():
    text = said(*TWO_FORMATS, gap("flipped", 0.333, 0.1))
    assert text.startswith("small, format input-output, 8 shots: no clear effect of random labels (gold − random +2.0")
    assert "flipped labels lost 33.3 points against gold labels (23.3 to 43.3), 8 shots, format qa." in text
    assert "Other conditions: 1 of 3 effects are clear after Holm's correction at 0.1 over the 4 differences" in text


def test_what_is_clear_only_without_the_correction_is_told_as_such():
    text = said(*TWO_FORMATS, gap("flipped", 0.333, 0.293))
    assert "Elsewhere" not in text
    assert "0 of 3 effects are clear after Holm's correction" in text
    assert "1 more excludes 0 only without the correction: gold − flipped +33.3, 4.0 to 62.6, 8 shots" in text


@pytest.mark.parametrize(("estimate", "word"), [(-0.2, "lost"), (0.2, "gained")])
def test_demonstrations_gain_or_lose_at_the_length_that_is_named(estimate, word):
    rows = [level(example_length=length, num_shots=shots) for length in (5, 3) for shots in (1, 8)]
    rows += [gain(8, 0.01, 0.1, example_length=5), gain(1, estimate, 0.05, example_length=3)]
    every = findings(metrics_table(rows), "small")
    assert lead(every).startswith("small, format qa, k = 5, 8 shots: no clear effect of demonstrations")
    assert f"1 shot {word} 20.0 points against none (15.0 to 25.0), format qa, k = 3, gold labels" in elsewhere(every)


@pytest.mark.parametrize(
    ("varied", "name"),
    [
        ({"balance": "skewed(0.75)"}, "demonstrations skewed(0.75)"),
        ({"input_mode": "ood"}, "other inputs"),
        ({"num_shots": 2}, "2 shots, format qa"),
        ({"format": "arrow"}, "format arrow"),
    ],
)
def test_whatever_varied_is_named(varied, name):
    text = said(*TWO_FORMATS, level(**varied), gap("flipped", 0.4, 0.1, **varied))
    assert "flipped labels lost 40.0 points against gold labels (30.0 to 50.0), " in text
    assert name in elsewhere(found(*TWO_FORMATS, level(**varied), gap("flipped", 0.4, 0.1, **varied)))


def test_the_family_is_every_paired_difference_of_one_model():
    rows = [gap(f"permuted({n})", 0.1, 0.05 + 0.01 * n) for n in range(5)] + [gain(8, 0.2, 0.1)]
    rows += [row("gap", "gold − random", 0.3, 0.01, model="other", label_mode="random")]
    table = metrics_table([level(), *rows])
    every = findings(table, "small")
    mine = table[(table["model"] == "small") & table["metric"].isin(["gap", "shots_gain"])]
    corrected = dict(zip(mine["contrast"], holm(mine["p_value"].to_numpy())))
    assert {one.comparison: one.p_holm for one in every} == pytest.approx(corrected)


def test_findings_come_in_one_order_and_none_is_lost():
    rows = [*TWO_FORMATS, gap("flipped", 0.333, 0.293), gap("shuffled", 0.3, 0.05), gap("permuted", 0.5, np.nan)]
    every = found(*rows)
    assert len(every) == len(rows)
    told = [(one.comparison.removeprefix("gold − "), one.format) for one in every]
    assert told == [
        ("random", "input-output"),  # leads
        ("shuffled", "qa"),  # stands
        ("flipped", "qa"),  # clear
        ("random", "qa"),
        ("flipped", "input-output"),
        ("permuted", "qa"),  # has no interval
    ]
    assert [one.leads for one in every] == [True] + 5 * [False]


def test_an_effect_that_goes_the_other_way_is_told_beside_the_larger_one():
    text = said(*TWO_FORMATS, gap("flipped", 0.4, 0.1), gap("shuffled", -0.3, 0.1))
    assert "flipped labels lost 40.0 points against gold labels" in text
    assert "shuffled labels gained 30.0 points against gold labels (20.0 to 40.0)" in text


def test_spreads_have_a_rule_of_their_own_and_no_direction():
    spread = row("format_spread_posterior", "qa − input-output", 0.3, 0.1, format="", balance="balanced")
    text = said(gap("random", 0.02, 0.2, format="input-output"), spread)
    assert "formats are 30.0 points of accuracy apart (90 % interval 20.0 to 40.0; best qa, worst input-output)" in text
    assert "Clearly the largest" not in text


def test_one_comparison_alone_has_no_others():
    assert others(found(TWO_FORMATS[0])) == elsewhere(found(TWO_FORMATS[0])) == ""


def test_the_answer_leads_with_these_sentences():
    levels = [level(name, label_mode=mode) for name in ("input-output", "qa") for mode in ("gold", "random")]
    table = metrics_table([*levels, *TWO_FORMATS, gap("flipped", 0.333, 0.1)])
    [answer] = answers(table)
    every = findings(table, "small")
    assert answer.leading == (lead(every), elsewhere(every), others(every))
    assert answer.found == tuple(every)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("random", "random labels"),
        ("fraction_correct(0)", "labels that are all wrong"),
        ("fraction_correct(0.75)", "labels that are 75 % right"),
        ("random_words", "random words as labels"),
        ("flip_after(2)", "labels of mode flip_after(2)"),
    ],
)
def test_label_modes_in_words(mode, words):
    assert mode_words(mode) == words


def test_a_table_without_effects_has_no_findings():
    table = metrics_table([level()])
    assert findings(table, "small") == []
    assert findings(pd.DataFrame(table.iloc[:0]), "small") == []


# --- the figure and the table of all effects ---


def many(count: int) -> pd.DataFrame:
    """Gaps and gains of so many formats at two shot counts."""
    rows = []
    for number in range(count):
        where = {"format": f"g{number}"}
        rows += [level(**where, num_shots=shots, label_mode=mode) for shots in (2, 8) for mode in ("gold", "random")]
        rows += [gap("random", 0.01 * number, 0.02, **where, num_shots=shots) for shots in (2, 8)]
        rows += [gain(shots, 0.3, 0.1, **where) for shots in (2, 8)]
        rows += [gain(8, 0.1, 0.2, **where, label_mode="random")]
    return metrics_table(rows)


def test_the_figure_holds_every_format_length_and_shot_count():
    table = many(5)
    lines = effect_lines(table, "small")
    headings = [line.text for line in lines if line.heading]
    assert headings[0] == "Gold minus other labels: g0, 8 shots"
    for number in range(5):
        assert {f"Gold minus other labels: g{number}, {shots} shots" for shots in (2, 8)} <= set(headings)
        assert f"Demonstrations: g{number}" in headings
    assert sum(not line.heading for line in lines) == 5 * 4
    assert left_out(table, "small") == 5  # random labels against none


def test_a_figure_of_many_formats_keeps_what_leads_and_what_is_clear():
    table = many(30)
    every, lines = findings(table, "small"), effect_lines(table, "small")
    drawn = [line for line in lines if not line.heading]
    assert len(drawn) < len(every)
    clear = [one for one in every if one.clear and one.label_mode == "gold"]
    assert sum(line.clear for line in drawn) >= len(clear)
    assert left_out(table, "small") == len(every) - len(drawn)


def test_the_table_lists_all_effects_escaped_and_says_how_clear():
    every = found(*TWO_FORMATS, gap("flipped", 0.333, 0.293), gap("shuffled", 0.3, 0.05), gap("permuted", 0.5, np.nan))
    html = effects_html(every)
    assert html.count("<tr") == len(every) + 1
    assert ">shuffled labels lost: clear<" in html
    assert ">flipped labels lost: clear only without correction<" in html
    assert ">unknown<" in html
    assert "nan" not in html
    hostile = found(*(gap("random", 0.1, 0.05, format="<b>&") for _ in range(1)))
    assert "<b>" not in effects_html(hostile)


@pytest.mark.parametrize(
    ("estimate", "text"), [(0.3, "demonstrations gained: clear"), (-0.3, "demonstrations lost: c")]
)
def test_the_table_says_which_way_demonstrations_go(estimate, text):
    assert text in effects_html(findings(metrics_table([level(), gain(8, estimate, 0.1)]), "small"))
