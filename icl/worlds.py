"""Worlds with known truth, by the name as which they are asked; whoever looks a task up by name finds them here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from icl.factors import as_tuple
from icl.ginc.family import default_family, load_family
from icl.ginc.task import DEFAULT_EXAMPLE_LENGTH, GincTask
from icl.tasks.protocol import AnyTask

__all__ = ["WORLDS", "World"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A world with known truth that goes by a name.

    Attributes
    ----------
    description : str
        One line of what is asked.
    load : callable
        From its options, by name, to its task; None leaves an option's default.
    options : tuple of str
        Entries of an experiment that belong to it alone.
    gold_is_likeliest : bool
        Whether gold is the likeliest answer rather than a draw from the world. Then exact Bayes itself is right more
        often than its probabilities say, and confidence set against right answers judges no model.
    """

    description: str
    load: Callable[..., AnyTask]
    options: tuple[str, ...]
    gold_is_likeliest: bool = False


def _load_ginc(*, family: str | Path | None = None, example_lengths: int | Sequence[int] | None = None) -> GincTask:
    """Load GINC: the family of a file or the lab's own, at the first of the example lengths."""
    asked = load_family(Path(family)) if family else default_family()
    return GincTask(family=asked, example_length=as_tuple(example_lengths or DEFAULT_EXAMPLE_LENGTH)[0])


WORLDS: dict[str, World] = {
    GincTask.name: World(
        description=GincTask.description,
        load=_load_ginc,
        options=("family", "example_lengths"),
        gold_is_likeliest=True,
    ),
}
"""Name as a task → the world."""
