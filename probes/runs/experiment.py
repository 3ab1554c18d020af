"""What was asked: an experiment as a record, each entry declared with what it means, its default and its flag."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from icl.errors import UserError, unknown_name
from icl.factors import FactorOptions, Names, as_tuple
from icl.tasks.text import unreadable
from probes.models import ModelSpec, as_models
from probes.runs.option import option, options_of

__all__ = [
    "GINC",
    "GROUPS",
    "MODELS",
    "SEEDS",
    "SIZE",
    "TASK",
    "VARIED",
    "Experiment",
    "entries",
]

Models = str | ModelSpec | Sequence[str | ModelSpec]

TASK, MODELS, VARIED, SIZE, SEEDS, GINC = "task", "models", "what is varied", "how much", "seeds", "GINC"

GROUPS = (MODELS, TASK, VARIED, SIZE, SEEDS, GINC)
"""What entries belong to, in the order of `--help` and of the documentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(FactorOptions):
    """Everything that a user chooses about a run; `option` says of each entry what it means.

    Where there may be several values, one may be given by itself; they are kept as a tuple. None leaves a default that
    is not the experiment's: a probe's own, or a library's. A `task` may be a name or the `Task` itself, a model its
    name or a `ModelSpec`; every probe is run on every model.
    """

    models: Models = option(
        written=Names,
        help="shipped name, Hub id, folder, .gguf file, URL#name of a completions server, vllm:NAME, oracle or a "
        "control; NAME@REVISION and NAME:DTYPE choose a revision or precision; may be repeated",
        group=MODELS,
        flag="--model",
        repeated=True,
        listed="models",
    )
    task: Any = option(  # a name, or a task itself, whose types import NumPy
        help="built-in name, .jsonl/.csv/.parquet file, package.module:name of a Task in Python, or Hub data set",
        group=TASK,
        written=str,
        listed="tasks",
    )
    probes: Names = option(
        ("label-correctness",),
        help="probes, separated by commas",
        group=VARIED,
        flag=("--probe", "--probes"),
        listed="probes",
    )
    input_column: str = option("input", help="column of the inputs", group=TASK)
    label_column: str = option("label", help="column of the labels", group=TASK)
    options_column: str | None = option(None, help="column of the options, for multiple choice", group=TASK)
    label_is: str | None = option(
        None,
        help="what a label of multiple choice is: text, key, letter, index0 or index1",
        group=TASK,
        unset="inferred from the rows",
    )
    label_words: Names | None = option(
        None, help="what labels are called in prompts and tables, e.g. 1=bad,5=good", group=TASK, unset="their names"
    )
    corpus: str | None = option(
        None, help="file of sentences for input mode ood", group=VARIED, unset="the built-in corpus"
    )
    budget: int | None = option(
        None,
        help="maximum number of prompts that a format search sends to each model",
        group=SIZE,
        unset="ten per format",
        least=1,
    )
    queries: int = option(32, help="queries per demonstration set", group=SIZE, least=1)
    demonstration_sets: int = option(6, help="number of demonstration sets", group=SIZE, least=1)
    curve: bool = option(
        False,
        help="use each demonstration as the query after those before it, at every number of shots; no --queries",
        group=SIZE,
    )
    calibrate: bool = option(
        True,
        help="score the extra prompts that normalisations pmi and calibrated need",
        flag_help="do not score the extra prompts that normalisations pmi and calibrated need",
        group=SIZE,
        flag="--no-calibration",
    )
    skip_too_long: bool = option(
        False, help="leave out prompts that do not fit a model's context, instead of refusing the run", group=SIZE
    )
    seed: int = option(0, help="seed of every random source without one of its own", group=SEEDS, least=0)
    seed_selection: int | None = option(
        None, help="seed of the choice of queries and demonstrations", group=SEEDS, unset="--seed", least=0
    )
    seed_labels: int | None = option(None, help="seed of randomly drawn labels", group=SEEDS, unset="--seed", least=0)
    seed_order: int | None = option(
        None, help="seed of the order of demonstrations", group=SEEDS, unset="--seed", least=0
    )
    seed_format: int | None = option(None, help="seed of randomly drawn formats", group=SEEDS, unset="--seed", least=0)
    family: str | None = option(None, help=".npz file of a family", group=GINC, unset="the lab's own")
    smoothing: float = option(1e-2, help="oracle: ε of exact Bayes", group=MODELS)
    dtype: str = option("float32", help="float32, bfloat16 or float16", group=MODELS)
    device: str = option("auto", help="auto, cpu, cuda, …", group=MODELS)
    revision: str | None = option(None, help="revision of a Hub model", group=MODELS)
    chat: bool = option(False, help="put prompts into the model's chat template", group=MODELS)
    trust_remote_code: bool = option(False, help="let the model's repository run its code", group=MODELS)
    digests: Names | None = option(
        None,
        help="NAME#DIGEST of the files that task, corpus and family must be; written into the record of a run, so that "
        "another file of the same name is never asked in its place",
        group=TASK,
        flag=(),
        unset="the files as they are",
    )

    def __post_init__(self):
        self._check_types()
        self._check_texts()
        self._check_numbers()
        self._check_combinations()

    def _check_types(self) -> None:
        from icl.tasks.stored import is_storable
        from probes.catalogue.index import current_name

        for name, told in options_of(Experiment).items():
            given = getattr(self, name)
            if told.takes_several:
                object.__setattr__(self, name, as_tuple(given))
            if name not in ("models", "task") and given is not None and not told.fits(getattr(self, name)):
                raise UserError(f"{name} must be {told.spelled}, got {given!r}.")
        object.__setattr__(self, "models", as_models(self.models))
        object.__setattr__(self, "probes", tuple(dict.fromkeys(current_name(name) for name in self.probes)))
        if not (isinstance(self.task, str) or is_storable(self.task)):
            raise UserError(
                f"task must be a name or a Task, got a {type(self.task).__name__}; for GINC write task='ginc' and the "
                "path of a family."
            )

    def _check_texts(self) -> None:
        for written in self.label_words or ():
            if not all(written.partition("=")):
                raise UserError(f"label_words are written LABEL=WORD, got {written!r}; write for example 1=bad.")
        for name, value in entries(self).items():
            if value == ():
                raise UserError(f"{name} is empty; name at least one, or leave it out for the default.")
            for text in value if isinstance(value, tuple) else (value,):
                if isinstance(text, str) and (fault := unreadable(text)):
                    raise UserError(f"{name} {text!a} holds {fault}; rename the file or folder, or write it otherwise.")

    def _check_numbers(self) -> None:
        for name, told in options_of(Experiment).items():
            for value in as_tuple(getattr(self, name)) or ():
                if told.least is None or value >= told.least:
                    continue
                if told.least == 0:
                    raise UserError(f"{name} cannot be negative, got {value}; use 0 or more.")
                raise UserError(f"{name} must be at least {told.least}, got {value}; leave it out for the default.")

    def _check_combinations(self) -> None:
        from icl.prompts.render import METHODS  # NumPy is imported only where an experiment is made

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
        for method in as_tuple(self.methods):
            if method not in METHODS:
                raise unknown_name("method", method, METHODS)


def entries(experiment: Experiment) -> dict[str, Any]:
    """List the entries of an experiment as they are, a task of Python's included."""
    return {name: getattr(experiment, name) for name in options_of(Experiment)}
