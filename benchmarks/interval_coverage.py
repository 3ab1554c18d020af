"""Do the 90 % intervals cover? Every metric of the metrics table on simulated score tables whose truth is known.

OMP_NUM_THREADS=1 .venv/bin/python benchmarks/interval_coverage.py [--replications 500] [--sets 6] [--queries 40]
    [--metrics NAME,…]

The world has three labels. The log-odds of a label are moved by the condition, by the query (as a whole and by
condition), by the demonstration set (as a whole, by condition and by order), by which labels the set shows and which of
them last, and by noise of the prompt's own. Queries and sets are drawn anew for every replication, so an interval has
to cover the value of the population of both. That value is the same metric, averaged over samples of 24 sets × 400
queries; `±` is the standard error of that average, in mean widths of the interval (0.06 takes about a point off the
coverage). Bias is the mean of estimate − truth, in mean widths too. Coverage is that of the replications that gave an
interval; its own standard error is 1.3 points for one condition and 500 replications.

The gain of an order that GlobalE picks depends on how many queries pick it: its value is that of picking by as many as
in a replication, scored on the other queries of the sample.
"""

import argparse
import time
import warnings
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
from coverage_world import KINDS, LABELS, Kind, World, simulate

from icl.metrics.assemble import metrics_table
from icl.metrics.catalogue import EFFECTS
from icl.metrics.measure import measure_scores
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalise
from icl.metrics.orders import entropy
from icl.metrics.outcomes import prompt_outcomes

KEY = ["model", "metric", "score", "normalisation", "label_mode", "input_mode", "balance", "format", "num_shots"]
"""Columns that name a metric under a condition; what was compared (contrast) may name other formats each time."""


GOLD_EFFECTS = {"format_effects", "option_effects", "order_effects"}
"""Effects that compare kinds with gold labels only: where no other is wanted the other kinds are not simulated."""


