"""Where the lab keeps what it can make anew."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "folders_in_place_of_home"]


def cache_folder() -> Path:
    """Name the user's cache folder for this lab: answers of models, converted GGUF files."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "icl-probe-lab"


def folders_in_place_of_home() -> dict[str, str]:
    """Environment variables that keep libraries out of a home that cannot be written to; empty where it can.

    PyTensor and Matplotlib fail or warn without a folder of their own; they get one that goes with the process.
    """
    home = Path.home()
    if home.is_dir() and os.access(home, os.W_OK):
        return {}
    folder = tempfile.mkdtemp(prefix="icl-probe-lab-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"PYTENSOR_FLAGS": f"base_compiledir={folder}", "MPLCONFIGDIR": folder, "NUMBA_CACHE_DIR": folder}
