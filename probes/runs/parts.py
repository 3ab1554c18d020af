"""The score table of a run folder in parts: each written whole under a name made of what it answers, read one by one.

A part is named by its model and its prompts, never by a count or by floating-point numbers, so that processes that
share a folder need no counter and no lock, and parts of several folders of one experiment can be put together.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from icl.errors import UserError
from icl.scores import PROMPT_KEYS, SCORE_COLUMNS, first_rows, validate_scores
from probes import disk

__all__ = ["PROMPT_COLUMNS", "num_lost", "part_names", "read_parts", "read_prompts", "read_scores", "write_part"]

PROMPT_COLUMNS = (*PROMPT_KEYS, "prompt_id")
"""Columns that tell which prompt of which model a row belongs to, and which question that is."""

_NAMED = re.compile(r"part-[0-9a-f]{16}\.parquet")

_STRINGS = [column.name for column in SCORE_COLUMNS if column.dtype == "str"]


def write_part(folder: Path, rows: pd.DataFrame) -> None:
    """Check rows and store them, in the order of the plan, in a folder of parts."""
    rows = validate_scores(rows)
    if not rows["number"].isna().any():
        rows = rows.sort_values("number", kind="stable", ignore_index=True)
    prompts = rows.loc[first_rows(rows), list(PROMPT_COLUMNS)]
    named = "\n".join("\x1f".join(map(str, prompt)) for prompt in prompts.itertuples(index=False))
    path = disk.make_folder(folder) / f"part-{hashlib.sha256(named.encode()).hexdigest()[:16]}.parquet"
    disk.write_whole(path, rows.to_parquet())


def read_parts(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
    """Read part after part; strings come as categories. A prompt that stands in several parts is given once.

    Two processes that answer the same questions at once write them both; the first part by name counts. Files that
    are not named as parts are now, such as copies or those of earlier versions, must not repeat a prompt.

    Parameters
    ----------
    columns
        Those that are wanted beside `PROMPT_COLUMNS`; None is all, which are then checked as a score table.

    Raises
    ------
    UserError
        If a part is damaged or no valid score table, two parts hold different questions for the same prompt, or a
        file of another name repeats one.
    """
    seen: dict[tuple, tuple[str, bool]] = {}  # prompt → question, and whether its file is named by content
    for path in (folder / name for name in part_names(folder)):
        part = _read_part(path, columns)
        named = bool(_NAMED.fullmatch(path.name))
        firsts = first_rows(part)
        number = np.cumsum(firsts) - 1
        new = np.ones(int(firsts.sum()), dtype=bool)
        for place, (*key, prompt_id) in enumerate(_tuples(part[firsts])):
            if (held := seen.get(tuple(key))) is None:
                seen[tuple(key)] = (prompt_id, named)
                continue
            new[place] = False
            if held != (prompt_id, True) or not named:
                raise _twice(folder, path, held[0] == prompt_id)
        yield part if new.all() else part[new[number]].reset_index(drop=True)


def read_prompts(folder: Path) -> dict[str, set[tuple]]:
    """Tell which prompts are stored: model → values of `PROMPT_COLUMNS` without the model, None where missing."""
    found: dict[str, set[tuple]] = {}
    for part in read_parts(folder, ()):
        for model, *key in _tuples(part[first_rows(part)]):
            found.setdefault(model, set()).add(tuple(key))
    return found


def part_names(folder: Path) -> list[str]:
    """List the files of a folder of parts."""
    return sorted(path.name for path in folder.glob("*.parquet"))


def num_lost(folder: Path, *, prompts: int, names: Sequence[str]) -> int:
    """Count the prompts that a folder of parts held once and does not hold any more.

    Where all files are there nothing is read; where some are not, others may hold their prompts.

    Parameters
    ----------
    prompts
        How many prompts it held, those of each model counted.
    names
        Its files at the time.
    """
    if set(names) <= set(part_names(folder)):
        return 0
    return max(0, prompts - sum(map(len, read_prompts(folder).values())))


def read_scores(folder: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read all parts into one table, as `read_parts` reads each; strings come as such where all columns are read."""
    parts = list(read_parts(folder, columns))
    if not parts:
        empty = validate_scores(pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in SCORE_COLUMNS}))
        return empty if columns is None else empty[list(dict.fromkeys((*PROMPT_COLUMNS, *columns)))]
    if columns is None:
        parts = [part.astype(dict.fromkeys(_STRINGS, "str")) for part in parts]
        return pd.concat(parts, ignore_index=True)
    joined = {}
    for name in parts[0].columns:
        values = [part[name] for part in parts]
        coded = isinstance(values[0].dtype, pd.CategoricalDtype)
        joined[name] = pd.api.types.union_categoricals(values) if coded else pd.concat(values, ignore_index=True)
    return pd.DataFrame(joined)


def _twice(folder: Path, path: Path, is_same_question: bool) -> UserError:
    what = (
        "prompts that occur twice (another part holds them)"
        if is_same_question
        else "other questions than another part for its prompts"
    )
    return UserError(f"{folder}: {path.name} holds {what}. Remove the part that does not belong there.")


def _read_part(path: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    """Read a part by its bytes, since not every library opens every name of a file."""
    import pyarrow.parquet

    try:
        content = BytesIO(path.read_bytes())
        stored = pyarrow.parquet.read_schema(content).names
        wanted = stored if columns is None else [c for c in stored if c in {*PROMPT_COLUMNS, *columns}]
        content.seek(0)
        part = pd.read_parquet(content, columns=wanted, read_dictionary=_STRINGS)
    except (OSError, ValueError) as error:
        remedy = "delete this file and run the same `probe run` command again, only its prompts are scored again"
        raise disk.read_error(path, error, remedy) from error
    try:
        if columns is None:
            return validate_scores(_coded(part))
        absent = {c.name: c.absent for c in SCORE_COLUMNS if c.is_optional and c.name not in stored}
        part = part.assign(**{name: absent[name] for name in absent if name in {*PROMPT_COLUMNS, *columns}})
        return _coded(part)[list(dict.fromkeys((*PROMPT_COLUMNS, *columns)))]
    except (UserError, KeyError) as error:
        lacks = f"not a score table: no column {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: {lacks} Remove the part that does not belong there.") from error


def _coded(part: pd.DataFrame) -> pd.DataFrame:
    """Strings as categories, as parts are written now; those of earlier runs may be plain."""
    plain = [name for name in _STRINGS if name in part and not isinstance(part[name].dtype, pd.CategoricalDtype)]
    return part.astype(dict.fromkeys(plain, "category"))


def _tuples(prompts: pd.DataFrame) -> Iterator[tuple]:
    """Values of `PROMPT_COLUMNS` of each row, `PROMPT_KEYS` first, None where missing."""
    columns = [prompts[name].astype(object) for name in PROMPT_COLUMNS]
    return zip(*(column.where(column.notna(), None) for column in columns))
