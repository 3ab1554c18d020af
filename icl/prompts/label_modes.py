"""Label modes: how the labels shown in a prompt are made from the gold ones (Min §4, Yoo, Wei23, Pan)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from icl.errors import UserError, unknown_name
from icl.prompts.stand_ins import FIRST_RANDOM_WORDS, RANDOM_WORDS, SYMBOLS
from icl.registry import Registry
from icl.tasks.demonstrations import Demonstrations

__all__ = [
    "LABEL_MODES",
    "LABEL_MODE_MEANINGS",
    "REGISTERED",
    "LabelMode",
    "fits_choices",
    "known_label_mode",
    "label_words",
    "parse_label_mode",
    "relabel",
    "shown_words",
]

type Labels = tuple[str, ...]

type Argument = float | tuple[int, ...] | None
"""A share, a number of demonstrations, or a permutation by positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMode:
    """A label mode by name, with its argument where it has one."""

    name: str
    argument: Argument = None

    def __str__(self) -> str:
        if self.argument is None:
            return self.name
        if isinstance(self.argument, tuple):
            return f"{self.name}({'-'.join(map(str, self.argument))})"
        return f"{self.name}({self.argument:g})"

    @property
    def is_drawn(self) -> bool:
        """Whether drawing the labels once more may show others."""
        return self.name in _DRAWN or self.name in REGISTERED or (self.name == "permuted" and self.argument is None)

    @property
    def depends_on_places(self) -> bool:
        """Whether a demonstration's shown label depends on where it stands."""
        return self.name == "flip_after"

    @property
    def is_noise(self) -> bool:
        """Whether the shown labels are the gold ones but for errors at random, and follow no other mapping."""
        return self.name in _NOISE

    @property
    def permutes(self) -> bool:
        """Whether the shown labels follow a permutation of the label space, at least from some place on."""
        return self.name in _PERMUTING

    @property
    def lacks_label_words(self) -> bool:
        """Whether no words of the label space are shown."""
        return self.name in _WITHOUT_LABEL_WORDS

    @property
    def share_correct(self) -> float | None:
        """Share of right labels that its argument fixes; None for modes without one."""
        return self.argument if self.name == "fraction_correct" and isinstance(self.argument, float) else None

    @property
    def num_kept(self) -> int | None:
        """Demonstrations that keep gold labels before the mapping changes; None where it does not change."""
        return int(self.argument) if self.depends_on_places and isinstance(self.argument, float) else None


def _random(gold, spaces, frequencies, argument, rng):
    """Independent uniform draws from the label space (multiple choice: from the demonstration's own options)."""
    if not gold:
        return ()
    return tuple(space[i] for space, i in zip(spaces, rng.integers(len(spaces[0]), size=len(gold))))


def _random_marginal(gold, spaces, frequencies, argument, rng):
    """Independent draws from the label frequencies of the pool."""
    if not gold:
        return ()
    weights = np.array([frequencies[label] for label in spaces[0]], dtype=float)
    return tuple(spaces[0][i] for i in rng.choice(len(weights), size=len(gold), p=weights / weights.sum()))


def _shuffled(gold, spaces, frequencies, argument, rng):
    """A permutation of the gold labels among the demonstrations: counts kept exactly."""
    return tuple(gold[i] for i in rng.permutation(len(gold)))


def _fraction_correct(gold, spaces, frequencies, argument, rng):
    """Exactly round(a·n) labels correct, the others drawn uniformly from the wrong ones."""
    wrong = set(rng.permutation(len(gold))[round(argument * len(gold)) :].tolist())
    return tuple(
        str(rng.choice([other for other in space if other != label])) if i in wrong else label
        for i, (label, space) in enumerate(zip(gold, spaces))
    )


def _identity(space: Labels, argument: Argument, rng: np.random.Generator) -> dict[str, str]:
    """The gold labels."""
    return dict(zip(space, space))


def _next(space: Labels, argument: Argument, rng: np.random.Generator) -> dict[str, str]:
    """Each label replaced by the next of the label space: a consistent, learnable mapping, not noise."""
    return dict(zip(space, (*space[1:], space[0])))


def _permutation(space: Labels, argument: Argument, rng: np.random.Generator) -> dict[str, str]:
    """A permutation π of the label space without fixed point, drawn or given: consistent and learnable, not noise."""
    if isinstance(argument, tuple):
        if len(argument) != len(space):
            raise UserError(
                f"permuted({'-'.join(map(str, argument))}) permutes {len(argument)} labels, but the task has "
                f"{len(space)}; give one position per label, counted from 0, or write just 'permuted'."
            )
        return {label: space[i] for label, i in zip(space, argument)}
    while True:
        permutation = rng.permutation(len(space))
        if (permutation != np.arange(len(space))).all():
            return {label: space[i] for label, i in zip(space, permutation)}


