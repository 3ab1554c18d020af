"""What the model answers whatever the query is: the label shown last, the label shown most often (Zhao §3)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.factors import condition_columns
from icl.metrics.crossed import cells_of, residual_variance
from icl.metrics.table import metric_row, settings
from icl.metrics.uncertainty import Estimate, t_interval
from icl.prompts.mode_columns import with_label_mode

__all__ = ["bias_effects"]

_COVARIATES = ("recency_bias", "majority_bias")

_PRIOR_SD = 5.0
"""Nats: slopes of choices are held by Normal(0, 5²) while they are sought."""

_MOST_UNSURE = 0.04
"""Share of the prior's variance that the choices may leave: above it the prior speaks, and nothing is said."""

_MOST_CONSTANTS = 64
"""With more labels than this no constant is fitted for each of them."""

_MOST_STEPS = 100

_TOLD_BY_ONE = "only one demonstration set or query identifies this slope, so no interval"

_TOLD = 1e-8
"""A share below this is nought but rounding."""

_KEYS = condition_columns("balance")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choices:
    """Prompts with equally many candidates: what is known of each candidate, what was chosen, how it was scored."""

    covariates: Float[ndarray, "num_prompts num_candidates num_covariates"]
    chosen: Integer[ndarray, " num_prompts"]
    logprob: Float[ndarray, "num_prompts num_candidates"] | None
    sets: ndarray
    queries: ndarray


def bias_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Slopes of the answer on what was shown last, and on how often each label was shown.

    `recency_bias` and `majority_bias` are slopes of a multinomial logit of the prediction: nats of log-odds for being
    the last label shown, and for one more demonstration with the label; the gold label and each label's own constant
    stand beside them. `recency_bias_logprob` and `majority_bias_logprob` are their continuous twins, the same slopes of
    the labels' log-probabilities by least squares. Prompts of all balances and orders are pooled; a mode whose labels
    follow another mapping is left out.

    Parameters
    ----------
    outcomes
        Prompt outcomes, see `icl.metrics.outcomes`.
    """
    found: list[dict] = []
    noisy = with_label_mode(outcomes["label_mode"], lambda mode: mode.is_noise)
    known = outcomes[noisy & outcomes["times_shown"].notna() & (outcomes["num_shots"] > 0)]
    for rows in settings(known, *_KEYS):
        choices = _choices(rows)
        if choices is None:
            continue
        names: dict[str, Any] = {"label_mode": rows["label_mode"].iloc[0], "balance": ""}
        choice_slopes, smooth_slopes = _logit_slopes(choices), _linear_slopes(choices)
        for place, metric in enumerate(_COVARIATES):
            if not _varies(choices, place):
                continue
            about = (
                "for the label shown last" if place == 0 else "for each additional demonstration that shows the label"
            )
            step: dict[str, Any] = {"resolution": 1 / len(choices.chosen)}
            found.append(metric_row(rows, metric, choice_slopes[place], contrast=about, **step, **names))
            found.append(metric_row(rows, f"{metric}_logprob", smooth_slopes[place], contrast=about, **names))
    return found


def _choices(rows: pd.DataFrame) -> _Choices | None:
    """Lay prompts out as arrays; None where they differ in their candidates or are too few to fit anything."""
    if rows["num_candidates"].nunique() != 1 or len(rows) < 10:
        return None
    candidates = np.array(rows["candidates"].to_list(), dtype=object)
    names, size = rows[["last_shown", "gold", "prediction"]].to_numpy(dtype=object), candidates.shape[1]
    is_last, is_gold, is_chosen = ((candidates == names[:, [place]]).astype(float) for place in range(3))
    values = [is_last, np.stack(rows["times_shown"].to_list()), is_gold]
    if size <= _MOST_CONSTANTS and len(np.unique(candidates)) == size:
        values += [
            np.broadcast_to(np.arange(size) == label, candidates.shape).astype(float) for label in range(1, size)
        ]
    covariates = np.stack(values, axis=-1)
    logprob = np.stack(rows["logprobs"].to_list())
    known = np.isfinite(logprob).all()
    return _Choices(
        covariates=covariates - covariates.mean(axis=1, keepdims=True),
        chosen=is_chosen.argmax(axis=1),
        logprob=logprob - logprob.mean(axis=1, keepdims=True) if known else None,
        sets=rows["demonstration_set_id"].to_numpy(),
        queries=rows["query_id"].to_numpy(),
    )


def _varies(choices: _Choices, place: int) -> bool:
    """Whether the other covariates leave anything of this one, so that its slope is identified."""
    flat = choices.covariates.reshape(-1, choices.covariates.shape[-1])
    others = np.delete(flat, place, axis=1)
    left = flat[:, place] - others @ np.linalg.lstsq(others, flat[:, place], rcond=None)[0]
    return float((left**2).mean()) > 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Slopes at the maximum of a likelihood, with each prompt's gradient and curvature there."""

    slopes: Float[ndarray, " num_covariates"]
    gradient: Float[ndarray, "num_prompts num_covariates"]
    curvature: Float[ndarray, "num_prompts num_covariates num_covariates"]


