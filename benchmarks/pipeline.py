"""What the pipeline from plan to metrics costs per candidate row: a task of 77 labels, asked of the control `uniform`.

    python benchmarks/pipeline.py                        # 10^5, 10^6 and 5·10^6 rows, each in a process of its own
    python benchmarks/pipeline.py --rows 100000

Time is given by the clock and of the processor, since others may use the machine; memory is the process's peak.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

NUM_LABELS = 77
NUM_SETS = 10
SHOTS = 8
MODES = ("gold", "random")
SIZES = (100_000, 1_000_000, 5_000_000)


def main() -> None:
    """Print a table, a line per size; with --one the numbers of this process as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", action="store_true", help="measure one size in this process, for the table")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.rows[0])))
        return
    steps = ("plan", "run", "report")
    print(
        f"{'rows':>10} {'wall s':>7} {'CPU s':>7} {'CPU µs/row':>10} {'peak GB':>8} {'report MB':>9}   CPU s: ", end=""
    )
    print(", ".join(steps))
    for rows in options.rows:
        command = [sys.executable, __file__, "--one", "--rows", str(rows)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        if run.returncode:
            sys.exit(run.stderr)
        found = json.loads(run.stdout.splitlines()[-1])
        print(
            f"{found['rows']:>10,} {found['wall']:>7.1f} {found['cpu']:>7.1f} "
            f"{1e6 * found['cpu'] / found['rows']:>10.1f} {found['peak']:>8.2f} {found['report']:>9.2f}          "
            + ", ".join(f"{found['steps'][step]:.1f}" for step in steps),
            flush=True,
        )


def measured(rows: int) -> dict:
    """Plan, score, measure and report about so many rows; wall and processor seconds, peak GB, report MB."""
    from probes.report.page import write_report
    from probes.runs.execute import execute
    from probes.runs.experiment import Experiment
    from probes.runs.opening import create_run
    from probes.runs.plan import make_plan

    conditions = 1 + len(MODES)  # and no demonstrations
    queries = max(2, round(rows / (NUM_LABELS * NUM_SETS * conditions)))
    asked = Experiment(
        models=("uniform",),
        task=generated_task(queries),
        label_modes=MODES,
        shots=(0, SHOTS),
        queries=queries,
        demonstration_sets=NUM_SETS,
        balances=("as-drawn",),
    )
    steps: dict[str, float] = {}
    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as place:
        plan = timed(steps, "plan", lambda: make_plan(asked))
        folder = create_run(Path(place) / "run", asked, plan.made)
        timed(steps, "run", lambda: execute(folder, plan))
        page = timed(steps, "report", lambda: write_report(folder))
        size = page.stat().st_size
    return {
        "rows": len(plan.prompts) * NUM_LABELS,
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "report": size / 1e6,
        "steps": steps,
    }


def timed[T](steps: dict[str, float], name: str, step: Callable[[], T]) -> T:
    """Note the processor seconds of a step."""
    began = time.process_time()
    result = step()
    steps[name] = time.process_time() - began
    return result


def generated_task(num_queries: int):
    """Make sentences about 77 subjects, enough for the queries and the demonstrations."""
    from icl.tasks.task import Example, Task

    labels = tuple(
        f"{kind} {subject}"
        for kind in ("lost", "late", "new", "old", "blocked", "wrong", "spare")
        for subject in _SUBJECTS
    )
    pool = tuple(
        Example(
            input=f"customer {number} writes about the {labels[number % NUM_LABELS]} for the {number // 3} time",
            label=labels[number % NUM_LABELS],
        )
        for number in range(num_queries + 40 * NUM_LABELS)
    )
    return Task(
        name="seventy-seven",
        description="what a customer writes about",
        label_space=labels,
        pool=pool,
        source="generated",
    )


_SUBJECTS = (
    "card",
    "transfer",
    "refund",
    "account",
    "fee",
    "exchange",
    "password",
    "cheque",
    "receipt",
    "address",
    "limit",
)

if __name__ == "__main__":
    main()
