"""A figure that shows itself in a notebook; matplotlib does that for pyplot's figures only."""

from matplotlib.figure import Figure

__all__ = ["ReportFigure"]


class ReportFigure(Figure):
    """A figure that belongs to nobody's global state."""

    def _repr_png_(self) -> bytes:
        from probes.figures.picture import png

        return png(self, dpi=100)
