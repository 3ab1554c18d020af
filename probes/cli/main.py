# PYTHON_ARGCOMPLETE_OK
"""The command `probe`: its commands in groups, and what becomes of an error; heavy imports wait until one runs."""

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from icl.errors import UserError
from probes.cli import (
    calibrate,
    compare,
    demo,
    diff,
    family,
    fit,
    import_,
    ledger,
    measure,
    plan,
    pretrain,
    query,
    report,
    reproduce,
    run,
    selftest,
    show,
    sweep,
    variance,
)
from probes.cli import list as list_
from probes.cli.command import CommandFile, Group
from probes.cli.opening import lab_version, open_phases
from probes.cli.parser import Parser
from probes.cli.stopping import Stopped, stoppable
from probes.places import folders_in_place_of_home
from probes.terminal.output import prepare_output
from probes.terminal.progress import say, showing

__all__ = ["COMMANDS", "EXIT_STATUSES", "main", "make_parser"]

_DESCRIPTION = "Probe why in-context learning works in a language model: labels, formats, shots, signal and noise."

EXIT_STATUSES = (
    "exit status: 0 done; 1 the self-test found a wrong number; 2 an error in the command, a file or a server, "
    "explained in one sentence; 3 a fit did not converge (what it computed is stored); 130 interrupted."
)
"""What the status says; the end of every help text."""


_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
"""Threads that wait sleep: spinning, they take twice the time of a machine that has other work to do. The matrices that
NumPy multiplies here are too small to be shared among threads; PyTorch has threads of its own."""

_BARS = {"TQDM_DISABLE": "1"}
"""Bars of other libraries, such as that of Transformers converting GGUF, stay away: phases tell what takes time."""

_FILES: tuple[CommandFile, ...] = (
    demo,
    show,
    plan,
    run,
    sweep,
    import_,
    report,
    measure,
    query,
    diff,
    fit,
    compare,
    variance,
    selftest,
    calibrate,
    reproduce,
    ledger,
    family,
    pretrain,
    list_,
)

COMMANDS = {file.COMMAND.name: file for file in _FILES}
"""Command's name → the file that declares it."""

_OF_A_FULL_DISK = (errno.ENOSPC, errno.EIO, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))

_CLOSED_PIPE = errno.EINVAL if os.name == "nt" else errno.EPIPE
"""What writing to a reader that has gone ends in, where it is no `BrokenPipeError`."""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = _CommandParser(prog="probe", description=_DESCRIPTION, epilog=EXIT_STATUSES)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    parser.add_argument("--version", action="version", version=f"probe {lab_version()}")
    for name, file in COMMANDS.items():
        file.add(commands.add_parser(name, help=file.COMMAND.help, description=_sentence(file.COMMAND.help)))
    return parser


class _CommandParser(Parser):
    """Lists the commands in groups."""

    def format_help(self) -> str:
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for group in Group:
            formatter.start_section(group)
            for one in (file.COMMAND for file in _FILES if file.COMMAND.group == group):
                formatter.add_argument(argparse.Action([], dest=one.name, metavar=one.name, help=one.help))
            formatter.end_section()
        formatter.start_section("options")
        formatter.add_arguments([action for action in self._actions if action.option_strings])
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, see `EXIT_STATUSES`.

    Called with arguments, as from Python, it prints results and tells no phases.
    """
    file: CommandFile | None = None
    warnings.showwarning = _say
    prepare_output()
    if arguments is None:  # before anything heavy is imported
        for name, value in (_THREADS | _BARS | folders_in_place_of_home()).items():
            os.environ.setdefault(name, value)
    try:
        parser = make_parser()
        if "_ARGCOMPLETE" in os.environ:  # the shell asks what could follow
            import argcomplete

            argcomplete.autocomplete(parser)
        options = parser.parse_args(arguments)
        file = COMMANDS[options.command]
        prepare_output(as_json=getattr(options, "json", False))
        shown = open_phases(file.COMMAND, options) if arguments is None else None
        with stoppable() if arguments is None else nullcontext(), showing(shown):
            status = file.run(options)
            sys.stdout.flush()  # where that fails it is said, and not by Python's last breath
            return status
    except UserError as error:
        _end(" ".join([str(error), *getattr(error, "__notes__", ())]))
        return 2
    except KeyboardInterrupt as error:
        notes = getattr(error, "__notes__", ()) or ([f"{file.COMMAND.kept}."] if file else ["no command had begun."])
        _end(f"interrupted; {' '.join(notes)}")
        return error.status if isinstance(error, Stopped) else 130
    except BrokenPipeError:
        _close_quietly()
        return 0
    except OSError as error:
        if error.filename is None and error.errno == _CLOSED_PIPE:
            _close_quietly()
            return 0
        if error.filename is None and error.errno not in _OF_A_FULL_DISK:
            raise
        what = "the output" if error.filename is None else error.filename
        _close_quietly()
        _end(f"{what} cannot be used ({error.strerror}); check that it exists, may be read and written, and has space.")
        return 2


def _end(sentence: str) -> None:
    """Say why a command ends; where nobody listens any more, such as a terminal that was closed, that is all right."""
    with suppress(OSError, ValueError):
        print(f"probe: {sentence}", file=sys.stderr, flush=True)


def _close_quietly() -> None:
    """Whoever read the output has gone: let nothing be written to it at the end of the process."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: Warning | str, category: type[Warning], filename: str, lineno: int, file=None, line=None) -> None:
    """Print a warning of the lab's own as a note, any other as usual."""
    own = Path(filename).is_relative_to(Path(__file__).parents[1])
    text = f"probe: {message}" if own else warnings.formatwarning(message, category, filename, lineno, line)
    say(text.rstrip("\n"))
