"""The evidence decomposition as a trial of recovery: drawn from its prior, simulated, and fitted again."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from icl.concept.compiled import Fitted
from icl.concept.evidence import EVIDENCE
from icl.concept.evidence.account import in_dims, log_likelihood
from icl.concept.evidence.layout import EvidenceLayout, evidence_layout
from icl.concept.evidence.model import compile_evidence
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS, EvidencePriors
from icl.concept.evidence.simulate import PARAMETERS, draw_counts, draw_prior, draw_walk, expected_accuracy
from icl.concept.sbc import LOG_LIKELIHOOD, Fits

__all__ = ["EvidenceTrial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTrial:
    """The decomposition over a table of cells; what the table observed is not used.

    Attributes
    ----------
    cells
        A table of evidence cells of one model on one task.
    concepts
        2 or 3, as in `icl.concept.evidence.account.EvidenceAccount`.
    priors
        Of the decomposition.
    """

    cells: pd.DataFrame
    concepts: int = 2
    priors: EvidencePriors = DEFAULT_EVIDENCE_PRIORS

    @property
    def key(self) -> tuple[str | int, ...]:
        """Name that its random streams go by."""
        return (EVIDENCE, self.concepts)

    def settings(self) -> str:
        """Spell out priors and cells."""
        return json.dumps([self.concepts, asdict(self.priors)]) + self.cells.to_json()

    def draw(self, rng: np.random.Generator) -> tuple[xr.Dataset, ndarray]:
        """Draw parameters, the walks of the demonstration sets, and counts by NumPy."""
        layout = self._layout
        drawn = draw_prior(layout, self.priors, concepts=self.concepts, num_draws=1, rng=rng)
        walk = draw_walk(layout, drawn["walk_deviation"], rng)
        drawn["accuracy"] = expected_accuracy(self.cells, drawn, walk)
        observed = draw_counts(layout, drawn["accuracy"], drawn["log_precision"], rng)[0]
        return self._ranked(in_dims(layout, drawn, chains=1), observed), observed

    def compiled(self) -> Fits:
        """Compile the model."""
        return compile_evidence(self.cells, self.priors, concepts=self.concepts).fit

    def quantities(self, fitted: Fitted, observed: ndarray, rng: np.random.Generator) -> xr.Dataset:
        """Bring a posterior to the components, what is made of them, and the log likelihood of the counts."""
        return self._ranked(fitted.trace["posterior"].to_dataset(), observed)

    @property
    def _layout(self) -> EvidenceLayout:
        return evidence_layout(self.cells)

    def _ranked(self, draws: xr.Dataset, observed: ndarray) -> xr.Dataset:
        names = [*PARAMETERS, "labels", "wrong_labels", *(["permuted_gap"] if self.concepts == 3 else [])]
        found = draws[names]
        signal = found["inputs"] + found["label_space"] + found["labels"]
        drift = signal - found["noise"].isel(style=0)
        density = log_likelihood(self._layout, draws, observed).sum(axis=-1)
        return found.assign(
            {
                "drift of right labels": drift,
                "label share": found["labels"] / signal,
                "break-even share": 1 - drift / found["wrong_labels"],
                LOG_LIKELIHOOD: (("chain", "draw"), density),
            }
        )
