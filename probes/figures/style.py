"""How every figure looks: one colour and marker per label mode, colour-blind safe, and plain text for plain text."""

import math
import textwrap
import zlib
from typing import TYPE_CHECKING

import numpy as np

from icl.prompts.label_modes import known_label_mode

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "CHANCE",
    "INK",
    "error_bars",
    "finish",
    "label_mode_style",
    "new_figure",
    "plain",
    "shots_axis",
    "shots_colour",
]

INK = "#222222"
CHANCE = "#8a8a8a"
WIDTH = 9.0
"""Inches; at 150 dpi the page shows a figure at about two thirds of its pixels."""

# Okabe & Ito 2008: told apart with every common kind of colour vision.
_MODES: dict[str, tuple[str, str]] = {
    "gold": ("#E69F00", "o"),
    "random": ("#D55E00", "s"),
    "random_marginal": ("#882255", "D"),
    "shuffled": ("#CC79A7", "^"),
    "flipped": ("#009E73", "v"),
    "permuted": ("#117733", "<"),
    "symbols": ("#661100", "P"),
    "none": ("#999933", "X"),
    "zero_shot": ("#555555", "h"),
}
_SPARE = ("#44AA99", "#AA4499", "#332288", "#888888", "#6699CC")
_MARKERS = ("p", "*", "d", ">", "8")


def label_mode_style(label_mode: str) -> tuple[str, str]:
    """Colour and marker of a label mode, the same in every figure; shares of correct labels run from pale to dark."""
    if label_mode in _MODES:
        return _MODES[label_mode]
    mode = known_label_mode(label_mode)
    if mode is not None and (share := mode.share_correct) is not None:
        dark, pale = np.array([0x08, 0x30, 0x6B]), np.array([0x7F, 0xB8, 0xDE])
        red, green, blue = (dark + (1 - share) * (pale - dark)).round().astype(int)
        return f"#{red:02x}{green:02x}{blue:02x}", ("p", "*", "d", ">", "8")[round(share * 4)]
    spot = zlib.crc32(label_mode.encode())
    return _SPARE[spot % len(_SPARE)], _MARKERS[spot // 7 % len(_MARKERS)]


def shots_colour(position: int, count: int) -> str:
    """A colour for one of several shot counts: from pale to dark blue."""
    share = position / (count - 1) if count > 1 else 1.0
    pale, dark = np.array([0x7F, 0xB8, 0xDE]), np.array([0x08, 0x30, 0x6B])
    red, green, blue = (pale + share * (dark - pale)).round().astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def plain(text: object, longest: int = 44) -> str:
    """Keep Matplotlib from reading `$` as mathematics, and cut what would not fit in the middle."""
    flat = " ".join(str(text).split())
    if len(flat) > longest:
        flat = f"{flat[: longest - longest // 2 - 1]}…{flat[-(longest // 2) :]}"
    return flat.replace("$", r"\$")


def new_figure(height: float, width: float = WIDTH) -> "Figure":
    """Open a figure that belongs to nobody's global state and shows itself in a notebook."""
    from probes.figures.canvas import ReportFigure

    return ReportFigure(figsize=(width, height), layout="constrained")


def finish(figure: "Figure", title: str, *, handles: dict | None = None, columns: int = 4) -> "Figure":
    """Set the title, flush left, and one legend under all panels."""
    width = figure.get_figwidth()
    wrapped = "\n".join(textwrap.wrap(title, round(9.6 * width))).replace("$", r"\$")
    figure.suptitle(wrapped, x=0.01, ha="left", fontsize=11.5, fontweight="bold", color=INK)
    if handles:
        fitting = int(13 * width / (max(len(label) for label in handles) + 7))
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=max(1, min(columns, len(handles), fitting)),
            frameon=False,
            fontsize=9,
        )
    for axes in figure.axes:
        _tidy(axes)
    return figure


def error_bars(low: np.ndarray, middle: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Lengths of bars below and above, 0 where there is no interval."""
    return np.nan_to_num(np.maximum(np.stack([middle - low, high - middle]), 0.0), nan=0.0)


def shots_axis(axes: "Axes", shots: list[int]) -> None:
    """Ticks at the shot counts that were run, on a scale of log2(n + 1)."""
    axes.set_xticks([math.log2(n + 1) for n in shots], [str(n) for n in shots])
    axes.set_xlabel("demonstrations in the prompt", fontsize=9)


def _tidy(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(labelsize=9, color="#999999", labelcolor=INK)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
