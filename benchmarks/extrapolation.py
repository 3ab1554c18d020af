"""Which law carries furthest? Every account on published learning curves: fitted to few shots, scored on more.

OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.extrapolation --published CSV --out FOLDER

CSV has the columns experiment, vocab_size, example_length, num_examples, accuracy_percent (Xie et al. 2022, their
tables: 2,500 prompts a cell, mean of 5 pretraining seeds). A count is accuracy × 2,500; how far cells stray from
binomial counts is left to each fit. Each experiment at each vocabulary is one table. Accounts are fitted to 8 shots or
fewer and predict the cells beyond; then they are fitted to all cells and compared leaving out one cell at a time,
without refits. What is done is kept in FOLDER, so that rerunning the command resumes.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from icl.concept.accounts import ACCOUNTS, POWER, Account
from icl.concept.compiled import Compiled, compile_layout
from icl.concept.extrapolate import predict
from icl.concept.forecast import carried_forward, scores_of
from icl.concept.holdout import HoldOut, folds_of
from icl.concept.layout import layout_of
from icl.concept.loo import leave_one_out
from icl.concept.marginal import units_of
from icl.concept.sampler import Effort

PROMPTS = 2500
BASELINE = "carried-forward"


def tables_of(published: pd.DataFrame, experiments: list[str], vocabularies: list[int]) -> dict[str, pd.DataFrame]:
    """Counts tables by experiment and vocabulary."""
    tables = {}
    for (experiment, vocabulary), rows in published.groupby(["experiment", "vocab_size"], sort=False):
        if (experiments and experiment not in experiments) or vocabulary not in vocabularies:
            continue
        tables[f"{experiment}, {vocabulary} tokens"] = pd.DataFrame(
            {
                "model": experiment,
                "task": "ginc",
                "label_mode": np.where(rows["num_examples"] > 0, "gold", "zero_shot"),
                "format": "ginc",
                "example_length": rows["example_length"].astype("Int64"),
                "num_shots": rows["num_examples"],
                "num_correct": (rows["accuracy_percent"] / 100 * PROMPTS).round().astype(int),
                "num_prompts": PROMPTS,
                "chance": 1 / vocabulary,
                "ceiling": np.nan,
            }
        ).reset_index(drop=True)
    return tables


def widened(account: Account, factor: float) -> Account:
    """Put priors in an account's place that are wider by a factor: do predictions lean on them, or on the law?"""
    parameters = [
        replace(each, spread=factor * each.spread, scatter=None if each.scatter is None else factor * each.scatter)
        for each in account.parameters
    ]
    return replace(account, parameters=tuple(parameters))


def study(name: str, machine: Compiled, options: argparse.Namespace) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    """One account on one table: scores beyond the seen shots, those cells, and elpd of each cell."""
    effort = Effort(draws=options.draws, tune=options.tune, chains=options.chains)
    layout = machine.layout
    began = time.perf_counter()
    cells, diagnosis = predict(
        machine, folds_of(layout.grid.cells, HoldOut(origins=(options.shots,)))[0].seen, effort, seed=options.seed
    )
    first = time.perf_counter() - began
    whole = machine.fit(effort, seed=options.seed)
    units = units_of(layout.grid)
    left_out = leave_one_out(machine, whole.nodes, units, max_refits=0, effort=effort, seed=options.seed)
    row = {"table": name, "account": layout.account.name, **scores_of(cells), "max_rhat": diagnosis.max_rhat}
    row |= {"divergences": diagnosis.divergence_share, "elpd": left_out.elpd.sum(), "p_loo": left_out.num_parameters}
    row |= {"bad_k": int(left_out.unreliable.sum()), "whole_max_rhat": whole.diagnosis.max_rhat}
    row |= {"seconds_extrapolating": first, "seconds": time.perf_counter() - began}
    names = {"table": name, "account": layout.account.name}
    by_cell = pd.DataFrame({"unit": [label.split(" | ", 2)[2] for label in units.labels], "elpd": left_out.elpd})
    return row, cells.assign(**names), by_cell.assign(**names)


def run(tables: dict[str, pd.DataFrame], options: argparse.Namespace) -> None:
    """Study all accounts on all tables, but for what FOLDER holds already."""
    kept = {name: options.out / f"{name}.csv" for name in ("scores", "cells", "elpd")}
    done = set()
    if kept["scores"].exists():
        done = set(pd.read_csv(kept["scores"])[["table", "account"]].itertuples(index=False, name=None))
    for account in options.accounts:
        machine = None
        for name, counts in tables.items():
            if (name, account) in done:
                continue
            layout = layout_of(counts, widened(ACCOUNTS[account], options.widen))
            machine = compile_layout(layout) if machine is None else machine.of(layout)
            row, cells, by_cell = study(name, machine, options)
            for key, rows in (("cells", cells), ("elpd", by_cell), ("scores", pd.DataFrame([row]))):
                rows.to_csv(kept[key], mode="a", header=not kept[key].exists(), index=False)
            print(f"{account}, {name}: CRPS {row['crps']:.2f}, {row['seconds']:.0f} s", flush=True)
    for name, counts in tables.items():
        if (name, BASELINE) in done:
            continue
        layout = layout_of(counts, POWER)
        cells = carried_forward(
            layout,
            folds_of(layout.grid.cells, HoldOut(origins=(options.shots,)))[0].seen,
            rng=np.random.default_rng(options.seed),
        )
        row = pd.DataFrame([{"table": name, "account": BASELINE, **scores_of(cells)}])
        pd.concat([pd.read_csv(kept["scores"]), row]).to_csv(kept["scores"], index=False)
        both = pd.concat([pd.read_csv(kept["cells"]), cells.assign(table=name, account=BASELINE)])
        both.to_csv(kept["cells"], index=False)


