"""The crossed hierarchical model: how much of what moves an answer is the query, and how much each part of the prompt.

    score = mean[setting] + query + demonstrations + order + format + labels + combination + residual,

every part but the first Normal(0, sd²) over its levels; orders and labels are levels within a demonstration set. With
several models there are three parts more: model, model × format, model × demonstrations. Several tasks have settings
and levels of their own, and share the standard deviations.
Log-odds of the gold label are taken for normal; then all effects are integrated out exactly, and only the standard
deviations are sampled. A right or wrong answer is Bernoulli with such log-odds; its effects are sampled, and its
residual is the logistic distribution's own (π²/3; Nakagawa & Schielzeth 2010, Biological Reviews 85). A share of right
answers to many questions is taken by its empirical log-odds, whose sampling variance is known. Deliberately not
expressed: that some queries are moved by formats or labels more than others, beyond the one residual; effects that
come in clumps.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from icl.concept.fittable import Seeds
from icl.concept.sampler import Adaptation, Effort
from icl.concept.variance_blocks import blocks_of, columns_of, log_density
from icl.concept.variance_layout import (
    FACTORS,
    MODEL_FACTORS,
    PROMPT_FACTORS,
    SAMPLING,
    VARIANCE_SCORES,
    VarianceLayout,
    layout_of,
)
from icl.errors import UserError
from icl.metrics.outcomes import known_answers

if TYPE_CHECKING:
    import pymc

__all__ = [
    "DEFAULT_VARIANCE_PRIORS",
    "VARIANCE_ACCOUNT",
    "VarianceAccount",
    "VariancePriors",
    "build_variance_model",
    "variance_shares",
]

LOGISTIC_SD = float(np.pi / np.sqrt(3))
"""Standard deviation of the logistic distribution, in nats."""

FEW_LEVELS = 5
"""Below this many levels the prior shows in a standard deviation (Gelman 2006, Bayesian Analysis 1)."""

MOST_LEVELS = 900
"""So many columns of `icl.concept.variance_blocks` are sampled in an hour on two cores, 250 in some minutes."""

MANY_ANSWERS = 50
"""From so many answers a level on, effects on right and wrong answers are sampled as they are, below in units of sd."""

VARIANCE_EFFORT = Effort(draws=2000, tune=500, chains=4, target_accept=0.95)
"""Few levels leave narrow necks: at 0.9 one fit in ten to three sets and two formats diverges too often."""

_LOWER, _UPPER = 0.05, 0.95  # ends of every 90 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class VariancePriors:
    """Every prior as a number, with its reason.

    Attributes
    ----------
    part
        Half-normal scale of every part of log-odds, in standard deviations of the data within a setting: no part can
        be much larger than the whole, and each may be 0.
    setting
        Scale of the settings' means about the mean of all, in the same unit: so wide that it tells nothing.
    part_of_accuracy
        Half-normal scale of every part where answers are right or wrong, in nats: one sd moves an even chance to 82 %.
    setting_of_accuracy
        Scale of the settings' mean log-odds, in nats: 1 % to 99 % right are within two of it.
    """

    part: float = 1.0
    setting: float = 10.0
    part_of_accuracy: float = 1.5
    setting_of_accuracy: float = 2.5


DEFAULT_VARIANCE_PRIORS = VariancePriors()


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceAccount:
    """The split of the variance of the answers of one or more models; a `Fittable`.

    It observes ``gold_log_odds``, from gold_probability, 0 at chance, cut at ±15 nats; or ``accuracy``.
    """

    name: str = "variance"
    title: str = "split of the variance"
    says: str = "the query and each part of the prompt move answers, each with its own standard deviation"
    observations: tuple[str, ...] = tuple(VARIANCE_SCORES)
    effort: Effort = VARIANCE_EFFORT
    adaptation: Adaptation = "diag"
    options: tuple[str, ...] = ("priors",)
    is_of_one_model: bool = False

    def tabulate(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Take the prompts that have an answer."""
        return known_answers(answers)

    def layout(
        self,
        table: pd.DataFrame,
        *,
        observe: str = "gold_log_odds",
        priors: VariancePriors = DEFAULT_VARIANCE_PRIORS,
    ) -> "VarianceQuestion":
        """Lay out prompt outcomes; where there is a column label_draw it tells draws of random labels apart.

        Raises
        ------
        UserError
            If nothing varied, or there is too much to split.
        """
        layout = layout_of(table, observe)
        crossed = columns_of(blocks_of(layout))
        if len(layout.models) > 1 and "combination" in layout.levels and crossed > MOST_LEVELS:
            levels = {name: codes for name, codes in layout.levels.items() if name != "combination"}
            told = {"combination": "too many levels to tell apart beside the models', so it is part of the residual"}
            layout = replace(layout, levels=levels, absent=layout.absent | told)
            crossed = columns_of(blocks_of(layout))
        if crossed > MOST_LEVELS:
            raise UserError(
                f"the parts of these prompts have {crossed:,} levels beside the largest part's, and a fit holds "
                f"{MOST_LEVELS}; use a run of fewer queries or demonstration sets (on GINC every prompt has its own "
                "set)."
            )
        return VarianceQuestion(layout=layout, priors=priors)

    def describe(self, layout: "VarianceQuestion", compared: str = "") -> str:
        """Say what is split."""
        asked, score = len(layout.layout.values), layout.layout.score.replace("_", " ")
        what = "prompts" if layout.layout.sampling is None else "counts of right answers"
        return f"Splitting the variance of {score} of {_of(layout.layout.models)} ({asked:,} {what}{compared})."

    def build(self, layout: "VarianceQuestion") -> "pymc.Model":
        """Build the crossed hierarchical model."""
        return build_variance_model(layout.layout, layout.priors)

    def sampler_seed(self, seeds: Seeds) -> int:
        """Choose the sampler's stream: the first, since nothing else is drawn."""
        return seeds.prior

    def groups(self, layout: "VarianceQuestion", trace: xr.DataTree, seeds: Seeds) -> dict[str, xr.Dataset]:
        """Give ``sd`` by factor, in nats, the scores, and the level of every factor."""
        cells = layout.layout
        levels = {name: ("outcome", codes) for name, codes in cells.levels.items()}
        return {
            "posterior": trace["posterior"].to_dataset()[["sd"]],
            "observed_data": xr.Dataset({cells.score: ("outcome", cells.values)}),
            "constant_data": xr.Dataset(levels | {"setting": ("outcome", cells.setting)}),
        }

    def attributes(self, layout: "VarianceQuestion") -> dict[str, str]:
        """Give the model, the task, why factors are absent, and priors."""
        return {
            "models": json.dumps(list(layout.layout.models)),
            "task": ", ".join(layout.layout.tasks),
            "sampling": "" if layout.layout.sampling is None else str(layout.layout.sampling),
            "absent": json.dumps(layout.layout.absent),
            "priors": json.dumps(asdict(layout.priors)),
        }

    def tables(self, tree: xr.DataTree) -> dict[str, pd.DataFrame]:
        """Sum up the share of each part."""
        return {"shares": variance_shares(tree)}

    def sentences(self, tree: xr.DataTree) -> list[str]:
        """Nothing is checked beyond convergence."""
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceQuestion:
    """Outcomes laid out by factor, and the priors that they meet."""

    layout: VarianceLayout
    priors: VariancePriors


