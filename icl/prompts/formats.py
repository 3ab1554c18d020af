"""Formats: how a demonstration is written, as data (after Sclar's grammar of descriptors and separators)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from icl.errors import UserError, unknown_name
from icl.prompts.numbering import NUMERALS
from icl.registry import Registry
from icl.tasks.min2022 import get_min_set
from icl.tasks.min2022_sets import MIN_SETS

__all__ = [
    "CASINGS",
    "DEFAULT_FORMATS",
    "FORMATS",
    "GINC_FORMAT",
    "REGISTERED",
    "TEMPLATE",
    "TEXT_FORMAT",
    "Casing",
    "Format",
    "from_template",
    "get_format",
]

TEXT_FORMAT, GINC_FORMAT = "input-output", "ginc"
"""Names of the formats that are meant where none is named, for sentences and for GINC tokens."""

type Casing = Literal["keep", "lower", "upper", "capitalised"]

CASINGS: dict[str, Callable[[str], str]] = {
    "keep": str,
    "lower": str.lower,
    "upper": str.upper,
    "capitalised": lambda text: text[:1].upper() + text[1:],
}
"""What each casing does to a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a demonstration is written down.

    A demonstration reads ``item input_prefix input field_separator options label_prefix label``; demonstrations are
    joined by `demonstration_separator`, and the query ends where its label would stand.

    Attributes
    ----------
    name : str
        Name in tables and plots.
    world : "text" or "ginc"
        Whether it writes sentences or GINC tokens.
    instruction : str
        Stands once before everything, its separator included.
    input_casing, label_casing : "keep", "lower", "upper" or "capitalised"
        Applied to inputs and to label words.
    item : str
        Stands before each demonstration and the query; in it ``{1}``, ``{a}``, ``{A}``, ``{i}`` or ``{I}`` is its
        number in digits, letters or Roman numerals.
    option : str
        How one answer option is listed where the options are shown, its separator included: ``{option}`` is its text,
        and a number as in `item` is its mark. Empty where they are not shown.
    answer : "text" or "mark"
        Whether the answer is the option's text or its mark.

    Raises
    ------
    UserError
        If a template has an unknown field or more than one number, or the answer is to be a mark that `option` lacks.
    """

    name: str
    world: Literal["text", "ginc"] = "text"
    instruction: str = ""
    input_prefix: str = ""
    field_separator: str = "\n"
    label_prefix: str = ""
    demonstration_separator: str = "\n\n"
    input_casing: Casing = "keep"
    label_casing: Casing = "keep"
    item: str = ""
    option: str = ""
    answer: Literal["text", "mark"] = "text"

    def __post_init__(self):
        _check_template(self.name, "item", self.item, set(NUMERALS))
        _check_template(self.name, "option", self.option, {*NUMERALS, "option"})
        if self.option and "{option}" not in self.option:
            raise UserError(
                f"the option {self.option!r} of format '{self.name}' does not show the option; put {{option}} into it."
            )
        if self.answer == "mark" and not _NUMBER.search(self.option):
            raise UserError(
                f"format '{self.name}' is to be answered by an option's mark, but its option {self.option!r} has none; "
                "put a number such as {A} into it."
            )

    def example(self) -> str:
        """One demonstration with the words "input" and "label" in their places, for catalogues."""
        label = self.option_mark(1) if self.answer == "mark" else self.write_label("label")
        options = "".join(self.write_option(position, word) for position, word in ((1, "label"), (2, "other")))
        before = self.instruction + self.number(1) + self.input_prefix
        return before + self.write_input("input") + self.field_separator + options + self.label_prefix + label

    def write_input(self, text: str) -> str:
        """Set the input's casing."""
        return CASINGS[self.input_casing](text)

    def write_label(self, word: str) -> str:
        """Set the label word's casing."""
        return CASINGS[self.label_casing](word)

    def number(self, position: int) -> str:
        """Write what stands before the demonstration or query at `position`, counted from 1."""
        return _NUMBER.sub(lambda match: NUMERALS[match[1]](position), self.item)

    def write_option(self, position: int, option: str) -> str:
        """List the answer option at `position`, counted from 1, in the labels' casing; empty where none are listed."""
        return _FIELD.sub(
            lambda match: self.write_label(option) if match[1] == "option" else NUMERALS[match[1]](position),
            self.option,
        )

    def option_mark(self, position: int) -> str:
        """Write the mark alone of the answer option at `position`: "B" for the second of "({A}) {option}"."""
        found = _NUMBER.search(self.option)
        return NUMERALS[found[1]](position) if found else ""


