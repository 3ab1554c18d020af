"""Answers of a score table that is read in parts, so that its rows are never in memory together."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from icl.answers import answer_table
from icl.metrics.normalise import Needs, normalise
from icl.scores import SCORE_COLUMNS, first_rows, prompt_numbers

__all__ = ["answers_of_parts", "needs_of_parts"]


def needs_of_parts(parts: Iterable[pd.DataFrame]) -> Needs:
    """Count over all parts what normalisations need; each part has `Needs.COLUMNS`."""
    needs = Needs()
    for part in parts:
        needs.note(part)
    return needs


def answers_of_parts(
    parts: Callable[[], Iterable[pd.DataFrame]],
    normalisations: Sequence[str],
    *,
    needs: Needs,
    models: Sequence[str] = (),
) -> dict[str, pd.DataFrame]:
    """Reduce a score table to one row per prompt under each of some normalisations, in one pass.

    Parameters
    ----------
    parts
        Gives the parts; the rows of a prompt stand in one of them.
    needs
        Of the whole table.
    models
        In which order models come; others follow as they are found.

    Returns
    -------
    dict
        Normalisation → the answer table of `icl.answers.answer_table`; of each model the prompts in the order of
        their numbers.

    Raises
    ------
    UserError
        If a normalisation is unknown, or all rows lack what it needs.
    """
    for how in normalisations:
        needs.check(how)
    found: dict[str, list[pd.DataFrame]] = {how: [] for how in normalisations}
    names: list[pd.Series] = []
    numbers: list[np.ndarray] = []
    for part in parts():
        part = _together(part)
        number, first = prompt_numbers(part), first_rows(part)
        names.append(part.loc[first, "model"].astype("str"))
        numbers.append(part.loc[first, "number"].fillna(0).to_numpy(dtype=int))
        for how in normalisations:
            found[how].append(answer_table(normalise(part, how, needs=needs), number=number))
    if not names:
        empty = answer_table(pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in SCORE_COLUMNS}))
        return dict.fromkeys(normalisations, empty)
    model = pd.concat(names, ignore_index=True)
    rank = {name: place for place, name in enumerate(dict.fromkeys((*models, *model.unique())))}
    order = np.lexsort((np.concatenate(numbers), model.map(rank).to_numpy(dtype=int)))
    joined = {}
    for how in normalisations:
        joined[how] = pd.concat(found.pop(how), ignore_index=True).iloc[order].reset_index(drop=True)
    return joined


def _together(part: pd.DataFrame) -> pd.DataFrame:
    """Put the rows of each prompt together, where they are not."""
    number = prompt_numbers(part)
    if not (np.diff(number) < 0).any():
        return part
    return part.iloc[np.argsort(number, kind="stable")].reset_index(drop=True)
