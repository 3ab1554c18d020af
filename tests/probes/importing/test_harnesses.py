"""Result files of other harnesses, in the shape that each documents."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import probes
from icl.errors import UserError
from probes.importing.inspect_logs import read_inspect

DATE = "2026-01-01T10-00-00.123456"


def lines(path: Path, records: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def choice(doc: int, logprobs: list[float], gold: int) -> dict:
    """A sample of multiple choice as lm-evaluation-harness logs it since 0.4.3: numbers as text, arguments by name."""
    texts = ["yes", "no", "maybe"][: len(logprobs)]
    resps = [[[str(one), "False"]] for one in logprobs]
    arguments = {f"gen_args_{n}": {"arg_0": f"Question {doc}", "arg_1": f" {text}"} for n, text in enumerate(texts)}
    right = float(int(np.argmax(logprobs)) == gold)
    about = {"doc_id": doc, "doc": {"q": doc}, "target": str(gold), "filter": "none", "metrics": ["acc"], "acc": right}
    return about | {"arguments": arguments, "resps": resps, "filtered_resps": [one[0] for one in resps]}


@pytest.fixture
def folder(tmp_path) -> Path:
    results = {
        "results": {
            "boolq": {"alias": "boolq", "acc,none": 0.5, "acc_stderr,none": 0.1},
            "sums": {"exact_match,strict-match": 0.25},
        },
        "n-shot": {"boolq": 3, "sums": 5},
        "n-samples": {"boolq": {"original": 9, "effective": 4}, "sums": {"original": 8, "effective": 8}},
        "config": {"model": "hf", "model_args": "pretrained=me/small,dtype=float32"},
        "model_name": "me/small",
    }
    place = tmp_path / "me__small"
    place.mkdir()
    (place / f"results_{DATE}.json").write_text(json.dumps(results))
    return place


def test_samples_of_multiple_choice_become_scores(folder, tmp_path):
    asked = [
        choice(0, [-1.0, -2.0], 0),
        choice(1, [-3.0, -0.5], 0),
        choice(2, [-0.2, -4.0], 0),
        choice(3, [-1.0, -0.9], 1),
    ]
    run = probes.import_table(lines(folder / f"samples_boolq_{DATE}.jsonl", asked), out=tmp_path / "run")
    answers = run.answers()
    assert answers[["model", "task", "num_shots"]].drop_duplicates().to_records(index=False).tolist() == [
        ("me/small", "boolq", 3)
    ]
    assert answers["accuracy"].tolist() == [1, 0, 1, 1]
    assert answers["prediction"].tolist() == ["yes", "no", "yes", "no"]
    expected = 1 / (1 + np.exp([-1.0, 2.5, -3.8, -0.1]))
    np.testing.assert_allclose(answers["gold_probability"], expected)
    assert run.answers("per-byte")["prediction"].tolist() == ["yes", "no", "yes", "yes"]


def test_samples_of_an_older_version_and_of_contexts_that_differ(tmp_path):
    old = {
        "doc_id": 7,
        "target": 1,
        "arguments": [["He won because Tom", " ran."], ["He won because Bob", " ran."]],
        "resps": [[[-2.5, False]], [[-1.5, True]]],
        "acc": 1.0,
    }
    path = lines(
        tmp_path / "me__small" / f"samples_winogrande_{DATE}.jsonl", [old, old | {"doc_id": 8, "target": 0, "acc": 0.0}]
    )
    with pytest.raises(UserError, match="tells num_shots"):
        probes.import_table(path, out=tmp_path / "run")
    run = probes.import_table(path, out=tmp_path / "run", set={"num_shots": 0})
    assert run.answers()["candidates"].tolist() == [("0", "1")] * 2
    assert run.answers()["accuracy"].tolist() == [1, 0]
    assert run.models()["model"].tolist() == ["me/small"]
    assert any("taken from the name of the folder" in said for said in run.manifest["notices"])


def test_samples_of_generated_text_keep_filters_apart(folder, tmp_path):
    def sample(doc: int, filter: str, right: float) -> dict:
        return {"doc_id": doc, "target": "#### 4", "resps": [["4"]], "filter": filter, "exact_match": right}

    asked = [sample(0, "strict", 0.0), sample(1, "strict", 1.0), sample(0, "flexible", 1.0), sample(1, "flexible", 1.0)]
    run = probes.import_table(
        lines(folder / f"samples_sums_{DATE}.jsonl", asked), out=tmp_path / "run", set={"chance": 0}
    )
    levels = run.metrics().query("metric == 'accuracy'").set_index("variant")["estimate"]
    assert levels.to_dict() == {"filter=strict": 0.5, "filter=flexible": 1.0}


def test_results_have_accuracy_and_its_number_of_questions(folder, tmp_path):
    run = probes.import_table(folder / f"results_{DATE}.json", out=tmp_path / "run")
    answers = run.answers().set_index("task")
    assert answers["num_items"].to_dict() == {"boolq": 4, "sums": 8}
    assert answers["accuracy"].to_dict() == {"boolq": 0.5, "sums": 0.25}
    assert answers["num_shots"].to_dict() == {"boolq": 3, "sums": 5}


def test_helm_keeps_trials_and_perturbations_apart(tmp_path):
    def instance(number: int, trial: int, right: float, changed: str = "") -> dict:
        name = {"name": "exact_match", "split": "test"}
        stat = {"name": name, "count": 1, "sum": right, "mean": right}
        about = {
            "instance_id": f"id{number}",
            "train_trial_index": trial,
            "stats": [stat, {"name": {"name": "latency"}}],
        }
        return about | ({"perturbation": {"name": changed}} if changed else {})

    stats = [instance(n, trial, right) for n, trial, right in ((1, 0, 1.0), (2, 0, 0.0), (1, 1, 1.0), (2, 1, 1.0))]
    stats += [instance(1, 0, 0.0, "typos")]
    (tmp_path / "per_instance_stats.json").write_text(json.dumps(stats))
    spec = {"name": "mmlu:subject=law,model=me_small", "adapter_spec": {"model": "me/small", "max_train_instances": 5}}
    (tmp_path / "run_spec.json").write_text(json.dumps(spec))
    run = probes.import_table(tmp_path / "per_instance_stats.json", out=tmp_path / "run")
    answers = run.answers()
    assert set(answers["task"]) == {"mmlu:subject=law"}
    assert set(answers["num_shots"]) == {5}
    assert answers["variant"].tolist() == [""] * 4 + ["perturbation=typos"]
    level = run.metrics().query("metric == 'accuracy' and variant == ''").iloc[0]
    assert level["estimate"] == 0.75
    assert level["num_demonstration_sets"] == 2


def test_a_log_of_inspect_asks_for_its_reader(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    path = tmp_path / "log.eval"
    path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"pip install 'icl-probe-lab\[inspect\]'"):
        read_inspect(path)


def test_a_log_of_inspect_is_read_by_its_own_reader(tmp_path):
    log = pytest.importorskip("inspect_ai.log")
    from inspect_ai.scorer import Score

    samples = [
        log.EvalSample(
            id=number, epoch=epoch, input="2 + 2?", target="4", scores={"match": Score(value=value, answer=answer)}
        )
        for number, epoch, value, answer in ((1, 1, "C", "4"), (2, 1, "I", "5"), (1, 2, "C", "4"), (2, 2, "C", "4"))
    ]
    spec = log.EvalSpec(
        created="2026-01-01T00:00:00+00:00",
        task="sums",
        dataset=log.EvalDataset(),
        model="openai/small",
        config=log.EvalConfig(),
        task_args={"fewshot": 3},
    )
    path = tmp_path / "log.eval"
    log.write_eval_log(log.EvalLog(eval=spec, samples=samples, status="success"), str(path))
    run = probes.import_table(path, out=tmp_path / "run", set={"chance": 0})
    answers = run.answers()
    assert answers["accuracy"].tolist() == [1, 0, 1, 1]
    assert answers["prediction"].tolist() == ["4", "5", "4", "4"]
    assert set(answers["demonstration_set_id"]) == {"epoch 1", "epoch 2"}
    assert answers[["model", "task", "num_shots"]].drop_duplicates().to_records(index=False).tolist() == [
        ("openai/small", "sums", 3)
    ]


def test_a_plain_table_may_have_such_a_name(tmp_path):
    path = lines(tmp_path / "samples_mine.jsonl", [{"model": "m", "num_shots": 0, "query": 1, "correct": 1}])
    assert probes.import_table(path, out=tmp_path / "run").answers()["accuracy"].tolist() == [1]