_FIELD = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"\{([1aAiI])\}")


def _check_template(name: str, kind: str, template: str, known: set[str]) -> None:
    fields = _FIELD.findall(template)
    listed = ", ".join(f"{{{field}}}" for field in sorted(known))
    if unknown := set(fields) - known:
        raise UserError(f"the {kind} of format '{name}' has the field '{{{min(unknown)}}}'; it can have {listed}.")
    if len(fields) > len(set(fields)) or len(set(fields) & set(NUMERALS)) > 1:
        raise UserError(f"the {kind} {template!r} of format '{name}' repeats a field or has two numbers; keep one.")


_CATALOGUE = (
    Format(name="minimal", demonstration_separator="\n\n\n"),  # Min, appendix: input, newline, label
    Format(name=TEXT_FORMAT, input_prefix="Input: ", label_prefix="Output: "),
    Format(name="text-label", input_prefix="Text: ", label_prefix="Label: "),
    Format(name="qa", input_prefix="Q: ", label_prefix="A: "),
    Format(name="arrow", field_separator=" ", label_prefix="-> ", demonstration_separator="\n"),
    Format(name="colon", field_separator=": ", demonstration_separator="\n"),
    Format(name="pipe", field_separator=" | ", label_prefix="", demonstration_separator="\n"),
    Format(name="tags", input_prefix="<input>", field_separator="</input> ", label_prefix="<label> "),
    Format(name="brackets", input_prefix="[", field_separator="] ", label_prefix="= ", demonstration_separator="\n"),
    Format(
        name="lowercase",
        input_prefix="input: ",
        label_prefix="output: ",
        input_casing="lower",
        label_casing="lower",
    ),
    Format(
        name="shouting",
        input_prefix="INPUT: ",
        label_prefix="OUTPUT: ",
        input_casing="upper",
        label_casing="upper",
    ),
    Format(
        name="instruction",
        instruction="Give each text the label that fits it.\n\n",
        input_prefix="Text: ",
        label_prefix="Label: ",
    ),
    # Each of these adds one thing to a format above: numbers to `input-output`, options to `qa`, letters to `options`.
    Format(name="numbered", item="{1}. ", input_prefix="Input: ", label_prefix="Output: "),
    Format(name="options", input_prefix="Q: ", option="- {option}\n", label_prefix="A: "),
    Format(name="options-letters", input_prefix="Q: ", option="({A}) {option}\n", label_prefix="A: ", answer="mark"),
    # GINC: token 0 is the delimiter; every token is a word of digits.
    Format(name=GINC_FORMAT, world="ginc", field_separator=" ", demonstration_separator=" {delimiter} "),
    Format(name="ginc-no-delimiter", world="ginc", field_separator=" ", demonstration_separator=" "),
    Format(
        name="ginc-two-delimiters",
        world="ginc",
        field_separator=" ",
        demonstration_separator=" {delimiter} {delimiter} ",
    ),
)

TEMPLATE = "template:"
"""Begins the name of a format that the user wrote, see `from_template`."""

MANUAL = "min-manual:"
"""Before a set's name: the manual template of Min et al. for it."""

FORMATS: dict[str, Format] = {format.name: format for format in _CATALOGUE}
"""Formats by name. In GINC formats ``{delimiter}`` stands for the delimiter's word."""

