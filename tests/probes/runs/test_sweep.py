"""Sweeps: cells are those of itertools, killed sweeps end as undisturbed ones, and nothing is asked twice."""

import json
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from icl.errors import UserError
from probes.cli.main import main
from probes.runs import asking, units
from probes.runs.folder import RunFolder
from probes.runs.resources import Resources
from probes.runs.sweep import run_sweep
from probes.runs.sweep_file import read_sweep
from probes.runs.sweep_plan import hours_with
from probes.scorers.controls import ControlScorer

BASE = {
    "task": "topic",
    "label_modes": ["gold", "random"],
    "shots": [0, 2],
    "queries": 2,
    "demonstration_sets": 2,
    "calibrate": False,
}
GRID = {"model": ["majority", "recency"], "seed": [0, 1]}


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    monkeypatch.setattr(units, "_PROMPTS_IN_UNIT", 5)
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 6)


def write(folder: Path, sweep: dict, name: str = "sweep.toml", **base) -> Path:
    path = folder / name
    path.write_text(tomli_w.dumps(BASE | base | {"sweep": sweep}))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_sweep(path)
    return str(caught.value)


MODELS, SEEDS = ["majority", "recency", "uniform"], [0, 1, 2]


@settings(deadline=None, max_examples=10)
@given(
    models=st.lists(st.sampled_from(MODELS), min_size=1, unique=True),
    seeds=st.lists(st.sampled_from(SEEDS), min_size=1, unique=True),
    queries=st.lists(st.integers(1, 9), min_size=1, max_size=2, unique=True),
    data=st.data(),
)
def test_cells_are_the_product_less_excludes_and_more_by_includes(tmp_path_factory, models, seeds, queries, data):
    whole = list(product(models, seeds, queries))
    keys = data.draw(st.lists(st.sampled_from(range(3)), unique=True, min_size=1))
    picked = data.draw(st.sampled_from(whole))
    exclude = {("model", "seed", "queries")[key]: picked[key] for key in keys}
    left = [cell for cell in whole if any(cell[key] != picked[key] for key in keys)]
    include = {"model": "gold-follower", "seed": 7, "queries": 2}
    sweep = {"grid": {"model": models, "seed": seeds, "queries": queries}, "exclude": [exclude], "include": [include]}
    base = {name: value for name, value in BASE.items() if name != "queries"}
    path = tmp_path_factory.mktemp("sweep") / "sweep.toml"
    path.write_text(tomli_w.dumps(base | {"sweep": sweep}))
    found = [
        (*cell.experiment.models, cell.experiment.seed, cell.experiment.queries) for cell in read_sweep(path).cells
    ]
    assert found == [*left, ("gold-follower", 7, 2)]
    names = [cell.name for cell in read_sweep(path).cells]
    assert len({name.lower() for name in names}) == len(found)


def test_a_list_of_cells_overrides_what_stands_outside(tmp_path):
    path = write(tmp_path, {"cell": [{"model": "majority", "queries": 5}, {"models": ["majority", "recency"]}]})
    asked = [cell.experiment for cell in read_sweep(path).cells]
    assert [(one.models, one.queries) for one in asked] == [(("majority",), 5), (("majority", "recency"), 2)]


def test_names_are_safe_and_tell_hostile_values_apart(tmp_path):
    columns = ["a/b", "a\\b", "a:b", "..", "CON", "x" * 300, "é", "E\u0301"]
    path = write(tmp_path, {"grid": {"input_column": columns}}, models="majority")
    names = [cell.name for cell in read_sweep(path).cells]
    assert len({name.lower() for name in names}) == len(columns)
    for name in names:
        assert len(name) <= 120
        assert name.replace("-", "").replace("_", "").replace(".", "").isalnum()
        assert name.isascii()
        assert not name.startswith((".", "-"))


