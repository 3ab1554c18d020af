"""The evidence decomposition run forwards in plain NumPy: priors or known parameters in, counts out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy.special import expit, softmax

from icl.concept.evidence.layout import EvidenceLayout, evidence_layout, label_evidence
from icl.concept.evidence.priors import EvidencePriors
from icl.concept.observation import OBSERVATIONS
from icl.errors import UserError

__all__ = ["PARAMETERS", "draw_counts", "draw_prior", "draw_walk", "expected_accuracy", "simulate_evidence"]

PARAMETERS: dict[str, str] = {
    "inputs": "α of each series, nats per demonstration with inputs of the task",
    "label_space": "β of each series, nats per demonstration with words of the label space",
    "label_weight": "γ of each series",
    "label_noise": "η of each series, between 0 and 1 − 1/m",
    "noise": "ν of each style, nats per demonstration",
    "start_log_odds": "ℓ₀ of each style, nats",
    "base": "accuracy of each series under no task",
    "skill": "accuracy of each series under the task",
    "walk_deviation": "σ of each series, nats per √demonstration",
    "log_precision": "log φ of each series",
}
"""Parameter → meaning; `permuted_gap`, δ of each series in nats, brings in the permuted concept."""

_BY_STYLE = ("noise", "start_log_odds")


def draw_prior(
    layout: EvidenceLayout, priors: EvidencePriors, *, concepts: int, num_draws: int, rng: np.random.Generator
) -> dict[str, Float[ndarray, "num_draws num_values"]]:
    """Draw `PARAMETERS` from the priors, and `labels` = γ·λ(1) and `wrong_labels` = γ·(λ(1) − λ(0)) with them."""
    m = layout.series["num_labels"].to_numpy()
    by_series, by_style = (num_draws, len(m)), (num_draws, len(layout.styles))

    def half_normal(scale: float, shape: tuple[int, int]) -> ndarray:
        return scale * np.abs(rng.standard_normal(shape))

    most = 1 - 1 / m
    middle = np.log(priors.label_noise_median / (1 - priors.label_noise_median))
    base = expit(rng.normal(-np.log(m - 1), priors.base_spread, by_series))
    drawn = {
        "inputs": half_normal(priors.inputs, by_series),
        "label_space": half_normal(priors.label_space, by_series),
        "label_weight": half_normal(priors.label_weight, by_series),
        "label_noise": most * expit(rng.normal(middle, priors.label_noise_spread, by_series)),
        "noise": half_normal(priors.noise, by_style),
        "start_log_odds": rng.normal(0.0, priors.start_spread, by_style),
        "base": base,
        "skill": base + (1 - base) * expit(rng.normal(priors.skill_mean, priors.skill_spread, by_series)),
        "walk_deviation": priors.walk_median * np.exp(priors.walk_spread * rng.standard_normal(by_series)),
        "log_precision": rng.normal(priors.precision_mean, priors.precision_spread, by_series),
    }
    if concepts == 3:
        drawn["permuted_gap"] = half_normal(priors.permuted_gap, by_series)
    right, wrong = (
        drawn["label_weight"] * label_evidence(share, drawn["label_noise"], np.broadcast_to(m, by_series))
        for share in (1.0, 0.0)
    )
    return drawn | {"labels": right, "wrong_labels": right - wrong}


def expected_accuracy(
    cells: pd.DataFrame,
    parameters: Mapping[str, ndarray],
    walk: Float[ndarray, "*draws num_cells"] | None = None,
) -> Float[ndarray, "*draws num_cells"]:
    """Mean share of right answers in each cell.

    Parameters
    ----------
    cells
        A table of evidence cells.
    parameters
        `PARAMETERS`, one value for each series or style in the order of `evidence_layout(cells)`, behind any number of
        dimensions of draws.
    walk
        W of each cell's demonstration set, nats; none where it is left out.

    Raises
    ------
    UserError
        If a parameter is missing or has the wrong length.
    """
    layout = evidence_layout(cells)
    _check(layout, parameters)
    return _mean(layout, parameters, 0.0 if walk is None else walk)


def draw_walk(
    layout: EvidenceLayout, walk_deviation: Float[ndarray, "*draws num_series"], rng: np.random.Generator
) -> Float[ndarray, "*draws num_cells"]:
    """Draw W of every cell's demonstration set, nats."""
    deviation = np.asarray(walk_deviation, dtype=float)[..., layout.walk_series]
    step = deviation * rng.standard_normal(deviation.shape)
    return (step[..., layout.cell_walk] * layout.cell_walk_length).sum(axis=-1)


