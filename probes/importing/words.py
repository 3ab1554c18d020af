"""How an import was understood, and what can be done with it, for people."""

from collections.abc import Iterator

import pandas as pd

from icl.factors import FACTORS
from icl.scores import PROMPT_KEYS
from probes.importing.store import Imported
from probes.terminal.layout import paragraphs, table_lines

__all__ = ["understood_lines", "uses"]

_FIRST = 5
"""Rows that are shown."""

_PARTS = {
    "model": "model",
    "format": "format",
    "demonstration_set_id": "demonstration set",
    "query_id": "query",
    "label_mode": "label mode",
}
"""Column of what the variance can be split by → its name for people."""


def understood_lines(imported: Imported) -> Iterator[str]:
    """Write what each column was taken for, the first rows as the lab reads them, and what is not told."""
    found = imported.understood
    yield from paragraphs([f"{one.path}: {one.form}, {len(one.table):,} rows" for one in imported.sources])
    rows = pd.DataFrame(
        [(one.field, one.source, "" if one.kind == "field" else one.kind) for one in found.meanings],
        columns=["field", "taken from", "as"],
    )
    yield ""
    yield from table_lines(rows, keys=2)
    yield ""
    yield from table_lines(first_rows(imported), keys=2)
    yield from paragraphs(["", *(f"Note: {said}" for said in found.notices)])


def first_rows(imported: Imported) -> pd.DataFrame:
    """The first rows as the lab reads them, without the columns that hold nothing or the usual value."""
    found = imported.understood
    table = found.told if found.told is not None else found.scores
    assert table is not None  # one of them there is
    outcome = ["num_correct", "num_items"] if found.told is not None else ["candidate", "is_gold", "logprob"]
    shown = table[[*PROMPT_KEYS, *outcome]]
    usual = {one.name: one.default for one in FACTORS}
    keep = []
    for name in shown.columns:
        values = shown[name].dropna().unique()
        empty = len(values) == 0 or (len(values) == 1 and values[0] in ("", usual.get(name)))
        if not empty or name in outcome:
            keep.append(name)
    return shown[keep].head(_FIRST).rename(columns={"query_id": "query", "demonstration_set_id": "set"})


def uses(imported: Imported) -> list[str]:
    """Say what the run can be used for, and why not for the rest."""
    found = imported.understood
    keys = [table[list(PROMPT_KEYS)] for table in (found.scores, found.told) if table is not None]
    cells = pd.concat(keys, ignore_index=True)
    shots = sorted(int(count) for count in cells["num_shots"].unique())
    models, tasks = len(found.models), len(found.tasks)
    size = f"{models} model{'s' * (models != 1)}, {tasks} task{'s' * (tasks != 1)}"
    said = [f"`probe measure` and `probe report`: {size}, {_count(cells)}."]
    if len(shots) == 1:
        said.append(
            f"`probe fit` and `probe compare` need two or more numbers of demonstrations, and there is only {shots[0]}."
        )
    else:
        told = found.told
        unknown = told is not None and bool((told["num_candidates"].isna() & told["chance"].isna()).any())
        curves = f"{len(shots)} numbers of demonstrations, {shots[0]} to {shots[-1]}"
        need = "; they need --set num_candidates=N, or chance=0 for free text" if unknown else ""
        said.append(f"`probe fit` and `probe compare`: curves of {curves}{need}.")
        if shots[0] > 0:
            said.append(
                f"No row has num_shots = 0: accounts extrapolate where curves start, and gains are over {shots[0]} "
                f"demonstration{'s' * (shots[0] != 1)}."
            )
    varied = [words for name, words in _PARTS.items() if cells[name].nunique() > 1]
    if varied and (shots[-1] > 0 or models > 1):
        said.append(f"`probe variance --score accuracy`: {', '.join(varied)} varied.")
    return said


def _count(cells: pd.DataFrame) -> str:
    conditions = len(
        cells[[name for name in PROMPT_KEYS if name not in ("query_id", "demonstration_set_id")]].drop_duplicates()
    )
    sets = cells["demonstration_set_id"].nunique()
    repeated = "demonstration set or run" if sets == 1 else "demonstration sets or runs"
    return f"{conditions:,} condition{'s' * (conditions != 1)}, {sets:,} {repeated}"
