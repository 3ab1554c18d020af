"""The evidence decomposition of real tasks: what inputs, label words and right labels of a demonstration each bring.

After n demonstrations the log-odds of *this task* against *no task* are (science §7.2; Min §5)

    ℓ = ℓ₀ + n·(α·[task inputs] + β·[label space] + γ·λ(ρ) − ν[format]) + W,
    λ(ρ) = ρ·log((1 − η)·m) + (1 − ρ)·log(η·m/(m − 1)),

W the walk of a demonstration set, Normal(0, σ²·n) and shared by all that is asked behind it. Accuracy is a mixture
over concepts: *skill* under the task, a base rate near chance under no task and, with three concepts,
(1 − skill)/(m − 1) under the *permuted* one, whose log-odds are ℓ − δ with λ taken at the share of labels that agree
with the permutation. Counts are Beta-binomial. δ ≥ 0 and skill ≥ base keep the concepts from switching labels.
Series (a model on a task) have parameters of their own each and are independent. Deliberately not expressed: evidence
that saturates with n; that one part makes another worth more; queries that differ in difficulty, or that all conditions
share, so that small differences between conditions are known better than here. Misfit shows in the posterior predictive
check.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy import ndarray

from icl.concept.compiled import Fitted
from icl.concept.density import Density, compile_density
from icl.concept.evidence.layout import EvidenceLayout, evidence_layout
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS, EvidencePriors
from icl.concept.evidence.simulate import PARAMETERS
from icl.concept.sampler import Effort, Stages, sample
from icl.errors import UserError

if TYPE_CHECKING:
    import pymc

__all__ = ["REPORTED", "CompiledEvidence", "build_evidence_model", "check_concepts", "compile_evidence"]

REPORTED = (*PARAMETERS, "permuted_gap", "labels", "wrong_labels", "accuracy")
"""What a fit keeps of the model's variables; the permuted concept's δ is there only where there is that concept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledEvidence:
    """The density of the model of a table of cells."""

    density: Density

    def fit(
        self, effort: Effort, *, seed: int, observed: ndarray | None = None, progress: Stages | None = None
    ) -> Fitted:
        """Sample the posterior, of other counts of right answers than the table's where they are given.

        Raises
        ------
        RuntimeError
            If the sampler finds no place to start from.
        """
        density = self.density if observed is None else self.density.with_data(observed=observed)
        return Fitted(trace=sample(density, effort, seed=seed, progress=progress))


def compile_evidence(
    cells: pd.DataFrame, priors: EvidencePriors = DEFAULT_EVIDENCE_PRIORS, *, concepts: int = 2
) -> CompiledEvidence:
    """Compile the model of a table of cells; errors are those of `build_evidence_model`."""
    return CompiledEvidence(density=compile_density(build_evidence_model(cells, priors, concepts=concepts)))


def check_concepts(concepts: int) -> None:
    """Refuse another number of concepts than the model has.

    Raises
    ------
    UserError
        If there are not 2 or 3.
    """
    if concepts not in (2, 3):
        raise UserError(f"concepts must be 2 (task, no task) or 3 (a permuted task as well), got {concepts}.")


