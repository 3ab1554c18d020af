"""The page's HTML, by Jinja: every text is escaped except what a template itself writes."""

import base64
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from probes.figures.drawn import Drawn

__all__ = ["marked", "part", "render"]


def render(template: str, **values: Any) -> str:
    """Fill in a template of this folder; a value that it names and does not get is an error."""
    return _environment().get_template(template).render(**values)


def part(name: str, *values: Any) -> Markup:
    """Fill in one piece of the page: a macro of `parts.html`."""
    return Markup(getattr(_environment().get_template("parts.html").module, name)(*values))


def marked(text: str) -> Markup:
    """Escape a sentence; what stands in backticks becomes code, and a number keeps its per cent sign."""
    written = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"(\d) %", "\\1\N{NO-BREAK SPACE}%", written))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = marked
    made.globals |= {"width": _width, "base64": _base64}
    return made


def _width(drawn: Drawn) -> int:
    """CSS pixels of a figure."""
    return round(100 * drawn.figure.get_figwidth())


def _base64(picture: bytes) -> str:
    return base64.b64encode(picture).decode("ascii")
