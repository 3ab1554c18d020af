"""A figure as PNG, with signs of other fonts where its own lacks them."""

from io import BytesIO
from typing import TYPE_CHECKING

from probes.figures.fonts import borrow_signs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["png"]


def png(figure: "Figure", *, dpi: int = 150) -> bytes:
    """Draw a figure as PNG; a sign that no installed font has is drawn as a box, and warned of."""
    import warnings

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        drawn = _saved(figure, dpi)  # tick labels are known only once they are drawn
        return _saved(figure, dpi) if borrow_signs(figure) else drawn


def _saved(figure: "Figure", dpi: int) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor="white")
    return stream.getvalue()
