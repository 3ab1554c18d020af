"""How a model is written: NAME@REVISION:DTYPE, and where one of these is part of a path."""

import re
from pathlib import Path
from typing import NamedTuple

from icl.errors import UserError, unknown_name

__all__ = ["PYTHON", "WrittenModel", "split_model"]

PYTHON = "python:"
"""What stands, in the record of a run, before the name of a model that was given in Python."""

_PRECISIONS = ("float32", "bfloat16", "float16")
_PRECISION = re.compile(r"(.+):(\w+)", re.DOTALL)
_REVISION = re.compile(r"(.+)@([^@:\s]*)", re.DOTALL)


class WrittenModel(NamedTuple):
    """The parts of ``vllm:NAME@REVISION:DTYPE``; `prefix` and `suffix` are empty where they were not written."""

    prefix: str
    name: str
    revision: str | None
    dtype: str | None

    @property
    def suffix(self) -> str:
        """What was written behind the name."""
        revision = "" if self.revision is None else f"@{self.revision}"
        return revision + ("" if self.dtype is None else f":{self.dtype}")


def split_model(text: str, folder: Path = Path()) -> WrittenModel:
    """Split ``NAME@REVISION:DTYPE``; a path that exists as it is written, seen from `folder`, and an address are whole.

    Raises
    ------
    UserError
        If nothing stands behind the ``@``, or no precision behind the ``:``.
    """
    from icl.tasks.catalogue import is_written_as_path
    from probes.scorers.catalogue import VLLM, is_reference, is_server
    from probes.scorers.server_address import refuse_misspelt_address

    if is_server(text) or is_reference(text) or text.startswith(PYTHON):
        return WrittenModel("", text, None, None)
    prefix = VLLM if text.startswith(VLLM) else ""
    name, revision, dtype = text.removeprefix(prefix), None, None
    if not _exists(name, folder):
        if not prefix:
            refuse_misspelt_address(name)
        if found := _PRECISION.fullmatch(name):
            name, dtype = found.groups()
            if dtype not in _PRECISIONS:
                raise unknown_name("dtype", dtype, _PRECISIONS)
    found = None if _exists(name, folder) else _REVISION.fullmatch(name)
    if found and not is_written_as_path(found[1]):  # what is on this machine has no revisions
        name, revision = found.groups()
        if not revision:
            raise UserError(f"'{text}' names no revision; write one after the @, or leave the @ out.")
    return WrittenModel(prefix, name, revision, dtype)


def _exists(name: str, folder: Path) -> bool:
    try:
        return bool(name) and (folder / Path(name).expanduser()).exists()
    except (OSError, RuntimeError):  # too long for a path, or the home of nobody
        return False
