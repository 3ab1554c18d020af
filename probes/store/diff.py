"""What two runs asked differently, and by how much their answers differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from icl.metrics.two_runs import changed_answers, run_differences
from probes.runs.experiment_file import compared_entries
from probes.runs.folder import RunFolder
from probes.runs.models import identity_of

__all__ = ["RunDiff", "diff_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiff:
    """Two runs side by side.

    Attributes
    ----------
    asked
        What was asked, and by what it was answered, where that differs: what, in the first, in the second.
    differences
        Averages of both and their differences, see `icl.metrics.two_runs.run_differences`.
    same, changed
        Prompts that both runs answered, and those of them that they answered differently.
    """

    asked: pd.DataFrame
    differences: pd.DataFrame
    same: int
    changed: int


def diff_runs(first: RunFolder, second: RunFolder, normalisation: str | None = None) -> RunDiff:
    """Compare two finished runs.

    Parameters
    ----------
    normalisation
        How candidates are compared in both; None: as in the metrics of the first.

    Raises
    ------
    UserError
        If a run is not finished or damaged.
    """
    for folder in (first, second):
        folder.check_finished()
    how = normalisation or first.normalisation
    answers = [folder.answers(how) for folder in (first, second)]
    same, changed = changed_answers(*answers)
    said = [dict(_said(folder)) for folder in (first, second)]
    asked = [
        [name, *(_text(one.get(name)) for one in said)]
        for name in dict.fromkeys([*said[0], *said[1]])
        if said[0].get(name) != said[1].get(name)
    ]
    return RunDiff(
        asked=pd.DataFrame(asked, columns=["what", "first", "second"]),
        differences=run_differences(*answers),
        same=same,
        changed=changed,
    )


def _said(folder: RunFolder) -> Iterator[tuple[str, Any]]:
    """Everything that is recorded of how a run was asked and answered, by name."""
    if not folder.is_imported:
        yield from compared_entries(folder.experiment).items()
    manifest = folder.manifest
    for model, record in manifest["models"].items():
        for name, value in identity_of(record).items():
            yield f"{name} of {model}", value
    for name, value in manifest.get("versions", {}).items():
        yield f"version of {name}", value


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    return getattr(value, "written", None) or str(value)
