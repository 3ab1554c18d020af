"""A folder of runs in SQL: against the runs' own tables, after changes, and against queries that would do harm."""

import shutil

import numpy as np
import pandas as pd
import pytest

import probes
from icl.errors import UserError
from probes.cli.main import main
from probes.runs.folder import RunFolder
from probes.store.store import _TABLES


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs of controls, one of them deeper in the folder, and one that was not finished."""
    path = tmp_path_factory.mktemp("store")
    asked = {"label_modes": ("gold", "random"), "shots": (0, 2), "queries": 6}
    probes.run(("gold-follower", "uniform"), "sentiment", out=path / "one", **asked)
    probes.run("majority", "parity", out=path / "deeper" / "two", **asked)
    probes.run("majority", "parity", out=path / "broken", **asked)
    folder = RunFolder(path / "broken")
    folder.write_manifest(folder.manifest | {"state": "running"})
    return path


@pytest.fixture
def store(made, tmp_path):
    """A copy of them."""
    return probes.open_store(shutil.copytree(made, tmp_path / "copy"))


def test_every_run_is_found_and_unfinished_ones_tell_nothing(store):
    assert list(store.runs["run"]) == ["broken", "deeper/two", "one"]
    found = store.sql("SELECT DISTINCT run FROM answers ORDER BY run")
    assert list(found["run"]) == ["deeper/two", "one"]


def test_answers_are_those_of_the_runs(store):
    found = store.sql(
        "SELECT run, model, count(*) AS prompts, avg(accuracy) AS accuracy FROM answers GROUP BY ALL ORDER BY ALL"
    )
    rows = []
    for name in ("deeper/two", "one"):
        answers = store.folders[name].answers()
        for model, group in answers.groupby(answers["model"].astype(str)):
            rows.append([name, model, len(group), group["accuracy"].mean()])
    expected = pd.DataFrame(sorted(rows), columns=list(found.columns))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_metrics_and_models_are_those_of_the_runs(store):
    metrics = store.folders["one"].metrics()
    found = store.sql("SELECT * FROM metrics WHERE run = 'one'")
    assert len(found) == len(metrics)
    np.testing.assert_allclose(np.sort(found["estimate"]), np.sort(metrics["estimate"]))
    for name in ("metric", "normalisation"):
        assert sorted(found[name].fillna("")) == sorted(metrics[name].fillna("").astype(str))
    assert set(store.sql("SELECT model FROM models")["model"]) == {"gold-follower", "uniform", "majority"}


def test_tables_are_kept_and_made_again_where_scores_changed(store, monkeypatch):
    count = "SELECT count(*) AS n FROM answers WHERE run = 'one'"
    before = store.sql(count)["n"][0]
    path = store.folders["one"].path
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "answers", lambda folder: pytest.fail("the kept table does"))
        assert store.sql(count)["n"][0] == before
    (path / _TABLES / "answers.parquet").write_bytes(b"damaged")
    assert store.sql(count)["n"][0] == before
    again = probes.run(
        ("gold-follower", "uniform"), "sentiment", label_modes="gold", shots=2, queries=3, out=path.parent / "new"
    )
    shutil.rmtree(path / "scores")
    shutil.copytree(again.path / "scores", path / "scores")
    manifest = RunFolder(path).manifest
    RunFolder(path).write_manifest(manifest | {"stored": again.manifest["stored"]})
    assert store.sql(count)["n"][0] == len(again.answers())


def test_a_store_that_may_not_be_written_is_read_all_the_same(store, monkeypatch):
    from probes import disk

    write = disk.write_whole

    def refusing(path, content):
        if _TABLES in path.parts:
            raise disk.DiskError("the folder cannot be written", "choose another")
        write(path, content)

    monkeypatch.setattr(disk, "write_whole", refusing)
    with pytest.warns(UserWarning, match="2 tables are made for this command only.*: the folder cannot be written"):
        assert store.sql("SELECT count(*) AS n FROM answers")["n"][0] > 0
    assert not (store.folders["one"].path / _TABLES / "answers.parquet").exists()


@pytest.mark.parametrize(
    "query",
    [
        "DROP VIEW answers",
        "CREATE TABLE t AS SELECT * FROM answers",
        "COPY (SELECT * FROM answers) TO '{out}'",
        "SELECT 1; DROP VIEW answers",
        "ATTACH '{out}' AS other",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "",
    ],
)
def test_what_is_not_one_select_is_refused(store, query, tmp_path):
    out = tmp_path / "written"
    with pytest.raises(UserError, match="one SELECT at a time"):
        store.sql(query.format(out=out))
    assert not out.exists()


@pytest.mark.parametrize("source", ["read_text('{file}')", "read_csv('{file}')", "'{file}'", "glob('{folder}/*')"])
def test_other_files_cannot_be_read(store, source, tmp_path):
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="cannot be answered"):
        store.sql(f"SELECT * FROM {source.format(file=file, folder=tmp_path)}, (SELECT count(*) FROM answers)")


def test_a_variable_of_python_is_no_table(store):
    here = pd.DataFrame({"a": [1]})
    assert len(here) == 1
    with pytest.raises(UserError, match="cannot be answered"):
        store.sql("SELECT * FROM here")


def test_a_wrong_query_is_told_with_the_tables_that_there_are(store):
    with pytest.raises(UserError, match=r"nowhere.*the tables are answers, metrics, fits, models, runs"):
        store.sql("SELECT * FROM nowhere")


def test_fits_have_rows_of_their_parameters(store):
    folder = store.folders["one"]
    assert store.sql("SELECT count(*) AS n FROM fits")["n"][0] == 0
    fit = folder.fit("pure-drift", draws=60, tune=60, chains=2, model="uniform")
    found = store.sql("SELECT * FROM fits")
    draws = fit.tree["posterior"].to_dataset()
    assert len(found) == sum(values.isel(chain=0, draw=0).size for values in draws.data_vars.values())
    assert set(found["account"]) == {"pure-drift"}
    name, values = next((name, values) for name, values in draws.data_vars.items() if values.ndim > 2)
    mine = found[found["parameter"].str.startswith(f"{name}[")]
    np.testing.assert_allclose(mine["mean"], values.mean(("chain", "draw")).to_numpy().ravel())
    np.testing.assert_allclose(mine["low"], values.quantile(0.05, ("chain", "draw")).to_numpy().ravel())


def test_places_without_runs_are_refused(tmp_path):
    with pytest.raises(UserError, match="no run lies in"):
        probes.open_store(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        probes.open_store(tmp_path / "nothing")


def test_the_command_prints_and_writes_what_the_query_gives(made, tmp_path, capsys):
    copy, out = shutil.copytree(made, tmp_path / "copy"), tmp_path / "found.csv"
    query = "SELECT model, count(*) AS prompts FROM answers GROUP BY model ORDER BY model"
    assert main(["query", str(copy), query, "--out", str(out)]) == 0
    assert "gold-follower" in capsys.readouterr().out
    assert list(pd.read_csv(out)["model"]) == ["gold-follower", "majority", "uniform"]
    assert main(["query", str(copy)]) == 0
    said = capsys.readouterr().out
    assert "3 runs in" in said
    assert "answers: one row per prompt" in said
    assert "label_mode" in said
    assert main(["query", str(copy), "SELECT * FROM answers WHERE false"]) == 0
    assert capsys.readouterr().out.strip() == "no rows"
    assert main(["query", str(copy), query, "--out", str(tmp_path / "found.txt")]) == 2


def test_a_spreadsheet_takes_no_text_for_a_formula(made, tmp_path):
    copy, out = shutil.copytree(made, tmp_path / "copy"), tmp_path / "found.csv"
    query = "SELECT '=1+1' AS a, '-2' AS b, '@x' AS c, 'plain' AS d, -2.5 AS e FROM runs LIMIT 1"
    assert main(["query", str(copy), query, "--out", str(out)]) == 0
    assert out.read_text() == "a,b,c,d,e\n'=1+1,'-2,'@x,plain,-2.5\n"
