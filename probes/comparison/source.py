"""Where a comparison takes its counts from: a run folder, or a CSV file of counts."""

from pathlib import Path

import pandas as pd

from icl.concept.counts import COUNT_COLUMNS, counts_from_answers, validate_counts
from icl.errors import UserError
from icl.metrics.normalise import normalisation_of
from probes import disk
from probes.runs.artefacts import stamp_of_file, stamp_of_run
from probes.runs.folder import RunFolder
from probes.runs.models import with_covariates
from probes.runs.opening import open_run
from probes.terminal.shell import path_argument, shell_word

__all__ = ["counts_and_folder"]


def counts_and_folder(
    source: Path, out: Path | None, normalisation: str | None
) -> tuple[pd.DataFrame, dict[str, str], RunFolder]:
    """Read counts, with the stamp of what was read, and say in which folder what is made of them belongs.

    Parameters
    ----------
    source
        A run folder, or a CSV file with the columns of `icl.concept.counts.COUNT_COLUMNS`.
    out
        Folder of tables and figures; None: the run folder. A CSV file needs one.
    normalisation
        How candidates of a run are compared; None: as in its metrics.

    Raises
    ------
    UserError
        If the source cannot be read, or has nowhere to write to.
    """
    if source.suffix.lower() == ".csv" and not source.is_dir():
        if out is None:
            raise UserError(f"{source} holds counts and is not a run folder; name a folder for the results with --out.")
        if normalisation is not None:
            raise UserError("counts are counted already; --normalisation belongs to a run folder.")
        counts = _read(source)
        return counts, stamp_of_file(source), RunFolder(disk.make_folder(out))
    folder = open_run(source)
    folder.check_finished()
    how = normalisation or normalisation_of(folder.metrics())
    stamp = stamp_of_run(folder.path, how)
    counts = counts_from_answers(with_covariates(folder.answers(how), folder.models()))
    return counts, stamp, folder if out is None else RunFolder(disk.make_folder(out))


def _read(source: Path) -> pd.DataFrame:
    if not source.exists():
        raise UserError(f"there is no file {source}; name a run folder, or a CSV file of counts.")
    text = {column.name: "str" for column in COUNT_COLUMNS if column.dtype == "str"}
    try:
        table = pd.read_csv(source, dtype=text, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{source} cannot be read as CSV ({str(error).splitlines()[0]}); give a table of counts."
        ) from error
    try:
        return validate_counts(table)
    except UserError as error:
        other = (
            f" A table with other columns becomes a run folder by `probe import {shell_word(path_argument(source))} …`."
        )
        raise UserError(f"{source}: {error}{other if 'not a counts table' in str(error) else ''}") from error
