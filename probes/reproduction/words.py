"""The scorecard in words."""

import textwrap
from collections.abc import Iterator

import pandas as pd

from probes.reproduction.claims import Verdict
from probes.reproduction.execute import Results

__all__ = ["scorecard_lines"]

_WIDTH = 118
_SHOWN = (0, 1, 4, 16, 64)


def scorecard_lines(results: Results) -> Iterator[str]:
    """Spell out accuracies, and each claim: verdict, published values, ours, rule; then what is missing."""
    if not results.cells.empty:
        yield "accuracy in percent / that of exact Bayes on the same prompts, by number of examples n"
        yield _accuracies(results.cells).to_string()
    for verdict in results.verdicts:
        yield ""
        yield f"{verdict.verdict.upper()}: {verdict.sentence}"
        yield from _entry("source", verdict.source)
        published = ", ".join(f"{name} {value:.1f}" for name, value in verdict.published.items())
        yield from _entry("published", published or "in a figure only")
        yield from _entry("ours", "; ".join(filter(None, [", ".join(map(str, verdict.ours)), verdict.reason])))
        yield from _entry("rule", verdict.rule)
    yield ""
    counts = {name: sum(v.verdict == name for v in results.verdicts) for name in _order(results.verdicts)}
    total = ", ".join(f"{count} {name}" for name, count in counts.items())
    yield f"{total}. Numbers are percent or points, with 90 % intervals where no other is named."
    yield f"Exact Bayes smooths its transitions with ε = {results.record['smoothing']:g}."
    if results.record["not_shipped"]:
        yield f"Models that do not come with this lab: {', '.join(results.record['not_shipped'])}."


def _accuracies(cells: pd.DataFrame) -> pd.DataFrame:
    rows = cells[cells["num_shots"].isin(_SHOWN)]
    both = zip(rows["accuracy"], rows["ceiling"])
    keys = ["experiment", "model", "example_length"]
    rows = rows.assign(both=[f"{100 * ours:.1f} / {100 * ceiling:.1f}" for ours, ceiling in both])
    wide = rows.pivot(index=keys, columns="num_shots", values="both").loc[list(rows.groupby(keys, sort=False).groups)]
    return wide.rename_axis(index=["experiment", "model", "k"], columns="n =")


def _order(verdicts: list[Verdict]) -> list[str]:
    return sorted({verdict.verdict for verdict in verdicts}, key=lambda name: -sum(v.verdict == name for v in verdicts))


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=f"    {name:<11}", subsequent_indent=" " * 15, break_on_hyphens=False
    )
