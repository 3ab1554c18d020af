"""The house rules that import-linter cannot say: what loads, what writes, and that README and code agree."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("icl/**/*.py"), *ROOT.glob("probes/**/*.py")])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def test_importing_the_packages_loads_nothing_heavy():
    code = (
        "import sys, icl, probes, icl.prompts.build, icl.ginc.exact, icl.metrics.measure, probes.runs.plan\n"
        "heavy = {'torch', 'transformers', 'pymc', 'numba', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_pickle_and_no_postponed_annotations():
    for path in SOURCES:
        assert not tops(path) & {"pickle", "cloudpickle", "joblib", "dill"}, path
        assert "from __future__ import annotations" not in path.read_text(encoding="utf-8"), path


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call of a file with the last name of what is called, `open` of `path.open`; those of `disk` left out."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and not ast.unparse(node.func).startswith("disk."):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found.append((name, node))
    return found


def mode(call: ast.Call) -> str:
    """The mode of a call of `open`, as a function or as a method of a path."""
    given = call.args[0 if isinstance(call.func, ast.Attribute) else 1 :]
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + given
    return modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r"


WRITES = {"write_text", "write_bytes", "savez", "savez_compressed", "save_file", "touch", "mkdir", "makedirs", "unlink"}
WRITES |= {"rmtree", "rmdir", "mkdtemp", "mkstemp", "NamedTemporaryFile", "copyfile", "copytree", "copy2", "dump"}
WRITES_TO_A_PATH = {"to_parquet", "to_csv", "to_netcdf", "to_html", "replace", "rename"}
"""Methods that write where they get one plain argument, a path; tables and strings have some of the same names."""

WRITERS = {"probes/disk.py", "icl/ginc/family.py"}
"""The home of writing, and `GincFamily.save`: all that the science writes."""


def writes(name: str, call: ast.Call) -> bool:
    if name == "open":
        return bool(set(mode(call)) & set("wax+"))
    if name in WRITES_TO_A_PATH:
        return (
            isinstance(call.func, ast.Attribute) and len(call.args) == 1 and not isinstance(call.args[0], ast.Constant)
        )
    return name in WRITES


def test_files_are_written_in_one_place():
    for path in SOURCES:
        if (name := path.relative_to(ROOT).as_posix()) not in WRITERS:
            assert not [ast.unparse(call) for called, call in calls(path) if writes(called, call)], name


def test_text_is_read_in_a_named_encoding():
    for path in SOURCES:
        for name, call in calls(path):
            method = isinstance(call.func, ast.Attribute)
            text = (method and name == "read_text") or (name == "open" and "b" not in mode(call))
            text &= not ast.unparse(call.func).startswith("os.")  # which opens no text
            assert not text or "encoding" in {keyword.arg for keyword in call.keywords}, f"{path}: {ast.unparse(call)}"


def test_the_readme_names_every_command_and_room():
    from probes.cli.main import COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"probe {command}" in readme, command
    for package in ("icl", "probes"):
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        for room in rooms:
            assert re.search(rf"^\s+{room}/", readme, flags=re.MULTILINE), room


def test_readme_opens_with_the_sentence_that_runs_the_lab():
    sentence = "prompts = render(task, demonstrations, query, format);  scores = score(prompts);  tree = fit(scores)"
    assert sentence in (ROOT / "README.md").read_text(encoding="utf-8")
    assert sentence in (ROOT / "icl" / "__init__.py").read_text(encoding="utf-8")
