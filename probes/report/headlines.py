"""What a run's probes asked for, one line per number: the metrics that each probe names, in words."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pandas as pd

from icl.factors import SIDE_FACTORS
from icl.metrics.catalogue import METRICS, TWINS
from probes.catalogue.index import get_probe
from probes.findings.material import Material
from probes.findings.selection import plain_rows
from probes.report.words import Answer, answers

__all__ = ["headlines", "told"]

_MOST_LINES = 6


def told(material: Material) -> list[Answer]:
    """Say what a run found, one answer a model; `Answer.leading` are the sentences that the report leads with.

    Parameters
    ----------
    material
        All that the run holds, see `probes.report.page.read_material`.
    """
    return answers(plain_rows(material.metrics), chance=material.chance, material=material)


def headlines(metrics: pd.DataFrame, probes: Sequence[str], *, beside: Collection[str] = ()) -> Iterator[str]:
    """Write the numbers that answer each probe's question, those of accuracy where a metric has several scores.

    Each metric has a line, clear differences first; what room is left goes to other clear ones.

    Parameters
    ----------
    metrics
        Rows of a metrics table, of one model or of several.
    probes
        Whose questions are answered.
    beside
        Metrics that are told elsewhere.
    """
    for name in probes:
        probe = get_probe(name)
        rows = metrics[metrics["metric"].isin(set(probe.metrics) - set(beside))]
        rows = rows[rows["score"].isin(["", "accuracy"])]
        rows = _known(rows, metrics)
        places = {metric: place for place, metric in enumerate(probe.metrics)}
        rank = rows["metric"].map({TWINS[name]: place for name, place in places.items() if name in TWINS} | places)
        rows = _clear_first(rows.assign(rank=rank))
        if rows.empty:
            continue
        yield f"\n{probe.name}: {probe.question}"
        varied = [name for name in ("model", "label_mode", *SIDE_FACTORS) if rows[name].nunique() > 1]
        row: Any
        for row in rows.head(_MOST_LINES).itertuples():
            yield f"  {row.metric}, {_where(row, varied)}: {_value(row)}"
        if len(rows) > _MOST_LINES:
            yield f"  … and {len(rows) - _MOST_LINES} more in metrics.parquet"


def _clear_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Order rows: a line for each metric, its largest clear difference or else the first that is known; then others."""
    is_difference = (rows["compared"] != "") | (rows["unit"] == "ratio")
    clear = is_difference & ((rows["low"] > 0) | (rows["high"] < 0))
    size = rows["estimate"].abs().where(clear, 0.0)
    rows = rows.assign(clear=~clear, known=rows["low"].isna(), size=-size)
    rows = rows.sort_values(["rank", "clear", "known", "size"], kind="stable")
    rows = rows.assign(later=rows.groupby(["model", "metric"]).cumcount() > 0)
    return rows.sort_values("later", kind="stable")


def _known(rows: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Put a metric's continuous twin in its place where no row of the metric itself is known."""
    known = rows.groupby("metric")["estimate"].transform("count") > 0
    wanted = {TWINS[name] for name in rows.loc[~known, "metric"] if name in TWINS} - set(rows["metric"])
    twins = metrics[metrics["metric"].isin(wanted)]
    twins = twins[twins["score"].isin(["", "accuracy"]) & twins["estimate"].notna()]
    told = rows["metric"].map(TWINS).isin(twins["metric"])
    return pd.concat([rows[known | ~told], twins], ignore_index=True)


def _where(row: Any, varied: Sequence[str]) -> str:
    parts = [row.model] if "model" in varied else []
    parts += [row.contrast or row.label_mode, row.format]
    more = [getattr(row, name) for name in varied if name != "model"]
    more = ["" if value == "task" else f"{value} inputs" if value in ("ood", "none") else value for value in more]
    parts += [value for value in more if value and value not in row.contrast and value not in parts]
    parts += [f"k = {row.example_length}"] if not pd.isna(row.example_length) else []
    return ", ".join([part for part in parts if part] + [f"{row.num_shots} shots"])


def _value(row: Any) -> str:
    if pd.isna(row.estimate):
        return f"not known, since {row.reason}"
    points = METRICS[row.metric].is_share(row.score)
    scale, unit = (100, " points") if points else (1, f" {row.unit}" if row.unit != "ratio" else "")
    digits = 1 if points else 3
    value = f"{scale * row.estimate:+.{digits}f}{unit}"
    if pd.isna(row.low):
        return f"{value}, no interval ({row.reason})"
    return f"{value} (90 % interval {scale * row.low:+.{digits}f} to {scale * row.high:+.{digits}f})"
