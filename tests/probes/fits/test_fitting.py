"""`probe fit` beyond its default: rival accounts, the evidence decomposition, several runs, and what it refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS
from icl.concept.fit import Fit
from probes.cli.main import main
from probes.runs.artefacts import FIT
from probes.runs.fits import lay_out
from probes.runs.opening import open_run
from probes.terminal.layout import text_width

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


def test_a_rival_is_fitted_and_reported_without_signal(runs, capsys, monkeypatch):
    capsys.readouterr()
    power = ["fit", runs[0], "--account", "power", *FEW]
    assert main([*power, "--strict"]) == 3  # 80 draws cannot agree well enough
    first, *said = capsys.readouterr().out.splitlines()
    assert first.startswith("Fitting power law to")
    assert said[0].startswith("This fit did not converge")
    assert not any("end_logit  " in line for line in said)
    assert said[-1] == f"Next: probe fit {runs[0]} --account power --draws 80 --tune 120 --chains 2"
    with xr.open_datatree(Path(runs[0], "fits", "power.counts.nc")) as tree:  # what was computed is kept, and marked
        assert tree.attrs["converged"] == 0
    assert main(["report", runs[0]]) == 0
    assert "No number of the fit is quoted" in Path(runs[0], "report.html").read_text()
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*power, "--anyway"]) == 3
    said = capsys.readouterr().out
    assert all(text_width(line) <= 80 or runs[0] in line for line in said.splitlines())
    assert said.index("This fit did not converge") < said.index("end_logit (logit)")
    assert "(power-scaling" in said


def test_a_fit_that_converged_ends_with_what_it_wrote_and_the_next_command(runs, tmp_path, capsys, monkeypatch):
    for limit, generous in (("MAX_RHAT", 99.0), ("MIN_ESS_BULK", 0), ("MAX_DIVERGENCE_SHARE", 1.0)):
        monkeypatch.setattr(f"icl.concept.diagnose.{limit}", generous)
    folder = tmp_path / "my run (1)"
    shutil.copytree(runs[0], folder)
    assert main(["fit", str(folder), "--account", "power", *FEW]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-3:] == [
        f"Written: {folder / 'fits' / 'power.counts.nc'}",
        f"Next: probe report '{folder}'",
        f"Next: probe compare '{folder}'",
    ]
    with xr.open_datatree(folder / "fits" / "power.counts.nc") as tree:
        assert tree.attrs["converged"] == 1


def test_runs_of_two_tasks_are_fitted_together(runs, tmp_path, capsys):
    out = tmp_path / "both.nc"
    capsys.readouterr()
    assert main(["fit", runs[0], "--with", runs[1], "--out", str(out), "--account", "power", "--json", *FEW]) == 3
    rows = json.loads(capsys.readouterr().out)
    assert {row["task"] for row in rows} == {"sentiment", "topic"}
    assert {row["converged"] for row in rows} == {False}
    with xr.open_datatree(out) as tree:
        assert tree.attrs["task"] == "sentiment + topic"
        assert set(tree["posterior"]["model"].to_numpy()) == {"mapping-learner | sentiment", "mapping-learner | topic"}
        assert "start_logit_population" in tree["posterior"]


def test_log_probabilities_can_be_fitted(runs, capsys):
    assert main(["fit", runs[0], "--account", "power", "--observe", "logprob", "--anyway", *FEW]) == 3
    assert "excess" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--account", "pwer"], "power"),
        (["--account", "tempered-bayes"], "needs the exact evidence of every cell"),
        (["--observe", "bits"], "observation"),
        (["--with", "RUN"], "--with RUN needs --out FILE.nc"),
        (["--concepts", "3"], "--concepts does not go with --account drift-diffusion"),
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


@pytest.mark.parametrize("account", ["power", "evidence"])
def test_runs_whose_labels_are_compared_in_different_ways_need_one_way(runs, account, tmp_path, capsys):
    per_token, out = tmp_path / "per token", tmp_path / "fit.nc"
    shutil.copytree(runs[1], per_token)
    assert main(["measure", str(per_token), "--normalisation", "per-token"]) == 0
    asked = ["fit", runs[0], "--with", str(per_token), "--out", str(out), "--account", account, *FEW]
    capsys.readouterr()
    assert main(asked) == 2
    assert f"({runs[0]} by 'sum', {per_token} by 'per-token'), and one fit takes one" in capsys.readouterr().err
    assert main([*asked, "--normalisation", "per-token"]) == 3
    with xr.open_datatree(out) as tree:
        assert tree.attrs["normalisation"] == "per-token"


@pytest.mark.slow
def test_evidence_is_decomposed_and_drawn(runs, capsys):
    assert main(["fit", runs[0], "--account", "evidence", "--draws", "1500", "--tune", "1000"]) == 0
    said = capsys.readouterr().out
    assert "what one demonstration adds to the log-odds of the task" in said
    assert "break-even share" in said
    assert main(["report", runs[0]]) == 0
    assert Path(runs[0], "fits", "evidence.counts.nc").exists()


def test_fits_with_other_options_have_files_of_their_own(runs) -> None:
    folder = open_run(Path(runs[0]))
    narrow = replace(DEFAULT_EVIDENCE_PRIORS, inputs=DEFAULT_EVIDENCE_PRIORS.inputs / 2)
    asked = [{}, {"concepts": 2}, {"concepts": 3}, {"priors": narrow}]
    laid_out = [lay_out([folder], "evidence", **options) for options in asked]
    names = [one.path.name for one in laid_out]
    assert names[:3] == ["evidence.counts.nc", "evidence.counts.concepts-2.nc", "evidence.counts.concepts-3.nc"]
    assert len(set(names)) == 4
    trees = [xr.DataTree() for _ in laid_out]
    for tree, one in zip(trees, laid_out):
        tree.attrs = {"account": "evidence", "observe": "counts", **one.source}
    again = [FIT.renew("RUN", tree) for tree in trees]
    assert again[1].endswith("--concepts 2")
    assert again[3] == "run.fit('evidence', priors=…)"
    assert [Fit(tree).title.partition(" of ")[2] for tree in trees] == [
        "counts",
        "counts, concepts 2",
        "counts, concepts 3",
        "counts, priors of its own",
    ]
