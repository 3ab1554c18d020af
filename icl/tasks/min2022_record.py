"""What is recorded of a data set of Min et al. 2022: where it is found, its columns, its templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from icl.tasks.hub import HubName

__all__ = ["ManualTemplate", "MinSet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualTemplate:
    """The paper's manual template of a set.

    Attributes
    ----------
    input : str
        Template of the input over the set's fields, as `MinSet.input`.
    option : str
        Template of an option, as `MinSet.option`.
    full_stops : bool
        Whether a field that does not end in punctuation gets a full stop.
    words : mapping of str
        Label words by minimal label word; empty where they are the same.
    instruction, input_prefix, field_separator, label_prefix, demonstration_separator : str
        How a demonstration is written down, as in `icl.prompts.formats.Format`.
    """

    input: str
    option: str = "{option}"
    full_stops: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    instruction: str = ""
    input_prefix: str = ""
    field_separator: str = "\n"
    label_prefix: str = ""
    demonstration_separator: str = "\n\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinSet:
    """One data set of Min et al. 2022.

    Attributes
    ----------
    name : str
        The paper's name; users write ``min:name``.
    hub : HubName
        Where it stands, with the split that demonstrations are drawn from.
    test_split : str or None
        The split that queries are drawn from; None where the set has one split only, of which the paper takes a fifth.
    num_rows : tuple of int
        Rows for demonstrations and for queries, as the paper counts them.
    columns : tuple of str
        Columns that are read; each is a field of the templates.
    derive : "", "copa" or "quarel"
        How further fields are made from a row (see `icl.tasks.min2022`).
    input : str
        Template of the input over the fields.
    label : str
        Column of the label: a class, or what tells the right option.
    label_is : "key" or "text"
        Whether the latter is the option's key (its position from 0 where a row has no keys of its own) or its text.
    classes : mapping of str to str or None
        In classification the label word of each class of the Hub's set, in the order of the class numbers; None for a
        class whose rows are left out. Empty in multiple choice.
    options : tuple of str
        In multiple choice the field with the list of options, or several fields with one option each.
    option : str
        Template of an option over the fields, ``{option}`` and ``{continuation}`` (its first letter small).
    manual : ManualTemplate or None
        The paper's manual template, where it has one.
    """

    name: str
    hub: HubName
    test_split: str | None = "validation"
    num_rows: tuple[int, int]
    columns: tuple[str, ...]
    derive: Literal["", "copa", "quarel"] = ""
    input: str
    label: str = "label"
    label_is: Literal["key", "text"] = "key"
    classes: Mapping[str, str | None] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    option: str = "{option}"
    manual: ManualTemplate | None = None

    @property
    def is_multiple_choice(self) -> bool:
        """Whether each row brings its own options."""
        return bool(self.options)

    @property
    def label_words(self) -> tuple[str, ...]:
        """Minimal label words; empty in multiple choice."""
        return tuple(word for word in self.classes.values() if word is not None)
