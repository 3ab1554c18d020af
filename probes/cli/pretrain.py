"""`probe pretrain`: train a language model on GINC."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from icl.errors import UserError
from probes import disk
from probes.cli import values
from probes.cli.command import Command, Group
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
    parser.add_argument("--architecture", default=None, help="llama, gpt2 or lstm (default: llama)")
    parser.add_argument("--layers", dest="num_layers", type=int, default=None, help="number of layers (default: 4)")
    parser.add_argument("--width", type=int, default=None, help="width (default: 128)")
    parser.add_argument(
        "--heads", dest="num_heads", type=int, default=None, help="number of attention heads (default: 4)"
    )
    parser.add_argument("--documents", default=None, help="mixture, single-concept or random (default: mixture)")
    parser.add_argument(
        "--corpus",
        type=values.corpus,
        default=None,
        help="a fixed corpus of documents x tokens, e.g. 1000x10240 (default: always fresh documents)",
    )
    parser.add_argument("--tokens", type=values.count, default=None, help="training tokens, e.g. 12e6")
    parser.add_argument(
        "--windows",
        type=values.windows,
        default=None,
        help="length:share of the tokens, phase by phase, e.g. 128:0.5,768:0.5",
    )
    parser.add_argument("--batch-tokens", type=values.count, default=None, help="tokens per step")
    parser.add_argument("--muon-learning-rate", type=float, default=None, help="peak learning rate of hidden matrices")
    parser.add_argument("--adam-learning-rate", type=float, default=None, help="peak learning rate of everything else")
    parser.add_argument("--weight-decay", type=float, default=None, help="weight decay of hidden matrices")
    parser.add_argument(
        "--warmup", type=float, default=None, help="share of the steps in which the learning rate grows"
    )
    parser.add_argument("--decay", type=float, default=None, help="share of the steps in which the learning rate falls")
    parser.add_argument("--seed", type=int, default=None, help="seed of initialisation and documents")
    parser.add_argument("--device", default=None, help="auto, cpu, cuda, … (default: auto)")
    parser.add_argument("--dtype", default=None, help="of matrix products: auto, float32, bfloat16 (default: auto)")


def run(options: Namespace) -> int:
    """Train a model on GINC and write its checkpoint; resume a training that was interrupted."""
    with phase("importing libraries"):
        from icl.ginc.family import default_family, load_family
        from probes.pretrain.checkpoint import RECORD_FILE, save_checkpoint
        from probes.pretrain.options import PretrainOptions
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
