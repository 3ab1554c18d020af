"""Settings of the documentation site; pages that derive from the code are written into generated/ before each build."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from generators import write_pages  # noqa: E402  (only after the path is set)
from generators.mathml import add_mathml  # noqa: E402

project = "icl-probe-lab"
html_title = project
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "generators", "generated/parts"]

html_theme = "furo"
html_math_renderer = "mathml"  # written into the page: no script, no network

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = "off"  # the outputs are those that `make notebooks` stored
nb_number_source_lines = False

autodoc_typehints = "none"  # signatures keep their shapes as written; the prose below gives the units
autodoc_member_order = "bysource"
napoleon_google_docstring = False
smartquotes = False  # two hyphens begin a flag
default_role = "literal"  # docstrings put names of code between single backticks; they are no cross-references
nitpick_ignore_regex = [("py:.*", ".*")]  # types in docstrings are words such as "tuple of str", or others' names


def setup(app) -> None:
    """Write the derived pages, and connect what Sphinx lacks."""
    add_mathml(app)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)  # before napoleon's own, of 500
    write_pages(HERE / "generated")


def _keep_colons(app, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep napoleon from taking the first words of an attribute's docstring, up to a colon, for its type."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "")