_DRAWN: dict[str, Callable] = {
    "random": _random,
    "random_marginal": _random_marginal,
    "shuffled": _shuffled,
    "fraction_correct": _fraction_correct,
    "random_words": _random,
}
"""Modes that draw: name → (gold labels, each one's label space, label frequencies, argument, rng) → shown labels."""

_MAPPED: dict[str, Callable[[Labels, Argument, np.random.Generator], dict[str, str]]] = {
    "gold": _identity,
    "symbols": _identity,
    "flipped": _next,
    "flip_after": _next,
    "permuted": _permutation,
}
"""Modes that follow one mapping of labels: name → (label space, argument, rng) → how each gold label is shown."""

_NOISE = ("gold", "random", "random_marginal", "shuffled", "fraction_correct")
_PERMUTING = ("flipped", "permuted", "flip_after")
_WITHOUT_LABEL_WORDS = ("none", "random_words", "symbols", "zero_shot")

LABEL_MODE_MEANINGS: dict[str, str] = {
    "gold": _identity.__doc__ or "",
    "random": _random.__doc__ or "",
    "random_marginal": _random_marginal.__doc__ or "",
    "shuffled": _shuffled.__doc__ or "",
    "fraction_correct": _fraction_correct.__doc__ or "",
    "flipped": _next.__doc__ or "",
    "permuted": _permutation.__doc__ or "",
    "flip_after": "The first j labels gold, each later one replaced by the next of the label space (Kossen).",
    "symbols": "The gold labels, written as unrelated words (foo, bar, …) in demonstrations and candidates.",
    "random_words": "Random words that are not labels, one per label, in the demonstrations only (Min §5.2).",
    "none": "No labels: the inputs alone.",
    "zero_shot": "No demonstrations at all.",
}
"""Mode → what it shows, one line."""

LABEL_MODES = tuple(LABEL_MODE_MEANINGS)

REGISTERED: Registry[Callable[..., Labels]] = Registry("label mode")
"""Modes of users and of other packages, see `icl.register`."""

_OF_CHOICES = ("gold", "random", "shuffled", "fraction_correct", "flipped", "none", "zero_shot")
"""Modes that make sense where every question has options of its own."""


def fits_choices(text: str) -> bool:
    """Tell whether a label mode makes sense where every question has options of its own."""
    return _is_of_choices(parse_label_mode(text).name)


def _is_of_choices(name: str) -> bool:
    return name in _OF_CHOICES or name in REGISTERED


def parse_label_mode(text: str) -> LabelMode:
    """Read a label mode as the user writes it: `shuffled`, `fraction_correct(0.75)`, `permuted(1-2-0)`.

    Raises
    ------
    UserError
        If the name is unknown, or its argument is missing, misplaced or does not fit.
    """
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\(([^)]*)\))?\s*", text)
    written = match.group(1) if match else text.strip()
    name = written if written in REGISTERED else written.replace("-", "_")
    if name not in LABEL_MODES and name not in REGISTERED:
        raise unknown_name("label mode", name, (*LABEL_MODES, *REGISTERED.names()))
    argument = match.group(2) if match else None
    if name == "permuted" and argument is not None:
        return LabelMode(name=name, argument=_parse_permutation(argument))
    if name not in _ARGUMENTS:
        if argument is not None:
            raise UserError(f"label mode '{name}' takes no argument, got '{text.strip()}'; write just '{name}'.")
        return LabelMode(name=name)
    meaning, example, fits = _ARGUMENTS[name]
    try:
        value = float(argument or "")
    except ValueError:
        value = -1.0
    if not fits(value):
        raise UserError(f"{name} needs {meaning}, got '{text.strip()}'; write for example {example}.")
    return LabelMode(name=name, argument=value)


def known_label_mode(name: str) -> LabelMode | None:
    """Read the name of a label mode as tables hold it; None where it is none of the lab's, as in imported tables."""
    try:
        return parse_label_mode(name)
    except UserError:
        return None


def _parse_permutation(text: str) -> tuple[int, ...]:
    """Read positions such as ``1-2-0``: label i is shown as the label at the i-th of them."""
    written = [part.strip() for part in text.split("-")]
    if not all(part.isdigit() for part in written) or sorted(map(int, written)) != list(range(len(written))):
        raise UserError(
            f"permuted({text}) is not a permutation; write every position from 0 once with dashes between, e.g. "
            "permuted(1-2-0)."
        )
    permutation = tuple(map(int, written))
    if len(permutation) == 1:
        raise UserError("permuted(0) permutes one label, which leaves it as it is; a permutation needs at least two.")
    if kept := [i for i, j in enumerate(permutation) if i == j]:
        raise UserError(
            f"permuted({text}) leaves label {kept[0]} as it is; a permutation must move every label, e.g. "
            f"permuted({'-'.join(str((i + 1) % len(permutation)) for i in range(len(permutation)))})."
        )
    return permutation