DEFAULT_FORMATS = {"text": TEXT_FORMAT, "ginc": GINC_FORMAT}
"""World → the format that is meant where none is named."""

REGISTERED: Registry[Format] = Registry("format")
"""Formats of users and of other packages, see `icl.register`."""


def get_format(name: str, *, world: str) -> Format:
    """Look up a format for sentences (``world="text"``) or GINC tokens (``world="ginc"``).

    Beside the catalogue's names and those of `icl.register`, ``template:TEXT`` is that of `from_template`; ``g17`` is
    the format of that number in `icl.prompts.grammar.GRAMMAR`; ``min-manual:glue-rte`` is the manual template that Min
    et al. wrote for a set, for the task ``min:glue-rte@manual``.

    Raises
    ------
    UserError
        If there is no such format, or it belongs to the other world.
    """
    from icl.prompts.grammar import GRAMMAR  # here, since it builds on this file

    if name.startswith(TEMPLATE):
        return from_template(name.removeprefix(TEMPLATE), world=world)
    if name.startswith(MANUAL):
        return _manual(name.removeprefix(MANUAL), world)
    numbered = re.fullmatch(r"g(0|[1-9][0-9]*)", name)
    format = GRAMMAR.format(int(numbered[1])) if numbered else FORMATS.get(name) or REGISTERED.get(name)
    known = [format.name for format in FORMATS.values() if format.world == world] + REGISTERED.names()
    known += [f"g0 to g{GRAMMAR.size - 1}"] if world == "text" else []
    if format is None:
        raise unknown_name("format", name, known)
    if format.world != world:
        raise UserError(f"format '{name}' is not for {world} tasks; use one of {', '.join(known)}.")
    return format


def from_template(text: str, *, world: str = "text") -> Format:
    """Make a format from a demonstration with ``{input}`` and ``{label}`` in their places.

    ``"Review: {input}\\nMood: {label}"`` has the input prefix ``Review: ``, the field separator of a new line and the
    label prefix ``Mood: ``. A new line may be written as ``\\n``. What stands behind the label ends a demonstration;
    where nothing does, a blank line.

    Raises
    ------
    UserError
        If the two places are not there once each in this order, or the world is not one of sentences.
    """
    written = text.replace("\\n", "\n").replace("\\t", "\t")
    fields = re.findall(r"\{[a-zA-Z_]*\}", written)
    if fields != ["{input}", "{label}"]:
        raise UserError(
            f"a template holds {{input}} and then {{label}}, once each, got {text!r}; write for example "
            "'Review: {input}\\nMood: {label}'."
        )
    if world != "text":
        raise UserError(f"a template is for sentences, not for {world} tasks; leave out --template.")
    before, rest = written.split("{input}")
    between, after = rest.split("{label}")
    lines, newline, prefix = between.rpartition("\n")
    return Format(
        name=TEMPLATE + written.replace("\n", "\\n").replace("\t", "\\t"),
        input_prefix=before,
        field_separator=lines + newline,
        label_prefix=prefix,
        demonstration_separator=after or "\n\n",
    )


def _manual(name: str, world: str) -> Format:
    """The manual template of a set of Min et al. 2022 (appendix, table 3)."""
    record = get_min_set(name)
    if record.manual is None:
        known = [name for name, other in MIN_SETS.items() if other.manual is not None]
        raise UserError(f"Min et al. give no manual template for '{name}'; they do for {', '.join(known)}.")
    if world != "text":
        raise UserError(f"format '{MANUAL}{name}' is for sentences, not for {world} tasks; use a format of theirs.")
    manual = record.manual
    return Format(
        name=f"{MANUAL}{name}",
        instruction=manual.instruction,
        input_prefix=manual.input_prefix,
        field_separator=manual.field_separator,
        label_prefix=manual.label_prefix,
        demonstration_separator=manual.demonstration_separator,
    )
