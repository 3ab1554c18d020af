"""The entries of an experiment file, from the record that declares them."""

from dataclasses import MISSING

from generators.markdown import code, table
from probes.runs.experiment import GROUPS, Experiment
from probes.runs.option import options_of

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """Write one page with every entry, in groups."""
    paragraphs = [
        "# Experiment files",
        "`probe run experiment.toml` reads what a run asks from a file; a flag takes the place of an entry. "
        "Relative paths lead from the file's folder. Each run folder keeps such a file, `experiment.toml`.",
    ]
    for group in GROUPS:
        rows = [
            [
                code(name),
                f"{one.help}; {one.spelled}",
                "required" if one.default is MISSING else one.default_in_words or "none",
                ", ".join(map(code, one.flags)) or "none",
            ]
            for name, one in options_of(Experiment).items()
            if one.group == group
        ]
        paragraphs += [f"## {group[0].upper()}{group[1:]}", table(["entry", "meaning", "default", "flag"], rows)]
    return {"experiment.md": "\n\n".join(paragraphs) + "\n"}
