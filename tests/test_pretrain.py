"""Pretraining on a tiny budget: it learns, it repeats itself, and its checkpoints are scorers."""

import json

import numpy as np
import pytest
import torch

from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import default_family, load_family
from icl.ginc.sampling import sample_documents
from icl.ginc.task import GincTask
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.seeds import Seeds
from probes.cli import main
from probes.pretrain.train import PretrainOptions, _bayes_loss, pretrain, training_windows
from probes.scorers.catalogue import make_scorer
from probes.scorers.huggingface_source import shipped_models

TINY = PretrainOptions(
    num_layers=1, width=32, num_heads=2, tokens=40_000, windows=((0.5, 32), (0.5, 64)), batch_tokens=1024
)


def test_windows_grow_and_add_up_to_the_tokens():
    steps = list(training_windows(TINY))
    assert [length for _, length in steps] == sorted(length for _, length in steps)
    assert sum(documents * length for documents, length in steps) == pytest.approx(TINY.tokens, rel=0.05)


def test_training_learns_and_repeats_itself():
    first, record = pretrain(default_family(), TINY)
    second, _ = pretrain(default_family(), TINY)
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, second.state_dict()[name]), name
    losses = [point["validation_loss"] for point in record["curve"]]
    assert losses[-1] < losses[0] - 0.3
    assert losses[-1] > record["bayes_validation_loss"]
    assert record["family"] == default_family().fingerprint


def test_bayes_loss_is_the_sum_of_exact_predictions(tiny_family):
    documents, _ = sample_documents(tiny_family, num_documents=6, length=8, rng=np.random.default_rng(0))
    total = 0.0
    for document in documents:
        start = np.log(np.mean([tiny_family.start[c][tiny_family.emission == document[0]].sum() for c in range(2)]))
        total += start
        for position in range(1, 8):
            before = infer(tiny_family, document[None, :position], smoothing=0.0)
            total += before.log_predictive[0, 0, document[position]]
    assert _bayes_loss(tiny_family, documents) == pytest.approx(-total / 48, rel=1e-9)


def test_a_checkpoint_is_a_scorer_with_its_family_beside_it(tmp_path, capsys):
    out = tmp_path / "model"
    arguments = ["pretrain", "--out", str(out), "--layers", "1", "--width", "32", "--heads", "2", "--tokens", "2e4"]
    assert main(arguments) == 0
    assert "validation loss" in capsys.readouterr().out
    assert {"model.safetensors", "config.json", "tokenizer.json", "family.npz", "training.json"} <= {
        path.name for path in out.iterdir()
    }
    assert not list(out.glob("*.bin"))
    family = load_family(out / "family.npz")
    assert family.fingerprint == default_family().fingerprint
    task = GincTask(family=family, example_length=4)
    conditions = {Condition.of("gold", "ginc", 3): ("p",)}
    selection = Selection(num_queries=3, num_demonstration_sets=1, balanced=True, seeds=Seeds.same(0))
    scores = make_scorer(str(out), task)(build_prompts(task, conditions, selection))
    total = np.exp(scores).sum(axis=1)
    assert ((total > 0.5) & (total < 1)).all()  # the rest is the start-of-document token's
    assert main(arguments) == 2
    assert "is not empty; choose another --out" in capsys.readouterr().err


def test_training_that_diverges_says_so():
    with pytest.raises(UserError, match="training diverged after"):
        pretrain(default_family(), PretrainOptions(**{**_options(TINY), "adam_learning_rate": 1e30}))


def _options(options: PretrainOptions) -> dict:
    return {name: getattr(options, name) for name in type(options).__dataclass_fields__}


def test_shipped_models_are_small_and_say_how_they_were_made():
    for folder in shipped_models().values():
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 8e6
        record = json.loads((folder / "training.json").read_text())
        assert record["command"].startswith("probe pretrain")
        assert record["seconds"] <= 25 * 60
        assert record["family"] == load_family(folder / "family.npz").fingerprint
        assert len(record["curve"]) >= 20
