"""The paper's claims and the lab's own as data, each with the rule that decides it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import pandas as pd

from probes.reproduction.compare import (
    Quantity,
    accuracy,
    difference,
    has,
    oracle_share,
    paired_difference,
    shots_gain,
    spread_mean,
)
from probes.reproduction.experiments import EXAMPLE_LENGTHS, EXPERIMENTS, SHOTS
from probes.reproduction.published import PUBLISHED, published_accuracy, published_growth

__all__ = ["CLAIMS", "Claim", "Verdict", "best_model", "judge_all"]

REPRODUCED, NOT_REPRODUCED, NOT_TESTABLE = "reproduced", "not reproduced", "not testable here"

FLAT = 5.0
"""Points by which accuracy may grow from 0 to 64 examples and still be called flat; the paper's 4 layers gain 7.5."""

type Judge = Callable[[pd.DataFrame, pd.DataFrame], tuple[list[Quantity], bool]]
"""(outcomes, order spreads) → what we found, and whether the rule holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence that can come out either way.

    Attributes
    ----------
    claim_id : str
        Short name.
    sentence : str
        What is claimed.
    source : str
        Where.
    published : dict
        What the number is of → its published value (percent, points), empty where it stands in a figure only.
    needs : tuple of (model, experiment)
        What must have been asked; a model "" stands for any of those trained on the mixture.
    rule : str
        When the claim counts as reproduced.
    judge : Judge
        The rule as a function.
    """

    claim_id: str
    sentence: str
    source: str
    published: dict[str, float]
    needs: tuple[tuple[str, str], ...]
    rule: str
    judge: Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a claim; `reason` says why it is not testable."""

    claim_id: str
    sentence: str
    source: str
    published: dict[str, float]
    rule: str
    verdict: str
    ours: tuple[Quantity, ...] = ()
    reason: str = ""

    def as_dict(self) -> dict:
        """Lay it out for JSON."""
        return asdict(self)


def judge_all(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> list[Verdict]:
    """Judge every claim on the outcome tables.

    Parameters
    ----------
    outcomes
        Rows of `shot_outcomes` with experiment, model and example_length.
    spreads
        `order_spreads` of the same run; may be empty.
    """
    return [_judge(claim, outcomes, spreads) for claim in CLAIMS]


def best_model(outcomes: pd.DataFrame) -> str | None:
    """Name the model trained on the mixture with the highest accuracy over all cells of seen concepts; None if none."""
    rows = outcomes[(outcomes["experiment"] == "seen-concepts") & ~outcomes["model"].isin(_ABLATED)]
    return None if rows.empty else str(rows.groupby("model", sort=False)["correct"].mean().idxmax())


def _judge(claim: Claim, outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Verdict:
    shown = {name: getattr(claim, name) for name in ("claim_id", "sentence", "source", "published", "rule")}
    asked = pd.concat([outcomes[["model", "experiment"]], spreads[["model", "experiment"]]])
    missing = [model for model, experiment in claim.needs if model and not has(asked, model, experiment)]
    if "" in dict(claim.needs) and best_model(outcomes) is None:
        missing.append("one trained on the mixture")
    if missing:
        reason = f"no results of model {', '.join(dict.fromkeys(missing))}: not shipped, or not asked for"
        return Verdict(**shown, verdict=NOT_TESTABLE, reason=reason)
    ours, holds = claim.judge(outcomes, spreads)
    return Verdict(**shown, verdict=REPRODUCED if holds else NOT_REPRODUCED, ours=tuple(ours))


_TINY, _SMALL, _LARGE, _LSTM = EXPERIMENTS["orders"].models
_ABLATED = ("ginc-random", "ginc-single-concept")
_SEEN = "seen-concepts"


def _mixture_models(outcomes: pd.DataFrame) -> list[str]:
    asked = outcomes.loc[outcomes["experiment"] == _SEEN, "model"].unique()
    return [model for model in asked if model not in _ABLATED]


def _grows(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> tuple[list[Quantity], bool]:
    found = [shots_gain(outcomes, model, _SEEN, fewer=0, more=SHOTS[-1]) for model in _mixture_models(outcomes)]
    return found, all(quantity.low > 0 for quantity in found)


def _longer(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> tuple[list[Quantity], bool]:
    found = []
    for model in _mixture_models(outcomes):
        rows = outcomes[outcomes["model"] == model]
        ends = [rows[rows["example_length"] == length] for length in (EXAMPLE_LENGTHS[-1], EXAMPLE_LENGTHS[0])]
        levels = [accuracy(end, model, _SEEN, num_shots=SHOTS[-1]) for end in ends]
        found.append(difference(model, *levels))
    return found, all(quantity.low > 0 for quantity in found)


def _larger(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> tuple[list[Quantity], bool]:
    steps = [paired_difference(outcomes, *pair, _SEEN) for pair in ((_SMALL, _TINY), (_LARGE, _SMALL))]
    return steps, all(quantity.low > 0 for quantity in steps)


def _lstm_wins(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> tuple[list[Quantity], bool]:
    found = [paired_difference(outcomes, _LSTM, model, _SEEN) for model in (_TINY, _SMALL, _LARGE)]
    return found, all(quantity.low > 0 for quantity in found)


def _fails(
    outcomes: pd.DataFrame, spreads: pd.DataFrame, *, model: str, experiment: str
) -> tuple[list[Quantity], bool]:
    """In-context learning fails: the curve is flat, and it ends below that of the mixture on seen concepts."""
    growth = shots_gain(outcomes, model, experiment, fewer=0, more=SHOTS[-1])
    level = accuracy(outcomes, model, experiment, num_shots=SHOTS[-1])
    whole = accuracy(outcomes, _SMALL, _SEEN, num_shots=SHOTS[-1])
    below = difference("minus the intact setting", level, whole)
    found = [_named(growth, "gain from 0 to 64 examples"), _named(level, "accuracy at n = 64"), below]
    return found, growth.high < FLAT and below.high < 0


def _order_matters(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> tuple[list[Quantity], bool]:
    found = [spread_mean(spreads, _SMALL, column=column) for column in ("spread", "raw", "chance")]
    return found, found[0].low >= 10.0


def _zero_beats_one(outcomes: pd.DataFrame, spreads: pd.DataFrame) -> tuple[list[Quantity], bool]:
    where = ("ginc-deterministic", "near-deterministic")
    first = _named(shots_gain(outcomes, *where, fewer=0, more=1), "one-shot minus zero-shot")
    rest = _named(shots_gain(outcomes, *where, fewer=1, more=SHOTS[-1]), "64 shots minus one-shot")
    return [first, rest], first.high < 0 and rest.low > 0


def _near_bayes(
    outcomes: pd.DataFrame, spreads: pd.DataFrame, *, num_shots: int, bars: dict[str, float]
) -> tuple[list[Quantity], bool]:
    best = str(best_model(outcomes))
    found = [oracle_share(outcomes, best, _SEEN, length=length, shots=(num_shots,)) for length in EXAMPLE_LENGTHS]
    holds = all(share.low > bar for share, bar in zip(found, bars.values()))
    return [_named(share, f"{best} {share.name}") for share in found], holds


def _named(quantity: Quantity, name: str) -> Quantity:
    return Quantity(name=name, estimate=quantity.estimate, low=quantity.low, high=quantity.high)


_CURVES = {"4 layers": "transformer-4-layer", "12 layers": "transformer-12-layer"}
_CURVES |= {"16 layers": "transformer-16-layer", "LSTM": "lstm-6-layer"}


def _failing(claim_id: str, what: str, source: str, model: str, experiment: str, published: str) -> Claim:
    return Claim(
        claim_id=claim_id,
        sentence=f"In-context learning fails {what}: accuracy stays flat and low.",
        source=source,
        published={
            "gain from 0 to 64 examples": published_growth(published),
            "accuracy at n = 64": published_accuracy(published, num_shots=SHOTS[-1]),
            "intact 4 layers at n = 64": published_accuracy(_CURVES["4 layers"], num_shots=SHOTS[-1]),
        },
        needs=((model, experiment), (_SMALL, _SEEN)),
        rule=f"the gain's interval lies below {FLAT:g} points, and the accuracy at 64 examples is surely below {_SMALL}'s "
        "on seen concepts",
        judge=partial(_fails, model=model, experiment=experiment),
    )


def _own(num_shots: int) -> Claim:
    # Published accuracies at n = 64 divided by the accuracy of exact Bayes (ε = 0.01) on one published family.
    bars = {"k=3": 65.0, "k=5": 77.0, "k=8": 84.0, "k=10": 85.0}
    return Claim(
        claim_id=f"near-bayes-{num_shots}",
        sentence=f"At n = {num_shots} the best model comes nearer to exact Bayes than the published 16 layers do at 64.",
        source="this lab; published accuracy as a share of exact Bayes's on one published family",
        published=bars,
        needs=(("", _SEEN),),
        rule="its share of exact Bayes's accuracy is surely above the published share at every k",
        judge=partial(_near_bayes, num_shots=num_shots, bars=bars),
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        claim_id="more-examples",
        sentence="In-context accuracy grows with the number of examples n.",
        source="Xie §4.2, Figure 3",
        published={name: published_growth(curve) for name, curve in _CURVES.items()},
        needs=(("", _SEEN),),
        rule="for every model, the interval of accuracy at 64 examples minus that at none, averaged over k, lies above 0",
        judge=_grows,
    ),
    Claim(
        claim_id="longer-examples",
        sentence="In-context accuracy grows with the length k of the examples.",
        source="Xie §4.2, Figure 3",
        published={name: PUBLISHED[curve][-1][-1] - PUBLISHED[curve][0][-1] for name, curve in _CURVES.items()},
        needs=(("", _SEEN),),
        rule="for every model, the interval of accuracy at k = 10 minus that at k = 3, at 64 examples, lies above 0",
        judge=_longer,
    ),
    Claim(
        claim_id="larger-models",
        sentence="Accuracy rises steadily with the size of the transformer.",
        source="Xie §4.2, Figures 5 and 6 (k = 10, n = 64)",
        published={name: PUBLISHED[curve][-1][-1] for name, curve in _CURVES.items() if name != "LSTM"},
        needs=((_TINY, _SEEN), (_SMALL, _SEEN), (_LARGE, _SEEN)),
        rule="each step in size brings a gain on the same prompts, averaged over all cells, whose interval lies above 0",
        judge=_larger,
    ),
    Claim(
        claim_id="lstm-wins",
        sentence="An LSTM outperforms the transformers.",
        source="Xie §4.2, Figure 6 (k = 10, n = 64)",
        published={name: PUBLISHED[curve][-1][-1] for name, curve in _CURVES.items()},
        needs=((_LSTM, _SEEN), (_TINY, _SEEN), (_SMALL, _SEEN), (_LARGE, _SEEN)),
        rule="its lead over each transformer on the same prompts, averaged over all cells, has an interval above 0",
        judge=_lstm_wins,
    ),
    _failing(
        "single-concept",
        "after pretraining on one concept",
        "Xie §4.2, Figure 4 (left)",
        "ginc-single-concept",
        _SEEN,
        "single-concept-4-layer",
    ),
    _failing(
        "random-data",
        "after pretraining on random tokens",
        "Xie §4.2, Figure 4 (middle)",
        "ginc-random",
        _SEEN,
        "random-data-4-layer",
    ),
    _failing(
        "unseen-concepts",
        "on concepts that pretraining never showed",
        "Xie §4.2, Figure 4 (right)",
        _SMALL,
        "unseen-concepts",
        "unseen-concepts-4-layer",
    ),
    _failing(
        "fast-entities",
        "where entities change at every token",
        "Xie, published plotting notebook",
        "ginc-fast-entities",
        "fast-entities",
        "fast-changing-entities-4-layer",
    ),
    Claim(
        claim_id="order-matters",
        sentence="Accuracy varies by 10 to 40 points over the 24 orders of the same 4 examples.",
        source="Xie §4.2, Figure 7 (left), 4 layers, uncorrected",
        published={"smallest": 10.0, "largest": 40.0},
        needs=((_SMALL, "orders"),),
        rule="the spread of a set of examples, corrected for noise and averaged over sets and k, is surely at least 10 "
        "points",
        judge=_order_matters,
    ),
    Claim(
        claim_id="zero-beats-one",
        sentence="With near-deterministic transitions zero-shot beats one-shot, and more examples recover.",
        source="Xie §4.2, Figure 7 (right; temperature 0.01, there with 12 concepts and vocabulary 100)",
        published={},
        needs=(("ginc-deterministic", "near-deterministic"),),
        rule="averaged over k, one-shot is surely below zero-shot, and 64 shots are surely above one-shot",
        judge=_zero_beats_one,
    ),
    _own(16),
    _own(64),
)
"""Every claim, the paper's first."""
