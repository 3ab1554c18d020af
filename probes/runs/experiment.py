"""What was asked: an experiment as a record, and as a TOML file."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from icl.errors import UserError, unknown_name
from icl.prompts.render import METHODS
from icl.tasks.stored import STORED_ENDING, is_storable, stored_form
from icl.tasks.task import Task
from icl.tasks.text import unreadable
from probes import disk
from probes.runs import located
from probes.scorers.server_address import shown_model

__all__ = [
    "Experiment",
    "Names",
    "Numbers",
    "as_tuple",
    "changed_entries",
    "entries",
    "is_portable",
    "read_experiment",
    "task_file",
    "write_experiment",
]

Names = str | Sequence[str]
Numbers = int | Sequence[int]
"""One or several; an experiment keeps a tuple."""

_NOTE = "# Relative paths are taken from this file's folder."
"""First line of experiment files that the lab writes; those without it in a run folder are of an earlier lab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Everything that a user chooses about a run; None leaves a probe's own default.

    Where there may be several values, one may be given by itself; they are kept as a tuple.

    Attributes
    ----------
    models, probes : tuple of str
        Names; every probe is run on every model.
    task : str or Task
        Built-in name, file, ``package.module:name`` or Hub id (`icl.tasks.catalogue.load_task`); or the task itself.
    input_column, label_column, options_column : str
        Columns of a file or Hub data set; the last for multiple choice.
    label_is : str or None
        How labels of multiple choice name options: text, key, letter, index0 or index1; None finds it out.
    label_modes, input_modes, balances, formats, shots, example_lengths : tuple, or None
        Override the grids of all probes. A format `sampled(16)` stands for so many drawn from the grammar.
    orders, label_draws, option_orders : int, or None
        Override the grids of all probes: in how many orders demonstrations are asked (0 for all), how often labels are
        drawn, by how many places listed options are rotated.
    label_words : tuple of str, or None
        ``LABEL=WORD`` each: how labels are called, in prompts and tables; others keep their names.
    corpus : str or None
        File of the sentences of input mode "ood"; None is the built-in corpus.
    budget : int or None
        Prompts that a format search may ask of a model; None is ten a format.
    queries, demonstration_sets : int
        On GINC every query has demonstrations of its own, so there are queries · demonstration_sets
        prompts a condition.
    curve : bool
        Ask at every shot count of one prompt: its next demonstration is the query, so `queries` does not count and
        demonstrations are drawn as they come.
    methods : tuple of str
        "direct", "channel" or both, see `icl.prompts.render.METHODS`.
    calibrate : bool
        Also ask what PMI and contextual calibration compare with (sentences, method direct).
    skip_too_long : bool
        Leave out, with a reason, prompts that do not fit a model's context, instead of refusing the run.
    seed : int
        Seed of every source that has none of its own.
    seed_selection, seed_labels, seed_order, seed_format : int, or None
        Seeds by source.
    family : str or None
        `.npz` file of a GINC family; None is the default family.
    smoothing : float
        ε of exact Bayes.
    dtype, device, revision, chat, trust_remote_code
        Passed to the Hugging Face scorer.
    digests : tuple of str, or None
        ``NAME#DIGEST`` of the files that task, corpus and family must be; None takes them as they are. Set in the
        record of a run, so that another file of the same name is never asked in its place.
    """

    models: Names
    task: str | Task
    probes: Names = ("label-correctness",)
    input_column: str = "input"
    label_column: str = "label"
    label_modes: Names | None = None
    input_modes: Names | None = None
    balances: Names | None = None
    formats: Names | None = None
    shots: Numbers | None = None
    example_lengths: Numbers | None = None
    orders: int | None = None
    label_draws: int | None = None
    option_orders: int | None = None
    options_column: str | None = None
    label_is: str | None = None
    label_words: Names | None = None
    corpus: str | None = None
    budget: int | None = None
    queries: int = 32
    demonstration_sets: int = 6
    curve: bool = False
    methods: Names = ("direct",)
    calibrate: bool = True
    skip_too_long: bool = False
    seed: int = 0
    seed_selection: int | None = None
    seed_labels: int | None = None
    seed_order: int | None = None
    seed_format: int | None = None
    family: str | None = None
    smoothing: float = 1e-2
    dtype: str = "float32"
    device: str = "auto"
    revision: str | None = None
    chat: bool = False
    trust_remote_code: bool = False
    digests: Names | None = None

    def __post_init__(self):
        for name in _SEVERAL:
            given = getattr(self, name)
            object.__setattr__(self, name, as_tuple(given))
            if getattr(self, name) is not None and not _fits(getattr(self, name), _KINDS[name]):
                raise UserError(f"{name} must be {_spell(_KINDS[name])}, got {given!r}.")
        if not (isinstance(self.task, str) or is_storable(self.task)):
            raise UserError(
                f"task must be a name or a Task, got a {type(self.task).__name__}; for GINC write task='ginc' and the "
                "path of a family."
            )
        for written in self.label_words or ():
            if not all(written.partition("=")):
                raise UserError(f"label_words are written LABEL=WORD, got {written!r}; write for example 1=bad.")
        for name in ("queries", "demonstration_sets"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}.")
        for name, value in entries(self).items():
            if value == ():
                raise UserError(f"{name} is empty; name at least one, or leave it out for the default.")
            for text in value if isinstance(value, tuple) else (value,):
                if isinstance(text, str) and (fault := unreadable(text)):
                    raise UserError(f"{name} {text!a} holds {fault}; rename the file or folder, or write it otherwise.")
        for name, least in (("label_draws", 1), ("option_orders", 1), ("orders", 0), ("budget", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"{name} must be at least {least}, got {value}; leave it out for the default.")
        for name in ("seed", "seed_selection", "seed_labels", "seed_order", "seed_format"):
            if (getattr(self, name) or 0) < 0:
                raise UserError(f"{name} cannot be negative, got {getattr(self, name)}; use 0 or more.")
        if (fewest := min(as_tuple(self.shots) or (0,))) < 0:
            raise UserError(f"shots cannot be negative, got {fewest}.")
        if self.curve and self.balances not in (None, ("as-drawn",)):
            raise UserError(
                "on a curve demonstrations are drawn as the pool has them, got balances "
                f"{', '.join(self.balances or ())}; leave one out."
            )
        if self.label_is is not None and self.options_column is None:
            raise UserError(
                f"label_is ({self.label_is}) says how labels name the options of multiple choice, but no column of "
                "options is named; add --options-column, or leave it out."
            )
        for method in self.methods:
            if method not in METHODS:
                raise unknown_name("method", method, METHODS)


_KINDS = {field.name: str(field.type) for field in fields(Experiment)}
"""Entry → what it takes, as its annotation says it."""

_SEVERAL = tuple(name for name, kind in _KINDS.items() if "Sequence" in kind)


def as_tuple(value: Any) -> Any:
    """Make one value, or a sequence of them, a tuple; None stays."""
    if value is None or isinstance(value, tuple):
        return value
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def entries(experiment: Experiment) -> dict[str, Any]:
    """List the entries of an experiment as they are, a task of Python's included."""
    return {name: getattr(experiment, name) for name in _KINDS}