@dataclass(slots=True)
class Tally:
    """What the replications said of one metric under one condition."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    estimate: list[float] = field(default_factory=list)
    reason: str = ""


def main() -> None:
    """Simulate, measure, and print a row for each metric and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--sets", type=int, default=6, help="demonstration sets of a replication")
    parser.add_argument("--queries", type=int, default=40, help="queries of a replication")
    parser.add_argument("--populations", type=int, default=12, help="samples that make up the truth")
    parser.add_argument("--metrics", type=lambda text: text.split(","), default=[], help="only these, to save time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    world, seeds = World(), np.random.SeedSequence(options.seed)
    began = time.perf_counter()
    samples = seeds.spawn(options.populations)
    truth, doubt = population_values(world, samples, num_queries=options.queries, wanted=options.metrics)
    found: dict[tuple, Tally] = {}
    for seed in seeds.spawn(options.replications):
        rng = np.random.default_rng(seed)
        kinds = kinds_for(options.metrics)
        scores = simulate(world, num_sets=options.sets, num_queries=options.queries, rng=rng, kinds=kinds)
        for row in measured(scores, options.metrics).itertuples():
            tally = found.setdefault(row.Index, Tally())
            tally.low.append(row.low)
            tally.high.append(row.high)
            tally.estimate.append(row.estimate)
            tally.reason = row.reason or tally.reason
    print_report(found, truth, doubt)
    minutes = (time.perf_counter() - began) / 60
    num_kinds = len(kinds_for(options.metrics))
    print(
        f"\n{options.replications} replications of {options.sets} sets × {options.queries} queries × {num_kinds} "
        f"conditions, {minutes:.1f} minutes."
    )


def population_values(
    world: World, seeds: list[np.random.SeedSequence], *, num_queries: int, wanted: list[str]
) -> tuple[pd.Series, pd.Series]:
    """Each metric's value on the population, and the standard error of that value."""
    samples = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        scores = simulate(world, num_sets=24, num_queries=400, rng=rng, kinds=kinds_for(wanted))
        values = measured(scores, wanted)["estimate"]
        gains = [key for key in values.index if key[1] == "global_entropy_gain"]
        if gains:
            outcomes = prompt_outcomes(normalise(scores, DEFAULT_NORMALISATION))
            orders = outcomes.query("model == 'model' and label_mode == 'gold' and format == 'a' and option_order == 0")
            values[gains] = [gain_on_other_queries(orders, key[2], num_queries - 1) for key in gains]
        samples.append(values)
    table = pd.concat(samples, axis=1)
    return table.mean(axis=1), table.std(axis=1, ddof=1) / np.sqrt(len(seeds))


def gain_on_other_queries(orders: pd.DataFrame, score: str, num_queries: int) -> float:
    """Score of the order with the largest GlobalE over some queries − average order, both on all other queries."""
    gains = []
    for _, block in orders.groupby("demonstration_set_id"):
        wide = block.pivot(index="query_id", columns="order", values=["prediction", score])
        values = wide[score].to_numpy(dtype=float)
        predicted = np.stack([wide["prediction"] == label for label in LABELS], axis=-1)  # query, order, label
        for part in range(len(wide) // num_queries):
            picking = np.arange(len(wide)) // num_queries == part
            entropies = entropy(predicted[picking].mean(axis=0))
            means = values[~picking].mean(axis=0)
            gains.append(means[entropies >= entropies.max() - 1e-12].mean() - means.mean())
    return float(np.mean(gains))


def measured(scores: pd.DataFrame, wanted: list[str]) -> pd.DataFrame:
    """The metrics table by `KEY`, of all metrics or of those wanted."""
    if wanted:
        outcomes = prompt_outcomes(normalise(scores, DEFAULT_NORMALISATION))
        rows = [row for name in producers(tuple(wanted)) for row in EFFECTS[name](outcomes)]
        rows = [row | {"normalisation": DEFAULT_NORMALISATION} for row in rows if row["metric"] in wanted]
        metrics = metrics_table(rows).set_index(KEY)
    else:
        metrics = measure_scores(scores).set_index(KEY)
    if not metrics.index.is_unique:
        raise SystemExit(f"{metrics.index[metrics.index.duplicated()][0]} stands there twice; extend KEY.")
    return metrics


@cache
def producers(wanted: tuple[str, ...]) -> list[str]:
    """Names of the effects whose rows are wanted, found on a small sample."""
    scores = simulate(World(), num_sets=3, num_queries=8, rng=np.random.default_rng(0))
    outcomes = prompt_outcomes(normalise(scores, DEFAULT_NORMALISATION))
    made = {name: {row["metric"] for row in effect(outcomes)} for name, effect in EFFECTS.items()}
    if unknown := set(wanted) - set().union(*made.values()):
        raise SystemExit(f"no effect makes {', '.join(sorted(unknown))}; --metrics takes names of the first column.")
    return [name for name, metrics in made.items() if metrics & set(wanted)]


def kinds_for(wanted: list[str]) -> tuple[Kind, ...]:
    """Kinds that the metrics wanted compare."""
    if not wanted or not GOLD_EFFECTS.issuperset(producers(tuple(wanted))):
        return KINDS
    return tuple(kind for kind in KINDS if kind.label_mode == "gold")


def print_report(found: dict[tuple, Tally], truth: pd.Series, doubt: pd.Series) -> None:
    """One Markdown row for each metric and score, over its conditions."""
    rows = []
    for key, tally in found.items():
        low, high, estimate = (np.array(values) for values in (tally.low, tally.high, tally.estimate))
        true, known = truth.get(key, np.nan), ~np.isnan(low)
        inside = (low <= true) & (true <= high)
        width = float((high - low)[known].mean()) if known.any() else np.nan
        rows.append(
            {
                "metric": key[1],
                "score": key[2],
                "truth": true,
                "doubt": doubt.get(key, np.nan) / width,
                "known": known.mean(),
                "coverage": inside[known].mean() if known.any() else np.nan,
                "bias": (np.nanmean(estimate) - true) / width,
                "width": width,
                "reason": tally.reason,
            }
        )
    table = pd.DataFrame(rows)
    print("| metric | score | conditions | truth | coverage | lowest | highest | bias | mean width | ± | note |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for (metric, score), block in table.groupby(["metric", "score"], sort=False):
        cover = block["coverage"].dropna()
        note = f"no interval: {block['reason'].iloc[0]}" if cover.empty else ""
        if not cover.empty and block["known"].mean() < 1:
            note = f"an interval in {block['known'].mean():.0%}"
        numbers = (
            [f"{100 * value:.1f} %" for value in (cover.mean(), cover.min(), cover.max())]
            + [f"{block['bias'].mean():+.2f}", f"{block['width'].mean():.3f}", f"{block['doubt'].mean():.2f}"]
            if len(cover)
            else ["–"] * 6
        )
        print(f"| {metric} | {score} | {len(block)} | {block['truth'].iloc[0]:.3f} | {' | '.join(numbers)} | {note} |")


if __name__ == "__main__":
    main()
