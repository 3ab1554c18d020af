"""`probe show`: the exact text that a model would see, its parts coloured, its tokens on request."""

import json
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import MISSING, asdict
from typing import TYPE_CHECKING

from icl.errors import UserError
from icl.factors import CHOSEN_FACTORS, Factor
from probes.cli.command import Command, Group
from probes.cli.flags import add_json, add_task
from probes.terminal.progress import phase

if TYPE_CHECKING:
    from icl.prompts.render import Candidate, Prompt

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="show",
    group=Group.ASK,
    help="print the exact text that a model would see for one condition",
)

_COLOURS = {"instruction": 35, "item": 90, "prefix": 90, "input": 0, "option": 36, "separator": 90, "label": 32}

_ASKED = tuple(
    factor for factor in CHOSEN_FACTORS if factor.of != "task" and factor.name not in ("format", "num_shots", "order")
)
"""Factors whose one value a flag of their name gives; the others have flags of another kind."""


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_task(parser)
    parser.add_argument("--format", "--formats", default=None, help="how the prompt is written (default: the probe's)")
    parser.add_argument("--shots", type=int, default=4, help="demonstrations (default: %(default)s)")
    parser.add_argument("--model", default=None, help="also show this model's tokens")
    parser.add_argument(
        "--colour", choices=("auto", "always", "never"), default="auto", help="colour the prompt's parts"
    )
    parser.add_argument("--corpus", default=None, help="sentences for input mode ood (default: the built-in corpus)")
    parser.add_argument(
        "--order", type=int, default=0, help="which order of the demonstrations; 0 is the first (default: 0)"
    )
    for factor in _ASKED:
        parser.add_argument(
            *_flags(factor),
            dest=factor.name,
            type=str if factor.dtype == "str" else int,
            default="gold" if factor.default is MISSING else factor.default,
            help=f"{factor.meaning} (default: %(default)s)",
        )
    parser.add_argument("--chat", action="store_true", help="with --model: put the prompt into its chat template")
    add_json(parser)


def _flags(factor: Factor) -> list[str]:
    """The factor's name, and that of its values, which are one here."""
    names = [factor.name, *([] if factor.is_counted else [factor.option])]
    return [f"--{name.replace('_', '-')}" for name in names]


def run(options: Namespace) -> int:
    """Print one prompt exactly as a scorer gets it; what surrounds it goes to standard error."""
    with phase("importing libraries"):
        import icl
        from icl.prompts.formats import from_template
        from icl.tasks.corpus import load_corpus
        from probes.runs.asked_task import load_named_task
        from probes.runs.experiment import Experiment
        from probes.runs.option import options_of
        from probes.runs.plan import make_seeds, notices_of

    if options.chat and not options.model:
        raise UserError("--chat shows a model's chat template, but no model is named; add --model.")
    given = {name: getattr(options, name, None) for name in options_of(Experiment) if name != "shots"}
    chosen = {name: value for name, value in given.items() if value is not None}
    experiment = Experiment(models=("none",), shots=(options.shots,), **chosen)
    task = load_named_task(experiment)
    corpus = load_corpus(options.corpus) if options.corpus else None
    written = {one.name: getattr(options, one.name) for one in CHOSEN_FACTORS if hasattr(options, one.name)}
    if options.template:
        written["format"] = from_template(options.template[-1]).name
    prompt = icl.show(task, num_shots=options.shots, corpus=corpus, seeds=make_seeds(experiment), **written)
    scorers = _scorers(options.model, task, prompt, chat=options.chat)
    notices = (*(corpus.notes if corpus else ()), *notices_of(task, [prompt], scorers))
    if options.json:
        print(json.dumps({**_as_data(prompt), "notices": notices}, indent=1))
        return 0
    coloured = options.colour == "always" or (options.colour == "auto" and sys.stdout.isatty())
    print("".join(_paint(part.kind, part.text) for part in prompt.parts) if coloured else prompt.text)
    candidates = ", ".join(_spell(candidate) for candidate in prompt.candidates[:12])
    more = f", … ({len(prompt.candidates)} in all)" if len(prompt.candidates) > 12 else ""
    wrong = prompt.demonstrations.num_wrong_shown
    notes = [
        f"candidates: {candidates}{more}",
        f"gold: {prompt.gold_label!r}; {len(prompt.demonstrations)} demonstrations, "
        + (f"{wrong} with a wrong label" if wrong is not None else _unlabelled(prompt)),
    ]
    notes += [line for scorer in scorers for line in scorer.token_lines(prompt)]
    notes += [f"Note: {notice}" for notice in notices]
    print("\n".join(["―" * 40, *notes]), file=sys.stderr)
    return 0


def _unlabelled(prompt: "Prompt") -> str:
    return "no labels shown" if prompt.demonstrations.shown_labels is None else "labels that belong to no shown input"


def _spell(candidate: "Candidate") -> str:
    return f"{candidate.given!r} then {candidate.text!r}" if candidate.given else repr(candidate.text)


def _paint(kind: str, text: str) -> str:
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m"


def _as_data(prompt: "Prompt") -> dict:
    return {
        "text": prompt.text,
        "candidates": [asdict(candidate) for candidate in prompt.candidates],
        "gold": prompt.gold_label,
        "parts": [asdict(part) for part in prompt.parts],
        "shown_labels": prompt.demonstrations.shown_labels,
        "gold_labels": prompt.demonstrations.gold_labels,
        "num_wrong_shown": prompt.demonstrations.num_wrong_shown,
    }


def _scorers(model: str | None, task, prompt: "Prompt", *, chat: bool) -> list:
    """Make the scorer whose tokens are to be shown, if any, and let it look at the prompt."""
    if not model:
        return []
    from probes.scorers.catalogue import make_scorer

    scorer = make_scorer(model, task, chat=chat)
    scorer.check([prompt])
    return [scorer]
