"""The parser of the command line: flags with their other spellings, and one sentence for what is wrong."""

import argparse
from pathlib import Path
from typing import NoReturn

from icl.errors import UserError, unknown_name
from probes.cli import values

__all__ = ["Parser"]

_ALSO = {"--normalisation": "--normalization", "--colour": "--color"}
"""Flag → its American spelling."""

_METAVARS = {
    int: "N",
    float: "X",
    Path: "PATH",
    values.names: "A,B",
    values.whole_numbers: "N,N",
}
"""What a flag takes → its name in the help; others are called after the flag."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.register("type", int, values.whole_number)  # groups of flags share what is registered
        self.register("type", float, values.number)

    def add_argument(self, *names, **options):
        """Take the other spellings of a flag as well, and name its value in one word."""
        names += tuple(other for name in names if (other := _ALSO.get(name)))
        takes_value = options.get("action", "store") in ("store", "append") and "choices" not in options
        if takes_value and names[0].startswith("-") and "metavar" not in options:
            options["metavar"] = _METAVARS.get(options.get("type", str)) or names[0].rpartition("-")[2].upper()
        return super().add_argument(*names, **options)

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong as a `UserError`."""
        raise UserError(f"{message.rstrip('.')}; see `{self.prog} --help`.")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            raise unknown_name(action.dest, str(value), action.choices)
