"""The rules that decide the claims: pure functions of the outcome tables, each of which can come out either way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from icl.metrics.uncertainty import LEVEL
from probes.reproduction.compare import (
    Quantity,
    accuracy,
    difference,
    oracle_share,
    paired_difference,
    shots_gain,
    spread_mean,
)
from probes.reproduction.experiments import EXAMPLE_LENGTHS, EXPERIMENTS, SHOTS
from probes.scorers.ginc import ExactPredictor

__all__ = [
    "ABLATED",
    "FLAT",
    "FOUR_LOOKS",
    "LARGE",
    "LSTM",
    "SEEN",
    "SMALL",
    "TINY",
    "Judged",
    "best_model",
    "fails",
    "grows",
    "larger",
    "longer",
    "lstm_wins",
    "near_bayes",
    "never_falls",
    "order_matters",
    "same_loss",
    "zero_beats_one",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of a rule.

    Attributes
    ----------
    deciding : sequence of Quantity
        What the rule looks at; the rule says nothing where an end of an interval is missing.
    holds : bool or None
        Whether it holds; None where the prompts are too few to tell, and `reason` says so.
    beside : sequence of Quantity
        What is shown beside it.
    reason : str
        Why it is undecided.
    """

    deciding: Sequence[Quantity]
    holds: bool | None
    beside: Sequence[Quantity] = ()
    reason: str = ""


FLAT = 5.0
"""Points that accuracy may change by and still be called flat; from 0 to 64 examples the paper's 4 layers gain 7.5."""

FOUR_LOOKS = 1 - (1 - LEVEL) / len(EXAMPLE_LENGTHS)
"""Level of an interval for each example length, any of which may decide: together they err as often as one at 90 %."""

TINY, SMALL, LARGE, LSTM = EXPERIMENTS["orders"].models
ABLATED = ("ginc-random", "ginc-single-concept")
"""Models of the zoo that were not trained on the mixture of concepts."""

SEEN = "seen-concepts"
ORACLE = ExactPredictor.name


def best_model(outcomes: pd.DataFrame) -> str | None:
    """Name the model trained on the mixture with the highest accuracy over all cells of seen concepts; None if none."""
    rows = outcomes[(outcomes["experiment"] == SEEN) & ~outcomes["model"].isin(ABLATED)]
    return None if rows.empty else str(rows.groupby("model", sort=False)["correct"].mean().idxmax())


def _mixture_models(outcomes: pd.DataFrame) -> list[str]:
    asked = outcomes.loc[outcomes["experiment"] == SEEN, "model"].unique()
    return [model for model in asked if model not in ABLATED]


