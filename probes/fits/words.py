"""What a fit says when it ends: whether it may be read, then its table, what it wrote and what to do next."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from icl.concept.diagnose import Diagnosis
from icl.concept.fit import Fit
from icl.concept.summary import LEVEL, has_drift
from icl.concept.variance_layout import part_name
from probes.figures.words import models_in_words
from probes.fits.evidence_words import evidence_lines
from probes.terminal.layout import factored, next_lines, paragraphs, table_lines

if TYPE_CHECKING:
    import xarray

__all__ = ["account_lines", "fit_lines", "share_lines", "spans", "unread_lines", "written_lines"]


def unread_lines(diagnosis: Diagnosis, written: Path, again: Sequence[object], *, anyway: bool) -> list[str]:
    """Say first that a fit did not converge, where it is, and how to do better."""
    first, *more = diagnosis.sentences
    said = [first, *more, f"Written, marked as not converged: {written}"]
    said.append("Its numbers follow, because of --anyway." if anyway else "Its table is withheld; --anyway prints it.")
    return [*paragraphs(said), *next_lines(*again)]


def written_lines(written: Path, *after: Sequence[object]) -> list[str]:
    """Say what a fit wrote, and which commands come next."""
    return ["", f"Written: {written}", *(line for words in after for line in next_lines(*words))]


def fit_lines(fit: Fit) -> Iterable[str]:
    """Write what a fit says: by the writer of its account's tables, and those of a law of curves for all others."""
    writer = _WRITERS.get(fit.account.name)
    return account_lines(fit.tree, next(iter(fit.tables.values()))) if writer is None else writer(fit)


def account_lines(tree: "xarray.DataTree", table: pd.DataFrame) -> Iterator[str]:
    """Write the table of an account, one a model: signal and drift of each condition, or every parameter."""
    if has_drift(tree):
        for model, rows in table.groupby("model", sort=False):
            yield from paragraphs([f"\n{model}: nats per demonstration, median and 90 % interval"])
            yield from _drifts(rows)
        return
    shared, levels = _levels(table)
    yield from paragraphs([f"\n{f'{shared}: ' if shared else ''}median and 90 % interval, beside the prior's"])
    units = [f" ({unit})" if unit else "" for unit in table["unit"]]
    readable = pd.DataFrame({"parameter": table["parameter"] + units, "level": levels})
    readable["posterior"], readable["prior"] = spans(table, "median", ""), spans(table, "prior_median", "prior_")
    yield from table_lines(readable, keys=2)


def share_lines(shares: pd.DataFrame, *, model: str, score: str) -> list[str]:
    """Write how a model's variance splits."""
    values = [
        f"{100 * row.share:.1f} % [{100 * row.share_lower:.1f}, {100 * row.share_upper:.1f}]"
        if pd.notna(row.share)
        else "not varied"
        for row in shares.itertuples()
    ]
    title = f"{model}: shares of the variance of {score.replace('_', ' ')}, with 90 % intervals"
    parts = [part_name(name) for name in shares["factor"]]
    table = pd.DataFrame({"part": parts, "share": values, "": shares["note"]})
    return [*paragraphs([title]), *table_lines(table, indent=2)]


_WRITERS: dict[str, Callable[[Fit], Iterable[str]]] = {
    "evidence": lambda fit: evidence_lines(**fit.tables),
    "variance": lambda fit: share_lines(fit.tables["shares"], model=models_in_words(fit.models), score=fit.observe),
}
"""Account → what writes its tables for people."""


def spans(table: pd.DataFrame, name: str, prefix: str | None = None) -> list[str]:
    """Write medians with their intervals."""
    prefix = f"{name}_" if prefix is None else prefix
    ends = zip(table[name], table[f"{prefix}lower"], table[f"{prefix}upper"])
    return [f"{middle:.2f} [{low:.2f}, {high:.2f}]" for middle, low, high in ends]


def _levels(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Name what every row is of, and take out what all have in common, such as the one model and format of a run."""
    levels = table[list(LEVEL)].drop(columns="task" if table["task"].nunique() < 2 else [])
    levels["example_length"] = [None if pd.isna(length) else f"k={length:.0f}" for length in levels["example_length"]]
    shared, rest = factored(levels, list(levels))
    return shared, [", ".join(row.dropna()) for _, row in rest.iterrows()]


def _drifts(rows: pd.DataFrame) -> list[str]:
    """Conditions by format; what all of a format share, as its noise, stands beside its name."""
    lengths = ("" if pd.isna(length) else f"k={length:.0f}" for length in rows["example_length"])
    named = [", ".join(filter(None, pair)) for pair in zip(rows["label_mode"], lengths)]
    readable = pd.DataFrame({"labels": named, "signal": spans(rows, "signal"), "noise": spans(rows, "noise")})
    readable["drift"] = spans(rows, "drift")
    readable["P(signal > noise)"] = rows["prob_signal_exceeds_noise"].map("{:.3f}".format).to_numpy()
    readable["format"] = rows["format"].to_numpy()
    apart = rows["separately_identified"].to_numpy()
    if not apart.all():
        readable["identified"] = ["yes" if each else "no: read drift" for each in apart]
    sections = "format " + readable["format"]
    if (readable.groupby("format")["noise"].nunique() == 1).all():
        sections += ", noise " + readable.pop("noise")
    order = pd.Series(sections).map({name: place for place, name in enumerate(dict.fromkeys(sections))})
    place = order.sort_values(kind="stable").index
    readable = readable.drop(columns="format").loc[place]
    return table_lines(readable, sections=sections.loc[place].tolist())
