"""Columns of label modes, as tables hold them: which rows are of a mode that has some property."""

from collections.abc import Callable

import pandas as pd

from icl.prompts.label_modes import LabelMode, known_label_mode

__all__ = ["with_label_mode"]


def with_label_mode(names: pd.Series, holds: Callable[[LabelMode], bool]) -> pd.Series:
    """Flag the rows of a column of label modes whose mode has a property; modes that are not the lab's have none.

    Parameters
    ----------
    names
        As tables hold them, e.g. ``fraction_correct(0.75)``.
    holds
        The property, e.g. ``lambda mode: mode.is_noise``.
    """
    known = {name: known_label_mode(name) for name in names.unique()}
    return names.map({name: mode is not None and holds(mode) for name, mode in known.items()}).astype(bool)
