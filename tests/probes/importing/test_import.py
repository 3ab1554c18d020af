"""Tables become runs: the same numbers as the run that they came from, conditions apart, mistakes said."""

import json

import numpy as np
import pandas as pd
import pytest

import probes
from icl.errors import UserError
from probes.cli.main import main
from probes.comparison.source import counts_and_folder
from probes.notebook import Run
from probes.runs.artefacts import METRICS, stale
from probes.runs.fits import lay_out
from probes.runs.opening import is_run, open_run

CURVE = pd.DataFrame(
    {
        "name": ["a", "a", "a", "a", "b", "b", "b", "b"],
        "n": [0, 0, 4, 4, 0, 0, 4, 4],
        "seed": [1, 2] * 4,
        "acc": ["0.5", "0.52", "0.7", "0.66", "0.48", "0.5", "0.9", "0.94"],
    }
)
MAP = {"model": "name", "num_shots": "n", "accuracy": "acc"}
SET = {"task": "films", "num_items": 50, "num_candidates": 2}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Run:
    """A run of the lab's own, to be exported and imported again."""
    return probes.run(
        ("gold-follower", "majority"),
        "sentiment",
        label_modes=("gold", "random"),
        shots=(0, 2),
        queries=8,
        demonstration_sets=3,
        out=tmp_path_factory.mktemp("runs") / "run",
    )


def same_numbers(one: pd.DataFrame, other: pd.DataFrame, *, score: str = "") -> None:
    keys = ["model", "metric", "score", "contrast", "label_mode", "format", "num_shots"]
    numbers = ["estimate", "low", "high", "standard_error", "num_prompts", "num_queries", "num_demonstration_sets"]
    both = one.merge(other, on=keys, suffixes=("", "_other"))
    both = both[both["score"] == score] if score else both
    assert len(both) > 4
    for name in numbers:
        np.testing.assert_allclose(
            both[name].astype(float), both[f"{name}_other"].astype(float), atol=1e-9, err_msg=name
        )


def test_right_and_wrong_give_the_numbers_of_the_run_they_came_from(made, tmp_path):
    answers = made.answers()
    columns = ["model", "task", "label_mode", "format", "num_shots", "prediction", "gold", "num_candidates"]
    table = answers[columns].assign(query=answers["query_id"], demonstration_set=answers["demonstration_set_id"])
    run = probes.import_table(table.assign(correct=answers["accuracy"].astype(int)), out=tmp_path / "run")
    same_numbers(run.metrics(), made.metrics(), score="accuracy")
    theirs, mine = (
        metrics[metrics["metric"].isin(["flip_rate", "macro_f1"])] for metrics in (made.metrics(), run.metrics())
    )
    same_numbers(mine, theirs)
    assert repr(run).startswith(f"Run {run.path}: imported, task sentiment, finished")


def test_logprobs_give_the_numbers_of_the_run_they_came_from(made, tmp_path):
    scores = made.scores()
    columns = ["model", "task", "label_mode", "format", "num_shots", "candidate", "is_gold", "logprob"]
    table = scores[columns].assign(query=scores["query_id"], demonstration_set=scores["demonstration_set_id"])
    path = tmp_path / "scores.parquet"
    path.write_bytes(table.to_parquet())
    run = probes.import_table(path, out=tmp_path / "run")
    for score in ("accuracy", "gold_probability", "brier"):
        same_numbers(run.metrics(), made.metrics(), score=score)
    assert run.scores()["num_label_bytes"].notna().all()


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl", "json"])
def test_every_form_of_table_reads_alike(ending, tmp_path):
    path = tmp_path / f"films.{ending}"
    table = CURVE.astype({"acc": float})
    write = {
        "csv": lambda: table.to_csv(index=False).encode(),
        "tsv": lambda: table.to_csv(index=False, sep="\t").encode(),
        "parquet": table.to_parquet,
        "jsonl": lambda: table.to_json(orient="records", lines=True).encode(),
        "json": lambda: table.to_json(orient="records").encode(),
    }
    path.write_bytes(write[ending]())
    run = probes.import_table(path, out=tmp_path / "run", map=MAP, set=SET, cluster="seed")
    counts = run.answers()
    assert (counts["accuracy"] * counts["num_items"]).round().astype(int).tolist() == [25, 26, 35, 33, 24, 25, 45, 47]
    assert counts["seed"].tolist() == ["1", "2"] * 4
    assert set(counts["demonstration_set_id"]) == {"seed=1", "seed=2"}


