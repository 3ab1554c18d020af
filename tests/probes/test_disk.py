"""Writing files: whole or not at all, UTF-8, and what a disk refuses told in a sentence."""

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from icl.errors import UserError
from probes import disk


def refusing(monkeypatch, number: int, name: str = "fsync") -> None:
    """Let the system refuse what writing needs, as a full or damaged disk does."""

    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(f"probes.disk.os.{name}", refused)


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes: a refusal of the system's own that binds root as well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_leaves_no_draft(tmp_path):
    path = tmp_path / "a.txt"
    disk.write_text(path, "first\n")
    disk.write_text(path, "zweite Zeile – 中\n")
    assert path.read_bytes() == "zweite Zeile – 中\n".encode()  # no \r\n, no byte order mark
    assert files(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space is left on the disk); what was stored before is kept, so free some space"),
        (errno.EDQUOT, "your disk quota is used up); what was stored before is kept"),
        (errno.EIO, "the disk reports an error); what was stored before is kept"),
        (errno.EROFS, "the file system is read-only); make it writable, or choose another place"),
        (errno.EBUSY, "device or resource busy); choose another place"),
    ],
)
def test_what_a_disk_refuses_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch, number, said):
    path = tmp_path / "scores.parquet"
    disk.write_whole(path, b"before")
    refusing(monkeypatch, number)
    with pytest.raises(disk.DiskError) as raised:
        disk.write_whole(path, b"after")
    assert f"{path} cannot be written ({said}" in str(raised.value)
    assert path.read_bytes() == b"before"
    assert files(tmp_path) == ["scores.parquet"]


def test_a_real_limit_refuses_the_rest_of_a_file(tmp_path):
    said = "larger than the file system or your limit allows"
    with limited(1000), pytest.raises(disk.DiskError, match=said):
        disk.write_whole(tmp_path / "big", bytes(5000))
    assert files(tmp_path) == []


def test_what_stands_in_the_way_is_said(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="folder is a folder; name a file"):
        disk.write_whole(tmp_path / "folder", b"")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is no ordinary file"):
        disk.write_whole(tmp_path / "pipe", b"")
    with pytest.raises(UserError, match=r"file/a cannot be written \(part of its path is a file\)"):
        disk.write_whole(tmp_path / "file" / "a", b"")
    with pytest.raises(UserError, match=r"cannot be written \(the name is too long\); choose a shorter name"):
        disk.write_whole(tmp_path / ("a" * 300), b"")
    with pytest.raises(UserError, match="none/a cannot be written .its folder does not exist"):
        disk.write_whole(tmp_path / "none" / "a", b"")
    with pytest.raises(UserError, match="file is a file; name a folder"):
        disk.make_folder(tmp_path / "file")
    with pytest.raises(UserError, match=r"cannot be made \(part of its path is a file\)"):
        disk.make_folder(tmp_path / "file" / "below")
    longest = tmp_path / ("a" * 255)  # the longest name that there is has a draft as well
    disk.write_whole(longest, b"1")
    assert longest.read_bytes() == b"1"


def test_a_link_stays_a_link_and_a_file_gets_the_usual_rights(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    before = os.umask(0o027)
    try:
        disk.write_whole(tmp_path / "link", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"1"
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o640


def test_a_folder_comes_whole_or_its_files_replace_those_there(tmp_path):
    def killed() -> None:
        with disk.whole_folder(tmp_path / "model") as draft:
            (draft / "weights").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert files(tmp_path) == []
    for content in (b"1", b"2"):
        with disk.whole_folder(tmp_path / "model") as draft:
            (draft / "weights").write_bytes(content)
        assert (tmp_path / "model" / "weights").read_bytes() == content
        assert files(tmp_path / "model") == ["weights"]
    assert files(tmp_path) == ["model"]


def test_safetensors_that_find_no_space_are_told_like_any_file(tmp_path):
    from safetensors.numpy import save_file

    said = "model cannot be written .the file would be larger"
    with limited(1000), pytest.raises(disk.DiskError, match=said), disk.whole_folder(tmp_path / "model") as draft:
        save_file({"a": np.zeros(1000)}, draft / "model.safetensors")
    assert files(tmp_path) == []


def test_json_holds_any_text(tmp_path):
    value = {"run": "caf\udce9", "task": "中 –"}
    disk.write_json(tmp_path / "a.json", value)
    assert "中 –" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == value


def test_a_tree_is_written_as_it_was(tmp_path):
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"of": "ü"}), "a": xr.Dataset({"x": ("i", np.arange(3.0))})})
    disk.write_tree(tmp_path / "a.nc", tree)
    xr.testing.assert_identical(disk.read_tree(tmp_path / "a.nc"), tree)