def _linear_slopes(choices: _Choices) -> list[Estimate]:
    """Least squares of centred log-probabilities on the covariates."""
    x = choices.covariates
    if choices.logprob is None:
        return [Estimate.missing("some log-probabilities are not known, or belong to labels that are ruled out")] * len(
            _COVARIATES
        )
    curvature = np.swapaxes(x, 1, 2) @ x
    slopes = np.linalg.pinv(curvature.sum(axis=0)) @ (x * choices.logprob[..., None]).sum(axis=(0, 1))
    gradient = ((choices.logprob - x @ slopes)[..., None] * x).sum(axis=1)
    return _estimates(_Fit(slopes=slopes, gradient=gradient, curvature=curvature), choices)


def _logit_slopes(choices: _Choices) -> list[Estimate]:
    """Multinomial logit of the choices by Newton's method."""
    x = choices.covariates
    slopes = np.zeros(x.shape[-1])
    penalty = np.eye(len(slopes)) / _PRIOR_SD**2
    for _ in range(_MOST_STEPS):
        gradient, curvature = _derivatives(x, choices.chosen, slopes)
        step = np.linalg.solve(curvature.sum(axis=0) + penalty, gradient.sum(axis=0) - penalty @ slopes)
        slopes = slopes + step * min(1.0, 5.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    gradient, curvature = _derivatives(x, choices.chosen, slopes)
    held = np.diag(np.linalg.inv(curvature.sum(axis=0) + penalty))[: len(_COVARIATES)]
    if (held > _MOST_UNSURE * _PRIOR_SD**2).any():
        reason = "the choices are almost determined by what was shown, or are too few: read the log-probabilities"
        return [Estimate.missing(reason) for _ in _COVARIATES]
    return _estimates(_Fit(slopes=slopes, gradient=gradient, curvature=curvature), choices)


def _derivatives(x: ndarray, chosen: ndarray, slopes: ndarray) -> tuple[ndarray, ndarray]:
    """Each prompt's gradient and curvature of the log-likelihood of a multinomial logit."""
    utility = x @ slopes
    weights = np.exp(utility - utility.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    mean = (weights[..., None] * x).sum(axis=1)
    centred = x - mean[:, None]
    curvature = np.swapaxes(weights[..., None] * centred, 1, 2) @ centred
    return x[np.arange(len(x)), chosen] - mean, curvature


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variance:
    """A slope's variance by its clusters, with degrees of freedom; NaN where one cluster alone tells the slope."""

    value: float
    degrees: float


def _estimates(fit: _Fit, choices: _Choices) -> list[Estimate]:
    """The slopes of `_COVARIATES`; sets and queries are crossed, so their errors are clustered both ways.

    The variances of sets and of queries go together as in `clustered_mean`. Where queries belong to one set each, the
    sets' variance holds theirs, and the other way round. The prior of the slopes of choices, next to which the choices
    say much, is left out of the errors.
    """
    sets, queries = choices.sets, choices.queries
    influence = len(sets) * fit.gradient @ np.linalg.pinv(fit.curvature.sum(axis=0))
    found = []
    for place in range(len(_COVARIATES)):
        cells = cells_of(influence[:, place], sets, queries)
        nested = len(cells.values) == cells.num_queries and cells.num_sets > 1
        if nested or cells.num_queries < 2:
            variance = _sandwich(fit, sets, place)
        elif len(cells.values) == cells.num_sets or cells.num_sets < 2:
            variance = _sandwich(fit, queries, place)
        else:
            residual = residual_variance(cells)
            own = float((cells.values**2).mean()) if residual is None else residual
            variance = _both(_sandwich(fit, sets, place), _sandwich(fit, queries, place), own / len(cells.values))
        reason = _TOLD_BY_ONE if np.isnan(variance.value) else ""
        slope, error = float(fit.slopes[place]), float(np.sqrt(variance.value))
        found.append(t_interval(slope, error, variance.degrees, reason))
    return found


def _both(by_set: _Variance, by_query: _Variance, residual: float) -> _Variance:
    """V_set + V_query − V_both and its degrees of freedom, as `crossed.degrees_of_freedom` has them."""
    fewest = min(by_set.degrees, by_query.degrees)
    if fewest < 1:
        return _Variance(value=np.nan, degrees=0.0)
    total = max(by_set.value + by_query.value - residual, by_set.value, by_query.value)
    doubt = by_set.value**2 / by_set.degrees + by_query.value**2 / by_query.degrees
    doubt += residual**2 / (by_set.degrees * by_query.degrees)
    return _Variance(value=total, degrees=max(fewest, total**2 / doubt) if doubt > 0 else fewest)


def _sandwich(fit: _Fit, clusters: ndarray, place: int) -> _Variance:
    """Cluster-robust variance of one slope, next to unbiased where clusters are few (CR2, Bell & McCaffrey 2002).

    What a set shows is the same for all its queries, so that half a dozen sets tell four slopes and each set pulls the
    fit towards itself. With C_g a cluster's curvature, s_g its gradient and M the inverse of all curvatures, V is the
    sum of the squares of the slope's part of M (I − C_g M)^−½ s_g. A jackknife has the power −1 in place of −½, and
    a variance that is too large by as much as each cluster pulls. The degrees of freedom are those of V where prompts
    vary as the likelihood says (Pustejovsky & Tipton 2018, section 2.2).
    """
    code, names = pd.factorize(clusters)
    curvature, gradient = np.zeros((len(names), *fit.curvature.shape[1:])), np.zeros((len(names), len(fit.slopes)))
    np.add.at(curvature, code, fit.curvature)
    np.add.at(gradient, code, fit.gradient)
    sizes, axes = np.linalg.eigh(curvature.sum(axis=0))
    told = sizes > _TOLD * sizes.max()
    root = axes[:, told] / np.sqrt(sizes[told])  # root @ root.T is M
    pull, directions = np.linalg.eigh(root.T @ curvature @ root)
    along = np.einsum("i,gij->gj", root[place], directions)  # the slope, in each cluster's own directions
    alone = 1 - pull < _TOLD
    if (along[alone] ** 2).sum() >= _TOLD * (root[place] ** 2).sum():  # by one cluster, or by none at all
        return _Variance(value=np.nan, degrees=0.0)
    weight = np.where(alone, 0.0, along / np.sqrt(np.where(alone, 1.0, 1 - pull)))
    value = (np.einsum("gj,gij,gi->g", weight, directions, gradient @ root) ** 2).sum()
    # w_g' w_h of the quadratic form V = Σ_g (w_g' y)²: own[g] where g = h, less shared[g] · shared[h] everywhere
    own, shared = (weight**2 * pull).sum(axis=1), np.einsum("gij,gj->gi", directions, weight * pull)
    overlap = (shared**2).sum(axis=1)
    squares = (own**2).sum() - 2 * (own * overlap).sum() + ((shared.T @ shared) ** 2).sum()
    return _Variance(value=float(value), degrees=max(1.0, float((own - overlap).sum() ** 2 / squares)))
