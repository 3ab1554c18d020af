"""What a run folder holds beside its scores, each declared once, and the one rule by which it is out of date.

Every artefact bears a stamp: the normalisation under which answers were read, and a digest of that and of the stored
parts of scores and told answers, byte by byte. It is out of date where the digest of the parts that are there now is
another one. Nothing that is computed again enters a digest, so it is the same on every machine.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from icl.errors import UserError
from icl.metrics.normalise import DEFAULT_NORMALISATION
from probes import disk
from probes.terminal.shell import path_argument, shell_word

__all__ = [
    "ANSWERS",
    "COMPARISON",
    "EXTRAPOLATION",
    "FIT",
    "METRICS",
    "SCORES",
    "Artefact",
    "checksum",
    "former_fits",
    "read_artefact",
    "require_fresh",
    "stale",
    "stamp_of_file",
    "stamp_of_run",
]

SCORES = "scores"
"""The folder of the score parts."""

ANSWERS = "answers"
"""The folder of the answers that an imported table tells, see `icl.told`."""

_COMPARISON_ENTRIES = {"unit", "sentences", "observe", "draws", "chains"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One kind of thing that commands make of a run's scores.

    Attributes
    ----------
    title
        What it is called in messages.
    place
        Its file within the run folder; with a ``*`` where there can be several.
    read, write
        From a file to a value and back; the stamp is part of the value.
    stamp
        The stamp of a value.
    renew
        (run folder as a shell takes it, value or None) → the command that makes it again.
    """

    title: str
    place: str
    read: Callable[[Path], Any]
    write: Callable[[Path, Any], None]
    stamp: Callable[[Any], Mapping[str, Any]]
    renew: Callable[[str, Any], str]


def _read_comparison(path: Path) -> dict:
    record = json.loads(path.read_text(encoding="utf-8"))
    if not set(record) >= _COMPARISON_ENTRIES:
        raise ValueError("it lacks entries")
    return record


def _write_table(path: Path, table: pd.DataFrame) -> None:
    disk.write_whole(path, table.to_parquet())


def _renew_metrics(run: str, metrics: pd.DataFrame | None) -> str:
    if metrics is None:
        return f"probe run … --out {run}"
    return f"probe measure {run} --normalisation {metrics.attrs.get('normalisation', DEFAULT_NORMALISATION)}"


def _renew_fit(run: str, tree: Any) -> str:
    if tree is None:
        return f"probe fit {run}"
    asked = tree.attrs
    if asked["account"] == "variance":
        words = ["probe variance", run, "--score", asked["observe"]]
    else:
        words = ["probe fit", run, "--account", asked["account"], "--observe", asked["observe"]]
    words += ["--normalisation", asked["normalisation"]] if "normalisation" in asked and words[0] == "probe fit" else []
    words += ["--model", shell_word(asked["asked_model"])] if asked.get("asked_model") else []
    options = json.loads(asked.get("asked_options", "{}"))
    if None in options.values():
        return f"run.fit({asked['account']!r}, {', '.join(f'{name}=…' for name in options)})"
    words += [word for name, value in options.items() for word in (f"--{name}", shell_word(str(value)))]
    return " ".join(words)


def _renew_comparison(run: str, record: Mapping[str, Any] | None) -> str:
    asked = (record or {}).get("hold_out")
    held_out = f" --hold-out {asked['kind']}" if asked else ""
    origins = f" --from {','.join(map(str, asked['origins']))}" if asked and asked["origins"] else ""
    return f"probe compare {run}{held_out}{origins}"


METRICS = Artefact(
    title="metrics",
    place="metrics.parquet",
    read=disk.read_table,
    write=_write_table,
    stamp=lambda metrics: metrics.attrs,
    renew=_renew_metrics,
)
FIT = Artefact(
    title="a fit",
    place="fits/*.nc",
    read=disk.read_tree,
    write=disk.write_tree,
    stamp=lambda tree: tree.attrs,
    renew=_renew_fit,
)
COMPARISON = Artefact(
    title="the comparison of accounts",
    place="comparison.json",
    read=_read_comparison,
    write=disk.write_json,
    stamp=lambda record: record,
    renew=_renew_comparison,
)
EXTRAPOLATION = Artefact(
    title="the prediction of held-out cells",
    place="extrapolation.parquet",
    read=disk.read_table,
    write=_write_table,
    stamp=lambda table: table.attrs,
    renew=lambda run, table: f"probe compare {run} --hold-out shots --from N",
)

_FORMER_FITS = {
    "posterior.nc": "probe fit {run}",
    "evidence.nc": "probe fit {run} --account evidence",
    "variance.nc": "probe variance {run}",
}
"""Where a version before kept a fit, one of each kind → the command that makes it again."""


def stamp_of_run(path: Path, normalisation: str) -> dict[str, str]:
    """Stamp what is made of a run's scores as they are stored now, read under a normalisation.

    Parameters
    ----------
    path
        The run folder.
    normalisation
        How candidates are compared, see `icl.metrics.normalise`.
    """
    parts = [part for folder in (SCORES, ANSWERS) for part in sorted((path / folder).glob("*.parquet"))]
    return _stamp((checksum(part.read_bytes()) for part in parts), normalisation)


def stamp_of_file(path: Path) -> dict[str, str]:
    """Stamp what is made of a single file, such as a table of counts."""
    return _stamp([checksum(path.read_bytes())], "")


def _stamp(checksums: Iterable[str], normalisation: str) -> dict[str, str]:
    text = "\n".join([normalisation, *sorted(checksums)])
    return {"normalisation": normalisation, "digest": checksum(text.encode())}


def checksum(content: bytes) -> str:
    """Short name of some bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def stale(artefact: Artefact, file: Path, value: Any, run: Path) -> str:
    """Say in a sentence why an artefact may not be used, with the command that renews it; empty where it may.

    Parameters
    ----------
    file, value
        Where it was read from, and what was read.
    run
        The run folder whose scores it should be of.
    """
    stamp, again = artefact.stamp(value), artefact.renew(shell_word(path_argument(run)), value)
    if "digest" not in stamp:
        return (
            f"{file} was written by an earlier version, which did not record the scores it was made from; run "
            f"`{again}` to renew it."
        )
    if stamp["digest"] != stamp_of_run(run, str(stamp["normalisation"]))["digest"]:
        return f"{file} was made from other scores than the run holds now; run `{again}` to renew it."
    return ""


def require_fresh(artefact: Artefact, file: Path, value: Any, run: Path) -> None:
    """Raise `UserError` where an artefact is out of date."""
    if said := stale(artefact, file, value, run):
        raise UserError(said)


def read_artefact(artefact: Artefact, file: Path, run: Path) -> Any:
    """Read an artefact; whether it is out of date is for `stale` to say.

    Raises
    ------
    UserError
        If it is not there or damaged; the sentence names the command that makes it.
    """
    remedy = f"run `{artefact.renew(shell_word(path_argument(run)), None)}`"
    if not file.exists():
        raise UserError(f"{run} holds no {file.relative_to(run)} yet; {remedy}.")
    try:
        return artefact.read(file)
    except (OSError, ValueError, KeyError) as error:
        raise disk.read_error(file, error, f"delete it and {remedy}") from error


def former_fits(run: Path) -> list[str]:
    """Name the fits that a version before left, which are not read, and the commands that make them again."""
    quoted = shell_word(path_argument(run))
    return [
        f"{run / name} is a fit by an earlier version, which did not record the scores it was made from, and is not "
        f"used; run `{command.format(run=quoted)}`, then delete it."
        for name, command in _FORMER_FITS.items()
        if (run / name).exists()
    ]
