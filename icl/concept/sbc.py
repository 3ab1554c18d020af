"""Does the fitting recover what made the data? Simulation-based calibration and recovery of an account, in one pass.

Parameters are drawn from the prior by NumPy, data from them by NumPy, and a posterior is sampled from those data by
PyMC and nutpie. If both sides are the same model and the sampler is right, the rank of each true value among its
posterior draws is uniform, and intervals of 90 % hold the truth nine times in ten (Talts et al. 2018, arXiv
1804.06788). The log likelihood of the data is ranked as well, since it answers to faults that no single parameter shows
(Modrák et al. 2023, arXiv 2211.02383). `icl.concept.uniformity` judges the ranks.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.concept.compiled import Fitted, compile_layout
from icl.concept.curves import quantities_of
from icl.concept.layout import Layout
from icl.concept.sampler import Effort
from icl.errors import UserError
from icl.seeds import stream

__all__ = ["LOG_LIKELIHOOD", "SMALL_FIT", "AccountTrial", "Fits", "Trial", "rank_among", "simulations"]

LOG_LIKELIHOOD = "log likelihood"
"""Quantity that is ranked beside the reported ones: log density of the simulated data, nats."""

SMALL_FIT = Effort(draws=300, tune=200, chains=2, target_accept=0.9, cores=1)
"""How each of the many small fits is sampled, unless told."""

_LEFT_OUT = ("accuracy",)
"""Reported, but not ranked: a number for each cell, which the log likelihood sums up."""

_LOW, _HIGH = 0.05, 0.95  # ends of the 90 % interval


@runtime_checkable
class Fits(Protocol):
    """What samples a posterior of data."""

    def __call__(self, effort: Effort, *, seed: int, observed: ndarray) -> Fitted:
        """Sample the posterior behind these data."""


@runtime_checkable
class Trial(Protocol):
    """What can be drawn from a prior, simulated, and fitted again."""

    @property
    def key(self) -> tuple[str | int, ...]:
        """Name that its random streams go by."""

    def settings(self) -> str:
        """Spell out all that simulations depend on: priors and cells."""

    def draw(self, rng: np.random.Generator) -> tuple[xr.Dataset, ndarray]:
        """Draw parameters and data from them: the quantities to rank (one chain, one draw), and the data."""

    def compiled(self) -> Fits:
        """Compile the model."""

    def quantities(self, fitted: Fitted, observed: ndarray, rng: np.random.Generator) -> xr.Dataset:
        """Bring a posterior to the quantities to rank: (chain, draw, …)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTrial:
    """An account over a table of counts; what the table observed is not used."""

    layout: Layout

    @property
    def key(self) -> tuple[str | int, ...]:
        """Name that its random streams go by."""
        return (self.layout.account.name, self.layout.observation.name, len(self.layout.grid.models))

    def settings(self) -> str:
        """Spell out parameters with their priors, and the cells."""
        priors = json.dumps([asdict(parameter) for parameter in self.layout.parameters])
        return priors + self.layout.grid.cells.to_json()

    def draw(self, rng: np.random.Generator) -> tuple[xr.Dataset, ndarray]:
        """Draw parameters and data by NumPy."""
        nodes = self.layout.draw_prior(1, rng)
        observed = self.layout.simulate(nodes, rng)[0]
        return self._quantities(nodes, observed, rng, chains=1), observed

    def compiled(self) -> Fits:
        """Compile the model."""
        return compile_layout(self.layout).fit

    def quantities(self, fitted: Fitted, observed: ndarray, rng: np.random.Generator) -> xr.Dataset:
        """Bring a posterior to everything that a fit reports, and the log likelihood of the data."""
        return self._quantities(fitted.nodes, observed, rng, chains=len(fitted.diverging))

    def _quantities(
        self, nodes: Mapping[str, ndarray], observed: ndarray, rng: np.random.Generator, *, chains: int
    ) -> xr.Dataset:
        layout = self.layout
        found = quantities_of(layout, nodes, chains, rng)["posterior"].drop_vars(_LEFT_OUT)
        gathered = layout.gathered(nodes)
        density = layout.observation.log_density(layout.probability(gathered), gathered, layout.grid.cells, observed)
        return found.assign({LOG_LIKELIHOOD: (("chain", "draw"), density.sum(axis=1).reshape(chains, -1))})


