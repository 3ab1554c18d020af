"""The one place that writes files: each is there whole or not at all, and what a disk refuses is said in a sentence.

It reads back what the lab writes as well.

Text is UTF-8 with `\\n` at the ends of lines, whatever the locale and the system.
"""

import atexit
import errno
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from icl.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    import xarray

__all__ = [
    "DiskError",
    "check_ours",
    "check_writable",
    "clear_leftovers",
    "holds_nothing",
    "locked",
    "make_folder",
    "read_error",
    "read_json",
    "read_table",
    "read_tree",
    "remove",
    "remove_folder",
    "rescued",
    "temporary_folder",
    "whole_folder",
    "write_json",
    "write_text",
    "write_tree",
    "write_whole",
]

_LEFTOVER = ".unfinished-"
"""How the name of a file begins that is being written; only an outright kill leaves one."""

_LOCK = ".lock"
_KEPT = "what was stored before is kept, so free some space and repeat the command"
_ELSEWHERE = "make it writable, or choose another place"

_SAID: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space is left on the disk", _KEPT),
    errno.EACCES: ("permission is denied", _ELSEWHERE),
    errno.EPERM: ("permission is denied", _ELSEWHERE),
    errno.EROFS: ("the file system is read-only", _ELSEWHERE),
    errno.EFBIG: ("the file would be larger than the file system or your limit allows", "choose another place"),
    errno.EIO: ("the disk reports an error", "what was stored before is kept; check the disk, or choose another place"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
    errno.EISDIR: ("a folder of that name is in its place", "choose another name"),
    errno.ENOTDIR: ("part of its path is a file", "choose another place"),
    errno.EEXIST: ("a file of that name is in its place", "choose another name"),
    errno.ENOENT: ("its folder does not exist", "make the folder first, or choose another place"),
} | ({errno.EDQUOT: ("your disk quota is used up", _KEPT)} if hasattr(errno, "EDQUOT") else {})
"""What the system refuses, and what to do about it, by error number; Windows knows no quotas."""

_counter = itertools.count()


class DiskError(UserError):
    """A file or folder that cannot be written, with the reason and what to do.

    Attributes
    ----------
    problem : str
        What cannot be done and why, without what to do.
    """

    def __init__(self, problem: str, remedy: str):
        super().__init__(f"{problem}; {remedy}.")
        self.problem = problem


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises
    ------
    DiskError
        If it cannot be written; a file that was there before stays as it was.
    """
    try:
        _write_whole(path, content)
    except DiskError as error:
        rescue = _rescue.get()
        if rescue is None or not rescue.keeps(path, content, error):
            raise


def _write_whole(path: Path, content: bytes) -> None:
    place = Path(os.path.realpath(path))  # a link stays a link
    if os.path.exists(place) and not os.path.isfile(place):  # these take a name that is too long for one not there
        kind = "a folder" if place.is_dir() else "no ordinary file"
        raise DiskError(f"{path} is {kind}", "name a file that can be written")
    with _told(path), _unfinished(place) as draft:
        with draft.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(place)


def write_text(path: Path, text: str) -> None:
    """Write text whole; what UTF-8 cannot hold is written as an escape."""
    write_whole(path, text.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, whole; the escape of a lone surrogate is JSON's own."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_tree(path: Path, tree: "xarray.DataTree") -> None:
    """Write a DataTree as netCDF, whole."""
    # xarray gives a view of a buffer; held by a traceback, the buffer may go before the view, and Python crashes.
    write_whole(path, bytes(tree.to_netcdf()))


def read_json(path: Path) -> object:
    """Read JSON.

    Raises
    ------
    UserError
        If it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise read_error(path, error, "delete it and repeat the command that wrote it") from error


def read_table(path: Path) -> "pd.DataFrame":
    """Read Parquet; by its bytes, since not every library opens every name of a file."""
    import pandas as pd

    return pd.read_parquet(BytesIO(path.read_bytes()))


def read_tree(path: Path) -> "xarray.DataTree":
    """Read netCDF into memory."""
    import xarray

    with xarray.open_datatree(BytesIO(path.read_bytes())) as tree:
        return tree.load()


@contextmanager
def rescued() -> Iterator[None]:
    """Keep in a temporary folder what cannot be written in its place: for what took long to compute.

    Raises
    ------
    DiskError
        At the end, if something could not be written; says where it is.
    """
    rescue = _Rescue()
    token = _rescue.set(rescue)
    try:
        yield
    finally:
        _rescue.reset(token)
    if rescue.error is not None:
        raise DiskError(
            rescue.error.problem,
            f"what was computed is kept in {rescue.folder}, so copy {' and '.join(rescue.names)} from there to "
            f"{rescue.place} when that can be written",
        ) from rescue.error


class _Rescue:
    """Files that found no room in their place, and have one elsewhere."""

    def __init__(self):
        self.folder, self.place = Path(), Path()
        self.names: list[str] = []
        self.error: DiskError | None = None

    def keeps(self, path: Path, content: bytes, error: DiskError) -> bool:
        """Try to keep a file; tell whether it is safe."""
        try:
            if self.error is None:
                self.folder = Path(tempfile.mkdtemp(prefix="icl-probe-lab-kept-"))
            _write_whole(self.folder / path.name, content)
        except (OSError, DiskError):
            return False
        if self.error is None:
            self.error, self.place = error, path.parent
        self.names.append(path.name)
        return True


