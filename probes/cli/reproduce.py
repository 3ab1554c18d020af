"""`probe reproduce`: repeat the published experiments of Xie et al. 2022."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from probes.cli import values
from probes.cli.command import RESUMES, Command, Group
from probes.cli.flags import add_json
from probes.terminal.layout import print_lines
from probes.terminal.progress import phase

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="reproduce",
    group=Group.GINC,
    help="repeat the experiments of Xie et al. 2022 on the shipped models",
    kept=RESUMES,
    phases=lambda options: 3,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    parser.add_argument("--out", type=Path, required=True, help="folder; rerunning the same command resumes")
    parser.add_argument(
        "--models", type=values.names, default=(), help="shipped names or folders (default: all shipped)"
    )
    parser.add_argument(
        "--experiments",
        type=values.names,
        default=(),
        help="which experiments, e.g. seen-concepts,orders (default: all)",
    )
    parser.add_argument("--prompts", type=int, default=500, help="prompts per cell (default: %(default)s; paper: 2500)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all prompts (default: %(default)s)")
    add_json(parser)


def run(options: Namespace) -> int:
    """Ask the published experiments again, print the scorecard and write figures."""
    with phase("importing libraries"):
        from probes.reproduction.execute import reproduce as ask
        from probes.reproduction.experiments import Reproduction
        from probes.reproduction.figures import write_figures
        from probes.reproduction.words import scorecard_lines

    asked = Reproduction(
        models=tuple(options.models),
        experiments=tuple(options.experiments),
        prompts=options.prompts,
        seed=options.seed,
    )
    with phase("asking models", unit="token") as told:

        def progress(what: str, done: int, total: int) -> None:
            told.note(what)
            told(done, total)

        results = ask(asked, options.out, progress=progress)
    with phase("drawing figures"):
        write_figures(results, options.out)
    if options.json:
        print(json.dumps([verdict.as_dict() for verdict in results.verdicts], indent=1, ensure_ascii=False))
        return 0
    print("\n".join(scorecard_lines(results)))
    print_lines([f"Tables and figures: {options.out}"])
    return 0
