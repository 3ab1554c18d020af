"""What a model of GINC acts on: the posterior its predictions imply, and how much of each nat of evidence it uses.

A model's next-token distribution is read as a mixture of the concepts' own, p_LM ≈ Σ_θ w_θ p(· | prompt, θ). w, free on
the simplex, is the posterior that the model acts on. A tempered Bayesian has w_θ ∝ p(θ) · p(prompt | θ)^τ instead, with
one τ for all prompts: 1 is exact Bayes, 0 never learns from the prompt.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import rel_entr, softmax

from icl.compiled_loops import compiled
from icl.errors import UserError
from icl.ginc.exact import ExactInference
from icl.metrics.uncertainty import LEVEL, Estimate

__all__ = ["ImpliedPosterior", "TemperatureFit", "fit_temperature", "implied_posterior", "tempered_predictive"]

_HIGHEST_TEMPERATURE = 16.0
_FLAT = 1e-9
"""Temperatures whose mean KL differs by less (nats) are not told apart."""

_ZOOMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedPosterior:
    """The mixture of concepts that is nearest to a model's predictions.

    Attributes
    ----------
    weights : Float[ndarray, "*batch num_concepts"]
        w, one distribution over concepts for each prediction.
    kl : Float[ndarray, "*batch"]
        KL(p_LM ‖ Σ w_θ p_θ) that is left, in nats.
    excess : Float[ndarray, "*batch"]
        Bound in nats on how far `kl` lies above the smallest possible; above the tolerance where the search was ended.
    mass_outside : Float[ndarray, "*batch"]
        Probability that the model gave to what no concept can emit, before renormalisation.
    """

    weights: Float[ndarray, "*batch num_concepts"]
    kl: Float[ndarray, "*batch"]
    excess: Float[ndarray, "*batch"]
    mass_outside: Float[ndarray, "*batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureFit:
    """The tempered Bayesian that is nearest to a model.

    Attributes
    ----------
    temperature : Estimate
        τ with a bootstrap interval over prompts; the reason says where the predictions leave it open.
    kl : float
        Mean KL(p_LM ‖ tempered predictive) in nats at τ.
    kl_of_exact_bayes : float
        The same at τ = 1.
    """

    temperature: Estimate
    kl: float
    kl_of_exact_bayes: float


def implied_posterior(
    log_lm: Float[ndarray, "*batch vocab_size"],
    log_predictive_by_concept: Float[ndarray, "*batch num_concepts vocab_size"],
    *,
    tolerance: float = 1e-7,
    most_steps: int = 100_000,
) -> ImpliedPosterior:
    """Find the weights that minimise KL(p_LM ‖ Σ_θ w_θ p_θ) by accelerated EM, from equal weights.

    Parameters
    ----------
    log_lm
        The model's log-probabilities (nats) of the family's tokens. They need not sum to 1: what a model gave to other
        tokens counts as outside.
    log_predictive_by_concept
        Of the same predictions, from `icl.ginc.exact.infer`.
    tolerance
        A search ends when `kl` is certain to lie within so many nats of its minimum.
    most_steps
        It ends there in any case.

    Raises
    ------
    UserError
        If a model gives no probability to the tokens that concepts can emit.
    """
    num_concepts, vocab_size = log_predictive_by_concept.shape[-2:]
    by_concept = np.exp(log_predictive_by_concept.reshape(-1, num_concepts, vocab_size))
    target, mass_outside = _within_reach(log_lm.reshape(-1, vocab_size), by_concept)
    weights = np.full((len(target), num_concepts), 1 / num_concepts)
    excess = np.empty(len(target))
    compiled(_descend)(target, by_concept, weights, excess, tolerance, most_steps)
    kl = rel_entr(target, np.einsum("bc,bcv->bv", weights, by_concept)).sum(axis=1)
    batch = log_lm.shape[:-1]
    return ImpliedPosterior(
        weights=weights.reshape(*batch, num_concepts),
        kl=kl.reshape(batch),
        excess=excess.reshape(batch),
        mass_outside=mass_outside.reshape(batch),
    )


def tempered_predictive(
    inference: ExactInference, temperature: float
) -> Float[ndarray, "num_prompts num_positions vocab_size"]:
    """log p(next token) in nats of a Bayesian with w_θ ∝ p(θ) · p(prompt | θ)^τ, under a uniform prior."""
    if not temperature >= 0:
        raise UserError(f"the temperature of a tempered Bayesian must be at least 0, got {temperature}.")
    weights = _tempered_weights(inference, temperature)
    with np.errstate(divide="ignore"):
        return np.log(np.einsum("bpc,bpcv->bpv", weights, np.exp(inference.log_predictive_by_concept)))


def fit_temperature(
    log_lm: Float[ndarray, "num_prompts num_positions vocab_size"],
    inference: ExactInference,
    *,
    rng: np.random.Generator,
    num_resamples: int = 500,
) -> TemperatureFit:
    """Find the τ ≥ 0 that minimises the mean KL(p_LM ‖ tempered predictive), with a bootstrap interval over prompts.

    A prompt is drawn with all its positions, since its predictions are not independent.

    Raises
    ------
    UserError
        If a model gives no probability to the tokens that concepts can emit, or none was asked for a prediction.
    """
    if not log_lm.size:
        raise UserError(f"a temperature cannot be fitted without predictions; log_lm has shape {log_lm.shape}.")
    by_concept = np.exp(inference.log_predictive_by_concept)
    target, _ = _within_reach(log_lm, by_concept)

    def kl_by_prompt(temperature: float) -> Float[ndarray, " num_prompts"]:
        mixture = np.einsum("bpc,bpcv->bpv", _tempered_weights(inference, temperature), by_concept)
        return rel_entr(target, mixture).sum(axis=2).mean(axis=1)

    shares = rng.multinomial(len(target), np.full(len(target), 1 / len(target)), size=num_resamples) / len(target)
    grid = np.concatenate([[0.0], np.geomspace(1e-3, _HIGHEST_TEMPERATURE, 48)])
    curves = np.array([kl_by_prompt(temperature) for temperature in grid])
    mean_curve = curves.mean(axis=1)
    fine, fine_curves = grid, curves
    for _ in range(_ZOOMS):  # each time into the part where the resamples have their lowest points
        reached = np.append((shares @ fine_curves.T).argmin(axis=1), fine_curves.mean(axis=1).argmin())
        fine = np.linspace(fine[max(reached.min() - 1, 0)], fine[min(reached.max() + 1, len(fine) - 1)], 32)
        fine_curves = np.array([kl_by_prompt(temperature) for temperature in fine])
    resampled = _lowest(fine, shares @ fine_curves.T)
    best = float(_lowest(fine, fine_curves.mean(axis=1)[None])[0])
    open_to = grid[mean_curve <= mean_curve.min() + _FLAT]
    alone = Estimate(estimate=best, reason="one prompt only, so no interval")
    return TemperatureFit(
        temperature=_estimate(best, resampled, open_to) if len(target) > 1 else alone,
        kl=float(kl_by_prompt(best).mean()),
        kl_of_exact_bayes=float(kl_by_prompt(1.0).mean()),
    )


def _estimate(best: float, resampled: Float[ndarray, " num_resamples"], open_to: ndarray) -> Estimate:
    """Put an interval round the best τ that also covers every τ that the predictions leave open."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    reason = ""
    if len(open_to) > 1:
        low, high = min(low, open_to[0]), max(high, open_to[-1])
        reason = f"every temperature from {open_to[0]:.3g} to {open_to[-1]:.3g} fits alike"
    elif high >= _HIGHEST_TEMPERATURE:
        reason = f"no temperature above {_HIGHEST_TEMPERATURE:g} was tried"
    return Estimate(
        estimate=best, standard_error=float(resampled.std()), low=float(low), high=float(high), reason=reason
    )


