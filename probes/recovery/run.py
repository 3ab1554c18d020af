"""Run simulations trial by trial into a folder."""

from collections.abc import Callable, Mapping

import pandas as pd

from icl.concept.sampler import Effort
from icl.concept.sbc import Trial, simulations
from icl.concept.uniformity import summarise_ranks
from probes.recovery.store import RecoveryFolder
from probes.runs.folder import RunFolder

__all__ = ["BATCH", "run_trials"]

BATCH = 20
"""Simulations that a kill loses at most."""


def run_trials(
    trials: Mapping[str, Trial],
    folder: RecoveryFolder,
    *,
    num_simulations: int,
    seed: int,
    effort: Effort,
    progress: Callable[[str, int], None],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate what the folder lacks; return the ranks and their summary, with the trial beside them.

    Raises
    ------
    UserError
        If another process is writing to the folder.
    """
    ranks, summaries = [], []
    for name, trial in trials.items():
        with RunFolder(folder.path).locked():
            done = set(folder.read(name)["simulation"])
            progress(name, len(done & set(range(num_simulations))))
            missing = [number for number in range(num_simulations) if number not in done]
            _simulate(name, trial, missing, folder, seed=seed, effort=effort, progress=progress)
        found = folder.read(name)
        found = found[found["simulation"] < num_simulations].sort_values("simulation", kind="stable")
        ranks.append(found.assign(trial=name))
        summaries.append(summarise_ranks(found).assign(trial=name))
        folder.write("ranks", pd.concat(ranks, ignore_index=True))
        folder.write("summary", pd.concat(summaries, ignore_index=True))
    return pd.concat(ranks, ignore_index=True), pd.concat(summaries, ignore_index=True)


def _simulate(
    name: str,
    trial: Trial,
    numbers: list[int],
    folder: RecoveryFolder,
    *,
    seed: int,
    effort: Effort,
    progress: Callable[[str, int], None],
) -> None:
    if not numbers:
        return
    found = []
    for simulation in simulations(trial, trial.compiled(), effort, numbers, seed=seed):
        found.append(simulation)
        progress(name, 1)
        if len(found) == BATCH:
            folder.add(name, pd.concat(found))
            found = []
    if found:
        folder.add(name, pd.concat(found))