def simulations(
    trial: Trial, fit: Fits, effort: Effort, numbers: Iterable[int], *, seed: int, truth: Trial | None = None
) -> Iterator[pd.DataFrame]:
    """Draw, simulate and fit again, as often as `numbers` has numbers.

    Parameters
    ----------
    trial
        What is simulated, and whose quantities are ranked.
    fit
        What fits it: `trial.compiled()`.
    effort
        How each fit is sampled.
    numbers
        Number of each simulation, its seed together with `seed`: whichever others are run, it comes out the same.
    seed
        Seed of parameters, data, sampler and ties.
    truth
        Where parameters and data come from, if not from what is fitted: the same account and cells with other priors,
        to see whether that shows.

    Yields
    ------
    pd.DataFrame
        One simulation, one row per quantity (``signal[gold | ginc | k=3]``): simulation, quantity, truth, median,
        deviation (posterior standard deviation), inside90, rank among num_draws thinned draws (0 … num_draws), place
        (the rank spread over its share of (0, 1) at random, uniform whatever num_draws), ess (effective draws of this
        quantity); of the whole fit max_rhat, min_ess, divergences, divergence_share; and
        reason, empty unless the fit failed and the numbers are NaN.

    Raises
    ------
    UserError
        If there is no simulation to run or a number is negative.
    """
    numbers = list(numbers)
    if not numbers or min(numbers) < 0 or seed < 0:
        raise UserError(
            f"simulation-based calibration needs numbers of simulations and a seed of 0 or more, got {numbers[:3]} and "
            f"{seed}; ask for one simulation or more."
        )
    for number in numbers:
        yield _simulation(trial, fit, effort, truth or trial, number, seed)


def rank_among(
    truth: float, draws: Float[ndarray, "num_chains num_draws"], ess: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Rank of the truth among draws that are thinned to nearly independent ones, and their number.

    Among draws that equal the truth (a probability that is 1 to machine precision) the rank is drawn.
    """
    step = int(np.ceil(draws.size / ess)) if 0 < ess < draws.size else 1
    kept = draws[:, :: min(step, draws.shape[1])]
    below, equal = int((kept < truth).sum()), int((kept == truth).sum())
    return below + int(rng.integers(equal + 1)), kept.size


def _simulation(trial: Trial, fit: Fits, effort: Effort, source: Trial, number: int, seed: int) -> pd.DataFrame:
    rng = stream(seed, "calibration", *trial.key, number)  # the stream's first name: another draws other numbers
    true, observed = source.draw(rng)
    names, truths = _flat(true)
    rows = pd.DataFrame({"simulation": number, "quantity": names, "truth": truths[0, 0]})
    try:
        fitted = fit(effort, seed=int(rng.integers(2**31)), observed=observed)
    except (RuntimeError, ValueError) as error:
        return _failed(rows, str(error))
    _, draws = _flat(trial.quantities(fitted, observed, rng))
    if not np.isfinite(draws).all():
        return _failed(rows, "a posterior draw is not finite")
    return _booked(rows, draws, fitted.diverging, rng)


def _flat(quantities: xr.Dataset) -> tuple[list[str], Float[ndarray, "num_chains num_draws num_quantities"]]:
    """Lay every level of every quantity side by side, named by the coordinates in which there is a choice."""
    names, columns = [], []
    for name, values in quantities.data_vars.items():
        dims = [dim for dim in values.dims if dim not in ("chain", "draw")]
        told = [dim for dim in dims if values.sizes[dim] > 1]
        for index in np.ndindex(*(values.sizes[dim] for dim in dims)):
            here = dict(zip(dims, index))
            column = values.isel(here).transpose("chain", "draw")
            levels = ", ".join(str(column.coords[dim].item()) for dim in told)
            names.append(f"{name}[{levels}]" if told else str(name))
            columns.append(column.to_numpy())
    return names, np.stack(columns, axis=-1)


def _booked(rows: pd.DataFrame, draws: ndarray, diverging: ndarray, rng: np.random.Generator) -> pd.DataFrame:
    import arviz as az

    by_draw = xr.Dataset({"x": (("chain", "draw", "quantity"), draws)})
    with np.errstate(invalid="ignore", divide="ignore"):  # a quantity that never moved has neither
        ess = az.ess(by_draw, method="bulk")["x"].to_numpy()
        rhat = az.rhat(by_draw)["x"].to_numpy()
    pooled = draws.reshape(-1, draws.shape[-1])
    low, median, high = np.quantile(pooled, [_LOW, 0.5, _HIGH], axis=0)
    truth = rows["truth"].to_numpy()
    ranked = [rank_among(*each, rng) for each in zip(truth, np.moveaxis(draws, -1, 0), ess)]
    rank, num_draws = np.array(ranked, dtype=float).T
    return rows.assign(
        median=median,
        deviation=pooled.std(axis=0),
        inside90=((low <= truth) & (truth <= high)).astype(float),
        rank=rank,
        num_draws=num_draws,
        place=(rank + rng.uniform(size=len(rank))) / (num_draws + 1),
        ess=ess,
        max_rhat=float(np.nanmax(rhat)),
        min_ess=float(np.nanmin(ess)),
        divergences=float(diverging.sum()),
        divergence_share=float(diverging.mean()),
        reason="",
    )


def _failed(rows: pd.DataFrame, reason: str) -> pd.DataFrame:
    numbers = ("median", "deviation", "inside90", "rank", "num_draws", "place", "ess")
    of_fit = ("max_rhat", "min_ess", "divergences", "divergence_share")
    return rows.assign(**dict.fromkeys((*numbers, *of_fit), np.nan), reason=reason)
