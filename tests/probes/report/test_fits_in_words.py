"""A fitted account in words: quoted where it converged and is a fit of these scores."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from report_runs import SETTING, copy_of, fitted, made, with_fit

from icl.concept.fit import Fit
from icl.errors import UserError
from probes.report import concept_words, drawn, page
from probes.runs.artefacts import FIT, stamp_of_run


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
