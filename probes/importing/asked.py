"""What is asked of an import: which column means what, which levels are clusters, what is taken apart."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from icl.errors import UserError
from probes.importing.fields import FIELDS, VALUES
from probes.importing.numbers import is_value
from probes.importing.reshape import Spread

__all__ = ["Asked", "read_pairs"]

_OF_TASK = re.compile(r"(?P<field>[^\[\]]+)\[(?P<task>.+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How tables are to be understood.

    Attributes
    ----------
    map : dict
        Field → column; a name that is no field makes the column a further factor of that name.
    set : dict
        Field → value of all rows; ``FIELD[TASK]`` of the rows of one task.
    clusters : tuple of str
        Fields, factors or columns whose levels repeat a condition, such as runs and seeds.
    only : dict
        Column → its values in the rows that are wanted, ``a|b`` for several; others are left out.
    melt, explode : Spread or None
        What is taken apart first.
    """

    map: Mapping[str, str] = field(default_factory=dict)
    set: Mapping[str, str] = field(default_factory=dict)
    clusters: tuple[str, ...] = ()
    only: Mapping[str, str] = field(default_factory=dict)
    melt: Spread | None = None
    explode: Spread | None = None

    def __post_init__(self):
        for name in self.map:
            if name not in FIELDS and (near := get_close_matches(name, FIELDS, n=1, cutoff=0.8)):
                raise UserError(
                    f"--map {name}=… would make a further factor called {name!r}, so much like the field {near[0]!r} "
                    f"that it may be meant; write {near[0]}=…, or choose another name."
                )
        for name, value in self.set.items():
            plain = self.field_of(name)[0]
            if plain not in FIELDS:
                near = get_close_matches(plain, FIELDS, n=1, cutoff=0.5)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise UserError(
                    f"--set takes a field, and there is none called '{plain}'. Known: {', '.join(FIELDS)}.{hint}"
                )
            if not is_value(str(value), FIELDS[plain]):
                raise UserError(f"--set {name}={value} is wrong: {plain} is {VALUES[FIELDS[plain].kind]}; correct it.")
        if both := sorted(set(self.map) & set(self.set)):
            raise UserError(f"{both[0]} is both mapped to a column and set to a value; leave one out.")

    @staticmethod
    def field_of(name: str) -> tuple[str, str]:
        """Split ``FIELD[TASK]`` into field and task, which is empty where all are meant."""
        found = _OF_TASK.fullmatch(name)
        return (found["field"], found["task"]) if found else (name, "")


def read_pairs(flag: str, texts: tuple[str, ...]) -> dict[str, str]:
    """Read ``NAME=VALUE`` pairs.

    Raises
    ------
    UserError
        If one is written otherwise, or a name stands there twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not name or not equals or not value:
            raise UserError(f"{flag} takes NAME=VALUE, got {text!r}; write for example {flag} num_shots=n.")
        if name in found:
            raise UserError(f"{flag} names {name} twice ({found[name]} and {value}); leave one out.")
        found[name] = value
    return found
