"""Bayesian scaling laws of Arora et al. 2024 (arXiv 2410.16531): an average over concepts, reweighted by each shot.

Before n demonstrations concept m has weight ρ_m, behind them ρ_m·P_m^(nK); the next answer is right with P_m under it:

    p(n) = Σ_m ρ_m P_m^(nK+1) ÷ Σ_m ρ_m P_m^(nK).

Rows of the paper's matrix P belong to what the demonstrations are drawn from, here to a format and example length. Its
first column is the right concept and has the largest P, so that concepts cannot change places; there are two others.
The three forms differ in what is tied: *original* leaves every entry of a row free; *sampling* keeps the other concepts
at the same ratio to the right one in all rows; *scoring* gives each row one P that its other concepts share. With one
row, original and sampling are the same law but for their priors. K, how many examples' worth a demonstration is, varies
by label mode and may be negative: labels that mislead count against the right concept.
"""

from collections.abc import Mapping
from typing import Any

from icl.concept.accounts.account import Account, Cells, Functions, Parameter

__all__ = ["ARORA", "ARORA_SAMPLING", "ARORA_SCORING"]

_ROW = ("format", "example_length")


def _right(name: str = "right_logit") -> Parameter:
    return Parameter(
        name=name,
        unit="logit",
        meaning="logit of P of the right concept: the accuracy that many demonstrations lead to",
        by=_ROW,
        location=1.5,
        spread=2.0,
        scatter=0.7,
        is_regressed=True,
        reason="14 % to 99 % (90 %), similar in all rows",
    )


def _gap(name: str, by: tuple[str, ...], location: float) -> Parameter:
    return Parameter(
        name=name,
        unit="nats",
        meaning="by how much log P of this concept lies below that of the one before it",
        by=by,
        location=location,
        spread=1.3,
        scatter=0.7 if by else None,
        link="softplus",
        reason="from almost equal to a tenth of the probability",
    )


def _prior(name: str) -> Parameter:
    return Parameter(
        name=name,
        unit="nats",
        meaning="log ρ of this concept ÷ ρ of the right one",
        location=0.0,
        spread=1.5,
        reason="one standard deviation spans 18 % to 82 % of the two: the query alone may give the concept away",
    )


_EFFICIENCY = Parameter(
    name="efficiency",
    unit="examples",
    meaning="K: how many examples' worth one demonstration is",
    by=("label_mode",),
    location=0.7,
    spread=1.0,
    is_regressed=True,
    reason="about one, a demonstration being one example; negative where labels mislead",
)


def _law(log_p: Any, log_prior: Any, values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    weight = log_prior + log_p * (cells.num_shots * values["efficiency"])[..., None]
    return functions.exp(functions.log_sum_exp(weight + log_p) - functions.log_sum_exp(weight))


def _three(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    """Right, near and far concept, each a gap below the one before."""
    right = functions.log_sigmoid(values["right_logit"])
    near = right - values["near_gap"]
    log_p = functions.stack([right, near, near - values["far_gap"]])
    log_prior = functions.stack([0.0 * values["near_prior"], values["near_prior"], values["far_prior"]])
    return _law(log_p, log_prior, values, cells, functions)


def _two(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    right = functions.log_sigmoid(values["right_logit"])
    log_p = functions.stack([right, right - values["gap"]])
    log_prior = functions.stack([0.0 * values["others_prior"], values["others_prior"]])
    return _law(log_p, log_prior, values, cells, functions)


_SOURCE = "Arora et al. 2024 §3"

ARORA = Account(
    name="arora",
    title="Arora's Bayesian law",
    says="concepts are reweighted by how probable each makes the demonstrations; every row of P is free",
    source=f"{_SOURCE}, original form",
    parameters=(
        _right(),
        _gap("near_gap", _ROW, 0.0),
        _gap("far_gap", _ROW, 0.0),
        _prior("near_prior"),
        _prior("far_prior"),
        _EFFICIENCY,
    ),
    accuracy=_three,
)

ARORA_SAMPLING = Account(
    name="arora-sampling",
    title="Arora's law, sampling form",
    says="Arora's law with the other concepts' P at the same distance below the right one's in every row",
    source=f"{_SOURCE}, sampling-wise form",
    parameters=(
        _right(),
        _gap("near_gap", (), 0.0),
        _gap("far_gap", (), 0.0),
        _prior("near_prior"),
        _prior("far_prior"),
        _EFFICIENCY,
    ),
    accuracy=_three,
)

ARORA_SCORING = Account(
    name="arora-scoring",
    title="Arora's law, scoring form",
    says="Arora's law with all other concepts equal in each row: two values of P per row",
    source=f"{_SOURCE}, scoring-wise form",
    parameters=(_right(), _gap("gap", _ROW, 0.5), _prior("others_prior"), _EFFICIENCY),
    accuracy=_two,
)
