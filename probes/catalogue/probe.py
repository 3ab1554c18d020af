"""What a probe is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, replace
from itertools import product
from typing import Any

from icl.errors import unknown_name
from icl.factors import CHOSEN_FACTORS, Factor, FactorOptions, as_tuple
from icl.metrics.catalogue import METRICS
from icl.prompts.build import Condition
from icl.prompts.label_modes import fits_choices
from icl.tasks.protocol import AnyTask, Kind

__all__ = ["Grid", "Probe", "conditions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid(FactorOptions):
    """Conditions as a product of what is varied; what is not named has its factor's default.

    Of `orders` and `option_orders` 0 stands for all.
    """

    def __post_init__(self):
        for factor in CHOSEN_FACTORS:
            given = getattr(self, factor.option)
            if given is None and factor.default is MISSING:
                raise TypeError(f"a grid needs {factor.option}")
            if given is None and factor.default is not None:
                given = 1 if factor.is_counted else factor.default
            object.__setattr__(self, factor.option, given if factor.is_counted else as_tuple(given))

    def as_curve(self) -> "Grid":
        """Ask at every shot count up to the largest, which costs nothing more; the pool is drawn as it is."""
        balances = ("as-drawn",) if self.example_lengths is None else self.balances
        return replace(self, shots=tuple(range(max(as_tuple(self.shots)) + 1)), balances=balances)

    def for_choices(self, num_options: int) -> "Grid":
        """Leave out the label modes that need one label space for all questions, and resolve `option_orders`."""
        fitting = tuple(mode for mode in as_tuple(self.label_modes) if fits_choices(mode))
        return replace(
            self, label_modes=fitting, balances=("as-drawn",), option_orders=self.option_orders or num_options
        )

    def override(self, chosen: FactorOptions) -> "Grid":
        """Replace what the user chose; None leaves the grid's own."""
        given: dict[str, Any] = {one.option: getattr(chosen, one.option) for one in CHOSEN_FACTORS}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def conditions(self) -> Iterable[Condition]:
        """List the conditions; all label modes share one zero-shot condition."""
        asked = sorted((one for one in CHOSEN_FACTORS if one.name != "order"), key=lambda one: one.nesting)
        for values in product(*(self._values(factor) for factor in asked)):
            yield Condition.of(**dict(zip((one.name for one in asked), values)), orders=self.orders)

    def _values(self, factor: Factor) -> Sequence[Any]:
        chosen = getattr(self, factor.option)
        if chosen is None:
            return (None,)
        return range(chosen) if factor.is_counted else chosen


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

    def __post_init__(self):
        if unknown := [name for name in self.metrics if name not in METRICS]:
            raise unknown_name("metric", unknown[0], METRICS)

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
