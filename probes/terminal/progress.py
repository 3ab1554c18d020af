"""What a command is doing, since when and how far: one live line on a terminal, plain lines in a file or a pipe.

A command shows its phases (`showing`), and whatever takes time anywhere in `probes` runs in a `phase`. Where nothing is
shown, as in a notebook or under ``--json``, a phase costs nothing and prints nothing. All of it goes to standard error.
"""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from probes.terminal.output import encodable

__all__ = ["Phase", "Phases", "detail", "duration", "expect", "phase", "say", "showing", "stages"]

_REDRAWN = 0.2
"""Seconds between two states of the live line."""

_SILENCE, _LONGEST_SILENCE, _SHARE = 4.5, 30.0, 1 / 40
"""A log gets a line after 4.5 s; in a phase of more than three minutes after a fortieth of its time, at most 30 s."""

_BAR = 20

_TELLING, _LONG = 0.02, 120.0
"""The time that is left is told from this share of a phase on, or after so many seconds: its beginning tells little of
the rest, as with a sampler, whose first draws are its slowest."""


@runtime_checkable
class Stream(Protocol):
    """What lines go to: standard error, or whatever takes text."""

    def write(self, text: str, /) -> object:
        """Take text."""

    def flush(self) -> None:
        """Pass it on."""

    def isatty(self) -> bool:
        """Whether somebody watches."""


