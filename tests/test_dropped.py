"""Prompts without an answer are counted by condition where numbers are read, on the terminal as on the page."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from icl.answers import answer_table
from probes.report import page
from probes.report.dropped import dropped_html, dropped_sentence
from probes.run_words import run_lines
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.folder import create_run
from probes.runs.plan import make_plan
from probes.scorers.scorer import Answer, Scorer


class Server(Scorer):
    """Does not tell the second candidate's log-probability behind gold labels in every second prompt."""

    name = "server"

    def __call__(self, prompts):
        return np.array([[-0.5, -1.5] for _ in prompts])

    def answer(self, prompts, *, progress=None):
        seen = 0
        for index, prompt in enumerate(prompts):
            row = [Answer(-0.5), Answer(-1.5)]
            if prompt.demonstrations.label_mode == "gold" and len(prompt.demonstrations):
                seen += 1
                row[1] = row[1] if seen % 2 else Answer(np.nan, reason="it is not <among> the 5 likeliest")
            yield index, row


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    asked = Experiment(
        models=("uniform",),
        task="sentiment",
        label_modes=("gold", "random"),
        formats=("qa",),
        shots=(0, 2),
        queries=8,
        demonstration_sets=2,
        calibrate=False,
    )
    folder = create_run(tmp_path_factory.mktemp("dropped") / "run", asked)
    execute(folder, replace(make_plan(asked), scorers=(Server(),)))
    return folder


def test_the_condition_that_lacks_most_is_named_with_its_reason(run):
    text = dropped_sentence(answer_table(run.scores()))
    assert text == (
        "Left out: 8 of 48 prompts (17 %), 8 of 16 with gold labels, format qa, 2 shots (it is not <among> the 5 "
        "likeliest); every number is of the others, which need not be like them."
    )


def test_terminal_and_page_say_it_where_numbers_are_read(run):
    material = page.read_material(run)
    printed = " ".join(" ".join(run_lines(material)).split())
    assert "Left out: 8 of 48 prompts (17 %), 8 of 16 with gold labels" in printed
    html = page.write_report(run).read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert html.index("Left out: 8 of 48") < html.index("<h2>Figures")
    [row] = re.findall(r"<tr>(<td data-name=.model.*?)</tr>", html)
    assert re.findall(r">([^<>]*)</td>", row) == [
        "server",
        "gold labels, format qa, 2 shots",
        "8",
        "8",
        "16",
        "it is not &lt;among&gt; the 5 likeliest",
    ]


def test_nothing_is_said_where_all_have_an_answer(run):
    scores = run.scores()
    known = answer_table(scores[scores["label_mode"] != "gold"])
    assert dropped_sentence(known) == dropped_html(known) == dropped_sentence(None) == dropped_html(None) == ""
    assert dropped_sentence(pd.DataFrame()) == ""


def test_probabilities_that_are_not_known_are_said_apart(run):
    scores = run.scores()
    scores.loc[scores["logprob"].isna(), "logprob_below"] = -0.6
    answers = answer_table(scores)
    text = dropped_sentence(answers)
    assert text.startswith("Probabilities are not known of 8 of 48 prompts (17 %), 8 of 16 with gold labels")
    assert text.endswith("accuracy is of all prompts.")
    assert re.findall(r">(\d+)<", dropped_html(answers)) == ["0", "8", "16"]