def draw_counts(
    layout: EvidenceLayout,
    accuracy: Float[ndarray, "*draws num_cells"],
    log_precision: Float[ndarray, "*draws num_series"],
    rng: np.random.Generator,
) -> ndarray:
    """Draw the right answers of each cell, Beta-binomial about its accuracy."""
    values = {"log_precision": np.asarray(log_precision, dtype=float)[..., layout.cell_series]}
    return OBSERVATIONS["counts"].simulate(accuracy, values, layout.cells, rng)


def simulate_evidence(cells: pd.DataFrame, parameters: Mapping[str, ndarray], rng: np.random.Generator) -> pd.DataFrame:
    """Draw the right answers of each cell anew: a walk for every demonstration set, then Beta-binomial counts.

    Parameters
    ----------
    cells
        A table of evidence cells; its counts of right answers are replaced.
    parameters
        As in `expected_accuracy`, without dimensions of draws; a draw of the fit's group ``prior`` or ``posterior``
        holds them.

    Raises
    ------
    UserError
        If a parameter is missing or has the wrong length.
    """
    layout = evidence_layout(cells)
    _check(layout, parameters)
    mean = _mean(layout, parameters, draw_walk(layout, parameters["walk_deviation"], rng))
    return layout.cells.assign(num_correct=draw_counts(layout, mean, parameters["log_precision"], rng))


def _mean(
    layout: EvidenceLayout, parameters: Mapping[str, ndarray], walk: Float[ndarray, "*draws num_cells"] | float
) -> Float[ndarray, "*draws num_cells"]:
    cells = layout.cells
    mine = {
        name: np.asarray(parameters[name], dtype=float)[
            ..., layout.cell_style if name in _BY_STYLE else layout.cell_series
        ]
        for name in (*PARAMETERS, "permuted_gap")
        if name in parameters
    }
    m, n = cells["num_labels"].to_numpy(), cells["num_shots"].to_numpy(dtype=float)
    shown = mine["inputs"] * cells["has_inputs"].to_numpy() + mine["label_space"] * cells["has_label_space"].to_numpy()
    before = mine["start_log_odds"] + walk

    def log_odds(share_column: str, gap: ndarray | float) -> ndarray:
        share = cells[share_column].to_numpy(dtype=float)
        shape = mine["label_noise"].shape
        known, labels = np.broadcast_to(np.nan_to_num(share), shape), np.broadcast_to(m, shape)
        label = label_evidence(known, mine["label_noise"], labels)
        told = np.where(np.isnan(share), 0.0, mine["label_weight"] * label)
        return before - gap + n * (shown - mine["noise"] + told)

    task = log_odds("share_correct", 0.0)
    odds, levels = [np.zeros_like(task), task], [mine["base"], mine["skill"]]
    if "permuted_gap" in mine:
        odds.append(log_odds("share_permuted", mine["permuted_gap"]))
        levels.append((1 - mine["skill"]) / (m - 1))
    return (softmax(np.stack(odds), axis=0) * np.stack(levels)).sum(axis=0)


def _check(layout: EvidenceLayout, parameters: Mapping[str, ndarray]) -> None:
    if missing := [name for name in PARAMETERS if name not in parameters]:
        raise UserError(f"parameters {missing} are missing; icl.concept.evidence.simulate.PARAMETERS lists all.")
    for name in [*PARAMETERS, *(["permuted_gap"] if "permuted_gap" in parameters else [])]:
        what, table = ("style", layout.styles) if name in _BY_STYLE else ("series", layout.series)
        if np.shape(parameters[name])[-1:] != (len(table),):
            raise UserError(
                f"parameter '{name}' needs one value for each {what}, {len(table)}, got shape "
                f"{np.shape(parameters[name])}."
            )
