"""Phases on a terminal and in a log: what is written, when, and that nothing is torn."""

import io
import os
import re
import subprocess
import sys
import threading

import pytest

from probes.terminal import progress
from probes.terminal.progress import Phase, Phases, phase, showing


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def slow_phase(phases: Phases, clock: Clock, seconds: int) -> list[float]:
    """Let a phase work for so long, with a heartbeat five times a second; return when lines came."""
    written, times = 0, []
    with phases.phase("reading", unit="prompt") as told:
        for step in range(5 * seconds):
            clock.now += 0.2
            told(step, 5 * seconds)
            phases.beat()
            if (now := phases._stream.getvalue().count("\n")) > written:
                written = now
                times.append(0.2 * (step + 1))
    return times


def test_a_log_has_plain_lines_and_no_silence_over_five_seconds():
    log, clock = io.StringIO(), Clock()
    times = slow_phase(Phases(log, 3, clock=clock), clock, 50)
    assert max(b - a for a, b in zip([0.0, *times], [*times, 50.0])) < 5
    text = log.getvalue()
    assert "\r" not in text
    assert "\x1b" not in text
    assert len(text.splitlines()) <= 50 / 4.5 + 1
    assert all(line.startswith("[1/3] reading … ") for line in text.splitlines())
    assert text.splitlines()[-1] == "[1/3] reading … 250 prompts, 50.0 s"
    assert re.search(r"\[1/3\] reading … \d\d % of 250 prompts, 2\d s, 2\d s left", text)


def test_the_time_left_is_told_when_there_is_something_to_go_by():
    sampling = Phase(name="sampling", unit="draw")
    sampling(20, 12_000)
    assert sampling.running(19.0) == "sampling … 0 % of 12,000 draws, 19 s"
    assert sampling.running(130.0).endswith(" left")  # slow as it is, it is known to be slow
    sampling(600, 12_000)
    assert sampling.running(19.0) == "sampling … 5 % of 12,000 draws, 19 s, 6 min left"


def test_a_log_of_an_hour_stays_short():
    log, clock = io.StringIO(), Clock()
    slow_phase(Phases(log, 1, clock=clock), clock, 3600)
    assert len(log.getvalue().splitlines()) < 220


def test_a_terminal_shows_one_live_line_and_keeps_one_line_for_each_phase():
    terminal, clock = Terminal(), Clock()
    phases = Phases(terminal, 2, clock=clock)
    slow_phase(phases, clock, 10)
    with phases.phase("measuring"):
        phases.say("probe: a warning")
    text = terminal.getvalue()
    assert "█" in text
    shown = [line.split("\r")[-1] for line in text.split("\n")]
    assert shown[:3] == ["[1/2] reading … 50 prompts, 10.0 s", "probe: a warning", "[2/2] measuring … 0.0 s"]


def test_a_live_line_never_passes_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal, clock = Terminal(), Clock()
    phases = Phases(terminal, 1, clock=clock)
    with phases.phase("loading " + "very-long-model-name" * 5):
        clock.now += 1
        phases.beat()
        assert all(len(part) < 40 for part in terminal.getvalue().split("\r"))


def test_what_a_stream_cannot_write_is_spelt_otherwise():
    raw = io.BytesIO()
    log, clock = io.TextIOWrapper(raw, encoding="ascii"), Clock()
    with Phases(log, 1, clock=clock).phase("reading 模型"):
        pass
    log.flush()
    assert raw.getvalue() == b"[1/1] reading \\u6a21\\u578b ... 0.0 s\n"


def test_an_error_ends_the_phase_and_the_heartbeat():
    log = io.StringIO()

    def interrupted() -> None:
        with showing(Phases(log, 1)), phase("reading") as told:
            told(4080, 6000)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert log.getvalue() == "[1/1] reading … 68 % of 6,000 parts, 0 s (stopped)\n"
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]
    assert progress._shown is None


def test_the_heartbeat_moves_beside_a_blocking_call(monkeypatch):
    monkeypatch.setattr(progress, "_REDRAWN", 0.01)
    terminal = Terminal()
    with showing(Phases(terminal, 1)), phase("compiling"):
        threading.Event().wait(0.2)  # as a call into C, which tells nothing while it works
    assert terminal.getvalue().count("compiling") > 3


def test_brief_commands_leave_nothing_behind():
    log, terminal, clock = io.StringIO(), Terminal(), Clock()
    for stream in (log, terminal):
        with Phases(stream, 1, brief=True, clock=clock).phase("importing"):
            pass
    assert log.getvalue() == terminal.getvalue() == ""
    slow_phase(Phases(log, 1, brief=True, clock=clock), clock, 6)
    assert log.getvalue().count("\n") == 1


def test_where_nothing_is_shown_nothing_is_printed(capsys):
    with phase("reading", unit="token") as told, progress.detail("weights"):
        told(1, 2)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_stages_begin_a_phase_each():
    log = io.StringIO()
    with showing(Phases(log, 2)), progress.stages("draw") as tell:
        tell("compiling", 0, 0)
        for done in (0, 5, 10):
            tell("sampling", done, 10)
        tell("checking", 0, 0)
        tell("sampling", 10, 10)  # late
    said = [re.sub(r"[\d.]+ s$", "…", line) for line in log.getvalue().splitlines()]
    assert said == ["[1/2] compiling … …", "[2/2] sampling … 10 draws, …", "[3/3] checking … …"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119.4, "119 s"), (150.0, "2 min"), (7199.0, "2 h 00 min")]
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


def test_bars_of_other_libraries_stay_away():
    """That of Transformers while it converts a GGUF file would run through the lab's own lines."""
    code = (
        "import sys; sys.argv = ['probe', 'list', 'formats']; from probes.cli.main import main; assert main() == 0; "
        "from tqdm.auto import tqdm; assert list(tqdm(range(3))) == [0, 1, 2]"
    )
    unset = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=unset)
    assert "3/3" not in ran.stderr
