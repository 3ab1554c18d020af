"""The software that a result rests on, for its record."""

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["versions"]

_PACKAGES = (
    *("icl-probe-lab", "torch", "transformers", "tokenizers", "pymc", "arviz", "nutpie", "numba", "numpy"),
    *("scipy", "pandas"),
)


def versions() -> dict[str, str | None]:
    """Version of Python and of each package, None where it is missing."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
