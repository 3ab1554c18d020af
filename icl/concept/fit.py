"""Fit an account, whichever it is: lay out, compile, sample, judge, and write down what was asked and answered."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import pandas as pd
import xarray as xr

from icl.concept.accounts import ACCOUNTS, DRIFT_DIFFUSION, Account
from icl.concept.curves import Curves
from icl.concept.density import compile_density
from icl.concept.diagnose import Diagnosis, diagnose
from icl.concept.evidence.account import EVIDENCE_ACCOUNT
from icl.concept.fittable import Fittable, seeds_of
from icl.concept.sampler import (
    CHECKING,
    COMPILING,
    SAMPLE_STATS,
    Effort,
    Stages,
    import_sampler,
    record_of,
    sample,
    stage,
)
from icl.concept.variance import VARIANCE_ACCOUNT
from icl.errors import unknown_name
from icl.metrics.normalise import DEFAULT_NORMALISATION

__all__ = ["FITTABLE", "Fit", "fit", "fit_layout", "fittable_named"]

FITTABLE: dict[str, Fittable] = {
    **{name: Curves(law=law) for name, law in ACCOUNTS.items()},
    **{account.name: account for account in (EVIDENCE_ACCOUNT, VARIANCE_ACCOUNT)},
}
"""Name → everything that can be fitted: the laws of learning curves, and what takes demonstrations or answers apart."""


def fittable_named(name: str) -> Fittable:
    """Look up what can be fitted.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name not in FITTABLE:
        raise unknown_name("account", name, FITTABLE)
    return FITTABLE[name]


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A fit as one reads it: what may not be read says so before anything else.

    Attributes
    ----------
    tree
        Posterior and everything beside it; its attrs record what was asked.
    stale
        Why it is not of the answers that a run holds now; empty where it is.
    """

    tree: xr.DataTree
    stale: str = ""

    @property
    def account(self) -> Fittable:
        """The account that was fitted."""
        return fittable_named(str(self.tree.attrs["account"]))

    @property
    def observe(self) -> str:
        """What of the answers it was fitted to."""
        return str(self.tree.attrs["observe"])

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Whether its chains agree."""
        return diagnose(self.tree)

    @property
    def converged(self) -> bool:
        """Whether its chains agree well enough to be read."""
        return self.diagnosis.converged

    @property
    def trouble(self) -> str:
        """Why no number of it may be quoted; empty where they may."""
        return self.stale or ("" if self.converged else " ".join(self.diagnosis.sentences))

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What it says, by name of table."""
        return self.account.tables(self.tree)

    @cached_property
    def sentences(self) -> list[str]:
        """What else should be known of it."""
        return self.account.sentences(self.tree)

    @property
    def title(self) -> str:
        """What was fitted to what, for people."""
        how = str(self.tree.attrs.get("normalisation", DEFAULT_NORMALISATION))
        compared = "" if how == DEFAULT_NORMALISATION else f", labels compared by '{how}'"
        model = f", {self.tree.attrs['asked_model']}" if self.tree.attrs.get("asked_model") else ""
        given = json.loads(self.tree.attrs.get("asked_options", "{}"))
        options = "".join(f", {name} {'of its own' if value is None else value}" for name, value in given.items())
        return f"{self.account.title} of {self.observe.replace('_', ' ')}{compared}{options}{model}"

    @property
    def models(self) -> tuple[str, ...]:
        """Models whose answers it was fitted to."""
        return tuple(json.loads(self.tree.attrs["models"]))

    @property
    def order(self) -> int:
        """Where its account stands among all that can be fitted."""
        return list(FITTABLE).index(self.account.name)

    def __repr__(self) -> str:
        name, table = next(iter(self.tables.items()))
        said = [self.title, self.trouble and f"Warning: {self.trouble}", f"{name}:", table.to_string(max_rows=20)]
        return "\n".join(filter(None, [*said, *self.sentences]))

    def _repr_html_(self) -> str:
        warning = f"<p><strong>Warning:</strong> {escape(self.trouble)}</p>" if self.trouble else ""
        tables = "".join(
            f"<h4>{escape(name.replace('_', ' '))}</h4>{table.to_html(index=False, max_rows=20, float_format='%.3g')}"
            for name, table in self.tables.items()
        )
        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)
        return f"<h3>{escape(self.title)}</h3>{warning}{tables}{said}"


def fit(
    table: pd.DataFrame,
    account: str | Account | Fittable = DRIFT_DIFFUSION,
    *,
    observe: str | None = None,
    draws: int | None = None,
    tune: int | None = None,
    chains: int | None = None,
    seed: int,
    progress: Stages | None = None,
    **options: Any,
) -> xr.DataTree:
    """Sample the posterior of an account with nutpie.

    Parameters
    ----------
    table
        What `Fittable.tabulate` makes of answers: of a law of learning curves a counts table, of the evidence
        decomposition its cells, of the split of the variance prompt outcomes of one model on one task.
    account
        A name of `FITTABLE`, such as ``"evidence"``, or an account itself.
    observe
        What of the answers is fitted: ``counts`` (right answers) or ``logprob`` (mean log-probabilities of the gold
        label) of a law, ``gold_log_odds`` or ``accuracy`` of the variance; None: the account's default.
    draws, tune, chains
        Kept draws and tuning draws of each chain, and their number: two or more, so that they can disagree. None: as
        the account says (`Fittable.effort`).
    seed
        Seed of prior draws, sampler and predictive draws.
    progress
        Called as a fit goes from stage to stage, and with the draws done.
    options
        Of the account: ``concepts`` and ``priors`` of the evidence decomposition, ``priors`` of the variance.

    Returns
    -------
    xr.DataTree
        Groups posterior, sample_stats, observed_data and constant_data, and of all but the variance prior,
        prior_predictive, posterior_predictive and log_likelihood. The root's attrs tell what was asked, by which
        versions it was answered, in how many seconds, and whether it converged.

    Raises
    ------
    UserError
        If the table cannot inform this account, or the sampler's numbers make no sense.
    """
    if isinstance(account, Account):
        asked: Fittable = Curves(law=account)
    else:
        asked = fittable_named(account) if isinstance(account, str) else account
    effort = asked.effort.but(draws=draws, tune=tune, chains=chains)
    observe = observe or asked.observations[0]
    layout = asked.layout(table, observe=observe, **options)
    return fit_layout(asked, layout, observe=observe, effort=effort, seed=seed, progress=progress).tree


def fit_layout(
    account: Fittable,
    layout: Any,
    *,
    observe: str,
    effort: Effort,
    seed: int,
    source: Mapping[str, str] | None = None,
    progress: Stages | None = None,
) -> Fit:
    """Compile, sample and judge what `Fittable.layout` laid out, and record what was asked.

    Parameters
    ----------
    source
        What the table was made of, recorded as it is: normalisation and digest of the scores.

    Raises
    ------
    RuntimeError
        If the sampler finds no place to start from.
    """
    seeds = seeds_of(seed)
    started = time.perf_counter()
    import_sampler(progress)
    stage(progress, COMPILING)
    density = compile_density(account.build(layout))
    sampling = time.perf_counter()
    trace = sample(density, effort, seed=account.sampler_seed(seeds), progress=progress, adaptation=account.adaptation)
    sampled = time.perf_counter()
    stage(progress, CHECKING)
    stats = trace["sample_stats"].to_dataset()[list(SAMPLE_STATS)]
    tree = xr.DataTree.from_dict(account.groups(layout, trace, seeds) | {"sample_stats": stats})
    tree.attrs = {"account": account.name, "observe": observe, **account.attributes(layout), **(source or {})}
    tree.attrs |= record_of(effort, seed=seed, started=started, sampling=sampling, sampled=sampled)
    fitted = Fit(tree)
    tree.attrs["converged"] = int(fitted.converged)
    return fitted
