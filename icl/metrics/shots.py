"""What demonstrations do at all: each shot count against none."""

import pandas as pd

from icl.factors import BARE_COLUMNS, condition_columns
from icl.metrics.labels import differences
from icl.metrics.table import as_drawn, matched, settings

__all__ = ["shots_effects"]


def shots_effects(outcomes: pd.DataFrame) -> list[dict]:
    """Compare each shot count with zero shots (or the fewest that were run) on the same queries."""
    found = []
    for rows in settings(as_drawn(outcomes), *BARE_COLUMNS):
        fewest = int(rows["num_shots"].min())
        kinds = condition_columns(*BARE_COLUMNS, "num_shots")
        for block in settings(rows[rows["num_shots"] > fewest], *kinds, "num_shots"):
            base = rows[rows["num_shots"] == fewest]
            if fewest > 0:
                for kind in kinds:
                    base = base[base[kind] == block[kind].iloc[0]]
            if base.empty:
                continue
            more, few = matched(block, base)
            if not more.empty:
                num_shots = int(block["num_shots"].iloc[0])
                names = {"compared": f"{num_shots}", "baseline": f"{fewest}"}
                names |= {"contrast": f"{num_shots} shots − {fewest} shots", "label_mode": block["label_mode"].iloc[0]}
                found += differences("shots_gain", more, few, **names)
    return found
