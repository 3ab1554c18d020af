"""Runs of one folder as tables of SQL, by DuckDB.

What a run's tables are made of is worked out once and kept beside it as Parquet, `RUN/tables/`; it is made again where
it is out of date. A query sees these files and nothing else: it can read no other file and write none.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from icl.errors import UserError
from icl.public import public
from probes import disk
from probes.runs.artefacts import checksum
from probes.runs.folder import RunFolder
from probes.runs.opening import is_run
from probes.store.views import TABLES, VIEWS, View

if TYPE_CHECKING:
    import duckdb

__all__ = ["Store", "open_store"]

_TABLES = "tables"
_MADE_BY = "made_of"

type Told = Callable[[str], None]
"""Called with what is being done."""


@dataclass(frozen=True)
class Store:
    """A folder of runs.

    Attributes
    ----------
    path
        The folder; runs lie in it at any depth.
    """

    path: Path

    @cached_property
    def folders(self) -> dict[str, RunFolder]:
        """Name of a run, its path within the store → its folder; runs without a record of how they went are none."""
        places = sorted({file.parent for file in self.path.rglob("manifest.json")})
        found = [RunFolder(path) for path in places if is_run(path)]
        return {one.path.relative_to(self.path).as_posix(): one for one in found if one.has_manifest}

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run: run, path, state, when it started, seconds."""
        rows = []
        for name, folder in self.folders.items():
            known = folder.manifest
            told = {entry: known[entry] for entry in ("state", "started", "seconds")}
            rows.append({"run": name, "path": str(folder.path), **told})
        return pd.DataFrame(rows, columns=["run", "path", "state", "started", "seconds"])

    def sql(self, query: str, *, progress: Told | None = None) -> pd.DataFrame:
        """Answer a query.

        Parameters
        ----------
        query
            One SELECT of DuckDB's SQL over the tables of `probes.store.views.TABLES`.
        progress
            Called while tables of runs are made, which is once for each run.

        Raises
        ------
        UserError
            If the query is not one SELECT, is wrong, or asks for other files; or a run is damaged.
        """
        import duckdb

        with duckdb.connect(":memory:") as connection:
            try:
                asked = connection.extract_statements(query)
            except duckdb.Error as error:
                raise _said(error) from error
            if len(asked) != 1 or asked[0].type != duckdb.StatementType.SELECT:
                raise UserError(
                    "a store answers one SELECT at a time and is never written to; write what it answers to a file "
                    "instead (--out, or to_csv in Python)."
                )
            # Only what is named needs to be made; a name in a comment costs time, and nothing else.
            used = [view for name, view in VIEWS.items() if name in query.lower()]
            self._show(connection, used, progress)
            try:
                return connection.sql(query).df()
            except duckdb.Error as error:
                raise _said(error) from error

    def columns(self, *, progress: Told | None = None) -> dict[str, list[str]]:
        """Name of a table → its columns."""
        return {name: list(self.sql(f"SELECT * FROM {name} LIMIT 0", progress=progress).columns) for name in TABLES}

    def _show(self, connection: "duckdb.DuckDBPyConnection", views: Sequence[View], progress: Told | None) -> None:
        """Make the tables, then bar the way to everything else."""
        connection.register("runs", self.runs)
        files: list[str] = []
        problems: list[str] = []
        for view in views:
            kept = list(self._kept(view, progress, problems))
            if not kept:
                connection.execute(f"CREATE VIEW {view.name} AS SELECT NULL::VARCHAR AS run WHERE false")
                continue
            named = pd.DataFrame({"run": [name for name, _ in kept], "_file": [str(file) for _, file in kept]})
            connection.register(f"_files_of_{view.name}", named)
            paths = ", ".join("'" + str(file).replace("'", "''") + "'" for _, file in kept)
            connection.execute(
                f"CREATE VIEW {view.name} AS SELECT named.run, rows.* EXCLUDE (_file) "
                f"FROM read_parquet([{paths}], union_by_name = true, filename = '_file') AS rows "
                f"JOIN _files_of_{view.name} AS named USING (_file)"
            )
            files += [str(file) for _, file in kept]
        if problems:
            warnings.warn(
                f"{len(problems)} tables are made for this command only, and made again by the next: {problems[0]}.",
                stacklevel=2,
            )
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET allowed_paths = ?", [files])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")

    def _kept(self, view: View, progress: Told | None, problems: list[str]) -> Iterator[tuple[str, Path]]:
        """Name of a run and the file of its rows, made where it is not there or out of date; problems are added."""
        for number, (name, folder) in enumerate(self.folders.items(), start=1):
            if progress is not None:
                progress(f"{view.name} of run {number} of {len(self.folders)}")
            if folder.manifest["state"] == "finished" and not folder.manifest.get("unanswered"):
                file, problem = _file_of(view, folder)
                problems += [problem] if problem else []
                yield name, file


@public("probes.open_store")
def open_store(path: str | Path) -> Store:
    """Open a folder of runs, such as `probe sweep` makes, to query all of them at once.

    Examples
    --------
    >>> import probes
    >>> for model in ("gold-follower", "uniform"):
    ...     _ = probes.run(model, "parity", label_modes="gold", shots=2, queries=4, out=f"store/{model}")
    >>> store = probes.open_store("store")
    >>> store.sql("SELECT run, avg(accuracy) AS accuracy FROM answers WHERE model = 'gold-follower' GROUP BY run")
                 run  accuracy
    0  gold-follower       1.0

    Raises
    ------
    UserError
        If there is no folder at `path`, or no run in it.
    """
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"{path} is not a folder; name one that holds run folders.")
    store = Store(path.resolve())
    if not store.folders:
        raise UserError(f"no run lies in {path}; make some by `probe run … --out {path}/NAME` or `probe sweep`.")
    return store


def _file_of(view: View, folder: RunFolder) -> tuple[Path, str]:
    """The Parquet file of a run's rows; where it cannot be kept, one that lasts as long as the process, and why."""
    import pyarrow.parquet as pq

    digest, file = view.digest(folder), folder.path / _TABLES / f"{view.name}.parquet"
    if file.exists():
        try:
            kept = (pq.read_schema(file).metadata or {}).get(_MADE_BY.encode(), b"").decode()
        except (OSError, ValueError):
            kept = ""
        if kept == digest:
            return file, ""
    content = _parquet(view.rows(folder), digest)
    try:
        disk.make_folder(file.parent)
        disk.write_whole(file, content)
    except disk.DiskError as error:
        file = disk.temporary_folder() / f"{checksum(str(file).encode())}.{view.name}.parquet"
        disk.write_whole(file, content)
        return file, error.problem
    return file, ""


def _parquet(rows: pd.DataFrame, digest: str) -> bytes:
    """Rows in Parquet's bytes, with the digest of what they are made of."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(rows, preserve_index=False)
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({_MADE_BY: digest}), buffer, compression="zstd")
    return buffer.getvalue().to_pybytes()


def _said(error: Any) -> UserError:
    """What DuckDB found, in one sentence, and the tables that there are."""
    first = str(error).strip().splitlines()[0]
    return UserError(f"the query cannot be answered ({first}); the tables are {', '.join(TABLES)}.")