_ARGUMENTS: dict[str, tuple[str, str, Callable[[float], bool]]] = {
    "fraction_correct": (
        "a share of correct labels between 0 and 1",
        "fraction_correct(0.5)",
        lambda value: 0 <= value <= 1,
    ),
    "flip_after": (
        "a whole number of gold labels to begin with",
        "flip_after(4)",
        lambda value: value >= 0 and value.is_integer(),
    ),
}
"""Mode with an argument → what it needs, an example, and which values fit."""


def relabel(
    demonstrations: Demonstrations,
    label_mode: LabelMode,
    *,
    label_space: Labels,
    label_frequencies: Mapping[str, float | int],
    rng: np.random.Generator,
) -> Demonstrations:
    """Show labels made by `label_mode` on the same inputs; the gold labels stay beside them.

    Parameters
    ----------
    label_space
        The task's labels; empty for multiple choice, where each demonstration has its own options.

    Raises
    ------
    UserError
        If the mode needs one label space for all, and the task is multiple choice.
    """
    name, argument, gold = label_mode.name, label_mode.argument, demonstrations.gold_labels
    if demonstrations.options and not _is_of_choices(name):
        raise UserError(
            f"label mode '{name}' needs one label space for all questions, but this task is multiple choice; use one "
            f"of {', '.join(_OF_CHOICES)}."
        )
    spaces = demonstrations.options or (label_space,) * len(gold)
    shown: Labels | None
    mapping: dict[str, str] | None = None
    if name == "none":
        shown = None
    elif name in _MAPPED and demonstrations.options:
        shown = tuple(_MAPPED[name](space, argument, rng)[label] for label, space in zip(gold, spaces))
    elif name in _MAPPED:
        mapping = _MAPPED[name](label_space, argument, rng)
        kept = label_mode.num_kept or 0
        shown = (*gold[:kept], *(mapping[label] for label in gold[kept:]))
    elif name in _DRAWN:
        shown = _DRAWN[name](gold, spaces, label_frequencies, argument, rng)
    elif name in REGISTERED:
        shown = _registered(name, gold, spaces, rng)
    else:  # zero_shot
        shown = gold
    return replace(
        demonstrations,
        shown_labels=shown,
        label_mode=str(label_mode),
        mapping=None if mapping is None else tuple(mapping.items()),
    )


def _registered(name: str, gold: Labels, spaces: tuple[Labels, ...], rng: np.random.Generator) -> Labels:
    """Labels that a user's function makes, checked: as many as the gold ones, each of its label space."""
    if not gold:
        return ()
    make = REGISTERED.get(name)
    assert make is not None  # the caller found it
    try:
        shown = tuple(make(gold, spaces, rng))
    except Exception as error:
        raise UserError(f"label mode '{name}' raised {type(error).__name__} ({error}); fix its function.") from error
    if len(shown) != len(gold):
        raise UserError(f"label mode '{name}' made {len(shown)} labels of {len(gold)} gold ones; return as many.")
    if strange := [label for label, space in zip(shown, spaces) if label not in space]:
        raise UserError(
            f"label mode '{name}' shows {strange[0]!r}, which is not a label of the task; return labels of the label "
            "spaces that it is called with."
        )
    return shown


def shown_words(label_mode: LabelMode, words: Mapping[str, str], *, rng: np.random.Generator) -> dict[str, str]:
    """Say how each label is written in demonstrations: as in the candidates, but under `random_words`.

    Raises
    ------
    UserError
        If mode `random_words` has fewer words than the task has labels.
    """
    if label_mode.name != "random_words":
        return dict(words)
    taken = {written.lower() for written in words.values()}
    for some in (RANDOM_WORDS[:FIRST_RANDOM_WORDS], RANDOM_WORDS):
        free = [word for word in some if word not in taken]
        if len(words) <= len(free):
            break
    else:
        raise UserError(
            f"label mode 'random_words' has {len(free)} words, but the task has {len(words)} labels; leave this mode "
            "out."
        )
    return dict(zip(words, (free[i] for i in rng.permutation(len(free)))))


def label_words(label_mode: LabelMode, label_space: Labels) -> dict[str, str]:
    """Say how each label is written under `label_mode`, before a format sets its casing.

    Raises
    ------
    UserError
        If mode `symbols` has fewer words than the task has labels.
    """
    if label_mode.name != "symbols":
        return {label: label for label in label_space}
    if len(label_space) > len(SYMBOLS):
        raise UserError(
            f"label mode 'symbols' has {len(SYMBOLS)} words, but the task has {len(label_space)} labels; "
            "leave this mode out."
        )
    return dict(zip(label_space, SYMBOLS))
