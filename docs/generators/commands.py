"""The reference of all commands, from the parser that reads them."""

import argparse

from generators.markdown import cell, table
from probes.cli.command import Group
from probes.cli.main import COMMANDS, EXIT_STATUSES, make_parser

__all__ = ["pages"]

_PLAIN = {"positional arguments", "options"}
"""Groups that every parser has."""


def pages() -> dict[str, str]:
    """Write one page with each command's flags, and the table of all commands by group."""
    parser = make_parser()
    (found,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    paragraphs = ["# Commands", parser.description or "", _sentence(EXIT_STATUSES)]
    paragraphs += ["`python -m probes` is the same as `probe`."]
    rows = []
    for group in Group:
        paragraphs.append(f"## {group[0].upper()}{group[1:]}")
        rows.append([f"**{group}**", ""])
        for command in (file.COMMAND for file in COMMANDS.values() if file.COMMAND.group == group):
            paragraphs += [
                f"### probe {command.name}",
                _sentence(command.help),
                _arguments(found.choices[command.name]),
            ]
            rows.append([f"[probe {command.name}](generated/commands.md#probe-{command.name})", command.help])
    return {
        "commands.md": "\n\n".join(paragraphs) + "\n",
        "parts/commands.md": table(["command", "what it does"], rows),
    }


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def _arguments(parser: argparse.ArgumentParser) -> str:
    """One table, in which a row names each group of flags that the help has beside Python's own."""
    rows: list[list[str]] = []
    for group in parser._action_groups:
        actions = [each for each in group._group_actions if not isinstance(each, argparse._HelpAction)]
        if actions and group.title not in _PLAIN:
            rows.append([f"**{group.title}**", ""])
        rows += map(_row, actions)
    return table(["argument", "meaning"], rows) if rows else "It takes no arguments."


def _row(action: argparse.Action) -> list[str]:
    shown = action.metavar if isinstance(action.metavar, str) else None
    value = f" {shown or '{' + ','.join(map(str, action.choices)) + '}'}" if shown or action.choices else ""
    names = ", ".join(f"`{name}{value}`" for name in action.option_strings) or f"`{shown or action.dest}`"
    words = (action.help or "") % {"default": action.default}
    return [names + (", required" if action.required and action.option_strings else ""), cell(words)]
