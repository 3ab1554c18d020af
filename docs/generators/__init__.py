"""Pages of the site that derive from the code: each function returns file name → text or bytes."""

import shutil
from pathlib import Path

__all__ = ["write_pages"]


def write_pages(folder: Path) -> None:
    """Rewrite all derived pages; a file whose text stays the same is left alone, so that a rebuild is quick."""
    from generators import accounts, commands, experiment, graphs, lists, notebooks, probes, rooms

    made: dict[str, str | bytes] = {}
    for write in (
        probes.pages,
        commands.pages,
        experiment.pages,
        lists.pages,
        accounts.pages,
        rooms.pages,
        notebooks.pages,
        graphs.pages,
    ):
        made |= write()
    for name, content in made.items():
        path, data = folder / name, content.encode() if isinstance(content, str) else content
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in made:
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            shutil.rmtree(path)
