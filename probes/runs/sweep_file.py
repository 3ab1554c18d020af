"""A sweep as a TOML file: an experiment, and in its part ``[sweep]`` what is varied from run to run.

    task = "sentiment"
    queries = 8
    [sweep.grid]                     # every combination is a cell …
    model = ["gold-follower", "majority"]
    seed = [0, 1, 2]
    [[sweep.exclude]]                # … but those that match all keys of an exclude …
    model = "majority"
    seed = 2
    [[sweep.include]]                # … and one more for each include
    model = "uniform"

A list of ``[[sweep.cell]]`` may stand in the place of the grid. A cell is an experiment, and becomes a run.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import Any

from icl.errors import UserError, unknown_name
from icl.factors import as_tuple
from probes.models import as_models, read_model
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import SWEEP, compared_entries, experiment_of_entries, read_toml
from probes.runs.option import Option, options_of

__all__ = ["AXES", "Cell", "Sweep", "experiment_key", "is_sweep", "read_sweep"]

_GRID, _CELL, _INCLUDE, _EXCLUDE = "grid", "cell", "include", "exclude"
_PARTS = (_GRID, _CELL, _INCLUDE, _EXCLUDE)

_VALUE_LENGTH, _NAME_LENGTH, _DIGITS = 32, 96, 8
"""Letters of one value and of all in a folder's name, and hexadecimal digits behind them."""


def _spellings(told: Option) -> tuple[str, ...]:
    """How an axis may be called: as the entry, or as its flag (``model`` for ``models``)."""
    flags = () if told.member is bool else told.flags
    return tuple(dict.fromkeys((told.name, *(flag.removeprefix("--").replace("-", "_") for flag in flags))))


AXES: dict[str, Option] = {
    spelling: told
    for told in options_of(Experiment).values()
    if told.name != "digests"  # the record of a run's own
    for spelling in _spellings(told)
}
"""What may be varied: name of an axis → the entry of an experiment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One experiment of a sweep.

    Attributes
    ----------
    name : str
        Of its run folder: values of the axes, and digits that tell it from any other cell.
    varied : dict
        Entry of the experiment → its value in this cell, as the file has it.
    experiment : Experiment
        All of it.
    """

    name: str
    varied: Mapping[str, Any]
    experiment: Experiment

    @property
    def words(self) -> str:
        """The cell by what varies, for messages."""
        return ", ".join(f"{name} {_word(value)}" for name, value in self.varied.items()) or "the only cell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The cells of a sweep, in the order of its file."""

    path: Path
    cells: tuple[Cell, ...]


def is_sweep(path: Path) -> bool:
    """Tell a sweep from an experiment file; what cannot be read is none."""
    try:
        return SWEEP in read_toml(Path(path))[0]
    except UserError:
        return False


def experiment_key(experiment: Experiment) -> str:
    """Write an experiment so that two that ask the same have the same key, whatever their folders are called."""
    return json.dumps(compared_entries(experiment), sort_keys=True, default=str)


def read_sweep(path: Path) -> Sweep:
    """Read a sweep; every cell is checked as an experiment file is.

    Raises
    ------
    UserError
        If the file is no sweep, an axis is no entry of an experiment or is named twice, an exclude matches nothing, a
        cell is no valid experiment, two cells ask the same, or none is left.
    """
    path = Path(path)
    given, text = read_toml(path)
    if SWEEP not in given:
        raise UserError(f"{path} has no part [sweep]; add one, with [sweep.grid] for example, or use `probe run`.")
    base = {name: value for name, value in given.items() if name != SWEEP}
    varied = _varied(given[SWEEP], base, path)
    if not varied:
        raise UserError(f"{path} leaves no cell; name a value for each axis of [sweep.grid], or exclude less.")
    names = _names(varied)
    cells: list[Cell] = []
    seen: dict[str, Cell] = {}
    for name, entries in zip(names, varied):
        try:
            experiment = experiment_of_entries(base | entries, path, text)
        except UserError as error:
            error.add_note(f"(In the cell {', '.join(f'{axis} {_word(value)}' for axis, value in entries.items())}.)")
            raise
        cell = Cell(name=name, varied=entries, experiment=experiment)
        other = seen.setdefault(experiment_key(experiment), cell)
        if other is not cell:
            raise UserError(f"{path} asks for the same cell twice ({cell.words}); leave one out.")
        cells.append(cell)
    return Sweep(path=path, cells=tuple(cells))


