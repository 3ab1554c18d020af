"""Models as an experiment names them: what is asked, in which revision and precision, and what is known of each.

Nothing heavy is imported before a model is opened: what an experiment takes is read for every `--help`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from icl.errors import UserError, unknown_name
from icl.tasks.text import unreadable
from probes.model_names import PYTHON, WrittenModel, split_model

if TYPE_CHECKING:
    from icl.tasks.protocol import AnyTask
    from probes.scorers.scorer import Scorer

__all__ = [
    "OWN_OPTIONS",
    "ModelSpec",
    "as_models",
    "from_callable",
    "from_transformers",
    "read_model",
]

OWN_OPTIONS = ("revision", "dtype", "device", "chat", "trust_remote_code")
"""What a model may have of its own instead of the experiment's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model of an experiment; what is None is the experiment's, or unknown.

    Attributes
    ----------
    name : str
        Hub id, shipped name, folder, `.gguf` file, server's address, ``vllm:NAME`` or name of a reference.
    label : str or None
        Name in tables and plots; None is that of the scorer, with the model's own revision and dtype behind it.
    revision, dtype, device, chat, trust_remote_code
        As in an `Experiment`, for this model alone.
    parameters, training_tokens : int or None
        Weights, and tokens that the model was trained on; None is what the checkpoint tells.
    tuned : bool or None
        Whether it was tuned after pretraining, by instructions for example; None is what the checkpoint tells.
    given : Scorer, GivenModel or None
        The model itself, where it was made in Python: see `from_transformers` and `from_callable`.

    Raises
    ------
    UserError
        If a value has the wrong type or size.
    """

    name: str
    label: str | None = None
    revision: str | None = None
    dtype: str | None = None
    device: str | None = None
    chat: bool | None = None
    trust_remote_code: bool | None = None
    parameters: int | None = None
    training_tokens: int | None = None
    tuned: bool | None = None
    given: Any = field(default=None, repr=False)

    def __post_init__(self):
        _check_values({name: value for name in _KINDS if (value := getattr(self, name)) is not None})
        if self.given is not None and (own := {self.revision, self.dtype, self.device} - {None}):
            raise UserError(f"model '{self.name}' is in memory as it is and cannot follow '{own.pop()}'; leave it out.")
        if self.label is None:
            return
        from probes.scorers.catalogue import is_reference

        if is_reference(self.label):
            raise UserError(
                f"label '{self.label}' is the name of a reference; give model '{self.shown}' another label."
            )

    @property
    def shown(self) -> str:
        """How the model is written, without a server's credentials."""
        from probes.scorers.server_address import shown_model

        own = WrittenModel("", shown_model(self.name), self.revision, self.dtype)
        return own.name + own.suffix

    @property
    def written(self) -> str:
        """What names the model in records: for one that was given in Python, that it was."""
        return self.shown if self.given is None else PYTHON + self.name

    def as_entry(self) -> str | dict[str, Any]:
        """Return what stands for the model in an experiment file: a table; the name alone of one given in Python."""
        if self.given is not None:
            return self.written
        from probes.scorers.server_address import shown_model

        said = {one: getattr(self, one) for one in _KINDS if getattr(self, one) is not None}
        return {**said, "name": shown_model(self.name)}

    def without_covariates(self) -> "ModelSpec":
        """Leave out what does not change what is asked."""
        return replace(self, parameters=None, training_tokens=None, tuned=None)

    def scorer_for(self, task: "AnyTask", defaults: Mapping[str, Any], **options: Any) -> "Scorer":
        """Build the scorer; loads no weights.

        Parameters
        ----------
        task : AnyTask
            What will be asked.
        defaults
            The experiment's own `revision`, `dtype`, `device`, `chat` and `trust_remote_code`.
        **options
            The others of `make_scorer`.

        Raises
        ------
        UserError
            If there is no such model, it does not fit the task, or cannot follow an option.
        """
        from probes.scorers.catalogue import is_reference, make_scorer

        if self.name.startswith(PYTHON):
            raise UserError(
                f"model '{self.name.removeprefix(PYTHON)}' was given in Python and cannot be found by its name; run it "
                "from Python again, into the same folder, or name another model."
            )
        own = {name: getattr(self, name) for name in OWN_OPTIONS if getattr(self, name) is not None}
        scorer = make_scorer(self.name if self.given is None else self.given, task, **{**defaults, **own}, **options)
        if own and not scorer.has_weights:
            name, value = next(iter(own.items()))
            raise UserError(
                f"model '{self.shown}' has no weights that are loaded here, so it cannot follow {name} {value}; leave "
                "it out."
            )
        if self.label is not None and is_reference(scorer.name):
            raise UserError(
                f"model '{scorer.name}' is a reference, which keeps its own name in tables and reports; remove its "
                f"label, '{self.label}'."
            )
        scorer.name = self.label or scorer.name + WrittenModel("", "", self.revision, self.dtype).suffix
        return scorer

    def covariates(self, scorer: "Scorer") -> dict[str, int | bool | None]:
        """Return what is known of the model beside its answers: the user's word, else what the scorer can tell."""
        told = scorer.covariates()
        given = {"num_parameters": self.parameters, "training_tokens": self.training_tokens, "is_tuned": self.tuned}
        return {name: getattr(told, name) if value is None else value for name, value in given.items()}


