"""Figures of names in any script: signs are borrowed from installed fonts, and those that none has are named."""

import warnings

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure

from probes.figures import fonts
from probes.figures.picture import png


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Make a font that has the sign 好 alone, and let it be the only one that is installed."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((0, 700))
    pen.lineTo((700, 700))
    pen.closePath()
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "good"])
    font.setupCharacterMap({ord("好"): "good"})
    font.setupGlyf({".notdef": pen.glyph(), "good": pen.glyph()})
    font.setupHorizontalMetrics(dict.fromkeys((".notdef", "good"), (800, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Only Good", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "good.ttf")
    monkeypatch.setattr(fonts, "_installed", lambda: [str(tmp_path / "good.ttf")])
    fonts._fallbacks.cache_clear()
    yield
    fonts._fallbacks.cache_clear()


def bars(*names: str) -> Figure:
    figure = Figure(figsize=(3, 2))
    figure.add_subplot().barh(range(len(names)), 1, tick_label=list(names))
    return figure


def test_what_the_own_font_lacks_is_borrowed(installed):
    figure = bars("plain", "− ≥ ü", "好 one")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png(figure)  # without a word on signs that lack
    (axes,) = figure.axes
    families = {tick.get_text(): tick.get_fontfamily() for tick in axes.get_yticklabels()}
    assert families["好 one"][-1] == "Only Good"
    assert families["plain"] == families["− ≥ ü"] == families["好 one"][:-1]


def test_what_no_font_has_is_named(installed):
    with pytest.warns(UserWarning, match=r"no installed font has 2 of the signs .*\(不坏\).*install one"):
        png(bars("好", "不坏"))


def test_a_figure_of_letters_that_the_font_has_is_drawn_once(monkeypatch):
    monkeypatch.setattr(fonts, "_fallbacks", None)  # never looked at
    assert png(bars("plain", "− ≥ ü")).startswith(b"\x89PNG")
