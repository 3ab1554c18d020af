"""Run folders: the same table after any kill, nothing scored twice, damage said in one sentence."""

import json
from dataclasses import replace

import jaxtyping
import numpy as np
import pandas as pd
import pytest
from small_runs import SMALL, Recorder, in_order, plan_with

from icl.errors import UserError
from probes.runs import asking
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import read_experiment, write_experiment
from probes.runs.opening import create_run, open_run
from probes.runs.plan import make_plan
from probes.scorers.scorer import Answer, LabelAnswer


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.mark.parametrize("kill_after", [slow(0), 1, slow(7), 17, slow(30)])
def test_a_killed_run_ends_in_the_same_table(tmp_path, monkeypatch, kill_after):
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 7)
    undisturbed = create_run(tmp_path / "run", SMALL)
    execute(undisturbed, plan_with(Recorder()))
    folder = create_run(tmp_path / "killed" / "run", SMALL)
    first, second = Recorder(kill_after), Recorder()
    with pytest.raises(KeyboardInterrupt):
        execute(folder, plan_with(first))
    execute(create_run(tmp_path / "killed" / "run", SMALL), plan_with(second))
    pd.testing.assert_frame_equal(in_order(folder.scores()), in_order(undisturbed.scores()))
    pd.testing.assert_frame_equal(
        folder.metrics().sort_values(["metric", "score", "contrast", "label_mode", "num_shots"], ignore_index=True),
        undisturbed.metrics().sort_values(
            ["metric", "score", "contrast", "label_mode", "num_shots"], ignore_index=True
        ),
    )
    asked = first.asked + second.asked
    assert sorted(asked) == sorted({prompt.prompt_id for prompt in plan_with(Recorder()).prompts})
    assert folder.manifest["state"] == "finished"


def test_a_finished_run_scores_nothing_again(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Recorder()))
    again = Recorder()
    execute(folder, plan_with(again))
    assert again.asked == []


def test_equal_questions_are_asked_once_and_answered_for_all(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 5)
    several = replace(SMALL, label_modes=("gold", "shuffled", "fraction_correct(0)", "flipped"), shots=(0, 1, 2))
    recorder = Recorder()
    plan = plan_with(recorder, several)
    execute(create_run(tmp_path / "run", several), plan)
    assert len(recorder.asked) == len(set(recorder.asked)) < len(plan.prompts)
    assert set(recorder.asked) == {prompt.prompt_id for prompt in plan.prompts}
    rows = open_run(tmp_path / "run").scores()
    alone = {prompt.prompt_id: Recorder()([prompt])[0] for prompt in plan.prompts}
    gold = {(p.prompt_id, p.query_id): p.gold_label for p in plan.prompts}
    for _, answer in rows.groupby(["label_mode", "num_shots", "demonstration_set_id", "query_id"]):
        prompt_id, query_id = answer[["prompt_id", "query_id"]].iloc[0]
        np.testing.assert_array_equal(answer["logprob"], alone[prompt_id])
        assert answer.loc[answer["is_gold"], "candidate"].tolist() == [gold[prompt_id, query_id]]
    assert len(rows) == 2 * len(plan.prompts)


def test_a_run_folder_of_another_experiment_is_refused(tmp_path):
    create_run(tmp_path / "run", SMALL)
    other = Experiment(models=("majority",), task="parity", label_modes=("gold",), shots=(0, 2), queries=6)
    with pytest.raises(UserError, match=r"holds a different experiment \(label_modes was gold, random, now gold\)"):
        create_run(tmp_path / "run", other)


def test_scores_of_a_changed_model_are_not_mixed(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Recorder()))
    with pytest.raises(UserError, match=r"scores of a different 'recorder' \(version was 1, now 2\)"):
        execute(folder, plan_with(Recorder(version="2")))
    assert len(folder.scores()) > 0


def test_half_written_run_folders_are_said_so(tmp_path):
    with pytest.raises(UserError, match="is not a run folder"):
        open_run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        create_run(tmp_path / "file", SMALL)
    with pytest.raises(UserError, match="is not empty and holds no run"):
        create_run(tmp_path, SMALL)
    folder = create_run(tmp_path / "run", SMALL)
    with pytest.raises(UserError, match=r"manifest\.json is missing or damaged"):
        _ = folder.manifest
    with pytest.raises(UserError, match=r"holds no metrics\.parquet yet; run `probe run"):
        folder.metrics()
    assert folder.fits() == []
    assert folder.comparison() is None
    execute(folder, plan_with(Recorder()))
    (folder.path / "metrics.parquet").write_bytes(b"half")
    with pytest.raises(UserError, match=r"metrics\.parquet is damaged"):
        folder.metrics()


