"""Pretraining learns, repeats itself, goes on after a kill as if nothing had happened; its checkpoints score."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from other_seeds import fixed_rng

import probes.pretrain.train as training
from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import default_family, load_family, sample_family
from icl.ginc.sampling import sample_documents
from icl.ginc.task import GincTask
from icl.prompts.build import Condition, Selection, build_prompts
from icl.seeds import Seeds
from probes.cli.main import main
from probes.pretrain.documents import bayes_loss, training_batches, training_windows, validation_documents
from probes.pretrain.models import build_model, hidden_matrices, use_fast_attention
from probes.pretrain.options import ARCHITECTURES, DOCUMENTS, PretrainOptions
from probes.pretrain.train import pretrain
from probes.runs.folder import RunFolder
from probes.runs.option import options_of
from probes.scorers import huggingface_precision
from probes.scorers.catalogue import make_scorer
from probes.scorers.huggingface_source import shipped_models

TINY = PretrainOptions(
    num_layers=1, width=32, num_heads=2, tokens=40_000, windows=((0.5, 32), (0.5, 64)), batch_tokens=1024
)


NAN = float("nan")


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> None:
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, second.state_dict()[name]), name


def test_windows_grow_and_add_up_to_the_tokens():
    steps = training_windows(TINY)
    assert [length for _, length in steps] == sorted(length for _, length in steps)
    assert sum(documents * length for documents, length in steps) == pytest.approx(TINY.tokens, rel=0.05)
    assert [tuple(windows.shape) for windows in training_batches(default_family(), TINY)] == [
        (count, length + 1) for count, length in steps
    ]


@pytest.mark.parametrize("corpus", [None, (3, 200)])
def test_the_windows_of_a_step_do_not_depend_on_where_one_begins(corpus):
    options = replace(TINY, tokens=400_000, corpus=corpus)
    everything = list(training_batches(default_family(), options))
    for first in (1, 63, 64, 100, 200, len(everything) - 1):
        rest = list(training_batches(default_family(), options, first_step=first))
        assert len(rest) == len(everything) - first
        np.testing.assert_array_equal(rest[0], everything[first])
        np.testing.assert_array_equal(rest[-1], everything[-1])


def test_windows_of_a_corpus_are_stretches_of_its_documents():
    options = replace(TINY, corpus=(2, 130))
    seen = {tuple(window) for windows in training_batches(default_family(), options) for window in windows.tolist()}
    assert len(seen) == 2 * (130 // 32) + 2 * (130 // 64)  # every aligned stretch of both lengths, again and again
    starts = [window for window in seen if window[0] == default_family().vocab_size]
    assert len(starts) == 4  # the two beginnings, at each length
    for long in (window for window in seen if len(window) == 65):
        assert any(short == long[:33] for short in seen)


def test_random_and_single_concept_documents_are_what_they_say():
    family = default_family()
    rows = validation_documents(family, replace(TINY, documents="random", windows=((1.0, 1000),)))[:, 1:]
    share = np.bincount(rows.ravel(), minlength=family.vocab_size) / rows.size
    assert np.abs(share - 1 / family.vocab_size).max() < 5 * np.sqrt(0.02 / rows.size)
    rows = validation_documents(family, replace(TINY, documents="single-concept", windows=((1.0, 300),)))[:, 1:]
    posterior = np.exp(infer(family, rows).log_posterior[:, -1])
    assert (posterior[:, 0] > 0.99).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_training_learns_and_repeats_itself(architecture):
    options = replace(TINY, architecture=architecture)
    first, record = pretrain(default_family(), options)
    second, _ = pretrain(default_family(), options)
    same_weights(first, second)
    losses = [point["validation_loss"] for point in record["curve"]]
    assert losses[-1] < losses[0] - 0.3
    assert losses[-1] > record["bayes_validation_loss"]
    assert record["family"] == default_family().fingerprint


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_killed_training_goes_on_to_the_same_weights(architecture, tmp_path):
    options = replace(TINY, architecture=architecture)
    whole, record = pretrain(default_family(), options)

    def kill(point):
        if point.tokens > options.tokens / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(default_family(), options, progress=kill, folder=tmp_path, save_every=0.0)
    assert len(list((tmp_path / "unfinished").glob("*.safetensors"))) == 1
    resumed, record_after = pretrain(default_family(), options, folder=tmp_path)
    same_weights(whole, resumed)
    without_time = [
        [{name: value for name, value in point.items() if name != "seconds"} for point in one["curve"]]
        for one in (record, record_after)
    ]
    assert without_time[0] == without_time[1]
    other = replace(default_family(), num_pretraining_concepts=4)
    with pytest.raises(UserError, match="unfinished training with a different seed, family; repeat its command"):
        pretrain(other, replace(options, seed=5), folder=tmp_path)
    next((tmp_path / "unfinished").glob("*.safetensors")).write_bytes(b"damaged")
    with pytest.raises(UserError, match="cannot be read .* delete the folder and start over"):
        pretrain(default_family(), options, folder=tmp_path)


@pytest.mark.parametrize("has_bfloat16", [False, True])
def test_a_training_that_is_resumed_on_another_processor_keeps_its_precision(has_bfloat16, tmp_path, monkeypatch):
    def on_a_processor(with_bfloat16: bool) -> None:
        fast = (torch.float32, torch.bfloat16)[: 1 + with_bfloat16]
        for module in (training, huggingface_precision):
            monkeypatch.setattr(module, "has_fast", lambda dtype, device: dtype in fast)

    def kill(point):
        if point.tokens > options.tokens / 2:  # a state was saved at the points before
            raise KeyboardInterrupt

    began_in = ("float32", "bfloat16")[has_bfloat16]
    options = replace(TINY, tokens=8_000)
    whole, record = pretrain(default_family(), replace(options, dtype="float32"))
    assert record["dtype"] == "float32"
    on_a_processor(has_bfloat16)
    with pytest.raises(KeyboardInterrupt):
        pretrain(default_family(), options, progress=kill, folder=tmp_path, save_every=0.0)
    on_a_processor(not has_bfloat16)
    slow = pytest.warns(UserWarning, match="no instructions for bfloat16, .* many times slower than float32")
    with slow if has_bfloat16 else nullcontext():
        resumed, record = pretrain(default_family(), options, folder=tmp_path)
    assert record["dtype"] == began_in
    if not has_bfloat16:
        same_weights(whole, resumed)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_attention_in_training_is_attention_in_use(architecture):
    options = replace(TINY, architecture=architecture, dtype="float32")
    torch.manual_seed(0)
    model = build_model(default_family(), options).eval()
    ids = torch.randint(50, (3, 40))
    plain = model(input_ids=ids).logits
    use_fast_attention(model, torch.device("cpu"))
    torch.testing.assert_close(model(input_ids=ids).logits, plain, rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_muon_takes_the_matrices_between_embedding_and_output(architecture):
    model = build_model(default_family(), replace(TINY, architecture=architecture))
    matrices = hidden_matrices(model)
    vocabulary = default_family().vocab_size + 1
    assert matrices
    assert all(p.ndim == 2 and vocabulary not in p.shape for p in matrices)
    outside = {id(p) for p in model.parameters()} - {id(p) for p in matrices}
    assert sum(p.ndim == 2 for p in model.parameters() if id(p) in outside) == (3 if architecture == "gpt2" else 2)


def test_bayes_loss_is_the_sum_of_exact_predictions(tiny_family):
    documents, _ = sample_documents(tiny_family, num_documents=6, length=8, rng=np.random.default_rng(0))
    total = 0.0
    for document in documents:
        start = np.log(np.mean([tiny_family.start[c][tiny_family.emission == document[0]].sum() for c in range(2)]))
        total += start
        for position in range(1, 8):
            before = infer(tiny_family, document[None, :position], smoothing=0.0)
            total += before.log_predictive[0, 0, document[position]]
    windows = np.pad(documents.astype(int), ((0, 0), (1, 0)))
    assert bayes_loss(tiny_family, TINY, windows) == pytest.approx(-total / 48, rel=1e-9)
    assert bayes_loss(tiny_family, replace(TINY, documents="random"), windows) == np.log(tiny_family.vocab_size)


@pytest.mark.filterwarnings("ignore:model 'model' does not let prompts share passes")  # a recurrent one cannot
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_is_a_scorer_with_its_family_beside_it(architecture, tmp_path, capsys):
    out = tmp_path / "model"
    arguments = ["pretrain", "--out", str(out), "--architecture", architecture]
    arguments += ["--layers", "1", "--width", "32", "--heads", "2", "--tokens", "2e4"]
    assert main(arguments) == 0
    assert "validation loss" in capsys.readouterr().out
    assert {"model.safetensors", "config.json", "tokenizer.json", "family.npz", "training.json"} == {
        path.name for path in out.iterdir()
    } - {"generation_config.json", "tokenizer_config.json"}
    family = load_family(out / "family.npz")
    assert family.fingerprint == default_family().fingerprint
    task = GincTask(family=family, example_length=4)
    conditions = {Condition.of("gold", "ginc", 3): ("p",), Condition.of("random", "ginc", 3): ("p",)}
    selection = Selection(num_queries=3, num_demonstration_sets=1, seeds=Seeds.same(0))
    prompts = build_prompts(task, conditions, selection)
    scores = make_scorer(str(out), task)(prompts)
    total = np.exp(scores).sum(axis=1)
    assert ((total > 0.5) & (total < 1)).all()  # the rest is the start-of-document token's
    singly = np.concatenate([make_scorer(str(out), task)([prompt]) for prompt in prompts])
    np.testing.assert_allclose(scores, singly, atol=1e-5)
    assert main(arguments) == 2
    assert "is not empty; choose another --out" in capsys.readouterr().err


def test_a_checkpoint_in_the_making_is_held_against_a_second_training(tmp_path, capsys):
    (tmp_path / "unfinished").mkdir()
    with RunFolder(tmp_path / "unfinished").locked():
        assert main(["pretrain", "--out", str(tmp_path)]) == 2
    assert "another process is writing to" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["pretrain", "--out"], ["family", "--seed", "1", "--out"]])
def test_a_place_below_a_file_is_refused_before_any_work(arguments, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main([*arguments, str(tmp_path / "file" / "below" / "f.npz")]) == 2
    error = capsys.readouterr().err
    assert "cannot be made (part of its path is a file); choose another place" in error
    assert error.count("\n") == 1


def test_a_family_that_cannot_be_written_is_said_so(tmp_path, capsys):
    (tmp_path / "f.npz").mkdir()
    assert main(["family", "--out", str(tmp_path / "f.npz")]) == 2
    assert "f.npz is a folder; name a file that can be written" in capsys.readouterr().err


def test_an_lstm_refuses_what_it_would_read_wrongly():
    model = build_model(default_family(), replace(TINY, architecture="lstm")).eval()
    ids = torch.randint(50, (2, 4))
    padded = model(input_ids=ids, attention_mask=torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])).logits
    assert torch.equal(padded[1, :2], model(input_ids=ids).logits[1, :2])
    with pytest.raises(ValueError, match="pad on the right"):
        model(input_ids=ids, attention_mask=torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1]]))
    with pytest.raises(ValueError, match="computes no loss"):
        model(input_ids=ids, labels=ids)


def test_training_that_diverges_says_so():
    with pytest.raises(UserError, match="training diverged after"):
        pretrain(default_family(), replace(TINY, adam_learning_rate=1e30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "lama"}, "Did you mean 'llama'"),
        ({"documents": "mixtures"}, "Did you mean 'mixture'"),
        ({"dtype": "float8"}, "no dtype 'float8'"),
        ({"width": 30, "num_heads": 4}, "width must be a multiple of 2 · num_heads"),
        ({"windows": ((0.5, 32), (0.6, 64))}, "shares of the windows must add up to 1, got 1.1"),
        ({"windows": ((1.0, 2048),)}, "a step must hold one window: batch_tokens is 1,024, the longest window 2,048"),
        ({"corpus": (10, 32)}, "documents as long as the longest window (64), got 10 of 32"),
        ({"tokens": 100}, "windows of 32 are never read: a share of 0.5 of 100 tokens is less than one step of 1,024"),
        (
            {"tokens": 100_000, "windows": ((0.97, 128), (0.03, 6144)), "batch_tokens": 6144},
            "windows of 6,144 are never read: a share of 0.03 of 100,000 tokens",
        ),
        ({"windows": ((NAN, 32), (0.5, 64))}, "windows take shares above 0"),
        ({"seed": -1}, "seed cannot be negative, got -1"),
        ({"muon_learning_rate": 0.0}, "muon_learning_rate must be a number above 0, got 0.0"),
        ({"adam_learning_rate": -1e-3}, "adam_learning_rate must be a number above 0"),
        ({"adam_learning_rate": NAN}, "adam_learning_rate must be a number above 0, got nan"),
        ({"muon_learning_rate": float("inf")}, "muon_learning_rate must be a number above 0, got inf"),
        ({"weight_decay": -0.1}, "weight_decay must be a number from 0, got -0.1"),
        ({"weight_decay": NAN}, "weight_decay must be a number from 0, got nan"),
        ({"warmup": 1.5}, "warmup is a share of the steps and must lie in [0, 1], got 1.5"),
        ({"warmup": NAN}, "warmup is a share of the steps"),
        ({"decay": -0.1}, "decay is a share of the steps and must lie in [0, 1], got -0.1"),
        ({"decay": NAN}, "decay is a share of the steps"),
        ({"num_layers": 0}, "num_layers must be at least 1"),
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(change, message):
    with pytest.raises(UserError) as refusal:
        replace(TINY, **change)
    assert message in str(refusal.value)


def test_known_documents_and_architectures_have_a_meaning():
    for table in (ARCHITECTURES, DOCUMENTS):
        assert all(meaning and not meaning.endswith(".") for meaning in table.values())


def test_a_family_from_the_command_line_is_the_one_from_python(tmp_path, capsys):
    out = tmp_path / "fast.npz"
    assert main(["family", "--out", str(out), "--entity-identity", "0", "--vocab-size", "100", "--seed", "3"]) == 0
    assert "100 tokens" in capsys.readouterr().out
    expected = sample_family(rng=fixed_rng(3), entity_identity=0.0, vocab_size=100)
    assert load_family(out).fingerprint == expected.fingerprint
    assert main(["family", "--out", str(out)]) == 0
    assert load_family(out).fingerprint == default_family().fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "family.csv"], "a family is saved as an .npz file"),
        (["--out", "f.npz", "--seed", "-1"], "--seed cannot be negative"),
        (["--out", "f.npz", "--entity-identity", "2"], "entity_identity must lie in [0, 1], got 2.0"),
        (["--out", "f.npz", "--transition-temp", "0"], "transition_temp must be above 0"),
        (["--out", "f.npz", "--num-concepts", "3"], "num_pretraining_concepts must lie in 1..3, got 5"),
        (["--out", "f.npz", "--num-properties", "1"], "needs at least 1 entity, 1 concept and 2 properties"),
    ],
)
def test_families_that_cannot_be_drawn_are_refused(arguments, message, capsys):
    assert main(["family", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_shipped_models_are_small_and_say_how_they_were_made():
    sizes = [sum(path.stat().st_size for path in folder.iterdir()) for folder in shipped_models().values()]
    assert max(sizes) <= 8e6
    assert sum(sizes) <= 30e6
    for folder in shipped_models().values():
        record = json.loads((folder / "training.json").read_text())
        assert record["command"].startswith("probe pretrain")
        assert record["seconds"] <= 60 * 60
        assert record["family"] == load_family(folder / "family.npz").fingerprint
        assert len(record["curve"]) >= 20


def test_the_default_windows_are_written_as_a_flag_takes_them():
    told = options_of(PretrainOptions)["windows"]
    assert told.parse(told.default_in_words) == told.default