def _lowest(
    grid: Float[ndarray, " num_points"], curves: Float[ndarray, "num_curves num_points"]
) -> Float[ndarray, " num_curves"]:
    """Vertex of the parabola through the lowest point of each curve and its neighbours on an even grid."""
    at = curves.argmin(axis=1)
    inner = np.clip(at, 1, len(grid) - 2)
    rows = np.arange(len(curves))
    before, middle, after = (curves[rows, inner + step] for step in (-1, 0, 1))
    bend = before - 2 * middle + after
    shift = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
    vertex = grid[inner] + np.clip(shift, -1, 1) * (grid[1] - grid[0])
    return np.where(at == inner, vertex, grid[at])


def _tempered_weights(
    inference: ExactInference, temperature: float
) -> Float[ndarray, "num_prompts num_positions num_concepts"]:
    """w_θ ∝ p(prompt | θ)^τ; a concept that cannot have made the prompt has weight 0 at every τ."""
    evidence = inference.log_evidence[:, inference.positions]
    possible = np.isfinite(evidence)
    return softmax(np.where(possible, temperature * np.where(possible, evidence, 0.0), -np.inf), axis=2)


def _within_reach(
    log_lm: Float[ndarray, "*batch vocab_size"], by_concept: Float[ndarray, "*batch num_concepts vocab_size"]
) -> tuple[Float[ndarray, "*batch vocab_size"], Float[ndarray, "*batch"]]:
    """Renormalise a model's predictions over the tokens that some concept can emit, and say what lay outside."""
    probability = np.exp(log_lm.astype(float))
    total = probability.sum(axis=-1)
    if not (total <= 1 + 1e-3).all():
        raise UserError(f"log_lm must hold log-probabilities, but those of one prediction sum to {total.max():.3g}.")
    within = probability * (by_concept > 0).any(axis=-2)
    mass = within.sum(axis=-1, keepdims=True)
    if not (mass > 0).all():
        raise UserError(
            f"the model gives no probability to any token that a concept can emit in {(mass == 0).sum()} predictions; "
            "was it trained on another family?"
        )
    return within / mass, np.clip(1 - mass[..., 0], 0, 1)


