"""Log-probabilities per candidate as rows of the score table."""

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.scores import PROMPT_KEYS, SCORE_COLUMNS, prompt_numbers, validate_scores
from probes.importing.fields import FIELDS
from probes.importing.numbers import numbers

__all__ = ["score_rows"]

_UNKNOWN = {"Int64": pd.NA, "boolean": pd.NA, "float64": np.nan, "str": ""}


def score_rows(keys: pd.DataFrame, table: pd.DataFrame, *, run: str) -> pd.DataFrame:
    """Lay log-probabilities out as a checked score table.

    Parameters
    ----------
    keys
        `PROMPT_KEYS` of each row.
    table
        Text under the names of fields: candidate, logprob, and gold or is_gold.
    run
        Identity of the import.

    Raises
    ------
    UserError
        If questions or right answers are not told, or the rows are no valid score table.
    """
    for name, remedy in (("query", "--map query=COLUMN"), ("candidate", "--map candidate=COLUMN")):
        if name not in table:
            raise UserError(
                f"log-probabilities are of the candidates of a question, and no column tells the {name}; add {remedy}."
            )
    if "is_gold" not in table and "gold" not in table:
        raise UserError("no column tells which candidate is right; add --map gold=COLUMN or --map is_gold=COLUMN.")
    logprob = numbers(table["logprob"], FIELDS["logprob"], "the column of logprob")
    if "is_gold" in table:
        is_gold = numbers(table["is_gold"], FIELDS["is_gold"], "the column of is_gold") == 1
    else:
        is_gold = (table["gold"] == table["candidate"]).to_numpy()
    untold = np.isnan(logprob)
    rows = keys.assign(
        run=run,
        probe="",
        candidate=table["candidate"],
        candidate_text=table["candidate"],
        is_gold=is_gold,
        num_label_bytes=[len(text.strip().encode()) for text in table["candidate"]],
        logprob=logprob,
        status=np.where(untold, "unscorable", "ok"),
        reason=np.where(untold, "the imported table has no log-probability", ""),
    )
    given = set(rows.columns)
    rest = {column.name: _UNKNOWN[column.dtype] for column in SCORE_COLUMNS if column.name not in given}
    rows = rows.assign(**rest)[[column.name for column in SCORE_COLUMNS]]
    rows["number"] = prompt_numbers(rows.astype({name: "str" for name in ("model", "task", "query_id")}))
    rows["prompt_id"] = ["/".join(map(str, key)) for key in rows[[*PROMPT_KEYS[1:]]].itertuples(index=False)]
    return validate_scores(rows)