@pytest.mark.parametrize("content", ["", "{}", '{"state": "runn'])
def test_a_damaged_manifest_is_mended_by_the_same_command(tmp_path, content):
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Recorder()))
    (folder.path / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json is missing or damaged .* rerun the same `probe run` command"):
        _ = folder.manifest
    again = Recorder()
    execute(folder, plan_with(again))
    assert again.asked == []
    assert folder.manifest["state"] == "finished"


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    with folder.locked(), pytest.raises(UserError, match="another process is writing to"):
        execute(folder, plan_with(Recorder()))
    execute(folder, plan_with(Recorder()))


def test_a_part_that_stands_there_twice_is_said_so(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Recorder()))
    (part,) = (folder.path / "scores").glob("part-*.parquet")
    (folder.path / "scores" / "copy.parquet").write_bytes(part.read_bytes())
    with pytest.raises(UserError, match=r"scores: .* occur twice .* Remove the part"):
        folder.scores()


def test_an_unfinished_run_is_not_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 7)
    folder = create_run(tmp_path / "run", SMALL)
    with pytest.raises(KeyboardInterrupt):
        execute(folder, plan_with(Recorder(kill_after=20)))
    with pytest.raises(UserError, match="is not finished; rerun the same `probe run` command"):
        folder.check_finished()


def test_a_damaged_part_is_named_and_the_rest_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 7)
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Recorder()))
    whole = in_order(folder.scores())
    part = sorted((folder.path / "scores").glob("part-*.parquet"))[2]
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(UserError, match=rf"{part.name} is damaged .* delete this file"):
        execute(folder, plan_with(Recorder()))
    part.unlink()
    lost = set(whole["prompt_id"]) - set(folder.scores()["prompt_id"])
    again = Recorder()
    execute(folder, plan_with(again))
    assert sorted(again.asked) == sorted(lost)
    assert lost
    pd.testing.assert_frame_equal(in_order(folder.scores()), whole)


def test_an_interrupted_write_leaves_no_half_part(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    (folder.path / "scores").mkdir()
    (folder.path / "scores" / ".part-00000.parquet.123").write_bytes(b"half a part")
    execute(folder, plan_with(Recorder()))
    assert len(folder.scores()) == 2 * len(plan_with(Recorder()).prompts)


def test_experiments_survive_a_round_trip(tmp_path):
    experiment = Experiment(
        models=("a/b", "oracle"), task="ginc", label_modes=("fraction_correct(0.5)",), example_lengths=(3, 5), seed=7
    )
    write_experiment(experiment, tmp_path / "e.toml")
    assert read_experiment(tmp_path / "e.toml") == experiment


SEVERAL = {"models": ("uniform",), "probes": ("shots",), "formats": ("qa",), "label_modes": ("gold",)}
SEVERAL |= {"shots": (4,), "methods": ("direct",), "balances": ("as-drawn",), "label_words": ("odd=o",)}


def test_one_value_may_be_given_by_itself(tmp_path):
    several = Experiment(task="parity", **SEVERAL)
    assert Experiment(task="parity", **{name: one for name, (one,) in SEVERAL.items()}) == several
    assert Experiment(task="parity", **{name: list(values) for name, values in SEVERAL.items()}) == several
    assert replace(several, formats="arrow").formats == ("arrow",)
    lines = [f"{name} = {json.dumps(one)}" for name, (one,) in SEVERAL.items()]
    (tmp_path / "e.toml").write_text("\n".join(['task = "parity"', *lines]), encoding="utf-8")
    assert read_experiment(tmp_path / "e.toml") == several


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": 3}, "models must be a string or a list of strings, got 3"),
        ({"shots": (1, "2")}, r"shots must be a whole number or a list of whole numbers, got \(1, '2'\)"),
        ({"formats": []}, "formats is empty"),
        ({"task": 3}, "task must be a name or a Task, got a int"),
    ],
)
def test_values_of_another_kind_are_refused(monkeypatch, given, message):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as outside of tests
    with pytest.raises(UserError, match=message):
        Experiment(**{"models": "uniform", "task": "parity"} | given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = [", "is not valid TOML"),
        ('task = "parity"', "lacks models"),
        ('models = ["m"]\ntask = "t"\nquerys = 3', "no experiment key in e.toml 'querys'.*Did you mean 'queries'"),
        ('models = ["m"]\ntask = "t"\nqueries = "3"', "queries in experiment e.toml must be a whole number, got '3'"),
        ('models = 3\ntask = "t"', "models in experiment e.toml must be a string or a list of strings, got 3"),
        (
            'models = ["m"]\ntask = "t"\nshots = [1.5]',
            "shots in experiment .* a whole number or a list of whole numbers",
        ),
        ('models = "m"\ntask = "t"\nshots = true', "shots in experiment .* a list of whole numbers, got True"),
        ('models = "m"\ntask = ["t"]', r"task in experiment e.toml must be a string, got \['t'\]"),
        ('models = ["m"]\ntask = "t"\nqueries = 0', "queries must be at least 1"),
        ('models = ["m"]\ntask = "t"\nshots = []', "shots is empty"),
    ],
)
def test_bad_experiments_are_refused(tmp_path, text, message):
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_experiment(tmp_path / "e.toml")


