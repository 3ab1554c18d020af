"""The evidence decomposition of real tasks: what inputs, label words and right labels of a demonstration each bring.

After n demonstrations the log-odds of *this task* against *no task* are (science §7.2; Min §5)

    ℓ = ℓ₀ + n·(α·[task inputs] + β·[label space] + γ·λ(ρ) − ν[format]) + W,
    λ(ρ) = ρ·log((1 − η)·m) + (1 − ρ)·log(η·m/(m − 1)),

W the walk of a demonstration set, Normal(0, σ²·n) and shared by all that is asked behind it. Accuracy is a mixture
over concepts: *skill* under the task, a base rate near chance under no task and, with three concepts,
(1 − skill)/(m − 1) under the *permuted* one, whose log-odds are ℓ − δ with λ taken at the share of labels that agree
with the permutation. Counts are Beta-binomial. δ ≥ 0 and skill ≥ base keep the concepts from switching labels.
Deliberately not expressed: evidence that saturates with n; that one part makes another worth more; queries that differ
in difficulty, or that all conditions share, so that small differences between conditions are known better than here.
Misfit shows in the posterior predictive check.
"""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from icl.concept.evidence.design import EvidenceDesign, evidence_design
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS, EvidencePriors
from icl.concept.sampler import SAMPLE_STATS, Effort, quiet, record_of, sample
from icl.errors import UserError

if TYPE_CHECKING:
    import pymc

__all__ = ["build_evidence_model", "constant_data", "fit_evidence"]

_PRIOR_DRAWS = 2000
_INTERNAL = ("_unit", "_mean", "_ratio")


