"""What a notebook asks first: a task by its name, and the text that a model would see."""

from dataclasses import replace
from numbers import Integral
from typing import Any

from icl.errors import UserError
from icl.factors import FACTORS, get_factor
from icl.ginc.task import DEFAULT_EXAMPLE_LENGTH
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.formats import DEFAULT_FORMATS
from icl.prompts.render import Prompt
from icl.public import public
from icl.seeds import Seeds
from icl.tasks.catalogue import load_task as load_rows
from icl.tasks.corpus import Corpus
from icl.tasks.demonstrations import EXACT_ORDERS
from icl.tasks.protocol import AnyTask
from icl.worlds import WORLDS

__all__ = ["load_task", "show"]

COLUMNS = ("input_column", "label_column", "options_column", "label_is")
"""What `load_task` wants to know of a file or data set."""


@public("icl.load_task", options=lambda: COLUMNS)
def load_task(name: str, *, example_length: int = DEFAULT_EXAMPLE_LENGTH, **columns: str) -> AnyTask:
    """Find a task by name, a world with known truth included.

    Parameters
    ----------
    name
        ``ginc``, or what `icl.tasks.catalogue.load_task` takes: a built-in name such as ``sentiment``, one of
        `icl.register.task`, ``min:glue-rte``, a file, ``package.module:name`` or a data set of the Hub.
    example_length
        Tokens of one GINC example.
    **columns
        ``input_column``, ``label_column``, ``options_column`` and ``label_is`` of a file or data set.

    Examples
    --------
    >>> import icl
    >>> icl.load_task("sentiment").label_space
    ('negative', 'positive')

    Raises
    ------
    UserError
        If there is no such task, or it cannot be read.
    """
    if name in WORLDS:
        return WORLDS[name].load(example_lengths=example_length)
    return load_rows(name, **columns, also_known=tuple(WORLDS))


@public("icl.show", options=lambda: [one.name for one in FACTORS if one.of != "table"])
def show(
    task: str | AnyTask,
    *,
    label_mode: str = "gold",
    format: str | None = None,
    num_shots: int = 4,
    order: int = 0,
    corpus: Corpus | None = None,
    seeds: int | Seeds = 0,
    **factors: Any,
) -> Prompt:
    """Write one prompt exactly as a model would see it.

    Parameters
    ----------
    task
        The task, or its name.
    label_mode, format, num_shots
        How shown labels are made, how the prompt is written (None: the first format of the task's world), and how
        many demonstrations it has.
    order
        Number of the order of the demonstrations; 0 as drawn.
    corpus
        Sentences of input mode ``ood``; None is the built-in corpus.
    seeds
        One for every source of randomness, or one for each.
    **factors
        Others of `icl.prompts.build.Condition`, such as ``input_mode="ood"`` or ``method="channel"``.

    Returns
    -------
    Prompt
        A notebook shows its parts in colour; ``print`` writes its text.

    Examples
    --------
    >>> import icl
    >>> prompt = icl.show("sentiment", label_mode="flipped", num_shots=2)
    >>> prompt.demonstrations.num_wrong_shown
    2
    >>> print(icl.show("sentiment", num_shots=0).text.splitlines()[-1])
    Output:

    Raises
    ------
    UserError
        If a name is unknown, or the task cannot supply the demonstrations.
    """
    if num_shots < 0:
        raise UserError(f"a prompt cannot have {num_shots} demonstrations; ask for 0 or more.")
    task = load_task(task) if isinstance(task, str) else task
    for name, value in factors.items():
        kind, words = (str, "text") if get_factor(name).dtype == "str" else (Integral, "a whole number")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise UserError(f"icl.show takes {words} as {name!r}, got {value!r}; see help(icl.show).")
        if get_factor(name).of == "task" and name not in task.own_factors:
            raise UserError(f"the prompts of task '{task.name}' do not differ in {name}; leave it out.")
    written = format or DEFAULT_FORMATS[task.world]
    condition = Condition.of(label_mode, written, num_shots, orders=_orders(order, num_shots), **factors)
    chosen = Seeds.same(seeds) if isinstance(seeds, int) else seeds
    selection = Selection(num_queries=1, num_demonstration_sets=1, seeds=chosen, corpus=corpus)
    prompts = {one.demonstrations.order: one for one in build_prompts(task, {condition: ()}, selection)}
    if order not in prompts:
        raise UserError(
            f"{num_shots} demonstrations have the orders 0 to {max(prompts)}, got order {order}; choose one of these."
        )
    return replace(prompts[order], probes=())


def _orders(number: int, num_shots: int) -> int:
    """How many orders have to be written for the one of this number to be among them."""
    if number == 0:
        return 1
    return 0 if num_shots <= EXACT_ORDERS else number + 1
