"""Inputs from elsewhere: corpus sentences of similar length in place of a task's inputs (Min §5.1)."""

from collections.abc import Collection, Sequence

import numpy as np

from icl.errors import UserError
from icl.tasks.alike import reading_key
from icl.tasks.corpus import Corpus, num_words

__all__ = ["FARTHEST", "draw_ood"]

FARTHEST = 15
"""Words by which the nearest sentence may differ from an input; farther, its length would no longer be like it."""

_WIDTH = 50
"""Words squared: the weight of a sentence is exp(−Δlen² / 50), a standard deviation of 5 words."""


def draw_ood(
    inputs: Sequence[str], corpus: Corpus, *, exclude: Collection[str] = (), rng: np.random.Generator
) -> tuple[str, ...]:
    """Draw for each input a corpus sentence of like length, none of them twice.

    A sentence is drawn with a weight of exp(−Δlen² / 50) among those not drawn yet (Min §5.1); length is counted in
    words between white space, so that the same sentences are drawn whatever the model's tokenizer.

    Parameters
    ----------
    inputs
        What is to be replaced, in order.
    exclude
        Sentences never to be drawn, nor their near duplicates (`icl.tasks.alike`): the task's own inputs.

    Returns
    -------
    tuple of str
        One sentence an input; the draws for the first inputs do not depend on how many follow.

    Raises
    ------
    UserError
        If the corpus has too few sentences, or none left within `FARTHEST` words of an input's length.
    """
    barred = set(map(reading_key, exclude))
    usable = [sentence for sentence in corpus.sentences if reading_key(sentence) not in barred]
    if len(usable) < len(inputs):
        raise UserError(
            f"corpus '{corpus.name}' has {len(usable)} sentences that are not inputs of the task, but {len(inputs)} "
            "are needed; give a larger one with --corpus, or ask for fewer with --shots."
        )
    lengths = np.array([num_words(sentence) for sentence in usable])
    free = np.ones(len(usable), dtype=bool)
    drawn = []
    for text in inputs:
        distance = np.where(free, np.abs(lengths - num_words(text)), np.inf)
        _check_nearest(text, corpus, lengths, distance)
        weights = np.exp(-(distance**2) / _WIDTH)
        chosen = int(rng.choice(len(usable), p=weights / weights.sum()))
        free[chosen] = False
        drawn.append(usable[chosen])
    return tuple(drawn)


def _check_nearest(text: str, corpus: Corpus, lengths: np.ndarray, distance: np.ndarray) -> None:
    nearest = int(distance.argmin())
    if distance[nearest] > FARTHEST:
        raise UserError(
            f"an input has {num_words(text)} words, but the nearest sentence left in corpus '{corpus.name}' has "
            f"{lengths[nearest]}, more than {FARTHEST} away; give a --corpus with sentences of that length."
        )
