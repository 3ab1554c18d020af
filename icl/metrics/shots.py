"""What demonstrations do at all: each shot count against none."""

import pandas as pd

from icl.factors import BARE_COLUMNS, condition_columns
from icl.metrics.labels import differences
from icl.metrics.table import as_drawn, clusters, items_of, matched, metric_row, resolution, settings
from icl.metrics.uncertainty import clustered_share, unpaired_difference

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
            num_shots = int(block["num_shots"].iloc[0])
            names = {"compared": f"{num_shots}", "baseline": f"{fewest}"}
            names |= {"contrast": f"{num_shots} shots − {fewest} shots", "label_mode": block["label_mode"].iloc[0]}
            if _are_counts_of_other_sets(block, base):
                found.append(_unpaired(block, base, **names))
                continue
            more, few = matched(block, base)
            if not more.empty:
                found += differences("shots_gain", more, few, **names)
    return found


def _are_counts_of_other_sets(more: pd.DataFrame, few: pd.DataFrame) -> bool:
    """Whether questions were counted together under demonstration sets, or runs, that are not the same."""
    counted = items_of(more) is not None and items_of(few) is not None
    return counted and set(more["demonstration_set_id"]) != set(few["demonstration_set_id"])


def _unpaired(more: pd.DataFrame, few: pd.DataFrame, **names) -> dict:
    sides = (
        clustered_share(side["accuracy"].to_numpy(), *clusters(side), items=items_of(side)) for side in (more, few)
    )
    estimate = unpaired_difference(*sides)
    return metric_row(more, "shots_gain", estimate, resolution=resolution(more), score="accuracy", **names)
