"""Names for the shell to complete: what `probe list` knows of the kind that a flag takes."""

from collections.abc import Callable, Iterable

from probes.cli.listed import KINDS

__all__ = ["completer"]


def completer(kind: str) -> Callable[..., list[str]]:
    """Complete the last of several names with commas between.

    Parameters
    ----------
    kind
        One of those that can be listed.
    """

    def complete(prefix: str, **asked: object) -> list[str]:
        before, comma, begun = prefix.rpartition(",")
        return [f"{before}{comma}{name}" for name in _plain(KINDS[kind]()) if name.startswith(begun)]

    return complete


def _plain(names: Iterable[str]) -> list[str]:
    """Leave out what stands for many names, such as `sampled(N)`."""
    return [name for name in names if not set(name) & set(" (,…")]