def summary(folder: Path) -> pd.DataFrame:
    """One row per account: its scores over tables, and the summed elpd difference to the best account."""
    scores, elpd = pd.read_csv(folder / "scores.csv"), pd.read_csv(folder / "elpd.csv")
    by_account = scores.groupby("account")
    table = by_account.agg(
        coverage=("coverage", "mean"),
        width=("width", "mean"),
        crps=("crps", "mean"),
        median_crps=("crps", "median"),
        bias=("bias", "mean"),
        log_score=("log_score", "mean"),
        bad_k=("bad_k", "sum"),
        seconds=("seconds", "sum"),
    )
    crps = scores.pivot(index="table", columns="account", values="crps")
    behind = crps.sub(crps[crps.mean().idxmin()], axis=0)
    table["crps_behind"] = behind.mean()
    table["behind_se"] = behind.sem()
    table["best_of"] = scores.loc[by_account_best(scores, "crps", smallest=True), "account"].value_counts()
    table["rhat_above_1.05"] = by_account["max_rhat"].apply(lambda rhat: int((rhat > 1.05).sum()))
    wide = elpd.pivot(index=["table", "unit"], columns="account", values="elpd").dropna()
    best = wide.sum().idxmax()
    gap = wide.sub(wide[best], axis=0)
    table["elpd_difference"] = gap.sum()
    table["difference_se"] = np.sqrt(len(gap) * gap.var(ddof=0))
    fitted = scores[scores["account"] != BASELINE]
    table["best_elpd_of"] = fitted.loc[by_account_best(fitted, "elpd", smallest=False), "account"].value_counts()
    counted = ["best_of", "best_elpd_of"]
    table[counted] = table[counted].fillna(0).astype(int)
    return table.sort_values("crps")


def by_account_best(scores: pd.DataFrame, column: str, *, smallest: bool) -> pd.Series:
    """Index of the best row of each table."""
    grouped = scores.groupby("table")[column]
    return grouped.idxmin() if smallest else grouped.idxmax()


def per_table(folder: Path, column: str) -> pd.DataFrame:
    """One score, a row a table and a column an account."""
    scores = pd.read_csv(folder / "scores.csv")
    return scores.pivot(index="table", columns="account", values=column)


def by_movement(folder: Path) -> pd.DataFrame:
    """Mean CRPS where curves still move beyond the seen shots (baseline above 1.5 points), and where not."""
    crps = per_table(folder, "crps")
    moves = crps[BASELINE] > 1.5
    return pd.DataFrame(
        {f"moving ({moves.sum()})": crps[moves].mean(), f"still ({(~moves).sum()})": crps[~moves].mean()}
    )


def by_shots(folder: Path) -> pd.DataFrame:
    """Coverage and mean CRPS at each held-out shot count."""
    cells = pd.read_csv(folder / "cells.csv")
    held = cells[cells["held_out"].astype(bool)].astype({"inside": float})
    return held.pivot_table(index="account", columns="num_shots", values=["inside", "crps"], aggfunc="mean")


def main() -> None:
    """Run the study and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, required=True, help="CSV of published accuracies")
    parser.add_argument("--out", type=Path, required=True, help="folder of what was done")
    known = [name for name, account in ACCOUNTS.items() if not account.needs_evidence]
    parser.add_argument("--accounts", nargs="*", default=known)
    parser.add_argument("--experiments", nargs="*", default=[])
    parser.add_argument("--vocabularies", nargs="*", type=int, default=[50, 100, 150])
    parser.add_argument("--widen", type=float, default=1.0, help="factor on the spread of every prior of the laws")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--draws", type=int, default=750)
    parser.add_argument("--tune", type=int, default=500)
    parser.add_argument("--chains", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tables = tables_of(pd.read_csv(options.published), options.experiments, options.vocabularies)
    began = time.perf_counter()
    run(tables, options)
    print(f"\n{len(tables)} tables, {time.perf_counter() - began:.0f} s\n")
    print(summary(options.out).round(3).T.to_string())
    print(f"\nCRPS by tables\n{by_movement(options.out).round(2).to_string()}")
    print(f"\nby shots\n{by_shots(options.out).round(2).to_string()}")
    for column in ("crps", "coverage", "elpd", "max_rhat"):
        print(f"\n{column} by table\n{per_table(options.out, column).round(3).to_string()}")


if __name__ == "__main__":
    main()
