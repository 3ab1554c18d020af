"""Leave one unit out: Pareto-smoothed importance sampling, and an honest refit wherever that cannot be trusted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icl.concept.compiled import Compiled
from icl.concept.marginal import Units, unit_log_likelihood
from icl.concept.sampler import Effort
from icl.concept.scoring import log_mean_exp, log_mean_exp_error

__all__ = ["MAX_DRAWS", "MAX_REFITS", "REFIT_RHAT", "LeaveOneOut", "leave_one_out"]

MAX_DRAWS = 1000
"""Draws that integrals over demonstration sets are worked out for; more would cost time and tell nothing."""

MAX_REFITS = 20
"""Refits of one account at most, unless told."""

REFIT_RHAT = 1.05
"""A refit whose chains disagree by more is counted as not converged; it has half the draws of the fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut:
    """How well an account predicts each unit from all the others.

    Attributes
    ----------
    elpd
        Log predictive density of each unit, nats.
    pareto_k
        How far importance sampling can be trusted, before refits; below `threshold` it can.
    threshold
        min(1 − 1 ÷ log₁₀ draws, 0.7): Vehtari, Simpson, Gelman, Yao, Gabry 2024, Pareto smoothed importance sampling.
    refitted
        Whether the unit's elpd comes from a fit without it.
    unreliable
        Whether it should have, and does not; or its refit did not converge.
    error
        Monte-Carlo standard error of a refit's elpd, nats; NaN where not refitted.
    num_parameters
        Effective number of parameters: log density of the units that were seen minus elpd.
    """

    elpd: Float[ndarray, " num_units"]
    pareto_k: Float[ndarray, " num_units"]
    threshold: float
    refitted: Bool[ndarray, " num_units"]
    unreliable: Bool[ndarray, " num_units"]
    error: Float[ndarray, " num_units"]
    num_parameters: float


def leave_one_out(
    machine: Compiled,
    nodes: Mapping[str, ndarray],
    units: Units,
    *,
    effort: Effort,
    seed: int,
    max_refits: int = MAX_REFITS,
    progress: Callable[[str], None] | None = None,
) -> LeaveOneOut:
    """Score each unit by draws that were made without it.

    Parameters
    ----------
    machine
        The compiled account.
    nodes
        Its draws, made with every cell seen.
    units
        What is left out at once.
    effort, seed
        Of the fit; a refit makes half the draws.
    max_refits
        How many units are refitted at most, the least trustworthy first.
    progress
        Called with a sentence before each refit.
    """
    density = unit_log_likelihood(machine.layout, _thin(nodes, effort.chains), units)
    elpd, pareto_k, threshold = _importance(density, effort.chains)
    doubtful = np.flatnonzero(~(pareto_k <= threshold))
    doubtful = doubtful[np.argsort(-np.nan_to_num(pareto_k[doubtful], nan=np.inf), kind="stable")]
    refitted, unreliable = np.zeros(len(elpd), dtype=bool), np.zeros(len(elpd), dtype=bool)
    unreliable[doubtful] = True
    error = np.full(len(elpd), np.nan)
    half = replace(effort, draws=max(4, effort.draws // 2))
    for number, unit in enumerate(doubtful[:max_refits]):
        if progress is not None:
            progress(f"fit without {units.labels[unit]} ({number + 1} of {min(len(doubtful), max_refits)})")
        again = machine.fit(half, seed=seed + 1 + number, seen=units.of_cell != unit)
        unseen = unit_log_likelihood(machine.layout, _thin(again.nodes, effort.chains), units)[:, [unit]]
        elpd[unit], error[unit] = log_mean_exp(unseen)[0], log_mean_exp_error(unseen)[0]
        refitted[unit], unreliable[unit] = True, again.diagnosis.max_rhat > REFIT_RHAT
    return LeaveOneOut(
        elpd=elpd,
        pareto_k=pareto_k,
        threshold=threshold,
        refitted=refitted,
        unreliable=unreliable,
        error=error,
        num_parameters=float((log_mean_exp(density) - elpd).sum()),
    )


def _thin(nodes: Mapping[str, ndarray], chains: int) -> dict[str, ndarray]:
    """Keep every j-th draw of each chain where integrals would cost too much; no sets, no integrals."""
    total = len(next(iter(nodes.values())))
    if "set_spread" not in nodes or total <= MAX_DRAWS:
        return dict(nodes)
    step = -(-total // MAX_DRAWS)
    return {
        name: values.reshape(chains, -1, *values.shape[1:])[:, ::step].reshape(-1, *values.shape[1:])
        for name, values in nodes.items()
    }


def _importance(density: Float[ndarray, "num_draws num_units"], chains: int) -> tuple[ndarray, ndarray, float]:
    """Weigh the draws as if each unit had not been seen: elpd, Pareto k, and up to which k that may be trusted."""
    import warnings

    import arviz as az
    import xarray as xr

    values = xr.Dataset({"unit": (("chain", "draw", "unit_label"), density.reshape(chains, -1, density.shape[1]))})
    tree = xr.DataTree.from_dict({"posterior": values, "log_likelihood": values})
    efficiency = float(az.ess(np.exp(values - values.max(("chain", "draw"))), method="mean")["unit"].mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # large k is what refits are for
        found = az.loo(tree, pointwise=True, var_name="unit", reff=min(1.0, efficiency / len(density)))
    return found.elpd_i.to_numpy().copy(), found.pareto_k.to_numpy().copy(), float(found.good_k)
