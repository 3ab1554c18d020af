"""A command that is stopped, by Ctrl-C or by a signal of the system, ends as if by Ctrl-C: with what it has stored."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stopped", "stoppable"]

_SIGNALS = ("SIGTERM", "SIGHUP", "SIGBREAK")
"""What ends a process politely: a scheduler, a terminal that closes, Ctrl-Break; a system has some of them."""


class Stopped(KeyboardInterrupt):
    """A signal of the system's has come."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the main thread when such a signal comes; one that is ignored, as by nohup, stays so."""

    def stop(number: int, frame: object) -> None:
        raise Stopped(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
