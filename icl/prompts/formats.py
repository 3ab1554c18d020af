"""Formats: how a demonstration is written down, as data (after Sclar's grammar of descriptors and separators)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from icl.errors import UserError, unknown_name

__all__ = ["FORMATS", "Format", "get_format"]

type Casing = Literal["keep", "lower", "upper", "capitalised"]

_CASINGS: dict[str, Callable[[str], str]] = {
    "keep": str,
    "lower": str.lower,
    "upper": str.upper,
    "capitalised": lambda text: text[:1].upper() + text[1:],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a demonstration is written down.

    A demonstration reads ``input_prefix input field_separator label_prefix label``; demonstrations are joined by
    `demonstration_separator`, and the query ends where its label would stand.

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

    def example(self) -> str:
        """One demonstration with the words "input" and "label" in their places, for catalogues."""
        label = self.label_prefix + self.write_label("label")
        return self.instruction + self.input_prefix + self.write_input("input") + self.field_separator + label

    def write_input(self, text: str) -> str:
        """Set the input's casing."""
        return _CASINGS[self.input_casing](text)

    def write_label(self, word: str) -> str:
        """Set the label word's casing."""
        return _CASINGS[self.label_casing](word)


_CATALOGUE = (
    Format(name="minimal", demonstration_separator="\n\n\n"),  # Min, appendix: input, newline, label
    Format(name="input-output", input_prefix="Input: ", label_prefix="Output: "),
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
    # GINC: token 0 is the delimiter; every token is a word of digits.
    Format(name="ginc", world="ginc", field_separator=" ", demonstration_separator=" {delimiter} "),
    Format(name="ginc-no-delimiter", world="ginc", field_separator=" ", demonstration_separator=" "),
    Format(
        name="ginc-two-delimiters",
        world="ginc",
        field_separator=" ",
        demonstration_separator=" {delimiter} {delimiter} ",
    ),
)

FORMATS: dict[str, Format] = {format.name: format for format in _CATALOGUE}
"""Formats by name. In GINC formats ``{delimiter}`` stands for the delimiter's word."""


def get_format(name: str, *, world: str) -> Format:
    """Look up a format for sentences (``world="text"``) or GINC tokens (``world="ginc"``).

    Raises
    ------
    UserError
        If there is no such format, or it belongs to the other world.
    """
    known = [format.name for format in FORMATS.values() if format.world == world]
    if name not in FORMATS:
        raise unknown_name("format", name, known)
    if name not in known:
        raise UserError(f"format '{name}' is not for {world} tasks; use one of {', '.join(known)}.")
    return FORMATS[name]
