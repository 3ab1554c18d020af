"""The models of a run: what its folder records of them, two of one name, and those that were given in Python."""

import json

import pandas as pd
import pytest
from small_runs import SMALL, Recorder, plan_with

from icl.errors import UserError
from probes.runs.execute import execute, run_experiment
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder, create_run, open_run
from probes.runs.models import MODEL_COLUMNS, model_table
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
    with pytest.raises(UserError, match=r"holds scores of another 'recorder' \(version was 1, now 2\)"):
        execute(recorded, plan_with(Recorder(version="2")))
    assert recorded.models().equals(before.assign(spec="recorder"))


def test_a_damaged_model_table_is_one_sentence(recorded):
    manifest_with(recorded, num_parameters="many")
    with pytest.raises(UserError, match=r"num_parameters of models in a manifest must be Int64, got \['many'\]"):
        open_run(recorded.path).models()
