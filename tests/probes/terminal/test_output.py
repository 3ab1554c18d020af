"""Output that is not Unicode: every command degrades its signs and dies of none; JSON stays JSON."""

import io
import json
import sys
from pathlib import Path

import pytest

from probes.cli.main import main
from probes.terminal.output import encodable

ENCODINGS = ("ascii", "cp1252")


@pytest.fixture(params=ENCODINGS)
def printed(request, monkeypatch):
    """Run a command whose output goes to streams of an encoding; return (status, output, error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        streams = [io.BytesIO(), io.BytesIO()]
        with monkeypatch.context() as patched:
            for name, stream in zip(("stdout", "stderr"), streams):
                patched.setattr(sys, name, io.TextIOWrapper(stream, encoding=request.param))
            try:
                status = main(list(arguments))
            except SystemExit as stopped:  # of --help
                status = int(stopped.code or 0)
            sys.stdout.flush()
            sys.stderr.flush()
            out, error = (stream.getvalue().decode(request.param) for stream in streams)
        return status, out, error

    return run


@pytest.fixture(scope="module")
def moods(tmp_path_factory) -> Path:
    """A task whose texts and labels are of many scripts."""
    path = tmp_path_factory.mktemp("task") / "刺激.jsonl"
    inputs = ("très bon", "ужасно", "素晴らしい", "रोचक", "جيد", "fine 😀", "plain", "½ → 1")
    rows = [
        json.dumps({"input": f"{text} {number}", "label": ("好", "mal →")[number % 2]})
        for number in range(5)
        for text in inputs
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_signs_become_plain_ones_and_letters_escapes():
    assert encodable("a → b – c − d ± e … “f” τ", "ascii") == 'a -> b - c - d +/- e ... "f" tau'
    assert encodable("a → b ± τ é 好 😀", "cp1252") == "a -> b ± tau é \\u597d \\U0001f600"
    assert encodable("λόγος", "ascii") == "\\u03bb\\u03cc\\u03b3\\u03bf\\u03c2"
    assert encodable("caf\udce9 → 好", "utf-8") == "caf\\udce9 → 好"
    assert encodable("caf\udce9 → 好", None) == "caf\\udce9 → 好"


def test_cheap_commands_end_in_any_encoding(printed, moods, tmp_path):
    run = str(tmp_path / "läufe 好")
    grid = ["--label-modes", "gold,random", "--shots", "0,2", "--queries", "6", "--demonstration-sets", "2"]
    asked = ["--task", str(moods), "--model", "uniform", *grid]
    for command in (
        ["--help"],
        ["run", "--help"],
        ["list"],
        ["list", "priors"],
        ["show", "--task", str(moods), "--shots", "3"],
        ["show", "--task", str(moods), "--colour", "always"],
        ["plan", *asked],
        ["run", *asked, "--out", run],
        ["run", *asked, "--out", run],
        ["measure", run, "--normalisation", "per-byte"],
        ["family", "--out", str(tmp_path / "好.npz")],
    ):
        status, out, error = printed(*command)
        assert status == 0, (command, error)
        assert out
    status, _, error = printed("show", "--task", "好")
    assert status == 2
    assert "\\u597d" in error


def test_json_stays_json_and_says_the_same(printed, moods, tmp_path, capsys):
    run = str(tmp_path / "run")
    asked = ["--task", str(moods), "--model", "uniform", "--shots", "2", "--queries", "6", "--label-modes", "gold"]
    for command in (
        ["list", "--json"],
        ["show", "--task", str(moods), "--json"],
        ["plan", *asked, "--json"],
        ["run", *asked, "--out", run, "--json"],
        ["measure", run, "--json"],
    ):
        status, out, error = printed(*command)
        assert status == 0, error
        assert main(command) == 0
        assert json.loads(out) == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_of_non_latin_letters_keeps_them(encoding, monkeypatch):
    from probes.terminal.output import prepare_output

    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, encoding=encoding))
    value = {"label": "好 → 😀 é", "name": "caf\udce9"}
    prepare_output(as_json=True)
    sys.stdout.write(json.dumps(value, ensure_ascii=False))
    sys.stdout.flush()
    assert json.loads(stream.getvalue().decode(encoding)) == value


@pytest.mark.slow
def test_long_commands_end_in_any_encoding(printed, tmp_path):
    run, few = str(tmp_path / "run"), ["--draws", "100"]
    asked = ["--task", "sentiment", "--model", "mapping-learner", "--shots", "0,2,4", "--queries", "8"]
    assert printed("run", *asked, "--out", run)[0] == 0
    for command in (
        ["fit", run, *few, "--tune", "100"],
        ["fit", run, "--account", "evidence", *few, "--tune", "100"],
        ["compare", run, *few, "--accounts", "drift-diffusion,power"],
        ["variance", run, *few],
        ["report", run],
        ["ledger", "--prompts", "8", "--example-lengths", "5", "--out", str(tmp_path / "ledger")],
        ["reproduce", "--models", "ginc-tiny", "--prompts", "4", "--out", str(tmp_path / "reproduction")],
        ["pretrain", "--tokens", "2e4", "--layers", "1", "--width", "16", "--out", str(tmp_path / "model")],
        ["calibrate", "--accounts", "power", "--simulations", "10", "--out", str(tmp_path / "calibration")],
    ):
        status, out, error = printed(*command)
        assert status in (0, 3), (command, error)
        assert out
