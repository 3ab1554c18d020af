"""The models of a run: what its folder records of them, two of one name, and those that were given in Python."""

import json

import numpy as np
import pandas as pd
import pytest
from small_runs import SMALL, Recorder, plan_with, run_experiment
from transformers import AutoModelForCausalLM, AutoTokenizer

from icl.errors import UserError
from probes.cli.main import main
from probes.models import ModelSpec, from_callable, from_transformers
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import read_experiment, write_experiment
from probes.runs.folder import RunFolder
from probes.runs.models import MODEL_COLUMNS, model_table
from probes.runs.opening import create_run, open_run
from probes.runs.plan import make_plan

ASKED = {"task": "sentiment", "probes": ("shots",), "shots": (0, 2), "queries": 3}


def manifest_with(folder: RunFolder, **changed) -> None:
    manifest = json.loads((folder.path / "manifest.json").read_text())
    manifest["models"]["recorder"] |= changed
    (folder.path / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def recorded(tmp_path) -> RunFolder:
    folder = create_run(tmp_path / "run", SMALL)
    execute(folder, plan_with(Recorder()))
    return folder


def test_two_precisions_of_a_model_stand_in_one_run_under_their_own_names(tmp_path, tiny_lm):
    folder = run_experiment(Experiment(models=(str(tiny_lm), f"{tiny_lm}:bfloat16"), **ASKED), tmp_path / "run")
    assert set(folder.scores()["model"]) == {"tiny-lm", "tiny-lm:bfloat16"}
    models = folder.models().set_index("model")
    assert list(models.index) == ["tiny-lm", "tiny-lm:bfloat16"]
    assert models["dtype"].tolist() == ["float32", "bfloat16"]
    assert models["num_parameters"].nunique() == 1
    assert models["training_tokens"].isna().all()
    assert models["is_tuned"].isna().all()
    assert models["spec"].tolist() == [str(tiny_lm), f"{tiny_lm}:bfloat16"]
    weights = [json.loads(identity)["weights"] for identity in models["identity"]]
    assert weights[0] == weights[1]


def test_equal_names_are_refused(tmp_path, tiny_lm):
    other = tmp_path / "tiny-lm"
    other.symlink_to(tiny_lm)
    with pytest.raises(UserError, match=r"two models go by the same name \(tiny-lm, tiny-lm\); rename .* a label"):
        make_plan(Experiment(models=(str(tiny_lm), str(other)), **ASKED))


def test_the_model_table_has_its_declared_columns(recorded):
    table = recorded.models()
    assert table.dtypes.astype(str).to_dict() == {column.name: column.dtype for column in MODEL_COLUMNS}
    assert table["model"].tolist() == ["recorder"]
    assert model_table({}).dtypes.equals(table.dtypes)


def test_models_of_earlier_labs_are_read_by_their_identity(recorded):
    before = recorded.models()
    manifest = json.loads((recorded.path / "manifest.json").read_text())
    manifest["models"] = {name: record["identity"] for name, record in manifest["models"].items()}
    (recorded.path / "manifest.json").write_text(json.dumps(manifest))
    assert recorded.models()["identity"].equals(before["identity"])
    assert pd.isna(recorded.models()["num_parameters"][0])
    execute(recorded, plan_with(Recorder()))  # and goes on
    with pytest.raises(UserError, match=r"holds scores of a different 'recorder' \(version was 1, now 2\)"):
        execute(recorded, plan_with(Recorder(version="2")))
    assert recorded.models().equals(before.assign(spec="recorder"))


TABLES = """
task = "sentiment"
probes = "shots"
shots = [0, 2]
queries = 3

[[models]]
name = "{0}"
dtype = "bfloat16"
label = "halved"
parameters = 7
training_tokens = 1_000_000
tuned = true

[[models]]
name = "uniform"
"""


def test_a_table_for_each_model_is_read_asked_and_written(tmp_path, tiny_lm):
    (tmp_path / "e.toml").write_text(TABLES.format(tiny_lm.as_posix()))
    experiment = read_experiment(tmp_path / "e.toml")
    assert experiment.models == (
        ModelSpec(
            name=str(tiny_lm), dtype="bfloat16", label="halved", parameters=7, training_tokens=1_000_000, tuned=True
        ),
        ModelSpec(name="uniform"),
    )
    folder = run_experiment(experiment, tmp_path / "run")
    assert folder.experiment.models == experiment.models
    halved = folder.models().set_index("model").loc["halved"]
    assert (halved["num_parameters"], halved["training_tokens"], halved["is_tuned"]) == (7, 1_000_000, True)
    assert halved["dtype"] == "bfloat16"


def test_what_is_known_of_a_model_may_be_added_later(tmp_path, tiny_lm):
    first = Experiment(models=str(tiny_lm), **ASKED)
    run_experiment(first, tmp_path / "run")
    later = Experiment(models=ModelSpec(name=str(tiny_lm), training_tokens=9), **ASKED)
    folder = run_experiment(later, tmp_path / "run")
    assert folder.models()["training_tokens"].tolist() == [9]
    assert folder.experiment.models[0].training_tokens == 9
    with pytest.raises(
        UserError, match=r"holds a different experiment \(models was .*tiny-lm, now .*tiny-lm:bfloat16\)"
    ):
        create_run(tmp_path / "run", Experiment(models=f"{tiny_lm}:bfloat16", **ASKED))


def test_paths_of_models_keep_their_precision_from_any_folder(tmp_path, tiny_lm, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m@1").symlink_to(tiny_lm)
    monkeypatch.chdir(tmp_path)
    asked = ("models/m@1:bfloat16", ModelSpec(name="models/m@1", label="plain"))
    write_experiment(Experiment(models=asked, **ASKED), tmp_path / "models" / "e.toml")
    text = (tmp_path / "models" / "e.toml").read_text()
    assert '"./m@1:bfloat16"' in text
    assert 'name = "./m@1"' in text
    found = read_experiment(tmp_path / "models" / "e.toml").models
    assert [str(found[0]), found[1].name] == ["./models/m@1:bfloat16", "./models/m@1"]


def test_a_model_in_memory_is_run_resumed_and_recorded(tmp_path, tiny_lm):
    def given():
        model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_lm), AutoTokenizer.from_pretrained(tiny_lm)
        return from_transformers(model, tokenizer, name="mine", training_tokens=5)

    spec = given()
    folder = run_experiment(Experiment(models=(spec, str(tiny_lm)), **ASKED), tmp_path / "run")
    scores = folder.scores().pivot(
        index=["prompt_id", "query_id", "demonstration_set_id", "candidate"], columns="model"
    )
    np.testing.assert_array_equal(scores["logprob"]["mine"], scores["logprob"]["tiny-lm"])
    mine = folder.models().set_index("model").loc["mine"]
    assert (mine["spec"], mine["training_tokens"]) == ("python:mine", 5)
    run_experiment(Experiment(models=(given(), str(tiny_lm)), **ASKED), tmp_path / "run")  # the same weights
    next(spec.given.model.parameters()).data[0, 0] += 1
    with pytest.raises(UserError, match=r"holds scores of a different 'mine' \(weights was "):
        run_experiment(Experiment(models=(spec, str(tiny_lm)), **ASKED), tmp_path / "run")


def test_a_run_of_a_function_cannot_be_rerun_from_the_command_line(tmp_path, capsys):
    even = from_callable(lambda prompts: [[-1.0] * len(one.candidates) for one in prompts], name="even")
    folder = run_experiment(Experiment(models=(even, "uniform"), **ASKED), tmp_path / "run")
    assert (folder.scores().loc[lambda rows: rows["model"] == "even", "logprob"] == -1).all()
    assert main(["report", str(folder.path)]) == 0  # all but asking goes on as with any run
    assert main(["run", str(folder.path / "experiment.toml"), "--out", str(folder.path)]) == 2
    assert (
        "model 'even' was given in Python and cannot be found by its name; run it from Python"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ('models = [{revision = "v1"}]', "a model has no name"),
        ('models = [{name = "uniform", label = 3}]', "label of a model must be a string, got 3"),
        ("models = [3]", "models in experiment e.toml must be a string or a list of strings, got"),
        ('models = ["gpt2@"]', "'gpt2@' names no revision"),
    ],
)
def test_bad_models_of_a_file_are_refused(tmp_path, models, message):
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "e.toml"
    path.write_text(f'{models}\ntask = "parity"')
    with pytest.raises(UserError, match=message):
        read_experiment(path)


def test_objects_that_are_no_models_are_refused_with_what_to_write(monkeypatch):
    import jaxtyping

    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as outside of tests
    with pytest.raises(UserError, match=r"got a function; a model in memory .* a function by from_callable"):
        Experiment(models=lambda prompts: [], **ASKED)


def test_a_damaged_model_table_is_one_sentence(recorded):
    manifest_with(recorded, num_parameters="many")
    with pytest.raises(UserError, match=r"num_parameters of models in a manifest must be Int64, got \['many'\]"):
        open_run(recorded.path).models()
