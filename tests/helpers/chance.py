"""How far chance may carry a count: tests that draw samples ask here, so that a right program passes with any seed."""

from scipy.stats import binom, norm

__all__ = ["ERROR", "SIGMAS", "plausible"]

ERROR = 1e-4
"""Probability at most with which a right program fails a test."""

SIGMAS = float(norm.isf(ERROR / 20))
"""4.4: how many standard errors ten estimates may lie from the truth before one of them is wrong."""

COVERAGE = (0.87, 0.94)
"""What a 90 % interval may cover: most are approximations."""


def plausible(hits: int, trials: int, share: tuple[float, float] = COVERAGE) -> bool:
    """Whether so many hits happen to a program whose probability of one lies within `share`, but for `ERROR`."""
    least, most = share
    return binom.cdf(hits, trials, least) > ERROR / 2 and binom.sf(hits - 1, trials, most) > ERROR / 2
