"""Prompts without an answer are counted by condition where numbers are read, on the terminal as on the page."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from icl.answers import answer_table
from icl.errors import UserError
from icl.metrics.outcomes import prompt_outcomes
from probes.cli.main import main
from probes.report import page
from probes.report.dropped import dropped_html, dropped_sentence, dropped_sentences
from probes.report.figures import plot_reliability, reliable_rows
from probes.report.run_words import run_lines
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.scorers.scorer import Answer, LabelAnswer, Scorer


class Server(Scorer):
    """Does not tell the second candidate's log-probability behind gold labels in every second prompt."""

    name = "server"

    def __call__(self, prompts):
        return np.array([[-0.5, -1.5] for _ in prompts])

    def answer(self, prompts, *, progress=None):
        seen = 0
        for index, prompt in enumerate(prompts):
            row = [LabelAnswer(-0.5), LabelAnswer(-1.5)]
            if prompt.demonstrations.label_mode == "gold" and len(prompt.demonstrations):
                seen += 1
                row[1] = row[1] if seen % 2 else LabelAnswer(np.nan, reason="it is not <among> the 5 likeliest")
            yield index, Answer.of(row)


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
        "likeliest); every number rests on the others, which may differ from them."
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
    assert text.startswith("Probabilities are not known for 8 of 48 prompts (17 %), 8 of 16 with gold labels")
    assert text.endswith("accuracy covers all prompts, probabilities only conditions that lack none.")
    assert re.findall(r">(\d+)<", dropped_html(answers)) == ["0", "8", "16"]


class Silent(Server):
    """Tells nothing."""

    name = "silent"

    def answer(self, prompts, *, progress=None):
        for index, _ in enumerate(prompts):
            yield index, Answer.missing(2, "it tells no numbers")


def execute_with(folder, run, *scorers):
    asked = run.experiment
    found = create_run(folder, asked)
    execute(found, replace(make_plan(asked), scorers=scorers))
    return found


def test_a_run_without_answers_gives_the_commonest_reason_to_every_command(run, tmp_path, capsys):
    with pytest.raises(UserError, match="none of the 48 prompts has an answer"):
        execute_with(tmp_path / "run", run, Silent())
    path = str(tmp_path / "run")
    capsys.readouterr()
    commands = (["measure"], ["report"], ["fit"], ["fit", "--account", "evidence"], ["compare"], ["variance"])
    for name, *flags in commands:
        assert main([name, path, *flags]) == 2
        said = capsys.readouterr().err
        assert "the commonest reason, 48 times: it tells no numbers" in said, name
        assert "to its end" not in said
    assert main(["plan", str(tmp_path / "run" / "experiment.toml"), "--pilot", path]) == 2
    assert "48 times: it tells no numbers" in capsys.readouterr().err


def test_a_model_without_answers_is_named_beside_those_that_have_some(run, tmp_path):
    both = execute_with(tmp_path / "run", run, Server(), Silent())
    printed = " ".join(" ".join(run_lines(page.read_material(both))).split())
    sentence = "None of the 48 prompts of silent has an answer (it tells no numbers)."
    assert sentence in printed
    assert sentence in page.write_report(both).read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert dropped_sentences(answer_table(both.scores())) == [
        "server, left out: 8 of 48 prompts (17 %), 8 of 16 with gold labels, format qa, 2 shots (it is not <among> "
        "the 5 likeliest).",
        "silent, left out: 48 of 48 prompts (100 %), in 3 conditions, at worst 16 of 16 with no demonstrations, "
        "format qa (it tells no numbers).",
    ]


def test_what_cannot_be_fitted_without_the_prompts_left_out_says_so(run, tmp_path, capsys):
    class Bare(Silent):
        def answer(self, prompts, *, progress=None):
            told = Server.__call__(self, prompts)
            for (index, row), prompt in zip(super().answer(prompts), prompts):
                yield index, row if len(prompt.demonstrations) else Answer(logprob=told[index])

    path = str(execute_with(tmp_path / "run", run, Bare()).path)
    capsys.readouterr()
    for name, *flags in (["fit"], ["fit", "--account", "evidence"], ["variance"], ["variance", "--score", "accuracy"]):
        assert main([name, path, *flags]) == 2
        assert (
            "32 of 48 prompts have no answer and are left out, most often because: it tells no"
            in capsys.readouterr().err
        )


def test_reliability_is_of_answers_whose_confidence_is_known(run):
    scores = run.scores()
    scores.loc[scores["logprob"].isna(), "logprob_below"] = -0.6
    outcomes = prompt_outcomes(scores)
    assert outcomes["confidence"].isna().sum() == 16  # of the whole condition
    assert reliable_rows(outcomes, "server").empty
    told = reliable_rows(answer_table(scores), "server")
    assert len(told) == 8
    plot_reliability(answer_table(scores), model="server", fewest=1)


def test_confidence_is_not_set_against_gold_that_is_no_draw(run):
    """GINC's gold is the likeliest token: exact Bayes would look underconfident there by tens of points."""
    outcomes = prompt_outcomes(run.scores())
    shown = outcomes.assign(confidence=0.7)
    assert len(reliable_rows(shown, "server")) > 0
    assert reliable_rows(shown.assign(task="ginc"), "server").empty
