"""The folder of `probe calibrate`: rerunning the command resumes it, with nothing simulated twice.

sbc.json           what was asked, of which accounts and tables, with which versions
parts/             simulations, a few to a file, each written whole or not at all
ranks.parquet      all of them: see `icl.concept.sbc.simulations`, and `trial`, its name
summary.parquet    one row per trial and quantity: see `icl.concept.uniformity.summarise_ranks`
agreement.json     what was asked of predictors, for agreement with the ledger
agreement.parquet  fitted beside exact drift, temperatures.parquet and counts.parquet likewise: see
                   `probes.recovery.agreement.Agreement`
figures/           PNG
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from icl.concept.sampler import Effort
from icl.concept.sbc import Trial
from icl.errors import UserError
from probes import disk
from probes.runs.artefacts import checksum
from probes.runs.versions import versions

__all__ = ["RecoveryFolder", "open_agreement", "open_folder"]

_RECORD = "sbc.json"
_AGREEMENT = "agreement.json"
_FORMER = "calibration.json"
_MUST_AGREE = ("seed", "observe", "effort")


@dataclass(frozen=True, slots=True)
class RecoveryFolder:
    """The folder of a study of recovery by its path."""

    path: Path

    def read(self, trial: str) -> pd.DataFrame:
        """Read the simulations of a trial that are done; empty if there is none. A damaged part counts as not done."""
        frames = [frame for part in self._parts(trial) if (frame := _read(part)) is not None]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"simulation": []})

    def add(self, trial: str, simulations: pd.DataFrame) -> None:
        """Write some simulations of a trial."""
        first = int(simulations["simulation"].iloc[0])
        disk.write_whole(self.path / "parts" / f"{_slug(trial)}.{first:05d}.parquet", simulations.to_parquet())

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Write a table."""
        disk.write_whole(self.path / f"{name}.parquet", table.to_parquet())

    def write_figure(self, name: str, png: bytes) -> None:
        """Write a figure."""
        disk.write_whole(disk.make_folder(self.path / "figures") / f"{_slug(name)}.png", png)

    def _parts(self, trial: str) -> list[Path]:
        return sorted((self.path / "parts").glob(f"{_slug(trial)}.*.parquet"))


def open_folder(
    folder: Path, trials: Mapping[str, Trial], *, seed: int, observe: str, effort: Effort
) -> RecoveryFolder:
    """Make the folder and write down what is asked, or go on with what it holds.

    Raises
    ------
    UserError
        If it cannot be made, holds something else, or was begun with another seed, observation, account or effort.
    """
    record_file = folder / _RECORD
    _check_ours(folder)
    asked = {"seed": seed, "observe": observe, "effort": {k: v for k, v in asdict(effort).items() if k != "cores"}}
    prints = {name: checksum(trial.settings().encode()) for name, trial in trials.items()}
    disk.make_folder(folder / "parts")
    try:
        before = dict(json.loads(record_file.read_text(encoding="utf-8"))) if record_file.exists() else {}
    except (OSError, ValueError, TypeError) as error:
        raise disk.read_error(record_file, error, "choose another --out") from error
    _check_same(folder, before, asked, prints)
    disk.write_json(record_file, asked | {"trials": before.get("trials", {}) | prints, "versions": versions()})
    return RecoveryFolder(folder)


def open_agreement(folder: Path, asked: Mapping[str, object]) -> RecoveryFolder:
    """Make the folder and write down what predictors are asked; an earlier agreement there will be replaced.

    Raises
    ------
    UserError
        If it cannot be made or holds something else.
    """
    _check_ours(folder)
    record = dict(asked) | {"versions": versions()}
    disk.write_json(disk.make_folder(folder) / _AGREEMENT, record)
    return RecoveryFolder(folder)


def _check_ours(folder: Path) -> None:
    if (folder / _FORMER).exists():
        raise UserError(
            f"{folder} was written by an earlier version of `probe calibrate` ({_FORMER}), which named its simulations "
            "otherwise; choose another --out to simulate anew."
        )
    disk.check_ours(folder, "study of recovery by `probe calibrate`", _RECORD, _AGREEMENT)


def _check_same(folder: Path, before: dict, asked: dict, prints: Mapping[str, str]) -> None:
    if not before:
        return
    for name in _MUST_AGREE:
        if (begun := before.get(name)) != asked[name]:
            raise UserError(
                f"{folder} was begun with {name} {begun}, got {asked[name]}; choose another --out, or ask as before."
            )
    for name, print_ in prints.items():
        if before.get("trials", {}).get(name, print_) != print_:
            raise UserError(
                f"{folder} holds simulations with priors or cells of {name} that differ from this version's; "
                "choose another --out."
            )


def _read(part: Path) -> pd.DataFrame | None:
    try:
        return disk.read_table(part)
    except (OSError, ValueError):
        return None


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
