"""What a run found: every effect on a model's accuracy as one record, in one order, for the page and the terminal."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from icl.factors import SIDE_FACTORS, get_factor, unusual, varied_sides
from icl.metrics.catalogue import METRICS, TESTED
from icl.metrics.multiplicity import holm
from icl.metrics.uncertainty import LEVEL
from probes.findings.factors import all_spreads
from probes.findings.selection import Setting, headline_mode, length_words, main_setting, plain_rows
from probes.findings.verdict import Effect, effect_of, spread_of

__all__ = [
    "CORRECTION",
    "DEMONSTRATIONS",
    "FORMAT",
    "LABELS",
    "ON_ACCURACY",
    "PAIRED",
    "PARTS",
    "Finding",
    "condition_words",
    "findings",
]

_FACTORS: dict[str, str] = {name: metric.factor for name, metric in METRICS.items() if metric.factor}
"""Metric → the factor whose effect on accuracy it is."""

LABELS, DEMONSTRATIONS, FORMAT = (_FACTORS[name] for name in ("gap", "shots_gain", "format_spread_posterior"))

ON_ACCURACY = tuple(_FACTORS)
"""Metrics that findings tell of."""

PARTS: dict[str, tuple[str, str]] = {
    "gap": ("right labels", "gold minus random labels"),
    "label_space_effect": ("words of the label space", "random labels minus random words"),
    "input_distribution_effect": ("inputs from the task", "random labels with the task's inputs minus with others"),
    "labels_only_effect": ("inputs beside the labels", "random labels with other inputs minus labels only"),
    "inputs_only_effect": ("labels beside the inputs", "random words as labels minus inputs only"),
}
"""Metric → what is added to a demonstration, and which two kinds the contrast compares."""

PAIRED = tuple(name for name in _FACTORS if name in TESTED)
"""Paired differences between two conditions: each has a p-value, and together they are the family that is corrected."""

CORRECTION = f"Holm's correction at {1 - LEVEL:.1g}"
"""What `Finding.stands` rests on, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Effect):
    """An effect with what was compared, where, and whether it outlasts the number of comparisons.

    Attributes
    ----------
    model, metric, comparison
        Row of the metrics table; the comparison as it stands there, e.g. ``gold − flipped``.
    compared, baseline
        Its two sides.
    format, example_length, label_mode
        The condition; empty (None for the length) where the effect compares it.
    aside : tuple of str
        The other factors of the condition, in the order of `SIDE_FACTORS`.
    where : str
        The condition in words, with all that the run varied.
    p_holm : float
        p-value after Holm's correction over all paired differences in accuracy of the model; NaN where there is none,
        as for spreads.
    leads : bool
        Whether it was chosen before the numbers were seen: the main setting's labels, demonstrations and format.
    """

    model: str
    metric: str
    comparison: str
    compared: str
    baseline: str
    format: str
    example_length: int | None
    label_mode: str
    aside: tuple[str, ...]
    where: str
    p_holm: float = float("nan")
    leads: bool = False

    @property
    def is_spread(self) -> bool:
        """Whether it is a spread, which has no direction, no p-value and a rule of its own for what is clear."""
        return self.metric not in PAIRED

    @property
    def stands(self) -> bool:
        """Whether it is clear after the correction; a spread, which is not in the family, by its own rule."""
        return self.clear and (self.is_spread or bool(self.p_holm <= 1 - LEVEL))


def findings(metrics: pd.DataFrame, model: str) -> list[Finding]:
    """List a model's effects on accuracy: those that lead, then the others, what stands first, then by size.

    Every format, example length, shot count, balance and kind of inputs is among them. This list is the one source of
    what the terminal and the report say, and in which order.

    Parameters
    ----------
    metrics
        A metrics table, all conditions.
    model
        The model that is told of.
    """
    mine = metrics[metrics["model"] == model].reset_index(drop=True)
    rows = mine[mine["metric"].isin(PAIRED) & (mine["score"] == "accuracy")]
    spreads = all_spreads(mine, model)
    varied = varied_sides(mine)
    corrected = dict(zip(rows.index, holm(rows["p_value"].to_numpy(dtype=float)).tolist())) if len(rows) else {}
    found = [_finding(row, effect_of(row, ""), varied, corrected[name]) for name, row in rows.iterrows()]
    found += [_finding(row, spread_of(row, ""), varied) for _, row in spreads.iterrows()]
    return sorted(_lead(found, mine, model), key=_rank)


