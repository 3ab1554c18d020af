"""A page for each probe, from its declaration: what it asks, its grids, its metrics, how to run it."""

import importlib
import pkgutil
import re

from generators.markdown import code, table
from icl.factors import CHOSEN_FACTORS
from icl.metrics.catalogue import METRICS, TWINS, twin_of
from icl.metrics.metric import SCORES
from probes import catalogue
from probes.catalogue.index import PROBES
from probes.catalogue.probe import Grid, Probe

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """Write a page for each probe, and the table of all."""
    made = {f"probes/{name}.md": _page(probe) for name, probe in PROBES.items()}
    rows = [
        [f"[{name}](../generated/probes/{name}.md)", probe.question, ", ".join(map(code, probe.metrics)), source(name)]
        for name, probe in PROBES.items()
    ]
    made["parts/probes.md"] = table(["probe", "question", "metrics", "after"], rows)
    made["parts/metrics.md"] = _metrics()
    return made


def _metrics() -> str:
    """Every metric with its definition, unit and continuous twin, in the order of the catalogue."""
    rows = [[code(name), metric.sentence, _unit(name), _twin(name)] for name, metric in METRICS.items()]
    return table(["metric", "definition", "unit", "continuous twin"], rows)


def _unit(name: str) -> str:
    metric = METRICS[name]
    own = "that of m" if len(metric.scores) > 1 else "".join(SCORES[score].unit for score in metric.scores)
    return (metric.unit or own) + (f" per {metric.per}" if metric.per else "")


def _twin(name: str) -> str:
    twin, score = twin_of(name)
    return f"in score {code(score)}" if twin == name and score else code(twin) if twin != name and twin else ""


def source(name: str) -> str:
    """Say which paper a probe follows, as the first line of its file ends."""
    for found in pkgutil.iter_modules(catalogue.__path__):
        module = importlib.import_module(f"{catalogue.__name__}.{found.name}")
        if getattr(module, "PROBE", None) is PROBES[name]:
            cited = re.search(r"\(([^()]*)\)\.?$", (module.__doc__ or "").strip().splitlines()[0])
            return cited[1] if cited else ""
    raise LookupError(f"no file of probes/catalogue/ declares {name}")


def _page(probe: Probe) -> str:
    kinds = {"Sentences": probe.text, "Multiple choice": probe.choices, "GINC": probe.ginc}
    grids = [f"**{kind}**\n\n{_grid(grid)}" for kind, several in kinds.items() for grid in several or ()]
    if probe.choices is None and probe.text:
        grids.append("Multiple choice takes the grids of sentences, as far as its label modes fit.")
    metrics = [[code(name), code(TWINS[name]) if name in TWINS else ""] for name in probe.metrics]
    after = source(probe.name)
    task = "sentiment" if probe.text else "ginc" if probe.ginc else "TASK --options-column COLUMN"
    paragraphs = [
        f"# {probe.name}",
        probe.question + (f" After {after}." if after else ""),
        "## What it varies",
        *grids,
        "The flags of `probe run` replace the values of a grid, for example `--shots 0,4`; see "
        "[what can be varied](../../probes/index.md#what-can-be-varied).",
        "## What it reads",
        table(["metric", "continuous twin"], metrics),
        "The first is the headline. [Metrics](../../probes/metrics.md) defines each.",
        "## Run it",
        f"    probe run --model MODEL --task {task} --probe {probe.name} --out RUN\n    probe report RUN",
    ]
    return "\n\n".join(paragraphs) + "\n"


def _grid(grid: Grid) -> str:
    rows = []
    for factor in CHOSEN_FACTORS:
        value = getattr(grid, factor.option)
        if value in (None, 1 if factor.is_counted else (factor.default,)):
            continue
        if factor.is_counted:
            value = (value or "all",)
        rows.append([factor.in_plural, ", ".join(code(each) for each in value)])
    return table(["factor", "values"], rows)
