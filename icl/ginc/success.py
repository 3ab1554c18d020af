"""From the ledger to behaviour: the probability that a prompt is answered right, and how good that forecast is.

P(correct) = miss + (hit − miss)·π with π = sigmoid(log-odds of the right concept): a model that found the concept
is right with probability hit, one that took another with probability miss.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.optimize import minimize
from scipy.special import expit, xlogy

from icl.errors import UserError
from icl.metrics.levels import expected_calibration_error

__all__ = ["ForecastScore", "SuccessModel", "fit_success", "score_forecast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessModel:
    """Accuracy with the right concept (`hit`) and with a wrong one (`miss`)."""

    hit: float
    miss: float

    def __post_init__(self):
        for name in ("hit", "miss"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is a probability: it must lie in [0, 1], got {getattr(self, name)}.")

    def probability(self, log_odds: Float[ndarray, "*batch"]) -> Float[ndarray, "*batch"]:
        """P(correct) of prompts whose right concept has these log-odds (nats; `Ledger.log_odds`)."""
        return self.miss + (self.hit - self.miss) * expit(log_odds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """How good probabilities of success were.

    Attributes
    ----------
    brier : float
        Mean squared difference between probability and outcome; 0 is perfect.
    log_score : float
        Mean log-probability in nats of what happened; 0 is perfect.
    expected_calibration_error : float
        Expected calibration error over 10 bins of equal width.
    num_prompts : int
        Outcomes that were scored.
    """

    brier: float
    log_score: float
    expected_calibration_error: float
    num_prompts: int


def fit_success(log_odds: Float[ndarray, " num_prompts"], correct: Bool[ndarray, " num_prompts"]) -> SuccessModel:
    """Fit hit and miss by maximum likelihood, to be used on other prompts.

    One success and one failure are added, half of each where the concept is surely right and half where it is surely
    wrong. That keeps a forecast for other prompts off 0 and 1, where one surprise would cost infinitely many nats.
    """
    if not len(correct):
        raise UserError("hit and miss cannot be fitted without prompts; give at least one.")
    share = np.concatenate([expit(log_odds), [1.0, 0.0]])
    successes = np.concatenate([correct.astype(float), [0.5, 0.5]])
    failures = np.concatenate([1 - correct.astype(float), [0.5, 0.5]])

    def loss(parameters: ndarray) -> tuple[float, ndarray]:
        hit, miss = parameters
        probability = miss + (hit - miss) * share
        slope = failures / (1 - probability) - successes / probability
        value = -(xlogy(successes, probability) + xlogy(failures, 1 - probability)).sum()
        return float(value), np.array([(slope * share).sum(), (slope * (1 - share)).sum()])

    edge = 1e-9
    found = minimize(loss, [0.75, 0.25], jac=True, bounds=[(edge, 1 - edge)] * 2, options={"ftol": 1e-14})
    return SuccessModel(hit=float(found.x[0]), miss=float(found.x[1]))


def score_forecast(
    probability: Float[ndarray, " num_prompts"], correct: Bool[ndarray, " num_prompts"]
) -> ForecastScore:
    """Score probabilities of success against what happened."""
    if not len(correct):
        raise UserError("a forecast cannot be scored without prompts; give at least one.")
    with np.errstate(divide="ignore"):
        log_score = np.log(np.where(correct, probability, 1 - probability)).mean()
    return ForecastScore(
        brier=float(np.mean((probability - correct) ** 2)),
        log_score=float(log_score),
        expected_calibration_error=expected_calibration_error(probability, correct.astype(float)),
        num_prompts=len(correct),
    )
