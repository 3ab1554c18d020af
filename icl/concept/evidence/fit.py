"""Fit the evidence decomposition: one DataTree that holds everything that plots and checks need."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from icl.concept.evidence import EVIDENCE
from icl.concept.evidence.design import EvidenceDesign, evidence_design
from icl.concept.evidence.model import compile_evidence
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS, EvidencePriors
from icl.concept.evidence.simulate import draw_counts, draw_prior, draw_walk, expected_accuracy
from icl.concept.observation import OBSERVATIONS
from icl.concept.sampler import CHECKING, COMPILING, SAMPLE_STATS, Effort, Stages, import_sampler, record_of, stage

__all__ = ["constant_data", "fit_evidence", "in_dims", "log_likelihood"]

_PRIOR_DRAWS = 2000
_INTERNAL = ("_unit", "_logit")
"""Ends of the names of what only the sampler needs."""


def fit_evidence(
    cells: pd.DataFrame,
    *,
    priors: EvidencePriors = DEFAULT_EVIDENCE_PRIORS,
    concepts: int = 2,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int,
    progress: Stages | None = None,
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
        Called as a fit goes from stage to stage, and with the draws done.

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
    effort = Effort(draws=draws, tune=tune, chains=chains)
    design = evidence_design(cells)
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(3)]
    started = time.perf_counter()
    import_sampler(progress)
    stage(progress, COMPILING)
    machine = compile_evidence(cells, priors, concepts=concepts)
    sampling = time.perf_counter()
    trace = machine.fit(effort, seed=seeds[1], progress=progress).trace
    sampled = time.perf_counter()
    stage(progress, CHECKING)
    posterior = _reported(trace["posterior"].to_dataset())
    prior = _prior(design, priors, concepts, np.random.default_rng(seeds[0]))
    result = xr.DataTree.from_dict(
        {
            "prior": prior,
            "prior_predictive": _predictive(design, prior, np.random.default_rng(seeds[0] + 1)),
            "posterior": posterior,
            "sample_stats": trace["sample_stats"].to_dataset()[list(SAMPLE_STATS)],
            "posterior_predictive": _predictive(design, posterior, np.random.default_rng(seeds[2])),
            "log_likelihood": _of_cells(design, log_likelihood(design, posterior, design.observed())),
            "observed_data": xr.Dataset({"num_correct": ("cell", design.observed())}),
            "constant_data": constant_data(design),
        }
    )
    result.attrs = {"account": EVIDENCE, "concepts": concepts, "priors": json.dumps(asdict(priors))}
    result.attrs |= {"normalisation": cells.attrs.get("normalisation", "")}
    result.attrs |= record_of(effort, seed=seed, started=started, sampling=sampling, sampled=sampled)
    return result


def log_likelihood(design: EvidenceDesign, draws: xr.Dataset, observed: ndarray) -> ndarray:
    """Log density of each cell's count given its accuracy, (chain, draw, cell)."""
    values = {"log_precision": draws["log_precision"].to_numpy()[..., design.cell_series]}
    return OBSERVATIONS["counts"].log_density(draws["accuracy"].to_numpy(), values, design.cells, observed)


def _reported(posterior: xr.Dataset) -> xr.Dataset:
    """Leave out what only the sampler needs."""
    inner = [str(name) for name in posterior.data_vars if str(name).endswith(_INTERNAL)]
    return posterior.drop_vars(inner).drop_dims("step", errors="ignore")


def _prior(design: EvidenceDesign, priors: EvidencePriors, concepts: int, rng: np.random.Generator) -> xr.Dataset:
    drawn = draw_prior(design, priors, concepts=concepts, num_draws=_PRIOR_DRAWS, rng=rng)
    walk = draw_walk(design, drawn["walk_deviation"], rng)
    return in_dims(design, drawn | {"accuracy": expected_accuracy(design.cells, drawn, walk)}, chains=1)


def in_dims(design: EvidenceDesign, draws: Mapping[str, ndarray], *, chains: int) -> xr.Dataset:
    """Name the dimensions of draws: name → (chain × draw, series, style or cell)."""
    dims = {"noise": "style", "start_log_odds": "style", "accuracy": "cell"}
    variables = {
        name: (("chain", "draw", dims.get(name, "series")), values.reshape(chains, -1, values.shape[-1]))
        for name, values in draws.items()
    }
    return xr.Dataset(variables, coords={name: design.coords[name] for name in ("series", "style", "cell")})


def _predictive(design: EvidenceDesign, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    counts = draw_counts(design, draws["accuracy"].to_numpy(), draws["log_precision"].to_numpy(), rng)
    return _of_cells(design, counts)


def _of_cells(design: EvidenceDesign, values: ndarray) -> xr.Dataset:
    return xr.Dataset({"num_correct": (("chain", "draw", "cell"), values)}, coords={"cell": design.coords["cell"]})


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
