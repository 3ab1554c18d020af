"""What is held out of a table to see how well accounts forecast: shots beyond a number, whole models, whole tasks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy import ndarray

from icl.errors import UserError, unknown_name

__all__ = ["KINDS", "Fold", "HoldOut", "folds_of"]

KINDS = ("shots", "model", "task")
"""What can be held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """What is held out.

    Attributes
    ----------
    kind
        Of `KINDS`: all cells with more shots than an origin; or one model (task) after the other, whose forecast comes
        from the population of the others.
    origins
        Numbers of shots up to which cells are seen, one forecast from each. Of a model or task they are optional:
        without, all of its cells are held out.

    Raises
    ------
    UserError
        If the kind is not known, or there is no origin where one is needed.
    """

    kind: str = "shots"
    origins: tuple[int, ...] = ()

    def __post_init__(self):
        if self.kind not in KINDS:
            raise unknown_name("kind of hold-out", self.kind, KINDS)
        if any(origin < 0 for origin in self.origins):
            raise UserError(f"shots are held out above a number of 0 or more, got {min(self.origins)}.")
        if self.kind == "shots" and not self.origins:
            raise UserError("shots are held out above a number, and none was given; add --from N.")

    @property
    def origin(self) -> int | None:
        """The first origin; None where nothing of a held-out model (task) is seen."""
        return min(self.origins, default=None)

    @property
    def arguments(self) -> str:
        """How `probe compare` is asked for it."""
        origins = f" --from {','.join(map(str, self.origins))}" if self.origins else ""
        return f"--hold-out {self.kind}{origins}"

    @property
    def words(self) -> str:
        """What accounts were fitted to, and what they were scored on."""
        origins = " and ".join(map(str, self.origins))
        if self.kind == "shots":
            return f"Fitted to at most {origins} shots, scored on the cells with more"
        beyond = f" beyond {origins} shots" if self.origins else ""
        return f"Each {self.kind} held out in turn{beyond}, predicted from its population"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One fit: the cells it sees, and what the others are called.

    Attributes
    ----------
    name
        E.g. ``n > 25`` or ``llama``.
    origin
        Shots up to which the held-out curves are seen; None: not at all.
    seen
        Which cells are fitted to.
    """

    name: str
    origin: int | None
    seen: Bool[ndarray, " num_cells"]


def folds_of(cells: pd.DataFrame, hold_out: HoldOut) -> list[Fold]:
    """Lay out the fits that a hold-out needs, in order of origins and names.

    Raises
    ------
    UserError
        If nothing is held out, or what is left could tell no curve.
    """
    folds = list(_beyond_shots(cells, hold_out) if hold_out.kind == "shots" else _beyond_names(cells, hold_out))
    if not folds:
        raise _nothing_beyond(cells, min(hold_out.origins))
    return folds


def _nothing_beyond(cells: pd.DataFrame, origin: int) -> UserError:
    most = int(cells["num_shots"].max())
    return UserError(
        f"no cell has more than {origin} shots (the largest number is {most}); hold out shots above fewer."
    )


def _beyond_shots(cells: pd.DataFrame, hold_out: HoldOut) -> Iterator[Fold]:
    num_shots = cells["num_shots"].to_numpy()
    for origin in sorted(set(hold_out.origins)):
        seen = num_shots <= origin
        if seen.all():
            raise _nothing_beyond(cells, origin)
        left = np.unique(num_shots[seen])
        if len(left) < 2:
            what = f"only the shot count {left[0]} is" if len(left) else "no shot count is"
            raise UserError(
                f"{what} left when shots above {origin} are held out, and a learning curve needs two; hold out fewer "
                f"(the table has {', '.join(map(str, np.unique(num_shots)))})."
            )
        yield Fold(name=f"n > {origin}", origin=origin, seen=seen)


def _beyond_names(cells: pd.DataFrame, hold_out: HoldOut) -> Iterator[Fold]:
    names = list(dict.fromkeys(cells[hold_out.kind]))
    if len(names) < 2:
        raise UserError(
            f"the table holds a single {hold_out.kind}, {names[0]}, so none can be predicted from the others; add "
            f"results of another {hold_out.kind}, or hold out shots."
        )
    origins: list[int | None] = [*sorted(set(hold_out.origins))] or [None]
    for origin in origins:
        for name in names:
            beyond = True if origin is None else cells["num_shots"] > origin
            held = ((cells[hold_out.kind] == name) & beyond).to_numpy()
            if held.any():
                yield Fold(name=name if origin is None else f"{name}, n > {origin}", origin=origin, seen=~held)
