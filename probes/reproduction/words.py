"""The scorecard in words."""

from collections.abc import Iterator

import pandas as pd

from probes.reproduction.claims import Verdict
from probes.reproduction.execute import Results
from probes.terminal.layout import entries, paragraphs, table_lines

__all__ = ["scorecard_lines"]

_SHOWN = (0, 1, 4, 16, 64)


def scorecard_lines(results: Results) -> Iterator[str]:
    """Spell out accuracies, and each claim: verdict, published values, ours, rule; then what is missing."""
    if not results.cells.empty:
        title = "accuracy in percent / that of exact Bayes on the same prompts, by number of examples n"
        yield from paragraphs([title])
        yield from _accuracies(results.cells)
    for verdict in results.verdicts:
        yield ""
        yield from paragraphs([f"{verdict.verdict.upper()}: {verdict.sentence}"])
        yield from _entry("source", verdict.source)
        published = ", ".join(f"{name} {value:.1f}" for name, value in verdict.published.items())
        yield from _entry("published", published or "in a figure only")
        yield from _entry("ours", "; ".join(filter(None, [", ".join(map(str, verdict.ours)), verdict.reason])))
        yield from _entry("rule", verdict.rule)
    yield ""
    counts = {name: sum(v.verdict == name for v in results.verdicts) for name in _order(results.verdicts)}
    total = ", ".join(f"{count} {name}" for name, count in counts.items())
    said = [f"{total}. Numbers are percent or points, with 90 % intervals where no other is named."]
    said.append(f"Exact Bayes smooths its transitions with ε = {results.record['smoothing']:g}.")
    if results.record["not_shipped"]:
        said.append(f"Models that do not come with this lab: {', '.join(results.record['not_shipped'])}.")
    yield from paragraphs(said)


def _accuracies(cells: pd.DataFrame) -> list[str]:
    rows = cells[cells["num_shots"].isin(_SHOWN)]
    both = zip(rows["accuracy"], rows["ceiling"])
    keys = ["experiment", "model", "example_length"]
    rows = rows.assign(both=[f"{100 * ours:.1f} / {100 * ceiling:.1f}" for ours, ceiling in both])
    wide = rows.pivot(index=keys, columns="num_shots", values="both").loc[list(rows.groupby(keys, sort=False).groups)]
    wide = wide.rename(columns=lambda shots: f"n = {shots}").reset_index()
    sections = [f"{experiment}, {model}" for experiment, model in zip(wide.pop("experiment"), wide.pop("model"))]
    return table_lines(wide.rename(columns={"example_length": "k"}), sections=sections)


def _order(verdicts: list[Verdict]) -> list[str]:
    return sorted({verdict.verdict for verdict in verdicts}, key=lambda name: -sum(v.verdict == name for v in verdicts))


def _entry(name: str, text: str) -> list[str]:
    return entries({f"{name:<9}": text}, indent=4)
