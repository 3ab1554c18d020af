"""Which column of each table means what: by the form of the file, by its name, or as asked; every cell still text."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from icl.errors import UserError, unknown_name
from probes.importing.asked import Asked
from probes.importing.fields import FIELDS, OUTCOMES
from probes.importing.reshape import joined
from probes.importing.source import FILE_COLUMN, Source

__all__ = ["Columns", "Meaning", "told_columns"]

_ASSUMED = {
    "label_mode": ("gold", "how the shown labels were made, so they are taken for the gold ones"),
    "format": ("given", "how prompts were written, so all count as one format, 'given'"),
}
"""Field → what stands in where nothing tells it, and what is said of that."""

_NEEDED = {
    "model": "--map model=COLUMN or --set model=NAME; --map model=file takes the names of the files",
    "num_shots": "--map num_shots=COLUMN or --set num_shots=N",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one field, factor or cluster was taken from.

    Attributes
    ----------
    field : str
        Its name.
    source : str
        ``column NAME``, ``set to VALUE`` or ``assumed: VALUE``.
    kind : str
        field, factor or cluster.
    column : str
        The column of the files, where it was taken from one.
    """

    field: str
    source: str
    kind: str
    column: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Tables side by side under the names of fields.

    Attributes
    ----------
    table : DataFrame
        Text; one column for each field that is told, each further factor and each cluster level.
    factors, clusters : tuple of str
        Names of the further factors, and of the levels that repeat a condition.
    unused : DataFrame
        The columns of the files that mean nothing here, row by row.
    meanings : tuple of Meaning
        Where everything was taken from.
    notes : tuple of str
        Sentences on what is not told.
    """

    table: pd.DataFrame
    factors: tuple[str, ...]
    clusters: tuple[str, ...]
    unused: pd.DataFrame
    meanings: tuple[Meaning, ...]
    notes: tuple[str, ...]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The fields of what was measured; none where right answers and predictions are told instead."""
        return tuple(name for name in OUTCOMES if name in self.table)


def told_columns(sources: Sequence[Source], asked: Asked) -> Columns:
    """Lay tables side by side under the names of fields.

    Raises
    ------
    UserError
        If a column or cluster is not there, or something that is needed is not told.
    """
    _check_known(sources, asked)
    taken: dict[str, str] = {}
    parts, unused = [], []
    for source in sources:
        table = source.table.assign(**{FILE_COLUMN: source.path.stem})
        chosen = _map_of(source, asked)
        part = pd.DataFrame({name: table[column] for name, column in chosen.items()}, index=table.index, dtype=object)
        for name, value in asked.set.items():
            field, task = asked.field_of(name)
            if not task:
                part[field] = value
        parts.append(part.assign(**_clusters_of(table, chosen, asked)))
        used = {*chosen.values(), *asked.clusters, *(part for column in chosen.values() for part in joined(column))}
        rest = [name for name in source.table.columns if name not in used]
        unused.append(source.table[rest])
        taken |= chosen
    told = {name: _column_words(column) for name, column in taken.items()}
    told |= {name: f"set to {value}" for name, value in asked.set.items()}
    table = pd.concat(parts, ignore_index=True)
    notes = [note for source in sources for note in source.notes]
    table, assumed = _assumed(table, sources, notes)
    _set_by_task(table, asked)
    _check_outcome(table)
    clusters = tuple(
        name for name in asked.clusters if name not in ("query", "demonstration_set", *_as_query(sources, asked))
    )
    factors = tuple(name for name in table.columns if name not in FIELDS and name not in clusters)
    meanings = [
        Meaning(
            field=name,
            source=source,
            kind="field" if asked.field_of(name)[0] in FIELDS else "factor",
            column=taken.get(name, ""),
        )
        for name, source in (told | assumed).items()
        if name not in clusters
    ]
    meanings += [Meaning(field=name, source=told.get(name, f"column {name}"), kind="cluster") for name in clusters]
    return Columns(
        table=table,
        factors=factors,
        clusters=clusters,
        unused=pd.concat(unused, ignore_index=True),
        meanings=tuple(meanings),
        notes=tuple(dict.fromkeys(notes)),
    )


