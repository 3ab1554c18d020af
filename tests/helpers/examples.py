"""Commands with their output as the documentation shows them, found, run and compared.

An example is an indented block of Markdown that begins with ``$ probe …``. Below the command stands what it prints. A
block that begins with ``$ cat NAME`` shows a file that is there when the commands of its page are run. A line ``[…]``
stands for any number of lines, ``…`` within a line for any text.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Example", "differences", "examples_of"]

_CHECKOUT = Path(__file__).parents[2]
ANY_LINES, ANY_TEXT = "[…]", "…"
_PROGRESS = re.compile(r"\[\d+/\d+\] |probe [\d.]+\S* ")
_NUMBER = re.compile(r"[-−+]?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Example:
    """A command as it is shown, and the lines that it is shown to print."""

    source: str
    command: str
    shown: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The command's own, such as ``show``."""
        return shlex.split(self.command)[1]

    def run(self, folder: Path) -> list[str]:
        """Lines that the command prints now, run in a folder: as on a terminal, but for its progress."""
        asked = [sys.executable, "-m", "probes", *shlex.split(self.command)[1:]]
        environment = os.environ | {"PYTHONPATH": str(_CHECKOUT), "PYTHONUNBUFFERED": "1", "COLUMNS": "80"}
        for name, text in self.files:
            (folder / name).write_text(text, encoding="utf-8")
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(asked, cwd=folder, env=environment, check=True, text=True, encoding="utf-8", **both)
        return [line.rstrip() for line in done.stdout.splitlines() if not _PROGRESS.match(line)]


def examples_of(path: Path, root: Path) -> list[Example]:
    """Find the examples of a Markdown file, in order."""
    blocks = _blocks(path)
    files = tuple(
        (command.removeprefix("cat "), "\n".join(shown) + "\n")
        for command, shown in blocks
        if command.startswith("cat ")
    )
    name = path.relative_to(root).as_posix()
    return [Example(name, command, shown, files) for command, shown in blocks if command.startswith("probe ")]


def _blocks(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Commands and what stands below each, without empty lines at its end."""
    found: list[tuple[str, tuple[str, ...]]] = []
    lines: list[str] | None = None

    def close() -> None:
        nonlocal lines
        if lines:
            while lines and not lines[-1]:
                lines.pop()
            found.append((lines[0][2:], tuple(lines[1:])))
        lines = None

    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(("    $ probe ", "    $ cat ")):
            close()
            lines = [line[4:]]
        elif lines is not None and (line.startswith("    ") or not line):
            lines.append(line[4:].rstrip())
        else:
            close()
    close()
    return found


def differences(shown: tuple[str, ...], printed: list[str], *, relative: float = 0.0, absolute: float = 0.0) -> str:
    """Say where the lines shown are not those printed; empty where they agree.

    Numbers agree where they differ by at most one unit of the last digit shown, or by `absolute` plus the share
    `relative` of their size.
    """
    pieces: list[list[str]] = [[]]
    for line in shown:
        if line == ANY_LINES:
            pieces.append([])
        else:
            pieces[-1].append(line)
    start = 0
    for number, piece in enumerate(piece for piece in pieces if piece):
        places = [start] if number == 0 and shown[0] != ANY_LINES else range(start, len(printed) - len(piece) + 1)
        agrees = (
            place
            for place in places
            if all(_agree(*pair, relative, absolute) for pair in zip(piece, printed[place:], strict=False))
            and place + len(piece) <= len(printed)
        )
        if (place := next(agrees, None)) is None:
            rest = "\n".join(printed[start:])
            return f"these lines are not printed:\n{'\n'.join(piece)}\nbut these:\n{rest}"
        start = place + len(piece)
    if shown and shown[-1] != ANY_LINES and any(printed[start:]):
        return f"more is printed than shown:\n{'\n'.join(printed[start:])}"
    return ""


def _agree(shown: str, printed: str, relative: float, absolute: float) -> bool:
    """Whether a line is as it is shown: the same words, and numbers that agree."""
    parts = [_NUMBER.sub("0", part) for part in shown.split(ANY_TEXT)]
    if len(parts) > 1:
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in parts)
        return re.fullmatch(pattern, " ".join(_NUMBER.sub("0", printed).split())) is not None
    if _NUMBER.sub("0", shown).split() != _NUMBER.sub("0", printed).split():
        return False
    pairs = zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True)
    return all(_near(one, other, relative, absolute) for one, other in pairs)


def _near(shown: str, printed: str, relative: float, absolute: float) -> bool:
    one, other = (float(text.replace(",", "").replace("−", "-")) for text in (shown, printed))
    unit = 10.0 ** -len(shown.partition(".")[2]) if "." in shown else 0.0
    return abs(one - other) <= max(1.01 * unit, absolute + relative * abs(one))
