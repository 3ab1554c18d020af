"""The paper's claims and the lab's own as data, each with the rule that decides it."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import pandas as pd

from probes.reproduction.compare import Quantity, has
from probes.reproduction.experiments import SHOTS
from probes.reproduction.judges import (
    FLAT,
    FOUR_LOOKS,
    LARGE,
    LSTM,
    SEEN,
    SMALL,
    TINY,
    Judged,
    best_model,
    fails,
    grows,
    larger,
    longer,
    lstm_wins,
    near_bayes,
    never_falls,
    order_matters,
    same_loss,
    zero_beats_one,
)
from probes.reproduction.published import (
    PUBLISHED,
    PUBLISHED_LENGTHS,
    PUBLISHED_SHOTS,
    published_accuracy,
    published_growth,
)

__all__ = ["CLAIMS", "Claim", "Verdict", "judge_all"]

REPRODUCED, NOT_REPRODUCED, NOT_TESTABLE = "reproduced", "not reproduced", "not testable here"

type Judge = Callable[[pd.DataFrame, pd.DataFrame], Judged]
"""(outcomes, order spreads) → what we found, and whether the rule holds, does not, or cannot tell."""


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
        """Lay it out for JSON, which has no NaN: null stands where there is no number."""
        return asdict(
            self, dict_factory=lambda pairs: {name: None if value != value else value for name, value in pairs}
        )


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


def _judge(claim: Claim, outcomes: pd.DataFrame, spreads: pd.DataFrame) -> Verdict:
    shown = {name: getattr(claim, name) for name in ("claim_id", "sentence", "source", "published", "rule")}
    asked = pd.concat([outcomes[["model", "experiment"]], spreads[["model", "experiment"]]])
    missing = [model for model, experiment in claim.needs if model and not has(asked, model, experiment)]
    if "" in dict(claim.needs) and best_model(outcomes) is None:
        missing.append("one trained on the mixture")
    if missing:
        reason = f"no results of model {', '.join(dict.fromkeys(missing))}: not shipped, or not asked for"
        return Verdict(**shown, verdict=NOT_TESTABLE, reason=reason)
    judged = claim.judge(outcomes, spreads)
    ours = (*judged.deciding, *judged.beside)
    without = [q for q in judged.deciding if math.isnan(q.low) or math.isnan(q.high)]
    if without:
        return Verdict(**shown, verdict=NOT_TESTABLE, ours=ours, reason=f"{without[0].name}: {without[0].reason}")
    if judged.holds is None:
        return Verdict(**shown, verdict=NOT_TESTABLE, ours=ours, reason=judged.reason)
    return Verdict(**shown, verdict=REPRODUCED if judged.holds else NOT_REPRODUCED, ours=ours)


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
        needs=((model, experiment), (SMALL, SEEN)),
        rule=f"the gain's interval lies below {FLAT:g} points, and the accuracy at 64 examples is surely below that of "
        f"{SMALL} on seen concepts" + (", prompt by prompt" if experiment == SEEN else ""),
        judge=partial(fails, model=model, experiment=experiment),
    )


def _own(num_shots: int) -> Claim:
    # Published accuracies at n = 64 divided by the accuracy of exact Bayes (ε = 0.01) on one published family.
    bars = {"k=3": 65.0, "k=5": 77.0, "k=8": 84.0, "k=10": 85.0}
    return Claim(
        claim_id=f"near-bayes-{num_shots}",
        sentence=f"At n = {num_shots} the best model is nearer to exact Bayes than the published 16 layers are at 64.",
        source="this lab; published accuracy as a share of exact Bayes's on one published family",
        published=bars,
        needs=(("", SEEN),),
        rule="its share of exact Bayes's accuracy is surely above the published share at every k; undecided where an "
        "interval holds that share",
        judge=partial(near_bayes, num_shots=num_shots, bars=bars),
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        claim_id="more-examples",
        sentence="In-context accuracy grows with the number of examples n.",
        source="Xie §4.2, Figure 3",
        published={name: published_growth(curve) for name, curve in _CURVES.items()},
        needs=(("", SEEN),),
        rule="for every model, accuracy at 64 examples minus that at none, averaged over k, has an interval above 0",
        judge=grows,
    ),
    Claim(
        claim_id="longer-examples",
        sentence="In-context accuracy grows with the length k of the examples.",
        source="Xie §4.2, Figure 3",
        published={name: PUBLISHED[curve][-1][-1] - PUBLISHED[curve][0][-1] for name, curve in _CURVES.items()},
        needs=(("", SEEN),),
        rule="for every model, accuracy at k = 10 minus that at k = 3, at 64 examples, has an interval above 0",
        judge=longer,
    ),
    Claim(
        claim_id="larger-models",
        sentence="Accuracy rises steadily with the size of the transformer.",
        source="Xie §4.2, Figures 5 and 6 (k = 10, n = 64)",
        published={name: PUBLISHED[curve][-1][-1] for name, curve in _CURVES.items() if name != "LSTM"},
        needs=((TINY, SEEN), (SMALL, SEEN), (LARGE, SEEN)),
        rule="the gain of each step in size on the same prompts, averaged over all cells, has an interval above 0",
        judge=larger,
    ),
    Claim(
        claim_id="same-loss",
        sentence="At the same pretraining loss the larger model learns better in context.",
        source="Xie, abstract and §4.2, Figure 6 (k = 10, n = 64)",
        published={name: PUBLISHED[_CURVES[name]][-1][-1] for name in ("12 layers", "16 layers")},
        needs=((SMALL, SEEN), (LARGE, SEEN)),
        rule=f"the lead of {LARGE} over {SMALL} on the same prompts, averaged over all cells, has an interval above 0; "
        "their training records give validation losses of 1.0918 and 1.0902 nats a token, exact Bayes 1.0775",
        judge=same_loss,
    ),
    Claim(
        claim_id="lstm-wins",
        sentence="An LSTM outperforms the transformers.",
        source="Xie §4.2, Figure 6 (k = 10, n = 64)",
        published={name: PUBLISHED[curve][-1][-1] for name, curve in _CURVES.items()},
        needs=((LSTM, SEEN), (TINY, SEEN), (SMALL, SEEN), (LARGE, SEEN)),
        rule="its lead over each transformer on the same prompts, averaged over all cells, has an interval above 0",
        judge=lstm_wins,
    ),
    _failing(
        "single-concept",
        "after pretraining on one concept",
        "Xie §4.2, Figure 4 (left)",
        "ginc-single-concept",
        SEEN,
        "single-concept-4-layer",
    ),
    _failing(
        "random-data",
        "after pretraining on random tokens",
        "Xie §4.2, Figure 4 (middle)",
        "ginc-random",
        SEEN,
        "random-data-4-layer",
    ),
    _failing(
        "unseen-concepts",
        "on concepts that pretraining never showed",
        "Xie §4.2, Figure 4 (right)",
        SMALL,
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
        source="Xie §4.2, Figure 7 (left; 4 layers, k not stated, largest minus smallest)",
        published={"smallest": 10.0, "largest": 40.0},
        needs=((SMALL, "orders"),),
        rule="at one k or more, the spread of a set of examples, its best and worst order picked and compared on "
        "different queries, averaged over sets, is surely at least 10 points; any of four lengths may decide, so "
        f"their intervals are widened to {100 * FOUR_LOOKS:g} %",
        judge=order_matters,
    ),
    Claim(
        claim_id="zero-beats-one",
        sentence="With near-deterministic transitions zero-shot beats one-shot, and more examples recover.",
        source="Xie §4.2, Figure 7 (right; temperature 0.01, there with 12 concepts and vocabulary 100)",
        published={},
        needs=(("ginc-deterministic", "near-deterministic"),),
        rule="averaged over k, one-shot is surely below zero-shot, and 64 shots are surely above one-shot",
        judge=zero_beats_one,
    ),
    _own(16),
    _own(64),
    Claim(
        claim_id="never-falls",
        sentence="Accuracy does not fall from 16 to 64 examples.",
        source="this lab; published change of the 16 layers",
        published={
            f"k={length}": curve[-1] - curve[PUBLISHED_SHOTS.index(16)]
            for length, curve in zip(PUBLISHED_LENGTHS, PUBLISHED["transformer-16-layer"])
        },
        needs=((SMALL, SEEN),),
        rule="the interval of the change, paired by prompt, lies below 0 at no k, and at every k it leaves room for a "
        f"loss of less than {FLAT:g} points; undecided where it leaves more",
        judge=never_falls,
    ),
)
"""Every claim, the paper's first."""
