"""Score tables of prompts of which some candidates were told and others are known by a bound, or not at all."""

import numpy as np
import pandas as pd

from icl.scores import SCORE_COLUMNS, validate_scores

NAN = float("nan")


def table_of(prompts: list[list[tuple[float, float]]], *, gold: list[int] | None = None, **columns) -> pd.DataFrame:
    """A score table from candidates as (log-probability, bound); the first is gold where none is named."""
    rows = []
    for number, candidates in enumerate(prompts):
        for place, (logprob, below) in enumerate(candidates):
            told = not np.isnan(logprob)
            row: dict = {column.name: "" if column.dtype == "str" else pd.NA for column in SCORE_COLUMNS}
            row |= {"run": "r", "model": "m", "task": "t", "probe": "p", "label_mode": "gold", "input_mode": "task"}
            row |= {"balance": "balanced", "label_draw": 0, "format": "f", "order": 0, "option_order": 0}
            row |= {"method": "direct", "num_shots": 4, "query_id": f"q{number}", "prompt_id": f"p{number}"}
            row |= {
                "demonstration_set_id": "s",
                "candidate": "dcba"[place],
                "num_label_tokens": 2,
                "num_wrong_shown": 0,
            }
            row |= {"is_gold": place == (gold[number] if gold else 0), "logprob": logprob, "logprob_below": below}
            row |= {"num_label_bytes": 4, "logprob_per_token": NAN, "logprob_split": NAN, "logprob_prior": NAN}
            row |= {"logprob_na": NAN, "logprob_mask": NAN, "logprob_empty": NAN}
            row |= {"status": "ok" if told else "unscorable", "reason": "" if told else "not told"}
            rows.append(row | columns)
    return validate_scores(pd.DataFrame(rows))
