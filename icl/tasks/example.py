"""One labelled input."""

from dataclasses import dataclass

__all__ = ["Example"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled input.

    Attributes
    ----------
    input : str
        Text that is asked about.
    label : str
        Gold label; in multiple choice the right option.
    options : tuple of str
        Answers to choose from, in multiple choice; empty in classification.
    """

    input: str
    label: str
    options: tuple[str, ...] = ()