def _column_words(column: str) -> str:
    return f"columns {' and '.join(joined(column))}" if joined(column) else f"column {column}"


def _check_known(sources: Sequence[Source], asked: Asked) -> None:
    """Every column that is asked for is in one of the tables."""
    known = list(dict.fromkeys(str(name) for source in sources for name in source.table.columns))
    for name, column in asked.map.items():
        if column not in known and column != FILE_COLUMN:
            missing = next((part for part in joined(column) if part not in known), column)
            raise unknown_name(f"column for {name}:", missing, [*known, FILE_COLUMN])
    levels = {*known, *asked.map, FILE_COLUMN, *(name for source in sources for name in source.map)}
    for name in asked.clusters:
        if name not in levels:
            raise unknown_name("column or field for --cluster:", name, levels)
        if name == "model":
            raise UserError("models are compared, so they repeat no condition; leave model out of --cluster.")


def _map_of(source: Source, asked: Asked) -> dict[str, str]:
    """Field or factor → column of one table."""
    columns = source.table.columns
    found = {name: name for name in FIELDS if name in columns} | dict(source.map)
    given = {*asked.map, *(asked.field_of(name)[0] for name in asked.set if not asked.field_of(name)[1])}
    if given & set(OUTCOMES):
        found = {name: column for name, column in found.items() if name not in OUTCOMES}
    found = {name: column for name, column in found.items() if name not in given}
    for name, column in asked.map.items():
        if column in columns or column == FILE_COLUMN:
            found[name] = column
        elif name in source.map:
            found[name] = source.map[name]
        else:
            raise UserError(
                f"{source.path} has no column {column!r} for {name}, as other files have; import it by itself."
            )
    return found


def _clusters_of(table: pd.DataFrame, chosen: dict[str, str], asked: Asked) -> dict[str, pd.Series]:
    """Cluster levels that are plain columns; those that are mapped are there already."""
    return {name: table[name] for name in asked.clusters if name not in chosen and name in table and name not in FIELDS}


def _as_query(sources: Sequence[Source], asked: Asked) -> set[str]:
    """Columns that are mapped to query: as clusters they are what the query is anyway."""
    return {column for source in sources for name, column in _map_of(source, asked).items() if name == "query"}


def _assumed(table: pd.DataFrame, sources: Sequence[Source], notes: list[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    for name, remedy in _NEEDED.items():
        if name not in table or table[name].isna().any():
            where = f"{sources[0].path}" if len(sources) == 1 else "one of the tables"
            raise UserError(f"nothing in {where} tells {name}; add {remedy}.")
    assumed = {}
    if "task" not in table or table["task"].isna().any():
        stems = pd.Series([source.path.stem for source in sources for _ in range(len(source.table))])
        table["task"] = stems if "task" not in table else table["task"].fillna(stems)
        assumed["task"] = "assumed: the name of the file"
        notes.append("No column tells the task, so it is called after the file (--set task=NAME).")
    for name, (value, said) in _ASSUMED.items():
        if name not in table or table[name].isna().any():
            table[name] = value if name not in table else table[name].fillna(value)
            assumed[name] = f"assumed: {value}"
            notes.append(f"No column tells {said} (--set {name}=NAME).")
    return table, assumed


def _set_by_task(table: pd.DataFrame, asked: Asked) -> None:
    """Set a field of the rows of one task, ``FIELD[TASK]``."""
    for name, value in asked.set.items():
        field, task = asked.field_of(name)
        if not task:
            continue
        mine = table["task"] == task
        if not mine.any():
            raise unknown_name("task", task, table["task"].unique())
        if field not in table:
            table[field] = ""
        table.loc[mine, field] = value


def _check_outcome(table: pd.DataFrame) -> None:
    found = [name for name in OUTCOMES if name in table]
    if not found and not {"gold", "prediction"} <= set(table.columns):
        raise UserError(
            "no column tells what was measured; map one of accuracy, percent or num_correct (with num_items), correct "
            "or grade (one question per row), or logprob (one candidate per row)."
        )
    if len(found) > 1 and set(found) != {"correct", "logprob"}:
        raise UserError(f"{' and '.join(found)} are both told, and a row has one outcome; map the one that is meant.")