VARIANCE_ACCOUNT = VarianceAccount()


def build_variance_model(layout: VarianceLayout, priors: VariancePriors = DEFAULT_VARIANCE_PRIORS) -> "pymc.Model":
    """Build the model of a layout; its variable ``sd`` has a standard deviation for each factor, in nats.

    Raises
    ------
    UserError
        If all scores are the same.
    """
    if np.ptp(layout.values) == 0:
        raise UserError(
            f"all {len(layout.values)} scores are {layout.values[0]:.3g}, so no variance can be split; use a task that "
            "is neither hopeless nor trivial for this model."
        )
    is_binary = layout.score == "accuracy" and layout.sampling is None
    return _binomial_model(layout, priors) if is_binary else _normal_model(layout, priors)


def _normal_model(layout: VarianceLayout, priors: VariancePriors) -> "pymc.Model":
    """All effects integrated out: y ~ Normal(0, σ²(I + Σ_f r_f² Z_f Z_fᵀ)), r_f the deviation of f over σ."""
    import pymc as pm
    import pytensor.tensor as pt

    own = layout.values - _mean_of_group(layout.values, layout.setting)
    scale = float(own.std())
    with pm.Model(coords={"factor": [*layout.levels, "residual"]}) as model:
        sd = pm.HalfNormal("sd", priors.part * scale, dims="factor")
        sigma = sd[-1]
        ratios = pt.concatenate([pt.as_tensor([priors.setting * scale]), sd[:-1]]) / sigma
        density = sum(log_density(block, ratios, sigma) for block in blocks_of(layout))
        pm.Potential("log_density", density - len(layout.values) * pt.log(sigma))
    return model


