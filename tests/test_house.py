"""The house rules of the code: who imports what, and that README and code agree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("icl/**/*.py"), *ROOT.glob("probes/**/*.py")])


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def test_probes_import_icl_and_never_the_reverse():
    for path in ROOT.glob("icl/**/*.py"):
        assert "probes" not in tops(path), path


@pytest.mark.parametrize(
    ("packages", "rooms"),
    [
        ({"torch", "transformers"}, ("probes/scorers/huggingface", "probes/pretrain/")),
        ({"pymc", "nutpie", "pytensor"}, ("icl/concept/",)),
        ({"numba"}, ("icl/ginc/",)),
        ({"matplotlib"}, ("probes/report/",)),
    ],
)
def test_heavy_packages_stay_in_their_rooms(packages, rooms):
    for path in SOURCES:
        if tops(path) & packages:
            assert path.relative_to(ROOT).as_posix().startswith(rooms), path


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
        assert "from __future__ import annotations" not in path.read_text(), path


def test_the_readme_names_every_command_and_room():
    from probes.commands import COMMANDS

    readme = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert f"probe {command}" in readme, command
    for package in ("icl", "probes"):
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        for room in rooms:
            assert re.search(rf"^\s+{room}/", readme, flags=re.MULTILINE), room


def test_readme_opens_with_the_sentence_that_runs_the_lab():
    sentence = "prompts = render(task, demonstrations, query, format);  scores = score(prompts);  tree = fit(scores)"
    assert sentence in (ROOT / "README.md").read_text()
    assert sentence in (ROOT / "icl" / "__init__.py").read_text()
