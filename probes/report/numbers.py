"""The main metrics as a compact table: one setting, words for every metric, its continuous twin beside each."""

from typing import Any

import pandas as pd
from markupsafe import Markup

from icl.metrics.effects import TWINS
from probes.figures.words import number
from probes.findings.selection import main_setting, of_length, split_models
from probes.report.markup import part

__all__ = ["METRIC_WORDS", "main_table", "table_html"]

METRIC_WORDS: dict[str, str] = {
    "accuracy": "share of queries answered right",
    "accuracy_by_normalisation": "the same, labels compared otherwise",
    "gold_probability": "mean probability of the gold label",
    "macro_f1": "F1, averaged over labels",
    "calibration_error": "expected calibration error (10 bins; biased upward)",
    "gap": "accuracy with gold labels minus another mode",
    "flip_rate": "share of predictions that change when labels do",
    "follow_rate": "share of predictions that follow the mapping shown",
    "gain_retained": "share of the gain over zero shots that the mode keeps",
    "GLER": "label gap as a share of the gain over zero shots",
    "label_correctness_slope": "accuracy from none to all labels right",
    "task_recognition": "accuracy above chance, random labels",
    "task_learning": "accuracy above chance, symbols",
    "label_space_effect": "worth of the label space's words",
    "input_distribution_effect": "worth of inputs from the task",
    "labels_only_effect": "worth of inputs beside the labels",
    "inputs_only_effect": "worth of labels beside the inputs",
    "shots_gain": "accuracy with demonstrations minus without",
    "format_spread_posterior": "best minus worst format (posterior)",
    "format_sd_posterior": "standard deviation over formats (posterior)",
    "format_search_spread": "best minus worst format of the search (posterior)",
    "consistency": "pairs of formats that predict alike",
    "order_spread_posterior": "best minus worst order of a set (posterior)",
    "order_sd_posterior": "standard deviation over orders of a set (posterior)",
    "order_sd_query": "standard deviation over orders of one query's answer",
    "order_consistency": "pairs of orders that predict alike",
    "global_entropy_gain": "gain of the order with the largest GlobalE",
    "set_consistency": "pairs of demonstration sets that predict alike",
    "option_spread_posterior": "best minus worst rotation of the options (posterior)",
    "option_sd_posterior": "standard deviation over rotations (posterior)",
    "option_consistency": "pairs of rotations that predict alike",
    "recency_bias": "choices: log-odds for the label shown last",
    "majority_bias": "choices: log-odds for one more demonstration",
    "calibration_gain": "accuracy with contextual calibration minus without",
    "calibration_error_change": "calibration error with it minus without",
    "bayes_accuracy_gap": "accuracy of exact Bayes minus the model's",
    "bayes_kl": "KL from exact Bayes to the model",
}
"""Metric → what it says; also the order of the table."""

_DIFFERENCES = frozenset(
    {
        *("gap", "shots_gain", "label_correctness_slope", "task_recognition", "task_learning", "bayes_accuracy_gap"),
        *("label_space_effect", "input_distribution_effect", "labels_only_effect", "inputs_only_effect"),
        *("format_spread_posterior", "format_sd_posterior", "format_search_spread"),
        *("order_spread_posterior", "order_sd_posterior", "order_sd_query", "global_entropy_gain"),
        *("option_spread_posterior", "option_sd_posterior", "calibration_gain", "calibration_error_change"),
    }
)
"""Metrics whose shares are points, not per cent."""

_COLUMNS = ("metric", "of", "where", "estimate [90 % interval]", "its continuous twin", "prompts")

_IN_THE_TWINS_COLUMN = ("gold_probability", "bayes_kl")


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
    order = {name: place for place, name in enumerate(METRIC_WORDS)}
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
        name = "" if row.metric == last else METRIC_WORDS.get(row.metric, row.metric)
        last = row.metric
        where = f"{row.num_shots} shots" + (f", {row.format}" if row.format else "")
        where += f", k = {row.example_length}" if not pd.isna(row.example_length) else ""
        cells = (name, row.contrast or row.label_mode, where, _value(row), _twin(row), str(row.num_prompts))
        lines.append({"cells": cells, "is_missing": pd.isna(row.estimate)})
    return lines


def _of_model(metrics: pd.DataFrame, model: str) -> pd.DataFrame:
    """Main metrics of one model at its main setting; where it has none, those that belong to no format."""
    listed = [name for name in METRIC_WORDS if name not in _IN_THE_TWINS_COLUMN]
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
    here |= rows["metric"].isin(["accuracy", "label_correctness_slope", "order_sd_query"]) & most
    gold_only = ["shots_gain", "bayes_accuracy_gap", "calibration_gain", "calibration_error_change", "set_consistency"]
    here &= ~rows["metric"].isin(gold_only) | rows["label_mode"].isin(["gold", "zero_shot"])
    otherwise = rows["metric"] == "accuracy_by_normalisation"
    if rows.loc[otherwise].groupby(["label_mode", "format", "num_shots"])["estimate"].nunique().max() == 1:
        here &= ~otherwise  # labels of one token and one length: every normalisation says the same
    here &= ~otherwise | ((rows["label_mode"] == "gold") & (rows["num_shots"] == setting.num_shots))
    return rows[across | here]


_CONDITION = ("model", "label_mode", "input_mode", "balance", "format", "num_shots", "example_length", "normalisation")


def _with_twins(table: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    names = table["metric"].map(_twin_name)
    keys = pd.DataFrame({"metric": [name for name, _ in names], "score": [score for _, score in names]})
    keys = pd.concat([keys, table[list(_CONDITION)].reset_index(drop=True)], axis=1)
    numbers = {"estimate": "twin", "low": "twin_low", "high": "twin_high", "unit": "twin_unit"}
    twins = metrics[["metric", "score", *_CONDITION, *numbers]].rename(columns=numbers)
    twins = twins.drop_duplicates(["metric", "score", *_CONDITION])
    found = keys.merge(twins, on=["metric", "score", *_CONDITION], how="left").set_index(table.index)
    return table.assign(**{name: found[name] for name in numbers.values()})


def _twin_name(metric: str) -> tuple[str, str]:
    """Metric and score of the continuous twin; names of nothing where there is none."""
    if metric == "accuracy_by_normalisation":
        return "", ""
    name = TWINS.get(metric, metric)
    score = {"accuracy": "gold_probability", "calibration_error": "brier"}.get(metric, "")
    return name, "gold_probability" if name in (metric, "calibration_gain") else score


def _value(row: Any) -> str:
    if pd.isna(row.estimate):
        return row.reason or "missing"
    return _written(row.estimate, row.low, row.high, unit=row.unit, in_points=row.metric in _DIFFERENCES)


def _twin(row: Any) -> str:
    """The twin's number; empty where there is none."""
    if pd.isna(row.twin):
        return ""
    return _written(row.twin, row.twin_low, row.twin_high, unit=row.twin_unit, in_points=row.metric in _DIFFERENCES)


def _written(estimate: float, low: float, high: float, *, unit: str, in_points: bool) -> str:
    is_share = unit.startswith(("share", "probability"))
    scale, digits = (100.0, 1) if is_share else (1.0, 2)
    text = number(scale * estimate, digits)
    if not pd.isna(low):
        text += f" [{number(scale * low, digits)}, {number(scale * high, digits)}]"
    unit = ("points" if in_points else "%") if is_share else {"squared probability": "(Brier)"}.get(unit, unit)
    return f"{text} {'' if unit == 'ratio' else unit}".strip()
