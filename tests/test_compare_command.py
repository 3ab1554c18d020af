"""`probe compare` on a file of counts: what it writes, draws, prints and refuses."""

import argparse
import json
from pathlib import Path

import pandas as pd
import pytest
from small_accounts import RISING, compiled, curve

from icl.concept.accounts import ACCOUNTS
from icl.errors import UserError
from probes.comparison.command import compare
from probes.concept_flags import add_compare
from probes.runs.folder import RunFolder


@pytest.fixture
def counts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, machine in compiled().items():
        monkeypatch.setitem(ACCOUNTS, name, machine.design.account)
    monkeypatch.setattr("icl.concept.compiled.compile_design", lambda design: compiled()[design.account.name])
    path = tmp_path / "counts.csv"
    curve(*RISING).drop(columns="ceiling").assign(ceiling="").to_csv(path, index=False)
    return path


def call(*arguments: object) -> None:
    parser = argparse.ArgumentParser()
    add_compare(parser)
    parser.add_argument("--json", action="store_true")
    compare(parser.parse_args([str(argument) for argument in arguments]))


def test_tables_words_and_figures_of_a_comparison(counts_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = counts_file.parent / "compared"
    asked = ("--accounts", "flat,line,tempered-bayes", "--chains", 2, "--tune", 500, "--draws", 2000, "--out", out)
    call(counts_file, *asked, "--extrapolate-from", 4, "--max-refits", 1)
    said, steps = capsys.readouterr()
    assert "line is ahead" in said or "line predicts best" in said
    assert "tempered Bayes is left out" in said
    assert "Fitted to at most 4 shots, scored on the cells with more (points)" in said
    assert "line: compile and fit …" in steps
    folder = RunFolder(out)
    assert folder.comparison()["account"].tolist() == ["line", "flat", "tempered-bayes"]
    cells = folder.extrapolation()
    assert cells.groupby("account").size().to_dict() == {"carried-forward": 3, "flat": 7, "line": 7}
    record = json.loads((out / "comparison.json").read_text())
    assert (record["unit"], record["extrapolate_from"], record["draws"]) == ("cell", 4, 2000)
    for name in ("comparison", "extrapolation"):
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")

    call(counts_file, "--accounts", "line", "--chains", 2, "--tune", 500, "--out", out, "--json", "--max-refits", 0)
    printed = json.loads(capsys.readouterr().out)
    assert [row["account"] for row in printed["comparison"]] == ["line"]
    assert not (out / "extrapolation.parquet").exists()  # it was of the comparison before
    assert not (out / "figures" / "extrapolation.png").exists()


def test_what_the_command_cannot_do_is_said(counts_file: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    with pytest.raises(UserError, match="name a folder for the results with --out"):
        call(counts_file)
    with pytest.raises(UserError, match="--seed cannot be negative"):
        call(counts_file, *out, "--seed", -1)
    with pytest.raises(UserError, match="--normalisation belongs to a run folder"):
        call(counts_file, *out, "--normalisation", "sum")
    with pytest.raises(UserError, match="no account 'lin'.*Did you mean 'line'"):
        call(counts_file, *out, "--accounts", "lin")
    with pytest.raises(UserError, match="no observation 'count'.*Did you mean 'counts'"):
        call(counts_file, *out, "--observe", "count")
    with pytest.raises(UserError, match="no cell has more than 32 shots"):
        call(counts_file, *out, "--accounts", "line", "--extrapolate-from", 32)
    with pytest.raises(UserError, match="cannot be read as CSV"):
        call(tmp_path / "none.csv", *out)
    with pytest.raises(UserError, match="is no run folder"):
        call(tmp_path / "nowhere")
    pd.DataFrame({"model": ["m"]}).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(UserError, match=r"bad\.csv: not a counts table"):
        call(tmp_path / "bad.csv", *out)
