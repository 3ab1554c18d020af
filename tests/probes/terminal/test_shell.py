"""Commands that are printed can be pasted, whatever a path is called."""

import os
import subprocess
from pathlib import Path

import pytest

from probes.report.found_power import FoundPower
from probes.terminal.layout import command_lines
from probes.terminal.shell import path_argument, shell_join, shell_word

NAMES = [
    "plain",
    "my run (1)",
    'it\'s "q" $HOME `x`',
    "two\nlines\tand\\n'",
    "caf\xe9 日本",
    "bytes\udcff'",
    "",
    "*",
    "~",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_reads_a_word_as_it_was(name):
    command = f"printf %s {shell_word(name)}"
    assert "\n" not in command
    assert command.encode()  # no half characters
    read = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"}
    )
    assert read.stdout == os.fsencode(name)


def test_a_path_is_never_taken_for_an_option(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert path_argument(Path("-dash")) == "./-dash"
    assert path_argument(Path("a/-dash")) == "a/-dash"
    larger = FoundPower(size="", source="", smallest=0.1, larger=("--queries", "9")).command(Path("-dash"))
    assert shell_join(larger) == "probe run ./-dash/experiment.toml --queries 9 --out ./-dash-larger"
    assert command_lines(*larger, lead=" ") == [f"  {shell_join(larger)}"]
