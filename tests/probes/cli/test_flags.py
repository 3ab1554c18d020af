"""Spellings of flags, formats of the user's own, and words for labels."""

import json

import pytest

from icl.errors import UserError
from icl.prompts.formats import from_template, get_format
from icl.tasks.task import with_label_words
from probes.cli.main import main
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import read_experiment, write_experiment


def shown(capsys, *arguments: str) -> str:
    assert main(["show", "--task", "sentiment", "--shots", "1", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["text"]


@pytest.mark.parametrize("flag", ["--format", "--formats"])
def test_one_and_several_are_the_same_flag(capsys, flag):
    assert shown(capsys, flag, "qa").startswith("Q: ")
    plan = ["plan", "--model", "uniform", "--task", "sentiment", flag, "qa", "--queries", "8"]
    assert main(plan) == 0
    assert "qa" in capsys.readouterr().out


def test_american_spellings_are_taken(capsys, tmp_path):
    assert main(["show", "--task", "sentiment", "--color", "never"]) == 0
    assert main(["measure", str(tmp_path), "--normalization", "sum"]) == 2
    assert "not a run folder" in capsys.readouterr().err


def test_a_template_writes_demonstrations_and_query(capsys):
    text = shown(capsys, "--template", r"Review: {input}\nMood: {label}")
    demonstration, query = text.split("\n\n")
    assert demonstration.startswith("Review: ")
    assert demonstration.split("\n")[1] in ("Mood: positive", "Mood: negative")
    assert query.startswith("Review: ")
    assert query.endswith("\nMood:")


@pytest.mark.parametrize(
    ("text", "between", "prefix", "end"),
    [("{input} => {label}", "", " => ", "\n\n"), ("A: {input}\n\nB: {label}\n###\n", "\n\n", "B: ", "\n###\n")],
)
def test_a_template_is_a_format_whose_name_says_it_all(text, between, prefix, end):
    format = from_template(text)
    assert (format.field_separator, format.label_prefix, format.demonstration_separator) == (between, prefix, end)
    assert get_format(format.name, world="text") == format


@pytest.mark.parametrize("text", ["{input}", "{label} {input}", "{input} {label} {label}", "{input} {x} {label}"])
def test_a_template_without_its_places_is_refused(text):
    with pytest.raises(UserError, match="a template holds {input} and then {label}, once each"):
        from_template(text)


def test_labels_are_called_what_the_user_says(capsys, colours):
    text = shown(capsys, "--template", r"{input}\nMood: {label}", "--label-words", "negative=bad,positive=good")
    assert text.split("\n")[1] in ("Mood: bad", "Mood: good")
    renamed = with_label_words(colours, {"red": "rouge"})
    assert renamed.label_space == ("rouge", "green", "blue")
    assert [example.label for example in renamed.pool[:3]] == ["rouge", "green", "blue"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"rde": "rouge"}, "Did you mean 'red'"),
        ({"red": "green"}, "two labels of task 'colours' would be called 'green'"),
    ],
)
def test_words_for_labels_that_are_not_there_are_refused(colours, words, message):
    with pytest.raises(UserError, match=message):
        with_label_words(colours, words)


def test_words_for_labels_are_kept_in_the_experiment(tmp_path):
    asked = Experiment(models=("uniform",), task="sentiment", label_words=("negative=bad",))
    write_experiment(asked, tmp_path / "experiment.toml")
    assert read_experiment(tmp_path / "experiment.toml").label_words == ("negative=bad",)
    with pytest.raises(UserError, match="label_words are written LABEL=WORD, got 'bad'"):
        Experiment(models=("uniform",), task="sentiment", label_words=("bad",))