def test_files_go_side_by_side_and_can_name_their_models(tmp_path):
    for name, rows in CURVE.groupby("name"):
        rows.drop(columns="name").to_csv(tmp_path / f"{name}.csv", index=False)
    mapping = MAP | {"model": "file"}
    tables = [tmp_path / "a.csv", tmp_path / "b.csv"]
    run = probes.import_table(*tables, out=tmp_path / "run", map=mapping, set=SET, cluster="seed")
    assert run.models()["model"].tolist() == ["a", "b"]
    assert [one["name"] for one in json.loads(run.record.read_text())["files"]] == ["a.csv", "b.csv"]


def test_the_same_import_again_changes_nothing_and_another_is_refused(tmp_path):
    arguments = {"out": tmp_path / "run", "map": MAP, "set": SET, "cluster": "seed"}
    first = probes.import_table(CURVE, **arguments)
    before = {path: path.read_bytes() for path in first.path.rglob("*.parquet")}
    probes.import_table(CURVE, **arguments)
    assert before == {path: path.read_bytes() for path in first.path.rglob("*.parquet")}
    with pytest.raises(UserError, match="another import"):
        probes.import_table(CURVE, **arguments | {"set": SET | {"num_candidates": 4}})


def test_metrics_are_stale_when_answers_change(tmp_path):
    run = probes.import_table(CURVE, out=tmp_path / "run", map=MAP, set=SET, cluster="seed")
    path = run.path / METRICS.place
    assert not stale(METRICS, path, METRICS.read(path), run.path)
    (part,) = (run.path / "answers").glob("*.parquet")
    part.write_bytes(pd.read_parquet(part).assign(num_correct=1.0).to_parquet())
    assert "made from other scores" in stale(METRICS, path, METRICS.read(path), run.path)


def test_answers_that_are_gone_are_said_and_imported_again(tmp_path):
    asked = {"map": MAP, "set": SET, "cluster": "seed"}
    run = probes.import_table(CURVE, out=tmp_path / "run", **asked)
    (part,) = (run.path / "answers").glob("*.parquet")
    part.unlink()
    with pytest.raises(UserError, match="has lost 1 of the 1 files that its answers were in"):
        probes.open_run(run.path)
    assert len(probes.import_table(CURVE, out=tmp_path / "run", **asked).answers()) == len(CURVE)


def test_a_wide_table_is_melted(tmp_path):
    wide = pd.DataFrame({"q": [1, 2, 3], "big_right": [1, 0, 1], "small_right": [0, 0, 1]})
    asked = {"map": {"query": "q", "correct": "value"}, "set": {"task": "sums", "num_shots": 0, "chance": 0}}
    run = probes.import_table(wide, out=tmp_path / "run", melt="model=*_right", **asked)
    levels = run.metrics().query("metric == 'accuracy'").set_index("model")["estimate"]
    assert levels.to_dict() == pytest.approx({"big": 2 / 3, "small": 1 / 3})


def test_lists_in_a_cell_are_exploded(tmp_path):
    table = pd.DataFrame({"model": ["m", "m"], "n": [2, 4], "scores": ["[0.5, 0.6]", "[0.7, 0.8]"]})
    asked = {"map": {"num_shots": "n", "accuracy": "scores"}, "set": SET}
    run = probes.import_table(table, out=tmp_path / "run", explode="format=scores", **asked)
    assert run.answers()[["num_shots", "format", "accuracy"]].to_records(index=False).tolist() == [
        (2, "0", 0.5),
        (2, "1", 0.6),
        (4, "0", 0.7),
        (4, "1", 0.8),
    ]


def test_several_columns_can_be_joined(tmp_path, capsys):
    rows = [{"family": "llama", "size": size, "n": n, "acc": 0.5} for size in ("7B", "") for n in (0, 4)]
    asked = {"map": MAP | {"model": "family + size"}, "set": SET}
    run = probes.import_table(pd.DataFrame(rows), out=tmp_path / "run", **asked)
    assert sorted(run.answers()["model"].unique()) == ["llama", "llama-7B"]
    assert "Not used" not in str(run.path.joinpath("import.json").read_text())
    with pytest.raises(UserError, match="no column for model: 'sizes'.*Did you mean 'size'"):
        probes.import_table(pd.DataFrame(rows), out=tmp_path / "other", map=MAP | {"model": "family+sizes"}, set=SET)