def _descend(target, by_concept, weights, excess, tolerance, most_steps):
    """Improve each row of `weights` by EM until `excess` is within `tolerance`; plain loops, to be compiled.

    EM multiplies w_θ by factor_θ = Σ_v p(v) · p_θ(v) / mixture(v). Raising the factors to a power that grows while the
    KL falls, and going back to plain EM when it does not, takes tens of steps where EM takes thousands.
    KL(w) − KL(w*) ≤ log max_θ factor_θ by Jensen, and ≤ KL(w) since KL(w*) ≥ 0: so a step says how much is left.
    """
    num_concepts, vocab_size = by_concept.shape[1:]
    ratio, factor = np.empty(vocab_size), np.empty(num_concepts)
    before, factor_before = np.empty(num_concepts), np.empty(num_concepts)
    for row in range(len(target)):
        power, lowest = 1.0, np.inf
        for _ in range(most_steps):
            kl = 0.0
            for token in range(vocab_size):
                ratio[token] = 0.0
                if target[row, token] > 0.0:
                    mixture = 0.0
                    for concept in range(num_concepts):
                        mixture += weights[row, concept] * by_concept[row, concept, token]
                    ratio[token] = target[row, token] / mixture
                    kl += target[row, token] * np.log(ratio[token])
            if kl > lowest and power > 1.0:
                power = 1.0
                weights[row] = before * factor_before
                continue
            lowest = kl
            for concept in range(num_concepts):
                factor[concept] = (ratio * by_concept[row, concept]).sum()
            excess[row] = max(0.0, min(kl, np.log(factor.max())))
            if excess[row] <= tolerance:
                break
            power *= 1.5
            before[:], factor_before[:] = weights[row], factor
            weights[row] *= factor**power
            weights[row] /= weights[row].sum()