def build_evidence_model(
    cells: pd.DataFrame, priors: EvidencePriors = DEFAULT_EVIDENCE_PRIORS, *, concepts: int = 2
) -> "pymc.Model":
    """Build the model over a table of cells; sampling is the business of `icl.concept.fit`.

    Its quantities are `inputs`, `label_space`, `label_weight`, `labels` = γ·λ(1) and `wrong_labels` =
    γ·(λ(1) − λ(0)) by series, and `noise` by style (a series' format); all but `label_weight` are nats per
    demonstration.

    Raises
    ------
    UserError
        If the cells could not tell what a demonstration brings, or there are not 2 or 3 concepts.
    """
    import pymc as pm
    import pytensor.tensor as pt

    check_concepts(concepts)
    layout = evidence_layout(cells)
    cells, series = layout.cells, layout.cell_series
    n = cells["num_shots"].to_numpy(dtype=float)
    wrong = 1 - cells["share_correct"].to_numpy(dtype=float, na_value=1.0)
    unpermuted = 1 - cells["share_permuted"].to_numpy(dtype=float, na_value=1.0)

    with pm.Model(coords=layout.coords) as model:
        part = _parts(layout, priors)
        rest = part["inputs"][series] * cells["has_inputs"].to_numpy(dtype=float)
        rest = rest + part["label_space"][series] * cells["has_label_space"].to_numpy(dtype=float)
        rest = rest - part["noise"][layout.cell_style]

        def drift(broken):
            """Nats per demonstration for a mapping that this share of the labels does not follow."""
            return rest + layout.has_labels * (part["labels"][series] - broken * part["wrong_labels"][series])

        start = pm.Normal("start_log_odds", 0.0, priors.start_spread, dims="style")
        before = start[layout.cell_style] + _walk(layout, priors)
        log_odds = [pt.zeros_like(before), before + n * drift(wrong)]
        base_logit = pm.Normal(
            "base_logit", -np.log(layout.series["num_labels"] - 1), priors.base_spread, dims="series"
        )
        base = pm.Deterministic("base", pm.math.sigmoid(base_logit), dims="series")
        skill_logit = pm.Normal("skill_logit", priors.skill_mean, priors.skill_spread, dims="series")
        skill = pm.Deterministic("skill", base + (1 - base) * pm.math.sigmoid(skill_logit), dims="series")
        levels = [base[series], skill[series]]
        if concepts == 3:
            gap = priors.permuted_gap * _half_normal("permuted_gap_unit", 1.0, "series")
            gap = pm.Deterministic("permuted_gap", gap, dims="series")
            log_odds.append(before - gap[series] + n * drift(unpermuted))
            levels.append((1 - skill[series]) / (cells["num_labels"].to_numpy(dtype=float) - 1))
        probability = pm.math.softmax(pt.stack(log_odds, axis=1), axis=1)
        accuracy = pm.Deterministic("accuracy", (probability * pt.stack(levels, axis=1)).sum(axis=1), dims="cell")
        log_precision = pm.Normal("log_precision", priors.precision_mean, priors.precision_spread, dims="series")
        precision = pm.math.exp(log_precision)[series]
        pm.BetaBinomial(
            "num_correct",
            n=cells["num_prompts"].to_numpy(),
            alpha=accuracy * precision,
            beta=(1 - accuracy) * precision,
            observed=pm.Data("observed", cells["num_correct"].to_numpy(), dims="cell"),
            dims="cell",
        )
    return model


def _parts(layout: EvidenceLayout, priors: EvidencePriors) -> dict:
    """α, β by series and ν by style, γλ(1) and γ(λ(1) − λ(0)) by series."""
    import pymc as pm

    found = {}
    for name, dim in {"inputs": "series", "label_space": "series", "noise": "style"}.items():
        value = getattr(priors, name) * _half_normal(f"{name}_unit", 1.0, dim)
        found[name] = pm.Deterministic(name, value, dims=dim)
    return found | _label_terms(layout, priors)


def _half_normal(name: str, scale, *dims: str):
    """Half-normal; softplus, not exp, keeps the ridges between components straight."""
    import pymc as pm

    softplus = pm.distributions.transforms.LogExpM1()
    softplus.name = "softplus"  # PyMC 6.4's compute_log_likelihood stumbles over the underscores of its own name
    return pm.HalfNormal(name, scale, dims=dims or None, default_transform=softplus)


def _label_terms(layout: EvidenceLayout, priors: EvidencePriors) -> dict:
    """γ·λ(1), what a right label brings, and γ·(λ(1) − λ(0)), what is lost where it is wrong."""
    import pymc as pm

    most = 1 - 1 / layout.series["num_labels"].to_numpy(dtype=float)  # at η = 1 − 1/m labels tell nothing
    middle = np.log(priors.label_noise_median / (1 - priors.label_noise_median))
    logit = pm.Normal("label_noise_logit", middle, priors.label_noise_spread, dims="series")
    noise = pm.Deterministic("label_noise", most * pm.math.sigmoid(logit), dims="series")
    right = pm.math.log((1 - noise) / (1 - most))
    lost = pm.math.log((1 - noise) / noise * most / (1 - most))
    # The data know γ·(λ(1) − λ(0)) far better than γ or η, so that is what is sampled; γ stays half-normal.
    wrong = _half_normal("wrong_labels", priors.label_weight * lost, "series")
    weight = pm.Deterministic("label_weight", wrong / lost, dims="series")
    return {"labels": pm.Deterministic("labels", weight * right, dims="series"), "wrong_labels": wrong}


def _walk(layout: EvidenceLayout, priors: EvidencePriors):
    """W of each cell: the sum of its demonstration set's steps, each with variance σ² per demonstration."""
    import pymc as pm

    sd = pm.LogNormal("walk_deviation", np.log(priors.walk_median), priors.walk_spread, dims="series")
    step = sd[layout.walk_series] * pm.Normal("walk_unit", 0.0, 1.0, dims="step")
    return (step[layout.cell_walk] * layout.cell_walk_length).sum(axis=1)
