"""The score table: one row = one prompt × one candidate, and the one check that every table passes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Integer
from numpy import ndarray

from icl.errors import UserError
from icl.factors import FACTORS

__all__ = [
    "CONTENT_FREE_COLUMNS",
    "PROMPT_KEYS",
    "SCORE_COLUMNS",
    "STATUSES",
    "Column",
    "asked_by",
    "first_rows",
    "prompt_numbers",
    "validate_scores",
    "written_probes",
]


_REQUIRED = object()

_BETWEEN_PROBES = ","


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the score table; `absent` stands in where a table made elsewhere has no such column."""

    name: str
    dtype: str
    meaning: str
    absent: object = _REQUIRED

    @property
    def is_optional(self) -> bool:
        """Whether a table may lack it."""
        return self.absent is not _REQUIRED


CONTENT_FREE_COLUMNS = ("logprob_na", "logprob_mask", "logprob_empty")
"""Columns of the candidate's log-probability behind each content-free query (Zhao §4)."""

SCORE_COLUMNS: tuple[Column, ...] = (
    Column("run", "str", "identity of the run"),
    Column("model", "str", "scorer's name"),
    Column("task", "str", "task's name"),
    Column("probe", "str", "probes that asked for the prompt, comma-separated; `asked_by` reads it"),
    *(
        Column(one.name, one.dtype, one.meaning, absent=one.default if one.is_optional else _REQUIRED)
        for one in FACTORS
    ),
    Column("seed_selection", "Int64", "seed of queries and demonstrations"),
    Column("seed_labels", "Int64", "seed of the shown labels"),
    Column("seed_order", "Int64", "seed of the order of demonstrations"),
    Column("seed_format", "Int64", "seed of sampled formats"),
    Column("number", "Int64", "position of the prompt among those of its run", absent=pd.NA),
    Column("prompt_id", "str", "identity of text and candidates"),
    Column("query_id", "str", "identity of the query"),
    Column("demonstration_set_id", "str", "identity of the drawn demonstrations"),
    Column("num_wrong_shown", "Int64", "shown labels that differ from gold; missing where no labels are shown"),
    Column("candidate", "str", "label of the label space that was scored"),
    Column(
        "candidate_text",
        "str",
        "what was scored: the candidate as it is written, with its end where one label begins another",
    ),
    Column("is_gold", "bool", "whether the candidate is the query's gold label"),
    Column("is_mapped", "boolean", "whether the demonstrations' mapping calls the gold label so", absent=pd.NA),
    Column("times_shown", "Int64", "demonstrations that show this candidate as their label", absent=pd.NA),
    Column("is_last_shown", "boolean", "whether the last demonstration shows it", absent=pd.NA),
    Column("num_label_tokens", "Int64", "tokens of what was scored, in the joint tokenisation"),
    Column(
        "num_label_bytes",
        "Int64",
        "bytes of the scored text in UTF-8, without the spaces around the label",
        absent=pd.NA,
    ),
    Column("logprob", "float64", "log p(candidate | prompt) in nats, summed over its tokens"),
    Column("logprob_below", "float64", "where logprob was not told: nats that it lies below, if known", absent=np.nan),
    Column("logprob_per_token", "float64", "logprob ÷ num_label_tokens, nats"),
    Column("logprob_split", "float64", "nats, had prompt and candidate been cut into tokens separately", absent=np.nan),
    Column("logprob_prior", "float64", "log p(candidate | what stands before the label alone), nats", absent=np.nan),
    *(
        Column(name, "float64", f"log p(candidate | the query's input replaced by {text!r}), nats", absent=np.nan)
        for name, text in zip(CONTENT_FREE_COLUMNS, ("N/A", "[MASK]", ""))
    ),
    Column("vocabulary_rank", "Int64", "worst rank of its tokens in the vocabulary; 1: greedy writes it", absent=pd.NA),
    Column("boundary_clean", "boolean", "whether joint and split tokenisation agree; missing where there is none"),
    Column("status", "str", "ok, truncated or unscorable"),
    Column("reason", "str", "why a row is not ok; empty where it is"),
)

STATUSES = ("ok", "truncated", "unscorable")

PROMPT_KEYS = ("model", "task", *(factor.name for factor in FACTORS), "query_id", "demonstration_set_id")
"""Columns that together name a prompt."""


