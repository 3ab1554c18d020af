"""Where the lab and its libraries keep what they can recompute."""

import os
import warnings
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from probes import disk

__all__ = ["cache_folder", "folders_in_place_of_home", "lasting_cache", "some_cache"]

_NAME = "icl-probe-lab"


def cache_folder() -> Path | None:
    """Name the user's cache folder for this lab: answers of models, converted GGUF files; None without a home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given and Path(given).is_absolute():  # others are to be ignored, says the XDG specification
        return Path(given) / _NAME
    home = _home()
    if home is None:
        return None
    return home / ".cache" / _NAME if given else user_cache_path(_NAME, appauthor=False)


def lasting_cache() -> Path | None:
    """The cache folder if files can be written there; None, and a note the first time, if not."""
    folder = cache_folder()
    return folder if _is_writable(folder) else None


def some_cache() -> Path:
    """The cache folder, or one for this process only where it cannot be written to."""
    return lasting_cache() or disk.temporary_folder()


def folders_in_place_of_home() -> dict[str, str]:
    """Environment variables that keep libraries out of a home that cannot be written to; empty where it can.

    PyTensor and Matplotlib fail or warn without a folder of their own; they get one that goes with the process.
    """
    home = _home()
    below = {"PYTENSOR_FLAGS": ".pytensor", "MPLCONFIGDIR": ".config", "NUMBA_CACHE_DIR": ".cache"}
    missing = [name for name, folder in below.items() if home is None or not _can_be_made(home / folder)]
    if not missing:
        return {}
    folder = str(disk.temporary_folder())
    return {name: f"base_compiledir={folder}" if name == "PYTENSOR_FLAGS" else folder for name in missing}


def _home() -> Path | None:
    if os.environ.get("HOME") == "":  # which Python takes for the root of all folders
        return None
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and no user of this number
        return None
    return home if home.is_absolute() and home.is_dir() else None


def _can_be_made(folder: Path) -> bool:
    """Whether a folder can be written to, or made, without making it."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


@cache
def _is_writable(folder: Path | None) -> bool:
    why = "there is no home folder"
    if folder is not None:
        try:
            disk.check_writable(disk.make_folder(folder))
        except disk.DiskError as error:
            why = error.problem
        else:
            return True
    warnings.warn(
        f"{why}, so answers and converted models are kept for this command only; name a folder for them with "
        "XDG_CACHE_HOME.",
        stacklevel=2,
    )
    return False