def grows(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """Accuracy rises from no example to 64, in every model."""
    found = [shots_gain(outcomes, model, SEEN, fewer=0, more=SHOTS[-1]) for model in _mixture_models(outcomes)]
    return _all_above_zero(found)


def longer(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """Accuracy rises from the shortest examples to the longest, in every model."""
    found = []
    for model in _mixture_models(outcomes):
        rows = outcomes[outcomes["model"] == model]
        ends = [rows[rows["example_length"] == length] for length in (EXAMPLE_LENGTHS[-1], EXAMPLE_LENGTHS[0])]
        levels = [accuracy(end, model, SEEN, num_shots=SHOTS[-1]) for end in ends]
        found.append(difference(model, *levels))
    return _all_above_zero(found)


def larger(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """Each larger transformer beats the one before."""
    steps = [paired_difference(outcomes, *pair, SEEN) for pair in ((SMALL, TINY), (LARGE, SMALL))]
    return _all_above_zero(steps)


def same_loss(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """Of two models with one pretraining loss the larger is ahead."""
    return _all_above_zero([paired_difference(outcomes, LARGE, SMALL, SEEN)])


def lstm_wins(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """The LSTM beats every transformer."""
    found = [paired_difference(outcomes, LSTM, model, SEEN) for model in (TINY, SMALL, LARGE)]
    return _all_above_zero(found)


def fails(outcomes: pd.DataFrame, spreads: pd.DataFrame, *, model: str, experiment: str) -> Judged:
    """In-context learning fails: the curve is flat, and it ends below that of the mixture on seen concepts."""
    growth = shots_gain(outcomes, model, experiment, fewer=0, more=SHOTS[-1])
    level = accuracy(outcomes, model, experiment, num_shots=SHOTS[-1])
    if experiment == SEEN:  # the same prompts
        below = paired_difference(outcomes, model, SMALL, SEEN, num_shots=SHOTS[-1])
    else:
        whole = accuracy(outcomes, SMALL, SEEN, num_shots=SHOTS[-1])
        below = difference("", level, whole)
    deciding = [_named(growth, "gain from 0 to 64 examples"), _named(below, f"minus {SMALL} on seen concepts")]
    holds = growth.high < FLAT and below.high < 0
    return Judged(deciding=deciding, holds=holds, beside=[_named(level, "accuracy at n = 64")])


def order_matters(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """The order of four demonstrations moves accuracy by at least 10 points at some example length."""
    found = [spread_mean(spreads, SMALL, length=length, level=FOUR_LOOKS) for length in EXAMPLE_LENGTHS]
    plain = [spread_mean(spreads, SMALL, length=length, column="raw") for length in EXAMPLE_LENGTHS]
    bayes = spread_mean(spreads, ORACLE, length=EXAMPLE_LENGTHS[0])  # the right answer depends on the order as well
    beside = [_named(one, f"largest minus smallest {one.name}") for one in plain] + [
        _named(bayes, f"exact Bayes {bayes.name}")
    ]
    deciding = [_named(one, f"{one.name} ({100 * FOUR_LOOKS:g} % interval)") for one in found]
    return Judged(deciding=deciding, holds=any(quantity.low >= 10.0 for quantity in found), beside=beside)


def zero_beats_one(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """One example hurts, many help, where transitions are near-deterministic."""
    where = ("ginc-deterministic", "near-deterministic")
    first = _named(shots_gain(outcomes, *where, fewer=0, more=1), "one-shot minus zero-shot")
    rest = _named(shots_gain(outcomes, *where, fewer=1, more=SHOTS[-1]), "64 shots minus one-shot")
    return Judged(deciding=[first, rest], holds=first.high < 0 and rest.low > 0)


def near_bayes(outcomes: pd.DataFrame, spreads: pd.DataFrame, *, num_shots: int, bars: dict[str, float]) -> Judged:
    """The best model's share of exact Bayes's accuracy exceeds a bar at every k; None where an interval holds it."""
    best = str(best_model(outcomes))
    found = [oracle_share(outcomes, best, SEEN, length=length, shots=(num_shots,)) for length in EXAMPLE_LENGTHS]
    named = [_named(share, f"{best} {share.name}") for share in found]
    if any(share.high < bar for share, bar in zip(found, bars.values())):
        return Judged(deciding=named, holds=False)
    open_ends = [share.name for share, bar in zip(found, bars.values()) if not share.low > bar]
    if not open_ends:
        return Judged(deciding=named, holds=True)
    reason = f"too few prompts to tell: {', '.join(open_ends)}, ask more with --prompts"
    return Judged(deciding=named, holds=None, reason=reason)


def never_falls(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """No example length loses accuracy from 16 to 64 examples; undecided where more than `FLAT` may be lost unseen."""
    found = []
    for length in EXAMPLE_LENGTHS:
        rows = outcomes[outcomes["example_length"] == length]
        found.append(_named(shots_gain(rows, SMALL, SEEN, fewer=16, more=SHOTS[-1]), f"{SMALL} k={length}"))
    if any(quantity.high < 0 for quantity in found):
        return Judged(deciding=found, holds=False)
    open_ends = [quantity.name for quantity in found if not quantity.low > -FLAT]
    if not open_ends:
        return Judged(deciding=found, holds=True)
    reason = f"too few prompts to tell: {', '.join(open_ends)}, ask more with --prompts"
    return Judged(deciding=found, holds=None, reason=reason)


def _all_above_zero(found: list[Quantity]) -> Judged:
    return Judged(deciding=found, holds=all(quantity.low > 0 for quantity in found))


def _named(quantity: Quantity, name: str) -> Quantity:
    return replace(quantity, name=name)
