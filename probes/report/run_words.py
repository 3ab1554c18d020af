"""What a run says when it ends: the report's first sentences, each model's effects and accuracies, what was asked."""

from collections.abc import Iterator, Sequence

import pandas as pd

from icl.factors import SIDE_FACTORS, get_factor, varied_sides
from icl.metrics.uncertainty import LEVEL
from probes.figures.words import points
from probes.findings.findings import CORRECTION, ON_ACCURACY, PAIRED, Finding, condition_words
from probes.findings.material import Material
from probes.findings.selection import length_words, split_models
from probes.report.headlines import headlines, told
from probes.report.sections import between
from probes.terminal.layout import factored, paragraphs, table_lines

__all__ = ["effect_lines", "run_lines"]

_MOST_EFFECTS = 12
"""Lines of one model's table of effects, and of a table of models."""

_MOST_LINES = 30
"""Of an imported table with more lines of accuracies only a summary is printed."""


def run_lines(material: Material) -> Iterator[str]:
    """Write what a run found, for a terminal: no line is longer than that is wide.

    Parameters
    ----------
    material
        All that the run holds, see `probes.report.page.read_material`.
    """
    levels = material.metrics[material.metrics["metric"] == "accuracy"]
    lines = levels.groupby(["model", "label_mode", "format", *SIDE_FACTORS], dropna=False).ngroups
    if not material.probes and lines > _MOST_LINES:
        yield from _summary(material.metrics, levels)
        return
    answers = told(material)
    for answer in answers:
        yield from paragraphs(["", *answer.leading], hang=2)
    for answer in answers:
        yield from effect_lines(answer.model, answer.found)
        yield from _accuracies(material.metrics, answer.model)
        mine = material.metrics[material.metrics["model"] == answer.model]
        yield from paragraphs(headlines(mine, material.probes, beside=ON_ACCURACY), hang=4)
    for model in split_models(material.metrics)[1]:
        if model not in [answer.model for answer in answers]:
            yield from _accuracies(material.metrics, model, " (reference)")
    yield from _differences(material.metrics, between.METRICS, "\nDifferences between models or variants in accuracy")


def effect_lines(model: str, found: Sequence[Finding]) -> Iterator[str]:
    """A model's table of effects on accuracy, those that are clear first."""
    known = [one for one in found if one.known]
    if not known:
        return
    named = {
        f"clear, also after {CORRECTION}": [one for one in known if one.stands],
        "clear only without the correction": [one for one in known if one.clear and not one.stands],
        "not clear": [one for one in known if not one.clear],
    }
    shown = {name: some[:_MOST_EFFECTS] for name, some in named.items() if name != "not clear"}
    if not any(shown.values()):
        shown["not clear"] = [one for one in known if one.leads] or known[:1]
    rows = [_row(one) for some in shown.values() for one in some]
    sections = [name for name, some in shown.items() for _ in some]
    yield from paragraphs([f"\n{model}: effects on accuracy in points, with 90 % intervals"])
    yield from table_lines(pd.DataFrame(rows, columns=["effect", "interval", "what, where"]), sections=sections, keys=2)
    counts = {name: len(some) - len(shown.get(name, ())) for name, some in named.items()}
    left = [f"{count} {name}" for name, count in counts.items() if count]
    if left:
        yield from paragraphs([f"Not shown: {'; '.join(left)}. metrics.parquet holds all."])


def _summary(metrics: pd.DataFrame, levels: pd.DataFrame) -> Iterator[str]:
    """Write what there is of many conditions: the best models, and the largest differences."""
    means = levels.groupby("model", sort=False)["estimate"].agg(["mean", "min", "max", "count"])
    best = means.sort_values("mean", ascending=False, kind="stable").head(_MOST_EFFECTS)
    of = f"{len(means)} models" + (", each on one task" if levels["task"].nunique() > 1 else "")
    yield from paragraphs([f"\n{len(levels):,} conditions of {of}: accuracy in percent over conditions, best first"])
    rows = [
        (str(name), *(f"{100 * row[part]:.1f}" for part in ("mean", "min", "max")), f"{int(row['count']):,}")
        for name, row in best.iterrows()
    ]
    yield from table_lines(pd.DataFrame(rows, columns=["model", "mean", "lowest", "highest", "conditions"]))
    if len(best) < len(means):
        yield from paragraphs([f"Not shown: {len(means) - len(best)} others."])
    yield from _differences(metrics, (*PAIRED, *between.METRICS), "\nLargest differences in accuracy")
    lacking = metrics[metrics["metric"].isin(between.METRICS) & metrics["estimate"].isna()]
    yield from paragraphs(
        [f"No {name.replace('_', ' ')}: {reason}." for name, reason in zip(lacking["metric"], lacking["reason"])][:2]
    )
    yield from paragraphs(
        [f"\nAll {len(metrics):,} numbers are in metrics.parquet; `probe measure RUN --json` prints them."]
    )


