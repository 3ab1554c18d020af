"""The scorecard in words."""

import textwrap
from collections.abc import Iterator

from probes.reproduction.claims import Verdict
from probes.reproduction.execute import Results

__all__ = ["scorecard_lines"]

_WIDTH = 118


def scorecard_lines(results: Results) -> Iterator[str]:
    """Spell out each claim: verdict, published values, ours with 90 % intervals, rule; then what is missing."""
    for verdict in results.verdicts:
        yield ""
        yield f"{verdict.verdict.upper()}: {verdict.sentence}"
        yield from _entry("source", verdict.source)
        published = ", ".join(f"{name} {value:.1f}" for name, value in verdict.published.items())
        yield from _entry("published", published or "in a figure only")
        yield from _entry("ours", ", ".join(map(str, verdict.ours)) or verdict.reason)
        yield from _entry("rule", verdict.rule)
    yield ""
    counts = {name: sum(v.verdict == name for v in results.verdicts) for name in _order(results.verdicts)}
    total = ", ".join(f"{count} {name}" for name, count in counts.items())
    yield f"{total}. Numbers are percent or points, with 90 % intervals."
    if results.record["not_shipped"]:
        yield f"Models that do not come with this lab: {', '.join(results.record['not_shipped'])}."


def _order(verdicts: list[Verdict]) -> list[str]:
    return sorted({verdict.verdict for verdict in verdicts}, key=lambda name: -sum(v.verdict == name for v in verdicts))


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=f"    {name:<11}", subsequent_indent=" " * 15, break_on_hyphens=False
    )
