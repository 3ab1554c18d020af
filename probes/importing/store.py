"""From files of results to a run folder: read, understand, store with a record of how, measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from icl.errors import UserError
from icl.metrics.measure import measure
from icl.metrics.normalise import DEFAULT_NORMALISATION
from probes import disk
from probes.importing.asked import Asked
from probes.importing.columns import told_columns
from probes.importing.forms import read_source
from probes.importing.reshape import explode, has_lists, join, melt, only
from probes.importing.source import Source, as_text
from probes.importing.understood import Understood, understand
from probes.runs.artefacts import checksum
from probes.runs.folder import IMPORT_RECORD, RunFolder
from probes.runs.told_parts import write_told
from probes.runs.versions import versions
from probes.terminal.progress import phase

__all__ = ["Imported", "Table", "read_tables", "store"]

type Table = str | Path | pd.DataFrame
"""A table by its path, or in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Tables that were read and understood, not yet stored.

    Attributes
    ----------
    sources : tuple of Source
        As they were read, taken apart where that was asked.
    asked : Asked
        How they were to be understood.
    understood : Understood
        What came of it.
    digests : dict
        Name of each file → digest of its content.
    """

    sources: tuple[Source, ...]
    asked: Asked
    understood: Understood
    digests: Mapping[str, str]

    @property
    def record(self) -> dict[str, Any]:
        """Say how everything was understood, as `import.json` keeps it."""
        found, asked = self.understood, self.asked
        files = [
            {"name": one.path.name, "read_as": one.form, "rows": len(one.table), "digest": self.digests[str(one.path)]}
            for one in self.sources
        ]
        taken = {"melt": asked.melt, "explode": asked.explode}
        return {
            "files": files,
            "map": dict(asked.map),
            "set": dict(asked.set),
            "cluster": list(asked.clusters),
            "only": dict(asked.only),
            **{name: f"{one.name}={','.join(one.columns)}" for name, one in taken.items() if one is not None},
            "columns": [{"name": one.field, "from": one.source, "as": one.kind} for one in found.meanings],
            "notices": list(found.notices),
        }


def read_tables(tables: Sequence[Table], asked: Asked) -> Imported:
    """Read files side by side and understand their columns.

    Raises
    ------
    UserError
        If a file cannot be read, or its columns cannot be understood.
    """
    if not tables:
        raise UserError("no table is named; name one or more files of results.")
    sources, digests = [], {}
    for number, table in enumerate(tables):
        source = _in_memory(table, number) if isinstance(table, pd.DataFrame) else read_source(table)
        content = (
            source.table.to_csv(index=False).encode() if isinstance(table, pd.DataFrame) else source.path.read_bytes()
        )
        digests[str(source.path)] = checksum(content)
        sources.append(join(only(explode(melt(source, asked.melt), asked.explode), asked.only), asked.map.values()))
    if len(digests) < len(sources):
        raise UserError("the same file is named twice; name each once.")
    columns = told_columns(sources, asked)
    for outcome in columns.outcomes:
        if not has_lists(columns.table[outcome]):
            continue
        name = next(one.column for one in columns.meanings if one.field == outcome)
        raise UserError(
            f"the column {name!r} holds a list in each cell; give each member a row of its own with --explode "
            f"NAME={name}, where NAME is what its members differ in, such as format."
        )
    run = checksum("\n".join(sorted(digests.values())).encode())
    return Imported(
        sources=tuple(sources), asked=asked, understood=understand(columns, run=f"import-{run}"), digests=digests
    )


def store(imported: Imported, out: Path) -> RunFolder:
    """Write a run folder and measure it; the same import again changes nothing.

    Raises
    ------
    UserError
        If the folder holds something else, or cannot be written to.
    """
    folder = _folder_for(imported, Path(out))
    with folder.locked():
        manifest = _manifest(imported)
        disk.write_json(folder.path / IMPORT_RECORD, imported.record)
        folder.write_manifest(manifest | {"state": "running"})
        if imported.understood.told is not None:
            write_told(folder.path, imported.understood.told)
        if imported.understood.scores is not None:
            folder.add_scores(imported.understood.scores)
        with phase("measuring"):
            answers, possible = folder.answers_to_measure(DEFAULT_NORMALISATION)
            folder.write_metrics(measure(answers.__getitem__, DEFAULT_NORMALISATION, possible=possible))
        places = [path.relative_to(folder.path) for path in folder.path.glob("*/part-*.parquet")]
        folder.write_manifest(manifest | {"stored": {"parts": sorted(place.as_posix() for place in places)}})
    return folder


def _folder_for(imported: Imported, path: Path) -> RunFolder:
    folder = RunFolder(path)
    if folder.is_imported:
        if disk.read_json(folder.record) != imported.record:
            raise UserError(
                f"{path} holds another import (other files, or columns understood otherwise); choose another --out."
            )
        return folder
    if (path / "experiment.toml").exists():
        raise UserError(f"{path} holds a run that was not imported; choose another --out.")
    disk.check_ours(path, "imported run", IMPORT_RECORD)
    disk.make_folder(path)
    return folder


def _manifest(imported: Imported) -> dict[str, Any]:
    found = imported.understood
    names = [one.path.name for one in imported.sources]
    digests = ", ".join(f"{Path(name).name}#{digest}" for name, digest in imported.digests.items())
    rows = sum(len(one.table) for one in imported.sources)
    tasks = found.tasks
    models = {
        name: {"spec": name, **found.covariates.get(name, {}), "identity": {"imported from": digests}}
        for name in found.models
    }
    return {
        "state": "finished",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "task": ", ".join(tasks) if len(tasks) <= 4 else f"{len(tasks)} tasks",
        "source": f"import:{digests}",
        "description": f"Imported from {rows:,} rows of {', '.join(names)}.",
        "notices": list(found.notices),
        "models": models,
        "seeds": {},
        "versions": versions(),
    }


def _in_memory(table: pd.DataFrame, number: int) -> Source:
    if table.empty:
        raise UserError("the table in memory has no rows; give a table of results.")
    return Source(
        path=Path(f"table{number + 1 if number else ''}"), form="DataFrame", table=as_text(table.reset_index(drop=True))
    )
