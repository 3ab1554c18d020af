"""What a table does not tell, said once and not guessed."""

import pandas as pd

__all__ = ["all_or_nothing", "left_unused", "untold_by_answers"]


def untold_by_answers(told: pd.DataFrame) -> list[str]:
    """Say what a table of told answers cannot tell, each thing once."""
    said = []
    if ((told["gold"] == "") | (told["prediction"] == "")).all():
        said.append(
            "The table says whether answers are right, not what they were: F1, agreement of predictions and biases "
            "towards labels are not known."
        )
    said.append(
        "It has no probabilities of the answers: the gold label's probability, calibration and log scores are not "
        "known."
    )
    if (told["num_candidates"].isna() & told["chance"].isna()).any():
        said.append(
            "It does not tell how many answers there were to choose from, so chance is not known, which accounts need "
            "(--set num_candidates=N, or chance=0 for free text)."
        )
    if (counted := told["query_id"] == "").any():
        said.append(
            f"{counted.sum():,} of {len(told):,} rows count questions together; which questions two of them share is "
            "not known, so they are compared by demonstration set or run alone."
        )
    if (told["num_correct"] != told["num_correct"].round()).any():
        said.append(
            "Some answers are graded in parts: metrics average the grades, accounts of right answers cannot use them."
        )
    return said


def all_or_nothing(told: pd.DataFrame) -> list[str]:
    """Say that shares of several questions are all 0 or 1, as single answers are."""
    right, items = told["num_correct"], told["num_items"]
    if (items < 2).any() or ((right > 0) & (right < items)).any() or len(told) < 2:
        return []
    return [
        "Every row has all of its questions right, or none, as if each were a single answer; if it is, leave num_items "
        "out and map correct=COLUMN and query=COLUMN."
    ]


def left_unused(unused: pd.DataFrame) -> list[str]:
    """Name the columns that vary and mean nothing here."""
    varied = [name for name in unused.columns if unused[name].astype(str).nunique() > 1]
    if not varied:
        return []
    return [
        f"Not used, though their values vary: {', '.join(varied)}. What they tell apart within a condition is "
        "averaged over."
    ]