def test_a_tree_that_finds_no_space_is_told_and_the_command_ends_in_order(tmp_path):
    """In a process of its own: Python used to crash at its end, with another exit status."""
    code = f"""
import resource, sys
from pathlib import Path
import numpy, xarray
from probes import disk
from probes.cli import measure
from probes.cli.main import main
def full(options):
    tree = xarray.DataTree.from_dict({{"posterior": xarray.Dataset({{"x": ("draw", numpy.arange(1e6))}})}})
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    disk.write_tree(Path({str(tmp_path)!r}) / "posterior.nc", tree)
measure.run = full
sys.exit(main(["measure", "run"]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stderr.startswith(f"probe: {tmp_path}/posterior.nc cannot be written (the file would be larger than")
    assert ran.stderr.count("\n") == 1
    assert ran.returncode == 2


def test_a_folder_whose_name_is_no_utf8_holds_anything(tmp_path):
    folder = disk.make_folder(tmp_path / os.fsdecode(b"caf\xe9"))
    table = pd.DataFrame({"a": [1.5]})
    disk.write_whole(folder / "a.parquet", table.to_parquet())
    disk.write_tree(folder / "a.nc", xr.DataTree(xr.Dataset({"x": ("i", [1])})))
    pd.testing.assert_frame_equal(disk.read_table(folder / "a.parquet"), table)
    assert disk.read_tree(folder / "a.nc")["x"].item() == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes names of Unicode only")
def test_a_run_folder_whose_name_is_no_utf8_is_run_reported_and_resumed(tmp_path, capsys):
    from probes.cli.main import main

    run = str(tmp_path / os.fsdecode(b"caf\xe9"))
    asked = ["run", "--model", "uniform", "--task", "sentiment", "--shots", "2", "--queries", "4", "--out", run]
    for command in (asked, asked, ["measure", run], ["report", run]):
        assert main(command) == 0, capsys.readouterr().err
    assert "caf\\xe9" in set(disk.read_table(next((Path(run) / "scores").iterdir()))["run"])
    assert (Path(run) / "report.html").exists()


def test_a_lock_keeps_a_second_writer_out_and_ends_with_the_first(tmp_path):
    second = "import sys; from pathlib import Path; from probes import disk\nwith disk.locked(Path(sys.argv[1])): pass"
    command = [sys.executable, "-c", second, str(tmp_path)]
    with disk.locked(tmp_path):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "another process is writing to" in ended.stderr
    subprocess.run(command, check=True)


def test_a_folder_that_nothing_can_be_written_to_is_found_out_at_once(tmp_path, monkeypatch):
    disk.check_writable(tmp_path / "new" / "below")
    assert files(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be made, since .*file is a file; choose another place"):
        disk.check_writable(tmp_path / "file" / "below")
    with pytest.raises(UserError, match=r"none/of cannot be written to"), disk.locked(tmp_path / "none" / "of"):
        pass
    monkeypatch.setattr(Path, "touch", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only")))
    with pytest.raises(UserError, match=r"new cannot be written to \(the file system is read-only\)"):
        disk.check_writable(tmp_path / "new")


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path):
    denied = disk.read_error(tmp_path / "a", PermissionError(errno.EACCES, "denied"), "delete it")
    assert "cannot be read (permission is denied); make it readable" in str(denied)
    damaged = disk.read_error(tmp_path / "a", ValueError("no footer\nmore"), "delete it")
    assert str(damaged) == f"{tmp_path / 'a'} is damaged (no footer); delete it."


def test_drafts_of_a_killed_process_are_no_content_and_go(tmp_path):
    (tmp_path / ".unfinished-1-0").write_bytes(b"half")
    (tmp_path / ".lock").write_bytes(b"")
    assert disk.holds_nothing(tmp_path)
    disk.clear_leftovers(tmp_path)
    assert files(tmp_path) == [".lock"]
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "a.csv")
    assert not disk.holds_nothing(tmp_path)
