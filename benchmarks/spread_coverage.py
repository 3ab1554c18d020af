"""Do the 90 % intervals of a spread cover? Means of known truth, the lab's prior beside other priors of τ.

OMP_NUM_THREADS=1 .venv/bin/python benchmarks/spread_coverage.py [--replications 25] [--statistic spread]

Measured means = true means + noise of one standard error, which is known or estimated with 10 or 3 degrees of freedom
for each condition. The true means lie as a normal sample, evenly, or all together but one; they are scaled so that
max − min is `ratio` standard errors. Of all these the table gives coverage, bias (median − truth) and mean width of the
interval, the last two in standard errors. The lab's prior is flat on τ without end. The others are flat on τ up to four
times what was measured, ∝ √τ, half-Cauchy at the noise's scale, and flat on every mean by itself.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy import ndarray

from icl.metrics.spread import sd_of_means, spread_of_means

CONDITIONS = (2, 3, 6, 24)
RATIOS = (0, 0.5, 1, 2, 4, 8)
DEGREES = (None, 10.0, 3.0)
SHAPES: dict[str, Callable[[int, np.random.Generator], ndarray]] = {
    "normal": lambda count, rng: rng.normal(size=count),
    "even": lambda count, rng: np.linspace(0, 1, count),
    "one apart": lambda count, rng: np.eye(count)[0],
}
"""Name → true means of so many conditions, before they are scaled."""

PRIORS: dict[str, Callable[[ndarray], ndarray]] = {
    "flat, ends": lambda tau: np.zeros_like(tau),
    "√τ": lambda tau: 0.5 * np.log(tau),
    "half-Cauchy": lambda tau: -np.log1p(tau**2),
}
"""Name → log density of τ, in standard errors."""

STATISTICS = {"spread": (lambda means: np.ptp(means, axis=-1), spread_of_means)}
STATISTICS["sd"] = (lambda means: means.std(axis=-1, ddof=1), sd_of_means)
NUM_DRAWS, NUM_NOISES, NUM_TAUS = 1000, 100, 200


def main() -> None:
    """Simulate and print a row for each number of conditions and ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=25, help="of each shape and degrees of freedom")
    parser.add_argument("--statistic", choices=list(STATISTICS), default="spread")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.perf_counter()
    names = ("lab", *PRIORS, "flat on means")
    print(f"| conditions | ratio | {' | '.join(names)} | lab, least of the shapes |")
    print("|---" * (len(names) + 3) + "|")
    for count in CONDITIONS:
        for ratio in RATIOS:
            print(row(count, ratio, options.replications, options.statistic, options.seed), flush=True)
    total = options.replications * len(SHAPES) * len(DEGREES)
    minutes = (time.perf_counter() - began) / 60
    print(f"\nCoverage (bias, width) of {options.statistic}; {total} samples a row, {minutes:.1f} minutes.")


def row(count: int, ratio: float, replications: int, statistic: str, seed: int) -> str:
    """Coverage, bias and width of each prior, and the lab's coverage of the shape that it covers least."""
    rng = np.random.default_rng([seed, count, int(2 * ratio)])
    found = {}
    for name, shape in SHAPES.items():
        samples = [
            sample(count, ratio, shape, degrees, statistic, rng) for degrees in DEGREES for _ in range(replications)
        ]
        found[name] = np.mean(samples, axis=0)
    cells = [
        f"{100 * covered:.0f} % ({bias:+.1f}, {width:.1f})"
        for covered, bias, width in np.mean(list(found.values()), axis=0)
    ]
    least = min(found, key=lambda name: found[name][0, 0])
    return f"| {count} | {ratio:g} | {' | '.join(cells)} | {100 * found[least][0, 0]:.0f} % ({least}) |"


def sample(
    count: int,
    ratio: float,
    shape: Callable[[int, np.random.Generator], ndarray],
    degrees: float | None,
    statistic: str,
    rng: np.random.Generator,
) -> list[tuple[bool, float, float]]:
    """Whether each prior's interval covers, its bias and its width, for one draw of measured means."""
    of_means, infer = STATISTICS[statistic]
    true = shape(count, rng)
    true = ratio * true / np.ptp(true)
    pooled = None if degrees is None else degrees * (count - 1)
    error = 1.0 if pooled is None else np.sqrt(rng.chisquare(pooled) / pooled)
    means = true + rng.normal(size=count)
    lab = infer(means, np.full(count, error), pooled)
    ends = [(lab.low, lab.estimate, lab.high)]
    for log_prior in (*PRIORS.values(), None):
        drawn = of_means(draws(means, error, pooled, log_prior, rng))
        ends.append(tuple(np.quantile(drawn, [0.05, 0.5, 0.95])))
    truth = float(of_means(true))
    return [(low <= truth <= high, middle - truth, high - low) for low, middle, high in ends]


def draws(
    means: ndarray,
    error: float,
    degrees: float | None,
    log_prior: Callable[[ndarray], ndarray] | None,
    rng: np.random.Generator,
) -> ndarray:
    """Draw true means less their mean, (draw, condition); None is the prior that is flat on every mean."""
    own = means - means.mean()
    noises = np.full(NUM_NOISES, error**2)
    if degrees is not None:
        noises = noises * degrees / rng.chisquare(degrees, size=NUM_NOISES)
    normal = rng.standard_normal((NUM_DRAWS, len(means)))
    if log_prior is None:
        return own + np.sqrt(rng.choice(noises, size=NUM_DRAWS))[:, None] * normal
    widest = 4 * max(float(own.std()), error)
    edges = np.r_[
        0.0, np.geomspace(0.01 * error, widest if log_prior is PRIORS["flat, ends"] else 1e4 * widest, NUM_TAUS)
    ]
    taus = (edges[1:] + edges[:-1]) / 2
    total = noises[:, None] + taus**2
    log_posterior = -0.5 * ((len(means) - 1) * np.log(total) + (own**2).sum() / total)
    log_posterior += log_prior(taus / error) + np.log(np.diff(edges))
    share = np.exp(log_posterior - log_posterior.max()).ravel()
    place = rng.choice(share.size, size=NUM_DRAWS, p=share / share.sum())
    noise, tau = noises[place // NUM_TAUS][:, None], taus[place % NUM_TAUS][:, None]
    gain = tau**2 / (tau**2 + noise)
    return gain * own + np.sqrt(gain * noise) * normal


if __name__ == "__main__":
    main()
