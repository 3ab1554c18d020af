"""Which rows of the metrics table the report speaks about: its subjects, its main setting, its contrasts."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from icl.factors import SIDE_FACTORS, get_factor
from icl.metrics.catalogue import METRICS
from probes.catalogue.index import PROBES
from probes.scorers.catalogue import is_reference

__all__ = [
    "Setting",
    "asked_rows",
    "at",
    "gold_levels",
    "headline_mode",
    "length_words",
    "main_setting",
    "of_length",
    "panel_settings",
    "plain_rows",
    "split_models",
]

_WRONG_MODES = ("random", "random_marginal", "fraction_correct(0)", "shuffled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What stays fixed while labels, format or shots vary, among `plain_rows`: these have one value of all else.

    Attributes
    ----------
    format : str
        Name of the format.
    example_length : int or None
        Tokens of a GINC example; None for text tasks.
    num_shots : int
        Demonstrations in the prompt.
    """

    format: str
    example_length: int | None
    num_shots: int


def plain_rows(metrics: pd.DataFrame) -> pd.DataFrame:
    """Rows of demonstrations whose inputs are the task's and whose labels are drawn in the run's first way."""
    plain = pd.Series(True, index=metrics.index)
    for name in SIDE_FACTORS:
        named = metrics.loc[metrics[name] != "", name]
        usual = get_factor(name).usual or (named.iloc[0] if len(named) else "")
        plain &= metrics[name].isin([usual, ""])
    return metrics[plain]


def asked_rows(metrics: pd.DataFrame, probes: Collection[str]) -> pd.DataFrame:
    """Leave out what nearly every run feeds and no probe of this one asked for."""
    asked = {name for probe in probes if probe in PROBES for name in PROBES[probe].metrics}
    unasked = {name for name, metric in METRICS.items() if metric.on_request} - asked
    return metrics[~metrics["metric"].isin(list(unasked))]


def split_models(metrics: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Tell the subjects from the references, in the order they stand in; both lists may be empty."""
    asked = dict(zip(metrics["model"], metrics["asked_model"]))
    known = {name for name, scorer in asked.items() if is_reference(scorer)}
    return [n for n in asked if n not in known], [n for n in asked if n in known]


def at(metrics: pd.DataFrame, metric: str, *, model: str, score: str | None = None, **equal: str | int) -> pd.DataFrame:
    """Rows of one metric of one model, at the values of other columns that are given."""
    keep = (metrics["metric"] == metric) & (metrics["model"] == model)
    if score is not None:
        keep &= metrics["score"] == score
    for column, value in equal.items():
        keep &= metrics[column] == value
    return metrics[keep]


def of_length(rows: pd.DataFrame, example_length: int | None) -> pd.DataFrame:
    """Rows of one example length; None for tasks that have none."""
    if example_length is None:
        return rows[rows["example_length"].isna()]
    return rows[(rows["example_length"] == example_length).fillna(False).astype(bool)]


def gold_levels(metrics: pd.DataFrame, model: str, score: str = "accuracy") -> pd.DataFrame:
    """Levels of a score along the shots: gold labels, and the prompts without demonstrations."""
    rows = at(metrics, score, model=model, score=score)
    return rows[rows["label_mode"].isin(["gold", "zero_shot"])].sort_values("num_shots")


def main_setting(metrics: pd.DataFrame, model: str) -> Setting | None:
    """Pick the format and length with most label modes (then most shot counts), at its most shots.

    None where the model has no accuracy at all.
    """
    rows = at(metrics, "accuracy", model=model, score="accuracy")
    if rows.empty:
        return None
    groups = []
    for format, length, block in _by_format_and_length(rows):
        modes = block.loc[block["num_shots"] > 0, "label_mode"].nunique()
        groups.append((modes, block["num_shots"].nunique(), format, length, block))
    modes, _, format, length, block = max(groups, key=lambda group: group[:2])
    if modes > 1:  # the most shots at which label modes can be compared
        varied = block[(block["num_shots"] > 0) & (block["label_mode"] != "gold")]
        block = varied if not varied.empty else block
    shots = int(block["num_shots"].max())
    return Setting(format=format, example_length=length, num_shots=shots)


def panel_settings(metrics: pd.DataFrame, model: str) -> list[tuple[str, int | None]]:
    """Formats and lengths in which at least two label modes were run."""
    rows = at(metrics, "accuracy", model=model, score="accuracy")
    rows = rows[rows["num_shots"] > 0]
    groups = _by_format_and_length(rows)
    return [(format, length) for format, length, block in groups if block["label_mode"].nunique() > 1]


def headline_mode(modes: list[str]) -> str | None:
    """Name the label mode that stands for wrong labels; chosen before the numbers are seen."""
    ranked = [mode for mode in _WRONG_MODES if mode in modes]
    return ranked[0] if ranked else next(iter(modes), None)


def length_words(example_length: Any) -> str:
    """Spell an example length, empty where there is none."""
    return "" if pd.isna(example_length) else f"k = {int(example_length)}"


def _by_format_and_length(rows: pd.DataFrame) -> Iterator[tuple[str, int | None, pd.DataFrame]]:
    for _, block in rows.groupby(["format", "example_length"], dropna=False, sort=False):
        length = block["example_length"].iloc[0]
        yield str(block["format"].iloc[0]), None if pd.isna(length) else int(length), block
