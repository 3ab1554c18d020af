"""Laws of learning curves as accounts that can be fitted: what they build, keep of a fit, and say."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from icl.concept.accounts import Account
from icl.concept.compiled import held_out_model
from icl.concept.counts import counts_from_answers
from icl.concept.diagnose import posterior_predictive_check, prior_predictive_check
from icl.concept.fittable import PRIOR_DRAWS, Seeds
from icl.concept.grid import Grid
from icl.concept.hierarchy import SET_DECAY, SET_EFFECT, log_prior, unconstrained
from icl.concept.layout import Layout, layout_of
from icl.concept.misfit import misfit_sentences
from icl.concept.observation import OBSERVATIONS
from icl.concept.regressors import slope_name, slope_sentences, slope_table
from icl.concept.sampler import Adaptation, Effort, nodes_of_tree
from icl.concept.sensitivity import leaning
from icl.concept.shape import shape_sentences
from icl.concept.summary import has_drift, parameter_table, summarise
from icl.concept.wander import WANDER_SHARED

if TYPE_CHECKING:
    import pymc

__all__ = ["CURVE_EFFORT", "Curves", "constant_data", "quantities_of"]

CURVE_EFFORT = Effort(draws=2000, tune=1000, chains=4, target_accept=0.95)
"""How much sampling a law of learning curves gets unless asked otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """A law of learning curves, fitted to all models and tasks of a counts table at once; a `Fittable`."""

    law: Account
    observations: tuple[str, ...] = tuple(OBSERVATIONS)
    effort: Effort = CURVE_EFFORT
    adaptation: Adaptation = "transport"
    options: tuple[str, ...] = ()
    is_of_one_model: bool = False

    @property
    def name(self) -> str:
        """Name for commands."""
        return self.law.name

    @property
    def title(self) -> str:
        """Name for people."""
        return self.law.title

    @property
    def says(self) -> str:
        """What the law claims."""
        return self.law.says

    def tabulate(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Count right answers by cell."""
        return counts_from_answers(answers)

    def layout(self, table: pd.DataFrame, *, observe: str = "counts") -> Layout:
        """Lay out the law over a counts table."""
        return layout_of(table, self.law, observe=observe)

    def describe(self, layout: Layout, compared: str = "") -> str:
        """Say which law is fitted to how many cells."""
        return f"Fitting {self.title} to {len(layout.grid.cells)} cells{compared}: {self.says}."

    def build(self, layout: Layout) -> "pymc.Model":
        """Build the law's model; no cell is held out."""
        return held_out_model(layout)

    def sampler_seed(self, seeds: Seeds) -> int:
        """Choose the sampler's stream."""
        return seeds.sampler

    def groups(self, layout: Layout, trace: xr.DataTree, seeds: Seeds) -> dict[str, xr.Dataset]:
        """Give prior, posterior (by cell, condition and parameter), predictive draws, densities and the cells."""
        chains, nodes = trace["posterior"].sizes["chain"], nodes_of_tree(trace)
        prior = layout.draw_prior(PRIOR_DRAWS, np.random.default_rng(seeds.prior))
        names = ("prior", "prior_predictive")
        column, cell = layout.observation.column, layout.grid.coords["cell"]
        return {
            **quantities_of(layout, prior, 1, np.random.default_rng(seeds.prior + 1), names=names),
            **quantities_of(layout, nodes, chains, np.random.default_rng(seeds.predictive)),
            "unconstrained": trace["posterior"].to_dataset()[[node.name for node in layout.nodes]],
            "log_likelihood": _by_chain({column: (layout.log_likelihood(nodes), ("cell",))}, chains, layout.coords),
            "log_prior": _by_chain({k: (v, ()) for k, v in log_prior(layout.nodes, nodes).items()}, chains, {}),
            "observed_data": xr.Dataset({column: ("cell", layout.observed())}, coords={"cell": cell}),
            "constant_data": constant_data(layout.grid),
        }

    def attributes(self, layout: Layout) -> dict[str, str]:
        """Give models, tasks and priors."""
        return {
            "models": json.dumps(list(dict.fromkeys(layout.grid.cells["model"]))),
            "task": " + ".join(layout.grid.tasks),
            "priors": json.dumps([asdict(parameter) for parameter in layout.parameters]),
        }

    def tables(self, tree: xr.DataTree) -> dict[str, pd.DataFrame]:
        """Sum up signal, noise and drift of each condition where the law knows them, otherwise every parameter."""
        told = {"conditions": summarise(tree)} if has_drift(tree) else {"parameters": parameter_table(tree)}
        slopes = slope_table(tree)
        return told | ({"slopes": slopes} if len(slopes) else {})

    def sentences(self, tree: xr.DataTree) -> list[str]:
        """Say what was not asked, what is sensitive to the priors, and whether the law could have produced the data."""
        checks = {"prior_predictive": prior_predictive_check, "posterior_predictive": posterior_predictive_check}
        leans = [leaning(tree)] if "log_prior" in tree.children else []
        checked = [check(tree).attrs["sentence"] for group, check in checks.items() if group in tree.children]
        told = self.law.remark(tree["posterior"].to_dataset()) if self.law.remark is not None else []
        missed = misfit_sentences(tree) if "posterior_predictive" in tree.children else []
        return [*_unseen(tree), *shape_sentences(tree), *told, *slope_sentences(tree), *leans, *checked, *missed]


def _unseen(tree: xr.DataTree) -> list[str]:
    """Name the conditions that a model was not probed in: what the fit says of them is prior and population."""
    fixed = tree["constant_data"].to_dataset()
    said = []
    for model in fixed["model"].to_numpy():
        row = fixed["observed"].sel(model=model)
        if lacking := fixed["condition"].to_numpy()[~row.to_numpy()].tolist():
            said.append(f"{model} was not asked in {len(lacking)} conditions ({lacking[0]}, …); they are left out.")
    return said


def quantities_of(
    layout: Layout,
    nodes: Mapping[str, ndarray],
    chains: int,
    rng: np.random.Generator,
    *,
    names: tuple[str, str] = ("posterior", "posterior_predictive"),
) -> dict[str, xr.Dataset]:
    """Bring nodes to the quantities that are reported, and to data that might have been observed."""
    gathered = layout.gathered(nodes)
    probability = layout.probability(gathered)
    simulated = layout.observation.simulate(probability, gathered, layout.grid.cells, rng)
    quantities: dict[str, tuple[ndarray, tuple[str, ...]]] = {"accuracy": (probability, ("cell",))}
    for parameter in layout.parameters:
        x = nodes[unconstrained(parameter.name)]
        quantities[parameter.name] = (parameter.value(x), ("model", *parameter.by))
        if (population := f"{parameter.name}_population") in nodes and parameter.anchor is None:
            quantities[population] = (parameter.value(nodes[population]), parameter.by)
        if (slopes := slope_name(parameter.name)) in nodes:
            quantities[slopes] = (nodes[slopes], ("regressor",))
    for node in layout.nodes:
        if node.name in (SET_EFFECT, SET_DECAY, WANDER_SHARED) or node.positive:
            quantities[node.name] = (nodes[node.name], node.dims)
    reported = _by_chain(quantities, chains, layout.coords)
    if layout.account.derive is not None:
        reported = reported.assign(layout.account.derive(reported, constant_data(layout.grid)))
    predictive = _by_chain({layout.observation.column: (simulated, ("cell",))}, chains, layout.coords)
    return {names[0]: reported, names[1]: predictive}


def _by_chain(
    quantities: Mapping[str, tuple[ndarray, tuple[str, ...]]], chains: int, coords: Mapping[str, object]
) -> xr.Dataset:
    variables = {}
    for name, (values, dims) in quantities.items():
        variables[name] = (("chain", "draw", *dims), values.reshape(chains, -1, *values.shape[1:]))
    used = {dim for _, dims in quantities.values() for dim in dims}
    return xr.Dataset(variables, coords={dim: np.asarray(coords[dim]) for dim in used})


def constant_data(grid: Grid) -> xr.Dataset:
    """What a fit knows of its cells and conditions beside what it observed."""
    cells, conditions = grid.cells, grid.conditions

    def text(column: pd.Series) -> np.ndarray:
        return column.to_numpy(dtype=np.str_)

    def number(column: pd.Series) -> np.ndarray:
        return column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)

    counted = ("num_shots", "num_correct", "num_prompts", "chance", "ceiling", "mean_logprob", "logprob_error")
    named = ("model", "task", "label_mode", "format", "demonstration_set")
    variables: dict[str, tuple[str | tuple[str, ...], np.ndarray]]
    variables = {name: ("cell", cells[name].to_numpy()) for name in (*counted, "evidence", "evidence_deviation")}
    variables |= {f"cell_{name}": ("cell", text(cells[name])) for name in named}
    variables |= {f"condition_{name}": ("condition", text(conditions[name])) for name in ("label_mode", "format")}
    variables |= {
        "cell_condition": ("cell", grid.cell_condition),
        "cell_series": ("cell", np.asarray(grid.models)[grid.cell_model]),
        "cell_example_length": ("cell", number(cells["example_length"])),
        "condition_example_length": ("condition", number(conditions["example_length"])),
        "condition_tokens": ("condition", grid.tokens_per_demonstration),
        "ceiling_of_length": (("model", "example_length"), grid.ceiling),
        "observed": (("model", "condition"), grid.observed),
        "middle": ("model", grid.middle),
    }
    coords = {name: np.asarray(grid.coords[name]) for name in ("model", "condition", "cell", "example_length")}
    return xr.Dataset(variables, coords=coords)
