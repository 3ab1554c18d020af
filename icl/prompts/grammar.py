"""A grammar of formats, numbered, so that they can be sampled, compared and searched (after Sclar et al. 2023, §3)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np

from icl.errors import UserError
from icl.prompts.formats import CASINGS, Casing, Format

__all__ = ["GRAMMAR", "Grammar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """All formats that can be put together from six components.

    A demonstration reads ``item descriptor separator input spacing descriptor separator label``, in which both
    descriptors have the same casing and the same separator. The components are digits of a format's number, the last
    one changing fastest.

    Attributes
    ----------
    descriptors : tuple of (str, str)
        Words for input and label.
    separators : tuple of str
        Stand between a descriptor and what it describes.
    spacings : tuple of str
        Stand between the two fields.
    casings : tuple of "keep", "lower", "upper" or "capitalised"
        Applied to descriptors and to nothing else.
    items : tuple of str
        Numbers of the demonstrations, as in `Format.item`; empty for none.
    demonstration_separators : tuple of str
        Stand between demonstrations.

    Raises
    ------
    UserError
        If two formats would be written the same, a component or a descriptor is empty, a pair of descriptors is one
        word twice, or a demonstration separator has no line break or is a spacing too (the label's end could not be
        told).
    """

    descriptors: tuple[tuple[str, str], ...]
    separators: tuple[str, ...]
    spacings: tuple[str, ...]
    casings: tuple[Casing, ...]
    items: tuple[str, ...]
    demonstration_separators: tuple[str, ...]

    def __post_init__(self):
        if not self.size:
            raise UserError("a component of the grammar has no values; give each at least one.")
        for pair in self.descriptors:
            if not all(word.strip() for word in pair) or pair[0].lower() == pair[1].lower():
                raise UserError(f"the descriptors {pair} do not tell input from label; use two different words.")
        for separator in self.demonstration_separators:
            if "\n" not in separator or separator in self.spacings:
                raise UserError(
                    f"the demonstration separator {separator!r} does not show where a label ends; use one that has a "
                    "line break and is no spacing."
                )
        if (repeats := self.size - len(set(self._written()))) > 0:
            raise UserError(
                f"{repeats} of the grammar's {self.size} formats are repeats as written; drop equal values."
            )
        for item in self.items:
            Format(name="grammar", item=item)  # refuses a template that is none

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each component, in the order of the fields."""
        return tuple(map(len, self._components))

    @property
    def size(self) -> int:
        """Number of formats."""
        return prod(self.shape)

    def format(self, index: int) -> Format:
        """Write down the format with this number, from 0; its name is ``g`` and the number.

        Raises
        ------
        UserError
            If there is no format with this number.
        """
        (first, second), separator, spacing, casing, item, between = (
            values[digit] for values, digit in zip(self._components, self._digits(index))
        )
        return Format(
            name=f"g{index}",
            input_prefix=CASINGS[casing](first) + separator,
            field_separator=spacing,
            label_prefix=CASINGS[casing](second) + separator,
            demonstration_separator=between,
            item=item,
        )

    def index(self, format: Format) -> int:
        """Tell the number of a format of this grammar, whatever its name.

        Raises
        ------
        UserError
            If this grammar does not write it.
        """
        before = format.item + format.input_prefix
        wanted = (before, format.field_separator + format.label_prefix, format.demonstration_separator + before)
        for number, written in enumerate(self._written()):
            if written == wanted and replace(format, name=f"g{number}") == self.format(number):
                return number
        raise UserError(
            f"format '{format.name}' is not one of the grammar's formats; choose one of g0 to g{self.size - 1}."
        )

    def enumerate(self) -> Iterator[Format]:
        """All formats, in the order of their numbers."""
        return map(self.format, range(self.size))

    def sample(self, count: int, *, rng: np.random.Generator) -> tuple[Format, ...]:
        """Draw different formats, all equally likely; of the same generator, fewer are the first of more.

        Raises
        ------
        UserError
            If there are not so many.
        """
        if not 0 <= count <= self.size:
            raise UserError(
                f"the grammar has {self.size} formats, but {count} were asked for; ask for 0 to {self.size}."
            )
        return tuple(self.format(int(number)) for number in rng.permutation(self.size)[:count])

    def neighbours(self, index: int) -> tuple[int, ...]:
        """Numbers of the formats that differ from this one in exactly one component: the steps of a local search."""
        digits = self._digits(index)
        return tuple(
            int(np.ravel_multi_index((*digits[:place], other, *digits[place + 1 :]), self.shape))
            for place, num_values in enumerate(self.shape)
            for other in range(num_values)
            if other != digits[place]
        )

    @property
    def _components(self) -> tuple[tuple, ...]:
        return (
            self.descriptors, self.separators, self.spacings, self.casings, self.items, self.demonstration_separators,
        )  # fmt: skip

    def _digits(self, index: int) -> tuple[int, ...]:
        if not 0 <= index < self.size:
            raise UserError(
                f"there is no format 'g{index}': the grammar has {self.size}; choose one of g0 to g{self.size - 1}."
            )
        return tuple(int(digit) for digit in np.unravel_index(index, self.shape))

    def _written(self) -> Iterator[tuple[str, str, str]]:
        """What stands before an input, between input and label, and behind a label, of every format."""
        for (first, second), separator, spacing, casing, item, between in product(*self._components):
            before = item + CASINGS[casing](first) + separator
            yield before, spacing + CASINGS[casing](second) + separator, between + before


GRAMMAR = Grammar(
    descriptors=(
        ("input", "output"), ("text", "label"), ("question", "answer"), ("sentence", "category"), ("example", "class"),
        ("passage", "verdict"),
    ),
    separators=(": ", ":\n", " - ", " = ", " :: "),
    spacings=("\n", " ", " | ", "; ", " -- "),
    casings=("capitalised", "lower", "upper"),
    items=("", "{1}. ", "({a}) ", "{I}) "),
    demonstration_separators=("\n\n", "\n---\n"),
)  # fmt: skip
"""The lab's grammar: 3,600 formats, of which g0 writes what the catalogue's `input-output` does."""
