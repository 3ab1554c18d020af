"""`probe family`: draw a GINC family and save it."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from icl.errors import UserError
from probes import disk
from probes.cli.command import Command, Group
from probes.terminal.layout import print_lines

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(name="family", group=Group.GINC, help="draw a GINC family into an .npz file, for --family")


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("--out", type=Path, required=True, help=".npz file to write")
    parser.add_argument("--seed", type=int, default=None, help="seed (default: that of the lab's own family)")
    for name, kind, meaning in (
        ("--vocab-size", int, "tokens, the delimiter included (default: 50; the paper also takes 100 and 150)"),
        ("--num-entities", int, "rows of the memory (default: 10)"),
        ("--num-properties", int, "columns of the memory (default: 10)"),
        ("--num-concepts", int, "concepts, unseen ones included (default: 10)"),
        ("--num-pretraining-concepts", int, "how many of them make up the pretraining mixture (default: 5)"),
        ("--start-temp", float, "temperature of the start distributions (default: 10)"),
        ("--transition-temp", float, "temperature of the transitions: near 0, deterministic (default: 0.1)"),
        ("--entity-identity", float, "c: 0 for fast-changing entities (default: 0.9)"),
    ):
        parser.add_argument(name, type=kind, default=None, help=meaning)
    parser.add_argument(
        "--entity-transition-per-concept",
        action="store_true",
        default=None,
        help="draw the transitions of entities for each concept separately",
    )


def run(options: Namespace) -> int:
    """Draw a GINC family and save it; without options that is the lab's own."""
    import numpy as np

    from icl.ginc.family import DEFAULT_FAMILY_SEED, default_family, sample_family

    chosen = {name: value for name, value in vars(options).items() if value is not None}
    seed, out = chosen.pop("seed", DEFAULT_FAMILY_SEED), chosen.pop("out")
    del chosen["command"]
    if out.suffix != ".npz":
        raise UserError(f"a family is saved as an .npz file, got --out {out}; give it the ending .npz.")
    if seed < 0:
        raise UserError(f"--seed cannot be negative, got {seed}; use 0 or more.")
    is_own = not chosen and seed == DEFAULT_FAMILY_SEED
    drawn = default_family() if is_own else sample_family(rng=np.random.default_rng(seed), **chosen)
    disk.make_folder(out.parent)
    disk.write_whole(out, drawn.npz())
    said = (
        f"{out}: family {drawn.fingerprint} of {drawn.num_concepts} concepts, the first "
        f"{drawn.num_pretraining_concepts} in the pretraining mixture; {drawn.num_entities} × {drawn.num_properties} "
        f"states, {drawn.vocab_size} tokens."
    )
    print_lines([said])
    return 0
