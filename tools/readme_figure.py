"""Draw README's figure from the run of a demo.

    probe demo --out runs/demo
    python tools/readme_figure.py runs/demo docs/demo.png

The numbers that are drawn are kept in the picture, so that a test can compare them with a new demo.
"""

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from probes.report.page import draw_run
from probes.runs.opening import open_run

__all__ = ["curves", "drawn_curves", "learning_curves"]

MODEL, NAME = "ginc-small", "learning_curves"
_KEY = "Curves"


def learning_curves(run: Path) -> Figure:
    """Draw the learning curves of the demo's model beside exact Bayes and the fit's predictions."""
    return next(drawn.figure for model, drawn in draw_run(open_run(run)) if (model, drawn.name) == (MODEL, NAME))


def curves(figure: Figure) -> dict[str, list[list[float]]]:
    """Heights of the lines of each panel, in percent."""
    return {
        axes.get_title(loc="left") or axes.get_title(): [
            [round(float(y), 2) for y in line.get_ydata()] for line in axes.lines if len(line.get_xdata()) > 2
        ]
        for axes in figure.axes
    }


def drawn_curves(picture: Path) -> dict[str, list[list[float]]]:
    """Read the numbers that a picture was drawn from."""
    return json.loads(Image.open(picture).text[_KEY])  # type: ignore[attr-defined]


def main() -> None:
    run, picture = map(Path, sys.argv[1:])
    figure = learning_curves(run)
    told = {"Source": f"tools/readme_figure.py {run} {picture}", _KEY: json.dumps(curves(figure))}
    figure.savefig(picture, dpi=100, metadata=told)


if __name__ == "__main__":
    main()
