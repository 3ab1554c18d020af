"""A finished run that loses a file of its scores says so, however it is read, and is completed by the same command."""

import json
from pathlib import Path

import pandas as pd
import pytest
from small_runs import SMALL, Recorder, in_order, plan_with

from icl.errors import UserError
from probes.cli.main import main
from probes.runs import asking
from probes.runs.execute import execute
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run, open_run

READERS = {
    "open": lambda folder: open_run(folder.path),
    "scores": lambda folder: folder.scores(),
    "answers": lambda folder: folder.answers(),
    "metrics": lambda folder: folder.metrics(),
    "measure": lambda folder: folder.answers_to_measure("sum"),
    "fit": lambda folder: folder.fit("drift-diffusion"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RunFolder:
    """A finished run with several parts."""
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 15)
    made = create_run(tmp_path / "run", SMALL)
    execute(made, plan_with(Recorder()))
    return made


def parts(folder: RunFolder) -> list[Path]:
    return sorted((folder.path / "scores").glob("*.parquet"))


def lose(folder: RunFolder, *places: int) -> int:
    """Delete parts; the number of prompts that they held."""
    lost = 0
    for path in [parts(folder)[place] for place in places]:
        lost += pd.read_parquet(path)["number"].nunique()
        path.unlink()
    return lost


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_every_way_to_read_a_run_tells_how_many_prompts_it_lost(folder, read):
    total = len(folder.answers())
    lost = lose(folder, 0, 2)
    with pytest.raises(
        UserError, match=rf"has lost {lost:,} of the {total:,} prompts .*; rerun the same `probe run` command"
    ):
        read(folder)


@pytest.mark.parametrize("command", ["measure", "report", "fit"])
def test_a_command_ends_in_one_sentence(folder, command, capsys):
    lost = lose(folder, 1)
    assert main([command, str(folder.path)]) == 2
    assert f"has lost {lost:,} of the" in capsys.readouterr().err


def test_the_same_run_asks_what_was_lost_and_nothing_else(folder):
    whole, metrics = in_order(folder.scores()), folder.metrics()
    ids = {path: set(pd.read_parquet(path)["prompt_id"]) for path in parts(folder)}
    lost = parts(folder)[:-1]
    held = ids[parts(folder)[-1]]  # the same question may stand in two parts; an answer that is held is not asked for
    lose(folder, *range(len(lost)))
    again = Recorder()
    execute(folder, plan_with(again))
    assert again.asked
    assert sorted(again.asked) == sorted(set().union(*(ids[path] for path in lost)) - held)
    pd.testing.assert_frame_equal(in_order(open_run(folder.path).scores()), whole)
    assert len(folder.metrics()) == len(metrics)


def test_prompts_that_stand_in_another_file_are_not_lost(folder):
    first = parts(folder)[0]
    first.rename(first.with_name("moved.parquet"))
    assert len(open_run(folder.path).answers()) == folder.manifest["stored"]["prompts"]


def test_an_earlier_version_and_an_unfinished_run_are_read_as_they_are(folder):
    manifest = folder.manifest
    assert manifest["stored"]["parts"] == [path.name for path in parts(folder)]
    earlier = {name: value for name, value in manifest.items() if name != "stored"}
    (folder.path / "manifest.json").write_text(json.dumps(earlier))
    held = len(folder.answers())
    lost = lose(folder, 0)
    assert len(open_run(folder.path).answers()) == held - lost
    (folder.path / "manifest.json").write_text(json.dumps(earlier | {"state": "running"}))
    assert len(open_run(folder.path).answers()) == held - lost


def test_a_run_that_goes_on_is_not_held_to_what_it_had(folder):
    lose(folder, 0)
    with pytest.raises(KeyboardInterrupt):
        execute(folder, plan_with(Recorder(kill_after=0)))
    assert "stored" not in folder.manifest
    assert len(open_run(folder.path).answers())