def validate_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its declared columns in order and dtypes set; columns that may be absent are filled in.

    Columns of strings that are categorical stay so.

    Raises
    ------
    UserError
        If a column is missing or unknown, a status is unknown, a log-probability or bound is positive or infinite, a
        row that is not ok has no reason, one that is ok has a bound, a prompt does not have exactly one gold
        candidate, or a row stands there twice.
    """
    scores = _with_declared_columns(scores)
    if bad := sorted(set(scores["status"].unique()) - set(STATUSES)):
        raise UserError(f"unknown status {bad} in the score table; it must be one of {', '.join(STATUSES)}.")
    logprob = scores["logprob"].to_numpy()
    if (logprob > 1e-6).any() or np.isposinf(logprob).any():
        raise UserError(f"log-probabilities cannot be positive, got {np.nanmax(logprob):.4g} nats.")
    not_ok = scores["status"] != "ok"
    if ((scores["reason"] == "") & not_ok).any() or (np.isnan(logprob) & ~not_ok).any():
        raise UserError("every row without a log-probability needs a status other than ok, and a reason.")
    bound = scores["logprob_below"]
    if (bad := bound.notna() & (~not_ok | (bound > 1e-6))).any():
        raise UserError(
            f"logprob_below bounds what was not told, in nats of at most 0, got {bound[bad].iloc[0]:g} in a row of "
            f"status {scores.loc[bad, 'status'].iloc[0]}; leave it out where logprob is known."
        )
    prompt = prompt_numbers(scores)
    if twice := _num_repeated(prompt, scores["candidate"]):
        raise UserError(f"{twice} rows of the score table occur twice (same prompt, same candidate).")
    gold = np.bincount(prompt, weights=scores["is_gold"].to_numpy())
    if (gold != 1).any():
        raise UserError(f"{(gold != 1).sum()} prompts of the score table do not have exactly one gold candidate.")
    return scores


def written_probes(names: Iterable[str]) -> str:
    """Write the probes that asked for a prompt as the column ``probe`` holds them."""
    return _BETWEEN_PROBES.join(names)


def asked_by(probe: pd.Series, name: str) -> pd.Series:
    """Flag the rows of a column ``probe`` for which a probe asked, alone or with others.

    Parameters
    ----------
    probe
        The column, of a score table or of an answer table.
    name
        Of the probe.
    """
    found = {written: name in written.split(_BETWEEN_PROBES) for written in probe.unique()}
    return probe.map(found).astype(bool)


def prompt_numbers(scores: pd.DataFrame) -> Integer[ndarray, " num_rows"]:
    """Number the prompts of a score table, in the order in which they come: the number of each row's prompt.

    Rows of one prompt mostly stand together, so it is the beginnings of such stretches that are compared.
    """
    if not len(scores):
        return np.empty(0, dtype=int)
    begins = first_rows(scores)
    firsts = scores.loc[begins, list(PROMPT_KEYS)]
    number = firsts.groupby(list(PROMPT_KEYS), dropna=False, sort=False, observed=True).ngroup().to_numpy()
    return number[np.cumsum(begins) - 1]


def first_rows(scores: pd.DataFrame) -> Bool[ndarray, " num_rows"]:
    """Mark the rows whose prompt is another than that of the row before."""
    begins = np.zeros(len(scores), dtype=bool)
    begins[:1] = True
    for name in PROMPT_KEYS:
        column = scores[name]
        coded = isinstance(column.dtype, pd.CategoricalDtype)
        codes = column.cat.codes.to_numpy() if coded else pd.factorize(column)[0]
        begins[1:] |= codes[1:] != codes[:-1]
    return begins


def _with_declared_columns(scores: pd.DataFrame) -> pd.DataFrame:
    absent = {c.name: c.absent for c in SCORE_COLUMNS if c.absent is not _REQUIRED and c.name not in scores}
    scores = scores.assign(**absent)
    names = [column.name for column in SCORE_COLUMNS]
    missing, unknown = set(names) - set(scores.columns), set(scores.columns) - set(names)
    if missing or unknown:
        raise UserError(
            f"not a score table: missing columns {sorted(missing)}, unknown columns {sorted(unknown)}; "
            "icl.scores.SCORE_COLUMNS lists them all."
        )
    coded = [name for name in names if isinstance(scores[name].dtype, pd.CategoricalDtype)]
    return scores[names].astype(
        {column.name: column.dtype for column in SCORE_COLUMNS if column.name not in coded or column.dtype != "str"}
    )


def _num_repeated(prompt: Integer[ndarray, " num_rows"], candidate: pd.Series) -> int:
    """Count rows whose prompt and candidate stood there before."""
    codes, names = pd.factorize(candidate)
    together = prompt * max(len(names), 1) + codes
    return len(together) - len(pd.unique(together))
