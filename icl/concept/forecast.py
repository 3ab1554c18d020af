"""Predictions of held-out cells: scored one by one and on average, and the plain baseline that any law should beat."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Num
from numpy import ndarray
from scipy.special import expit, logit
from scipy.stats import betabinom, binom, norm

from icl.concept.layout import Layout
from icl.concept.scoring import crps, log_mean_exp

__all__ = ["LEVEL", "carried_forward", "scored", "scores_of"]

LEVEL = 0.9
"""Of every interval."""

_BASELINE_DRAWS = 4000


def carried_forward(layout: Layout, seen: Bool[ndarray, " num_cells"], *, rng: np.random.Generator) -> pd.DataFrame:
    """Predict each held-out cell by the last seen one of its curve, or by the zero-shot cell where there is none.

    A count is predicted with binomial noise of both cells (Beta(½, ½) before the data), a mean log-probability with the
    standard errors of both. Where demonstration sets are told apart, another number of shots shows other
    demonstrations: how far sets differ beyond that noise at the last seen shots, on the scale of the logit (of the mean
    log-probability), is added.

    Returns
    -------
    pd.DataFrame
        One row per held-out cell, as of `scored`; NaN where there is nothing to carry.
    """
    cells = layout.grid.cells
    source = np.array([_last_seen(cells, seen, place) for place in np.flatnonzero(~seen).tolist()])
    new, last = cells[~seen], cells.iloc[np.maximum(source, 0)]
    size = (_BASELINE_DRAWS, len(new))
    apart = np.array([_between_sets(layout, seen, place) for place in source.tolist()])
    if layout.observation.name == "counts":
        right = last["num_correct"].to_numpy() + 0.5
        wrong = last["num_prompts"].to_numpy() - last["num_correct"].to_numpy() + 0.5
        prompts = new["num_prompts"].to_numpy()
        share = expit(logit(rng.beta(right, wrong, size=size)) + apart * rng.standard_normal(size))
        draws = rng.binomial(prompts, share).astype(float)
        outcome = new["num_correct"].to_numpy()
        simulated = log_mean_exp(binom.logpmf(outcome, prompts, share))
        density = np.where(apart > 0, simulated, betabinom.logpmf(outcome, prompts, right, wrong))
    else:
        spread = np.hypot(np.hypot(last["logprob_error"].to_numpy(), new["logprob_error"].to_numpy()), apart)
        draws = last["mean_logprob"].to_numpy() + spread * rng.standard_normal(size)
        density = norm.logpdf(new["mean_logprob"].to_numpy(), last["mean_logprob"].to_numpy(), spread)
    everywhere = np.full((_BASELINE_DRAWS, len(cells)), np.nan)
    everywhere[:, ~seen] = np.where(source >= 0, draws, np.nan)
    density_everywhere = np.full(len(cells), np.nan)
    density_everywhere[~seen] = np.where(source >= 0, density, np.nan)
    return scored(layout, seen, everywhere, density_everywhere)[~seen].reset_index(drop=True)


def _between_sets(layout: Layout, seen: Bool[ndarray, " num_cells"], place: int) -> float:
    """Standard deviation between the demonstration sets of a cell's curve at its shots; 0 where none are told apart."""
    cells = layout.grid.cells
    if place < 0 or layout.grid.cell_set[place] < 0:
        return 0.0
    grid = layout.grid
    alike = seen & (grid.cell_model == grid.cell_model[place]) & (grid.cell_condition == grid.cell_condition[place])
    here = cells[alike & (cells["num_shots"] == cells["num_shots"].iloc[place]).to_numpy()]
    if len(here) < 2:
        return 0.0
    if layout.observation.name == "counts":
        right, total = here["num_correct"] + 0.5, here["num_prompts"] + 1.0
        values, noise = logit(right / total), 1 / right + 1 / (total - right)
    else:
        values, noise = here["mean_logprob"], here["logprob_error"] ** 2
    return float(np.sqrt(max(np.var(values, ddof=1) - noise.mean(), 0.0)))


def _last_seen(cells: pd.DataFrame, seen: ndarray, place: int) -> int:
    """Position of the cell that is carried forward to a held-out one; −1 if there is none."""
    here = cells.iloc[place]
    length = here["example_length"]
    same = seen & (cells[["model", "task", "format"]] == here[["model", "task", "format"]]).all(axis=1).to_numpy()
    same &= (cells["example_length"].isna() if pd.isna(length) else cells["example_length"] == length).to_numpy(bool)
    own = same & (cells[["label_mode", "demonstration_set"]] == here[["label_mode", "demonstration_set"]]).all(axis=1)
    for candidates in (own, same & (cells["num_shots"] == 0)):
        found = np.flatnonzero(candidates)
        if len(found):
            return int(found[cells["num_shots"].to_numpy()[found].argmax()])
    return -1


def scored(
    layout: Layout,
    seen: Bool[ndarray, " num_cells"],
    draws: Num[ndarray, "num_draws num_cells"],
    log_score: Float[ndarray, " num_cells"],
) -> pd.DataFrame:
    """Score predictive draws of every cell.

    Parameters
    ----------
    layout
        Whose cells they are.
    seen
        Which of them were fitted to.
    draws
        Predictive draws, as the cells are observed.
    log_score
        Log predictive density of each cell, nats.

    Returns
    -------
    pd.DataFrame
        One row per cell: its names, held_out, observed, median, lower, upper (90 % interval), inside, crps, log_score;
        in points of accuracy, or in nats where log-probabilities are observed.
    """
    cells = layout.grid.cells
    scale = 100 / cells["num_prompts"].to_numpy() if layout.observation.name == "counts" else np.ones(len(cells))
    observed, draws = layout.observed() * scale, draws * scale
    lower, median, upper = np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0)
    names = ["model", "task", "label_mode", "format", "example_length", "demonstration_set", "num_shots"]
    return cells[names].assign(
        held_out=~seen,
        observed=observed,
        median=median,
        lower=lower,
        upper=upper,
        inside=(lower <= observed) & (observed <= upper),
        crps=crps(draws, observed),
        log_score=log_score,
    )


def scores_of(cells: pd.DataFrame) -> dict[str, Any]:
    """Average the scores of the held-out cells that were predicted."""
    held = cells[cells["held_out"] & cells["median"].notna()]
    return {
        "num_cells": len(held),
        "coverage": held["inside"].mean(),
        "width": (held["upper"] - held["lower"]).mean(),
        "crps": held["crps"].mean(),
        "bias": (held["median"] - held["observed"]).mean(),
        "log_score": held["log_score"].mean(),
    }
