"""Caches where nothing can be written, or there is no home: work goes on, and a note says what is not kept."""

import sqlite3
import warnings

import pytest

from probes import disk, places
from probes.runs.cache import answer_cache
from probes.scorers.scorer import Answer, LabelAnswer


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    places._is_writable.cache_clear()
    yield
    places._is_writable.cache_clear()


@pytest.fixture
def scorer(tiny_lm):
    from probes.scorers.huggingface import HuggingFaceScorer

    return HuggingFaceScorer(str(tiny_lm))


@pytest.fixture(params=["a file", "below a file", "no home", "home is no folder", "refused"])
def unwritable(request, tmp_path, monkeypatch):
    """A cache folder that cannot be."""
    (tmp_path / "file").touch()
    kind = request.param
    if kind in ("no home", "home is no folder"):
        monkeypatch.delenv("XDG_CACHE_HOME")
        home = {"no home": "", "home is no folder": str(tmp_path / "file")}[kind]
        monkeypatch.setenv("HOME", home)
    elif kind == "refused":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

        def refused(folder):
            raise disk.DiskError(f"{folder} cannot be made (permission is denied)", "choose another place")

        monkeypatch.setattr(disk, "check_writable", refused)
    else:
        place = tmp_path / "file" if kind == "a file" else tmp_path / "file" / "below"
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))


def test_without_a_cache_nothing_is_kept_and_one_note_says_so(unwritable, scorer):
    with (
        pytest.warns(
            UserWarning, match="so answers and converted models are kept for this command only; name a folder"
        ),
        answer_cache(scorer, use=True) as cache,
    ):
        assert cache.look_up(["a"]) == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with answer_cache(scorer, use=True):
            pass
        assert places.some_cache() == disk.temporary_folder()


def test_no_cache_asks_nothing_of_the_folder(unwritable, scorer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with answer_cache(scorer, use=False) as cache:
            assert cache.look_up(["a"]) == {}


def test_a_relative_cache_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.cache_folder() == tmp_path / ".cache" / "icl-probe-lab"


def test_a_cache_that_is_read_only_is_read_and_one_that_cannot_be_opened_stops_no_run(monkeypatch, tmp_path, scorer):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with answer_cache(scorer, use=True) as cache:
        cache.keep("a", Answer.of([LabelAnswer(-1.0, 1, True)]))

    def read_only(path, timeout):
        return sqlite3.Connection(f"file:{path}?mode=ro&immutable=1", uri=True)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    with answer_cache(scorer, use=True) as cache:
        assert cache.look_up(["a"])["a"][0].logprob == -1.0
        cache.keep("b", Answer.of([LabelAnswer(-1.0, 1, True)]))
        with pytest.warns(UserWarning, match="answers are no longer kept for other runs .attempt to write a readonly"):
            cache.store()

    def refused(path, timeout):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refused)
    with (
        pytest.warns(UserWarning, match=r"answers.sqlite cannot be used .*answers are not stored for other runs"),
        answer_cache(scorer, use=True) as cache,
    ):
        assert cache.look_up(["a"]) == {}


@pytest.mark.parametrize("home", ["file", ""])
def test_libraries_get_a_folder_where_the_home_is_none(home, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / home) if home == "file" else home)
    folder = str(disk.temporary_folder())
    assert places.folders_in_place_of_home() == {
        "PYTENSOR_FLAGS": f"base_compiledir={folder}",
        "MPLCONFIGDIR": folder,
        "NUMBA_CACHE_DIR": folder,
    }
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.folders_in_place_of_home() == {}
