"""What every account of learning curves has: parameters with priors and rationales, a function from them to accuracy.

Every parameter is Normal on an unconstrained scale and reaches its own scale by a link, so that one machinery pools,
samples, simulates and checks all accounts alike. The function is written once and runs on NumPy arrays (simulation,
prediction) and on PyTensor variables (sampling) through `Functions`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy import ndarray
from scipy.special import expit, exprel, log_expit, logsumexp, ndtr

__all__ = ["DIMENSIONS", "LINKS", "NUMPY", "Account", "Cells", "Functions", "Parameter", "softplus"]

DIMENSIONS = ("label_mode", "format", "example_length", "condition")
"""What a parameter may vary by, beside the model: its `by`. A condition is a (label mode, format, example length)."""


def softplus(x: Any) -> Any:
    """log(1 + eˣ): positive, linear above and exponential below zero; ridges between two positives stay straight."""
    return np.logaddexp(0.0, x)


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions that an account is written in; each takes and returns arrays of one kind."""

    exp: Callable
    log: Callable
    sqrt: Callable
    sigmoid: Callable
    softplus: Callable
    exprel: Callable
    """(eˣ − 1) ÷ x, 1 at 0."""
    normal_cdf: Callable
    log_sigmoid: Callable
    log_sum_exp: Callable
    """Over the last axis."""
    stack: Callable
    """A list of arrays along a new last axis."""
    weighted: Callable
    """(x, weights) → Σ over the last axis of x, once for each row of the weights, which are numbers."""


NUMPY = Functions(
    exp=np.exp,
    log=np.log,
    sqrt=np.sqrt,
    sigmoid=expit,
    softplus=softplus,
    exprel=exprel,
    normal_cdf=ndtr,
    log_sigmoid=log_expit,
    log_sum_exp=lambda x: logsumexp(x, axis=-1),
    stack=lambda arrays: np.stack(np.broadcast_arrays(*arrays), axis=-1),
    weighted=lambda x, weights: x @ weights.T,
)

LINKS = ("identity", "softplus", "exp", "sigmoid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter: value = scale · link(x), x ~ Normal(location + anchor, spread²) before the data.

    Attributes
    ----------
    name, unit, meaning
        What it is called, measured in, and says.
    by
        What it varies by beside the model, of `DIMENSIONS`.
    location, spread
        Prior of x.
    scatter
        How far the levels of `by` stray from their common mean, on the scale of x; None: they share nothing.
    link, scale
        From x to the value.
    anchor
        Added to the location, from the task's own cells: "chance" (its logit), "shots" (log of how many times as many
        they are, in the middle, as GINC's; 0 where they are no more), "per shot" (minus that) or None.
    is_regressed
        Whether size, tuning and number of labels may move its population, see `icl.concept.regressors`.
    reason
        Why this prior.
    """

    name: str
    unit: str
    meaning: str
    location: float
    spread: float
    reason: str
    by: tuple[str, ...] = ()
    scatter: float | None = None
    link: str = "identity"
    scale: float = 1.0
    anchor: str | None = None
    is_regressed: bool = False

    def prior_in_words(self) -> str:
        """Say the prior in one line, e.g. ``softplus of Normal(0, 1.3), nats, by format``."""
        added = {"chance": "logit of chance + ", "shots": "log shots + ", "per shot": "−log shots + ", None: ""}
        centre = f"{added[self.anchor]}{self.location:g}"
        normal = f"Normal({centre}, {self.spread:g})"
        scaled = "" if self.scale == 1 else f"{self.scale:g} · "
        words = normal if self.link == "identity" else f"{scaled}{self.link} of {normal}"
        parts = [words, self.unit, f"by {', '.join(self.by).replace('_', ' ')}" if self.by else ""]
        if self.scatter is not None:
            parts.append(f"levels scatter by {self.scatter:g}")
        return ", ".join(part for part in parts if part)

    def value(self, x: Any, functions: Functions = NUMPY) -> Any:
        """Bring x to the parameter's own scale."""
        link = {"softplus": functions.softplus, "exp": functions.exp, "sigmoid": functions.sigmoid}.get(self.link)
        return self.scale * (x if link is None else link(x))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """What an account may know of each cell: arrays of one shape.

    Attributes
    ----------
    num_shots
        n.
    tokens
        k, tokens in one demonstration; 1 where the task has no example length.
    mean_tokens
        Mean k over the conditions.
    ceiling
        Highest accuracy there can be: of exact Bayes, where known, otherwise 1.
    middle
        Mean log(1 + n) over the shot counts that the cell's model was asked at on its task: the scale of n there.
    num_labels
        Labels that demonstrations can show; NaN where answers are not of a small set of labels.
    evidence, evidence_deviation
        Mean and standard deviation over the cell's prompts of the exact log-odds of the right concept, nats; NaN where
        unknown.
    """

    num_shots: Float[ndarray, " num_cells"]
    tokens: Float[ndarray, " num_cells"]
    mean_tokens: float
    ceiling: Float[ndarray, " num_cells"]
    middle: Float[ndarray, " num_cells"]
    num_labels: Float[ndarray, " num_cells"]
    evidence: Float[ndarray, " num_cells"]
    evidence_deviation: Float[ndarray, " num_cells"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A law of learning curves.

    Attributes
    ----------
    name, title
        For commands and for people.
    says
        One sentence on what it claims.
    source
        Where it comes from.
    parameters
        Its parameters with their priors.
    accuracy
        (values by parameter's name, each gathered to the cells; cells; functions) → probability of a right answer.
        Leading dimensions (draws) are allowed.
    derive
        (posterior of one parameter each as DataArrays; constant_data) → further quantities to report, or None.
    remark
        (posterior with what `derive` adds) → sentences to read beside the tables, or None.
    needs_evidence
        Whether every cell must carry the exact evidence.
    """

    name: str
    title: str
    says: str
    source: str
    parameters: tuple[Parameter, ...]
    accuracy: Callable[[Mapping[str, Any], Cells, Functions], Any]
    derive: Callable[[xr.Dataset, xr.Dataset], dict[str, xr.DataArray]] | None = None
    remark: Callable[[xr.Dataset], list[str]] | None = None
    needs_evidence: bool = False

    def parameter(self, name: str) -> Parameter:
        """Look a parameter up by its name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)
