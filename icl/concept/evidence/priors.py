"""Priors of the evidence decomposition, each a number with its rationale."""

from dataclasses import dataclass

__all__ = ["DEFAULT_EVIDENCE_PRIORS", "EvidencePriors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePriors:
    """Every prior as a number, with its reason.

    Attributes
    ----------
    inputs, label_space
        Half-normal scales of α and β, nats per demonstration: half a nat each settles most queries in five shots.
    label_weight
        Half-normal scale of γ: 1 uses each label as an exact Bayesian would, 0 not at all.
    noise
        Half-normal scale of ν, nats per demonstration: as much as α and β together, so that curves may fall.
    label_noise_median, label_noise_spread
        η ÷ (1 − 1/m), normal on the logit scale: a concept takes about one label in ten (m = 2) for wrong, between
        one in fifty and one in four; data sets have 3 % wrong labels and more (Northcutt et al. 2021).
    start_spread
        sd of ℓ₀ about 0, nats: without demonstrations anything from 8 % to 92 % for the task is plausible.
    permuted_gap
        Half-normal scale of δ, nats: before any demonstration the permuted task is never the likelier one.
    base_spread
        sd of logit(base) about logit(1/m): answers without a task are near chance, but query labels are not balanced.
    skill_mean, skill_spread
        Normal of logit((skill − base) ÷ (1 − base)): most of the way up, 40 % to 97 % plausible.
    walk_median, walk_spread
        Lognormal of σ, nats per √demonstration: sets of 16 differ by about 0.8 nats; it keeps away from 0, where the
        walks' own scale would vanish.
    precision_mean, precision_spread
        Normal of log φ: a few points between repetitions beyond chance; the spread admits pure binomial counts.
    """

    inputs: float = 0.5
    label_space: float = 0.5
    label_weight: float = 1.0
    noise: float = 1.0
    label_noise_median: float = 0.2
    label_noise_spread: float = 0.8
    start_spread: float = 1.5
    permuted_gap: float = 2.0
    base_spread: float = 0.3
    skill_mean: float = 1.5
    skill_spread: float = 1.0
    walk_median: float = 0.2
    walk_spread: float = 0.7
    precision_mean: float = 6.0
    precision_spread: float = 1.5


DEFAULT_EVIDENCE_PRIORS = EvidencePriors()
