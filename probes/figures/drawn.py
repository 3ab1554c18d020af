"""A figure with the words that belong to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Drawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure with its words.

    Attributes
    ----------
    name : str
        Of the file, without ending.
    title : str
        What is seen.
    caption : str
        What it rests on.
    figure : Figure
        The figure; it bears the title as well.
    """

    name: str
    title: str
    caption: str
    figure: "Figure"
