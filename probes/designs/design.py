"""What a probe is made of."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from icl.prompts.build import Condition
from icl.prompts.label_modes import fits_choices
from icl.tasks.protocol import AnyTask, Kind

__all__ = ["Grid", "Probe", "conditions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Conditions as a product of what is varied, at each example length (GINC only).

    Attributes
    ----------
    label_modes, input_modes, balances, formats, shots, methods : tuple
        See `icl.prompts.build.Condition`.
    orders : int
        Orders of the demonstrations that are asked; 0 for all.
    label_draws : int
        How often labels that are drawn are drawn.
    option_orders : int
        Rotations of the listed options of multiple choice; 0 for all.
    example_lengths : tuple
        Tokens of a GINC example.
    """

    label_modes: tuple[str, ...]
    formats: tuple[str, ...]
    shots: tuple[int, ...]
    input_modes: tuple[str, ...] = ("task",)
    balances: tuple[str, ...] = ("balanced",)
    orders: int = 1
    label_draws: int = 1
    option_orders: int = 1
    example_lengths: tuple[int | None, ...] = (None,)
    methods: tuple[str, ...] = ("direct",)

    def as_curve(self) -> "Grid":
        """Ask at every shot count up to the largest, which costs nothing more; the pool is drawn as it is."""
        balances = ("as-drawn",) if self.example_lengths == (None,) else self.balances
        return replace(self, shots=tuple(range(max(self.shots) + 1)), balances=balances)

    def for_choices(self, num_options: int) -> "Grid":
        """Leave out the label modes that need one label space for all questions, and resolve `option_orders`."""
        fitting = tuple(mode for mode in self.label_modes if fits_choices(mode))
        return replace(
            self, label_modes=fitting, balances=("as-drawn",), option_orders=self.option_orders or num_options
        )

    def override(self, **chosen: tuple | int | None) -> "Grid":
        """Replace what the user chose; None leaves the grid's own."""
        given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        return replace(self, **given)

    def conditions(self) -> Iterable[Condition]:
        """List the conditions; all label modes share one zero-shot condition."""
        for method, format, num_shots, balance, input_mode, mode, draw, rotation in product(
            self.methods,
            self.formats,
            self.shots,
            self.balances,
            self.input_modes,
            self.label_modes,
            range(self.label_draws),
            range(self.option_orders),
        ):
            yield Condition.of(
                mode,
                format,
                num_shots,
                method,
                input_mode=input_mode,
                balance=balance,
                label_draw=draw,
                orders=self.orders,
                option_order=rotation,
            )


def conditions(grids: Iterable[Grid]) -> list[Condition]:
    """Unite the conditions of several grids, each once."""
    return list(dict.fromkeys(condition for grid in grids for condition in grid.conditions()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question to a model, with the grids that answer it on sentences and on GINC, and the metrics to read.

    Attributes
    ----------
    name, question : str
        What users call it, and what it asks.
    metrics : tuple of str
        Names in the metrics table that answer the question; the first is the headline.
    text, ginc : tuple of Grid
        Their union is asked; empty where the question makes no sense there.
    choices : tuple of Grid, or None
        The same for multiple choice; None takes those of `text` as far as they fit.
    searches : bool
        Whether a budgeted search chooses which of the formats are asked how often (Sclar).
    """

    name: str
    question: str
    metrics: tuple[str, ...]
    text: tuple[Grid, ...] = ()
    ginc: tuple[Grid, ...] = ()
    choices: tuple[Grid, ...] | None = None
    searches: bool = False

    def grids_for(self, task: AnyTask) -> list[Grid]:
        """List the grids that suit a task; none where the question makes no sense."""
        if not task.is_multiple_choice:
            return list(self._grids[task.kind])
        grids = self.text if self.choices is None else self.choices
        fitted = [grid.for_choices(task.num_options) for grid in grids]
        return [grid for grid in fitted if grid.label_modes]

    @property
    def meant_for(self) -> str:
        """Say what kinds of task it asks."""
        return "it is for " + " and ".join(kind for kind, grids in self._grids.items() if grids)

    @property
    def _grids(self) -> dict[Kind, tuple[Grid, ...]]:
        return {"sentences": self.text, "GINC": self.ginc, "multiple choice": self.choices or ()}
