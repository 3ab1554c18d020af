"""Laws without concepts: power, bounded power and logistic curves of the negative log accuracy (nats).

As Arora et al. 2024 §4 compare them, with what they say of no demonstrations made explicit: a curve leaves L(0) = start
and tends to an asymptote, one a condition, which may lie on either side of the start (labels that mislead make a curve
fall; the papers' C ≥ 0 cannot).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from icl.concept.accounts.account import Account, Cells, Functions, Parameter

__all__ = ["BOUNDED_POWER", "LOGISTIC", "POWER"]

_START = Parameter(
    name="start_logit",
    unit="logit",
    meaning="logit of the accuracy without demonstrations",
    by=("format", "example_length"),
    location=0.0,
    spread=2.0,
    is_regressed=True,
    reason="4 % to 96 % (90 %)",
)
_END = Parameter(
    name="end_logit",
    unit="logit",
    meaning="logit of the accuracy that many demonstrations lead to",
    by=("condition",),
    location=1.5,
    spread=2.0,
    scatter=0.7,
    is_regressed=True,
    reason="14 % to 99 % (90 %), similar in all conditions",
)


def _exponent(name: str, reason: str) -> Parameter:
    return Parameter(
        name=name,
        unit="",
        meaning="how steep the curve is",
        by=("condition",),
        location=-0.3,
        spread=0.8,
        scatter=0.5,
        link="exp",
        reason=reason,
    )


def _turn(name: str) -> Parameter:
    return Parameter(
        name=name,
        unit="demonstrations",
        meaning="where the curve bends",
        by=("condition",),
        location=1.0,
        spread=1.2,
        anchor="shots",
        scatter=0.5,
        link="exp",
        reason="between 0.4 and 20 demonstrations (90 %) on GINC, the range in which curves are measured; more where "
        "more are asked",
    )


def _between(left: Any, values: Mapping[str, Any], functions: Functions) -> Any:
    """Accuracy where a share `left` of the way from the asymptote to the start is left, in nats."""
    start, end = (-functions.log_sigmoid(values[name]) for name in ("start_logit", "end_logit"))
    return functions.exp(-(end + (start - end) * left))


def _power(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    left = functions.exp(-values["exponent"] * np.log1p(cells.num_shots))
    return _between(left, values, functions)


def _bounded_power(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    left = functions.exp(-values["exponent"] * functions.log(1 + cells.num_shots / values["turn"]))
    return _between(left, values, functions)


def _logistic(values: Mapping[str, Any], cells: Cells, functions: Functions) -> Any:
    # 1 ÷ (1 + (n/x₀)^q) = sigmoid(−q·log(n/x₀)); n = 0 is left out of the logarithm and put in by the mask.
    shown = cells.num_shots > 0
    log_n = np.log(np.where(shown, cells.num_shots, 1.0))
    left = functions.sigmoid(-values["exponent"] * (log_n - functions.log(values["turn"])))
    return _between(np.where(shown, 1.0, 0.0) * left + np.where(shown, 0.0, 1.0), values, functions)


POWER = Account(
    name="power",
    title="power law",
    says="the negative log accuracy falls as a power of the number of demonstrations",
    source="−log p = K + C·(n + 1)^−α; Arora et al. 2024 §4 write n ≥ 1",
    parameters=(
        _START,
        _END,
        _exponent("exponent", "0.2 to 2.8 (90 %): scaling laws of language models lie at the lower end"),
    ),
    accuracy=_power,
)

BOUNDED_POWER = Account(
    name="bounded-power",
    title="bounded power law",
    says="a power law that starts to fall only from n_c demonstrations on",
    source="−log p = K + C·(1 + n/n_c)^−α; Arora et al. 2024 §4",
    parameters=(_START, _END, _exponent("exponent", "0.2 to 2.8 (90 %), as the power law's"), _turn("turn")),
    accuracy=_bounded_power,
)

LOGISTIC = Account(
    name="logistic",
    title="logistic law",
    says="the negative log accuracy is an S-shaped curve of log n",
    source="−log p = C + L ÷ (1 + (n/x₀)^K); Arora et al. 2024 §4",
    parameters=(_START, _END, _exponent("exponent", "0.2 to 2.8 (90 %), as the power law's"), _turn("turn")),
    accuracy=_logistic,
)
