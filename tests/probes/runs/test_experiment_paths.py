"""Paths in experiment files: from the file's folder, alike from wherever it is read, and never another file's."""

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from icl.errors import UserError
from probes.cli.main import main
from probes.runs.asked_task import load_named_task
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import read_experiment, write_experiment
from probes.runs.opening import create_run
from probes.runs.plan import make_plan

ASKED = {"models": ("uniform",), "shots": (0,), "queries": 2, "demonstration_sets": 1}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project with data, and as working folder another with other data of the same name."""
    for folder, word in (("project", "mine"), ("elsewhere", "other")):
        (tmp_path / folder).mkdir()
        write_data(tmp_path / folder / "data.jsonl", word)
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "project"


def write_data(path: Path, word: str) -> None:
    rows = [{"input": f"{word} {number}", "label": "ab"[number % 2]} for number in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_toml(folder: Path, *lines: str) -> Path:
    path = folder / "e.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def word(experiment: Experiment) -> str:
    return load_named_task(experiment).pool[0].input.split()[0]


def test_a_task_is_taken_from_the_folder_of_the_file(project):
    path = write_toml(project, 'models = ["uniform"]', 'task = "data.jsonl"')
    experiment = read_experiment(path)
    assert (experiment.task, word(experiment)) == ("../project/data.jsonl", "mine")


def test_the_command_line_asks_the_file_beside_the_experiment(project, capsys):
    path = write_toml(project, 'models = ["uniform"]', 'task = "data.jsonl"', "shots = [0]", "queries = 2")
    assert main(["run", str(path), "--out", "again"]) == 0
    manifest = json.loads(Path("again/manifest.json").read_text(encoding="utf-8"))
    assert manifest["source"] == load_named_task(read_experiment(path)).source
    assert word(read_experiment(Path("again/experiment.toml"))) == "mine"
    assert main(["run", str(path), "--out", "again"]) == 0  # resumes
    assert main(["run", "again/experiment.toml", "--out", "third"]) == 0


def test_corpora_families_and_models_are_taken_from_there_too(project):
    for name in ("models/llm", "shelf/a/b"):
        (project / name).mkdir(parents=True)
    names = '["models/llm", "llm.gguf", "../x.gguf", "shelf/a/b", "vllm:models/llm", "vllm:who/what", "who/what"]'
    path = write_toml(project, f"models = {names}", 'task = "ginc"', 'corpus = "sub/c.txt"', 'family = "f.npz"')
    read = read_experiment(path)
    assert (read.task, read.corpus, read.family) == ("ginc", "../project/sub/c.txt", "../project/f.npz")
    here = ("../project/models/llm", "../project/llm.gguf", "../x.gguf", "../project/shelf/a/b")
    assert read.models == (*here, "vllm:../project/models/llm", "vllm:who/what", "who/what")


def test_other_names_stay_although_there_are_folders_of_that_name(project):
    names = ["ginc-small", "uniform", "oracle", "tempered(0.5)", "recency(1)", "http://127.0.0.1:8000/v1#name"]
    for name in (*names[:5], "sentiment", "ginc", "min:glue-rte"):
        (project / name).mkdir()
    for task in ("ginc", "sentiment", "min:glue-rte", "who/what:config@split"):
        read = read_experiment(write_toml(project, f"models = {json.dumps(names)}", f'task = "{task}"'))
        assert (read.task, read.models) == (task, tuple(names))


def test_full_paths_stay(project):
    task, model = str(project / "data.jsonl"), "~/models/llm.gguf"
    read = read_experiment(write_toml(project, f"models = [{json.dumps(model)}]", f"task = {json.dumps(task)}"))
    assert (read.task, read.models) == (task, (model,))
    write_experiment(read, project / "out.toml")
    assert replace(read_experiment(project / "out.toml"), digests=None) == read


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            'task = "only.jsonl"',
            r"only\.jsonl \(task in .*e\.toml\) is in the working folder, .* write \.\./elsewhere/on",
        ),
        ('task = "ginc"\nfamily = "only.jsonl"', r"only\.jsonl \(family in"),
        ('task = "ginc"\nmodels = ["who/what"]', r"who/what \(models in .*; write \.\./elsewhere/who/what\."),
    ],
)
def test_a_file_that_is_only_in_the_working_folder_is_not_asked(project, entry, message):
    shutil.copy("data.jsonl", "only.jsonl")
    Path("who/what").mkdir(parents=True)
    text = entry if "models" in entry else f'models = ["uniform"]\n{entry}'
    with pytest.raises(UserError, match=message):
        read_experiment(write_toml(project, text))


# The record of a run


def test_a_record_means_the_same_from_everywhere(project, monkeypatch):
    monkeypatch.chdir(project)
    asked = Experiment(task="data.jsonl", **ASKED)
    record = create_run(Path("runs/a"), asked).path.resolve() / "experiment.toml"
    assert 'task = "../../data.jsonl"' in record.read_text(encoding="utf-8")
    monkeypatch.chdir(project.parent / "elsewhere")
    again = read_experiment(record)
    assert word(again) == "mine"
    # The same file named from here, by flags or by its record, resumes the run; the file of this folder does not.
    for task in (again.task, str(project / "data.jsonl")):
        create_run(record.parent, Experiment(task=task, **ASKED))
    with pytest.raises(UserError, match="holds a different experiment .task was .*project/data.jsonl, now data.jsonl"):
        create_run(record.parent, Experiment(task="data.jsonl", **ASKED))


def test_a_project_that_is_moved_goes_on(project, monkeypatch):
    monkeypatch.chdir(project)
    create_run(Path("runs/a"), Experiment(task="data.jsonl", **ASKED))
    moved = project.rename(project.with_name("moved"))
    monkeypatch.chdir(moved)
    create_run(Path("runs/a"), Experiment(task="data.jsonl", **ASKED))
    assert word(read_experiment(moved / "runs/a/experiment.toml")) == "mine"


def test_links_to_folders_lead_to_the_same_file(project, monkeypatch):
    (project.parent / "scratch" / "deep").mkdir(parents=True)
    (project / "runs").symlink_to(project.parent / "scratch" / "deep", target_is_directory=True)
    (project / "link.jsonl").symlink_to(project / "data.jsonl")
    monkeypatch.chdir(project)
    for task in ("data.jsonl", "link.jsonl"):
        create_run(Path("runs") / task, Experiment(task=task, **ASKED))
        read = read_experiment(Path("runs") / task / "experiment.toml")
        assert (Path(read.task).name, word(read)) == (task, "mine")


def test_another_file_in_the_place_of_the_first_is_refused(project, monkeypatch):
    monkeypatch.chdir(project)
    create_run(Path("runs/a"), Experiment(task="data.jsonl", **ASKED))
    strange = project.parent / "elsewhere" / "runs" / "a"
    shutil.copytree("runs/a", strange)  # from there ../../data.jsonl is another file
    message = r"'data\.jsonl' is not the file that was asked before: its contents have the digest \w{12}, not \w{12}; "
    with pytest.raises(UserError, match=message + "put that file back, or take `digests` out of"):
        make_plan(read_experiment(strange / "experiment.toml"))
    write_data(Path("data.jsonl"), "changed")
    with pytest.raises(UserError, match=message + "choose another --out than runs/a, or put the file back"):
        create_run(Path("runs/a"), Experiment(task="data.jsonl", **ASKED))


def test_another_corpus_in_the_place_of_the_first_is_refused(project, monkeypatch):
    monkeypatch.chdir(project)
    Path("c.txt").write_text("one\ntwo\n", encoding="utf-8")
    asked = Experiment(task="sentiment", corpus="c.txt", input_modes=("ood",), **ASKED)
    create_run(Path("runs/a"), asked)
    create_run(Path("runs/a"), asked)
    Path("c.txt").write_text("one\nthree\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"'c\.txt' is not the file that was asked before"):
        create_run(Path("runs/a"), asked)


def test_runs_of_earlier_labs_go_on(project, monkeypatch):
    """Their records name files as they were given, from the working folder."""
    monkeypatch.chdir(project)
    asked = Experiment(task="data.jsonl", **ASKED)
    folder = create_run(Path("runs/a"), asked).path
    values = tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))
    del values["digests"]
    (folder / "experiment.toml").write_text(tomli_w.dumps(values | {"task": "data.jsonl"}), encoding="utf-8")
    source = load_named_task(asked).source
    (folder / "manifest.json").write_text(json.dumps({"source": source}), encoding="utf-8")
    before = read_experiment(folder / "experiment.toml")
    assert (before.task, before.digests) == ("data.jsonl", (source.removeprefix("file:"),))
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir(project.parent / "elsewhere")
        with pytest.raises(UserError, match="is not the file that was asked before"):
            make_plan(read_experiment(project / folder / "experiment.toml"))
    create_run(folder, asked)
    assert 'task = "../../data.jsonl"' in (folder / "experiment.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [{"task": "caf\udce9.csv"}, {"corpus": "\udce9.txt"}, {"models": ("m\udce9",)}])
def test_names_that_cannot_be_written_down_are_refused(given):
    with pytest.raises(UserError, match=r"'.*\\udce9.*' holds half a character .*; rename the file or folder"):
        Experiment(**{"task": "sentiment", **ASKED} | given)
