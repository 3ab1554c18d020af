"""The main metrics as a compact table: one setting, words for every metric."""

from html import escape
from typing import Any

import pandas as pd

from probes.report.selection import main_setting, of_length, split_models
from probes.report.verdict import number

__all__ = ["METRIC_WORDS", "main_table", "table_html"]

METRIC_WORDS: dict[str, str] = {
    "accuracy": "share of queries answered right",
    "accuracy_by_normalisation": "the same, labels compared otherwise",
    "gold_probability": "mean probability of the gold label",
    "macro_f1": "F1, averaged over labels",
    "calibration_error": "expected calibration error (10 bins; biased upward)",
    "gap": "accuracy with gold labels minus another mode",
    "flip_rate": "share of predictions that change when labels do",
    "gain_retained": "share of the gain over zero shots that the mode keeps",
    "GLER": "label gap as a share of the gain over zero shots",
    "label_correctness_slope": "accuracy from none to all labels right",
    "shots_gain": "accuracy with demonstrations minus without",
    "format_spread_posterior": "best minus worst format (posterior)",
    "consistency": "pairs of formats that predict alike",
    "bayes_accuracy_gap": "accuracy of exact Bayes minus the model's",
    "bayes_kl": "KL from exact Bayes to the model",
}
"""Metric → what it says; also the order of the table."""

_DIFFERENCES = ("gap", "shots_gain", "format_spread_posterior", "bayes_accuracy_gap", "label_correctness_slope")


def main_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Pick each model's main metrics at its main setting; spreads and consistencies at every shot count.

    Of references beside a subject only the levels are shown.
    """
    subjects, references = split_models(metrics)
    chosen = []
    for model in [*subjects, *references]:
        setting = main_setting(metrics, model)
        if setting is None:
            continue
        rows = metrics[(metrics["model"] == model) & metrics["metric"].isin(list(METRIC_WORDS))]
        rows = rows[rows["score"].isin(["", "accuracy"]) | (rows["metric"] == "gold_probability")]
        rows = of_length(rows, setting.example_length)
        if subjects and model in references:
            rows = rows[rows["metric"].isin(["accuracy", "gold_probability"])]
        across = rows["format"] == ""
        here = (rows["format"] == setting.format) & rows["num_shots"].isin([0, setting.num_shots])
        here &= rows["label_mode"].isin(["gold", "zero_shot"]) | (rows["contrast"] != "")
        here |= (
            rows["metric"].isin(["accuracy"])
            & (rows["format"] == setting.format)
            & (rows["num_shots"] == setting.num_shots)
        )
        here |= (rows["metric"] == "label_correctness_slope") & (rows["num_shots"] == setting.num_shots)
        here &= ~rows["metric"].isin(["shots_gain", "bayes_accuracy_gap", "bayes_kl"]) | (rows["label_mode"] == "gold")
        otherwise = rows["metric"] == "accuracy_by_normalisation"
        if rows.loc[otherwise].groupby(["label_mode", "format", "num_shots"])["estimate"].nunique().max() == 1:
            here &= ~otherwise  # labels of one token and one length: every normalisation says the same
        here &= ~otherwise | ((rows["label_mode"] == "gold") & (rows["num_shots"] == setting.num_shots))
        chosen.append(rows[across | here])
    if not chosen:
        return metrics.iloc[:0]
    table = pd.concat(chosen)
    order = {name: place for place, name in enumerate(METRIC_WORDS)}
    models = {name: place for place, name in enumerate([*subjects, *references])}
    key = pd.DataFrame({"model": table["model"].map(models), "metric": table["metric"].map(order)}, index=table.index)
    return table.loc[key.sort_values(["model", "metric"], kind="stable").index]


def table_html(table: pd.DataFrame) -> str:
    """Write the table as HTML, every text escaped."""
    body = []
    for model, rows in table.groupby("model", sort=False):
        body.append(f'<tr class="group"><th colspan="5" scope="rowgroup">{escape(str(model))}</th></tr>')
        last = ""
        row: Any
        for row in rows.itertuples():
            name = "" if row.metric == last else METRIC_WORDS.get(row.metric, row.metric)
            last = row.metric
            what = row.contrast or row.label_mode
            where = f"{row.num_shots} shots" + (f", {row.format}" if row.format else "")
            where += f", k = {row.example_length}" if not pd.isna(row.example_length) else ""
            body.append(
                f"<tr><td>{escape(name)}</td><td>{escape(what)}</td><td>{escape(where)}</td>"
                f'<td class="n">{_value(row)}</td><td class="n">{row.num_prompts}</td></tr>'
            )
    head = "<tr><th>metric</th><th>of</th><th>where</th><th>estimate [90 % interval]</th><th>prompts</th></tr>"
    columns = "".join(f'<col style="width:{share}%">' for share in (25, 25, 17, 24, 9))
    return f"<table><colgroup>{columns}</colgroup><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def _value(row: Any) -> str:
    if pd.isna(row.estimate):
        return f'<span class="missing">{escape(row.reason or "missing")}</span>'
    in_points = row.unit.startswith(("share", "probability"))
    scale, digits = (100.0, 1) if in_points else (1.0, 2)
    text = number(scale * row.estimate, digits)
    if not pd.isna(row.low):
        text += f" [{number(scale * row.low, digits)}, {number(scale * row.high, digits)}]"
    unit = ("points" if row.metric in _DIFFERENCES else "%") if in_points else row.unit
    return f"{text} {escape('' if unit == 'ratio' else unit)}".strip()
