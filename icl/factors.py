"""Factors of a prompt: what can be varied about it, each declared once; keys, tables, conditions and options follow.

A new factor is a field of `FactorValues`, the field of `FactorOptions` by which a user chooses its values, and the code
that makes it happen in a prompt. One factor, `variant`, is told by imported tables only. Score table, prompt keys,
conditions, grids of probes, flags, metrics and reports take it from here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BARE_COLUMNS",
    "CHOSEN_FACTORS",
    "CONDITION_FACTORS",
    "FACTORS",
    "REPEATED_FACTORS",
    "SIDE_FACTORS",
    "Factor",
    "FactorOptions",
    "FactorValues",
    "Names",
    "Numbers",
    "as_tuple",
    "condition_columns",
    "get_factor",
    "unusual",
    "varied_sides",
]

Names = str | Sequence[str]
Numbers = int | Sequence[int]
"""One or several; what keeps them keeps a tuple."""

type Role = Literal["condition", "repetition", "model"]

_KEPT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """What is known of a factor of a prompt.

    Attributes
    ----------
    name : str
        Its column in tables, and its name in a condition.
    dtype : "str" or "Int64"
        Of that column.
    meaning : str
        What the column says.
    default : object
        Value where nothing varies it; `dataclasses.MISSING` where one has to be named.
    is_optional : bool
        Whether a score table made elsewhere may lack the column, which then holds the default.
    bare : object
        Value without demonstrations, where nothing of it is left to see.
    matters_bare : bool
        Whether it changes a prompt without demonstrations, so that there is no such value.
    of : "prompt", "demonstrations", "task" or "table"
        What has it as an attribute; the factors of a task are its own (`icl.tasks.protocol.AnyTask.own_factors`), and
        those of a table are told by imported ones only, so that the lab's own prompts have the default.
    role : "condition", "repetition" or "model"
        Whether metrics are of one value of it, average over its values, or name the model by it.
    as_drawn_only : bool
        Whether metrics that do not compare its values look at the first one, 0, alone.
    is_main : bool
        Whether sentences and tables always tell it; others are told where they vary or are not the usual ones.
    nesting : int
        Place among the loops over conditions; those of smaller numbers change more slowly.
    heading : str
        What heads a column of it for people.
    usual : object
        Value of a side factor that goes without saying; None: whichever is a run's only one.
    told : str
        How a sentence tells a value, with ``{value}`` in place of it.
    words : mapping
        Value → its words in a sentence, where `told` would not do.
    in_plural : str
        What its values, or their number, are called in a sentence.
    option : str
        Entry of an experiment or grid that chooses its values; empty where only an imported table tells them.
    is_counted : bool
        Whether that is a number of values, 0, 1, …, and not a list of them.
    needs : str
        What has to be in a run for more than one value to change anything; empty where every run has it.
    """

    name: str
    dtype: str
    meaning: str
    default: Any
    is_optional: bool = False
    bare: Any = None
    matters_bare: bool = False
    of: Literal["prompt", "demonstrations", "task", "table"] = "demonstrations"
    role: Role = "condition"
    as_drawn_only: bool = False
    is_main: bool = False
    nesting: int
    heading: str
    usual: Any = None
    told: str = ""
    words: Mapping[str, str] = MappingProxyType({})
    in_plural: str
    option: str = ""
    is_counted: bool = False
    needs: str = ""

    def label(self, value: Any) -> str:
        """Name a value as a part of another name, such as ``ood inputs``."""
        return f"{value} {self.heading}"

    def in_words(self, value: Any) -> str:
        """Tell a value as a part of a sentence, such as ``other inputs``."""
        return self.words.get(value) or (self.told or f"{self.heading} {{value}}").format(value=value)


def _factor(default: Any = MISSING, **known: Any) -> Any:
    """Declare a factor: a field of `FactorValues`, with attributes of `Factor`."""
    return field(default=default, metadata=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorValues:
    """The value of every factor of one prompt."""

    label_mode: str = _factor(
        meaning="how the shown labels were made from the gold ones",
        bare="zero_shot",
        is_main=True,
        nesting=6,
        heading="label mode",
        in_plural="label modes",
    )
    input_mode: str = _factor(
        "task",
        meaning="where the shown inputs came from: task, ood or none",
        bare="task",
        nesting=5,
        heading="inputs",
        usual="task",
        words=MappingProxyType({"task": "inputs of the task", "ood": "other inputs", "none": "no inputs"}),
        in_plural="inputs",
    )
    balance: str = _factor(
        "balanced",
        meaning="how often each label was drawn: balanced, as-drawn or skewed(p)",
        is_optional=True,
        bare="balanced",
        nesting=4,
        heading="balance",
        told="demonstrations {value}",
        in_plural="balances of labels",
    )
    label_draw: int = _factor(
        0,
        meaning="which draw of the shown labels; 0 is the first",
        is_optional=True,
        bare=0,
        role="repetition",
        nesting=7,
        heading="label draw",
        in_plural="label draws per demonstration set",
        needs="labels that are drawn",
    )
    format: str = _factor(
        meaning="how a demonstration is written",
        matters_bare=True,
        of="prompt",
        is_main=True,
        nesting=2,
        heading="format",
        in_plural="formats",
    )
    order: int = _factor(
        0,
        meaning="order of the demonstrations: 0 as drawn",
        bare=0,
        role="repetition",
        as_drawn_only=True,
        nesting=9,
        heading="order",
        in_plural="orders of the demonstrations",
        needs="two demonstrations or more",
    )
    option_order: int = _factor(
        0,
        meaning="number of places by which the listed options are rotated; 0 keeps their order",
        is_optional=True,
        matters_bare=True,
        of="prompt",
        role="repetition",
        as_drawn_only=True,
        nesting=8,
        heading="option order",
        in_plural="rotations of the listed options",
    )
    method: str = _factor(
        "direct",
        meaning="direct: log p(label | input); channel: log p(input | label)",
        is_optional=True,
        matters_bare=True,
        of="prompt",
        role="model",
        nesting=1,
        heading="method",
        in_plural="methods",
    )
    num_shots: int = _factor(
        meaning="demonstrations in the prompt",
        bare=0,
        is_main=True,
        nesting=3,
        heading="shots",
        in_plural="numbers of demonstrations",
    )
    example_length: int | None = _factor(
        None,
        meaning="tokens in one GINC example, label included; missing for text tasks",
        matters_bare=True,
        of="task",
        is_main=True,
        nesting=0,
        heading="k",
        in_plural="tokens in an example",
    )
    variant: str = _factor(
        "",
        meaning="what else an imported table varied, as name=value, comma-separated",
        is_optional=True,
        matters_bare=True,
        of="table",
        nesting=10,
        heading="variant",
        told="{value}",
        in_plural="variants",
    )


def _option(factor: str, default: Any = None, *, flag: Any = None, **known: Any) -> Any:
    """Declare how a user chooses the values of a factor: what `probes.runs.option` wants to know of a field."""
    known = {"group": "what is varied", "unset": "" if default else "the probe's", "flag": flag} | known
    return field(default=default, metadata=known | {"factor": factor})


def number_of_orders(text: str) -> int:
    """Read a number of orders; `all` is 0.

    Raises
    ------
    ValueError
        If it is neither; the message says what it takes.
    """
    count = 0 if text == "all" else int(text) if text.strip().isdecimal() else -1
    if count < 0 or text.strip() == "0":
        raise ValueError(f"takes a whole number above 0, or all, got {text!r}")
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorOptions:
    """What is chosen of each factor: its values, or how many; None leaves a default of somebody else's."""

    label_modes: Names | None = _option(
        "label_mode",
        help="how shown labels are made, e.g. gold,random,fraction_correct(0.5)",
        flag=("--label-modes", "--label-mode"),
        listed="labels",
    )
    input_modes: Names | None = _option(
        "input_mode",
        help="inputs of demonstrations: task, ood, none",
        flag=("--input-modes", "--input-mode"),
        listed="inputs",
    )
    balances: Names | None = _option(
        "balance",
        help="balance of the labels: balanced, as-drawn, skewed(0.75)",
        flag=("--balances", "--balance"),
        listed="balances",
    )
    formats: Names | None = _option(
        "format",
        help="how prompts are written, e.g. qa,arrow, or sampled(16) of the grammar",
        flag=("--formats", "--format"),
        listed="formats",
    )
    shots: Numbers | None = _option("num_shots", help="numbers of demonstrations, e.g. 0,4,16", least=0)
    example_lengths: Numbers | None = _option("example_length", help="tokens per example, e.g. 3,10", group="GINC")
    orders: int | None = _option(
        "order",
        help="orders of the demonstrations: a number, or all (0 in a file)",
        least=0,
        parse=number_of_orders,
    )
    label_draws: int | None = _option(
        "label_draw", help="label draws per demonstration set, where labels are drawn", least=1
    )
    option_orders: int | None = _option(
        "option_order", help="multiple choice: rotations of the listed options", least=1
    )
    methods: Names | None = _option(
        "method", ("direct",), help="direct, channel or both", flag=("--methods", "--method")
    )


