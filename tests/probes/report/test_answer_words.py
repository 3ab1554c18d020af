"""Words of the answer follow the numbers: they never say more than an interval does."""

import numpy as np
import pandas as pd
import pytest
from report_runs import made, row, said

from probes.figures import words
from probes.findings.selection import split_models
from probes.report.words import answers


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
    reason = "one demonstration set: the interval covers other queries only"
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
        "small, format qa, 4 shots: formats are 30.0 points of accuracy apart (90 % interval 20.0 to 40.0; best qa, "
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
    known = {"oracle": "oracle", "copy-last-label (channel)": "copy-last-label"}
    references = [metrics.assign(model=name, asked_model=scorer) for name, scorer in known.items()]
    both = pd.concat([metrics, *references])
    assert split_models(both) == (["small"], list(known))
    assert [answer.model for answer in answers(both)] == ["small"]
    assert "exact Bayes 70.0 %" in said(both, "Level")


@pytest.mark.parametrize(("share", "text"), [(0.0, "0.0"), (-0.0004, "0.0"), (-0.0312, "−3.1"), (np.nan, "missing")])
def test_points_have_one_decimal_and_a_proper_minus(share, text):
    assert words.points(share) == text
