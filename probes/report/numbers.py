"""The main metrics as a compact table: one setting, words for every metric, its continuous twin beside each."""

from typing import Any

import pandas as pd
from markupsafe import Markup

from icl.factors import condition_columns
from icl.metrics.catalogue import METRICS, twin_of
from icl.metrics.metric import Metric
from probes.figures.words import number
from probes.findings.selection import main_setting, of_length, split_models
from probes.report.markup import part

__all__ = ["main_table", "table_html"]

_COLUMNS = ("metric", "of", "where", "estimate [90 % interval]", "its continuous twin", "prompts")


def main_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Pick each model's main metrics at its main setting; spreads and consistencies at every shot count.

    Of references beside a subject only the levels are shown. Columns twin, twin_low, twin_high and twin_unit hold the
    continuous twin of the same condition, missing where there is none.
    """
    subjects, references = split_models(metrics)
    chosen = []
    for model in [*subjects, *references]:
        rows = _of_model(metrics, model)
        if subjects and model in references:
            rows = rows[rows["metric"] == "accuracy"]
        chosen.append(rows)
    if not chosen:
        return metrics.iloc[:0]
    table = pd.concat(chosen)
    order = {name: place for place, name in enumerate(METRICS)}
    models = {name: place for place, name in enumerate([*subjects, *references])}
    key = pd.DataFrame({"model": table["model"].map(models), "metric": table["metric"].map(order)}, index=table.index)
    return _with_twins(table.loc[key.sort_values(["model", "metric"], kind="stable").index], metrics)


def table_html(table: pd.DataFrame) -> Markup:
    """Write the table as HTML, every text escaped."""
    groups = [(str(model), _lines(rows)) for model, rows in table.groupby("model", sort=False)]
    return part("numbers", _COLUMNS, _COLUMNS[3:], groups)


def _lines(rows: pd.DataFrame) -> list[dict]:
    """Cells of each row of one model; a metric is named where it begins."""
    lines, last = [], ""
    row: Any
    for row in rows.itertuples():
        name = "" if row.metric == last else METRICS[row.metric].title
        last = row.metric
        where = f"{row.num_shots} shots" + (f", {row.format}" if row.format else "")
        where += f", k = {row.example_length}" if not pd.isna(row.example_length) else ""
        cells = (name, row.contrast or row.label_mode, where, _value(row), _twin(row), str(row.num_prompts))
        lines.append({"cells": cells, "is_missing": pd.isna(row.estimate)})
    return lines


def _of_model(metrics: pd.DataFrame, model: str) -> pd.DataFrame:
    """Main metrics of one model at its main setting; where it has none, those that belong to no format."""
    listed = [name for name, metric in METRICS.items() if metric.rows != "none"]
    every, gold = ([name for name in listed if METRICS[name].rows == kind] for kind in ("every", "gold"))
    rows = metrics[(metrics["model"] == model) & metrics["metric"].isin(listed)]
    rows = rows[rows["score"].isin(["", "accuracy"])]
    across = rows["format"] == ""
    setting = main_setting(metrics, model)
    if setting is None:
        return rows[across]
    rows = of_length(rows, setting.example_length)
    across = rows["format"] == ""
    here = (rows["format"] == setting.format) & rows["num_shots"].isin([0, setting.num_shots])
    here &= rows["label_mode"].isin(["gold", "zero_shot"]) | (rows["contrast"] != "")
    most = (rows["format"] == setting.format) & (rows["num_shots"] == setting.num_shots)
    here |= rows["metric"].isin(every) & most
    here &= ~rows["metric"].isin(gold) | rows["label_mode"].isin(["gold", "zero_shot"])
    otherwise = rows["metric"] == "accuracy_by_normalisation"
    if rows.loc[otherwise].groupby(["label_mode", "format", "num_shots"])["estimate"].nunique().max() == 1:
        here &= ~otherwise  # labels of one token and one length: every normalisation says the same
    here &= ~otherwise | ((rows["label_mode"] == "gold") & (rows["num_shots"] == setting.num_shots))
    return rows[across | here]


_CONDITION = (*condition_columns("task"), "normalisation")


def _with_twins(table: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    names = table["metric"].map(twin_of)
    keys = pd.DataFrame({"metric": [name for name, _ in names], "score": [score for _, score in names]})
    keys = pd.concat([keys, table[list(_CONDITION)].reset_index(drop=True)], axis=1)
    keys["against"] = _against(table).to_numpy()
    numbers = {"estimate": "twin", "low": "twin_low", "high": "twin_high", "unit": "twin_unit"}
    same = ["metric", "score", *_CONDITION, "against"]
    twins = metrics.assign(against=_against(metrics))[[*same, *numbers]].rename(columns=numbers).drop_duplicates(same)
    found = keys.merge(twins, on=same, how="left").set_index(table.index)
    return table.assign(**{name: found[name] for name in numbers.values()})


def _against(metrics: pd.DataFrame) -> pd.Series:
    """With which model or variant each row compares its own, where a metric compares those."""
    compares = {name for name, metric in METRICS.items() if metric.varies in ("model", "variant")}
    return metrics["baseline"].where(metrics["metric"].isin(compares), "")


def _value(row: Any) -> str:
    if pd.isna(row.estimate):
        return row.reason or "missing"
    is_share = METRICS[row.metric].is_share(row.score)
    return _written(
        row.estimate, row.low, row.high, unit=_unit(row.unit, is_share, METRICS[row.metric]), is_share=is_share
    )


def _twin(row: Any) -> str:
    """The twin's number; empty where there is none."""
    if pd.isna(row.twin):
        return ""
    name, score = twin_of(row.metric)
    is_share = METRICS[name].is_share(score)
    unit = _unit(row.twin_unit, is_share, METRICS[row.metric])
    return _written(row.twin, row.twin_low, row.twin_high, unit=unit, is_share=is_share)


def _unit(unit: str, is_share: bool, metric: Metric) -> str:
    """A unit as the table writes it: shares in percent, differences and spreads of them in points."""
    if is_share:
        return "%" if metric.kind == "level" else "points"
    return {"squared probability": "(Brier)", "ratio": ""}.get(unit, unit)


def _written(estimate: float, low: float, high: float, *, unit: str, is_share: bool) -> str:
    scale, digits = (100.0, 1) if is_share else (1.0, 2)
    text = number(scale * estimate, digits)
    if not pd.isna(low):
        text += f" [{number(scale * low, digits)}, {number(scale * high, digits)}]"
    return f"{text} {unit}".strip()
