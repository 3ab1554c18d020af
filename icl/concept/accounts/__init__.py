"""Accounts of learning curves, each a law with priors: our own drift–diffusion and the alternatives."""

from icl.concept.accounts.account import Account
from icl.concept.accounts.arora import ARORA, ARORA_SAMPLING, ARORA_SCORING
from icl.concept.accounts.drift import DRIFT_DIFFUSION, PURE_DRIFT, TEMPERED_BAYES
from icl.concept.accounts.laws import BOUNDED_POWER, LOGISTIC, POWER
from icl.concept.accounts.walk import SUBLINEAR_WALK
from icl.concept.accounts.weighted import WEIGHTED_BAYES
from icl.errors import unknown_name

__all__ = ["ACCOUNTS", "account_named"]

ACCOUNTS: dict[str, Account] = {
    account.name: account
    for account in (
        DRIFT_DIFFUSION,
        SUBLINEAR_WALK,
        PURE_DRIFT,
        TEMPERED_BAYES,
        WEIGHTED_BAYES,
        ARORA,
        ARORA_SAMPLING,
        ARORA_SCORING,
        POWER,
        BOUNDED_POWER,
        LOGISTIC,
    )
}
"""Name → account; the first is the lab's own."""


def account_named(name: str) -> Account:
    """Look an account up.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name not in ACCOUNTS:
        raise unknown_name("account", name, ACCOUNTS)
    return ACCOUNTS[name]
