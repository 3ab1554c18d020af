"""Local files read as tables: JSON lines, CSV and Parquet."""

import io
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from icl.errors import UserError
from icl.tasks.separated import read_separated
from icl.tasks.table import Table, place_of
from icl.tasks.text import decode, lines_of, unreadable

__all__ = ["READERS", "at_home", "digest", "read_content"]


def at_home(path: str | Path) -> Path:
    """Write out the home folder that a path may begin with, as ``~`` or ``~user``.

    Raises
    ------
    UserError
        If nobody knows that home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"'{path}' begins with the home of a user whom this machine does not know; write it in full."
        ) from None


def digest(content: bytes) -> str:
    """Tell a file's contents from others: the beginning of its SHA-256."""
    return sha256(content).hexdigest()[:12]


def read_content(path: Path, *, endings: Collection[str], wanted: str) -> bytes:
    """Read a file that has one of `endings` and is not empty; `wanted` says what it should hold.

    Raises
    ------
    UserError
        If there is no such file, or it cannot be read or is empty.
    """
    _check_path(path, endings)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' could not be read: {error.strerror}; check the file and its permissions.") from None
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        raise UserError(f"'{path.name}' is empty; give it {wanted}.")
    return content


def _check_path(path: Path, endings: Collection[str]) -> None:
    """Refuse what is not a file with a known ending, or has a name that cannot be written down."""
    if unreadable(str(path)):
        raise UserError(f"the path {str(path)!a} is not UTF-8; rename the file or folder.")
    listed = ", ".join(endings)
    if path.is_dir():
        raise UserError(f"'{path}' is a folder; name one {listed} file in it.")
    if not path.exists():
        try:
            neighbours = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
        except OSError:
            neighbours = []
        near = get_close_matches(path.name, neighbours, n=1, cutoff=0.5)
        hint = f"did you mean '{path.parent / near[0]}'?" if near else "check the path."
        raise UserError(f"there is no file '{path}'; {hint}")
    if not path.suffix:
        raise UserError(f"'{path.name}' has no ending, so it could be anything; save it as {listed}.")
    if path.suffix.lower() not in endings:
        raise UserError(f"'{path.name}' has the ending '{path.suffix}', not {listed}; save it as one of these.")


def _read_json_lines(name: str, content: bytes, wanted: Sequence[str]) -> Table:
    text = decode(name, content)
    records: list[dict[str, object]] = []
    lines: list[int] = []
    for number, line in enumerate(lines_of(text), start=1):
        if not (line := line.strip("\ufeff \t")):  # files that were joined have a mark at the seam
            continue
        try:
            records.append(_parse_object(line))
        except (ValueError, RecursionError) as error:
            if not records and _is_one_document(text):
                raise UserError(
                    f"'{name}' is one JSON document; write each of its objects on a line of its own, such as "
                    '{"input": "…", "label": "…"}.'
                ) from None
            reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise UserError(
                f"line {number} of '{name}' {reason}; write one object such as "
                '{"input": "…", "label": "…"} on each line.'
            ) from None
        lines.append(number)
    names = dict.fromkeys(key for record in records for key in record)
    return Table(
        names=tuple(names), column=lambda column: [record.get(column) for record in records], lines=tuple(lines)
    )


def _parse_object(line: str) -> dict[str, object]:
    """Parse one line; what is wrong with it is said as the end of a sentence about the line."""
    try:
        record = json.loads(line, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at column {error.colno})") from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise ValueError("holds a number that is too long to read") from None
    if not isinstance(record, _Pairs):
        kind = "null" if record is None else type(record).__name__
        raise ValueError(f"is a JSON {kind}, not an object")
    found = dict(record.plain())
    if len(found) < len(record):
        names = [key for key, _ in record]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"has {twice!r} more than once")
    return found


class _Pairs(list):
    """Keys and values of a JSON object as they stand, repeated keys included."""

    def plain(self) -> Iterator[tuple[str, object]]:
        """Make plain objects of what is nested."""
        return ((key, _plain(value)) for key, value in self)


def _plain(value: object) -> object:
    if isinstance(value, _Pairs):
        return dict(value.plain())
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _is_one_document(text: str) -> bool:
    whole = text.strip("\ufeff \t\r\n")
    try:
        return isinstance(json.loads(whole), list if len(lines_of(whole)) == 1 else list | dict)
    except (ValueError, RecursionError):
        return False


def _read_csv(name: str, content: bytes, wanted: Sequence[str]) -> Table:
    text = decode(name, content)
    if re.match(r"\s*\[?\s*\{\s*\"", text):
        raise UserError(
            f"'{name}' holds JSON, not separated text; give it the ending .jsonl, with one object on each line."
        )
    return read_separated(name, text, wanted)


def _read_parquet(name: str, content: bytes, wanted: Sequence[str]) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"'{name}' is not a Parquet file ({reason}); save it again or correct its ending.") from None

    def column(wanted: str) -> list[object]:
        cells: list[object] = []
        for cell in table.column(wanted):
            try:
                cells.append(cell.as_py())
            except UnicodeDecodeError:
                raise UserError(
                    f"{place_of(f"'{name}'", len(cells))} has text in column '{wanted}' that is not UTF-8; save the "
                    "file again from its source."
                ) from None
        return cells

    return Table(names=tuple(table.column_names), column=column)


READERS: dict[str, Callable[[str, bytes, Sequence[str]], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}
"""By ending: from a file's name (for messages), its bytes and the columns that are wanted to a table."""
