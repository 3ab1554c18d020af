"""May this fit be read? Convergence in plain words, and whether the account could have produced the data."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from icl.factors import condition_columns

__all__ = [
    "MAX_DIVERGENCE_SHARE",
    "MAX_RHAT",
    "MIN_ESS_BULK",
    "Diagnosis",
    "diagnose",
    "largest_rhat",
    "posterior_predictive_check",
    "prior_predictive_check",
]

MAX_RHAT = 1.01
"""Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, Rank-normalization … An improved R-hat, §4."""

MIN_ESS_BULK = 400
"""Same source: below 400 effective draws, R-hat and interval ends are themselves too noisy."""

MAX_DIVERGENCE_SHARE = 0.001
"""A handful in thousands is a false alarm of a long trajectory; more means a corner that was not explored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Whether the chains of a fit agree, in numbers and in words.

    Attributes
    ----------
    divergences, divergence_share
        Trajectories that went astray, and their share of all kept draws.
    max_rhat
        Largest R-hat: how much wider all chains together spread than each alone; 1 where they agree.
    min_ess_bulk
        Smallest effective number of draws.
    worst_variable
        The quantity that has the largest R-hat, with its coordinates.
    converged
        Whether all three lie within this module's limits.
    sentences
        The same for a newcomer.
    """

    divergences: int
    divergence_share: float
    max_rhat: float
    min_ess_bulk: float
    worst_variable: str
    converged: bool
    sentences: tuple[str, ...]


def largest_rhat(quantities: xr.Dataset) -> float:
    """Largest R-hat of quantities by chain and draw; those that never moved are left out."""
    import arviz as az

    with np.errstate(invalid="ignore", divide="ignore"):
        found = az.rhat(quantities)
    return max(float(values.max()) for values in found.data_vars.values() if values.notnull().any())


def diagnose(tree: xr.DataTree) -> Diagnosis:
    """Judge a fit by divergences, R-hat and effective draws of every stored quantity."""
    import arviz as az

    posterior = tree["posterior"].to_dataset()
    with np.errstate(invalid="ignore", divide="ignore"):  # a quantity that never moved: handled below
        rhat, ess = _flat(az.rhat(posterior)), _flat(az.ess(posterior, method="bulk"))
    diverging = tree["sample_stats"]["diverging"].to_numpy()
    divergences, share = int(diverging.sum()), float(diverging.mean())
    # No R-hat is the worst case, not a missing one.
    worst = str(rhat.fillna(np.inf).idxmax())
    max_rhat = float(rhat.fillna(np.inf).max())
    min_ess = float(ess.fillna(0.0).min())

    chains = posterior.sizes["chain"]
    troubles = []
    if max_rhat > MAX_RHAT:
        troubles.append(f"its {chains} chains disagree (largest R-hat {max_rhat:.3f}, of {worst})")
    if min_ess < MIN_ESS_BULK:
        troubles.append(f"it holds only {min_ess:.0f} effective draws of {ess.fillna(0.0).idxmin()}")
    if share > MAX_DIVERGENCE_SHARE:
        troubles.append(f"{divergences} of {diverging.size} draws diverged ({share:.1%})")
    if troubles:
        sentences: tuple[str, ...] = (
            f"This fit did not converge: {'; '.join(troubles)}.",
            "Do not read the posterior; raise draws and tune, and if that does not help, add cells or prompts.",
        )
    else:
        sentences = (
            f"{chains} chains agree (largest R-hat {max_rhat:.3f}); every number rests on at least {min_ess:.0f} "
            f"effective draws; {divergences or 'none'} of {diverging.size} draws diverged.",
        )
    return Diagnosis(
        divergences=divergences,
        divergence_share=share,
        max_rhat=max_rhat,
        min_ess_bulk=min_ess,
        worst_variable=worst,
        converged=not troubles,
        sentences=sentences,
    )


def posterior_predictive_check(tree: xr.DataTree) -> pd.DataFrame:
    """Compare each condition at each number of shots with what the fitted account would produce again.

    Returns
    -------
    pd.DataFrame
        One row per model, task, number of shots and value of the other factors that the fit's conditions differ in,
        demonstration sets taken together: those columns, then observed, median, lower, upper (90 % interval) and
        inside. Of a fit of counts these are accuracies, of log-probabilities mean log p(gold) in nats.
        `attrs["sentence"]` says how many lie inside.
    """
    return _predictive_check(tree, "posterior_predictive", "after seeing the data (nine in ten should)")


def prior_predictive_check(tree: xr.DataTree) -> pd.DataFrame:
    """Compare each condition with what the priors alone would produce; columns as the posterior's check."""
    return _predictive_check(
        tree, "prior_predictive", "from the priors alone (few would mean that they rule such data out)"
    )


def _predictive_check(tree: xr.DataTree, group: str, when: str) -> pd.DataFrame:
    fixed = tree["constant_data"].to_dataset()
    (observed,) = tree["observed_data"].data_vars.values()
    simulated = tree[group][str(observed.name)].to_numpy()
    simulated = simulated.reshape(-1, simulated.shape[-1])
    prompts = fixed["num_prompts"].to_numpy()
    if observed.name == "num_correct":
        totals = np.vstack([observed.to_numpy(), simulated])
    else:
        totals = np.vstack([observed.to_numpy(), simulated]) * prompts
    places = {name: name if name == "num_shots" else f"cell_{name}" for name in condition_columns()}
    cells = pd.DataFrame({name: fixed[place].to_numpy() for name, place in places.items() if place in fixed})
    told_apart = list(cells)
    group_of = cells.groupby(told_apart, sort=False, dropna=False).ngroup().to_numpy()
    table = cells.drop_duplicates().reset_index(drop=True)
    member = (group_of[:, None] == np.arange(len(table))).astype(float)
    found = totals @ member / (prompts @ member)
    lower, median, upper = np.quantile(found[1:], [0.05, 0.5, 0.95], axis=0)
    table = table.assign(observed=found[0], median=median, lower=lower, upper=upper)
    table["inside"] = (table["lower"] <= table["observed"]) & (table["observed"] <= table["upper"])
    inside = f"{table['inside'].sum()} of {len(table)} conditions"
    table.attrs["sentence"] = f"{inside} lie inside the 90 % interval that the account predicts {when}."
    return table


def _flat(dataset: xr.Dataset) -> pd.Series:
    """Every entry of every variable, named ``variable[coordinate, coordinate]``."""
    entries = {}
    for name, values in dataset.data_vars.items():
        if not values.dims:
            entries[str(name)] = float(values)
            continue
        for place, value in values.to_series().items():
            place = place if isinstance(place, tuple) else (place,)
            entries[f"{name}[{', '.join(str(part) for part in place)}]"] = float(value)
    return pd.Series(entries, dtype=float)
