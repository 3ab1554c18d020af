"""The evidence decomposition as an account that can be fitted: what it builds, keeps of a fit, and says."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from icl.concept.diagnose import posterior_predictive_check, prior_predictive_check
from icl.concept.evidence import EVIDENCE
from icl.concept.evidence.identified import cells_of
from icl.concept.evidence.layout import CONDITION, EvidenceLayout, count_cells, evidence_layout, untold_factors
from icl.concept.evidence.model import REPORTED, build_evidence_model, check_concepts
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS, EvidencePriors
from icl.concept.evidence.simulate import draw_counts, draw_prior, draw_walk, expected_accuracy
from icl.concept.evidence.summary import break_even, label_share, summarise_conditions, summarise_evidence
from icl.concept.fittable import PRIOR_DRAWS, Seeds
from icl.concept.observation import OBSERVATIONS
from icl.concept.sampler import Adaptation, Effort
from icl.errors import UserError
from icl.prompts.mode_columns import with_label_mode

if TYPE_CHECKING:
    import pymc

__all__ = ["EVIDENCE_ACCOUNT", "EvidenceAccount", "EvidenceQuestion", "constant_data", "in_dims", "log_likelihood"]

EVIDENCE_EFFORT = Effort(draws=2000, tune=1000, chains=4)
"""How much sampling a decomposition gets unless asked otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceQuestion:
    """Cells laid out, and the model that is asked of them.

    Attributes
    ----------
    layout
        The cells.
    concepts
        2: this task and no task; 3: and the permuted task.
    priors
        Of the decomposition.
    """

    layout: EvidenceLayout
    concepts: int
    priors: EvidencePriors


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAccount:
    """What inputs, label words and right labels of a demonstration bring, fitted to several models and tasks at once.

    A `Fittable`. `icl.concept.evidence.summary` says what a fit says.
    """

    name: str = EVIDENCE
    title: str = "evidence decomposition"
    says: str = "inputs, label words and right labels each add to the evidence for the task"
    observations: tuple[str, ...] = ("counts",)
    effort: Effort = EVIDENCE_EFFORT
    adaptation: Adaptation = "low_rank"
    options: tuple[str, ...] = ("concepts", "priors")
    is_of_one_model: bool = False

    def tabulate(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Count right answers by demonstration set and condition."""
        return count_cells(answers)

    def layout(
        self,
        table: pd.DataFrame,
        *,
        observe: str = "counts",
        concepts: int | None = None,
        priors: EvidencePriors = DEFAULT_EVIDENCE_PRIORS,
    ) -> EvidenceQuestion:
        """Lay out cells, such as `icl.concept.evidence.layout.evidence_cells` makes.

        Parameters
        ----------
        concepts
            2 or 3; None: 3 where labels were permuted.

        Raises
        ------
        UserError
            If the cells could not tell what a demonstration brings, something else than counts is asked, or concepts
            are not 2 or 3.
        """
        if observe not in self.observations:
            raise UserError(f"account {self.name} is fitted to {self.observations[0]}, got '{observe}'; leave it out.")
        if concepts is not None:
            check_concepts(concepts)
        layout = evidence_layout(table)
        permutes = with_label_mode(layout.cells["label_mode"], lambda mode: mode.permutes).any()
        return EvidenceQuestion(layout=layout, concepts=concepts or (3 if permutes else 2), priors=priors)

    def describe(self, layout: EvidenceQuestion, compared: str = "") -> str:
        """Say whose evidence is decomposed into what."""
        cells = layout.layout.cells
        return (
            f"Decomposing the evidence of {', '.join(dict.fromkeys(cells['model']))} ({len(cells)} cells{compared}) "
            f"into inputs, label words and right labels, {layout.concepts} concepts."
        )

    def build(self, layout: EvidenceQuestion) -> "pymc.Model":
        """Build the decomposition's model."""
        return build_evidence_model(layout.layout.cells, layout.priors, concepts=layout.concepts)

    def sampler_seed(self, seeds: Seeds) -> int:
        """Choose the sampler's stream."""
        return seeds.sampler

    def groups(self, layout: EvidenceQuestion, trace: xr.DataTree, seeds: Seeds) -> dict[str, xr.Dataset]:
        """Give prior, posterior, predictive draws, densities and the cells."""
        cells = layout.layout
        posterior = _reported(trace["posterior"].to_dataset())
        prior = _prior(cells, layout.priors, layout.concepts, np.random.default_rng(seeds.prior))
        return {
            "prior": prior,
            "prior_predictive": _predictive(cells, prior, np.random.default_rng(seeds.prior + 1)),
            "posterior": posterior,
            "posterior_predictive": _predictive(cells, posterior, np.random.default_rng(seeds.predictive)),
            "log_likelihood": _of_cells(cells, log_likelihood(cells, posterior, cells.observed())),
            "observed_data": xr.Dataset({"num_correct": ("cell", cells.observed())}),
            "constant_data": constant_data(cells),
        }

    def attributes(self, layout: EvidenceQuestion) -> dict[str, str | int]:
        """Give models, concepts and priors."""
        return {
            "models": json.dumps(list(dict.fromkeys(layout.layout.cells["model"]))),
            "task": " + ".join(dict.fromkeys(layout.layout.cells["task"])),
            "concepts": layout.concepts,
            "priors": json.dumps(asdict(layout.priors)),
        }

    def tables(self, tree: xr.DataTree) -> dict[str, pd.DataFrame]:
        """Sum up components, the share of the labels, break-even shares and conditions."""
        return {
            "components": summarise_evidence(tree),
            "label_share": label_share(tree),
            "break_even": break_even(tree),
            "conditions": summarise_conditions(tree),
        }

    def sentences(self, tree: xr.DataTree) -> list[str]:
        """Say whether the decomposition could have produced the data, and what it does not tell apart."""
        checks = [check(tree).attrs["sentence"] for check in (prior_predictive_check, posterior_predictive_check)]
        return checks + [
            f"No component follows the {one.heading}, which takes several values here: they share all components."
            for one in untold_factors(cells_of(tree))
        ]


EVIDENCE_ACCOUNT = EvidenceAccount()


def log_likelihood(layout: EvidenceLayout, draws: xr.Dataset, observed: ndarray) -> ndarray:
    """Log density of each cell's count given its accuracy, (chain, draw, cell)."""
    values = {"log_precision": draws["log_precision"].to_numpy()[..., layout.cell_series]}
    return OBSERVATIONS["counts"].log_density(draws["accuracy"].to_numpy(), values, layout.cells, observed)


def _reported(posterior: xr.Dataset) -> xr.Dataset:
    """Keep what a fit reports, and leave out what only the sampler needs."""
    return posterior[[name for name in REPORTED if name in posterior]]


def _prior(layout: EvidenceLayout, priors: EvidencePriors, concepts: int, rng: np.random.Generator) -> xr.Dataset:
    drawn = draw_prior(layout, priors, concepts=concepts, num_draws=PRIOR_DRAWS, rng=rng)
    walk = draw_walk(layout, drawn["walk_deviation"], rng)
    return in_dims(layout, drawn | {"accuracy": expected_accuracy(layout.cells, drawn, walk)}, chains=1)


def in_dims(layout: EvidenceLayout, draws: Mapping[str, ndarray], *, chains: int) -> xr.Dataset:
    """Name the dimensions of draws: name → (chain × draw, series, style or cell)."""
    dims = {"noise": "style", "start_log_odds": "style", "accuracy": "cell"}
    variables = {
        name: (("chain", "draw", dims.get(name, "series")), values.reshape(chains, -1, values.shape[-1]))
        for name, values in draws.items()
    }
    return xr.Dataset(variables, coords={name: layout.coords[name] for name in ("series", "style", "cell")})


def _predictive(layout: EvidenceLayout, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    counts = draw_counts(layout, draws["accuracy"].to_numpy(), draws["log_precision"].to_numpy(), rng)
    return _of_cells(layout, counts)


def _of_cells(layout: EvidenceLayout, values: ndarray) -> xr.Dataset:
    return xr.Dataset({"num_correct": (("chain", "draw", "cell"), values)}, coords={"cell": layout.coords["cell"]})


def constant_data(layout: EvidenceLayout) -> xr.Dataset:
    """Lay out what a fit keeps of its cells: what they showed, what was counted, whose they are."""
    cells, coords = layout.cells, layout.coords
    variables: dict[str, tuple[str, np.ndarray]] = {
        name: ("cell", cells[name].to_numpy(dtype=np.str_ if cells[name].dtype == "str" else None))
        for name in ("num_shots", "num_correct", "num_prompts", "num_labels", "share_correct", "share_permuted")
    }
    variables |= {name: ("cell", cells[name].to_numpy()) for name in ("has_inputs", "has_label_space")}
    text = ("model", "task", "demonstration_set_id", *CONDITION)
    variables |= {f"cell_{name}": ("cell", cells[name].to_numpy(dtype=np.str_)) for name in text}
    variables |= {
        "cell_example_length": ("cell", np.full(len(cells), np.nan)),
        "cell_series": ("cell", layout.cell_series),
        "cell_style": ("cell", layout.cell_style),
        "style_series": ("style", layout.style_series),
        "series_num_labels": ("series", layout.series["num_labels"].to_numpy()),
        "style_format": ("style", layout.styles["format"].to_numpy(dtype=np.str_)),
    }
    variables |= {
        f"series_{name}": ("series", layout.series[name].to_numpy(dtype=np.str_)) for name in ("model", "task")
    }
    return xr.Dataset(variables, coords={name: coords[name] for name in ("series", "style", "cell")})