@pytest.mark.parametrize(
    ("sweep", "base", "said"),
    [
        ({"grid": {"modle": ["majority"]}}, {}, "no axis of a sweep .* 'modle'.*Did you mean 'model'"),
        ({"grid": {"model": ["majority", "majority"]}}, {}, "axis models .* names majority twice"),
        ({"grid": {"model": ["majority"], "models": ["recency"]}}, {}, "names the axis models twice"),
        ({"grid": {"model": ["majority"], "queries": [1]}}, {}, "queries both outside and inside"),
        ({"grid": {"model": "majority"}}, {}, "must be a list of values, got 'majority'"),
        ({"grid": {"model": []}}, {}, "leaves no cell"),
        ({}, {"models": "majority"}, "leaves no cell"),
        ({"grid": {"model": ["majority"]}, "exclude": [{"model": "majority"}]}, {}, "leaves no cell"),
        ({"grid": {"model": ["majority"]}, "exclude": [{"model": "recency"}]}, {}, "matches no cell"),
        ({"grid": {"model": ["majority"]}, "include": [{"model": "majority"}]}, {}, "the same cell twice"),
        ({"grid": {"model": ["majority"]}, "cell": [{"seed": 1}]}, {}, "both a .sweep.grid. and"),
        (
            {"grid": {"model": ["majority"], "seed": ["two"]}},
            {},
            "seed in experiment sweep.toml must be a whole number",
        ),
        ({"grid": {"model": ["majority"], "seed": [-1]}}, {}, "seed cannot be negative, got -1"),
        ({"grid": {"seed": [1]}}, {}, "lacks models; add it"),
        ({"grdi": {"seed": [1]}}, {}, "no part of .sweep. in sweep.toml 'grdi'.*Did you mean 'grid'"),
        ({"include": {"seed": 1}}, {}, "must be a list of tables"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_said_in_a_sentence(tmp_path, sweep, base, said):
    path = write(tmp_path, sweep, **base)
    with pytest.raises(UserError, match=said):
        read_sweep(path)
    assert main(["sweep", str(path), "--out", str(tmp_path / "store")]) == 2
    assert not (tmp_path / "store").exists()


def test_a_sweep_is_no_experiment_and_the_other_way_round(tmp_path, capsys):
    path = write(tmp_path, {"grid": GRID})
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 2
    assert "use `probe sweep" in capsys.readouterr().err
    path.write_text(tomli_w.dumps(BASE | {"models": "majority"}))
    assert "has no part [sweep]" in refusal(path)


class Asked:
    """Counts the questions that controls are asked, by model and seed-free identity, and can kill."""

    def __init__(self, monkeypatch):
        self.questions: list[tuple[str, str]] = []
        self.kill_after: int | None = None
        answer = ControlScorer.answer

        def counted(scorer, prompts, *, progress=None):
            for place, found in answer(scorer, prompts, progress=progress):
                if self.kill_after is not None and len(self.questions) >= self.kill_after:
                    raise KeyboardInterrupt
                self.questions.append((scorer.name, prompts[place].prompt_id))
                yield place, found

        monkeypatch.setattr(ControlScorer, "answer", counted)


def tables(store: Path) -> dict[str, pd.DataFrame]:
    return {record.parent.name: RunFolder(record.parent).scores() for record in store.glob("*/experiment.toml")}


def assert_same(store: Path, other: Path) -> None:
    found, expected = tables(store), tables(other)
    assert set(found) == set(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table)
        pd.testing.assert_frame_equal(RunFolder(store / name).metrics(), RunFolder(other / name).metrics())


def test_a_sweep_that_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path, monkeypatch):
    sweep = read_sweep(write(tmp_path, {"grid": GRID}))
    run_sweep(sweep, tmp_path / "whole")
    asked = Asked(monkeypatch)
    kills = 0
    while kills < 40:
        stored = {(model, key[-1]) for folder in _runs(tmp_path / "killed") for model, key in _stored(folder)}
        before = len(asked.questions)
        asked.kill_after = before + 9
        try:
            run_sweep(sweep, tmp_path / "killed")
            break
        except KeyboardInterrupt:
            kills += 1
        new = asked.questions[before:]
        assert len(new) == len(set(new))
        finished = {work for work in stored if work in new}
        assert not finished - _shared_between_cells(tmp_path / "killed")
    assert kills > 2
    assert_same(tmp_path / "killed", tmp_path / "whole")


def _runs(store: Path) -> list[RunFolder]:
    return [RunFolder(record.parent) for record in sorted(store.glob("*/experiment.toml"))]


def _stored(folder: RunFolder) -> list[tuple[str, tuple]]:
    return [(model, key) for model, keys in folder.stored_prompts().items() for key in keys]


def _shared_between_cells(store: Path) -> set[tuple[str, str]]:
    """Questions that several cells ask: each run asks its own, since controls keep no answers for other runs."""
    counts: dict[tuple[str, str], int] = {}
    for folder in _runs(store):
        for question in {(model, key[-1]) for model, key in _stored(folder)}:
            counts[question] = counts.get(question, 0) + 1
    return {question for question, number in counts.items() if number > 1}


def test_a_finished_sweep_asks_nothing_and_more_cells_ask_only_theirs(tmp_path, monkeypatch):
    asked = Asked(monkeypatch)
    run_sweep(read_sweep(write(tmp_path, {"grid": GRID})), tmp_path / "store")
    first, asked.questions[:] = list(asked.questions), []
    assert first
    run_sweep(read_sweep(write(tmp_path, {"grid": GRID})), tmp_path / "store")
    assert asked.questions == []
    wider = {"grid": GRID | {"seed": [0, 1, 2]}}
    works = run_sweep(read_sweep(write(tmp_path, wider)), tmp_path / "store")
    assert len(works) == 6
    assert len(asked.questions) < len(first)
    assert all(work.folder.manifest["state"] == "finished" for work in works)


def test_a_run_folder_is_found_by_what_it_holds_and_not_by_its_name(tmp_path, monkeypatch):
    sweep = read_sweep(write(tmp_path, {"grid": GRID}))
    store = tmp_path / "store"
    run_sweep(sweep, store)
    (store / sweep.cells[0].name).rename(store / "renamed")
    asked = Asked(monkeypatch)
    works = run_sweep(sweep, store)
    assert asked.questions == []
    assert "renamed" in {work.folder.path.name for work in works}
    assert len(list(store.glob("*/experiment.toml"))) == 4


def test_a_changed_sweep_is_refused_and_keeps_what_was_scored(tmp_path, capsys):
    store = tmp_path / "store"
    assert main(["sweep", str(write(tmp_path, {"grid": GRID})), "--out", str(store)]) == 0
    before = tables(store)
    assert main(["sweep", str(write(tmp_path, {"grid": GRID}, queries=4)), "--out", str(store)]) == 2
    assert "holds a different experiment (queries was 2, now 4)" in capsys.readouterr().err
    for name, table in tables(store).items():
        pd.testing.assert_frame_equal(table, before[name])


def test_lost_scores_are_asked_again(tmp_path, monkeypatch):
    sweep = read_sweep(write(tmp_path, {"grid": GRID}))
    run_sweep(sweep, tmp_path / "store")
    run_sweep(sweep, tmp_path / "whole")
    next((tmp_path / "store" / sweep.cells[0].name / "scores").glob("*.parquet")).unlink()
    asked = Asked(monkeypatch)
    run_sweep(sweep, tmp_path / "store")
    assert 0 < len(asked.questions) < 20
    assert_same(tmp_path / "store", tmp_path / "whole")


def test_a_cell_that_fails_leaves_the_others_complete(tmp_path, monkeypatch):
    answer = ControlScorer.answer

    def failing(scorer, prompts, *, progress=None):
        if scorer.name == "majority":
            raise UserError("the model is out of order.")
        yield from answer(scorer, prompts, progress=progress)

    monkeypatch.setattr(ControlScorer, "answer", failing)
    sweep = read_sweep(write(tmp_path, {"grid": GRID}))
    with pytest.raises(UserError, match=r"2 of 4 cells .* models majority, seed 0: the model is out of order"):
        run_sweep(sweep, tmp_path / "store")
    states = [folder.manifest["state"] for folder in _runs(tmp_path / "store")]
    assert sorted(states) == ["finished", "finished", "running", "running"]


def test_a_model_is_loaded_once_for_all_its_cells(tmp_path, monkeypatch):
    from probes.scorers.huggingface import HuggingFaceScorer

    loaded, load = [], HuggingFaceScorer._load

    def counted(scorer, loader, what, **options):
        loaded.append((scorer.name, what))
        return load(scorer, loader, what, **options)

    monkeypatch.setattr(HuggingFaceScorer, "_load", counted)
    path = write(tmp_path, {"grid": {"seed": [0, 1], "model": ["ginc-tiny", "ginc-small"]}}, task="ginc")
    works = run_sweep(read_sweep(path), tmp_path / "store", resources=Resources(use_cache=False))
    assert [what for name, what in loaded if what == "weights"] == ["weights"] * 2
    reading = [work.folder.manifest["reading"] for work in works]
    assert len(reading) == 4
    assert all(one["trie_nodes"] < 5000 for told in reading for one in told.values())  # each cell's own


def test_a_plan_counts_what_the_sweep_then_asks(tmp_path, capsys):
    path = write(tmp_path, {"grid": GRID})
    assert main(["plan", str(path), "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    works = run_sweep(read_sweep(path), tmp_path / "store")
    assert len(planned["cells"]) == len(works) == 4
    assert planned["prompts"] == sum(len(_stored(work.folder)) for work in works)
    assert planned["units"] > 4
    assert main(["plan", str(path), "--queries", "5"]) == 2
    assert "--queries does not go with a sweep" in capsys.readouterr().err


def test_hours_are_those_of_the_longest_queue():
    seconds = [3600.0, 1800.0, 1800.0]
    assert [hours_with(workers, seconds) for workers in (1, 2, 3)] == [2.0, 1.0, 1.0]
    rng_free = [3600.0 * (1 + place % 3) for place in range(9)]
    best = min(
        max(sum(s for s, who in zip(rng_free, owners) if who == worker) for worker in (0, 1))
        for owners in product((0, 1), repeat=9)
    )
    assert best <= 3600 * hours_with(2, rng_free) <= best * 7 / 6  # the bound of longest-first on two machines


def test_a_store_in_use_or_that_is_a_run_is_refused(tmp_path, capsys):
    from filelock import FileLock

    path = write(tmp_path, {"grid": GRID})
    store = tmp_path / "store"
    store.mkdir()
    with FileLock(store / ".lock"):
        assert main(["sweep", str(path), "--out", str(store)]) == 2
    assert "another process is writing to" in capsys.readouterr().err
    assert main(["sweep", str(path), "--out", str(store)]) == 0
    run = next(store.glob("*/experiment.toml")).parent
    assert main(["sweep", str(path), "--out", str(run)]) == 2
    assert "is a run folder" in capsys.readouterr().err
    file = tmp_path / "file"
    file.write_text("")
    assert main(["sweep", str(path), "--out", str(file)]) == 2


@pytest.mark.parametrize("address", ["s3://bucket/store", "memory://store"])
def test_an_object_store_is_refused(tmp_path, capsys, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", str(write(tmp_path, {"grid": GRID})), "--out", address]) == 2
    assert "a store is a folder, got the address" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.toml"]


def test_a_full_disk_stops_the_sweep_and_the_same_command_resumes(tmp_path, monkeypatch, capsys):
    path, store = write(tmp_path, {"grid": GRID}), tmp_path / "store"
    add, written = RunFolder.add_scores, []

    def full(self, rows):
        if len(written) == 3:
            import errno

            from probes.disk import _told

            with _told(self.path):
                raise OSError(errno.ENOSPC, "No space left on device")
        written.append(len(rows))
        add(self, rows)

    monkeypatch.setattr(RunFolder, "add_scores", full)
    assert main(["sweep", str(path), "--out", str(store)]) == 2
    assert "no space is left on the disk" in capsys.readouterr().err
    monkeypatch.setattr(RunFolder, "add_scores", add)
    assert main(["sweep", str(path), "--out", str(store)]) == 0
    run_sweep(read_sweep(path), tmp_path / "whole")
    assert_same(store, tmp_path / "whole")
