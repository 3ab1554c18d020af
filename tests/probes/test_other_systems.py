"""What Windows and macOS need and can be tried anywhere: names of files, shells, closed pipes, what a wheel carries."""

import errno
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from small_runs import run_experiment

from icl.errors import UserError
from icl.tasks.catalogue import load_task, names_file
from probes.cli import list as list_command
from probes.cli import main as cli
from probes.cli.main import main
from probes.runs.experiment import Experiment
from probes.scorers.huggingface_source import find_model
from probes.terminal import shell

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("word", "windows", "elsewhere"),
    [
        ("runs/demo", "runs/demo", "runs/demo"),
        (r"C:\runs\demo", r"C:\runs\demo", r"'C:\runs\demo'"),
        ("my run (1)", '"my run (1)"', "'my run (1)'"),
        ("a&b", '"a&b"', "'a&b'"),
        ("--queries", "--queries", "--queries"),
        ("", '""', "''"),
    ],
)
def test_words_are_quoted_for_the_shell_of_the_system(word, windows, elsewhere):
    assert shell.shell_word(word, windows=True) == windows
    assert shell.shell_word(word, windows=False) == elsewhere


def test_a_command_stays_on_a_line_where_shells_agree_on_no_continuation():
    assert shell.continuation(windows=True) is None
    assert shell.continuation(windows=False) == " \\"


@pytest.mark.parametrize("name", [r"C:\data\reviews", "C:/reviews", r"..\reviews", "~/reviews"])
def test_paths_of_windows_are_no_names_on_the_hub(name):
    assert names_file(name)
    with pytest.raises(UserError, match="there is no file"):
        load_task(name)
    with pytest.raises(UserError, match="no model"):
        find_model(name)


@pytest.mark.parametrize(
    "flags", [("--task", "~nobody-here/x.csv"), ("--task", "sentiment", "--corpus", "~nobody-here/x.txt")]
)
def test_the_home_of_nobody_is_said(flags, capsys):
    assert main(["run", "--model", "uniform", *flags, "--input-modes", "ood", "--out", "never"]) == 2
    assert re.search(r"'~nobody-here/x\.\w+' begins with the home of a user whom", capsys.readouterr().err)


def test_a_reader_that_has_gone_is_no_error_on_windows(monkeypatch):
    """There a closed pipe is an invalid argument."""

    def write(options):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(list_command, "run", write)
    monkeypatch.setattr(cli, "_close_quietly", lambda: None)
    with pytest.raises(OSError, match="Invalid argument"):
        main(["list"])
    monkeypatch.setattr(cli, "_CLOSED_PIPE", errno.EINVAL)
    assert main(["list"]) == 0


FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)
"""What Windows takes in no name of a file."""


def test_every_file_of_a_run_has_a_name_that_windows_takes(tmp_path):
    asked = Experiment(
        models=("tempered(0.5)", "oracle", "recency(1)", "uniform"),
        task="ginc",
        label_modes=("gold", "fraction_correct(0.5)"),
        shots=(0, 2),
        queries=4,
    )
    run = run_experiment(asked, tmp_path / "run")
    assert main(["report", str(run.path)]) == 0
    names = [path.name for path in run.path.rglob("*")]
    assert any(name.endswith(".png") for name in names)
    assert [name for name in names if FORBIDDEN.search(name)] == []


def test_every_file_of_the_repository_has_such_a_name():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    if listed.returncode:
        pytest.skip("this is no checkout")
    parts = {part for name in listed.stdout.split("\0") if name for part in name.split("/")}
    assert {part for part in parts if FORBIDDEN.search(part)} == set()


def test_every_package_that_is_imported_is_declared():
    from test_house import SOURCES, tops

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["hub"], *extras["inspect"], *extras["ray"]]
    names = {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in declared}
    imported = set().union(*map(tops, SOURCES)) - set(sys.stdlib_module_names) - {"icl", "probes"}
    assert imported <= names
    only_needed_by_others = {"accelerate", "gguf", "h5netcdf", "h5py"}
    assert names - imported == only_needed_by_others
