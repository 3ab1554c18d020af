"""Pieces of the page's HTML: marked sentences, lists, tables of text and figures; every text is escaped."""

import base64
import re
from collections.abc import Iterable
from html import escape

import pandas as pd

from probes.figures.drawn import Drawn

__all__ = ["figure_html", "items", "marked", "written_table"]


def figure_html(drawn: Drawn, picture: bytes, *, name: str, model: str = "") -> str:
    """Write a figure that its `name` links to; `model` stands first in its caption where there are several."""
    data = base64.b64encode(picture).decode("ascii")
    text = f"{model}. {drawn.caption}" if model else drawn.caption
    width = round(100 * drawn.figure.get_figwidth())
    sizes = f'width="{width}" style="--width:{width}"'
    return (
        f'<figure id="{escape(name)}"><div class="picture">'
        f'<img alt="{escape(drawn.title)}" {sizes} src="data:image/png;base64,{data}"></div>'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def written_table(table: pd.DataFrame) -> str:
    """A table of text as HTML."""
    head = "".join(f'<th scope="col">{marked(name)}</th>' for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td class="n">{marked(str(value))}</td>' for value in row)}</tr>"
        for row in table.itertuples(index=False)
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def marked(text: str) -> str:
    """Escape a sentence; what stands in backticks becomes code, and a number keeps its per cent sign."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"(\d) %", "\\1\N{NO-BREAK SPACE}%", text)


def items(sentences: Iterable[str]) -> str:
    """Write sentences as a list."""
    return f"<ul>{''.join(f'<li>{marked(sentence)}</li>' for sentence in sentences)}</ul>"
