"""Commands written so that the shell of the system reads them as they are meant, whatever a path is called."""

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

__all__ = ["continuation", "path_argument", "shell_join", "shell_word"]

_WINDOWS = os.name == "nt"

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, line breaks among them, and bytes of a file's name that are no UTF-8."""


def path_argument(path: Path) -> str:
    """Write a path so that no command takes it for an option."""
    return f".{os.sep}{path}" if str(path).startswith("-") else str(path)


def shell_word(word: str, *, windows: bool = _WINDOWS) -> str:
    r"""Quote a word where a shell needs it; what cannot be printed is written ``$'a\nb\xff'``, in one line.

    On Windows it is quoted for PowerShell and cmd alike; no name of a file there holds what would need more.
    """
    if windows:
        return word if re.fullmatch(r"[\w\\/:.,=+-]+", word) else f'"{word}"'
    if not _UNSEEN.search(word):
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{_UNSEEN.sub(lambda found: _escape(found[0]), escaped)}'"


def shell_join(words: Iterable[str]) -> str:
    """Write a command."""
    return " ".join(map(shell_word, words))


def continuation(*, windows: bool = _WINDOWS) -> str | None:
    """What ends a line where the command goes on in the next; None where shells agree on nothing."""
    return None if windows else " \\"


def _escape(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", errors="surrogateescape"))
