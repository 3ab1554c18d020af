"""Sweeps on Ray: workers may die, the store ends the same; what is wrong with a cluster is said in a sentence."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w

from icl.errors import UserError
from probes.cli.main import main
from probes.runs.folder import RunFolder
from probes.runs.resources import Resources
from probes.runs.sweep import run_sweep
from probes.runs.sweep_file import read_sweep

pytest.importorskip("ray", reason="--ray is an extra: pip install 'icl-probe-lab[ray]'")

from probes.runs import sweep_ray
from probes.runs.sweep_ray import ray_engine
from probes.runs.sweep_worker import about

ASKED = {"label_modes": ["gold", "random"], "shots": [0, 4], "queries": 12, "demonstration_sets": 3}


@pytest.fixture
def sweep_file(tmp_path) -> Path:
    path = tmp_path / "sweep.toml"
    grid = {"model": ["ginc-tiny", "majority"], "seed": [0, 1]}
    path.write_text(tomli_w.dumps({"task": "ginc", **ASKED, "sweep": {"grid": grid}}))
    return path


def assert_same_store(store: Path, other: Path) -> None:
    runs = sorted(record.parent.name for record in other.glob("*/experiment.toml"))
    assert runs == sorted(record.parent.name for record in store.glob("*/experiment.toml"))
    for run in runs:
        found, expected = (RunFolder(place / run).scores() for place in (store, other))
        exact = [name for name in expected if "logprob" not in name and name != "vocabulary_rank"]
        pd.testing.assert_frame_equal(found[exact], expected[exact])
        np.testing.assert_allclose(found["logprob"], expected["logprob"], atol=1e-4, rtol=0)
        assert RunFolder(store / run).manifest["state"] == "finished"


def worker_processes(driver: int) -> list:
    import psutil

    found = []
    for process in psutil.Process(driver).children(recursive=True):
        try:
            if process.cmdline() and process.cmdline()[0].startswith("ray::Worker"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def listening(driver: int) -> set[str]:
    import psutil

    processes = [psutil.Process(driver), *psutil.Process(driver).children(recursive=True)]
    found = set()
    for process in processes:
        try:
            found |= {one.laddr.ip for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
        except psutil.Error:
            continue
    return found


def start(path: Path, store: Path) -> subprocess.Popen:
    asked = ["sweep", str(path), "--out", str(store), "--ray", "local:2", "--no-cache"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "probes", *asked],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_store_ends_the_same_though_a_worker_and_the_driver_are_killed(sweep_file, tmp_path):
    whole, store = tmp_path / "whole", tmp_path / "store"
    run_sweep(read_sweep(sweep_file), whole, resources=Resources(use_cache=False))
    heard: set[str] = set()
    for victim in ("worker", "driver", None):
        driver = start(sweep_file, store)
        until = time.monotonic() + 120
        while victim and driver.poll() is None and time.monotonic() < until:
            workers = worker_processes(driver.pid)
            if workers:
                heard |= listening(driver.pid)
                time.sleep(1)
                (workers[0] if victim == "worker" else driver).send_signal(signal.SIGKILL)
                break
            time.sleep(0.1)
        _, said = driver.communicate(timeout=240)
        assert driver.returncode == (-signal.SIGKILL if victim == "driver" and driver.returncode else 0), said
        assert "Traceback" not in said
        assert "raylet" not in said
    assert heard
    assert all(ip.removeprefix("::ffff:") in ("127.0.0.1", "::1") for ip in heard)
    assert_same_store(store, whole)


@pytest.mark.slow
def test_an_interrupted_sweep_says_so_and_resumes_elsewhere(sweep_file, tmp_path):
    store = tmp_path / "store"
    driver = start(sweep_file, store)
    while driver.poll() is None and not worker_processes(driver.pid):
        time.sleep(0.1)
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=120)
    assert driver.returncode in (0, 130)  # 0 where it was done before
    assert driver.returncode == 0 or "repeat the command to resume" in said
    run_sweep(read_sweep(sweep_file), store)
    run_sweep(read_sweep(sweep_file), tmp_path / "whole", resources=Resources(use_cache=False))
    assert_same_store(store, tmp_path / "whole")


def test_an_address_where_nobody_listens_is_refused_at_once(sweep_file, tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    assert main(["sweep", str(sweep_file), "--out", str(tmp_path / "store"), "--ray", where]) == 2
    assert time.monotonic() - began < 30
    said = capsys.readouterr().err
    assert f"Ray at {where} cannot be reached" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("where", ["local:0", "local:two", "localhost", "host:port", "ray://host:1"])
def test_what_is_no_address_is_refused(where):
    with pytest.raises(UserError, match="--ray"), ray_engine(where):
        pass


@pytest.mark.parametrize("name", ["icl-probe-lab", "torch", "code"])
def test_workers_of_another_version_are_refused(name):
    sweep_ray._check_same_lab(about(), "host:1")
    with pytest.raises(UserError, match=f"another version of the lab .*other there, {about()[name]} here"):
        sweep_ray._check_same_lab(about() | {name: "other"}, "host:1")


def test_readings_of_units_add_up():
    one = {"trie_nodes": 10, "tokens_forwarded": 12, "seconds": 1.5, "tokens_per_node": 1.2, "read_whole_because": ""}
    two = {"trie_nodes": 30, "tokens_forwarded": 30, "seconds": 0.5, "tokens_per_node": 1.0, "read_whole_because": ""}
    assert sweep_ray._added(sweep_ray._added({}, one), two) == {
        "trie_nodes": 40,
        "tokens_forwarded": 42,
        "seconds": 2.0,
        "tokens_per_node": 1.05,
        "read_whole_because": "",
    }
