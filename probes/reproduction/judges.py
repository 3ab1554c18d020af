"""The rules that decide the claims: pure functions of the outcome tables, each of which can come out either way."""

import pandas as pd

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
    "FLAT",
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
    "zero_beats_one",
]

type Judged = tuple[list[Quantity], bool]
"""What we found, and whether the rule holds."""

FLAT = 5.0
"""Points by which accuracy may grow from 0 to 64 examples and still be called flat; the paper's 4 layers gain 7.5."""

TINY, SMALL, LARGE, LSTM = EXPERIMENTS["orders"].models
_ABLATED = ("ginc-random", "ginc-single-concept")
SEEN = "seen-concepts"
ORACLE = ExactPredictor.name


def best_model(outcomes: pd.DataFrame) -> str | None:
    """Name the model trained on the mixture with the highest accuracy over all cells of seen concepts; None if none."""
    rows = outcomes[(outcomes["experiment"] == SEEN) & ~outcomes["model"].isin(_ABLATED)]
    return None if rows.empty else str(rows.groupby("model", sort=False)["correct"].mean().idxmax())


def _mixture_models(outcomes: pd.DataFrame) -> list[str]:
    asked = outcomes.loc[outcomes["experiment"] == SEEN, "model"].unique()
    return [model for model in asked if model not in _ABLATED]


def grows(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """Accuracy rises from no example to 64, in every model."""
    found = [shots_gain(outcomes, model, SEEN, fewer=0, more=SHOTS[-1]) for model in _mixture_models(outcomes)]
    return found, all(quantity.low > 0 for quantity in found)


def longer(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """Accuracy rises from the shortest examples to the longest, in every model."""
    found = []
    for model in _mixture_models(outcomes):
        rows = outcomes[outcomes["model"] == model]
        ends = [rows[rows["example_length"] == length] for length in (EXAMPLE_LENGTHS[-1], EXAMPLE_LENGTHS[0])]
        levels = [accuracy(end, model, SEEN, num_shots=SHOTS[-1]) for end in ends]
        found.append(difference(model, *levels))
    return found, all(quantity.low > 0 for quantity in found)


def larger(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """Each larger transformer beats the one before."""
    steps = [paired_difference(outcomes, *pair, SEEN) for pair in ((SMALL, TINY), (LARGE, SMALL))]
    return steps, all(quantity.low > 0 for quantity in steps)


def lstm_wins(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """The LSTM beats every transformer."""
    found = [paired_difference(outcomes, LSTM, model, SEEN) for model in (TINY, SMALL, LARGE)]
    return found, all(quantity.low > 0 for quantity in found)


def fails(outcomes: pd.DataFrame, spreads: pd.DataFrame, *, model: str, experiment: str) -> Judged:
    """In-context learning fails: the curve is flat, and it ends below that of the mixture on seen concepts."""
    growth = shots_gain(outcomes, model, experiment, fewer=0, more=SHOTS[-1])
    level = accuracy(outcomes, model, experiment, num_shots=SHOTS[-1])
    whole = accuracy(outcomes, SMALL, SEEN, num_shots=SHOTS[-1])
    below = difference(f"minus {SMALL} on seen concepts", level, whole)
    found = [_named(growth, "gain from 0 to 64 examples"), _named(level, "accuracy at n = 64"), below]
    return found, growth.high < FLAT and below.high < 0


def order_matters(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """The order of four demonstrations moves accuracy by at least 10 points at some example length."""
    found = [spread_mean(spreads, SMALL, length=length) for length in EXAMPLE_LENGTHS]
    plain = [spread_mean(spreads, SMALL, length=length, column="raw") for length in EXAMPLE_LENGTHS]
    bayes = spread_mean(spreads, ORACLE, length=EXAMPLE_LENGTHS[0])  # the right answer depends on the order as well
    beside = [_named(one, f"largest minus smallest {one.name}") for one in plain] + [
        _named(bayes, f"exact Bayes {bayes.name}")
    ]
    return [*found, *beside], any(quantity.low >= 10.0 for quantity in found)


def zero_beats_one(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """One example hurts, many help, where transitions are near-deterministic."""
    where = ("ginc-deterministic", "near-deterministic")
    first = _named(shots_gain(outcomes, *where, fewer=0, more=1), "one-shot minus zero-shot")
    rest = _named(shots_gain(outcomes, *where, fewer=1, more=SHOTS[-1]), "64 shots minus one-shot")
    return [first, rest], first.high < 0 and rest.low > 0


def near_bayes(outcomes: pd.DataFrame, spreads: pd.DataFrame, *, num_shots: int, bars: dict[str, float]) -> Judged:
    """The best model's share of exact Bayes's accuracy exceeds a bar at every example length."""
    best = str(best_model(outcomes))
    found = [oracle_share(outcomes, best, SEEN, length=length, shots=(num_shots,)) for length in EXAMPLE_LENGTHS]
    holds = all(share.low > bar for share, bar in zip(found, bars.values()))
    return [_named(share, f"{best} {share.name}") for share in found], holds


def never_falls(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Judged:
    """No example length loses accuracy from 16 to 64 examples, as far as the prompts can tell."""
    found = []
    for length in EXAMPLE_LENGTHS:
        rows = outcomes[outcomes["example_length"] == length]
        found.append(_named(shots_gain(rows, SMALL, SEEN, fewer=16, more=SHOTS[-1]), f"{SMALL} k={length}"))
    return found, all(quantity.high >= 0 for quantity in found)


def _named(quantity: Quantity, name: str) -> Quantity:
    return Quantity(name=name, estimate=quantity.estimate, low=quantity.low, high=quantity.high)
