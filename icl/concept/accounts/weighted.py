"""Bayes with a weight on its evidence, which may be negative and may change with the number of demonstrations.

    Z ~ Normal(ℓ₀ + w·E,  s₀² + w²·D²),   w = τ·(1 + n)^λ,   π = E[sigmoid Z],   p = miss + (hit − miss)·π,

E and D the mean and standard deviation of the exact log-odds over the prompts of a cell. At λ = 0 and τ > 0 that is
tempered Bayes; λ < 0 discounts evidence the more the more there is of it, and at τ < 0 demonstrations speak for the
wrong concept.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from icl.concept.accounts.account import Account, Cells, Functions, Parameter
from icl.concept.accounts.drift import MISS, SKILL, START, START_DEVIATION, levels, weighing

__all__ = ["WEIGHTED_BAYES"]

_WEIGHT = Parameter(
    name="weight",
    unit="share",
    meaning="τ: how much of each nat of exact evidence the model uses while there are few demonstrations; below 0 it "
    "goes against the evidence",
    by=("label_mode",),
    location=0.5,
    spread=0.75,
    is_regressed=True,
    reason="from −0.7 to 1.7 (90 %): between nothing and all of it most of all, and a quarter of the prior against it",
)
_EXPONENT = Parameter(
    name="weight_exponent",
    unit="",
    meaning="λ: 0 where all evidence counts alike, −1 where all of it together counts about as much as that of one "
    "demonstration",
    location=0.0,
    spread=0.4,
    reason="from −0.66 to 0.66 (90 %): with 64 demonstrations each nat weighs between a sixteenth and sixteen times as "
    "much",
)


def _weighted_bayes(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    weight = values["weight"] * functions.exp(values["weight_exponent"] * np.log1p(cells.num_shots))
    return weighing(weight, values, cells, functions)


WEIGHTED_BAYES = Account(
    name="weighted-bayes",
    title="weighted Bayes",
    says="the model weighs each nat of exact evidence, for or against, and more or less as demonstrations become many; "
    "needs the exact evidence (GINC)",
    source="tempered Bayes with w = τ·(1 + n)^λ in place of τ, either sign",
    parameters=(_WEIGHT, _EXPONENT, START, MISS, SKILL, START_DEVIATION),
    accuracy=_weighted_bayes,
    derive=levels,
    needs_evidence=True,
)
