"""The door of the public surface: an argument of the wrong kind is refused in one sentence, in the words of Python.

Functions behind the door trust what they are given, and name flags of the command line in what they refuse; here a flag
becomes the argument of the same name.
"""

import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from numbers import Integral, Real
from typing import Any, Literal, TypeAliasType, Union

from icl.errors import UserError, unknown_name

__all__ = ["public"]

_COMMANDS = re.compile(r"(`[^`]*`)")
_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])")
_PLAIN: dict[Any, tuple[type, str]] = {
    str: (str, "text"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "True or False"),
    None: (types.NoneType, "None"),
    types.NoneType: (types.NoneType, "None"),
}


def public[**P, Result](
    name: str, *, options: Callable[[], Collection[str]] | None = None
) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Let a function be called by users: check the kinds of its arguments, and tell its errors in their words.

    Parameters
    ----------
    name
        How it is called, such as ``icl.load_task``.
    options
        Gives the names that its ``**`` parameter takes; None: the function says itself what it does not know.
    """

    def door(function: Callable[P, Result]) -> Callable[P, Result]:
        asked_for = signature(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            try:
                given = asked_for.bind(*args, **kwargs).arguments
            except TypeError:
                raise _misfit(name, function, args, kwargs) from None
            for argument, value in given.items():
                parameter, hint = asked_for.parameters[argument], _hint(asked_for.parameters[argument], function)
                if parameter.kind is Parameter.VAR_KEYWORD and options is not None:
                    known = options()
                    if strange := [one for one in value if one not in known]:
                        raise unknown_name(f"argument of {name}", strange[0], {*known, *_by_name(asked_for)})
                for one, got in _each(parameter, value):
                    if not _fits(got, hint):
                        raise UserError(f"{name} takes {_words(hint)} as {one!r}, got {_shown(got)}; see help({name}).")
            try:
                return function(*args, **kwargs)
            except UserError as error:
                if (said := _in_python(str(error))) == str(error):
                    raise
                raise UserError(said) from None

        return call

    return door


def _each(parameter: Parameter, value: Any) -> Iterable[tuple[str, Any]]:
    """What was given for a parameter, value by value, each with the name that users know it by."""
    if parameter.kind is Parameter.VAR_KEYWORD:
        return value.items()
    return [(parameter.name, one) for one in (value if parameter.kind is Parameter.VAR_POSITIONAL else (value,))]


def _by_name(asked_for: Signature) -> list[str]:
    """The parameters that can be given by name."""
    kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return [one for one, each in asked_for.parameters.items() if each.kind in kinds and one != "self"]


def _misfit(name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> UserError:
    """Say why arguments do not fit a signature: one is unknown, missing, too many or given twice."""
    asked_for = signature(function)
    own = {one: each for one, each in asked_for.parameters.items() if one != "self"}
    known = _by_name(asked_for)
    if known and (strange := [one for one in kwargs if one not in known]):
        return unknown_name(f"argument of {name}", strange[0], known)
    try:
        there = asked_for.bind_partial(*args, **kwargs).arguments
    except TypeError:
        unnamed = args[len(asked_for.parameters) - len(own) :]
        got = ", ".join([*map(_shown, unnamed), *(f"{one}={_shown(value)}" for one, value in kwargs.items())])
        by_name = [f"{one}=…" if own[one].kind is Parameter.KEYWORD_ONLY else one for one in known]
        return UserError(f"{name} takes {', '.join(by_name) or 'no arguments'}, got {got}; see help({name}).")
    lacking = next(one for one in known if own[one].default is Parameter.empty and one not in there)
    words = _words(_hint(own[lacking], function))
    return UserError(f"{name} needs {words} as {lacking!r}, got none; see help({name}).")


def _hint(parameter: Parameter, function: Callable[..., Any]) -> Any:
    """What a parameter takes; anything where that is not written, or is known to type checkers alone."""
    hint = Any if parameter.annotation is Parameter.empty else parameter.annotation
    if isinstance(hint, str):
        try:
            return eval(hint, function.__globals__)
        except NameError:
            return Any
    return hint


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a kind; what is inside a function, an array or a table is not looked at."""
    if len(members := _members(hint)) > 1:
        return any(_fits(value, one) for one in members)
    hint = members[0]
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if kind is Literal:
        return value in inner
    if kind is Sequence:
        return isinstance(value, Sequence) and not isinstance(value, str) and all(_fits(one, inner[0]) for one in value)
    if kind is Mapping:
        key, member = inner
        return isinstance(value, Mapping) and all(_fits(one, key) and _fits(value[one], member) for one in value)
    if kind is not None:
        return isinstance(value, kind)
    if hint in _PLAIN:
        return isinstance(value, _PLAIN[hint][0]) and (hint is bool or not isinstance(value, bool))
    return hint is Any or isinstance(value, hint)


def _members(hint: Any) -> tuple[Any, ...]:
    """The kinds that a kind is one of, itself where it is a single one."""
    if isinstance(hint, TypeAliasType):
        return _members(hint.__value__)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(dict.fromkeys(member for one in typing.get_args(hint) for member in _members(one)))
    return (hint,)


def _words(hint: Any) -> str:
    """Name a kind for people."""
    members = _members(hint)
    if len(members) == 1:
        return _word(members[0])
    *first, last = (_word(one, beside=members) for one in members)
    return f"{', '.join(first)} or {last}"


def _word(hint: Any, beside: tuple[Any, ...] = ()) -> str:
    """Name a single kind; a list of what stands beside it is one of these."""
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if kind is Literal:
        return " or ".join(map(repr, inner))
    if kind is Sequence:
        return "a list of these" if set(_members(inner[0])) < set(beside) else f"a list of {_words(inner[0])}"
    if kind is Mapping:
        return f"a mapping of {' to '.join(map(_words, inner))}"
    if kind is not None:
        return "a function" if kind is Callable else f"a {kind.__name__.lower()}"
    if hint is Any:
        return "anything"
    return _PLAIN[hint][1] if hint in _PLAIN else {"AnyTask": "a Task"}.get(hint.__name__, f"a {hint.__name__}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _in_python(text: str) -> str:
    """Write flags as arguments; commands, which stand in back quotes, stay as they are."""
    pieces = _COMMANDS.split(text)
    return "".join(
        piece if place % 2 else _FLAG.sub(lambda flag: flag[1].replace("-", "_"), piece)
        for place, piece in enumerate(pieces)
    )
