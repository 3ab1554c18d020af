"""The drift–diffusion account of learning curves: the log-odds of the right concept walk, shot by shot.

At n demonstrations of k tokens (after the signal and noise of Xie §3)

    Z ~ Normal(ℓ₀ + n·(κ·k − ν),  s₀² + n·σ² + n²·τ_d²),   π = E[sigmoid Z],
    p = miss + (hit − miss)·π,   correct ~ BetaBinomial(N, mean p, precision φ).

Two concepts are told apart, the right one and the rest, so accuracy lives between `miss` and `hit`. A curve may
fall (drift < 0), but never below `miss`. Deliberately not expressed: a competing *permuted* concept that drags
accuracy under chance (`miss` then sinks below chance for that example length, for every label mode alike); drift
that changes with n (saturating evidence, contexts longer than the training window, which the falling ends of some
curves show); skill that differs between label modes once the concept is found; demonstrations whose variance
grows with k. Misfit of these kinds shows in the posterior predictive check and in a small φ.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.concept.grid import Grid, grid_of

if TYPE_CHECKING:
    import pymc

__all__ = ["DEFAULT_PRIORS", "Priors", "build_drift_diffusion_model", "expected_sigmoid"]

# Monahan & Stefanski 1992, Handbook of the Logistic Distribution: sigmoid(z) = Σ w·Φ(s·z) ± 2e-9; columns w, s.
_PROBIT_MIXTURE = np.array(
    [
        [0.003246343272134, 1.365340806296348],
        [0.051517477033972, 1.059523971016916],
        [0.195077912673858, 0.830791313765644],
        [0.315569823632818, 0.650732166639391],
        [0.274149576158423, 0.508135425366489],
        [0.131076880695470, 0.396313345166341],
        [0.027912418727972, 0.308904252267995],
        [0.001449567805354, 0.238212616409306],
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """Every prior of the account as a number, with its reason.

    Attributes
    ----------
    signal, noise
        Scales of the half-normals of signal and noise, nats per demonstration (for the signal: at the mean k).
        Equal, so that before the data a curve is as likely to fall as to rise; one nat per demonstration would
        settle most queries within five shots.
    start_mean, start_spread
        ℓ₀: one sd spans 18 % to 82 %: the query alone may already give the concept away.
    start_deviation
        s₀, half-normal scale, nats: how far prompts differ before any demonstration.
    step_deviation
        σ, half-normal scale, nats per √demonstration: about as large as a typical drift.
    drift_deviation
        τ_d, half-normal scale, nats per demonstration: prompts differ in drift by less than drift itself.
    many_candidates
        From this many candidates on, the wrong concept still answers far better than chance (GINC's 50 tokens).
    miss_mean_few, miss_spread_few
        logit(miss ÷ ceiling) − logit(chance) with few candidates: near chance, with room for a biased model.
    miss_mean_many, miss_spread_many
        logit(miss ÷ ceiling) with many candidates: with the wrong concept, 10–70 % of GINC prompts are right.
    miss_length_spread, skill_length_spread
        How far example lengths stray from their common mean, on the logit scale.
    skill_mean, skill_spread
        logit of (hit − miss) ÷ (ceiling − miss): most of the way up, anything from 25 % to 99 % plausible.
    ceiling_slack
        Added to the known ceiling: the oracle's accuracy is itself an estimate, and it is smoothed.
    precision_mean, precision_spread
        log φ: binomial noise plus 1–2 points between repetitions; the spread admits pure binomial counts.
    """

    signal: float = 1.0
    noise: float = 1.0
    start_mean: float = 0.0
    start_spread: float = 1.5
    start_deviation: float = 1.0
    step_deviation: float = 1.0
    drift_deviation: float = 0.3
    many_candidates: int = 10
    miss_mean_few: float = 0.0
    miss_spread_few: float = 0.5
    miss_mean_many: float = -0.6
    miss_spread_many: float = 0.8
    miss_length_spread: float = 0.5
    skill_mean: float = 1.5
    skill_spread: float = 1.2
    skill_length_spread: float = 0.5
    ceiling_slack: float = 0.02
    precision_mean: float = 7.0
    precision_spread: float = 2.0


DEFAULT_PRIORS = Priors()


def expected_sigmoid(mean, deviation, normal_cdf):
    """Mean of sigmoid(Z), Z ~ Normal(mean, deviation²), by the probit mixture of Monahan and Stefanski.

    Exact to 1e-9 at every deviation, where 15 Gauss–Hermite nodes are off by 4 points at a deviation of 10 nats
    (they step over a sigmoid that is narrow against Z), which would bend the posterior.

    Parameters
    ----------
    mean, deviation
        Nats, any shape; NumPy arrays or PyTensor variables.
    normal_cdf
        Φ for that kind of value.
    """
    weight, slope = _PROBIT_MIXTURE.T
    scaled = slope * mean[..., None] / (1 + (slope * deviation[..., None]) ** 2) ** 0.5
    return (weight * normal_cdf(scaled)).sum(axis=-1)


def build_drift_diffusion_model(counts: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> "pymc.Model":
    """Build the model over a counts table of one task; sampling is `icl.concept.fit.fit`'s business.

    The Deterministics `signal`, `noise`, `drift` (model, condition) are nats per demonstration.

    Raises
    ------
    UserError
        If the counts cannot inform a learning curve.
    """
    import pymc as pm
    import pytensor.tensor as pt

    grid = grid_of(counts)
    cells, cell_model = grid.cells, grid.cell_model
    n = cells["num_shots"].to_numpy(dtype=float)
    tokens = grid.tokens_per_demonstration

    softplus = pm.distributions.transforms.LogExpM1()
    softplus.name = "softplus"  # PyMC 6.4's compute_log_likelihood stumbles over the underscores of its own name

    def half_normal(name: str, scale: float, *dims: str):
        """Half-normal of a unit-scale variable; softplus, not exp, keeps the ridge between κ and ν straight."""
        unit = pm.HalfNormal(f"{name}_unit", 1.0, dims=dims, default_transform=softplus)
        return pm.Deterministic(name, scale * unit, dims=dims)

    with pm.Model(coords=grid.coords) as model:
        signal_per_token = half_normal("signal_per_token", priors.signal / tokens.mean(), "model", "label_mode")
        noise_of_format = half_normal("noise_of_format", priors.noise, "model", "format")
        signal = pm.Deterministic(
            "signal", signal_per_token[:, grid.condition_label_mode] * tokens, dims=("model", "condition")
        )
        noise = pm.Deterministic("noise", noise_of_format[:, grid.condition_format], dims=("model", "condition"))
        drift = pm.Deterministic("drift", signal - noise, dims=("model", "condition"))

        start = pm.Normal(
            "start_log_odds", priors.start_mean, priors.start_spread, dims=("model", "format", "example_length")
        )
        start_deviation = half_normal("start_deviation", priors.start_deviation, "model")
        step_deviation = half_normal("step_deviation", priors.step_deviation, "model")
        drift_deviation = half_normal("drift_deviation", priors.drift_deviation, "model")
        # Zero-shot cells have condition −1: any drift will do there, since n = 0 multiplies it.
        mean = start[cell_model, grid.cell_format, grid.cell_example_length]
        mean = mean + n * drift[cell_model, np.maximum(grid.cell_condition, 0)]
        variance = (
            start_deviation[cell_model] ** 2
            + n * step_deviation[cell_model] ** 2
            + n**2 * drift_deviation[cell_model] ** 2
        )
        identified = pm.Deterministic(
            "concept_probability",
            expected_sigmoid(mean, pt.sqrt(variance), lambda z: 0.5 * pt.erfc(-z / np.sqrt(2))),
            dims="cell",
        )
        miss, hit = _answer_levels(grid, priors)
        miss, hit = (level[cell_model, grid.cell_example_length] for level in (miss, hit))
        accuracy = pm.Deterministic("accuracy", miss + (hit - miss) * identified, dims="cell")
        log_precision = pm.Normal("log_precision", priors.precision_mean, priors.precision_spread, dims="model")
        precision = pm.math.exp(log_precision)[cell_model]
        pm.BetaBinomial(
            "num_correct",
            n=cells["num_prompts"].to_numpy(),
            alpha=accuracy * precision,
            beta=(1 - accuracy) * precision,
            observed=cells["num_correct"].to_numpy(),
            dims="cell",
        )
    return model


def _answer_levels(grid: Grid, priors: Priors):
    """Accuracy with the wrong and with the right concept, (model, example_length), pooled over lengths."""
    import pymc as pm

    dims = ("model", "example_length")
    location, spread = _miss_prior(grid, priors)
    # Centred: every example length has data of its own, so offsets from the mean would only add a ridge.
    miss_mean = pm.Normal("miss_mean", location.mean(axis=1), spread, dims="model")
    miss_logit = pm.Normal("miss_logit", miss_mean[:, None], priors.miss_length_spread, dims=dims)
    skill_mean = pm.Normal("skill_mean", priors.skill_mean, priors.skill_spread, dims="model")
    skill_logit = pm.Normal("skill_logit", skill_mean[:, None], priors.skill_length_spread, dims=dims)
    ceiling = np.nan_to_num(grid.per_example_length("ceiling"), nan=1.0)
    ceiling = np.minimum(ceiling + priors.ceiling_slack, 1.0)
    miss = pm.Deterministic("miss", ceiling * pm.math.sigmoid(miss_logit), dims=dims)
    hit = pm.Deterministic("hit", miss + (ceiling - miss) * pm.math.sigmoid(skill_logit), dims=dims)
    return miss, hit


def _miss_prior(grid: Grid, priors: Priors) -> tuple[Float[ndarray, "num_models num_lengths"], float]:
    """Location (logit) and spread of the accuracy with the wrong concept."""
    chance = grid.per_example_length("chance")
    if np.nanmin(chance) < 1 / priors.many_candidates:
        return np.full(chance.shape, priors.miss_mean_many), priors.miss_spread_many
    chance = np.clip(np.nan_to_num(chance, nan=float(np.nanmax(chance))), 0.01, 0.99)
    return np.log(chance / (1 - chance)) + priors.miss_mean_few, priors.miss_spread_few
