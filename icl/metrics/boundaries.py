"""What token boundaries do to a run: labels that are tokenised differently when joined to their prompt."""

import pandas as pd

__all__ = ["boundary_audit"]


def boundary_audit(answers: pd.DataFrame) -> pd.DataFrame:
    """Count for each model the candidates whose joint and separate tokenisation differ, and what that would change.

    Parameters
    ----------
    answers
        From `icl.answers.answer_table`, their log-probabilities not normalised.

    Returns
    -------
    DataFrame
        model, candidates (scored rows with a known boundary), unclean (rows whose tokenisations differ), prompts
        (whose candidates all have both scores), predictions_changed (prompts whose prediction would be another, had
        prompt and label been cut separately). Models that have or tell no tokens are left out.
    """
    rows = []
    for model, mine in answers.groupby("asked_model", sort=False):
        if not mine["num_boundaries"].any():
            continue
        both = mine[mine["prediction"].notna() & mine["prediction_split"].notna()]
        rows.append(
            {
                "model": model,
                "candidates": int(mine["num_boundaries"].sum()),
                "unclean": int(mine["num_unclean"].sum()),
                "prompts": len(both),
                "predictions_changed": int((both["prediction"] != both["prediction_split"]).sum()),
            }
        )
    return pd.DataFrame(rows, columns=["model", "candidates", "unclean", "prompts", "predictions_changed"])
