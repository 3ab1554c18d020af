"""How two runs differ, in words and as a table for a terminal."""

import pandas as pd

from icl.factors import condition_columns
from icl.metrics.metric import SHARES
from icl.metrics.two_runs import PAIRED
from probes.store.diff import RunDiff

__all__ = ["diff_lines", "difference_table"]


def diff_lines(found: RunDiff) -> list[str]:
    """Say what is the same, and how many answers changed."""
    lines = [] if len(found.asked) else ["Both runs asked the same, of the same models, by the same versions."]
    table = found.differences
    if not len(table):
        return [*lines, "No condition was asked in both runs, so there is nothing to compare."]
    if found.same:
        share = found.changed / found.same
        lines.append(f"Both runs answered {found.same:,} prompts; {found.changed:,} ({share:.1%}) differently.")
    else:
        lines.append("No prompt is in both runs.")
    paired = table["how"] == PAIRED
    if paired.all():
        lines.append("Differences, second minus first, are paired prompt by prompt; intervals are of 90 %.")
    elif paired.any():
        lines.append(
            "Differences, second minus first, are paired prompt by prompt where both asked the same prompts; "
            "intervals are of 90 %."
        )
    else:
        lines.append(
            "The prompts are not the same, so differences, second minus first, are of independent averages; intervals "
            "are of 90 %."
        )
    sure = int(((table["low"] > 0) | (table["high"] < 0)).sum())
    lines.append(f"{sure} of {len(table)} intervals leave out 0; with no difference at all one in ten would.")
    return lines


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """Write differences for people: shares in percent and points, conditions by what varies in them."""
    keys = [name for name in condition_columns() if table[name].nunique(dropna=False) > 1]
    percent = table["score"].isin(SHARES)
    scale, unit = percent.map({True: 100.0, False: 1.0}), percent.map({True: "points", False: "nats"})
    places = percent.map({True: 1, False: 2})

    def written(name: str, sign: str = "") -> list[str]:
        values = zip(table[name] * scale, places)
        return ["–" if pd.isna(value) else f"{value:{sign}.{digits}f}" for value, digits in values]

    low, high = written("low", "+"), written("high", "+")
    return pd.DataFrame(
        {
            **{name.replace("_", " "): table[name].astype(str) for name in keys},
            "score": table["score"].str.replace("_", " "),
            "first": written("first"),
            "second": written("second"),
            "difference": written("difference", "+"),
            "interval": [f"[{a}, {b}]" for a, b in zip(low, high)],
            "unit": unit,
            "prompts": [f"{count:,}" for count in table["prompts"]],
            "how": table["how"],
        }
    )
