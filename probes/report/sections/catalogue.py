"""All sections by name, and where each has its place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from probes.figures.drawn import Drawn
from probes.findings.material import Material
from probes.report.section import Sentence
from probes.report.sections import (
    between,
    bias,
    consistency,
    contextual_calibration,
    evidence,
    flip,
    ladder,
    options,
    order,
    recognition,
    search,
    variance,
)

__all__ = ["SECTIONS", "Section", "drawn_of", "sentences_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What the report draws and says of one probe; both give None where the run does not hold it.

    `answers` names the probes whose question it answers, where labels, demonstrations and format as such do not.
    """

    draw: Callable[[Material], Drawn | None]
    say: Callable[[Material], Sentence | None]
    answers: tuple[str, ...] = ()


_PARTS = ("label-space", "input-distribution", "format-components")

SECTIONS: dict[str, Section] = {
    "ladder": Section(draw=ladder.draw, say=ladder.say, answers=_PARTS),
    "recognition": Section(draw=recognition.draw, say=recognition.say, answers=("task-recognition",)),
    "flip": Section(draw=flip.draw, say=flip.say, answers=("flip",)),
    "search": Section(draw=search.draw, say=search.say, answers=("format-search",)),
    "order": Section(draw=order.draw, say=order.say, answers=("order",)),
    "options": Section(draw=options.draw, say=options.say, answers=("option-order",)),
    "consistency": Section(draw=consistency.draw, say=consistency.say, answers=("consistency",)),
    "bias": Section(draw=bias.draw, say=bias.say, answers=("bias",)),
    "between": Section(draw=between.draw, say=between.say),
    "variance": Section(draw=variance.draw, say=variance.say, answers=("prompt-variance",)),
    "evidence": Section(draw=evidence.draw, say=evidence.say),
    "contextual_calibration": Section(
        draw=contextual_calibration.draw, say=contextual_calibration.say, answers=("contextual-calibration",)
    ),
}
"""Name → section, in the order of the page."""


def drawn_of(material: Material, *names: str) -> Iterator[Drawn]:
    """Draw the sections of these names that the run holds; those of fits once for each fit."""
    for name in names:
        for place, each in enumerate(_each(material, name)):
            if (drawn := SECTIONS[name].draw(each)) is not None:
                yield replace(drawn, name=f"{drawn.name}_{place + 1}") if place else drawn


def sentences_of(material: Material, *names: str) -> Iterator[Sentence]:
    """Say the sections of these names that the run holds; those of fits once for each fit."""
    for name in names:
        for each in _each(material, name):
            if (sentence := SECTIONS[name].say(each)) is not None:
                yield sentence


def _each(material: Material, name: str) -> list[Material]:
    return list(material.of_each_fit(name)) or [material]
