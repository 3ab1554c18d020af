"""`probe pretrain`: train a language model on GINC."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from icl.errors import UserError
from probes import disk
from probes.cli.command import Command, Group
from probes.cli.flags import add_options
from probes.pretrain.options import GROUPS, PretrainOptions
from probes.terminal.layout import print_lines
from probes.terminal.progress import duration, phase
from probes.terminal.shell import shell_join

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="pretrain",
    group=Group.GINC,
    help="train a language model on GINC",
    kept="rerun the same command to resume from the last saved state (saved up to three times a minute), if there is "
    "one yet",
    phases=lambda options: 2,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the checkpoint; rerunning the same command resumes"
    )
    parser.add_argument("--family", type=Path, default=None, help=".npz of a GINC family (default: the lab's own)")
    add_options(parser, PretrainOptions, GROUPS)


def run(options: Namespace) -> int:
    """Train a model on GINC and write its checkpoint; resume a training that was interrupted."""
    with phase("importing libraries"):
        from icl.ginc.family import default_family, load_family
        from probes.pretrain.checkpoint import RECORD_FILE, save_checkpoint
        from probes.pretrain.train import pretrain as train
        from probes.pretrain.unfinished import UNFINISHED
        from probes.runs.folder import RunFolder

    fields = PretrainOptions.__dataclass_fields__
    chosen = {name: value for name, value in vars(options).items() if name in fields and value is not None}
    training, out = PretrainOptions(**chosen), options.out
    state = out / UNFINISHED
    goes_on = state.exists() and not (out / RECORD_FILE).exists()
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not goes_on):
        raise UserError(f"{out} is not empty; choose another --out, or delete it first.")
    family = load_family(options.family) if options.family else default_family()
    if goes_on:
        print_lines([f"{out} holds an unfinished training, which resumes from its last saved state, if there is one."])
    disk.make_folder(state)
    with RunFolder(state).locked():
        with phase("training", unit="token") as told:

            def progress(point) -> None:
                told(point.tokens, training.tokens)
                told.note(f"loss {point.validation_loss:.3f}")

            model, record = train(family, training, progress=progress, folder=out)
        save_checkpoint(out, model, family, {"command": shell_join(["probe", *sys.argv[1:]])} | record)
    last = record["curve"][-1]
    said = (
        f"{out}: {record['parameters']:,} parameters, {last['tokens']:,} tokens in "
        f"{duration(last['seconds'])}; validation loss {last['validation_loss']:.4f} nats per token, exact Bayes "
        f"{record['bayes_validation_loss']:.4f}."
    )
    print_lines([said])
    return 0