def build_evidence_model(
    cells: pd.DataFrame, priors: EvidencePriors = DEFAULT_EVIDENCE_PRIORS, *, concepts: int = 2
) -> "pymc.Model":
    """Build the model over a table of cells; sampling is `fit_evidence`'s business.

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

    if concepts not in (2, 3):
        raise UserError(f"there are 2 concepts (task, no task) or 3 (and the permuted task), got {concepts}.")
    design = evidence_design(cells)
    cells, series = design.cells, design.cell_series
    n = cells["num_shots"].to_numpy(dtype=float)
    wrong = 1 - cells["share_correct"].to_numpy(dtype=float, na_value=1.0)
    unpermuted = 1 - cells["share_permuted"].to_numpy(dtype=float, na_value=1.0)

    with pm.Model(coords=design.coords) as model:
        part = _parts(design, priors)
        rest = part["inputs"][series] * cells["has_inputs"].to_numpy(dtype=float)
        rest = rest + part["label_space"][series] * cells["has_label_space"].to_numpy(dtype=float)
        rest = rest - part["noise"][design.cell_style]

        def drift(broken):
            """Nats per demonstration for a mapping that this share of the labels does not follow."""
            return rest + design.has_labels * (part["labels"][series] - broken * part["wrong_labels"][series])

        start = pm.Normal("start_log_odds", 0.0, priors.start_spread, dims="style")
        before = start[design.cell_style] + _walk(design, priors)
        log_odds = [pt.zeros_like(before), before + n * drift(wrong)]
        base_logit = pm.Normal(
            "base_logit", -np.log(design.series["num_labels"] - 1), priors.base_spread, dims="series"
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
            observed=cells["num_correct"].to_numpy(),
            dims="cell",
        )
    return model


def _parts(design: EvidenceDesign, priors: EvidencePriors) -> dict:
    """α, β by series and ν by style, γλ(1) and γ(λ(1) − λ(0)) by series; series scatter about a common value."""
    import pymc as pm

    dims = {"inputs": "series", "label_space": "series", "noise": "style"}
    several = len(design.series) > 1
    scatter = pm.LogNormal("scatter", np.log(priors.scatter_median), priors.scatter_spread) if several else None
    found = {}
    for name, dim in dims.items():
        if scatter is None:
            value = getattr(priors, name) * _half_normal(f"{name}_unit", 1.0, dim)
        else:
            value = _scattered(name, getattr(priors, name), scatter, dim)
        found[name] = pm.Deterministic(name, value, dims=dim)
    return found | _label_terms(design, priors, scatter)


def _half_normal(name: str, scale, *dims: str):
    """Half-normal; softplus, not exp, keeps the ridges between components straight."""
    import pymc as pm

    softplus = pm.distributions.transforms.LogExpM1()
    softplus.name = "softplus"  # PyMC 6.4's compute_log_likelihood stumbles over the underscores of its own name
    return pm.HalfNormal(name, scale, dims=dims or None, default_transform=softplus)


def _scattered(name: str, scale: float, scatter, dim: str):
    """Values that scatter by factors about a common half-normal one."""
    import pymc as pm

    ratio = pm.Normal(f"{name}_ratio", 0.0, 1.0, dims=dim)
    return scale * _half_normal(f"{name}_mean", 1.0) * pm.math.exp(scatter * ratio)


def _label_terms(design: EvidenceDesign, priors: EvidencePriors, scatter) -> dict:
    """γ·λ(1), what a right label brings, and γ·(λ(1) − λ(0)), what is lost where it is wrong."""
    import pymc as pm

    most = 1 - 1 / design.series["num_labels"].to_numpy(dtype=float)  # at η = 1 − 1/m labels tell nothing
    middle = np.log(priors.label_noise_median / (1 - priors.label_noise_median))
    logit = pm.Normal("label_noise_logit", middle, priors.label_noise_spread, dims="series")
    noise = pm.Deterministic("label_noise", most * pm.math.sigmoid(logit), dims="series")
    right = pm.math.log((1 - noise) / (1 - most))
    lost = pm.math.log((1 - noise) / noise * most / (1 - most))
    if scatter is None:
        # The data know γ·(λ(1) − λ(0)) far better than γ or η, so that is what is sampled; γ stays half-normal.
        wrong = _half_normal("wrong_labels", priors.label_weight * lost, "series")
        weight = pm.Deterministic("label_weight", wrong / lost, dims="series")
    else:
        weight = _scattered("label_weight", priors.label_weight, scatter, "series")
        weight = pm.Deterministic("label_weight", weight, dims="series")
        wrong = pm.Deterministic("wrong_labels", weight * lost, dims="series")
    return {"labels": pm.Deterministic("labels", weight * right, dims="series"), "wrong_labels": wrong}


def _walk(design: EvidenceDesign, priors: EvidencePriors):
    """W of each cell: the sum of its demonstration set's steps, each with variance σ² per demonstration."""
    import pymc as pm

    sd = pm.LogNormal("walk_deviation", np.log(priors.walk_median), priors.walk_spread, dims="series")
    step = sd[design.walk_series] * pm.Normal("walk_unit", 0.0, 1.0, dims="step")
    return (step[design.cell_walk] * design.cell_walk_length).sum(axis=1)