def _binomial_model(layout: VarianceLayout, priors: VariancePriors) -> "pymc.Model":
    """Effects of a factor sum to 0: what its levels share belongs to the settings' means.

    Answers that share all levels are counted: their number and how many are right say all that they say.
    """
    import pymc as pm

    factors = list(layout.levels)
    cells, cell = np.unique(np.column_stack([layout.setting, *layout.levels.values()]), axis=0, return_inverse=True)
    asked, right = (np.bincount(cell.ravel(), weights=weights) for weights in (None, layout.values))
    setting, *levels = cells.T
    coords = {"factor": factors, "setting": np.arange(layout.setting.max() + 1)}
    coords |= {f"level_of_{name}": np.arange(count) for name, count in layout.num_levels.items()}
    with pm.Model(coords=coords) as model:
        sd = pm.HalfNormal("sd", priors.part_of_accuracy, dims="factor")
        log_odds = pm.Normal("mean", 0, priors.setting_of_accuracy, dims="setting")[setting]
        for place, name in enumerate(factors):
            if len(layout.values) >= MANY_ANSWERS * layout.num_levels[name]:
                effect = pm.ZeroSumNormal(f"effect_of_{name}", sd[place], dims=f"level_of_{name}")
            else:
                effect = sd[place] * pm.ZeroSumNormal(f"effect_of_{name}", 1.0, dims=f"level_of_{name}")
            log_odds = log_odds + effect[levels[place]]
        pm.Binomial("num_right", n=asked, logit_p=log_odds, observed=right.astype(np.int64))
    return model


def variance_shares(tree: xr.DataTree) -> pd.DataFrame:
    """Sum up a fit: one row for each part, and ``prompt`` for all that a prompt is made of.

    Returns
    -------
    pd.DataFrame
        factor, meaning, num_levels; sd, sd_lower, sd_upper (median and 90 % interval, nats); share, share_lower,
        share_upper (of the total variance); note, a sentence where a row should be read with care or is missing.
    """
    posterior = tree["posterior"]["sd"].stack(sample=("chain", "draw"))
    variance = {str(name): posterior.sel(factor=name).to_numpy() ** 2 for name in posterior["factor"].to_numpy()}
    sampling = tree.attrs.get("sampling", "")
    is_binary = tree.attrs["observe"] == "accuracy" and not sampling
    if is_binary:
        variance["residual"] = np.full(posterior.sizes["sample"], LOGISTIC_SD**2)
    if sampling:
        variance[SAMPLING] = np.minimum(variance["residual"], float(sampling))
        variance["residual"] = variance["residual"] - variance[SAMPLING]
    total = np.sum(list(variance.values()), axis=0)
    variance["prompt"] = np.sum([draws for name, draws in variance.items() if name in PROMPT_FACTORS], axis=0)
    reasons = json.loads(tree.attrs["absent"])
    rows = []
    for name, meaning in _rows():
        if name not in variance and name not in reasons and name in (*MODEL_FACTORS, SAMPLING):
            continue
        codes = tree["constant_data"].get(name)
        levels = int(codes.max()) + 1 if codes is not None else None
        row: dict[str, object] = {"factor": name, "meaning": meaning, "num_levels": levels}
        if name in variance:
            row |= _interval("sd", np.sqrt(variance[name])) | _interval("share", variance[name] / total)
        few = levels is not None and levels < FEW_LEVELS
        row["note"] = f"only {levels} levels, so it depends on the prior" if few else reasons.get(name, "")
        rows.append(row)
    if is_binary:
        rows[-1]["note"] = "the logistic distribution's own, not measured"
    return pd.DataFrame(rows).astype({"num_levels": "Int64"})


def _rows() -> list[tuple[str, str]]:
    """Factors with their meaning, the sum over the prompt's parts behind those, the residual last."""
    *parts, residual = FACTORS.items()
    return [*parts, ("prompt", " + ".join(PROMPT_FACTORS)), residual]


def _of(models: Sequence[str]) -> str:
    return models[0] if len(models) == 1 else f"{len(models)} models"


def _interval(name: str, draws: Float[ndarray, " num_draws"]) -> dict[str, float]:
    lower, median, upper = np.quantile(draws, [_LOWER, 0.5, _UPPER])
    return {name: float(median), f"{name}_lower": float(lower), f"{name}_upper": float(upper)}


def _mean_of_group(values: Float[ndarray, " n"], group: ndarray) -> Float[ndarray, " n"]:
    return (np.bincount(group, weights=values) / np.bincount(group))[group]
