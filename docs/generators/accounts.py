"""Tables of parameters and priors, from the declarations of the accounts and of the other models."""

import dataclasses
import inspect
import re

from generators.markdown import code, table
from icl.concept.accounts import ACCOUNTS
from icl.concept.accounts.account import Parameter
from icl.concept.evidence.priors import DEFAULT_EVIDENCE_PRIORS
from icl.concept.observation import OBSERVATIONS
from icl.concept.variance import DEFAULT_VARIANCE_PRIORS

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """Write the part of each account's, observation's and other model's section that its declaration holds."""
    made = {}
    for name, account in ACCOUNTS.items():
        claims = f"It says: {account.says}. Source: {account.source}."
        made[f"parts/accounts/{name}.md"] = f"{claims}\n\n{_parameters(account.parameters)}"
    for name, observation in OBSERVATIONS.items():
        made[f"parts/observations/{name}.md"] = _parameters(observation.parameters)
    made["parts/priors/evidence.md"] = _numbers(DEFAULT_EVIDENCE_PRIORS)
    made["parts/priors/variance.md"] = _numbers(DEFAULT_VARIANCE_PRIORS)
    return made


def _parameters(parameters: tuple[Parameter, ...]) -> str:
    rows = [[code(each.name), each.meaning, each.prior_in_words(), each.reason] for each in parameters]
    return table(["parameter", "meaning", "prior", "rationale"], rows)


def _numbers(priors: object) -> str:
    """List a record of numbers with the reasons that its docstring gives."""
    docstring = inspect.getdoc(type(priors)) or ""
    attributes = docstring.split("Attributes\n----------\n", 1)[1]
    reasons = {}
    for names, text in re.findall(r"^(\S[^\n]*)\n((?: +[^\n]*\n?)+)", attributes, flags=re.MULTILINE):
        for name in names.split(", "):
            reasons[name] = " ".join(text.split())
    rows = [
        [code(field.name), f"{getattr(priors, field.name):g}", reasons[field.name]]
        for field in dataclasses.fields(priors)  # type: ignore[arg-type]
    ]
    return table(["prior", "value", "what it is, and why"], rows)
