"""Do forecasts hold on real many-shot curves? Every account from few demonstrations to many, alone and pooled.

OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.real_curves TABLE --out FOLDER --labels trec=6,trecfine=47,nlu=68

TABLE is a CSV with the columns model, dataset, variant, n_shots, run and accuracy (of --items questions), or a run
folder, such as `probe import` makes. Runs of one number of shots are pooled. *Alone*, each model's curve on a task
is fitted by itself up to each origin and predicts its cells beyond. *Pooled* (--pooled), each model in turn is seen up
to the origin and the others whole. What is done is kept in FOLDER, so that rerunning the command resumes.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from icl.concept.accounts import ACCOUNTS
from icl.concept.extrapolate import extrapolate
from icl.concept.forecast import scores_of
from icl.concept.holdout import HoldOut
from icl.errors import UserError

SERIES = ["model", "task"]
POOLED = "pooled"


def counts_of(source: Path, *, variant: str, items: int, labels: dict[str, int]) -> pd.DataFrame:
    """Counts of a table of runs, or of a run folder, demonstration sets pooled."""
    if source.is_dir():
        from probes.comparison.source import counts_and_folder

        counts, _, _ = counts_and_folder(source, None, None)
        cell = ["model", "task", "label_mode", "format", "num_shots"]
        summed = {"num_correct": "sum", "num_prompts": "sum", "chance": "mean"}
        found = counts.groupby(cell, as_index=False, sort=False).agg(summed)
    else:
        table = pd.read_csv(source)
        table = table[table["variant"] == variant]
        if "block_stride" in table:
            table = table[table["block_stride"].isna()]
        runs = table.groupby(["model", "dataset", "n_shots"], as_index=False, sort=False)["accuracy"]
        found = runs.agg(["mean", "size"]).rename(columns={"dataset": "task", "n_shots": "num_shots"})
        found["num_prompts"] = items * found["size"]
        found["num_correct"] = (found["mean"] * found["num_prompts"]).round().astype(int)
        found["chance"] = 1 / found["task"].map(labels)
        found = found.assign(label_mode="gold", format="published").drop(columns=["mean", "size"])
    found["model"] = found["model"].str.rsplit("/", n=1).str[-1]
    return found.assign(example_length=pd.array([pd.NA] * len(found), dtype="Int64"), ceiling=np.nan)


def forecasts(name: str, counts: pd.DataFrame, hold_out: HoldOut, options: argparse.Namespace) -> pd.DataFrame:
    """Held-out cells as every account predicts them."""
    began = time.perf_counter()
    effort = {"draws": options.draws, "tune": options.tune, "chains": options.chains, "seed": options.seed}
    found = extrapolate(counts, hold_out, options.accounts, **effort)
    sound = found.table.set_index("account")["converged"]
    cells = found.cells[found.cells["held_out"]].assign(asked=name)
    print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return cells.assign(converged=cells["account"].map(sound))


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per account, way of asking and origin: CRPS, coverage and width in points, elpd over cells in nats."""
    how = np.where(cells["asked"] == POOLED, POOLED, "alone")
    origin = cells["fold"].str.extract(r"n > (\d+)$")[0].astype(int)
    rows = [
        {"asked": asked, "origin": origin, "account": account, **scores_of(group), "elpd": group["log_score"].sum()}
        for (asked, origin, account), group in cells.groupby([how, origin.to_numpy(), "account"])
    ]
    table = pd.DataFrame(rows).drop(columns=["log_score"])
    table["coverage"] = (100 * table["coverage"]).round(0)
    return table.sort_values(["asked", "origin", "crps"], ignore_index=True)


def labels_of(text: str) -> dict[str, int]:
    """``trec=6,nlu=68`` as a mapping."""
    return {name: int(count) for name, _, count in (part.partition("=") for part in text.split(",") if part)}


def main() -> None:
    """Forecast every curve and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="TABLE")
    parser.add_argument("--out", type=Path, required=True, help="folder of what was done")
    known = [name for name, account in ACCOUNTS.items() if not account.needs_evidence]
    parser.add_argument("--accounts", nargs="*", default=known)
    parser.add_argument("--origins", nargs="*", type=int, default=[25, 100])
    parser.add_argument("--variant", default="random")
    parser.add_argument("--items", type=int, default=250, help="questions per run")
    parser.add_argument("--labels", type=labels_of, default={}, help="labels of each data set")
    parser.add_argument("--models", nargs="*", default=[], help="only these")
    parser.add_argument("--pooled", action="store_true", help="with the other models' whole curves as well")
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--tune", type=int, default=500)
    parser.add_argument("--chains", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    counts = counts_of(options.source, variant=options.variant, items=options.items, labels=options.labels)
    if options.models:
        counts = counts[counts["model"].isin(options.models)]
    kept = options.out / "cells.csv"
    done = set(pd.read_csv(kept)["asked"]) if kept.exists() else set()
    asked = {f"{model} | {task}": curve for (model, task), curve in counts.groupby(SERIES, sort=False)}
    if options.pooled:
        few = counts["num_shots"] <= min(options.origins)
        told = counts[few].groupby(SERIES)["num_shots"].nunique().loc[lambda shots: shots > 1]
        asked[POOLED] = counts.set_index(SERIES).loc[told.index].reset_index()
    for name, table in asked.items():
        kind = "model" if name == POOLED else "shots"
        try:
            cells = (
                None
                if name in done
                else forecasts(name, table, HoldOut(kind=kind, origins=tuple(options.origins)), options)
            )
        except UserError as error:
            print(f"{name} is left out: {error}", flush=True)
            continue
        if cells is not None:
            cells.to_csv(kept, mode="a", header=not kept.exists(), index=False)
    print(summary(pd.read_csv(kept)).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
