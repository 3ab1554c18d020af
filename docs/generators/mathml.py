"""Formulas as MathML, which browsers draw themselves; docutils translates them from TeX."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

__all__ = ["add_mathml"]


def add_mathml(app) -> None:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_displayed, None))


def _inline(self, node: nodes.math) -> None:
    self.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _displayed(self, node: nodes.math_block) -> None:
    tex = node.astext()
    if r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    self.body.append(f'<div class="math">{tex2mathml(tex, as_block=True)}</div>')
    raise nodes.SkipNode
