"""`probe compare` on a file of counts: what it writes, draws, prints and refuses."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_accounts import RISING, compiled, curve

from icl.concept.accounts import ACCOUNTS
from icl.concept.counts import validate_counts
from icl.concept.extrapolate import CARRIED, Extrapolation
from icl.concept.holdout import HoldOut
from icl.errors import UserError
from probes.cli import compare
from probes.comparison.source import counts_and_folder
from probes.comparison.words import (
    closest_words,
    crps_differences,
    extrapolation_lines,
    forecast_table,
    unconverged,
    unconverged_words,
)
from probes.runs.artefacts import stamp_of_file


@pytest.fixture
def counts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, machine in compiled().items():
        monkeypatch.setitem(ACCOUNTS, name, machine.layout.account)
    monkeypatch.setattr("icl.concept.compiled.compile_layout", lambda layout: compiled()[layout.account.name])
    path = tmp_path / "counts.csv"
    curve(*RISING).drop(columns="ceiling").assign(ceiling="").to_csv(path, index=False)
    return path


def call(*arguments: object) -> None:
    parser = argparse.ArgumentParser()
    compare.add(parser)
    compare.run(parser.parse_args([str(argument) for argument in arguments]))


def test_tables_words_and_figures_of_a_comparison(counts_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = counts_file.parent / "compared"
    asked = ("--accounts", "flat,line,tempered-bayes", "--chains", 2, "--tune", 500, "--draws", 2000, "--out", out)
    call(counts_file, *asked, "--extrapolate-from", 4, "--max-refits", 1)
    said = capsys.readouterr().out
    assert "line is ahead" in said or "line predicts best" in said
    assert "tempered Bayes is left out" in said
    assert "Fitted to at most 4 shots, scored on the cells with more (points)" in said
    assert pd.read_parquet(out / "comparison.parquet")["account"].tolist() == ["line", "flat", "tempered-bayes"]
    cells = pd.read_parquet(out / "extrapolation.parquet")
    assert cells.groupby("account").size().to_dict() == {"carried-forward": 3, "flat": 7, "line": 7, "stacked": 7}
    record = json.loads((out / "comparison.json").read_text())
    assert (record["unit"], record["hold_out"], record["draws"]) == (
        "cell",
        {"kind": "shots", "origins": [4]},
        2000,
    )
    assert record["digest"] == stamp_of_file(counts_file)["digest"]
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
    with pytest.raises(UserError, match="there is no file .*none.csv"):
        call(tmp_path / "none.csv", *out)
    with pytest.raises(UserError, match="is not a run folder"):
        call(tmp_path / "nowhere")
    pd.DataFrame({"model": ["m"]}).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(UserError, match=r"bad\.csv: not a counts table"):
        call(tmp_path / "bad.csv", *out)


def extended(crps: dict[str, list[float]], converged: dict[str, bool]) -> Extrapolation:
    """Predictions of held-out cells by their CRPS alone; cells stand in another order for each account."""
    cells = []
    for place, (account, values) in enumerate(crps.items()):
        rows = pd.DataFrame({"num_shots": 2 ** np.arange(3, 3 + len(values)), "crps": values, "held_out": True})
        names = {
            "model": "m",
            "task": "t",
            "label_mode": "gold",
            "format": "f",
            "example_length": pd.NA,
            "fold": "n > 4",
        }
        cells.append(rows.iloc[:: -1 if place % 2 else 1].assign(account=account, demonstration_set="all", **names))
    table = pd.DataFrame({"account": list(crps), "crps": [np.nanmean(values) for values in crps.values()]})
    table["title"] = table["account"] + " law"
    table["converged"] = table["account"].map(converged).astype("boolean")
    table = table.assign(coverage=0.9, width=10.0, bias=-1.25, log_score=-2.0, num_cells=4)
    return Extrapolation(
        table=table, cells=pd.concat(cells), unit="points", hold_out=HoldOut(origins=(4,)), sentences=()
    )


def test_a_missing_file_and_a_folder_named_like_a_table_are_told_apart(counts_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file .*gone.csv; name a run folder, or a CSV file of counts"):
        counts_and_folder(tmp_path / "gone.csv", tmp_path / "out", None)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match="folder.csv is not a run folder"):
        counts_and_folder(tmp_path / "folder.csv", tmp_path / "out", None)
    upper = counts_file.rename(tmp_path / "COUNTS.CSV")
    counts, _, _ = counts_and_folder(upper, tmp_path / "out", None)
    assert counts["num_correct"].sum() == curve(*RISING)["num_correct"].sum()


def test_differences_in_crps_are_paired_by_cell_and_leave_out_what_did_not_converge() -> None:
    crps = {"a": [1.0, 2.0, 3.0, 4.0], "b": [1.5, 3.0, 3.5, 5.0], CARRIED: [np.nan, 2.5, 9.0, 4.0], "c": [0.0] * 4}
    found = extended(crps, {"a": True, "b": True, "c": False})
    differences = crps_differences(found).set_index("account")
    assert differences.index.tolist() == ["a", "b", CARRIED]
    apart = {"b": [0.5, 1.0, 0.5, 1.0], CARRIED: [0.5, 6.0, 0.0]}
    for account, values in apart.items():
        expected = (np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values)), len(values))
        np.testing.assert_allclose(
            differences.loc[account, ["difference", "difference_se", "num_cells"]].astype(float), expected
        )
    written = forecast_table(found, found.table)
    assert written["behind the best"].tolist() == ["best", "0.75 ± 0.14", "2.17 ± 1.92", ""]
    assert written["account"].tolist()[-1] == "c law (not converged)"
    assert written["bias"].tolist()[0] == "−1.2"


def test_accounts_that_did_not_converge_are_named_first_and_keep_their_rows_back() -> None:
    found = extended({"a": [1.0, 2.0], CARRIED: [2.0, 2.5], "c": [0.5, 0.5]}, {"a": True, "c": False})
    assert unconverged(found.table) == ["c law"]
    assert unconverged(found.table.iloc[:2]) == []
    assert unconverged_words(["c law"], anyway=False).startswith("Did not converge: c law; their rows are withheld")
    shown = [line.split(" law")[0] for line in extrapolation_lines(found)]
    assert "a" in shown
    assert CARRIED in shown
    assert "c" not in shown
    assert "c" in [line.split(" law")[0] for line in extrapolation_lines(found, anyway=True)]


def test_the_smallest_crps_is_called_best_only_where_it_can_be_told() -> None:
    crps = {"a": [1.0, 2.0, 3.0, 4.0], "b": [1.5, 3.0, 3.5, 5.0], CARRIED: [0.0, 2.5, 9.0, 4.0]}
    both = {"a": True, "b": True}
    assert closest_words(extended(crps, both)) == (
        "a law comes closest (CRPS 2.50 points); it is not settled which extrapolates best: it and "
        f"{CARRIED} law (1.38 ± 1.57 behind)."
    )
    clear = crps | {CARRIED: [6.0, 7.0, 8.5, 9.0]}
    assert closest_words(extended(clear, both)) == (
        "a law comes closest (CRPS 2.50 points); the next, b law, lies 0.75 ± 0.14 behind."
    )
    assert closest_words(extended({CARRIED: [1.0, 2.0], "a": [0.5, 0.5]}, {"a": False})) == ""


def test_counts_are_told_apart_by_any_cell(tmp_path: Path) -> None:
    counts, path = validate_counts(curve(*RISING)), tmp_path / "counts.csv"

    def digest(table: pd.DataFrame) -> str:
        table.to_csv(path, index=False)
        return stamp_of_file(path)["digest"]

    name = digest(counts)
    assert digest(counts.copy()) == name
    for column, value in {"num_correct": 1, "num_prompts": 101, "mean_logprob": -0.5, "format": "qa"}.items():
        other = counts.copy()
        other.loc[0, column] = value
        assert digest(other) != name, column
