"""Answers kept for all runs of a user: the same question to the same model is computed once.

A key is made of everything that an answer depends on: the scorer's identity (weights' hash or commit, dtype, device,
tokenizer, chat template), the versions that computed it, and the prompt's text and candidates.
"""

import hashlib
import json
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np

from icl.errors import UserError
from probes.places import cache_folder, lasting_cache
from probes.scorers.scorer import UNKNOWN_BOUNDARY, Answer, Scorer

__all__ = ["AnswerCache", "answer_cache"]

ENGINE = 3
"""Raised when a change of the lab's own code may change an answer."""

_RECORD = np.dtype(
    [("logprob", "<f8"), ("split", "<f8"), ("rank", "<u4"), ("num_tokens", "<u2"), ("boundary_clean", "i1")]
)

_FILE = "answers.sqlite"

_LOOKED_UP_TOGETHER = 500


class AnswerCache:
    """Answers of one scorer; one without a file keeps and knows nothing."""

    def __init__(self, connection: sqlite3.Connection | None, scorer: Scorer):
        self._connection = connection
        self._prefix = _digest(scorer) if connection else ""
        self._kept: list[tuple[str, bytes]] = []

    def look_up(self, prompt_ids: Sequence[str]) -> dict[str, Answer]:
        """Find what is known already."""
        found: dict[str, Answer] = {}
        if self._connection is None:
            return found
        for start in range(0, len(prompt_ids), _LOOKED_UP_TOGETHER):
            keys = [self._prefix + prompt_id for prompt_id in prompt_ids[start : start + _LOOKED_UP_TOGETHER]]
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, answers FROM answers WHERE key IN ({marks})"
            try:
                for key, packed in self._connection.execute(query, keys):
                    found[key.removeprefix(self._prefix)] = _unpack(packed)
            except (sqlite3.Error, ValueError) as error:
                raise _unusable(error) from error
        return found

    def keep(self, prompt_id: str, answer: Answer) -> None:
        """Remember an answer until `store`; one without a number is not kept, since asking again may give one."""
        if self._connection is not None and not np.isnan(answer.logprob).any():
            self._kept.append((self._prefix + prompt_id, _pack(answer)))

    def store(self) -> None:
        """Write what was kept; a cache that cannot be written is left alone from then on, and said so."""
        if self._connection is None or not self._kept:
            return
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", self._kept)
        except sqlite3.Error as error:
            warnings.warn(f"answers are no longer kept for other runs ({error}).", stacklevel=2)
            self._connection = None
        self._kept.clear()


@contextmanager
def answer_cache(scorer: Scorer, *, use: bool) -> Iterator[AnswerCache]:
    """Open the cache for a scorer; one that keeps nothing where it is not wanted or the scorer is not reproducible.

    Raises
    ------
    UserError
        If the cache's file is damaged. One that cannot be written is left alone, with a note.
    """
    folder = lasting_cache() if use and scorer.is_reproducible() else None
    connection = None if folder is None else _open(folder / _FILE)
    if connection is None:
        yield AnswerCache(None, scorer)
        return
    try:
        cache = AnswerCache(connection, scorer)
        try:
            yield cache
        finally:
            cache.store()
    finally:
        connection.close()


def _unusable(error: Exception) -> UserError:
    path = (cache_folder() or Path()) / _FILE
    return UserError(f"the cache of answers {path} cannot be used ({error}); delete it, or run with --no-cache.")


def _open(path: Path) -> sqlite3.Connection | None:
    """Open the file; None, with a note, where the system does not let it be written."""
    try:
        connection = sqlite3.connect(path, timeout=60)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answers BLOB) WITHOUT ROWID")
    except sqlite3.OperationalError as error:  # read-only, full, locked for long
        warnings.warn(f"{path} cannot be used ({error}), so answers are not stored for other runs.", stacklevel=2)
        return None
    except sqlite3.Error as error:
        raise _unusable(error) from error
    return connection


def _digest(scorer: Scorer) -> str:
    versions = {package: version(package) for package in ("torch", "transformers", "tokenizers")}
    whole = json.dumps([ENGINE, scorer.identity(), versions], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:32] + ":"


def _pack(answer: Answer) -> bytes:
    rows = np.empty(len(answer), dtype=_RECORD)
    rows["logprob"] = answer.logprob
    rows["split"] = np.nan if answer.logprob_split is None else answer.logprob_split
    rows["rank"] = 0 if answer.vocabulary_rank is None else answer.vocabulary_rank
    rows["num_tokens"] = 1 if answer.num_tokens is None else answer.num_tokens
    rows["boundary_clean"] = UNKNOWN_BOUNDARY if answer.boundary_clean is None else answer.boundary_clean
    return rows.tobytes()


def _unpack(packed: bytes) -> Answer:
    rows = np.frombuffer(packed, dtype=_RECORD)
    return Answer(
        logprob=rows["logprob"].copy(),
        num_tokens=rows["num_tokens"].astype(int),
        boundary_clean=rows["boundary_clean"].copy(),
        logprob_split=rows["split"].copy(),
        vocabulary_rank=rows["rank"].astype(int),
    )