def _differences(metrics: pd.DataFrame, names: Sequence[str], title: str) -> Iterator[str]:
    """Table of the largest differences that stand after correction, or else of the largest there are."""
    rows = metrics[metrics["metric"].isin(names) & (metrics["score"] == "accuracy") & metrics["low"].notna()]
    if rows.empty:
        return
    size = rows["estimate"].abs().where(rows["p_holm"] <= 1 - LEVEL, -1.0)
    rows = rows.loc[size.sort_values(ascending=False, kind="stable").index]
    varied, several = varied_sides(metrics), metrics["model"].nunique() > 1
    cells = [
        (
            points(row["estimate"], signed=True),
            f"[{points(row['low'], signed=True)}, {points(row['high'], signed=True)}]",
            ", ".join([str(row["contrast"]), *_of_model(row, several), condition_words(row, varied)]),
        )
        for _, row in rows.head(_MOST_EFFECTS).iterrows()
    ]
    yield from paragraphs([f"{title}, in points, with 90 % intervals"])
    yield from table_lines(pd.DataFrame(cells, columns=["difference", "interval", "what, where"]), keys=2)
    clear = int((size > 0).sum())
    left = f"{len(rows) - len(cells):,} more are in metrics.parquet. " if len(rows) > len(cells) else ""
    yield from paragraphs(
        [f"{clear:,} of {len(rows):,} are clear after {CORRECTION}. {left}{between.pairing_words(rows)}"]
    )


def _of_model(row: pd.Series, several: bool) -> list[str]:
    """Name the model of a row that compares no models, where there are several."""
    return [str(row["model"])] if several and row["metric"] != "model_difference" else []


def _row(one: Finding) -> tuple[str, str, str]:
    low, high = (points(end, signed=not one.is_spread) for end in (one.low, one.high))
    effect = points(one.estimate, signed=not one.is_spread)
    return effect, f"[{low}, {high}]", f"{one.comparison}, {one.where}"


def _accuracies(metrics: pd.DataFrame, model: str, note: str = "") -> Iterator[str]:
    """Accuracy by condition and number of shots; what does not vary stands above it."""
    rows = metrics[(metrics["metric"] == "accuracy") & (metrics["model"] == model)]
    if rows.empty:
        return
    rows = rows.assign(
        example_length=rows["example_length"].map(length_words),
        format="format " + rows["format"],
        label_mode=rows["label_mode"].replace("zero_shot", "no demonstrations"),
        cell=(100 * rows["estimate"]).map("{:.1f}".format),
    )
    keys = ["format", "example_length", *SIDE_FACTORS]
    shown = [name for name in keys[2:] if not get_factor(name).matters_bare]  # by demonstrations alone
    rows = rows.assign(**{name: rows[name].where(rows["num_shots"] > 0) for name in shown})
    first = {name: rows.groupby(keys[:2])[name].transform("first") for name in shown}
    rows = rows.assign(**{name: rows[name].fillna(first[name]).fillna("") for name in shown})
    same = factored(rows, keys[2:])[1]
    said, rows = factored(same, keys[:2])
    varied = [name for name in keys if name in rows]  # "task" inputs are the usual ones
    where = [
        ", ".join(value for value in values if value and value != "task")
        for values in rows[varied].itertuples(index=False, name=None)
    ]
    rows = rows.assign(where=where)
    order = rows[["where", "label_mode"]].drop_duplicates()
    wide = rows.pivot(index=["where", "label_mode"], columns="num_shots", values="cell")
    wide = wide.loc[list(order.itertuples(index=False, name=None))].reset_index()
    yield from paragraphs([f"\n{model}{note}: accuracy in percent, by number of shots{f' ({said})' if said else ''}"])
    sections = wide.pop("where").tolist()
    yield from table_lines(wide.rename(columns={"label_mode": "labels"}), sections=sections)