_rescue: ContextVar[_Rescue | None] = ContextVar("rescue", default=None)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a draft folder to write to; at the end its files are in `path`, a folder made for them if need be.

    Raises
    ------
    DiskError
        If the draft cannot be written or put into its place.
    """
    path = Path(path)
    with _told(path), _unfinished(path / "files" if path.is_dir() else path) as draft:
        draft.mkdir(parents=True)
        yield draft
        if not path.exists():
            with suppress(OSError):  # another process may be faster
                draft.rename(path)
                return
        for file in sorted(draft.iterdir()):
            file.replace(path / file.name)


def make_folder(path: Path) -> Path:
    """Make a folder and those above it; one that is there is taken.

    Raises
    ------
    DiskError
        If it cannot be made.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise DiskError(f"{path} is a file", "name a folder")
    with _told(path, "made"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def check_writable(folder: Path, remedy: str = "") -> None:
    """Find out before long work whether files can be written into a folder; one that is not there is not made yet.

    Raises
    ------
    DiskError
        If they cannot; ends with `remedy`.
    """
    place = Path(folder).absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not os.path.isdir(place):
        raise DiskError(f"{folder} cannot be made, since {place} is a file", "choose another place")
    with _told(folder, "written to", remedy), _unfinished(place / "trial") as draft:
        draft.touch()


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises
    ------
    DiskError
        If it cannot be removed.
    """
    with _told(path, "removed"):
        path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder of drafts, as far as that can be done."""
    shutil.rmtree(path, ignore_errors=True)


@cache
def temporary_folder() -> Path:
    """Make a folder that lasts as long as this process.

    Raises
    ------
    DiskError
        If there is no place for one.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="icl-probe-lab-"))
    except OSError as error:
        raise DiskError("no temporary folder can be made", "name one that can be written to with TMPDIR") from error
    atexit.register(remove_folder, folder)
    return folder


def clear_leftovers(folder: Path) -> None:
    """Remove drafts that killed processes left; only for a folder that is written to under a lock."""
    for draft in folder.glob(f"{_LEFTOVER}*"):
        with suppress(OSError):
            draft.unlink()


def holds_nothing(folder: Path, besides: str = _LOCK) -> bool:
    """Whether a folder is empty, but for a lock, a file called `besides`, and drafts that a killed process left."""
    return all(path.name in (_LOCK, besides) or path.name.startswith(_LEFTOVER) for path in folder.iterdir())


def check_ours(folder: Path, what: str, *records: str, besides: str = _LOCK) -> None:
    """Refuse to write into a folder that holds something else than what is to be written there.

    Parameters
    ----------
    what
        What the folder should hold, such as ``ledger``.
    records
        Files of which one is in every folder that holds that.
    besides
        As for `holds_nothing`.

    Raises
    ------
    UserError
        If it is a file, or holds something and none of the records.
    """
    folder = Path(folder)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UserError(f"{folder} is a file; name a folder for --out.")
    if any(os.path.exists(folder / name) for name in records) or not os.path.isdir(folder):
        return
    if not holds_nothing(folder, besides):
        raise UserError(f"{folder} is not empty and holds no {what} (no {' or '.join(records)}); choose another --out.")


@contextmanager
def locked(folder: Path, remedy: str = "") -> Iterator[None]:
    """Hold a folder against a second writer; the lock goes with the process, however it ends.

    Raises
    ------
    UserError
        If another process holds it, or the folder cannot be written to; the latter ends with `remedy`.
    """
    from filelock import FileLock, Timeout  # here, since it imports asyncio

    lock = FileLock(folder / _LOCK, timeout=0)  # a soft one where the file system knows no others
    with _told(folder, "written to", remedy):
        (folder / _LOCK).open("ab").close()  # the lock itself would make a folder that is missing
        try:
            lock.acquire()
        except Timeout:
            raise UserError(f"another process is writing to {folder}; wait for it, or stop it first.") from None
    try:
        yield
    finally:
        lock.release()


def read_error(path: Path, error: Exception, remedy: str) -> UserError:
    """Build the error for a file that could not be read: the system's refusal, or damage, which has a remedy."""
    number = getattr(error, "errno", None)
    if number in (errno.EACCES, errno.EPERM, errno.EIO):
        return DiskError(f"{path} cannot be read ({_SAID[number][0]})", "make it readable and repeat the command")
    lines = str(error).splitlines() or [type(error).__name__]
    return UserError(f"{path} is damaged ({lines[0]}); {remedy}.")


@contextmanager
def _unfinished(place: Path) -> Iterator[Path]:
    """Name a draft beside `place`, and remove it if it is still there at the end."""
    draft = place.with_name(f"{_LEFTOVER}{os.getpid()}-{next(_counter)}")
    try:
        yield draft
    finally:
        if draft.is_dir():
            remove_folder(draft)
        else:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


@contextmanager
def _told(path: Path, done: str = "written", remedy: str = "") -> Iterator[None]:
    """Turn what the system refuses into one sentence; `remedy` is what to do where space is not what is missing."""
    try:
        yield
    except OSError as error:
        raise _disk_error(path, done, error.errno, error.strerror or str(error), remedy) from error
    except Exception as error:
        # safetensors raises an error of its own, whose text holds the system's number.
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None or not type(error).__module__.startswith("safetensors"):
            raise
        number = int(found[1]) if os.name != "nt" else OSError(0, "", None, int(found[1])).errno
        raise _disk_error(path, done, number, str(error), remedy) from error


def _disk_error(path: Path, done: str, number: int | None, text: str, remedy: str) -> DiskError:
    lines = text.strip().splitlines() or ["unknown error"]
    reason, usual = _SAID.get(number or 0, (lines[0].rstrip(".").lower(), "choose another place"))
    return DiskError(f"{path} cannot be {done} ({reason})", remedy if remedy and usual != _KEPT else usual)
