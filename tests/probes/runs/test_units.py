"""Work units: any process does one from the run folder, several at once lose nothing, and nothing is asked twice."""

import multiprocessing
import os
from dataclasses import replace

import pandas as pd
import pytest
from small_runs import SMALL, Recorder, in_order, plan_with

from icl.errors import UserError
from probes.runs import asking, units
from probes.runs.execute import do_unit, execute
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.runs.units import make_units, units_done

ASKED = Experiment(
    models=("majority", "recency"),
    task="topic",
    label_modes=("gold", "random"),
    shots=(0, 2),
    queries=3,
    demonstration_sets=4,
)


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    monkeypatch.setattr(units, "_PROMPTS_IN_UNIT", 10)
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 4)


def _do(path, which, die_after):
    """One process of several: does some units; or is killed when so many parts are written."""
    units._PROMPTS_IN_UNIT, asking._WRITTEN_TOGETHER = 10, 4
    folder = RunFolder(path)
    if die_after is not None:
        written = []

        def write(rows, add=RunFolder.add_scores):
            if len(written) == die_after:
                os._exit(9)
            add(folder, rows)
            written.append(len(rows))

        RunFolder.add_scores = lambda self, rows: write(rows)
    for one in which:
        do_unit(folder, one)


def _start(path, which, die_after=None):
    process = multiprocessing.get_context("spawn").Process(target=_do, args=(path, which, die_after))
    process.start()
    return process


def _same_as_alone(folder, tmp_path):
    alone = create_run(tmp_path / "alone" / folder.path.name, ASKED)
    execute(alone, make_plan(ASKED))
    pd.testing.assert_frame_equal(in_order(folder.scores()), in_order(alone.scores()))
    pd.testing.assert_frame_equal(folder.metrics(), alone.metrics())


def test_units_hold_every_prompt_of_every_model_once_and_whole_sets():
    plan = make_plan(ASKED)
    found = make_units(plan)
    assert len(found) > 2
    assert [unit.number for unit in found] == list(range(len(found)))
    for scorer in plan.scorers:
        mine = [unit for unit in found if unit.model == scorer.name]
        assert [place for unit in mine for place in unit.places] == list(range(len(plan.prompts)))
        sets = [{plan.prompts[place].demonstrations.set_id for place in unit.places} for unit in mine]
        assert sum(map(len, sets)) == len(set.union(*sets))
    assert [unit.id for unit in found] == [unit.id for unit in make_units(make_plan(ASKED))]
    assert len({unit.id for unit in found}) == len(found)


@pytest.mark.slow
def test_processes_at_once_lose_nothing_even_where_they_do_the_same_unit(tmp_path):
    folder = create_run(tmp_path / "run", ASKED)
    found = make_units(make_plan(ASKED))
    shares = [[unit.id for unit in found[::2]], [unit.number for unit in found[1::2]] + [found[0].number]]
    processes = [_start(folder.path, share) for share in shares]
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
    plan = make_plan(ASKED)
    assert units_done(plan, found, folder.stored_prompts()) == {unit.id for unit in found}
    execute(folder, plan)
    _same_as_alone(folder, tmp_path)


@pytest.mark.slow
def test_a_killed_unit_loses_no_part_and_is_done_again(tmp_path):
    folder = create_run(tmp_path / "run", ASKED)
    found = make_units(make_plan(ASKED))
    process = _start(folder.path, [0, 1], die_after=6)
    process.join(300)
    assert process.exitcode == 9
    held = sum(map(len, folder.stored_prompts().values()))
    assert held == 22  # five parts of the first unit, one of the second
    plan = make_plan(ASKED)
    assert found[0].id in units_done(plan, found, folder.stored_prompts())
    assert found[1].id not in units_done(plan, found, folder.stored_prompts())
    execute(folder, plan)
    _same_as_alone(folder, tmp_path)


def test_a_unit_done_before_is_not_asked_again_and_questions_of_others_are_known(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    found = make_units(plan_with(Recorder()))
    assert len(found) > 1
    for unit in (*found, found[0]):
        recorder = Recorder()
        before = {key[-1] for keys in folder.stored_prompts().values() for key in keys}
        do_unit(folder, unit.id, plan=plan_with(recorder))
        assert not before & set(recorder.asked)
    again = Recorder()
    execute(folder, plan_with(again))
    assert again.asked == []
    assert folder.manifest["state"] == "finished"


def test_a_part_written_twice_is_the_same_file(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    plan = plan_with(Recorder())
    do_unit(folder, 0, plan=plan)
    parts = {path.name: path.read_bytes() for path in (folder.path / "scores").glob("*.parquet")}
    other = create_run(tmp_path / "elsewhere" / "run", SMALL)
    do_unit(other, 0, plan=plan_with(Recorder()))
    assert {path.name: path.read_bytes() for path in (other.path / "scores").glob("*.parquet")} == parts


def test_a_unit_that_is_not_there_is_said(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    with pytest.raises(UserError, match=r"run has no unit 99; its \d+ units are numbered from 0"):
        do_unit(folder, 99, plan=plan_with(Recorder()))


def test_a_format_search_is_one_unit():
    searched = replace(SMALL, task="sentiment", probes=("format-search",), label_modes=("gold",), shots=(2,))
    plan = make_plan(searched)
    (unit,) = [unit for unit in make_units(plan) if unit.is_search]
    assert unit.places == plan.search.places
