"""Tasks from Python code, named ``package.module:name``: a Task, or a function without arguments that returns one."""

import importlib
import inspect
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from types import ModuleType

from icl.errors import UserError, unknown_name
from icl.tasks.stored import as_made_in_python
from icl.tasks.task import Task

__all__ = ["load_from_python", "load_registered", "names_python", "python_file_error"]

_WANTED = "name a Task, or a function without arguments that returns one"


def names_python(name: str) -> bool:
    """Tell ``package.module:name`` from other names of tasks, by how it is written."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), attribute))


def python_file_error(name: str) -> UserError | None:
    """Build the error for a file of Python code that is named where a module is meant; None for other names."""
    found = re.fullmatch(r"(.+)\.py(?::(\w*))?", name)
    if found is None:
        return None
    parts = re.split(r"[/\\]", found[1].removeprefix("./").removeprefix(".\\"))
    below = all(part.isidentifier() for part in parts)
    return UserError(
        f"'{name}' names a file of Python code; name the module with dots, and what is in it behind a colon: "
        f"{'.'.join(parts if below else parts[-1:])}:{found[2] or 'NAME'}, "
        f"from {'the working folder' if below else 'the folder of that file'}."
    )


def load_from_python(name: str) -> Task:
    """Import a module and take the task in it; the working folder is searched first, as by ``python -m``.

    Raises
    ------
    UserError
        If there is no such module or name, it is or returns no task, the function needs arguments, or the code raises.
    """
    module_name, _, attribute = name.partition(":")
    with _as_a_program():
        module = _module(name, module_name)
        if not hasattr(module, attribute):
            raise _missing(module, attribute)
        return load_registered(getattr(module, attribute), name)


def load_registered(found: object, name: str) -> Task:
    """Take the task that Python code named `name`: it is one, or a function without arguments that returns one.

    Raises
    ------
    UserError
        If it is neither, or the function raises.
    """
    if callable(found) and not isinstance(found, Task):
        _check_callable(name, found)
        with _told(name):
            returned = found()
        if not isinstance(returned, Task):
            raise UserError(f"'{name}' returned {_kind(returned)}, not a Task; {_WANTED}.")
        found = returned
    if not isinstance(found, Task):
        raise UserError(f"'{name}' is {_kind(found)}, not a Task; {_WANTED}.")
    return as_made_in_python(found, origin=name)


def _module(name: str, module_name: str) -> ModuleType:
    importlib.invalidate_caches()  # a file may be newer than the last look at its folder
    with _told(name, missing=module_name):
        return importlib.import_module(module_name)


@contextmanager
def _as_a_program() -> Iterator[None]:
    """Search the working folder first, and keep what the code prints out of the results."""
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


@contextmanager
def _told(name: str, missing: str | None = None) -> Iterator[None]:
    """Turn whatever the user's code raises into one sentence; `missing` is the module that is being looked for."""
    try:
        yield
    except UserError:  # a task that cannot be asked says so itself
        raise
    except (Exception, SystemExit) as error:
        if missing and isinstance(error, ModuleNotFoundError) and f"{missing}.".startswith(f"{error.name}."):
            raise UserError(
                f"there is no module '{error.name}' for task '{name}'; it is searched for in the working folder and "
                "among what is installed, so check its name, and run the command where it is."
            ) from error
        said = (error.msg if isinstance(error, SyntaxError) else str(error)).strip().splitlines()
        what = f"{type(error).__name__}: {said[0].rstrip('.')}" if said else type(error).__name__
        raise UserError(f"the code of task '{name}' raised {what}{_place(error)}; correct it.") from error


def _place(error: BaseException) -> str:
    """Where the code failed: in the last file that is no library's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({os.path.basename(error.filename)}, line {error.lineno})"
    libraries = (__file__, "<frozen", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(libraries)]
    return f" ({os.path.basename(own[-1].filename)}, line {own[-1].lineno})" if own else ""


def _check_callable(name: str, found: Callable[..., object]) -> None:
    try:
        parameters = inspect.signature(found).parameters.values()
    except (ValueError, TypeError):  # some of those written in C have none to tell
        return
    open_kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [one.name for one in parameters if one.default is one.empty and one.kind not in open_kinds]
    if needed:
        raise UserError(f"'{name}' needs arguments ({', '.join(needed)}); name a function that needs none.")


def _missing(module: ModuleType, attribute: str) -> UserError:
    """Say what a module has to offer instead: its tasks and functions."""
    offered = [
        key
        for key, value in vars(module).items()
        if isinstance(value, Task) or (inspect.isfunction(value) and value.__module__ == module.__name__)
    ]
    if not offered:
        return UserError(f"module '{module.__name__}' has no '{attribute}', and no other task or function; {_WANTED}.")
    return unknown_name(f"task or function in module '{module.__name__}' named", attribute, offered)


def _kind(value: object) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
