"""The page needs nothing and trusts no text; its figures leak nothing; what is missing is counted."""

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from report_runs import HOSTILE, assert_self_contained, copy_of, fitted, row, with_fit

from icl.concept.fit import Fit
from icl.metrics.assemble import metrics_table
from icl.metrics.boundaries import boundary_audit
from icl.metrics.measure import measure_scores
from icl.metrics.outcomes import prompt_outcomes
from probes.figures.picture import png
from probes.figures.style import label_mode_style
from probes.findings.selection import main_setting
from probes.report import concept_words, drawn, page
from probes.report.concept_figures import plot_drift, plot_learning_curves, plot_signal_noise
from probes.report.effects_figure import plot_effects
from probes.report.figures import plot_formats, plot_label_modes, plot_reliability
from probes.report.headlines import told
from probes.report.limits import limits


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


def test_what_is_missing_is_counted(run):
    text = " ".join(limits(run.scores(), run.metrics(), (), boundaries=boundary_audit(run.answers("sum"))))
    bad = (run.scores()["status"] != "ok").sum()
    assert f"{bad:,} of" in text
    assert "(follower: no number)" in text
    assert "candidates are tokenised differently when joined to their prompt" in text
    assert "No law of learning curves was fitted: run `probe fit`" in text
    assert "2 demonstration sets" in text
    assert "steps of 1 ÷ (number of prompts)" in text


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
    assert "nothing can be said about effects" in html
    text = re.sub(r'src="data:[^"]*"', "", html).split("<body>")[1].split("experiment.toml")[0]
    assert not re.search(r"\bnan\b", text.lower())


def structure(html: str) -> list[str]:
    """Headings, topics and columns of a page in their order; digits, which may differ elsewhere, are masked."""
    found = re.findall(r"<(h1|h2|h3|dt|th|summary)\b[^>]*>(.*?)</\1>", html)
    return [f"{tag}: {re.sub(r'[0-9]+', '#', unescape(text))}" for tag, text in found]


def test_chapters_topics_and_columns_stand_in_this_order(run, one_picture, tmp_path, snapshot):
    folder = copy_of(run, tmp_path / "copy", scores=run.scores(), metrics=run.metrics())
    assert structure(page.write_report(folder).read_text(encoding="utf-8")) == snapshot