def _declared() -> tuple[Factor, ...]:
    """Join what the two records say of each factor."""
    options = {one.metadata["factor"]: one for one in fields(FactorOptions)}
    return tuple(
        Factor(
            name=one.name,
            dtype="str" if one.type is str else "Int64",
            default=one.default,
            option=options[one.name].name if one.name in options else "",
            is_counted=one.name in options and options[one.name].type == int | None,
            **one.metadata,
        )
        for one in fields(FactorValues)
    )


FACTORS = _declared()
"""All factors, in the order of their columns."""

CHOSEN_FACTORS = tuple(factor for factor in FACTORS if factor.option)
"""Factors whose values a user chooses."""

_BY_NAME = {factor.name: factor for factor in FACTORS}

CONDITION_FACTORS = tuple(factor for factor in FACTORS if factor.role == "condition")
"""Factors that name what metrics are of."""

BARE_COLUMNS = ("model", "task", *(factor.name for factor in CONDITION_FACTORS if factor.matters_bare))
"""Columns that together name what metrics of prompts without demonstrations are of."""

SIDE_FACTORS = tuple(factor.name for factor in CONDITION_FACTORS if not factor.is_main)
"""Columns of the factors of a condition that are told where they vary or are not the usual ones."""

REPEATED_FACTORS = tuple(factor.name for factor in FACTORS if factor.role == "repetition")
"""Columns of the factors that metrics average over."""


