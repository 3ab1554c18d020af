"""`probe ledger`: book the prompts of a GINC family exactly, and say what models infer from them."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from probes import disk
from probes.cli import values
from probes.cli.command import Command, Group
from probes.cli.flags import add_json
from probes.terminal.layout import print_lines
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="ledger",
    group=Group.GINC,
    help="compute exact signal and noise, and the concepts that models act on",
    phases=lambda options: 4,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and figures")
    parser.add_argument(
        "--models", type=values.names, default=("ginc-small",), help="shipped names or folders (default: ginc-small)"
    )
    parser.add_argument("--family", type=Path, default=None, help=".npz of the prompts' family (default: the models')")
    parser.add_argument(
        "--example-lengths", type=values.whole_numbers, default=None, help="tokens per example, k (default: 3,5,8,10)"
    )
    parser.add_argument(
        "--shots",
        type=values.whole_numbers,
        default=None,
        help="numbers of demonstrations, at most 64 (default: 0,1,2,…,64)",
    )
    parser.add_argument("--prompts", type=int, default=None, help="prompts per k (default: 300)")
    parser.add_argument("--smoothing", type=float, default=None, help="ε of exact Bayes (default: 0.01)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the prompts (default: 0)")
    add_json(parser)


def run(options: Namespace) -> int:
    """Book the prompts of a GINC family exactly, and say what models infer from them."""
    with phase("importing libraries"):
        from icl.ginc.family import load_family
        from probes.ledger.measure import LedgerQuestion, check_predictors, measure_ledger
        from probes.ledger.store import open_folder, write_ledger
        from probes.ledger.words import ledger_lines
        from probes.scorers.huggingface_ginc import HuggingFacePredictor

    fields = LedgerQuestion.__dataclass_fields__
    question = LedgerQuestion(
        **{name: value for name, value in vars(options).items() if name in fields and value is not None}
    )
    with phase("loading models"):
        predictors = [HuggingFacePredictor(name) for name in dict.fromkeys(options.models)]
        world = load_family(options.family) if options.family else predictors[0].family
        check_predictors(world, predictors)
        for predictor in predictors:
            predictor.check_length(question.longest_prompt)
        open_folder(options.out, question, world, predictors)
    total = len(question.example_lengths) * (len(predictors) + 2)
    with phase("measuring") as told:

        def progress(what: str) -> None:  # called before each part
            told(told.done + bool(told.details), total)
            told.note(what)

        results = measure_ledger(world, predictors, question, progress=progress)
    with phase("drawing figures"), disk.rescued():
        write_ledger(options.out, results)
    if options.json:
        names = ("books", "competitors", "behaviour", "temperatures", "scores")
        print(json.dumps({name: json.loads(getattr(results, name).to_json(orient="records")) for name in names}))
        return 0
    print("\n".join(ledger_lines(results, question)))
    print_lines([f"Tables and figures: {options.out}"])
    return 0
