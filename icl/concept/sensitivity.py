"""What in a fit leans on its priors: power-scaling of prior and likelihood, without fitting again."""

import logging
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from icl.errors import UserError

__all__ = ["SENSITIVE", "leaning", "sensitivity"]

SENSITIVE = 0.05
"""Kallioinen, Paananen, Bürkner, Vehtari 2024, Detecting and diagnosing prior and likelihood sensitivity …, §3."""

_CONFLICT = "prior and data disagree: interpret it together with the prior"
_WEAK = "the data say little here: this mostly reflects the prior"
_FINE = "the data determine it, and the prior hardly matters"
_STILL = "neither matters: it is fixed or does not vary"


def sensitivity(tree: xr.DataTree, *, only: Sequence[str] = ()) -> pd.DataFrame:
    """Tell how much each quantity moves when priors, or the likelihood, count a little more or less.

    Posterior draws are weighed anew by prior^α and by likelihood^α, α a little above and below 1; sensitivity is the
    distance of the distributions (cumulative Jensen–Shannon) for each doubling of α. Only priors that someone chose are
    scaled, not the scatter of models or demonstration sets around their mean.

    Parameters
    ----------
    tree
        What `icl.concept.fit.fit` returns: groups posterior, log_prior and log_likelihood.
    only
        Variables of the posterior whose quantities are told; none: all but the cells' accuracy.

    Returns
    -------
    pd.DataFrame
        One row per quantity of the posterior: quantity, prior, likelihood (sensitivities; `SENSITIVE` or more is worth
        a look), verdict (``conflict``, ``weak likelihood``, ``fine``, ``still``), words.

    Raises
    ------
    UserError
        If the tree lacks one of the groups.
    """
    import arviz as az

    if missing := [name for name in ("posterior", "log_prior", "log_likelihood") if name not in tree.children]:
        raise UserError(f"the fit holds no {', '.join(missing)}, which power-scaling needs; fit it again.")
    quantities = list(only) or [str(name) for name in tree["posterior"].data_vars if name != "accuracy"]
    logger = logging.getLogger("arviz_stats")
    level = logger.level
    logger.setLevel(logging.ERROR)  # the words below say the same
    try:
        found = az.psense_summary(tree, var_names=quantities, threshold=SENSITIVE, round_to=6)
    finally:
        logger.setLevel(level)
    table = found[["prior", "likelihood"]].rename_axis("quantity").reset_index()
    verdicts = [_verdict(prior, likelihood) for prior, likelihood in zip(table["prior"], table["likelihood"])]
    return table.assign(verdict=[name for name, _ in verdicts], words=[words for _, words in verdicts])


def leaning(tree: xr.DataTree) -> str:
    """Say how many of a fit's drifts (of its quantities, where its account knows no drift) move with the priors."""
    of = "drift" if "drift" in tree["posterior"] else "quantity"
    table = sensitivity(tree, only=("drift",) if of == "drift" else ())
    moved = int((table["prior"] >= SENSITIVE).sum())
    plural = {"drift": "drifts", "quantity": "quantities"}[of]
    if not moved:
        return f"None of {len(table)} {plural} is sensitive to the priors (power-scaling)."
    verb = "is" if moved == 1 else "are"
    return (
        f"{moved} of {len(table)} {plural} {verb} sensitive to the priors (power-scaling above {SENSITIVE}); keep that "
        "in mind when reading magnitudes."
    )


def _verdict(prior: float, likelihood: float) -> tuple[str, str]:
    if prior >= SENSITIVE and likelihood >= SENSITIVE:
        return "conflict", _CONFLICT
    if prior >= SENSITIVE:
        return "weak likelihood", _WEAK
    return ("fine", _FINE) if likelihood >= SENSITIVE else ("still", _STILL)
