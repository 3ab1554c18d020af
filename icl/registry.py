"""Tasks, formats, label modes and scorers that are not the lab's own: added in Python, or by an installed package."""

import re
from collections.abc import Collection
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points

from icl.errors import UserError

__all__ = ["Registry"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_GROUP = "icl_probe_lab."
"""Begins the group of entry points of each kind: ``icl_probe_lab.tasks`` and its like."""


class Registry[Thing]:
    """Things of one kind by name, beside the lab's own.

    An installed package adds a thing by an entry point in the group ``icl_probe_lab.KIND``, which is imported when it
    is asked for.

    Parameters
    ----------
    kind
        What one is called in messages, such as ``label mode``; the group has its plural.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self.group = f"{_GROUP}{kind.replace(' ', '_')}s"
        self._added: dict[str, Thing] = {}

    def add(self, name: str, thing: Thing, *, own: Collection[str] = ()) -> None:
        """Add a thing; under a name that was added before it takes the other's place.

        Parameters
        ----------
        own
            Names of the lab's own things, which cannot be taken.

        Raises
        ------
        UserError
            If the name is taken, or is not written as one.
        """
        if not _NAME.fullmatch(name):
            raise UserError(
                f"a {self.kind} is named by letters, digits, '-' and '_', a letter first, got {name!r}; rename it."
            )
        if name in own:
            raise UserError(f"'{name}' is a {self.kind} of the lab's own; choose another name.")
        self._added[name] = thing

    def get(self, name: str) -> Thing | None:
        """Look a thing up; None where nobody added it.

        Raises
        ------
        UserError
            If the package that offers it cannot be imported.
        """
        if name not in self._added and name in self._offered:
            self._added[name] = self._load(self._offered[name])
        return self._added.get(name)

    def names(self) -> list[str]:
        """Names of all that was added, or is offered by an installed package."""
        return list(dict.fromkeys((*self._added, *self._offered)))

    def __contains__(self, name: object) -> bool:
        return name in self._added or name in self._offered

    @cached_property
    def _offered(self) -> dict[str, EntryPoint]:
        return {one.name: one for one in entry_points(group=self.group)}

    def _load(self, offered: EntryPoint) -> Thing:
        try:
            return offered.load()
        except Exception as error:
            package = offered.dist.name if offered.dist else offered.value
            raise UserError(
                f"{self.kind} '{offered.name}' of the installed package '{package}' cannot be imported "
                f"({type(error).__name__}: {error}); fix or uninstall the package."
            ) from error
