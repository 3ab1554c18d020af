"""The reference of all commands, from the parser that reads them."""

import argparse

from generators.markdown import cell, table
from probes.cli.main import EXIT_STATUSES, make_parser

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """Write one page with each command's flags."""
    parser = make_parser()
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    summaries = {choice.dest: choice.help or "" for choice in group._choices_actions}
    paragraphs = ["# Commands", (parser.description or "").strip(), f"{EXIT_STATUSES[0].upper()}{EXIT_STATUSES[1:]}"]
    paragraphs += ["`python -m probes` is the same as `probe`."]
    for name, command in group.choices.items():
        paragraphs += [f"## probe {name}", f"{summaries[name][0].upper()}{summaries[name][1:]}."]
        if rows := [_row(action) for action in command._actions if not isinstance(action, argparse._HelpAction)]:
            paragraphs.append(table(["argument", "meaning"], rows))
    rows = [[f"[probe {name}](#probe-{name})", text] for name, text in summaries.items()]
    return {
        "commands.md": "\n\n".join(paragraphs) + "\n",
        "parts/commands.md": table(["command", "does"], rows).replace("(#", "(generated/commands.md#"),
    }


def _row(action: argparse.Action) -> list[str]:
    shown = action.metavar if isinstance(action.metavar, str) else None
    value = f" {shown or '{' + ','.join(map(str, action.choices)) + '}'}" if shown or action.choices else ""
    names = ", ".join(f"`{name}{value}`" for name in action.option_strings) or f"`{shown or action.dest}`"
    words = (action.help or "") % {"default": action.default}
    return [names + (", required" if action.required and action.option_strings else ""), cell(words)]
