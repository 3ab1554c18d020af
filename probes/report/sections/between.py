"""How far a model lies from others, and a variant of its prompts from others, where an imported table holds several."""

import pandas as pd

from icl.metrics.between import COUNTED
from probes.figures.words import interval_words, points
from probes.findings.material import Material
from probes.report.section import Sentence

__all__ = ["METRICS", "difference_words", "draw", "pairing_words", "say"]

METRICS = ("model_difference", "variant_difference")

_MOST = 4


def draw(material: Material) -> None:
    """Draw nothing: the table of numbers has every difference."""


def say(material: Material) -> Sentence | None:
    """Say the largest differences, and by what they are paired."""
    rows = material.metrics[material.metrics["metric"].isin(METRICS) & (material.metrics["score"] == "accuracy")]
    rows = rows[rows["estimate"].notna()]
    if rows.empty:
        return None
    rows = rows.loc[rows["estimate"].abs().sort_values(ascending=False, kind="stable").index]
    told = "; ".join(f"{row['contrast']} {difference_words(row)}" for _, row in rows.head(_MOST).iterrows())
    more = f"; {len(rows) - _MOST:,} more in the table of numbers" if len(rows) > _MOST else ""
    lead = f"differences in accuracy, in points: {told}{more}."
    text = f"{lead[0].upper()}{lead[1:]} {pairing_words(rows)}"
    return Sentence(topic="Other models and variants", text=text, lead=f"{material.model}: {lead}")


def difference_words(row: pd.Series) -> str:
    """Write a difference, its interval and where it was measured: ``+21.5 (90 % interval 18.9 to 23.9), 0 shots``."""
    shots = int(row["num_shots"])
    where = f"{shots} shot{'s' * (shots != 1)}" + (f", {row['variant']}" if row["variant"] else "")
    return f"{points(row['estimate'], signed=True)} ({interval_words(row['low'], row['high'])}), {where}"


def pairing_words(rows: pd.DataFrame) -> str:
    """Say by what differences of models and variants are paired, and what their intervals are clustered by."""
    rows = rows[rows["metric"].isin(METRICS)]
    counted = rows["reason"].str.startswith(COUNTED)
    apart = rows["reason"].str.startswith("not paired:")
    said = []
    if (~counted & ~apart).any():
        said.append(
            "Both sides answered the same questions, so they are paired by question (and by task or run, where a table "
            "names them), and intervals are clustered by these."
        )
    if counted.any():
        said.append(
            "Where questions were counted together, differences are paired by task or run alone, not by question."
        )
    if apart.any():
        said.append("Where the two sides share no question and run, differences are not paired.")
    return " ".join(said)