def test_tasks_can_be_a_cluster(tmp_path):
    rows = [
        {"model": "m", "task": task, "n": shots, "num_correct": right, "num_items": 100}
        for task, few, many in (("t", 50, 60), ("u", 40, 70), ("v", 30, 45))
        for shots, right in ((0, few), (4, many))
    ]
    run = probes.import_table(pd.DataFrame(rows), out=tmp_path / "run", map={"num_shots": "n"}, cluster="task")
    gain = run.metrics().query("metric == 'shots_gain' and score == 'accuracy'").iloc[0]
    assert gain["task"] == "3 tasks"
    assert gain["estimate"] == pytest.approx(np.mean([0.1, 0.3, 0.15]))
    assert gain["degrees"] == 2


def test_what_is_known_of_models_is_kept(tmp_path):
    table = CURVE.assign(size=[10] * 4 + [20] * 4)
    run = probes.import_table(
        table, out=tmp_path / "run", map=MAP | {"num_parameters": "size"}, set=SET, cluster="seed"
    )
    assert run.models()["num_parameters"].tolist() == [10, 20]


def test_what_is_known_of_models_reaches_fits_and_comparisons(tmp_path):
    """Models of three sizes: populations are regressed on them."""
    rows = [(f"m{size}", size, n, 0.4 + 0.05 * n) for size in (1, 3, 9) for n in (0, 1, 4)]
    table = pd.DataFrame(rows, columns=["model", "size", "n", "accuracy"])
    table.to_csv(tmp_path / "t.csv", index=False)
    run = probes.import_table(
        tmp_path / "t.csv",
        out=tmp_path / "run",
        map={"model": "model", "num_shots": "n", "accuracy": "accuracy", "num_parameters": "size"},
        set={"num_items": 100, "task": "t", "chance": 0.5},
    )
    folder = open_run(run.path)
    assert lay_out([folder], "power").layout.grid.regressors.names == ("tenfold parameters",)
    assert is_run(folder.path)
    assert not is_run(tmp_path)
    counts, _, _ = counts_and_folder(run.path, None, None)
    assert counts.groupby("model")["num_parameters"].first().to_dict() == {"m1": 1, "m3": 3, "m9": 9}


def test_values_of_one_task(tmp_path):
    table = pd.concat([CURVE.assign(task="t"), CURVE.assign(task="u", acc="0.25")])
    told = {"num_items": 50, "num_items[u]": 40, "num_candidates": 2}
    run = probes.import_table(table, out=tmp_path / "run", map=MAP, set=told, cluster="seed")
    assert run.answers().groupby("task")["num_items"].first().to_dict() == {"t": 50, "u": 40}


def test_a_report_is_written_of_counts(tmp_path):
    run = probes.import_table(CURVE, out=tmp_path / "run", map=MAP, set=SET, cluster="seed")
    page = run.report().read_text()
    assert "import.json" in page
    assert "400 answers, counted in 8 rows" in page
    assert "the same queries" not in page
    assert "counted rows per condition (of 50 questions each)" in page


