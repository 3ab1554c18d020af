"""What a user did wrong, said in one sentence: what was wrong, what was found, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["UserError", "unknown_name"]


class UserError(ValueError):
    """A mistake of the caller's, told in one sentence; the command line prints it and exits with status 2.

    Half characters (lone surrogates), as names of files may hold, are escaped, so that the sentence can be printed.
    """

    def __init__(self, message: str):
        super().__init__(message.encode("utf-8", "backslashreplace").decode())


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a catalogue, with the nearest known one.

    Parameters
    ----------
    kind
        What the name should have named, e.g. ``"format"``.
    name
        What was got.
    known
        The catalogue's names.
    """
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UserError(f"no {kind} '{name}'. Known: {', '.join(known)}.{hint}")