_KINDS: dict[str, tuple[type, str]] = {
    "name": (str, "a string"),
    "label": (str, "a string"),
    "revision": (str, "a string"),
    "dtype": (str, "a string"),
    "device": (str, "a string"),
    "chat": (bool, "true or false"),
    "trust_remote_code": (bool, "true or false"),
    "parameters": (int, "a whole number"),
    "training_tokens": (int, "a whole number"),
    "tuned": (bool, "true or false"),
}
"""What stands in a table of an experiment file → its type."""


def read_model(entry: "str | Mapping[str, Any] | ModelSpec") -> ModelSpec:
    """Read what stands for a model: NAME, NAME@REVISION, NAME:DTYPE, both, or a table of an experiment file.

    In a table the name is whole.

    Raises
    ------
    UserError
        If a revision is empty, or a table lacks a name or has a key that is unknown.
    """
    if isinstance(entry, ModelSpec):
        return entry
    if isinstance(entry, str):
        prefix, name, revision, dtype = split_model(entry)
        return ModelSpec(name=prefix + name, revision=revision, dtype=dtype)
    for key in entry:
        if key not in _KINDS:
            raise unknown_name("key of a model", key, _KINDS)
    if "name" not in entry:
        raise UserError(f"a model has no name, got {dict(entry)}; add name, such as name = 'gpt2'.")
    _check_values(entry)
    return ModelSpec(**entry)


def as_models(given: Any) -> tuple[str | ModelSpec, ...]:
    """Make what an experiment is given as models a tuple: names stay, tables become records.

    Raises
    ------
    UserError
        If one of them is neither a name, nor a table, nor a `ModelSpec`.
    """
    found: list[str | ModelSpec] = []
    for one in given if isinstance(given, tuple | list) else (given,):
        if isinstance(one, Mapping):
            found.append(read_model(one))
        elif isinstance(one, str | ModelSpec):
            found.append(one)
        else:
            plain = isinstance(one, int | float | None)
            raise UserError(
                f"models must be a string or a list of strings, got {one if plain else f'a {type(one).__name__}'}; a "
                "model in memory is named by from_transformers(model, tokenizer, name=…), a function by "
                "from_callable(ask, name=…)."
            )
    return tuple(found)


def from_transformers(model: Any, tokenizer: Any, *, name: str, **known: Any) -> ModelSpec:
    """Name a Transformers model that is in memory, so that a run can ask it.

    It is asked as it is: in its precision, on its device, with the hooks it has; nothing of it is copied. A run folder
    knows it by a digest of its weights, which does not see hooks or code, so its answers are kept for no other run.

    Parameters
    ----------
    model
        A causal language model of Transformers, or a wrapper such as PEFT's.
    tokenizer
        Its fast tokenizer.
    name
        Name in tables and plots.
    **known
        `chat`, `parameters`, `training_tokens` and `tuned`, as in `ModelSpec`.

    Raises
    ------
    UserError
        When it is asked, if it is not a causal language model or its tokenizer is not a fast one.

    Examples
    --------
    >>> Experiment(models=from_transformers(model, tokenizer, name="mine"), task="sentiment")  # doctest: +SKIP
    """
    from probes.scorers.given import GivenModel

    return ModelSpec(name=name, given=GivenModel(model, tokenizer, name), **known)


def from_callable(ask: Callable[..., Any], *, name: str, **known: Any) -> ModelSpec:
    """Name a function of prompts, so that a run can ask it.

    A run folder knows it by its name only: whether its code has changed is not seen, so its answers are kept for no
    other run.

    Parameters
    ----------
    ask
        From a sequence of prompts to an array (num_prompts, num_candidates): log-probability of each candidate in nats;
        NaN where it cannot tell.
    name
        Name in tables and plots.
    **known
        `parameters`, `training_tokens` and `tuned`, as in `ModelSpec`.

    Examples
    --------
    >>> even = from_callable(lambda prompts: [[0.0] * len(p.candidates) for p in prompts], name="even")
    >>> Experiment(models=even, task="sentiment")  # doctest: +SKIP
    """
    from probes.scorers.given import CallableScorer

    return ModelSpec(name=name, given=CallableScorer(ask, name), **known)


def _check_values(values: Mapping[str, Any]) -> None:
    """Refuse values of another type, texts that cannot be read, and numbers below 1."""
    for name, value in values.items():
        kind, words = _KINDS[name]
        if type(value) is not kind:
            raise UserError(f"{name} of a model must be {words}, got {value!r}.")
        if isinstance(value, str) and (not value or unreadable(value)):
            raise UserError(f"{name} of a model is {value!a}; write it with characters that can be read.")
        if kind is int and isinstance(value, int) and value < 1:
            raise UserError(f"{name} of a model must be at least 1, got {value}; leave it out if it is unknown.")