def test_a_dry_run_shows_how_columns_are_understood_and_writes_nothing(tmp_path, capsys):
    CURVE.to_csv(tmp_path / "films.csv", index=False)
    flags = ["--map", "model=name,num_shots=n,accuracy=acc", "--set", "num_items=50", "--cluster", "seed", "--dry-run"]
    assert main(["import", str(tmp_path / "films.csv"), *flags]) == 0
    shown = capsys.readouterr().out
    for said in (
        "column acc",
        "set to 50",
        "cluster",
        "seed=1",
        "called after the file",
        "chance is not known",
        "Nothing was",
    ):
        assert said in shown, said
    assert [path.name for path in tmp_path.iterdir()] == ["films.csv"]
    assert main(["import", str(tmp_path / "films.csv"), *flags, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cluster"] == ["seed"]


def write(tmp_path, table: pd.DataFrame | None = None, **columns) -> str:
    path = tmp_path / "films.csv"
    (CURVE if table is None else table).assign(**columns).to_csv(path, index=False)
    return str(path)


USUAL = ["--map", "model=name,num_shots=n,accuracy=acc", "--set", "num_items=50"]


@pytest.mark.parametrize(
    ("columns", "flags", "message"),
    [
        ({}, [*USUAL, "--map", "format=templat"], "no column for format: 'templat'"),
        ({}, ["--map", "modl=name"], "so much like the field 'model'"),
        ({}, ["--set", "num_itms=50"], "Did you mean 'num_items'"),
        ({}, ["--map", "model=name,accuracy=acc"], "nothing in"),
        ({}, USUAL, "the columns 'seed' tell some of them apart"),
        ({}, [*USUAL, "--cluster", "sed"], "Did you mean 'seed'"),
        ({"acc": "62"}, [*USUAL, "--cluster", "seed"], "looks like percent: map it as percent=COLUMN"),
        (
            {"acc": "0.62"},
            ["--map", "model=name,num_shots=n,percent=acc", "--set", "num_items=50", "--cluster", "seed"],
            "looks like shares",
        ),
        ({"acc": "0.228"}, ["--map", "model=name,num_shots=n,correct=acc,query=seed"], "a share is mapped as accuracy"),
        (
            {"acc": "1"},
            ["--map", "model=name,num_shots=n,accuracy=acc", "--cluster", "seed"],
            "if each row is one question, map it as correct",
        ),
        ({"acc": "0.231"}, [*USUAL, "--cluster", "seed"], "would be 11.55 right answers"),
        (
            {"acc": "1"},
            ["--map", "model=name,num_shots=n,correct=acc,query=seed", "--set", "num_items=50"],
            "num_items means nothing beside it",
        ),
        (
            {"acc": "60"},
            ["--map", "model=name,num_shots=n,num_correct=acc", "--set", "num_items=50", "--cluster", "seed"],
            "60 right of 50",
        ),
        ({"acc": "high"}, [*USUAL, "--cluster", "seed"], "holds 'high' in row 1 (8 such rows), which is no number"),
        (
            {"acc": "52%"},
            [*USUAL, "--cluster", "seed"],
            "which is in percent, and accuracy is a share from 0 to 1; map",
        ),
        ({}, ["--set", "chance=2"], "--set chance=2 is wrong: chance is a share from 0 to 1; correct it."),
        (
            {},
            ["--set", "num_items=foo"],
            "--set num_items=foo is wrong: num_items is a whole number from 0 on; correct",
        ),
        (
            {"acc": ["0.5", "inf", *["0.5"] * 6]},
            [*USUAL, "--cluster", "seed"],
            "holds inf in row 2, and accuracy is a finite one",
        ),
        ({"acc": "0,5"}, [*USUAL, "--cluster", "seed"], "holds '0,5' in row 1 (8 such rows), which has a comma in it"),
        ({"n": ["ten"] * 8}, [*USUAL, "--cluster", "seed"], "holds 'ten' in row 1"),
        ({"acc": "[0.5, 0.6]"}, [*USUAL, "--cluster", "seed"], "holds a list in each cell"),
        ({}, [*USUAL, "--explode", "format=acc"], "which is no list"),
        ({}, [*USUAL, "--melt", "format=x_*"], "has no column like 'x_*'"),
        ({}, [*USUAL, "--melt", "format"], "takes NAME=COLUMN"),
        ({}, [*USUAL, "--only", "name=c"], "no value of name in films.csv 'c'"),
        ({}, [*USUAL, "--set", "num_items=60"], "names num_items twice"),
        ({"correct": 1}, ["--map", "model=name,num_shots=n,correct=acc,accuracy=acc"], "both told"),
        ({}, ["--map", "model=name,num_shots=n", "--cluster", "seed"], "no column tells what was measured"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(columns, flags, message, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["import", write(tmp_path, **columns), *flags, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_folders_and_files_are_not_mixed_up(tmp_path, capsys):
    table, run = write(tmp_path), tmp_path / "run"
    assert main(["fit", table]) == 2
    assert (
        "is a file, and a run folder is wanted; a table of results becomes one by `probe import"
        in capsys.readouterr().err
    )
    assert main(["import", str(tmp_path), "--out", str(run)]) == 2
    assert "tables are imported as files" in capsys.readouterr().err
    assert main(["import", table, *USUAL, "--cluster", "seed", "--out", str(run)]) == 0
    capsys.readouterr()
    assert main(["import", str(run), "--out", str(tmp_path / "other")]) == 2
    assert "is a run folder already" in capsys.readouterr().err
    assert main(["measure", str(run), "--normalisation", "pmi"]) == 2
    assert "imported from a table that has none" in capsys.readouterr().err
    assert main(["run", str(run / "experiment.toml"), "--out", str(run)]) == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "model;n;acc\nm;4;0,5\n", "separates its columns by semicolons, not by commas; save it with commas"),
        ("a.tsv", "model,n,acc\nm,4,0.5\n", "separates its columns by commas, not by tabs"),
    ],
)
def test_columns_that_are_separated_otherwise_are_said(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        probes.import_table(tmp_path / name, out=tmp_path / "run")


@pytest.mark.parametrize("table", [3, ["a.csv", "b.csv"]])
def test_what_is_no_table_is_refused_in_one_sentence(table, tmp_path):
    with pytest.raises(UserError, match="a table is a path or a DataFrame, got (int|list); name several"):
        probes.import_table(table, out=tmp_path / "run")


def test_a_run_that_varies_nothing_says_so_and_advises_no_fit(tmp_path):
    run = probes.import_table(CURVE[CURVE["n"] == 4], out=tmp_path / "run", map=MAP, set=SET, cluster="seed")
    html = run.report().read_text()
    assert "Nothing was varied for a, so there is no effect to report." in html
    assert "Probabilities are not known (the imported table holds no probabilities)." in html
    assert "No law of learning curves" not in html
    assert "There is one number of demonstrations alone" in html


def test_effects_outside_the_main_setting_are_not_denied(tmp_path):
    beside = pd.DataFrame({"name": "a", "n": [0, 4], "acc": "0.5", "step": "2"})
    table = pd.concat([CURVE[["name", "n", "acc"]].iloc[[0]].assign(step="1"), beside])
    run = probes.import_table(table, out=tmp_path / "run", map={**MAP, "step": "step"}, set=SET)
    assert "nothing can be said about effects" not in run.report().read_text()


def test_what_is_held_out_is_a_holdout(tmp_path):
    run = probes.import_table(CURVE, out=tmp_path / "run", map=MAP, set=SET, cluster="seed")
    with pytest.raises(UserError, match="hold_out takes a HoldOut, such as"):
        run.compare(["power"], hold_out=3)


def test_percent_may_have_its_sign(tmp_path):
    table = CURVE.assign(acc=["52.5 %", "50%"] * 4)
    asked = {"map": MAP | {"percent": "acc"}, "set": SET | {"num_items": 40}, "cluster": "seed"}
    asked["map"].pop("accuracy")
    run = probes.import_table(table, out=tmp_path / "run", **asked)
    assert sorted(run.answers()["accuracy"].unique()) == pytest.approx([0.5, 0.525])


def test_shares_that_look_like_single_answers_are_noted(tmp_path):
    run = probes.import_table(CURVE.assign(acc=["1", "0"] * 4), out=tmp_path / "run", map=MAP, set=SET, cluster="seed")
    assert "Every row has all of its questions right, or none" in run.path.joinpath("import.json").read_text()


def test_many_conditions_are_summed_up_on_a_screen_or_two(tmp_path, capsys):
    rows = [
        {
            "model": f"m{model}",
            "format": f"f{n}",
            "num_shots": shots,
            "seed": seed,
            "num_correct": 9 + 7 * model + shots,
        }
        for model in range(5)
        for n in range(10)
        for shots in (0, 4)
        for seed in (1, 2)
    ]
    run = probes.import_table(pd.DataFrame(rows), out=tmp_path / "run", set=SET, cluster="seed")
    assert main(["measure", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 60
    assert "100 conditions of 5 models: accuracy in percent over conditions, best first" in out
    assert "m4 − m0" in out
    assert "differences are paired by task or run" in out.replace("\n  ", " ")
    assert "in metrics.parquet; `probe measure RUN --json`" in out.replace("\n  ", " ")


def test_models_are_compared_on_the_questions_that_both_answered(tmp_path, capsys):
    wide = pd.DataFrame({"q": range(12), "big_right": [1] * 9 + [0] * 3, "small_right": [1, 0] * 6})
    asked = {"map": {"query": "q", "correct": "value"}, "set": {"task": "sums", "num_shots": 0, "chance": 0}}
    run = probes.import_table(wide, out=tmp_path / "run", melt="model=*_right", **asked)
    assert main(["measure", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "Differences between models or variants in accuracy" in out
    assert "−25.0" in out
    assert "so they are paired by question" in out.replace("\n  ", " ")
    assert main(["report", str(run.path)]) == 0
    assert "small − big −25.0" in (run.path / "report.html").read_text()
