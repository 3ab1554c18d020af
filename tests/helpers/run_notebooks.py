"""Run the notebooks: `--write` stores outputs (full budget), otherwise a small budget is used and nothing stored."""

import argparse
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


WITHHELD = "Figures of fits that may not be read are withheld."
"""What `run.plot` says of a fit that did not converge, as few do on a small budget."""


def run(path: Path, *, small: bool = False) -> nbformat.NotebookNode:
    """Execute one notebook from its own folder; raises if a cell does, but for what a small budget withholds."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": path.parent}}
    allowed = ["UserError"] if small else []
    client = NotebookClient(notebook, timeout=3600, kernel_name="python3", resources=where, allow_error_names=allowed)
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error" and WITHHELD not in output.evalue:
                raise RuntimeError(f"{path.name}: {cell.source}\n{output.evalue}")
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*", help="beginnings of names, e.g. 03 (default: every notebook)")
    options = parser.parse_args()
    if not options.write:
        os.environ["ICL_SMALL_BUDGET"] = "1"
    chosen = [path for path in NOTEBOOKS if not options.names or path.name.startswith(tuple(options.names))]
    for path in chosen:
        notebook = run(path, small=not options.write)
        if options.write:
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)  # time stamps would change with every run
                if cell.cell_type == "code":  # progress and warnings name folders of this machine
                    cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            nbformat.write(notebook, path)
        sys.stderr.write(f"{path.name}: {len(notebook.cells)} cells\n")


if __name__ == "__main__":
    main()
