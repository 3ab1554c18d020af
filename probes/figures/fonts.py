"""Fonts for names that the figures' own font cannot write, such as Chinese ones."""

import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["borrow_signs"]


def borrow_signs(figure: "Figure") -> bool:
    """Let the texts of a drawn figure take what their font lacks from other installed fonts; warn of what none has.

    Returns
    -------
    bool
        Whether a text has changed, so that the figure is to be drawn again.
    """
    from matplotlib.font_manager import findfont
    from matplotlib.text import Text

    changed = False
    for text in figure.findobj(Text):
        if text.get_text().isascii():
            continue
        own = _signs_of(findfont(text.get_fontproperties()))
        lacking = frozenset(one for one in text.get_text() if not one.isspace() and ord(one) not in own)
        if lacking and (others := _fallbacks(lacking)):
            text.set_fontfamily([*text.get_fontfamily(), *others])
            changed = True
    return changed


@lru_cache(maxsize=512)
def _signs_of(path: str) -> frozenset[int]:
    """Code points that a font has; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@lru_cache(maxsize=256)
def _fallbacks(lacking: frozenset[str]) -> tuple[str, ...]:
    """Families that together have the signs, as few as may be."""
    from matplotlib.font_manager import FontProperties, fontManager

    found = []
    for path in _installed():
        if has := {one for one in lacking if ord(one) in _signs_of(path)}:
            fontManager.addfont(path)
            found.append(FontProperties(fname=path).get_name())
            lacking -= has
        if not lacking:
            return tuple(found)
    _warn_of(lacking)
    return tuple(found)


def _installed() -> Iterable[str]:
    """Font files of this machine, plain upright ones first."""
    from matplotlib.font_manager import findSystemFonts

    return sorted(findSystemFonts(), key=lambda path: ("Sans" not in path, "Regular" not in path, path))


def _warn_of(lacking: frozenset[str]) -> None:
    shown = "".join(sorted(lacking)[:8])
    warnings.warn(
        f"no installed font has {len(lacking)} of the signs that the figures need ({shown}{'…' * (len(lacking) > 8)}), "
        "so boxes stand there; install one that has them (Noto Sans CJK, say) and run `probe report` again.",
        stacklevel=2,
    )
