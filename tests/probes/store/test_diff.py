"""`probe diff` on runs of controls: what it says was asked, and what it prints."""

import json

import pytest

import probes
from probes.cli.main import main
from probes.runs.folder import RunFolder
from probes.store.diff import diff_runs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    asked = {"label_modes": ("gold", "random"), "shots": 2, "queries": 8, "demonstration_sets": 2}
    probes.run("recency(1.5)", "sentiment", out=path / "one", **asked)
    probes.run("recency(1.5)", "sentiment", out=path / "same", **asked)
    probes.run("majority", "sentiment", out=path / "other", **asked)
    probes.run("recency(1.5)", "sentiment", out=path / "seed", **(asked | {"seed": 3}))
    probes.run("majority", "parity", out=path / "parity", **asked)
    return path


def test_what_was_asked_differently_is_named(made):
    found = diff_runs(RunFolder(made / "one"), RunFolder(made / "seed"))
    assert found.asked.values.tolist() == [["seed", "0", "3"]]
    models = diff_runs(RunFolder(made / "one"), RunFolder(made / "other")).asked.set_index("what")
    assert models.loc["models"].tolist() == ["recency(1.5)", "majority"]


def test_equal_runs_are_said_to_be_equal(made, capsys):
    assert main(["diff", str(made / "one"), str(made / "same")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Both runs asked the same, of the same models, by the same versions." in said
    assert "; 0 (0.0%) differently." in said
    assert "0 of 6 intervals leave out 0" in said


def test_differences_are_printed_in_points(made, capsys):
    assert main(["diff", str(made / "one"), str(made / "other")]) == 0
    said = capsys.readouterr().out
    assert "paired prompt by prompt" in " ".join(said.split())
    assert "gold    accuracy" in said
    assert "points" in said


def test_runs_that_share_nothing_say_so(made, capsys):
    assert main(["diff", str(made / "one"), str(made / "parity")]) == 0
    assert "No condition was asked in both runs" in " ".join(capsys.readouterr().out.split())


def test_the_command_gives_data(made, capsys):
    assert main(["diff", str(made / "one"), str(made / "seed"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["asked"] == [{"what": "seed", "first": "0", "second": "3"}]
    assert {row["score"] for row in told["differences"]} == {"accuracy", "gold_probability", "log_score"}


def test_a_run_that_is_no_run_is_refused(made, tmp_path, capsys):
    assert main(["diff", str(made / "one"), str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
