"""A run that is killed outright, ten times, ends in the table of an undisturbed one, and asks nothing it had stored."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probes.runs.folder import RunFolder

DRIVER = Path(__file__).parents[2] / "helpers" / "killed_run.py"


def start(model: Path, out: Path, asked: Path) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(DRIVER), str(model), str(out), str(asked)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while not asked.exists() and process.poll() is None:
        time.sleep(0.02)
    return process


def parts(folder: RunFolder) -> list[Path]:
    return list((folder.path / "scores").glob("part-*.parquet"))


@pytest.mark.slow
def test_ten_kills_lose_nothing_and_repeat_nothing(tiny_lm, tmp_path):
    assert start(tiny_lm, tmp_path / "whole", tmp_path / "all.json").wait() == 0
    undisturbed = RunFolder(tmp_path / "whole").scores()
    folder, rng = RunFolder(tmp_path / "killed"), np.random.default_rng(0)
    kills = []
    for number in range(40):
        stored = set(folder.scores()["prompt_id"]) if parts(folder) else set()
        asked = tmp_path / f"asked{number}.json"
        process = start(tiny_lm, folder.path, asked)
        if len(kills) < 10:
            enough = len(parts(folder)) + rng.integers(0, 7)
            while len(parts(folder)) < enough and process.poll() is None:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.1))  # in the middle of a pass, or of a write
            process.kill()
        ended = process.wait()
        assert not stored & set(json.loads(asked.read_text()))
        if ended == 0:
            break
        kills.append(len(stored))
    assert len(kills) == 10
    assert len(set(kills)) > 3  # they fell at different places
    resumed = folder.scores()
    exact = [column for column in undisturbed if column not in ("run", "vocabulary_rank") and "logprob" not in column]
    pd.testing.assert_frame_equal(resumed[exact], undisturbed[exact])
    for column in (name for name in undisturbed if "logprob" in name):
        np.testing.assert_allclose(resumed[column], undisturbed[column], atol=1e-4, rtol=0)
    best = [table.loc[table.groupby("number")["logprob"].idxmax(), "candidate"] for table in (resumed, undisturbed)]
    assert best[0].equals(best[1])
