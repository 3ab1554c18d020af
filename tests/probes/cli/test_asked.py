"""Flags and experiment files: what stands on the command line takes the place of what stands in the file."""

from dataclasses import replace
from pathlib import Path

import pytest

from icl.errors import UserError
from probes.cli.asked import experiment_of
from probes.cli.main import make_parser
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import write_experiment

WRITTEN = Experiment(models=("uniform",), task="parity", shots=(2,), queries=6, seed=3)


def asked(path: Path, *flags: str) -> Experiment:
    return experiment_of(make_parser().parse_args(["run", str(path), *flags, "--out", "x"]))


@pytest.mark.parametrize(
    ("flags", "changed"),
    [
        ((), {}),
        (("--queries", "9", "--demonstration-sets", "2"), {"queries": 9, "demonstration_sets": 2}),
        (("--model", "majority", "--model", "uniform"), {"models": ("majority", "uniform")}),
        (("--probe", "shots,format"), {"probes": ("shots", "format")}),
        (("--task", "sentiment", "--seed", "0"), {"task": "sentiment", "seed": 0}),
        (("--no-calibration", "--skip-too-long"), {"calibrate": False, "skip_too_long": True}),
    ],
)
def test_flags_take_the_place_of_entries(tmp_path, flags, changed):
    path = tmp_path / "e.toml"
    write_experiment(WRITTEN, path)
    assert asked(path, *flags) == replace(WRITTEN, **changed)


def test_queries_do_not_go_with_the_curve_of_a_file(tmp_path):
    path = tmp_path / "e.toml"
    write_experiment(replace(WRITTEN, curve=True), path)
    assert asked(path, "--demonstration-sets", "9").demonstration_sets == 9
    with pytest.raises(UserError, match="--queries does not go with --curve"):
        asked(path, "--queries", "9")


def test_another_task_does_not_inherit_the_digest_of_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.jsonl"):
        Path(name).write_text('{"input": "x", "label": "y"}\n', encoding="utf-8")
    write_experiment(replace(WRITTEN, task="a.jsonl"), Path("e.toml"))
    assert asked(Path("e.toml")).digests
    assert asked(Path("e.toml"), "--task", "b.jsonl").digests is None
