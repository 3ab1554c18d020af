"""The notebooks as pages, with the outputs that are stored in them."""

from pathlib import Path

__all__ = ["pages"]

_NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def pages() -> dict[str, bytes]:
    """Copy each notebook below the folder of the site's sources, where Sphinx finds it."""
    return {f"notebooks/{path.name}": path.read_bytes() for path in sorted(_NOTEBOOKS.glob("*.ipynb"))}
