"""What docs/probes.md says of probes and metrics is what the code has."""

import re
from pathlib import Path

from icl.metrics.effects import TWINS
from icl.metrics.outcomes import SCORES
from probes.designs.catalogue import PROBES
from probes.report.selection import ON_REQUEST

TEXT = (Path(__file__).parents[1] / "docs" / "probes.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """Rows of the first table below a heading, cell by cell."""
    below = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell: str) -> list[str]:
    """Metrics that a cell lists before its explanation."""
    return re.findall(r"[A-Za-z0-9_]+", re.split(r"[:(]|, split by", cell)[0])


def described() -> dict[str, str]:
    """Metric → what is said of its twin."""
    return {name: twin for cell, _, twin in table("Metrics") for name in names(cell)}


def test_each_probe_has_the_headline_metrics_of_its_design():
    assert {row[0].strip("`"): tuple(names(row[2])) for row in table("The probes")} == {
        name: probe.metrics for name, probe in PROBES.items()
    }


def test_each_metric_of_a_probe_is_explained():
    used = {metric for probe in PROBES.values() for metric in probe.metrics}
    assert used <= set(described()) | set(SCORES)


def test_twins_are_those_that_metrics_are_reported_with():
    said = described()
    assert {metric: TWINS[metric] for metric in TWINS if TWINS[metric] in names(said[metric])} == TWINS


def test_what_a_page_shows_on_request_is_what_that_probe_reads():
    for probe, metrics in ON_REQUEST.items():
        assert set(metrics) <= set(PROBES[probe].metrics)