def fit_evidence(
    cells: pd.DataFrame,
    *,
    priors: EvidencePriors = DEFAULT_EVIDENCE_PRIORS,
    concepts: int = 2,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int,
    progress: bool = False,
) -> xr.DataTree:
    """Sample the posterior of the evidence decomposition with nutpie.

    Parameters
    ----------
    cells
        From `icl.concept.evidence.design.evidence_cells`; of one or several models and tasks.
    concepts
        2: this task and no task; 3: and the permuted task, for runs that permute labels.
    draws, tune, chains
        Kept draws and tuning draws of each chain, and their number: two or more, so that they can disagree.
    seed
        Seed of prior draws, sampler and predictive draws.
    progress
        Whether nutpie shows a progress bar.

    Returns
    -------
    xr.DataTree
        Groups prior, prior_predictive, posterior, sample_stats, posterior_predictive, log_likelihood, observed_data and
        constant_data (the cells); the root's attrs tell what was asked, by which versions it was answered, and in how
        many seconds. `icl.concept.diagnose.diagnose` says whether it may be read,
        `icl.concept.evidence.summary.summarise_evidence` what it says.

    Raises
    ------
    UserError
        If the cells could not tell what a demonstration brings, or the sampler's numbers make no sense.
    """
    import nutpie
    import pymc as pm

    effort = Effort(draws=draws, tune=tune, chains=chains)
    model = build_evidence_model(cells, priors, concepts=concepts)
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(3)]
    plain = {"mode": "FAST_COMPILE"}  # compiling would take longer than the few predictive draws do
    started = time.perf_counter()
    with quiet("pymc"):
        prior = pm.sample_prior_predictive(_PRIOR_DRAWS, model=model, random_seed=seeds[0], compile_kwargs=plain)
        compiled = nutpie.compile_pymc_model(model)
        sampling = time.perf_counter()
        tree = sample(compiled, effort, seed=seeds[1], progress=progress)
        sampled = time.perf_counter()
        predictive = pm.sample_posterior_predictive(
            tree,
            model=model,
            var_names=["num_correct"],
            random_seed=seeds[2],
            progressbar=False,
            compile_kwargs=plain,
        )
        likelihood = pm.compute_log_likelihood(tree, model=model, extend_inferencedata=False, progressbar=False)
    groups = {
        "prior": _named(prior["prior"].to_dataset()),
        "prior_predictive": prior["prior_predictive"].to_dataset(),
        "posterior": _named(tree["posterior"].to_dataset()),
        "sample_stats": tree["sample_stats"].to_dataset()[list(SAMPLE_STATS)],
        "posterior_predictive": predictive["posterior_predictive"].to_dataset(),
        "log_likelihood": (
            likelihood if isinstance(likelihood, xr.Dataset) else likelihood["log_likelihood"].to_dataset()
        ),
        "observed_data": prior["observed_data"].to_dataset(),
        "constant_data": constant_data(evidence_design(cells)),
    }
    result = xr.DataTree.from_dict(groups)
    result.attrs = {"account": "evidence", "concepts": concepts, "priors": json.dumps(asdict(priors))}
    result.attrs |= {"normalisation": cells.attrs.get("normalisation", "")}
    result.attrs |= record_of(effort, seed=seed, started=started, sampling=sampling, sampled=sampled)
    return result


def _named(dataset: xr.Dataset) -> xr.Dataset:
    """Leave out what only the sampler needs."""
    inner = [str(name) for name in dataset.data_vars if str(name).endswith(_INTERNAL)]
    return dataset.drop_vars(inner).drop_dims("step", errors="ignore")


def constant_data(design: EvidenceDesign) -> xr.Dataset:
    """Lay out what a fit keeps of its cells: what they showed, what was counted, whose they are."""
    cells, coords = design.cells, design.coords
    variables: dict[str, tuple[str, np.ndarray]] = {
        name: ("cell", cells[name].to_numpy(dtype=np.str_ if cells[name].dtype == "str" else None))
        for name in ("num_shots", "num_correct", "num_prompts", "num_labels", "share_correct", "share_permuted")
    }
    variables |= {name: ("cell", cells[name].to_numpy()) for name in ("has_inputs", "has_label_space")}
    text = ("model", "task", "demonstration_set_id", "label_mode", "input_mode", "balance", "format")
    variables |= {f"cell_{name}": ("cell", cells[name].to_numpy(dtype=np.str_)) for name in text}
    variables |= {
        "cell_example_length": ("cell", np.full(len(cells), np.nan)),
        "cell_series": ("cell", design.cell_series),
        "cell_style": ("cell", design.cell_style),
        "style_series": ("style", design.style_series),
        "series_num_labels": ("series", design.series["num_labels"].to_numpy()),
        "style_format": ("style", design.styles["format"].to_numpy(dtype=np.str_)),
    }
    variables |= {
        f"series_{name}": ("series", design.series[name].to_numpy(dtype=np.str_)) for name in ("model", "task")
    }
    return xr.Dataset(variables, coords={name: coords[name] for name in ("series", "style", "cell")})
