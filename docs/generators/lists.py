"""What there is to vary and to name: the factors of a prompt, and all that `probe list` prints."""

from generators.markdown import code, table
from icl.factors import CHOSEN_FACTORS
from probes.cli.listed import KINDS
from probes.runs.experiment import Experiment
from probes.runs.option import options_of
from probes.store.views import TABLES

__all__ = ["pages"]

_ELSEWHERE = {"priors", "metrics"}
"""Kinds that have pages of their own."""


def pages() -> dict[str, str]:
    """Write the tables of factors and of a store, and one page with everything that has a name."""
    options = options_of(Experiment)
    rows = [
        [
            factor.heading,
            factor.meaning,
            options[factor.option].help,
            ", ".join(map(code, options[factor.option].flags)),
        ]
        for factor in CHOSEN_FACTORS
    ]
    paragraphs = ["# Names", "What `probe list` prints: everything that a command or an experiment calls by a name."]
    for kind in KINDS:
        if kind not in _ELSEWHERE:
            named = [[code(name), text] for name, text in KINDS[kind]().items()]
            paragraphs += [f"## {kind[0].upper()}{kind[1:]}", table(["name", "meaning"], named)]
    return {
        "names.md": "\n\n".join(paragraphs) + "\n",
        "parts/factors.md": table(["factor", "what it says of a prompt", "values", "flags"], rows),
        "parts/store.md": table(["table", "what it holds"], [[code(name), says] for name, says in TABLES.items()]),
    }
