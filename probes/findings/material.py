"""All that a run holds of its models, as tables: what findings, sections and figures read."""

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import xarray

__all__ = ["Material"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that a run holds of one model.

    Attributes
    ----------
    model : str
        Its name.
    metrics : DataFrame
        Its rows of the metrics table, all conditions.
    outcomes : DataFrame or None
        Its prompt outcomes.
    answers : DataFrame or None
        Its answers, prompts without one included, see `icl.answers.answer_table`.
    scores : DataFrame or None
        Its rows of the score table, the candidates of a prompt in the order in which they were listed.
    chance : float or None
        1 ÷ number of candidates.
    probes : tuple of str
        The probes that were asked for. Nearly every run feeds biases, calibration and agreement between demonstration
        sets; they are shown where a probe asked for them.
    variance : DataTree or None
        The fitted split of the variance of its answers.
    evidence : DataTree or None
        The fitted evidence decomposition of the answers of all models.
    """

    model: str
    metrics: pd.DataFrame
    outcomes: pd.DataFrame | None = None
    answers: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    chance: float | None = None
    probes: tuple[str, ...] = ()
    variance: "xarray.DataTree | None" = None
    evidence: "xarray.DataTree | None" = None

    def of(self, model: str) -> "Material":
        """Keep what is known of one model."""
        mine = {name: getattr(self, name) for name in ("metrics", "outcomes", "answers", "scores")}
        mine = {name: None if table is None else table[table["model"] == model] for name, table in mine.items()}
        tree = self.variance
        if tree is not None and model not in json.loads(tree.attrs["models"]):
            tree = None
        return replace(self, model=model, variance=tree, **mine)

    def rows(self, metric: str, score: str | None = None) -> pd.DataFrame:
        """Rows of one metric, of one score where it has several."""
        keep = self.metrics["metric"] == metric
        if score is not None:
            keep &= self.metrics["score"] == score
        return self.metrics[keep]