def _finding(row: pd.Series, effect: Effect, varied: set[str], p_holm: float = float("nan")) -> Finding:
    length = None if pd.isna(row["example_length"]) else int(row["example_length"])
    names = ("model", "metric", "compared", "baseline", "format", "label_mode")
    about: dict[str, Any] = {name: str(row[name]) for name in names}
    return Finding(
        **{name: getattr(effect, name) for name in ("estimate", "low", "high", "clear", "num_shots", "reason")},
        **about,
        aside=tuple(str(row[name]) for name in SIDE_FACTORS),
        factor=_FACTORS[about["metric"]],
        comparison=_comparison(row),
        example_length=length,
        where=condition_words(row, varied),
        p_holm=p_holm,
    )


def _comparison(row: pd.Series) -> str:
    """What was compared; 1 shot is no plural."""
    if row["metric"] != "shots_gain":
        return str(row["contrast"])
    return " − ".join("1 shot" if shots == "1" else f"{shots} shots" for shots in (row["compared"], row["baseline"]))


def condition_words(row: pd.Series, varied: set[str]) -> str:
    """Name the condition: shots, format and length wherever they are fixed, the rest where it is not the usual."""
    shots = int(row["num_shots"])
    parts = [] if row["metric"] == "shots_gain" else [f"{shots} shot{'s' if shots != 1 else ''}"]
    parts += [f"format {row['format']}"] if row["format"] else []
    parts += [length_words(row["example_length"])]
    if row["metric"] != "gap" and row["label_mode"] not in ("", "zero_shot"):
        parts.append(f"{row['label_mode']} labels")
    parts += [get_factor(name).in_words(value) for name, value in unusual(row, varied, shows=shots > 0).items()]
    return ", ".join(part for part in parts if part)


def _lead(found: list[Finding], metrics: pd.DataFrame, model: str) -> list[Finding]:
    """Mark what was chosen beforehand: at the shot count at which most factors of the main setting can be compared."""
    plain = plain_rows(metrics)
    setting = main_setting(plain, model)
    if setting is None:
        return found
    known = [{"", *plain[name].unique()} for name in SIDE_FACTORS]
    usual = [one for one in found if all(value in values for value, values in zip(one.aside, known))]
    shots = sorted({one.num_shots for one in usual if one.num_shots > 0}, key=lambda n: (n != setting.num_shots, -n))
    best: list[Finding] = []
    for num_shots in shots:
        here = _leading(usual, setting, num_shots)
        best = here if len(here) > len(best) else best
    return [replace(one, leads=any(one is other for other in best)) for one in found]


def _leading(found: Iterable[Finding], setting: Setting, num_shots: int) -> list[Finding]:
    """One finding a factor at most."""
    here = [one for one in found if one.num_shots == num_shots and one.example_length == setting.example_length]
    fixed = [one for one in here if one.format == setting.format]
    gaps = {one.label_mode: one for one in fixed if one.factor == LABELS}
    mode = headline_mode(list(gaps))
    gains = [one for one in fixed if one.factor == DEMONSTRATIONS and one.label_mode == "gold"]
    spreads = [one for one in here if one.factor == FORMAT and one.label_mode == "gold"]
    return [*([] if mode is None else [gaps[mode]]), *gains[:1], *spreads[:1]]


def _rank(one: Finding) -> tuple:
    size = one.size[0] if not np.isnan(one.estimate) else 0.0
    return (not one.leads, not one.known, not one.stands, not one.clear, -size)
