"""Scores of predictions that are bags of draws, and the mixture of accounts that scores best."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import logsumexp

__all__ = ["crps", "log_mean_exp", "log_mean_exp_error", "stacking_weights"]


def crps(
    draws: Float[ndarray, "num_draws num_cells"], outcome: Float[ndarray, " num_cells"]
) -> Float[ndarray, " num_cells"]:
    """Score draws by the continuous ranked probability score, in the draws' unit; 0 is best.

    E|X − y| − ½·E|X − X′| with X ≠ X′ (the fair estimator: its mean does not depend on how many draws there are;
    Ferro 2014, Fair scores for ensemble forecasts). Of a point forecast it is the absolute error.
    """
    count = len(draws)
    ordered = np.sort(draws, axis=0)
    rank = 2 * np.arange(1, count + 1) - count - 1
    spread = (rank[:, None] * ordered).sum(axis=0) / (count * (count - 1))  # ½·E|X − X′|
    return np.abs(draws - outcome).mean(axis=0) - spread


def log_mean_exp(x: Float[ndarray, "num_draws num_cells"]) -> Float[ndarray, " num_cells"]:
    """Log of the mean of eˣ over draws: the log predictive density."""
    return logsumexp(x, axis=0) - np.log(len(x))


def log_mean_exp_error(x: Float[ndarray, "num_draws num_cells"]) -> Float[ndarray, " num_cells"]:
    """Monte-Carlo standard error of `log_mean_exp`, by the delta method for independent draws."""
    share = np.exp(x - logsumexp(x, axis=0))
    return np.sqrt(np.maximum((share**2).sum(axis=0) - 1 / len(x), 0.0))


def stacking_weights(elpd: Float[ndarray, "num_accounts num_units"]) -> Float[ndarray, " num_accounts"]:
    """Weights on the simplex whose mixture predicts the units best (Yao, Vehtari, Simpson, Gelman 2018), by ArviZ.

    Units are centred first: what all accounts share of a unit changes no weight, and whole demonstration sets are so
    improbable that their densities would be 0 in floating point.
    """
    import arviz as az
    import xarray as xr
    from arviz_stats.utils import ELPDDataLOO

    if len(elpd) == 1:
        return np.ones(1)
    centred = elpd - elpd.max(axis=0)
    num_units = elpd.shape[1]
    each = {
        str(place): ELPDDataLOO(
            elpd=row.sum(),
            se=float(np.sqrt(num_units * row.var())),
            p=0.0,
            n_samples=1,
            n_data_points=num_units,
            scale="log",
            warning=False,
            good_k=0.7,
            elpd_i=xr.DataArray(row, dims="unit"),
            pareto_k=xr.DataArray(np.zeros(num_units), dims="unit"),
        )
        for place, row in enumerate(centred)
    }
    weights = az.compare(each, method="stacking", round_to="none")["weight"]
    weights = np.clip(weights.loc[list(each)].to_numpy(dtype=float), 0.0, 1.0)
    return weights / weights.sum()
