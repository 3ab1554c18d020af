"""What the model answers whatever the query is: the label shown last, the label shown most often (Zhao §3)."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.metrics.labels import NOISE_MODES
from icl.metrics.outcomes import CHANNEL, PROMPT_KEYS
from icl.metrics.table import metric_row, settings
from icl.metrics.uncertainty import Estimate, jackknife

__all__ = ["bias_effects"]

_COVARIATES = ("recency_bias", "majority_bias")

_PRIOR_SD = 5.0
"""Nats: slopes of choices are held by Normal(0, 5²) while they are sought."""

_MOST_UNSURE = 0.04
"""Share of the prior's variance that the choices may leave: above it the prior speaks, and nothing is said."""

_MOST_CONSTANTS = 64
"""With more labels than this no constant is fitted for each of them."""

_MOST_STEPS = 100

_KEYS = ("model", "task", "label_mode", "input_mode", "format", "num_shots", "example_length")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choices:
    """Prompts with equally many candidates: what is known of each candidate, what was chosen, how it was scored."""

    covariates: Float[ndarray, "num_prompts num_candidates num_covariates"]
    chosen: Integer[ndarray, " num_prompts"]
    logprob: Float[ndarray, "num_prompts num_candidates"]
    sets: ndarray
    queries: ndarray


def bias_effects(scores: pd.DataFrame) -> list[dict]:
    """Slopes of the answer on what was shown last, and on how often each label was shown.

    `recency_bias` and `majority_bias` are slopes of a multinomial logit of the prediction: nats of log-odds for being
    the last label shown, and for one more demonstration with the label; the gold label and each label's own constant
    stand beside them. `recency_bias_logprob` and `majority_bias_logprob` are their continuous twins, the same slopes of
    the labels' log-probabilities by least squares. Prompts of all balances and orders are pooled; a mode whose labels
    follow another mapping is left out.

    Parameters
    ----------
    scores
        A score table.
    """
    found = []
    noisy = scores["label_mode"].isin(NOISE_MODES) | scores["label_mode"].str.startswith("fraction_correct")
    known = scores[noisy & scores["times_shown"].notna() & (scores["num_shots"] > 0)]
    failed = known.groupby(PROMPT_KEYS, dropna=False)["status"].transform(lambda status: (status != "ok").any())
    known = known[~failed.astype(bool)]
    channel = known["method"] == "channel"
    known = known.assign(model=known["model"].where(~channel, known["model"] + CHANNEL))
    for rows in settings(known, *_KEYS):
        choices = _choices(rows)
        if choices is None:
            continue
        prompts = rows[rows["is_gold"]]
        names: dict[str, Any] = {"label_mode": rows["label_mode"].iloc[0], "balance": "", "unit": "nats"}
        choice_slopes, smooth_slopes = _logit_slopes(choices), _linear_slopes(choices)
        for place, metric in enumerate(_COVARIATES):
            if not _varies(choices, place):
                continue
            about = "for the label shown last" if place == 0 else "for each more demonstration that shows the label"
            step: dict[str, Any] = {"resolution": 1 / len(choices.chosen)}
            found.append(metric_row(prompts, metric, choice_slopes[place], contrast=about, **step, **names))
            found.append(metric_row(prompts, f"{metric}_logprob", smooth_slopes[place], contrast=about, **names))
    return found