def get_factor(name: str) -> Factor:
    """Look a factor up by the name of its column."""
    return _BY_NAME[name]


def condition_columns(*besides: str) -> tuple[str, ...]:
    """Name the columns that together name what metrics are of, model and task first, but for `besides`."""
    return tuple(name for name in ("model", "task", *(one.name for one in CONDITION_FACTORS)) if name not in besides)


def unusual(row: "Mapping[str, Any] | pd.Series", varied: Collection[str] = (), *, shows: bool) -> dict[str, Any]:
    """Give the values of a row's side factors that do not go without saying, by the name of their column.

    Parameters
    ----------
    row
        Values by column; of those it lacks, and of an empty value, which compares several, nothing is told.
    varied
        Side factors that take several values where the row comes from, see `varied_sides`: they are told in any case.
    shows
        Whether there are demonstrations; without them only what matters to a bare prompt is told.
    """
    return {
        one.name: row[one.name]
        for one in map(get_factor, SIDE_FACTORS)
        if (shows or one.matters_bare)
        and row.get(one.name, "") != ""
        and (one.name in varied or (one.usual is not None and row[one.name] != one.usual))
    }


def varied_sides(table: "pd.DataFrame") -> set[str]:
    """Name the side factors that take several values where they matter; an empty value, of several, counts as none."""
    shown = table["num_shots"] > 0
    found = set()
    for one in map(get_factor, SIDE_FACTORS):
        named = table[one.name].ne("")
        if table.loc[named if one.matters_bare else named & shown, one.name].nunique(dropna=False) > 1:
            found.add(one.name)
    return found


def as_tuple(value: Any) -> Any:
    """Make one value, or a sequence of them, a tuple; None stays."""
    if value is None or isinstance(value, tuple):
        return value
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