def _varied(told: Any, base: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    """What each cell has of its own: those of the grid or list, less excludes, and includes."""
    if not isinstance(told, dict):
        raise UserError(f"sweep in {path} must be a table, got {told!r}; write [sweep.grid] and the axes below it.")
    for part in told:
        if part not in _PARTS:
            raise unknown_name(f"part of [sweep] in {path.name}", part, _PARTS)
    if _GRID in told and _CELL in told:
        raise UserError(f"{path} has both a [sweep.grid] and [[sweep.cell]]; add single cells by [[sweep.include]].")
    grid = told.get(_GRID, {})
    if not isinstance(grid, dict):
        raise UserError(
            f"sweep.grid in {path} must be a table, got {grid!r}; write [sweep.grid] and the axes below it."
        )
    lists = {part: _tables(told.get(part, []), part, path) for part in (_CELL, _INCLUDE, _EXCLUDE)}
    cells = list(_product(_axes(grid, f"[sweep.{_GRID}]", path), base, path)) if grid else lists[_CELL]
    left = cells
    for number, exclude in enumerate(lists[_EXCLUDE], 1):
        if not any(_matches(cell, exclude) for cell in cells):
            shown = ", ".join(f"{name} {_word(value)}" for name, value in exclude.items())
            raise UserError(f"exclude {number} of {path} ({shown or 'nothing'}) matches no cell; correct or remove it.")
        left = [cell for cell in left if not _matches(cell, exclude)]
    return left + lists[_INCLUDE]


def _tables(told: Any, part: str, path: Path) -> list[dict[str, Any]]:
    if not (isinstance(told, list) and all(isinstance(one, dict) for one in told)):
        raise UserError(f"sweep.{part} in {path} must be a list of tables, got {told!r}; write [[sweep.{part}]].")
    return [_axes(one, f"[[sweep.{part}]]", path) for one in told]


def _axes(told: Mapping[str, Any], where: str, path: Path) -> dict[str, Any]:
    """Call axes by the entries that they vary."""
    found: dict[str, Any] = {}
    for name, value in told.items():
        if name not in AXES:
            raise unknown_name(f"axis of a sweep ({where} in {path.name})", name, AXES)
        entry = AXES[name].name
        if entry in found:
            raise UserError(f"{where} in {path} names the axis {entry} twice ({name} is the same); keep one.")
        found[entry] = value
    return found


def _product(axes: Mapping[str, Any], base: Mapping[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    for name, values in axes.items():
        if name in base:
            raise UserError(f"{path} says {name} both outside and inside of [sweep.grid]; keep one.")
        if not isinstance(values, list):
            raise UserError(f"axis {name} of {path} must be a list of values, got {values!r}; write [{values!r}].")
        seen: list[Any] = []
        for value in values:
            if (plain := _plain(name, value)) in seen:
                raise UserError(f"axis {name} of {path} names {_word(value)} twice; name each value once.")
            seen.append(plain)
    for values in product(*axes.values()):
        yield dict(zip(axes, values))


def _matches(cell: Mapping[str, Any], exclude: Mapping[str, Any]) -> bool:
    return all(name in cell and _plain(name, cell[name]) == _plain(name, value) for name, value in exclude.items())


def _plain(name: str, value: Any) -> Any:
    """A value of an axis, one that stands alone as the list of it."""
    if name == "models":
        return tuple(read_model(one) for one in as_models(value))
    told = AXES[name]
    plain = as_tuple(value) if told.takes_several else value
    return (type(value) is bool, plain)  # true is not 1


def _names(varied: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the folders of cells; digits behind the words tell cells apart, more of them where a few do not."""
    digests = [hashlib.sha256(json.dumps(one, sort_keys=True, default=str).encode()).hexdigest() for one in varied]
    digits = next(n for n in count(_DIGITS) if n >= 64 or len({digest[:n] for digest in digests}) == len(set(digests)))
    return [f"{_slug(one)}-{digest[:digits]}" for one, digest in zip(varied, digests)]


def _slug(varied: Mapping[str, Any]) -> str:
    """Values in letters that every file system takes; numbers and truth values behind the axis."""
    words = []
    for name, value in varied.items():
        word = re.sub(r"[^A-Za-z0-9.]+", "-", _word(value, short=True))[:_VALUE_LENGTH].strip("-.")
        words.append(word if isinstance(value, str | dict) or name in ("models", "probes") else f"{name}-{word}")
    return "_".join(filter(None, words))[:_NAME_LENGTH].strip("-._") or "cell"


def _word(value: Any, *, short: bool = False) -> str:
    if isinstance(value, dict):
        return _word(value.get("label") or value.get("name") or value, short=short)
    if isinstance(value, list):
        return ("-" if short else " and ").join(_word(one, short=short) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).rstrip("/").rpartition("/")[2] if short else str(value)
