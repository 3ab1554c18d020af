"""Which candidates are equally likely: the one rule behind every prediction, of a model, of exact Bayes and of gold."""

import numpy as np
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

__all__ = ["TIED_WITHIN", "is_as_likely", "likeliest"]

TIED_WITHIN = 1e-9
"""Nats: a candidate that lies no further below the likeliest one is as likely.

Sums, differences and logarithms of the same numbers in another order differ by rounding, about 1e-15 of their size, and
on another processor in other last bits. Compared exactly, that noise would decide between candidates that a model holds
for equal: under contextual calibration, 5e-17 nats would. Double precision leaves errors below 1e-12 in any
log-probability that is met here, a thousandth of this bound. Nothing that a model tells apart is lost: of two
candidates that compete, one has at most probability ½, where numbers of single precision lie 6e-8 nats apart.
"""


def is_as_likely(logprob: Float[ndarray, "*#shape"], top: Float[ndarray, "*#shape"]) -> Bool[ndarray, "*#shape"]:
    """Tell whether a log-probability, or a bound that one lies below, reaches the likeliest candidate's; NaN does not.

    Parameters
    ----------
    logprob
        Nats, or whatever is compared in their place.
    top
        That of the likeliest candidate, of the same or a broadcasting shape.
    """
    return logprob >= top - TIED_WITHIN


def likeliest(logprobs: Float[ndarray, "*shape num_candidates"]) -> Integer[ndarray, "*shape"]:
    """Find the likeliest candidate by position; of those that are equally likely the one that is listed first.

    Parameters
    ----------
    logprobs
        Nats, all known; −∞ where a candidate is impossible.
    """
    return np.asarray(is_as_likely(logprobs, logprobs.max(axis=-1, keepdims=True)).argmax(axis=-1))
