"""Label modes: how the labels shown in a prompt are made from the gold ones (Min §4, Yoo, Wei23, Pan)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from icl.errors import UserError, unknown_name
from icl.prompts.demonstrations import Demonstrations

__all__ = [
    "LABEL_MODES",
    "RANDOM_WORDS",
    "SYMBOLS",
    "LabelMode",
    "label_words",
    "parse_label_mode",
    "relabel",
    "shown_words",
]

SYMBOLS = ("foo", "bar", "qux", "zig", "lop", "wem", "dax", "tuv", "mip", "kez")
"""Words that stand for labels in mode `symbols`; none is a prefix of another."""

RANDOM_WORDS = (
    *("apple", "bridge", "candle", "desert", "engine", "feather", "garden", "hammer", "island", "jacket", "kettle"),
    *("lantern", "marble", "needle", "orchard", "pencil", "quarry", "ribbon", "saddle", "timber", "umbrella", "velvet"),
    *("window", "yogurt", "zebra", "anchor", "basket", "carpet", "drawer", "elbow", "funnel", "goose", "harbour"),
)
"""Common nouns that stand in demonstrations in mode `random_words`; none is a prefix of another."""

type Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMode:
    """A label mode by name, with its argument where it has one: a share of correct labels, or a number of them."""

    name: str
    argument: float | None = None

    def __str__(self) -> str:
        return self.name if self.argument is None else f"{self.name}({self.argument:g})"


def _gold(gold, space, frequencies, argument, rng):
    """The gold labels."""
    return gold


def _random(gold, space, frequencies, argument, rng):
    """Independent uniform draws from the label space."""
    return tuple(space[i] for i in rng.integers(len(space), size=len(gold)))


def _random_marginal(gold, space, frequencies, argument, rng):
    """Independent draws from the label frequencies of the pool."""
    weights = np.array([frequencies[label] for label in space])
    return tuple(space[i] for i in rng.choice(len(space), size=len(gold), p=weights / weights.sum()))


def _shuffled(gold, space, frequencies, argument, rng):
    """A permutation of the gold labels among the demonstrations: counts kept exactly."""
    return tuple(gold[i] for i in rng.permutation(len(gold)))


def _fraction_correct(gold, space, frequencies, argument, rng):
    """Exactly round(a·n) labels correct, the others drawn uniformly from the wrong ones."""
    wrong = set(rng.permutation(len(gold))[round(argument * len(gold)) :].tolist())
    return tuple(
        str(rng.choice([other for other in space if other != label])) if i in wrong else label
        for i, label in enumerate(gold)
    )


def _flipped(gold, space, frequencies, argument, rng):
    """Each label replaced by the next of the label space: a consistent, learnable mapping, not noise."""
    following = dict(zip(space, (*space[1:], space[0])))
    return tuple(following[label] for label in gold)


def _flip_after(gold, space, frequencies, argument, rng):
    """The first j labels gold, each later one replaced by the next of the label space (Kossen)."""
    kept = int(argument)
    return (*gold[:kept], *_flipped(gold[kept:], space, frequencies, None, rng))


def _permuted(gold, space, frequencies, argument, rng):
    """A random permutation of the label space without fixed point: consistent and learnable, not noise."""
    while True:
        permutation = rng.permutation(len(space))
        if (permutation != np.arange(len(space))).all():
            break
    mapping = {label: space[i] for label, i in zip(space, permutation)}
    return tuple(mapping[label] for label in gold)


def _none(gold, space, frequencies, argument, rng):
    """No labels: the inputs alone."""
    return None


LABEL_MODES: dict[str, Callable] = {
    "gold": _gold,
    "random": _random,
    "random_marginal": _random_marginal,
    "shuffled": _shuffled,
    "fraction_correct": _fraction_correct,
    "flipped": _flipped,
    "flip_after": _flip_after,
    "permuted": _permuted,
    "symbols": _gold,
    "random_words": _random,
    "none": _none,
    "zero_shot": _gold,
}
"""Mode name → (gold labels, label space, label frequencies, argument, rng) → shown labels."""

LABEL_MODE_MEANINGS: dict[str, str] = {name: (make.__doc__ or "") for name, make in LABEL_MODES.items()} | {
    "symbols": "The gold labels, written as unrelated words (foo, bar, …) in demonstrations and candidates.",
    "random_words": "Drawn words that are no labels, one a label at random, in the demonstrations only (Min §5.2).",
    "zero_shot": "No demonstrations at all.",
}


def parse_label_mode(text: str) -> LabelMode:
    """Read a label mode as the user writes it: `shuffled`, `fraction_correct(0.75)`.

    Raises
    ------
    UserError
        If the name is unknown, or the share is missing, misplaced or outside [0, 1].
    """
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\(([^)]*)\))?\s*", text)
    name = match.group(1).replace("-", "_") if match else text.strip()
    if name not in LABEL_MODES:
        raise unknown_name("label mode", name, LABEL_MODES)
    argument = match.group(2) if match else None
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
    """Show labels made by `label_mode` on the same inputs; the gold labels stay beside them."""
    make = LABEL_MODES[label_mode.name]
    shown = make(demonstrations.gold_labels, label_space, label_frequencies, label_mode.argument, rng)
    return replace(demonstrations, shown_labels=shown, label_mode=str(label_mode))


def shown_words(label_mode: LabelMode, words: Mapping[str, str], *, rng: np.random.Generator) -> dict[str, str]:
    """Say how each label is written in demonstrations: as in the candidates, but under `random_words`.

    Raises
    ------
    UserError
        If mode `random_words` has fewer words than the task has labels.
    """
    if label_mode.name != "random_words":
        return dict(words)
    free = [word for word in RANDOM_WORDS if word not in {written.lower() for written in words.values()}]
    if len(words) > len(free):
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
