"""`probe fit` beyond its default: rival accounts, the evidence decomposition, several runs, and what it refuses."""

import json
from pathlib import Path

import pytest
import xarray as xr

from probes.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")

FEW = ["--draws", "40", "--tune", "60", "--chains", "2"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[str, str]:
    """A control's answers on two tasks."""
    folder = tmp_path_factory.mktemp("runs")
    found = []
    for task in ("sentiment", "topic"):
        out = str(folder / task)
        asked = ["--label-modes", "gold,random,shuffled", "--shots", "0,2,8", "--queries", "12", "--demonstration-sets"]
        assert main(["run", "--model", "mapping-learner", "--task", task, *asked, "3", "--out", out]) == 0
        found.append(out)
    return found[0], found[1]


def test_a_rival_is_fitted_and_reported_without_signal(runs, capsys):
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:  # 80 draws cannot agree well enough
        main(["fit", runs[0], "--account", "power", "--strict", *FEW])
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "Fitting power law to" in said
    assert "end_logit" in said
    assert "This fit did not converge" in said
    assert "(power-scaling" in said
    assert Path(runs[0], "posterior.nc").exists()  # what was computed is kept
    assert main(["report", runs[0]]) == 0
    assert main(["fit", runs[0], "--account", "power", *FEW]) == 0  # without --strict the words suffice


def test_runs_of_two_tasks_are_fitted_together(runs, tmp_path, capsys):
    out = tmp_path / "both.nc"
    capsys.readouterr()
    assert main(["fit", runs[0], "--with", runs[1], "--out", str(out), "--account", "power", "--json", *FEW]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert any("sentiment" in row["level"] for row in rows)
    with xr.open_datatree(out) as tree:
        assert tree.attrs["task"] == "sentiment + topic"
        assert set(tree["posterior"]["model"].to_numpy()) == {"mapping-learner | sentiment", "mapping-learner | topic"}
        assert "start_logit_population" in tree["posterior"]


def test_log_probabilities_can_be_fitted(runs, capsys):
    assert main(["fit", runs[0], "--account", "power", "--observe", "logprob", *FEW]) == 0
    assert "excess" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--account", "pwer"], "power"),
        (["--account", "tempered-bayes"], "needs the exact evidence of every cell"),
        (["--observe", "bits"], "observation"),
        (["--with", "RUN"], "--with RUN and --out FILE.nc go together"),
        (["--concepts", "3"], "--concepts goes with --account evidence only"),
        (["--account", "evidence", "--observe", "logprob"], "is fitted to counts"),
        (["--account", "evidence", "--model", "gpt"], "mapping-learner"),
        (["--chains", "1"], "at least 2 chains"),
    ],
)
def test_what_cannot_be_fitted_is_said(runs, flags, sentence, capsys):
    capsys.readouterr()
    assert main(["fit", runs[0], *(runs[1] if flag == "RUN" else flag for flag in flags)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert sentence in said


@pytest.mark.slow
def test_evidence_is_decomposed_and_drawn(runs, capsys):
    assert main(["fit", runs[0], "--account", "evidence", "--draws", "1500", "--tune", "1000"]) == 0
    said = capsys.readouterr().out
    assert "what one demonstration adds to the log-odds of the task" in said
    assert "break-even share" in said
    assert main(["report", runs[0]]) == 0
    assert Path(runs[0], "evidence.nc").exists()
