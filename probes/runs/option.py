"""Options of a record, each declared once beside its field: meaning, default, flag; files, flags and docs follow."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, get_args

from icl.factors import as_tuple

__all__ = ["Option", "option", "options_of"]

_WORDS = {str: ("a string", "strings"), int: ("a whole number", "whole numbers")}
_WORDS |= {float: ("a number", "numbers"), bool: ("true or false", "truth values")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One entry of a record, as flags, files and the documentation know it.

    Attributes
    ----------
    name : str
        The field's.
    written : object
        What it takes in a file and as a flag: the field's annotation, unless something else is declared.
    default : object
        `dataclasses.MISSING` where it must be given.
    help : str
        What it means, without its default.
    group : str
        What it belongs to in `--help`.
    flags : tuple of str
        Spellings on the command line, the usual one first; empty where no flag sets it.
    flag_help : str
        What the flag does, where that is not what `help` says, as of one that switches something off.
    unset : str
        The default in words, where it is None or does not read well.
    least : int, or None
        The smallest number that is taken.
    repeated : bool
        Whether several values are given by repeating the flag, and not with commas between.
    listed : str
        The kind of `probe list` that names its values; empty where none does.
    parse : callable, or None
        Text behind the flag → value; None goes by `written`.
    """

    name: str
    written: Any
    default: Any
    help: str
    group: str
    flags: tuple[str, ...]
    flag_help: str = ""
    unset: str = ""
    least: int | None = None
    repeated: bool = False
    listed: str = ""
    parse: Callable[[str], Any] | None = None

    @property
    def takes_several(self) -> bool:
        """Whether it keeps a tuple of values."""
        return any(get_args(kind) for kind in self._kinds)

    @property
    def member(self) -> type:
        """What one value is: str, int, float or bool."""
        return next(kind for kind in _WORDS if kind in self._kinds)

    @property
    def spelled(self) -> str:
        """What it takes, in words."""
        one, many = _WORDS[self.member]
        return f"{one} or a list of {many}" if self.takes_several else one

    @property
    def default_in_words(self) -> str:
        """What holds where nothing is given; empty where something must be."""
        if self.default is MISSING:
            return ""
        if self.default is None or self.unset:
            return self.unset
        if isinstance(self.default, bool):
            return "yes" if self.default else "no"
        return ",".join(map(str, as_tuple(self.default)))

    @property
    def meaning(self) -> str:
        """What its flag does, with the default."""
        default = "" if isinstance(self.default, bool) else self.default_in_words
        return f"{self.flag_help or self.help}{f' (default: {default})' if default else ''}"

    def fits(self, value: object) -> bool:
        """Tell whether a value, a tuple where several are kept, has the right type; nothing is converted."""
        import pydantic

        try:
            _adapter(tuple[self.member, ...] if self.takes_several else self.member).validate_python(value)
        except pydantic.ValidationError:
            return False
        return True

    @property
    def _kinds(self) -> tuple[Any, ...]:
        return get_args(self.written) or (self.written,)


def option(default: Any = MISSING, *, help: str, group: str, flag: str | tuple[str, ...] | None = None, **more) -> Any:
    """Declare a field of a record with all that is known of it.

    Parameters
    ----------
    default
        Left out where the entry must be given.
    flag
        Its spelling or spellings; None: `--` and the field's name; an empty tuple: no flag.
    more
        Other attributes of `Option`.
    """
    return field(default=default, metadata={"help": help, "group": group, "flag": flag} | more)


@cache
def options_of(record: type) -> dict[str, Option]:
    """List the options of a dataclass by name, in the order of its fields."""
    found = {}
    for one in fields(record):
        told: dict[str, Any] = dict(one.metadata)
        flag = told.pop("flag")
        told.pop("factor", None)  # which factor it chooses values of (`icl.factors`)
        flag = f"--{one.name.replace('_', '-')}" if flag is None else flag
        flags = (flag,) if isinstance(flag, str) else flag
        written = told.pop("written", one.type)
        found[one.name] = Option(name=one.name, written=written, default=one.default, flags=flags, **told)
    return found


@cache
def _adapter(annotation: Any) -> Any:
    """Something of pydantic's that checks values against a type, strictly."""
    import pydantic

    return pydantic.TypeAdapter(annotation, config=pydantic.ConfigDict(strict=True))
