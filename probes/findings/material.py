"""All that a run holds of its models, as tables: what findings, sections and figures read."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from icl.concept.grid import series_names

if TYPE_CHECKING:
    from icl.concept.fit import Fit

__all__ = ["Material", "by_task"]

_OWN_NAME = "own_name"
"""Column of a model's own name where `by_task` has named it with its task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that a run holds of one model.

    Attributes
    ----------
    model : str
        Its name in these tables, with the task where the run has several.
    metrics : DataFrame
        Its rows of the metrics table, all conditions.
    outcomes : DataFrame or None
        Its prompt outcomes.
    answers : DataFrame or None
        Its answers, prompts without one included, see `icl.answers.answer_table`.
    scores : DataFrame or None
        Its rows of the score table: which prompt they belong to, status and reason.
    chance : float or None
        1 ÷ number of candidates.
    probes : tuple of str
        The probes that were asked for. Nearly every run feeds biases, contextual calibration and agreement between
        demonstration sets; they are shown where a probe asked for them.
    fits : tuple of Fit
        All fits that the run holds of its answers, those that may not be quoted included.
    own_name, task : str
        The model's own name and the task, where the run has several tasks; else empty.
    """

    model: str
    metrics: pd.DataFrame
    outcomes: pd.DataFrame | None = None
    answers: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    chance: float | None = None
    probes: tuple[str, ...] = ()
    fits: "tuple[Fit, ...]" = ()
    own_name: str = ""
    task: str = ""

    def of(self, model: str) -> "Material":
        """Keep what is known of one model."""
        mine = {name: getattr(self, name) for name in ("metrics", "outcomes", "answers", "scores")}
        mine = {name: None if table is None else table[table["model"] == model] for name, table in mine.items()}
        rows = self.metrics[self.metrics["model"] == model]
        of_several = len(rows) > 0 and _OWN_NAME in rows
        name, task = (str(rows.iloc[0][column]) if of_several else "" for column in (_OWN_NAME, "task"))
        fits = tuple(fit for fit in self.fits if (name or model) in fit.models)
        return replace(self, model=model, own_name=name, task=task, fits=fits, **mine)

    def of_each_fit(self, account: str) -> Iterator["Material"]:
        """Keep one fit of an account at a time; nothing where there is none."""
        for fit in self.fits:
            if fit.account.name == account:
                yield replace(self, fits=(fit,))

    def fit(self, account: str) -> "Fit | None":
        """Take the first fit of an account."""
        return next((each.fits[0] for each in self.of_each_fit(account)), None)

    def rows(self, metric: str, score: str | None = None) -> pd.DataFrame:
        """Rows of one metric, of one score where it has several."""
        keep = self.metrics["metric"] == metric
        if score is not None:
            keep &= self.metrics["score"] == score
        return self.metrics[keep]


def by_task(table: pd.DataFrame, tasks: Collection[str]) -> pd.DataFrame:
    """Name each model with its task where a run has several of those, so that nothing said of a model mixes them."""
    named = table.assign(**{_OWN_NAME: table["model"], "model": series_names(table, tasks)})
    return named if len(tasks) > 1 else table
