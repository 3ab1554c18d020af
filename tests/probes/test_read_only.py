"""Run folders that are only read: nothing in them changes; and those that cannot be written to are said to be."""

import errno
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from icl.errors import UserError
from probes import disk
from probes.cli.main import main
from probes.runs.folder import RunFolder
from probes.runs.opening import open_run

ASKED = ("--model", "label-prior", "--task", "sentiment", "--shots", "0,2", "--queries", "6", "--label-modes")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    assert main(["run", *ASKED, "gold,random", "--out", str(path)]) == 0
    return path


@pytest.fixture
def read_only(finished, monkeypatch) -> Path:
    """The run, on a file system that was mounted read-only: root is refused as well."""

    def refusing(method, is_writing):
        def called(self, *args, **options):
            if self.is_relative_to(finished) and is_writing(self, args):
                raise OSError(errno.EROFS, "Read-only file system", str(self))
            return method(self, *args, **options)

        return called

    monkeypatch.setattr(Path, "open", refusing(Path.open, lambda self, args: bool(set("".join(args)) & set("wax+"))))
    for name in ("touch", "unlink", "replace"):
        monkeypatch.setattr(Path, name, refusing(getattr(Path, name), lambda self, args: True))
    monkeypatch.setattr(Path, "mkdir", refusing(Path.mkdir, lambda self, args: not self.exists()))
    return finished


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["run", *ASKED, "gold,random", "--out", "RUN"], "make it writable, or choose another place"),
        (["measure", "RUN", "--normalisation", "per-token"], "copy the run folder to a place where you may write"),
        (["report", "RUN"], "name another folder with --out"),
        (["compare", "RUN"], "name another folder with --out"),
        (["fit", "RUN"], "write the fit elsewhere with --out FILE.nc"),
        (["fit", "RUN", "--account", "evidence"], "write the fit elsewhere with --out FILE.nc"),
        (["variance", "RUN"], "copy the run folder to a place where you may write"),
    ],
)
def test_a_read_only_run_folder_is_refused_before_any_work(command, remedy, read_only, capsys):
    before = contents(read_only)
    assert main([str(read_only) if word == "RUN" else word for word in command]) == 2
    error = capsys.readouterr().err
    assert "cannot be written to (the file system is read-only); " in error
    assert remedy in error
    assert error.count("\n") == 1
    assert contents(read_only) == before


def test_a_read_only_run_is_read_and_reported_elsewhere(read_only, tmp_path, capsys):
    before = contents(read_only)
    assert main(["measure", str(read_only)]) == 0
    assert main(["report", str(read_only), "--out", str(tmp_path / "page")]) == 0
    assert f"Report: {tmp_path / 'page' / 'report.html'}" in capsys.readouterr().out
    assert (tmp_path / "page" / "report.html").exists()
    assert list((tmp_path / "page" / "figures").glob("*.png"))
    assert contents(read_only) == before


def test_metrics_that_are_shown_are_not_measured_anew(finished, tmp_path, capsys):
    run = tmp_path / "run"
    disk.make_folder(run)
    for name in ("experiment.toml", "manifest.json"):
        (run / name).write_bytes((finished / name).read_bytes())
    (run / "scores").mkdir()
    for part in (finished / "scores").iterdir():
        (run / "scores" / part.name).write_bytes(part.read_bytes())
    assert main(["run", *ASKED, "gold,random", "--out", str(run)]) == 0
    assert main(["measure", str(run), "--normalisation", "per-token"]) == 0
    before = contents(run)
    capsys.readouterr()
    for command in (["measure", str(run)], ["measure", str(run), "--json"]):
        assert main(command) == 0
    assert "metrics under normalisation 'per-token'" in capsys.readouterr().out
    assert contents(run) == before
    # The command that made the run keeps how it is measured now, and so does a report.
    assert main(["run", *ASKED, "gold,random", "--out", str(run)]) == 0
    assert main(["report", str(run)]) == 0
    assert open_run(run).normalisation == "per-token"
    pd.testing.assert_frame_equal(open_run(run).metrics(), disk.read_table(run / "metrics.parquet"), check_exact=True)


def test_what_was_computed_is_kept_elsewhere_where_its_place_is_full(tmp_path, monkeypatch):
    run = disk.make_folder(tmp_path / "run")
    monkeypatch.setenv("TMPDIR", str(disk.make_folder(tmp_path / "temporary")))
    monkeypatch.setattr("tempfile.tempdir", None)
    replace = Path.replace

    def full(self, target):
        if Path(target).parent == run:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)

    @disk.rescued()
    def both() -> None:
        disk.write_whole(run / "a.nc", b"one")
        disk.write_whole(run / "b.json", b"two")

    with pytest.raises(disk.DiskError) as raised:
        both()
    kept = next((tmp_path / "temporary").iterdir())
    assert str(raised.value) == (
        f"{run / 'a.nc'} cannot be written (no space is left on the disk); what was computed is kept in {kept}, so "
        f"copy a.nc and b.json from there to {run} when that can be written."
    )
    assert (kept / "a.nc").read_bytes() == b"one"
    assert (kept / "b.json").read_bytes() == b"two"
    assert list(run.iterdir()) == []
    with disk.rescued():
        disk.write_whole(tmp_path / "c", b"")
    with pytest.raises(disk.DiskError, match="a.nc cannot be written"):
        disk.write_whole(run / "a.nc", b"outside of the rescue")


def test_parts_that_are_none_are_named(finished, tmp_path):
    folder = RunFolder(tmp_path)
    (tmp_path / "scores").mkdir()
    for content in (b"", b"PAR1", b"no parquet at all" * 100):
        (tmp_path / "scores" / "part-00000.parquet").write_bytes(content)
        with pytest.raises(UserError, match=r"part-00000\.parquet is damaged .*delete this file and run the same"):
            folder.scores()
    (tmp_path / "scores" / "part-00000.parquet").unlink()
    rows = open_run(finished).scores()
    folder.add_scores(rows)
    pd.testing.assert_frame_equal(folder.scores(), rows)