def test_a_missing_experiment_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_experiment(tmp_path / "missing.toml")


def test_probes_unite_their_grids_without_asking_twice():
    plan = make_plan(Experiment(models=("uniform",), task="parity", probes=("label-correctness", "shots"), queries=2))
    questions = [(p.prompt_id, p.query_id, p.demonstrations.set_id, p.demonstrations.label_mode) for p in plan.prompts]
    assert len(set(questions)) == len(questions)
    gold = [p for p in plan.prompts if p.demonstrations.label_mode == "gold" and len(p.demonstrations) == 4]
    assert all(p.probes == ("label-correctness", "shots") for p in gold)


def test_rows_carry_all_provenance(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Recorder()))
    scores = folder.scores()
    assert set(scores["label_mode"]) == {"zero_shot", "gold", "random"}
    random = scores[(scores["label_mode"] == "random") & (scores["num_shots"] == 2)]
    assert random["num_wrong_shown"].between(0, 2).all()
    assert (scores.loc[scores["label_mode"] == "gold", "num_wrong_shown"] == 0).all()
    manifest = json.loads((folder.path / "manifest.json").read_text())
    assert manifest["models"]["recorder"]["identity"] == {"scorer": "recorder", "version": "1"}
    assert manifest["versions"]["torch"]


@pytest.mark.parametrize("kill_after", [slow(5), 31, slow(60)])
def test_companions_are_asked_once_and_survive_a_kill(tmp_path, monkeypatch, kill_after):
    """What contextual calibration compares with stands in the rows, and is read back from them."""
    monkeypatch.setattr(asking, "_WRITTEN_TOGETHER", 7)
    plan = replace(make_plan(SMALL), use_cache=False)
    first, second, whole = Recorder(kill_after), Recorder(), Recorder()
    undisturbed = create_run(tmp_path / "run", SMALL)
    execute(undisturbed, replace(plan, scorers=(whole,)))
    folder = create_run(tmp_path / "killed" / "run", SMALL)
    with pytest.raises(KeyboardInterrupt):
        execute(folder, replace(plan, scorers=(first,)))
    stored = set(folder.scores()["prompt_id"])
    execute(folder, replace(plan, scorers=(second,)))
    assert sorted(whole.asked) == sorted(plan.questions())
    assert not stored & set(second.asked)
    pd.testing.assert_frame_equal(folder.scores(), undisturbed.scores())
    assert folder.scores()[["logprob_prior", "logprob_na", "logprob_mask", "logprob_empty"]].notna().all(axis=None)


def test_rows_come_in_the_order_of_the_plan(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    plan = plan_with(Recorder())  # answers backwards
    execute(folder, plan)
    assert folder.scores().drop_duplicates("number")["prompt_id"].tolist() == [p.prompt_id for p in plan.prompts]


UNTOLD = Answer.of([LabelAnswer(float("nan"), num_tokens=0, reason="beyond the top 5")] * 2)


class Silent(Recorder):
    """A server that knows no number for some candidates, nor how many tokens they have."""

    def answer(self, prompts, *, progress=None):
        for index, answers in super().answer(prompts, progress=progress):
            lost = len(prompts[index].text) % 3 == 0
            yield index, UNTOLD if lost else answers


def test_answers_without_a_number_are_rows_with_a_reason(tmp_path):
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Silent()))
    scores = folder.scores()
    lost = scores["status"] == "unscorable"
    assert 0 < lost.sum() < len(scores)
    assert (scores.loc[lost, "reason"] == "beyond the top 5").all()
    assert scores.loc[lost, ["logprob", "logprob_per_token"]].isna().all(axis=None)
