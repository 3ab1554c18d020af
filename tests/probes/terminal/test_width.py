"""What commands print fits a terminal of 80 columns, and a run says first what is clear."""

import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest

from probes.cli.main import main
from probes.findings.findings import Finding
from probes.recovery.sbc_words import sbc_lines
from probes.report.run_words import effect_lines
from probes.terminal.layout import text_width

RUN = ["--model", "mapping-learner", "--model", "uniform", "--task", "topic", "--queries", "4", "--shots", "0,2,8"]
RUN += ["--label-modes", "gold,random,fraction_correct(0.25)", "--formats", "input-output,qa"]
RUN += ["--demonstration-sets", "2", "--balances", "balanced,skewed(0.75)", "--probe", "label-correctness"]


@pytest.mark.parametrize(
    ("columns", "command"),
    [(80, ["list"]), (60, ["list", "priors"]), (80, ["plan", *RUN, "--effect", "0.1"]), (60, ["plan", *RUN])],
)
def test_no_line_is_wider_than_the_terminal(command, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert [line for line in lines if text_width(line) > columns] == []


def test_a_run_leads_with_the_report_s_sentences_and_ends_with_the_next_command(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    with redirect_stdout(io.StringIO()) as printed:
        assert main(["run", *RUN, "--out", "my run"]) == 0
    said = printed.getvalue()
    assert [line for line in said.splitlines() if text_width(line) > 80] == []
    said = " ".join(said.split())
    titles = ["mapping-learner, format ", "mapping-learner: effects on accuracy in points"]
    titles += ["mapping-learner: accuracy in percent", "uniform: accuracy in percent", "This run (4 queries"]
    places = [said.index(title) for title in (*titles, "Next: probe report 'my run'")]
    assert places == sorted(places)


def finding(estimate: float, half: float, p_holm: float, *, leads: bool = False) -> Finding:
    return Finding(
        model="m",
        metric="gap",
        factor="label correctness",
        comparison="gold − random",
        compared="gold",
        baseline="random",
        example_length=None,
        where=f"{round(1000 * abs(estimate))} shots",
        estimate=estimate,
        low=estimate - half,
        high=estimate + half,
        clear=abs(estimate) > half,
        num_shots=4,
        p_holm=p_holm,
        leads=leads,
        format="",
        label_mode="",
        aside=(),
    )


def test_clear_effects_come_first_and_the_others_are_counted(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    found = [finding(0.1, 0.05, 0.5), *[finding(0.01, 0.05, 1.0)] * 9, finding(-0.3, 0.05, 0.001)]
    assert list(effect_lines("m", found)) == [
        "",
        "m: effects on accuracy in points, with 90 % intervals",
        "  effect  interval        what, where",
        "clear, also after Holm's correction at 0.1",
        "   −30.0  [−35.0, −25.0]  gold − random, 300 shots",
        "clear only without the correction",
        "   +10.0  [+5.0, +15.0]   gold − random, 100 shots",
        "Not shown: 9 not clear. metrics.parquet holds all.",
    ]
    nothing = list(effect_lines("m", [finding(0.01, 0.05, 1.0), finding(0.02, 0.05, 1.0, leads=True)]))
    assert "    +2.0  [−3.0, +7.0]  gold − random, 20 shots" in nothing


def test_recovery_says_first_what_did_not_converge_and_keeps_it_back(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    summary = pd.DataFrame({"trial": ["drift–diffusion of two models", "power"], "quantity": ["a", "b"]})
    numbers = ("coverage", "coverage_error", "recovery", "median_draws", "max_difference")
    summary = summary.assign(same_as="", uniform=True, simulations=300, **dict.fromkeys(numbers, np.float64(0.9)))
    summary = summary.assign(converged=[1.0, 0.2])
    ranks = pd.DataFrame({"trial": summary["trial"], "simulation": [0, 0], "reason": ""})
    first, *said = sbc_lines(ranks, summary)
    assert first.startswith("Most fits did not converge: power; their rows are withheld")
    assert not any(line.startswith("power") for line in said)
    assert any(line.startswith("power") for line in sbc_lines(ranks, summary, anyway=True))
    assert max(map(text_width, said)) <= 80