def duration(seconds: float) -> str:
    """Write seconds for people, without decimals."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


@dataclass(slots=True, kw_only=True, eq=False)
class Phase:
    """One phase; call it with (units done, units in all) while it works."""

    name: str
    unit: str = ""
    number: int = 0
    began: float = 0.0
    done: int = 0
    total: int = 0
    details: list[str] = field(default_factory=list)

    def __call__(self, done: int, total: int) -> None:
        """Note how far the phase has come."""
        self.done, self.total = done, total

    def note(self, text: str) -> None:
        """Say what the phase is busy with now."""
        self.details[:] = [text]

    def running(self, elapsed: float, *, bar: Callable[[float], str] | None = None) -> str:
        """Say how far it is, on one line."""
        text = ": ".join([self.name, *self.details[-1:]])
        if not self.total:
            return f"{text} … {elapsed:.0f} s"
        share = min(self.done / self.total, 1.0)
        far = f"{100 * share:.0f} %" if bar is not None else f"{100 * share:.0f} % of {self._all()}"
        tells = elapsed > 1 and (share >= _TELLING or (share > 0 and elapsed >= _LONG))
        left = f", {duration(elapsed / share - elapsed)} left" if tells else ""
        return f"{text} {'…' if bar is None else bar(share)} {far}, {elapsed:.0f} s{left}"

    def finished(self, elapsed: float) -> str:
        """Say how long it took, on one line."""
        took = f"{elapsed:.1f} s" if elapsed < 60 else f"{int(elapsed // 60)} min {int(elapsed % 60):02d} s"
        counted = f"{self._all()}, " if self.total else ""
        return f"{self.name} … {counted}{took}"

    def _all(self) -> str:
        unit = self.unit or "part"
        return f"{self.total:,} {unit}{'' if self.total == 1 else 's'}"


class Phases:
    """Numbered phases of one command, and the thread that keeps the elapsed time moving beside blocking calls.

    Parameters
    ----------
    stream
        Where lines go.
    total
        How many phases there will be; a command that learns it later calls `expect`.
    brief
        Leave no line of a phase behind: for commands that are done in a moment, unless the machine is slow.
    clock
        Seconds; for tests.
    """

    def __init__(self, stream: Stream, total: int, *, brief: bool = False, clock=time.monotonic):
        self._stream, self._total, self._brief, self._clock = stream, total, brief, clock
        self._live = stream.isatty()
        self._lock = threading.RLock()
        self._running: list[Phase] = []
        self._started = 0
        self._drawn = 0
        self._last_line = clock()

    def expect(self, more: int) -> None:
        """Say how many phases are still to come."""
        self._total = self._started + more

    @contextmanager
    def phase(self, name: str, *, unit: str = "", numbered: bool = True) -> Iterator[Phase]:
        """Run a phase; `numbered` False shares the number of the one before."""
        with self._lock:
            self._started += numbered
            self._total = max(self._total, self._started)
            begun = Phase(name=name, unit=unit, number=self._started, began=self._clock())
            self._running.append(begun)
            self.beat()
        try:
            yield begun
        except BaseException:
            self._end(begun, f"{begun.running(self._clock() - begun.began)} (stopped)")
            raise
        self._end(begun, begun.finished(self._clock() - begun.began))

    def beat(self) -> None:
        """Show how far the phase is, where that is due."""
        with self._lock:
            if not self._running:
                return
            now, current = self._clock(), self._running[-1]
            elapsed = now - current.began
            if self._live:
                if not self._brief or elapsed > 1:
                    self._draw(self._numbered(current, current.running(elapsed, bar=self._bar)))
            elif now - self._last_line >= max(_SILENCE, min(elapsed * _SHARE, _LONGEST_SILENCE)):
                self._line(self._numbered(current, current.running(elapsed)))

    def say(self, text: str) -> None:
        """Print lines beside the live one."""
        with self._lock:
            self._draw("")
            self._line(text)
            self.beat()

    def keep_beating(self, stop: threading.Event) -> None:
        """Show progress until `stop` is set; the work of a thread of its own."""
        while not stop.wait(_REDRAWN):
            try:
                self.beat()
            except (OSError, ValueError):  # whoever read this has gone
                return

    def _end(self, ended: Phase, text: str) -> None:
        with self._lock:
            self._running.remove(ended)
            for outer in self._running:  # whose time this was not
                outer.began += self._clock() - ended.began
            self._draw("")
            if not self._brief:
                self._line(self._numbered(ended, text))

    def _numbered(self, shown: Phase, text: str) -> str:
        return f"[{shown.number}/{self._total}] {text}"

    def _bar(self, share: float) -> str:
        full, empty = ("█", "░") if self._writes("█░") else ("#", ".")
        return full * round(_BAR * share) + empty * (_BAR - round(_BAR * share))

    def _draw(self, text: str) -> None:
        """Replace the live line; spaces wipe what was longer, which every terminal understands."""
        if not self._live or not (text or self._drawn):
            return
        width = shutil.get_terminal_size().columns - 1
        text = self._spelt(text)
        text = text if len(text) <= width else f"{text[: width - 1]}{self._spelt('…')[:1]}"
        _flush_results()
        self._stream.write(f"\r{text.ljust(min(self._drawn, width))}" + ("" if text else "\r"))
        self._stream.flush()
        self._drawn = len(text)

    def _line(self, text: str) -> None:
        _flush_results()
        self._stream.write(f"{self._spelt(text)}\n")
        self._stream.flush()
        self._last_line = self._clock()

    def _writes(self, text: str) -> bool:
        try:
            text.encode(getattr(self._stream, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def _spelt(self, text: str) -> str:
        """The text in letters that the stream can write."""
        return encodable(text, getattr(self._stream, "encoding", None))


_shown: Phases | None = None  # a process has one standard error


@contextmanager
def showing(phases: Phases | None) -> Iterator[None]:
    """Show phases while the block runs; None shows none."""
    global _shown
    before, _shown = _shown, phases
    stop = threading.Event()
    thread = None
    if phases is not None:
        thread = threading.Thread(target=phases.keep_beating, args=(stop,), name="progress", daemon=True)
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if thread is not None:
            thread.join()
        _shown = before


@contextmanager
def phase(name: str, *, unit: str = "", numbered: bool = True) -> Iterator[Phase]:
    """Run a phase of the command that is shown, if one is; call what this yields with (done, in all)."""
    if _shown is None:
        yield Phase(name=name)
        return
    with _shown.phase(name, unit=unit, numbered=numbered) as begun:
        yield begun


@contextmanager
def stages(unit: str = "") -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback of (stage, units done, units in all) that begins a phase whenever another stage is named."""
    left: set[str] = set()
    current = Phase(name="")
    with ExitStack() as running:

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal current
            if stage in left and done:  # a late tick from a thread of a stage that is over
                return
            if stage != current.name:
                running.close()
                left.add(current.name)
                current = running.enter_context(phase(stage, unit=unit))
            current(done, total)

        yield tell


@contextmanager
def detail(text: str) -> Iterator[None]:
    """Say what the running phase is busy with while the block runs."""
    if _shown is None or not _shown._running:
        yield
        return
    details = _shown._running[-1].details
    details.append(text)
    try:
        yield
    finally:
        details.remove(text)


def expect(more: int) -> None:
    """Say how many phases of the command that is shown are still to come."""
    if _shown is not None:
        _shown.expect(more)


def say(text: str) -> None:
    """Print to standard error without tearing the live line."""
    if _shown is not None:
        _shown.say(text)
    else:
        _flush_results()
        sys.stderr.write(f"{text}\n")


def _flush_results() -> None:
    """What was printed before stands before: standard output is not written line by line into a pipe."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
