"""Commands that are stopped: what they have stored is counted, and what is left when they go on."""

import os
import signal
import sys
import threading

import pymc
import pytest
from small_runs import SMALL, Recorder, plan_with

from icl.concept.density import compile_density
from icl.concept.sampler import Effort, sample
from icl.errors import UserError
from probes.cli import run
from probes.cli.main import main
from probes.cli.stopping import Stopped, stoppable
from probes.runs import asking
from probes.runs.execute import execute
from probes.runs.opening import create_run


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_like_an_interrupt(name, monkeypatch, capsys):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    try:

        def stopped(options):
            os.kill(os.getpid(), number)
            raise AssertionError("the signal came to nobody")

        monkeypatch.setattr(run, "run", stopped)
        monkeypatch.setattr(sys, "argv", ["probe", "run", "--out", "x"])
        assert main() == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert "probe: interrupted; what was scored is stored" in capsys.readouterr().err


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup starts a command
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupted_run_counts_what_is_stored_and_what_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 7)
    folder, total = create_run(tmp_path / "run", SMALL), len(plan_with(Recorder()).prompts)
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt) as stopped:
        execute(folder, plan_with(Recorder(kill_after=20)), tell=told.append)
    stored = len(folder.scores().drop_duplicates("number"))
    assert 0 < stored < total
    assert stopped.value.__notes__ == [f"{stored:,} of {total:,} answers are stored; repeat the command to resume."]
    assert told == []
    execute(folder, plan_with(Recorder()), tell=told.append)
    assert told == [f"Resuming: {total - stored:,} of {total:,} prompts are left."]
    execute(folder, plan_with(Recorder()), tell=told.append)  # nothing is left: nothing is said
    assert len(told) == 1


def test_an_interrupt_before_the_first_answer_says_so(tmp_path):
    with pytest.raises(KeyboardInterrupt) as stopped:
        execute(create_run(tmp_path / "run", SMALL), plan_with(Recorder(kill_after=0)))
    assert stopped.value.__notes__[0].startswith("0 of ")
    assert stopped.value.__notes__[0].endswith("answers are stored; repeat the command to begin again.")


def test_the_command_prints_the_count(monkeypatch, capsys):
    def stopped(options):
        error = Stopped(signal.SIGTERM)
        error.add_note("4,080 of 6,000 answers are stored; repeat the command to resume.")
        raise error

    monkeypatch.setattr(run, "run", stopped)
    assert main(["run", "--out", "x"]) == 143
    assert capsys.readouterr().err == (
        "probe: interrupted; 4,080 of 6,000 answers are stored; repeat the command to resume.\n"
    )


class Full(Recorder):
    """A recorder during whose answers the disk fills up."""

    def __init__(self, fill):
        super().__init__()
        self.fill = fill

    def answer(self, prompts, *, progress=None):
        for count, answered in enumerate(super().answer(prompts, progress=progress)):
            if count == 20:
                self.fill()
            yield answered


def test_a_disk_that_fills_up_loses_no_stored_answer_and_repeats_none(tmp_path, monkeypatch):
    """Parts are whole or not there, what stands in one is not written again, and the command resumes."""
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 7)
    folder = create_run(tmp_path / "run", SMALL)
    fsync = os.fsync

    def refused(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="cannot be written .no space is left") as raised:
        execute(folder, plan_with(Full(lambda: monkeypatch.setattr(os, "fsync", refused))))
    assert "answers are stored; repeat the command to resume." in raised.value.__notes__[0]
    stored = set(folder.scores()["prompt_id"])
    assert stored
    monkeypatch.setattr(os, "fsync", fsync)
    again = Recorder()
    execute(folder, plan_with(again))
    assert not stored & set(again.asked)
    assert folder.manifest["state"] == "finished"


def test_a_write_that_fails_halfway_is_not_written_twice(tmp_path, monkeypatch):
    """Several parts are ready at once and the second fails: the first must not come again."""
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 5)
    folder = create_run(tmp_path / "run", SMALL)
    calls = 0
    add = type(folder).add_scores

    def failing(self, rows):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        add(self, rows)

    monkeypatch.setattr(type(folder), "add_scores", failing)
    with pytest.raises(KeyboardInterrupt):
        execute(folder, plan_with(Recorder()))
    execute(folder, plan_with(Recorder()))  # a doubled part would be refused
    assert folder.manifest["state"] == "finished"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_fit_that_is_stopped_while_it_samples_is_no_fit(name):
    """The sampler would return the draws so far, and a fit of a part of them look like a whole one."""
    with pymc.Model() as model:
        pymc.Normal("x", shape=50)
    density = compile_density(model)
    effort, asked = Effort(draws=10_000_000, chains=2), threading.Event()

    def stop_among_the_kept_draws(stage: str, done: int, total: int) -> None:
        if done > 2 * effort.chains * effort.tune and not asked.is_set():
            asked.set()
            os.kill(os.getpid(), getattr(signal, name))

    with stoppable(), pytest.raises(KeyboardInterrupt):
        sample(density, effort, seed=0, progress=stop_among_the_kept_draws)
    assert asked.is_set()
