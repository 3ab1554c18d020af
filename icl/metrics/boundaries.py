"""What token boundaries do to a run: rows whose label is cut otherwise when joined to its prompt."""

import numpy as np
import pandas as pd

from icl.answers import answer_table

__all__ = ["boundary_audit"]


def boundary_audit(scores: pd.DataFrame) -> pd.DataFrame:
    """Count for each model the candidates whose joint and separate tokenisation differ, and what that would change.

    Returns
    -------
    DataFrame
        model, candidates (scored rows with a known boundary), unclean (rows whose tokenisations differ), prompts
        (whose candidates all have both scores), predictions_changed (prompts whose prediction would be another, had
        prompt and label been cut separately). Models that have or tell no tokens are left out.
    """
    known = scores[scores["boundary_clean"].notna() & (scores["status"] == "ok")]
    rows = []
    for model, mine in known.groupby("model", sort=False):
        whole = scores[scores["model"] == model]
        told = whole["status"].where(whole["logprob_split"].notna(), "unscorable")
        joint = answer_table(whole)
        split = answer_table(whole.assign(logprob=whole["logprob_split"], status=told, logprob_below=np.nan))
        known = joint["accuracy"].notna() & split["accuracy"].notna()
        joint, split = joint[known], split[known]
        rows.append(
            {
                "model": model,
                "candidates": len(mine),
                "unclean": int((~mine["boundary_clean"].astype(bool)).sum()),
                "prompts": len(joint),
                "predictions_changed": int(np.sum(joint["prediction"].to_numpy() != split["prediction"].to_numpy())),
            }
        )
    return pd.DataFrame(rows, columns=["model", "candidates", "unclean", "prompts", "predictions_changed"])
