"""Flags that several commands share."""

from argparse import ArgumentParser
from pathlib import Path

from probes.cli import values

__all__ = ["add_experiment", "add_json", "add_normalisation", "add_run_folder", "add_sampler", "add_task"]


def add_json(parser: ArgumentParser) -> None:
    """Give a parser the flag for output that programs read."""
    parser.add_argument("--json", action="store_true", help="print machine-readable output")


def add_run_folder(parser: ArgumentParser, help: str = "run folder") -> None:
    """Give a parser the run folder that a command reads."""
    parser.add_argument("run", type=Path, metavar="RUN", help=help)


def add_normalisation(parser: ArgumentParser, default: str) -> None:
    """Give a parser the flag that says how candidates are compared; `default` says what happens without it."""
    parser.add_argument(
        "--normalisation", default=None, help=f"sum, per-token, per-byte, pmi or calibrated (default: {default})"
    )


def add_sampler(parser: ArgumentParser) -> None:
    """Give a parser the flags that say how long a fit samples."""
    parser.add_argument("--draws", type=int, default=2000, help="draws per chain (default: %(default)s)")
    parser.add_argument("--tune", type=int, default=1000, help="warm-up steps per chain (default: %(default)s)")
    parser.add_argument("--chains", type=int, default=4, help="chains (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")


def add_task(parser: ArgumentParser, *, required: bool = True) -> None:
    """Give a parser the flags that say which task, drawn how."""
    parser.add_argument(
        "--task",
        required=required,
        help="built-in name, .jsonl/.csv/.parquet file, package.module:name of a Task in Python, or Hub data set",
    )
    parser.add_argument("--input-column", default=None, help="column of the inputs (default: input)")
    parser.add_argument("--label-column", default=None, help="column of the labels (default: label)")
    parser.add_argument("--options-column", default=None, help="column of the options, for multiple choice")
    parser.add_argument(
        "--label-words", type=values.names, default=None, help="what labels are called in prompts, e.g. 1=bad,5=good"
    )
    parser.add_argument(
        "--template", action="append", default=None, help="a format of your own: 'Review: {input}\\nMood: {label}'"
    )
    parser.add_argument(
        "--label-is", default=None, help="what a label of multiple choice is: text, key, letter, index0 or index1"
    )
    parser.add_argument("--seed", type=int, default=None, help="seed of every source without its own (default: 0)")
    for source in ("selection", "labels", "order", "format"):
        parser.add_argument(f"--seed-{source}", type=int, default=None, help=f"seed of {source}")
    parser.add_argument(
        "--example-lengths", type=values.whole_numbers, default=None, help="GINC: tokens an example, e.g. 3,10"
    )
    parser.add_argument("--family", default=None, help="GINC: .npz of a family (default: the lab's own)")


def add_experiment(parser: ArgumentParser) -> None:
    """Give a parser the flags that say what is asked of which models."""
    parser.add_argument(
        "experiment", nargs="?", type=Path, help="experiment file (.toml); flags take the place of its entries"
    )
    add_task(parser, required=False)
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        default=None,
        help="shipped name, Hub id, folder, .gguf file, URL#name of a completions server, vllm:NAME, oracle or a "
        "control; may be given several times",
    )
    parser.add_argument("--probe", dest="probes", type=values.names, default=None, help="probes, comma-separated")
    parser.add_argument("--label-modes", type=values.names, default=None, help="e.g. gold,random,fraction_correct(0.5)")
    parser.add_argument(
        "--formats", type=values.names, default=None, help="e.g. qa,arrow, or sampled(16) of the grammar"
    )
    parser.add_argument("--shots", type=values.whole_numbers, default=None, help="e.g. 0,4,16")
    parser.add_argument("--queries", type=int, default=None, help="queries a demonstration set (default: 32)")
    parser.add_argument("--demonstration-sets", type=int, default=None, help="drawn sets (default: 6)")
    parser.add_argument("--balances", type=values.names, default=None, help="balanced, as-drawn, skewed(0.75)")
    parser.add_argument(
        "--input-modes", type=values.names, default=None, help="inputs of demonstrations: task, ood, none"
    )
    parser.add_argument("--corpus", default=None, help="file of sentences for input mode ood (default: built in)")
    parser.add_argument(
        "--orders", type=values.orders, default=None, help="orders of the demonstrations: a number, or all"
    )
    parser.add_argument("--label-draws", type=int, default=None, help="how often labels that are drawn are drawn")
    parser.add_argument("--option-orders", type=int, default=None, help="multiple choice: rotations of listed options")
    parser.add_argument("--budget", type=int, default=None, help="prompts that a format search may ask of a model")
    parser.add_argument(
        "--curve", action="store_true", default=None, help="ask each demonstration behind those before it; no --queries"
    )
    parser.add_argument("--methods", type=values.names, default=None, help="direct, channel or both (default: direct)")
    parser.add_argument(
        "--no-calibration",
        dest="calibrate",
        action="store_false",
        default=None,
        help="do not ask what normalisations pmi and calibrated compare with",
    )
    parser.add_argument(
        "--skip-too-long", action="store_true", default=None, help="leave out prompts beyond a model's context"
    )
    parser.add_argument("--smoothing", type=float, default=None, help="ε of exact Bayes (default: 0.01)")
    parser.add_argument("--dtype", default=None, help="float32, bfloat16 or float16 (default: float32)")
    parser.add_argument("--device", default=None, help="auto, cpu, cuda, … (default: auto)")
    parser.add_argument("--revision", default=None, help="revision of a Hub model")
    parser.add_argument("--chat", action="store_true", default=None, help="put prompts into the model's chat template")
    parser.add_argument("--memory", type=float, default=None, help="GB beside the weights (default: half the free)")
    parser.add_argument(
        "--batch-tokens", type=int, default=None, help="tokens in one forward pass at most (default: by device)"
    )
    parser.add_argument("--concurrency", type=int, default=8, help="servers: requests under way (default: %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=60.0, help="servers: seconds a request may take (default: %(default)s)"
    )
    parser.add_argument(
        "--trust-remote-code", action="store_true", default=None, help="let the model's repository run its code"
    )
