"""Where the lab keeps what it can make anew."""

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Name the user's cache folder for this lab: answers of models, converted GGUF files."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "icl-probe-lab"
