"""What every account that can be fitted is: it reads answers, builds a PyMC model, and says what came of it.

Laws of learning curves, the evidence decomposition and the split of the variance all satisfy `Fittable`, so one
function (`icl.concept.fit.fit_layout`) samples, judges and records each of them.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr

from icl.concept.sampler import Adaptation, Effort
from icl.errors import UserError

if TYPE_CHECKING:
    import pymc

__all__ = ["PRIOR_DRAWS", "Fittable", "Seeds", "seeds_of"]

PRIOR_DRAWS = 2000
"""Draws from the prior that a fit stores."""


class Seeds(NamedTuple):
    """One random stream for each use."""

    prior: int
    sampler: int
    predictive: int


def seeds_of(seed: int) -> Seeds:
    """Derive the streams of a fit from its seed; raise `UserError` if that is negative."""
    if seed < 0:
        raise UserError(f"--seed cannot be negative, got {seed}; use 0 or more.")
    return Seeds(*(int(state) for state in np.random.SeedSequence(seed).generate_state(3)))


@runtime_checkable
class Fittable(Protocol):
    """An account as a fit needs it.

    Attributes
    ----------
    name, title, says
        For commands, for people, and the claim in one clause.
    observations
        What of the answers it can be fitted to, by name; the first is the default.
    effort
        How much sampling a fit gets unless asked otherwise: the one place that says so.
    adaptation
        How the sampler learns the posterior's shape.
    options
        Names of what `layout` takes beside a table and an observation.
    is_of_one_model
        Whether a fit is of one model on one task; others take all models at once.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def title(self) -> str: ...  # noqa: D102

    @property
    def says(self) -> str: ...  # noqa: D102

    @property
    def observations(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def effort(self) -> Effort: ...  # noqa: D102

    @property
    def adaptation(self) -> Adaptation: ...  # noqa: D102

    @property
    def options(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def is_of_one_model(self) -> bool: ...  # noqa: D102

    def tabulate(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Reduce the answers of one run to the table that is fitted; tables of several runs can be laid end to end."""

    @property
    def layout(self) -> Callable[..., Any]:
        """Lay out ``(table, observe=…, **options)``; raises `UserError` if it cannot inform this account."""

    def describe(self, layout: Any, compared: str) -> str:
        """Say in a sentence what is about to be fitted; `compared` says how labels were, if not the usual way."""

    def build(self, layout: Any) -> "pymc.Model":
        """Build the PyMC model that is sampled."""

    def sampler_seed(self, seeds: Seeds) -> int:
        """Choose the sampler's stream."""

    def groups(self, layout: Any, trace: xr.DataTree, seeds: Seeds) -> dict[str, xr.Dataset]:
        """Give what a fit keeps beside the sampler's record: posterior, observed_data, constant_data and more."""

    def attributes(self, layout: Any) -> Mapping[str, str | int]:
        """Give what the root of a fit records of its layout: ``models`` as a JSON list, priors, and more."""

    def tables(self, tree: xr.DataTree) -> dict[str, pd.DataFrame]:
        """Sum up a fit by name of table, the one to read first at the front."""

    def sentences(self, tree: xr.DataTree) -> list[str]:
        """Say what else should be known of a fit: checks, and what it leans on."""
