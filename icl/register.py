"""Add a task, a format or a label mode of your own, to be named as the lab's own are.

A package does the same by entry points, so that the command line knows them too::

    [project.entry-points."icl_probe_lab.tasks"]
    riddles = "my_package.tasks:riddles"

The groups are ``icl_probe_lab.tasks`` (a `Task`, or a function without arguments that returns one),
``icl_probe_lab.formats`` (a `Format`), ``icl_probe_lab.label_modes`` (a function as for `label_mode`) and
``icl_probe_lab.scorers`` (a function as for `probes.register.scorer`).
"""

from collections.abc import Callable

from icl.prompts import formats as _formats
from icl.prompts import label_modes as _label_modes
from icl.public import public
from icl.tasks import catalogue as _tasks
from icl.tasks.task import Task

__all__ = ["format", "label_mode", "task"]


@public("icl.register.task")
def task(made: Task) -> None:
    """Let a task be asked by its name.

    Examples
    --------
    >>> import icl
    >>> from icl.tasks.task import Example, Task
    >>> pool = tuple(Example(input=f"{n}", label="even" if n % 2 == 0 else "odd") for n in range(40))
    >>> icl.register.task(Task(name="digits", description="Even or odd?", label_space=("even", "odd"), pool=pool))
    >>> icl.load_task("digits").num_options
    2

    Raises
    ------
    UserError
        If the name is one of the lab's own, or is not written as one.
    """
    _tasks.REGISTERED.add(made.name, made, own=_tasks.BUILTIN_TASKS)


@public("icl.register.format")
def format(made: _formats.Format) -> None:
    """Let a format be asked for by its name.

    Examples
    --------
    >>> import icl
    >>> from icl.prompts.formats import Format
    >>> icl.register.format(Format(name="review", input_prefix="Review: ", label_prefix="Mood: "))
    >>> print(icl.show("sentiment", format="review", num_shots=0).text.splitlines()[-1])
    Mood:

    Raises
    ------
    UserError
        If the name is one of the lab's own, or is not written as one.
    """
    _formats.REGISTERED.add(made.name, made, own=_formats.FORMATS)


@public("icl.register.label_mode")
def label_mode(name: str, show: Callable[..., tuple[str, ...]]) -> None:
    """Let demonstrations show the labels that a function makes of the gold ones.

    Parameters
    ----------
    name
        How it is asked for, such as ``--label-mode NAME``.
    show
        Called as ``show(gold, spaces, rng)`` with the demonstrations' gold labels, the label space of each, and a
        `numpy.random.Generator`; returns as many labels, each of its space. The first line of its docstring is what
        `probe list labels` says.

    Examples
    --------
    >>> import icl
    >>> def reversed_order(gold, spaces, rng):
    ...     "The gold labels in reverse order."
    ...     return gold[::-1]
    >>> icl.register.label_mode("reversed", reversed_order)
    >>> icl.show("sentiment", label_mode="reversed", num_shots=2).demonstrations.label_mode
    'reversed'

    Raises
    ------
    UserError
        If the name is one of the lab's own, or is not written as one.
    """
    _label_modes.REGISTERED.add(name, show, own=_label_modes.LABEL_MODES)
