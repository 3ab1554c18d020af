"""Models by the names that a user writes, and models that a run is given in Python."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from small_models import CONTEXT, VOCABULARY, prompts_of, save_model
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2Model

from icl.covariates import COVARIATES
from icl.errors import UserError
from icl.ginc.family import default_family
from icl.ginc.task import GincTask
from icl.tasks.builtin import BUILTIN_TASKS
from probes.model_names import split_model
from probes.models import ModelSpec, from_callable, from_transformers, read_model
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_given import weights_digest
from probes.scorers.huggingface_known import count_parameters
from probes.scorers.huggingface_source import shipped_models
from probes.scorers.scorer import Covariates

DEFAULTS = {"revision": None, "dtype": "float32", "device": "auto", "chat": False, "trust_remote_code": False}


def topic():
    return BUILTIN_TASKS["topic"]()


@pytest.fixture
def prompts():
    return prompts_of(topic(), "gold", format="qa", queries=2)


@pytest.fixture(scope="module")
def tied(tmp_path_factory) -> Path:
    """A GPT-2 whose output layer is its embedding."""
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=1, n_head=2, n_positions=CONTEXT)
    return save_model(tmp_path_factory.mktemp("tied") / "tied", config)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("gpt2", ("", "gpt2", None, None)),
        ("gpt2@abc123", ("", "gpt2", "abc123", None)),
        ("gpt2:float16", ("", "gpt2", None, "float16")),
        ("owner/name@refs/pr/1:bfloat16", ("", "owner/name", "refs/pr/1", "bfloat16")),
        ("vllm:owner/name@v1", ("vllm:", "owner/name", "v1", None)),
        ("model.gguf:float16", ("", "model.gguf", None, "float16")),
        ("./runs/a@b", ("", "./runs/a@b", None, None)),
        ("./runs/a@b:float16", ("", "./runs/a@b", None, "float16")),
        ("https://me:pass@host:80/v1#owner/name@v1:float16", None),
        ("recency(1.5)", None),
        ("oracle", None),
        ("python:mine@2", None),
    ],
)
def test_names_are_split_where_a_revision_or_precision_is_written(written, parts):
    found = split_model(written)
    assert tuple(found) == (parts or ("", written, None, None))
    assert found.prefix + found.name + found.suffix == written


def test_a_path_that_exists_as_written_wins(tmp_path, monkeypatch):
    for name in ("a@v1", "b:float16", "c"):
        (tmp_path / name).mkdir()
    assert split_model("a@v1", tmp_path).revision is None
    assert split_model("b:float16", tmp_path).dtype is None
    assert tuple(split_model("a@v1:float16", tmp_path)) == ("", "a@v1", None, "float16")
    assert split_model("a@v1").revision == "v1"  # there is none of that name in the working folder
    monkeypatch.chdir(tmp_path)
    assert read_model("a@v1") == ModelSpec(name="a@v1")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("gpt2@", r"'gpt2@' names no revision; write one after the @, or leave the @ out"),
        ("uniform:float13", r"no dtype 'float13'\. Known: .* Did you mean 'float32'"),
        ({"revision": "v1"}, r"a model has no name, got .*; add name"),
        ({"name": "gpt2", "revison": "v1"}, r"no key of a model 'revison'.*Did you mean 'revision'"),
        ({"name": "gpt2", "parameters": "124M"}, r"parameters of a model must be a whole number, got '124M'"),
        ({"name": "gpt2", "training_tokens": 0}, r"training_tokens of a model must be at least 1, got 0"),
        ({"name": "gpt2", "tuned": 1}, r"tuned of a model must be true or false, got 1"),
        ({"name": "gpt2", "label": ""}, r"label of a model is ''"),
        (
            {"name": "gpt2", "label": "oracle"},
            r"label 'oracle' is the name of a reference; give model 'gpt2' another label",
        ),
        ("localhost:8000", r"not the URL of a server; write http://localhost:8000/v1"),
    ],
)
def test_bad_models_are_one_sentence(entry, message):
    with pytest.raises(UserError, match=message):
        read_model(entry)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("ginc-small@v1", r"model 'ginc-small' is on this machine and has no revisions, got 'v1'; leave it out"),
        ("uniform:float16", r"no model 'uniform:float16'|model 'uniform:float16' has no weights"),
        ({"name": "uniform", "revision": "v1"}, r"model 'uniform@v1' has no weights .* cannot follow revision v1"),
        (
            {"name": "uniform", "label": "mine"},
            r"model 'uniform' is a reference, which keeps its own name .*; remove its label, 'mine'",
        ),
        ("python:mine", r"model 'mine' was given in Python and cannot be found by its name; run it from Python again"),
    ],
)
def test_models_that_cannot_follow_an_option_are_refused(entry, message):
    with pytest.raises(UserError, match=message):
        read_model(entry).scorer_for(topic(), DEFAULTS)


def test_a_models_own_revision_and_precision_are_part_of_its_name(tiny_lm):
    asked = (str(tiny_lm), f"{tiny_lm}:bfloat16", {"name": str(tiny_lm), "dtype": "bfloat16", "label": "halved"})
    scorers = [read_model(one).scorer_for(topic(), DEFAULTS) for one in asked]
    assert [scorer.name for scorer in scorers] == ["tiny-lm", "tiny-lm:bfloat16", "halved"]
    assert [scorer.identity()["dtype"] for scorer in scorers] == ["float32", "bfloat16", "bfloat16"]
    everywhere = read_model(str(tiny_lm)).scorer_for(topic(), DEFAULTS | {"dtype": "bfloat16"})
    assert (everywhere.name, everywhere.identity()["dtype"]) == ("tiny-lm", "bfloat16")


def test_parameters_are_counted_without_weights_and_shared_ones_once(tiny_lm, tied):
    for folder in (tiny_lm, tied):
        in_file = sum(tensor.size for tensor in load_file(folder / "model.safetensors").values())
        scorer = HuggingFaceScorer(str(folder))
        loaded = AutoModelForCausalLM.from_pretrained(folder)
        assert scorer.covariates().num_parameters == in_file == sum(p.numel() for p in loaded.parameters())
        assert "_model" not in vars(scorer)
    assert count_parameters(GPT2Config(n_embd=3, n_head=2)) is None  # no such model can be built


@pytest.mark.parametrize("name", ["ginc-tiny", "ginc-lstm"])
def test_shipped_models_know_their_training(name):
    record = json.loads((shipped_models()[name] / "training.json").read_text())
    task = GincTask(family=default_family(), example_length=5)
    spec = read_model(name)
    found = spec.covariates(spec.scorer_for(task, DEFAULTS))
    assert found == {
        "num_parameters": record["parameters"],
        "training_tokens": record["curve"][-1]["tokens"],
        "is_tuned": False,
    }


def test_what_the_user_says_of_a_model_counts(tiny_lm):
    spec = read_model({"name": str(tiny_lm), "training_tokens": 5, "tuned": True})
    found = spec.covariates(spec.scorer_for(topic(), DEFAULTS))
    assert (found["training_tokens"], found["is_tuned"]) == (5, True)
    assert found["num_parameters"] > 1000
    unknown = ModelSpec(name="uniform")
    assert set(unknown.covariates(unknown.scorer_for(topic(), DEFAULTS)).values()) == {None}


def given(folder: Path):
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("fixture", ["tiny_lm", "tied"])
def test_a_model_in_memory_answers_as_its_checkpoint_and_is_left_as_it_was(request, prompts, fixture):
    folder = request.getfixturevalue(fixture)
    model, tokenizer = given(folder)
    model.train()
    attention = model.config._attn_implementation
    scorer = from_transformers(model, tokenizer, name="mine").scorer_for(topic(), DEFAULTS)
    scorer.check(prompts)
    assert scorer.name == "mine"
    np.testing.assert_array_equal(scorer(prompts), HuggingFaceScorer(str(folder))(prompts))
    scorer.close()
    assert model.training
    assert model.config._attn_implementation == attention
    assert not scorer.is_reproducible()
    assert scorer.covariates().num_parameters == sum(parameter.numel() for parameter in model.parameters())


def test_a_model_in_memory_is_known_by_its_weights(tiny_lm):
    model, tokenizer = given(tiny_lm)
    scorer = from_transformers(model, tokenizer, name="mine").scorer_for(topic(), DEFAULTS)
    before = scorer.identity()
    assert before == from_transformers(*given(tiny_lm), name="mine").scorer_for(topic(), DEFAULTS).identity()
    with torch.no_grad():
        next(model.parameters())[0, 0] += 1e-3
    after = scorer.identity()
    assert [key for key in before if before[key] != after[key]] == ["weights"]


def test_reduced_precision_of_a_model_in_memory_is_said_not_to_be_measured(tiny_lm, prompts):
    model, tokenizer = given(tiny_lm)
    scorer = from_transformers(model.to(torch.bfloat16), tokenizer, name="mine").scorer_for(topic(), DEFAULTS)
    assert scorer.identity()["dtype"] == "bfloat16"
    assert scorer.precision_check(prompts) == {"not_measured": "the model was given in memory"}
    assert weights_digest(model, "mine") != weights_digest(given(tiny_lm)[0], "mine")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: (print, given(folder)[1]), r"must be a causal language model of Transformers, got a builtin"),
        (lambda folder: (given(folder)[0], None), r"model 'mine' has no fast tokenizer"),
        (
            lambda folder: (GPT2Model(GPT2Config(n_embd=16, n_layer=1, n_head=2)), given(folder)[1]),
            r"model 'mine' has no head that predicts tokens; load it with AutoModelForCausalLM",
        ),
        (lambda folder: (given(folder)[0].to("meta"), given(folder)[1]), r"weights of model 'mine' are not in memory"),
    ],
)
def test_what_is_no_model_in_memory_is_refused(tiny_lm, make, message):
    with pytest.raises(UserError, match=message):
        from_transformers(*make(tiny_lm), name="mine").scorer_for(topic(), DEFAULTS).identity()


def test_options_of_loading_do_not_go_with_a_model_in_memory(tiny_lm):
    spec = from_transformers(*given(tiny_lm), name="mine")
    with pytest.raises(UserError, match=r"model 'mine', which is in memory, cannot follow --dtype bfloat16"):
        spec.scorer_for(topic(), DEFAULTS | {"dtype": "bfloat16"})
    with pytest.raises(UserError, match=r"model 'mine' is in memory as it is and cannot follow 'float16'"):
        from_transformers(*given(tiny_lm), name="mine", dtype="float16")


def test_a_function_of_prompts_is_asked(prompts):
    def ask(asked):
        return [[-float(len(candidate.text)) for candidate in prompt.candidates] for prompt in asked]

    scorer = from_callable(ask, name="lengths").scorer_for(topic(), DEFAULTS)
    found = dict(scorer.answer(prompts))
    assert [one.logprob for one in found[0]] == [-float(len(c.text)) for c in prompts[0].candidates]
    assert scorer.name == "lengths"
    assert "ask" in scorer.identity()["function"]
    assert not scorer.is_reproducible()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda prompts: None, r"model 'odd' returned an array of shape \(\) for 12 prompts of 4 candidates"),
        (lambda prompts: np.zeros((len(prompts), 3)), r"returned an array of shape \(12, 3\) for 12 prompts of 4"),
        (lambda prompts: "words", r"model 'odd' returned a str that is no array of numbers; let the function return"),
        (lambda prompts: np.full((len(prompts), 4), 0.5), r"returned 0\.5, which is no log-probability in nats"),
        (lambda prompts: np.full((len(prompts), 4), -np.inf), r"returned -inf, which is no log-probability in nats"),
    ],
)
def test_what_a_function_returns_is_checked(returned, message):
    prompts = prompts_of(topic(), "gold", format="qa", queries=4, sets=2, shots=(0, 3))[:12]
    with pytest.raises(UserError, match=message):
        from_callable(returned, name="odd").scorer_for(topic(), DEFAULTS)(prompts)


def test_scorers_tell_of_a_model_what_is_declared():
    assert [one.name for one in fields(Covariates)] == [one.name for one in COVARIATES]
