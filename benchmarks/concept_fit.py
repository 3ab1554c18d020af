"""Fits of the drift–diffusion account: seconds, memory, convergence, and effective draws a second beside `pm.sample`.

    .venv/bin/python benchmarks/concept_fit.py

Two tables are simulated from the account itself: 32 cells of 2,500 prompts (k = 3, 5, 8, 10; n = 0 to 64), and a run of
500 queries × 5 demonstration sets × 12 conditions. Each is fitted by `icl.concept.fit.fit`; the first also by plain
`pymc.sample` (its own defaults) on the same model, in the same process.
"""

import resource
import time

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm

from icl.concept.accounts import DRIFT_DIFFUSION
from icl.concept.diagnose import diagnose
from icl.concept.fit import fit
from icl.concept.hierarchy import unconstrained
from icl.concept.layout import layout_of

SHOTS = (0, 1, 2, 4, 8, 16, 32, 64)
TRUTH = {"signal_of_label_mode": 0.8, "noise_of_format": -0.5, "start_log_odds": -1.0, "miss_logit": -0.8}
TRUTH |= {"skill_logit": 1.5, "start_deviation": 0.0, "step_deviation": 0.0, "drift_deviation": 0.0}
TRUTH |= {"log_precision": 6.5}


def cell(**changes: object) -> dict[str, object]:
    """One row of a counts table, its answers still to be drawn."""
    fields: dict[str, object] = {"model": "simulated", "task": "t", "label_mode": "gold", "format": "f"}
    fields |= {"example_length": pd.NA, "num_correct": 1, "ceiling": np.nan, "demonstration_set": "all"}
    return fields | changes


def published_like() -> pd.DataFrame:
    """32 cells like one published table."""
    shown = {"num_prompts": 2500, "chance": 0.02}
    return pd.DataFrame([cell(example_length=k, num_shots=n, **shown) for k in (3, 5, 8, 10) for n in SHOTS])


def large() -> pd.DataFrame:
    """12 conditions × 5 demonstration sets × 500 queries at six numbers of shots."""
    rows = [cell(format=f, num_shots=0, num_prompts=500, chance=0.5) for f in ("f", "g", "h")]
    for mode in ("gold", "random", "shuffled", "flipped"):
        for written in ("f", "g", "h"):
            for n in (1, 2, 4, 8, 16):
                for number in range(5):
                    shown = {"num_shots": n, "num_prompts": 500, "chance": 0.5, "demonstration_set": f"s{number}"}
                    rows.append(cell(label_mode=mode, format=written, **shown))
    return pd.DataFrame(rows)


def simulate(counts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Let the account answer."""
    layout = layout_of(counts.astype({"example_length": "Int64"}), DRIFT_DIFFUSION)
    rng = np.random.default_rng(seed)
    nodes = layout.draw_prior(1, rng)
    for name, value in TRUTH.items():
        x = nodes[unconstrained(name)]
        x[...] = value + 0.2 * rng.standard_normal(x.shape)
    return layout.grid.cells.assign(num_correct=layout.simulate(nodes, rng)[0])


def report(name: str, tree, seconds: float) -> None:
    """Print one line on a fit of ours."""
    found = diagnose(tree)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{name}: {seconds:.1f} s ({tree.attrs['seconds_compiling']} compiling, {tree.attrs['seconds_sampling']} "
        f"sampling), R-hat {found.max_rhat:.4f}, ESS {found.min_ess_bulk:.0f}, {found.divergences} divergences, "
        f"converged {found.converged}, peak memory of the process {peak:.1f} GB",
        flush=True,
    )


def main() -> None:
    """Fit, time and print."""
    counts = simulate(published_like(), seed=1)
    started = time.perf_counter()
    tree = fit(counts, draws=1000, tune=1000, chains=4, seed=0)
    ours = time.perf_counter() - started
    report("32 cells, 4 × 1,000 draws", tree, ours)

    started = time.perf_counter()
    with layout_of(counts, DRIFT_DIFFUSION).model():
        plain = pm.sample(
            draws=1000, tune=1000, chains=4, random_seed=0, progressbar=False, compute_convergence_checks=False
        )
    theirs = time.perf_counter() - started
    nodes = list(tree["unconstrained"].data_vars)
    least = []
    for trace in (tree["unconstrained"].to_dataset(), plain["posterior"].to_dataset()[nodes]):
        least.append(min(float(value.min()) for value in az.ess(trace).data_vars.values()))
    diverging = int(plain["sample_stats"]["diverging"].sum())
    print(f"pm.sample on the same model: {theirs:.1f} s, ESS {least[1]:.0f}, {diverging} divergences")
    print(
        f"smallest ESS a second, compiling included: {least[0] / ours:.1f} against {least[1] / theirs:.1f}, "
        f"ratio {least[0] / ours / (least[1] / theirs):.1f}",
        flush=True,
    )

    counts = simulate(large(), seed=2)
    started = time.perf_counter()
    tree = fit(counts, draws=1000, tune=1000, chains=4, seed=0)
    report(f"{len(counts)} cells of 500 queries, 5 sets, 12 conditions", tree, time.perf_counter() - started)


if __name__ == "__main__":
    main()
