"""The evidence decomposition run forwards in plain NumPy: known parameters in, counts out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.concept.evidence.design import EvidenceDesign, evidence_design, label_evidence
from icl.errors import UserError

__all__ = ["PARAMETERS", "expected_accuracy", "simulate_evidence"]

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


def expected_accuracy(
    cells: pd.DataFrame, parameters: Mapping[str, ndarray], walk: Float[ndarray, " num_cells"] | None = None
) -> Float[ndarray, " num_cells"]:
    """Mean share of right answers in each cell.

    Parameters
    ----------
    cells
        A table of evidence cells.
    parameters
        `PARAMETERS`, one value for each series or style in the order of `evidence_design(cells)`.
    walk
        W of each cell's demonstration set, nats; none where it is left out.

    Raises
    ------
    UserError
        If a parameter is missing or has the wrong length.
    """
    design = evidence_design(cells)
    _check(design, parameters)
    return _mean(design, parameters, walk)


def _mean(
    design: EvidenceDesign, parameters: Mapping[str, ndarray], walk: Float[ndarray, " num_cells"] | None
) -> Float[ndarray, " num_cells"]:
    accuracy = np.empty(len(design.cells))
    for place, cell in enumerate(design.cells.itertuples(index=False)):
        series, style = design.cell_series[place], design.cell_style[place]
        mine = {name: float(parameters[name][series]) for name in parameters if name not in _BY_STYLE}
        mine |= {name: float(parameters[name][style]) for name in _BY_STYLE}
        m, own = cell.num_labels, 0.0 if walk is None else float(walk[place])
        log_odds, levels = [0.0], [mine["base"]]
        mappings = [(cell.share_correct, 0.0, mine["skill"])]
        if "permuted_gap" in mine:
            mappings.append((cell.share_permuted, mine["permuted_gap"], (1 - mine["skill"]) / (m - 1)))
        for share, gap, level in mappings:
            each = mine["inputs"] * cell.has_inputs + mine["label_space"] * cell.has_label_space - mine["noise"]
            if not np.isnan(share):
                each += mine["label_weight"] * float(label_evidence(share, mine["label_noise"], m))
            log_odds.append(mine["start_log_odds"] - gap + cell.num_shots * each + own)
            levels.append(level)
        weight = np.exp(np.array(log_odds) - max(log_odds))
        accuracy[place] = weight @ np.array(levels) / weight.sum()
    return accuracy


_BY_STYLE = ("noise", "start_log_odds")


def simulate_evidence(cells: pd.DataFrame, parameters: Mapping[str, ndarray], rng: np.random.Generator) -> pd.DataFrame:
    """Draw the right answers of each cell anew: a walk for every demonstration set, then Beta-binomial counts.

    Parameters
    ----------
    cells
        A table of evidence cells; its counts of right answers are replaced.
    parameters
        As in `expected_accuracy`; a draw of the fit's group ``prior`` or ``posterior`` holds them.

    Raises
    ------
    UserError
        If a parameter is missing or has the wrong length.
    """
    design = evidence_design(cells)
    _check(design, parameters)
    deviation = np.asarray(parameters["walk_deviation"], dtype=float)[design.walk_series]
    step = deviation * rng.normal(size=len(design.walk_series))
    walk = (step[design.cell_walk] * design.cell_walk_length).sum(axis=1)
    mean = _mean(design, parameters, walk)
    precision = np.exp(np.asarray(parameters["log_precision"], dtype=float))[design.cell_series]
    tiny = np.finfo(float).tiny  # a mean of exactly 0 or 1 has no Beta
    share = rng.beta(np.maximum(mean * precision, tiny), np.maximum((1 - mean) * precision, tiny))
    return design.cells.assign(num_correct=rng.binomial(design.cells["num_prompts"], share))


def _check(design: EvidenceDesign, parameters: Mapping[str, ndarray]) -> None:
    if missing := [name for name in PARAMETERS if name not in parameters]:
        raise UserError(f"parameters {missing} are missing; icl.concept.evidence.simulate.PARAMETERS lists all.")
    for name in [*PARAMETERS, *(["permuted_gap"] if "permuted_gap" in parameters else [])]:
        what, table = ("style", design.styles) if name in _BY_STYLE else ("series", design.series)
        if np.shape(parameters[name]) != (len(table),):
            raise UserError(
                f"parameter '{name}' needs one value for each {what}, {len(table)}, got shape "
                f"{np.shape(parameters[name])}."
            )
