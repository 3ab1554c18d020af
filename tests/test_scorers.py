"""Scorers against an independent, unshared, unbatched computation, and the controls against what they are."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import default_family, sample_family
from icl.ginc.task import GincTask, read_tokens
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.demonstrations import Demonstrations
from icl.prompts.formats import FORMATS
from icl.prompts.render import render
from icl.prompts.seeds import Seeds
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.task import Example
from probes.scorers.catalogue import make_scorer
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_source import find_model
from probes.scorers.huggingface_tokens import tokenise


@pytest.fixture(scope="session")
def tiny_lm(tmp_path_factory) -> Path:
    """A random two-layer Llama with a byte-level BPE tokenizer learned from the lab's own sentences."""
    folder = tmp_path_factory.mktemp("models") / "tiny-lm"
    sentences = [example.input for name in ("sentiment", "topic") for example in BUILTIN_TASKS[name]().pool]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(sentences, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    model = LlamaForCausalLM(config)
    for parameter in model.parameters():  # large weights, so that every token's position matters
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def prompts_of(task, *modes: str, format: str, shots=(0, 3), queries: int = 4, sets: int = 2):
    conditions = {Condition.of(mode, format, n): ("p",) for n in shots for mode in modes}
    selection = Selection(num_queries=queries, num_demonstration_sets=sets, balanced=True, seeds=Seeds.same(0))
    return build_prompts(task, conditions, selection)


@pytest.fixture(scope="module")
def prompts():
    return prompts_of(BUILTIN_TASKS["topic"](), "gold", "random", format="qa")


def plain_scores(folder: Path, prompts) -> np.ndarray:
    """Score one sequence at a time: encode the whole text, run it whole, sum behind the prompt's last character."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    table = []
    for prompt in prompts:
        for candidate in prompt.candidates:
            encoding = tokenizer(prompt.text + candidate.text, return_offsets_mapping=True)
            ids = torch.tensor([encoding["input_ids"]])
            with torch.no_grad():
                logprobs = model(ids).logits.double().log_softmax(-1)[0]
            label = [i for i, (_, end) in enumerate(encoding["offset_mapping"]) if end > len(prompt.text)]
            table.append(sum(logprobs[i - 1, ids[0, i]].item() for i in label))
    return np.array(table).reshape(len(prompts), -1)


def test_language_model_scores_match_a_plain_loop(tiny_lm, prompts):
    scorer = HuggingFaceScorer(str(tiny_lm))
    np.testing.assert_allclose(scorer(prompts), plain_scores(tiny_lm, prompts), atol=2e-5, rtol=0)
    assert any(label.num_label_tokens > 1 for row in scorer.audit(prompts) for label in row)
    assert scorer._sharing_checked  # beginnings were shared, and checked against a plain pass


def test_scores_do_not_depend_on_batch_order_or_company(tiny_lm, prompts):
    whole = HuggingFaceScorer(str(tiny_lm))(prompts)
    for batch_tokens in (1, 200):
        small = HuggingFaceScorer(str(tiny_lm), batch_tokens=batch_tokens)(prompts)
        np.testing.assert_allclose(small, whole, atol=1e-4, rtol=0)
    scorer = HuggingFaceScorer(str(tiny_lm))
    order = np.random.default_rng(0).permutation(len(prompts))
    np.testing.assert_allclose(scorer([prompts[i] for i in order]), whole[order], atol=1e-4, rtol=0)
    singly = np.concatenate([scorer([prompt]) for prompt in prompts])
    np.testing.assert_allclose(singly, whole, atol=1e-4, rtol=0)
    scorer._sharing = False
    np.testing.assert_allclose(scorer(prompts), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("format", [name for name, format in FORMATS.items() if format.world == "text"])
def test_cutting_the_tail_alone_equals_cutting_the_whole(tiny_lm, format):
    tokenizer = AutoTokenizer.from_pretrained(tiny_lm)
    prompts = prompts_of(BUILTIN_TASKS["sentiment"](), "gold", format=format)
    for prompt, cuts in zip(prompts, tokenise(tokenizer, prompts)):
        for candidate, cut in zip(prompt.candidates, cuts):
            whole = tokenizer(prompt.text + candidate.text)["input_ids"]
            assert list(cut.ids) == whole
            split = tokenizer(prompt.text)["input_ids"] + tokenizer(candidate.text)["input_ids"]
            assert cut.boundary_clean == (whole == split)


def test_a_token_that_spans_the_boundary_belongs_to_the_label(tiny_lm):
    tokenizer = AutoTokenizer.from_pretrained(tiny_lm)
    none = Demonstrations(set_id="s", inputs=(), gold_labels=(), shown_labels=())
    pieces = [
        piece[1:] for piece in tokenizer.get_vocab() if piece[0] == "Ġ" and piece[1:].isascii() and len(piece) > 4
    ]
    word = next(piece for piece in pieces if len(tokenizer(f" {piece}")["input_ids"]) == 1)
    words = {"x": word[1:], "y": "zz"}
    prompt = render("t", none, Example(input=f"so {word[0]}", label="x"), FORMATS["minimal"], words=words)
    glued = prompt.parts[:-1]  # without the newline, the label is glued to the input's last letter
    cut = tokenise(tokenizer, [type(prompt)(**{**_fields(prompt), "parts": glued})])[0][0]
    assert not cut.boundary_clean
    assert tokenizer.decode(cut.label).strip() == word


def _fields(prompt) -> dict:
    return {name: getattr(prompt, name) for name in type(prompt).__dataclass_fields__}


def test_a_prompt_beyond_the_context_is_refused_before_scoring(tiny_lm):
    long = prompts_of(BUILTIN_TASKS["topic"](), "gold", format="qa", shots=(0, 2, 60))
    scorer = HuggingFaceScorer(str(tiny_lm))
    with pytest.raises(
        UserError, match=r"a prompt of 60 shots has \d+ tokens, but model 'tiny-lm' reads 512; about \d+ shots fit"
    ):
        scorer.check(long)
    assert "_model" not in scorer.__dict__  # no weights were loaded


def test_nan_logits_are_said_so(tiny_lm, prompts):
    scorer = HuggingFaceScorer(str(tiny_lm))
    scorer._model.lm_head.weight.data[:] = math.nan
    scorer._sharing = False
    with pytest.raises(UserError, match=r"returned NaN for \d+ of \d+ prompts; .* --dtype float32"):
        scorer(prompts)


def test_a_model_whose_cache_cannot_be_branched_is_read_whole(tiny_lm, prompts, monkeypatch):
    scorer = HuggingFaceScorer(str(tiny_lm))
    forward = scorer._forward

    def broken(sequences, wanted, shared, cache):
        if cache is not None:
            raise ValueError("no branching here")
        forward(sequences, wanted, shared, cache)

    monkeypatch.setattr(scorer, "_forward", broken)
    with pytest.warns(UserWarning, match="does not let prompts share a beginning"):
        scores = scorer(prompts)
    np.testing.assert_allclose(scores, plain_scores(tiny_lm, prompts), atol=2e-5, rtol=0)


def test_identity_names_weights_and_tokenizer(tiny_lm):
    identity = HuggingFaceScorer(str(tiny_lm)).identity()
    assert len(identity["weights"]) == len(identity["tokenizer"]) == 16
    assert identity["dtype"] == "float32"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("orcle", "no model 'orcle'.*Did you mean 'oracle'"),
        ("./nowhere", "no model './nowhere'"),
        ("missing.gguf", "there is no file missing.gguf"),
    ],
)
def test_unknown_models_are_refused(name, message):
    with pytest.raises(UserError, match=message):
        find_model(name)


def test_a_hub_model_without_network_is_one_sentence():
    with pytest.raises(
        UserError, match=r"model 'nobody/nothing' could not be loaded \(.*\); check the name and the net"
    ):
        HuggingFaceScorer("nobody/nothing")


def test_folders_that_hold_no_safe_model_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"config\.json is missing"):
        find_model(str(tmp_path / "empty"))
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text("{}")
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match="loads no pickled weights"):
        find_model(str(tmp_path / "pickled"))


def test_a_gguf_without_its_packages_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("probes.scorers.huggingface_source.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"reading m\.gguf needs the package gguf, which is missing; install gguf"):
        find_model(str(tmp_path / "m.gguf"))


def test_a_file_that_is_no_gguf_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "m.gguf").write_bytes(b"not a model at all")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"m\.gguf could not be read as a GGUF model"):
        find_model(str(tmp_path / "m.gguf"))


def test_an_encoder_decoder_is_refused(tiny_lm, tmp_path):
    for file in tiny_lm.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))
    with pytest.raises(UserError, match="is an encoder-decoder"):
        HuggingFaceScorer(str(tmp_path))


def test_controls_are_what_they_say(colours):
    prompts = prompts_of(colours, "gold", "random", "none", format="arrow", shots=(0, 5))
    uniform, majority, copy = (
        make_scorer(name, colours)(prompts) for name in ("uniform", "majority", "copy-last-label")
    )
    np.testing.assert_allclose(uniform, np.log(1 / 3))
    for row, prompt in enumerate(prompts):
        shown = prompt.demonstrations.shown_labels or ()
        counts = np.array([1 + sum(label == c.label for label in shown) for c in prompt.candidates])
        np.testing.assert_allclose(np.exp(majority[row]), counts / counts.sum())
        if shown:
            assert prompt.candidates[copy[row].argmax()].label == shown[-1]
        else:
            np.testing.assert_allclose(copy[row], np.log(1 / 3))
        np.testing.assert_allclose(np.exp(copy[row]).sum(), 1.0)


def test_permuting_the_candidates_permutes_the_scores(tiny_lm, prompts):
    scorer = HuggingFaceScorer(str(tiny_lm))
    turned = [type(p)(**{**_fields(p), "candidates": p.candidates[::-1]}) for p in prompts]
    np.testing.assert_allclose(scorer(turned)[:, ::-1], scorer(prompts), atol=1e-4, rtol=0)


def test_the_oracle_reads_prompts_of_any_length_alike():
    task = GincTask(family=default_family(), example_length=4)
    prompts = prompts_of(task, "gold", format="ginc", shots=(0, 1, 5))
    scores = make_scorer("oracle", task)(prompts)
    for row, prompt in enumerate(prompts):
        tokens = np.array([read_tokens(prompt.text, task.family)])
        np.testing.assert_allclose(scores[row], infer(task.family, tokens).log_predictive[0, 0], rtol=1e-12)
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1.0)


def test_the_oracle_refuses_sentences(colours):
    with pytest.raises(UserError, match="the exact Bayes scorer knows GINC only"):
        make_scorer("oracle", colours)


def test_the_shipped_model_belongs_to_its_family():
    other = GincTask(family=sample_family(rng=np.random.default_rng(5)), example_length=4)
    with pytest.raises(UserError, match="was trained on another GINC family"):
        make_scorer("ginc-small", other)
    with pytest.raises(UserError, match="reads GINC only, got task 'topic'"):
        make_scorer("ginc-small", BUILTIN_TASKS["topic"]())


@pytest.mark.lm
def test_smollm2_from_its_wheel_knows_sentiment():
    """The GGUF stand-in for any Hub model: converted once, scores agree with a plain pass, answers beat chance."""
    task = BUILTIN_TASKS["sentiment"]()
    scorer = make_scorer(os.environ["SMOLLM2_GGUF"], task)
    prompts = prompts_of(task, "gold", format="input-output", shots=(8,), queries=12, sets=1)
    scores = scorer(prompts)
    np.testing.assert_allclose(scores[:3], plain_scores(Path(scorer.source.location), prompts[:3]), atol=1e-3, rtol=0)
    right = [prompt.candidates[best].label == prompt.gold_label for prompt, best in zip(prompts, scores.argmax(axis=1))]
    assert sum(right) >= 10
