"""The reference of the Python packages: each room's front door and its files, from their docstrings."""

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import tomllib
from pathlib import Path

import icl
import probes
from generators.markdown import code, table

__all__ = ["pages"]

_SETTINGS = Path(__file__).parents[2] / "pyproject.toml"

FRONT_DOORS = (
    "icl.notebook",
    "icl.register",
    "icl.factors",
    "icl.tasks.task",
    "icl.tasks.catalogue",
    "icl.prompts.build",
    "icl.prompts.render",
    "icl.scores",
    "icl.answers",
    "icl.metrics.measure",
    "icl.metrics.normalise",
    "icl.ginc.family",
    "icl.ginc.exact",
    "icl.concept.accounts.account",
    "icl.concept.counts",
    "icl.concept.fit",
    "icl.concept.diagnose",
    "icl.concept.summary",
    "icl.concept.compare",
    "probes.models",
    "probes.register",
    "probes.catalogue.probe",
    "probes.runs.experiment",
    "probes.runs.execute",
    "probes.runs.folder",
    "probes.scorers.scorer",
)
"""Files whose public names are written out in full."""


_INTRODUCTION = """The pages below describe the two packages room by room: what each room is for, its files with their
public names, and the functions and records that users call most. [Python from a notebook](../../howto/python.md) shows
them at work."""


def pages() -> dict[str, str]:
    """Write a page for each package and for each of its rooms."""
    made = {}
    for package in (icl, probes):
        rooms = {found.name: found for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")}
        names = [name for name, found in rooms.items() if found.ispkg]
        made[f"reference/{package.__name__}.md"] = _page(package.__name__, [n for n in rooms if n not in names])
        made |= {f"reference/{name}.md": _page(name, _files(name)) for name in names}
    listed = "\n".join(sorted(name.removeprefix("reference/").removesuffix(".md") for name in made))
    made["parts/rooms.md"] = _rooms()
    made["parts/contracts.md"] = _contracts()
    made["reference/index.md"] = f"# Python\n\n{_INTRODUCTION}\n\n```{{toctree}}\n{listed}\n```\n"
    return made


def _rooms() -> str:
    """List the rooms of both packages with the first line of their docstrings."""
    rows = []
    for package in (icl, probes):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            link = f"[{code(found.name)}](generated/reference/{found.name}.md)" if found.ispkg else code(found.name)
            rows.append([link, _first_line(found.name)])
    return table(["room or file", "what it is for"], rows)


def _contracts() -> str:
    """List the import rules that `make check` keeps."""
    settings = tomllib.loads(_SETTINGS.read_text(encoding="utf-8"))
    names = [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]
    return "\n".join(f"- {name[0].upper()}{name[1:]}." for name in names) + "\n"


def _files(room: str) -> list[str]:
    path = importlib.import_module(room).__path__
    return [found.name for found in pkgutil.walk_packages(path, f"{room}.")]


def _page(name: str, files: list[str]) -> str:
    paragraphs = [f"# {name}", f"```{{eval-rst}}\n.. automodule:: {name}\n```"]
    rows = [[code(file), _first_line(file), ", ".join(code(each) for each in _public(file))] for file in files]
    if rows:
        paragraphs += ["## Files", table(["file", "what it is for", "public names"], rows)]
    for file in FRONT_DOORS:
        if file in files:
            paragraphs += [f"## {file}", f"```{{eval-rst}}\n.. automodule:: {file}\n   :members:\n```"]
    return "\n\n".join(paragraphs) + "\n"


def _tree(file: str) -> ast.Module:
    found = importlib.util.find_spec(file)
    with open(found.origin, encoding="utf-8") as source:
        return ast.parse(source.read())


def _first_line(file: str) -> str:
    return inspect.cleandoc(ast.get_docstring(_tree(file)) or "").splitlines()[0]


def _public(file: str) -> list[str]:
    for node in _tree(file).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return []
