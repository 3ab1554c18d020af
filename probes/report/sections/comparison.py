"""Which law of learning curves predicts held-out data best: units left out, and shots held out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from icl.concept.extrapolate import Extrapolation
from icl.concept.holdout import HoldOut
from probes.comparison.figures import draw_comparison, draw_extrapolation
from probes.comparison.words import closest_words, crps_differences, forecast_table, ranking_table
from probes.figures.drawn import Drawn
from probes.figures.words import MINUS, listed
from probes.runs.comparisons import StoredComparison

__all__ = ["Contest", "contests", "introduction"]

_OBSERVED = {"counts": "accuracy", "logprob": "the log-probability of the gold label"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One question that was put to all accounts.

    Attributes
    ----------
    heading
        What was predicted.
    verdict
        Who predicts it best and by how much, or that this cannot be told.
    explained
        What was held out, and what the numbers mean.
    numbers
        A row per account that may be quoted, every cell written out; empty where there is none.
    drawn
        The figure; None where there is nothing to draw.
    notes
        What limits it, accounts without a rank among it.
    """

    heading: str
    verdict: str
    explained: str
    numbers: pd.DataFrame
    drawn: Drawn | None
    notes: tuple[str, ...]


def introduction(stored: StoredComparison) -> str:
    """Say what was compared; where it may not be quoted, say that alone."""
    if stored.trouble:
        return f"{stored.trouble} Its numbers are not quoted here."
    fitted = stored.table.loc[stored.table["converged"].notna(), "title"]
    asked = stored.record
    return (
        f"An account is a law of how {_OBSERVED[asked['observe']]} changes with the number of demonstrations, "
        "a cell the prompts of one condition at one such number. "
        f"`probe compare` fitted {listed(fitted)} to the answers of this run and scored each on "
        "answers that it was not fitted to, so a law gains nothing from parameters that only fit noise. "
        f"Each fit: {asked['chains']} chains of {asked['draws']:,} draws."
    )


def contests(stored: StoredComparison) -> Iterator[Contest]:
    """Tell the order of accounts and, where shots were held out, how far each carries."""
    if stored.trouble:
        return
    yield _unseen_units(stored)
    if stored.extended is not None:
        yield _unseen_shots(stored.extended)


def _unseen_units(stored: StoredComparison) -> Contest:
    what_was_left_out, verdict, *notes = map(_typeset, stored.sentences)
    ranked = stored.table[stored.table["rank"].notna()]
    explained = what_was_left_out
    if len(ranked):
        explained += (
            " Elpd is the log of the probability that an account gave to held-out data, summed over the units, in "
            "nats: higher is better. The weight is an account's share in the mixture of accounts that predicts "
            "held-out data best (stacking); it is not the probability that the account is true. ± is the "
            "standard error."
        )
    if len(ranked) > 1:
        explained += " An account that is not clearly worse than the best cannot be ranked against it."
    return Contest(
        heading=f"Predicting a held-out {stored.unit}",
        verdict=_capitalised(verdict),
        explained=explained,
        numbers=ranking_table(ranked).rename(columns={"elpd": "elpd (nats)", "behind the best": "minus the best"}),
        drawn=draw_comparison(stored.table, stored.unit),
        notes=tuple(notes),
    )


def _unseen_shots(extended: Extrapolation) -> Contest:
    unit = extended.unit
    verdict, *notes = map(_typeset, extended.sentences)
    quoted = extended.table[extended.table["account"].isin(crps_differences(extended)["account"])]
    closest = closest_words(extended)
    explained = (
        f"{extended.hold_out.words} (shots: demonstrations in the prompt). "
        "CRPS says how far predictions lie from what was observed: 0 is "
        f"best, and for a single number it is the absolute error, in {unit}. “Inside 90 %” is the share of held-out "
        "cells that fell into an account's 90 % intervals (nine in ten should), width how wide those are on average, "
        "bias how far their medians lie above what was observed, log score the mean log probability of what was "
        "observed (nats, higher is better). "
        "The last cell carried forward is not a law: it predicts no change beyond the last cell of a curve. "
        "± is the standard error over cells; errors within one curve are correlated, so it is somewhat too small."
    )
    units = {name: f"{name} ({unit})" for name in ("CRPS", "width", "bias")}
    return Contest(
        heading=_heading(extended.hold_out),
        verdict=_capitalised(closest or verdict),
        explained=explained,
        numbers=forecast_table(extended, quoted if closest else quoted.iloc[:0]).rename(columns=units),
        drawn=draw_extrapolation(extended),
        notes=tuple(notes),
    )


def _heading(hold_out: HoldOut) -> str:
    if hold_out.kind != "shots":
        return f"Predicting a held-out {hold_out.kind}"
    return f"Predicting prompts of more than {hold_out.origin} shot{'' if hold_out.origin == 1 else 's'}"


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _typeset(sentence: str) -> str:
    """Put a proper minus sign before numbers."""
    return re.sub(r"(?<![\w-])-(?=\d)", MINUS, sentence)