def _choices(rows: pd.DataFrame) -> _Choices | None:
    """Lay prompts out as arrays; None where they differ in their candidates or are too few to fit anything."""
    keys = ["query_id", "demonstration_set_id", "order", "option_order", "label_draw", "balance"]
    number = rows.groupby(keys, sort=False).ngroup().to_numpy()
    _, sizes = np.unique(number, return_counts=True)
    if len(set(sizes.tolist())) != 1 or len(sizes) < 10:
        return None
    ordered = rows.iloc[np.lexsort((rows["candidate"].astype(str).to_numpy(), number))]
    shape = (len(sizes), int(sizes[0]))
    columns = ["is_last_shown", "times_shown", "is_gold"]
    values = [ordered[name].to_numpy(dtype=float).reshape(shape) for name in columns]
    if shape[1] <= _MOST_CONSTANTS and ordered["candidate"].nunique() == shape[1]:
        values += [np.broadcast_to(np.arange(shape[1]) == label, shape).astype(float) for label in range(1, shape[1])]
    covariates = np.stack(values, axis=-1)
    logprob = ordered["logprob"].to_numpy(dtype=float).reshape(shape)
    if not np.isfinite(logprob).all():
        return None
    first = ordered.iloc[:: shape[1]]
    return _Choices(
        covariates=covariates - covariates.mean(axis=1, keepdims=True),
        chosen=logprob.argmax(axis=1),
        logprob=logprob - logprob.mean(axis=1, keepdims=True),
        sets=first["demonstration_set_id"].to_numpy(),
        queries=first["query_id"].to_numpy(),
    )


def _varies(choices: _Choices, place: int) -> bool:
    """Whether the other covariates leave anything of this one, so that its slope is identified."""
    flat = choices.covariates.reshape(-1, choices.covariates.shape[-1])
    others = np.delete(flat, place, axis=1)
    left = flat[:, place] - others @ np.linalg.lstsq(others, flat[:, place], rcond=None)[0]
    return float((left**2).mean()) > 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Slopes at the maximum of a (penalised) likelihood, with each prompt's gradient and curvature there."""

    slopes: Float[ndarray, " num_covariates"]
    gradient: Float[ndarray, "num_prompts num_covariates"]
    curvature: Float[ndarray, "num_prompts num_covariates num_covariates"]
    penalty: Float[ndarray, "num_covariates num_covariates"]

    def slope(self, place: int, prompts: Integer[ndarray, " num_chosen"]) -> float:
        """Slope from some of the prompts: one Newton step from that of all, exact for least squares."""
        gradient = self.gradient[prompts].sum(axis=0) - self.penalty @ self.slopes
        curvature = self.curvature[prompts].sum(axis=0) + self.penalty
        return float((self.slopes + np.linalg.lstsq(curvature, gradient, rcond=None)[0])[place])


def _linear_slopes(choices: _Choices) -> list[Estimate]:
    """Least squares of centred log-probabilities on the covariates."""
    x = choices.covariates
    curvature = np.swapaxes(x, 1, 2) @ x
    slopes = np.linalg.pinv(curvature.sum(axis=0)) @ (x * choices.logprob[..., None]).sum(axis=(0, 1))
    gradient = ((choices.logprob - x @ slopes)[..., None] * x).sum(axis=1)
    return _estimates(
        _Fit(slopes=slopes, gradient=gradient, curvature=curvature, penalty=np.zeros((x.shape[-1],) * 2)), choices
    )


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
        reason = "the choices all but follow from what was shown, or are too few: read the log-probabilities"
        return [Estimate.missing(reason) for _ in _COVARIATES]
    return _estimates(_Fit(slopes=slopes, gradient=gradient, curvature=curvature, penalty=penalty), choices)


def _derivatives(x: ndarray, chosen: ndarray, slopes: ndarray) -> tuple[ndarray, ndarray]:
    """Each prompt's gradient and curvature of the log-likelihood of a multinomial logit."""
    utility = x @ slopes
    weights = np.exp(utility - utility.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    mean = (weights[..., None] * x).sum(axis=1)
    centred = x - mean[:, None]
    curvature = np.swapaxes(weights[..., None] * centred, 1, 2) @ centred
    return x[np.arange(len(x)), chosen] - mean, curvature


def _estimates(fit: _Fit, choices: _Choices) -> list[Estimate]:
    """The slopes of `_COVARIATES`, with a jackknife over demonstration sets and one over queries."""
    prompts = (np.arange(len(choices.chosen)),)
    return [
        jackknife(partial(fit.slope, place), prompts, choices.sets, choices.queries)
        for place in range(len(_COVARIATES))
    ]
