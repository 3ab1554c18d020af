"""The notebooks run on a small budget, import only, and are committed with their outputs."""

import ast

import nbformat
import pytest
from run_notebooks import NOTEBOOKS, run


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the kernel's own libraries warn, not the lab
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_on_a_small_budget(path, monkeypatch):
    monkeypatch.setenv("ICL_SMALL_BUDGET", "1")
    run(path, small=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_only_imports_and_has_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef), "notebooks import, the packages define"
        assert not any(output.output_type == "error" for output in cell.outputs)
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
    assert sum(bool(cell.outputs) for cell in code) >= len(code) // 2
