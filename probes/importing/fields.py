"""What a column of a table can mean: the fields that an import knows, each declared once."""

from dataclasses import dataclass
from typing import Literal

from icl.covariates import COVARIATES
from icl.factors import FACTORS

__all__ = ["FIELDS", "OUTCOMES", "VALUES", "Field"]

type Kind = Literal["name", "whole", "share", "number", "truth"]

VALUES: dict[str, str] = {
    "name": "a name",
    "whole": "a whole number from 0 on",
    "share": "a share from 0 to 1",
    "number": "a number",
    "truth": "1 or 0",
}
"""What the values of a field of each kind are, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that a column can mean.

    Attributes
    ----------
    name : str
        As `--map` and `--set` call it.
    kind : str
        What its values are: names, whole numbers from 0 on, shares from 0 to 1, numbers, or truth values.
    meaning : str
        For people.
    role : str
        key: it tells rows apart; outcome: it is what was measured; about: it says something of the model or task.
    """

    name: str
    kind: Kind
    meaning: str
    role: Literal["key", "outcome", "about"]


_OF_TABLES = ("variant",)
"""Factors that an import writes itself, from the further columns that are named."""

_DECLARED = (
    Field(name="model", kind="name", meaning="model's name", role="key"),
    Field(name="task", kind="name", meaning="task's name", role="key"),
    *(
        Field(name=one.name, kind="name" if one.dtype == "str" else "whole", meaning=one.meaning, role="key")
        for one in FACTORS
        if one.name not in _OF_TABLES
    ),
    Field(name="query", kind="name", meaning="question; left out where questions were counted together", role="key"),
    Field(name="demonstration_set", kind="name", meaning="whose demonstrations were shown", role="key"),
    Field(name="candidate", kind="name", meaning="candidate answer whose log-probability the row has", role="key"),
    Field(name="accuracy", kind="share", meaning="share of num_items answered right", role="outcome"),
    Field(name="percent", kind="number", meaning="the same in percent", role="outcome"),
    Field(name="num_correct", kind="whole", meaning="right answers among num_items", role="outcome"),
    Field(name="correct", kind="truth", meaning="whether one question was answered right: 1 or 0", role="outcome"),
    Field(name="grade", kind="share", meaning="credit for one question, from 0 to 1", role="outcome"),
    Field(name="logprob", kind="number", meaning="log-probability of the candidate, nats", role="outcome"),
    Field(name="num_items", kind="whole", meaning="questions that accuracy or num_correct is of", role="about"),
    Field(name="is_gold", kind="truth", meaning="whether the candidate is the right answer", role="about"),
    Field(name="gold", kind="name", meaning="right answer", role="about"),
    Field(name="prediction", kind="name", meaning="the model's answer", role="about"),
    Field(name="num_candidates", kind="whole", meaning="answers to choose from", role="about"),
    Field(name="chance", kind="share", meaning="share that guessing answers right; 0 for free text", role="about"),
    *(
        Field(name=one.name, kind="truth" if one.dtype == "boolean" else "whole", meaning=one.meaning, role="about")
        for one in COVARIATES
    ),
)

FIELDS: dict[str, Field] = {field.name: field for field in _DECLARED}
"""Name → field."""

OUTCOMES = tuple(field.name for field in _DECLARED if field.role == "outcome")
"""Fields of what was measured, of which a row needs one."""