def read_experiment(path: Path) -> Experiment:
    """Read an experiment from TOML; lists become tuples, and paths lead from the working folder.

    In the file relative paths are taken from its own folder.

    Raises
    ------
    UserError
        If the file is missing or no TOML, a key is unknown, a needed one is missing, or a value has the wrong type; or
        if a path leads nowhere from the file's folder but would from the working folder.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        given = tomllib.loads(text)
    except OSError as error:
        raise UserError(f"experiment {path} cannot be read ({error.strerror}); name a .toml file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"experiment {path} is not valid TOML ({error}); correct that place.") from error
    for name in given:
        if name not in _KINDS:
            raise unknown_name(f"experiment key in {path.name}", name, _KINDS)
    if missing := {"models", "task"} - set(given):
        raise UserError(f"experiment {path} lacks {' and '.join(sorted(missing))}; add the line(s).")
    if given.get("curve") and "queries" in given:
        raise UserError(f"experiment {path} names queries, but on a curve the demonstrations are asked; drop one.")
    values: dict[str, Any] = {name: as_tuple(value) if name in _SEVERAL else value for name, value in given.items()}
    for name, value in values.items():
        if not _fits(value, _KINDS[name]):
            raise UserError(f"{name} in experiment {path.name} must be {_spell(_KINDS[name])}, got {given[name]!r}.")
    return Experiment(**_from_file(values, path, text))


def is_portable(path: Path) -> bool:
    """Tell whether an experiment file in a run folder names files from its own folder: earlier labs did not."""
    return path.read_text(encoding="utf-8-sig").startswith(_NOTE)


def changed_entries(before: Experiment, after: Experiment) -> list[str]:
    """Name the entries that differ; a file that is named from different folders is the same."""
    old, new = (located.absolute(_recorded(experiment)) for experiment in (before, after))
    return [name for name in old if old[name] != new[name] and name != "digests"]


def _from_file(values: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    """Take paths as a file means them."""
    source = _recorded_source(path.parent)
    if source is None or text.startswith(_NOTE):
        return located.from_folder(values, path, strict=not text.startswith(_NOTE))
    # Earlier labs wrote paths as they were given, from the working folder; the digest says whether it is still that.
    return values | ({"digests": (source.removeprefix("file:"),)} if source.startswith("file:") else {})


def _recorded_source(folder: Path) -> str | None:
    """Say where the task of a run came from, by its manifest; None where there is none."""
    try:
        return str(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def task_file(path: Path) -> Path:
    """Name the file beside an experiment file that keeps its task, where Python made that."""
    return path.with_suffix(STORED_ENDING)


def write_experiment(experiment: Experiment, path: Path, made: Task | None = None) -> None:
    """Write an experiment as TOML, leaving out what is None; relative paths lead from the file's folder.

    Parameters
    ----------
    made
        The task that the experiment's ``package.module:name`` stands for. It is kept in `task_file`, as is a task that
        the experiment has itself.
    """
    import tomli_w

    given = _recorded(experiment)
    if not isinstance(experiment.task, str):
        made, given["task"] = experiment.task, str(task_file(path))
    if made is not None:
        disk.write_whole(task_file(path), stored_form(made))
    given = located.to_folder(given, path.parent) | {"digests": located.find_digests(given, made)}
    values = {name: value for name, value in given.items() if value is not None}
    if experiment.curve:
        del values["queries"]
    disk.write_text(path, f"{_NOTE}\n{tomli_w.dumps(values)}")


def _recorded(experiment: Experiment) -> dict[str, Any]:
    """Return the entries as they are written and compared: user and password of a server are kept in no file."""
    return entries(experiment) | {"models": tuple(map(shown_model, experiment.models))}


def _fits(value: object, kind: str) -> bool:
    if "Sequence" in kind:
        member = int if "Sequence[int]" in kind else str
        return isinstance(value, tuple) and all(type(item) is member for item in value)
    allowed = [
        python for name, python in (("str", str), ("int", int), ("float", float), ("bool", bool)) if name in kind
    ]
    return type(value) in allowed or (type(value) is int and float in allowed)


def _spell(kind: str) -> str:
    if "Sequence" in kind:
        several = "whole numbers" if "Sequence[int]" in kind else "strings"
        return f"{'a whole number' if several == 'whole numbers' else 'a string'} or a list of {several}"
    names = {"str": "a string", "bool": "true or false", "float": "a number", "int": "a whole number"}
    return next(words for name, words in names.items() if name in kind)
