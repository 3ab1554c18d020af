"""The chapter on accounts of the learning curves, compared."""

import re

import numpy as np
import pandas as pd
import pytest
from report_runs import assert_self_contained, copy_of

from icl.concept.compare import Comparison
from icl.concept.extrapolate import CARRIED, Extrapolation
from icl.concept.holdout import HoldOut
from icl.errors import UserError
from probes.comparison.figures import draw_comparison, draw_extrapolation
from probes.report import page
from probes.report.sections.comparison import contests
from probes.runs.artefacts import COMPARISON, stamp_of_run
from probes.runs.comparisons import read_comparison, store_comparison
from probes.runs.folder import RunFolder


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
    cells = cells.assign(
        model="follower", task="sentiment", format="qa", example_length=pd.NA, demonstration_set="all", fold="n > 1"
    )
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
    return Extrapolation(
        table=table,
        cells=pd.concat(each, ignore_index=True),
        unit="points",
        hold_out=HoldOut(origins=(1,)),
        sentences=said,
    )


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
    assert (stored.extended.unit, stored.extended.hold_out) == ("points", HoldOut(origins=(1,)))
    assert [contest.heading for contest in contests(stored)] == [
        "Predicting a held-out cell",
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
    with pytest.raises(UserError, match=r"comparison\.parquet is not the table that comparison\.json describes"):
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
