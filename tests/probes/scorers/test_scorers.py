"""Scorers against an independent, unshared, unbatched computation, and the controls against what they are."""

import functools
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import plain_scores, prompts_of, save_model, total_tokens
from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertForMaskedLM

from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import default_family, sample_family
from icl.ginc.task import GincTask, read_tokens
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.formats import FORMATS
from icl.prompts.render import Candidates, Part, render
from icl.seeds import Seeds
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.demonstrations import Demonstrations
from icl.tasks.task import Example
from probes.scorers import huggingface_precision
from probes.scorers.catalogue import make_scorer
from probes.scorers.controls import CONTROLS
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_source import find_model
from probes.scorers.huggingface_tokens import tokenise


@pytest.fixture(scope="module")
def prompts():
    return prompts_of(BUILTIN_TASKS["topic"](), "gold", "random", format="qa")


def test_language_model_scores_match_a_plain_loop(tiny_lm, prompts):
    scorer = HuggingFaceScorer(str(tiny_lm))
    scores = scorer(prompts)
    np.testing.assert_allclose(scores, plain_scores(tiny_lm, prompts), atol=2e-5, rtol=0)
    answers = dict(scorer.answer(prompts))
    assert any(answer.num_tokens > 1 for row in answers.values() for answer in row)
    reading = scorer.reading()
    assert reading["read_whole_because"] == ""
    assert reading["tokens_per_node"] == 1.0
    assert reading["tokens_forwarded"] < 0.5 * 2 * total_tokens(tiny_lm, prompts)  # twice: asked two times


def test_scores_do_not_depend_on_batch_order_or_company(tiny_lm, prompts):
    whole = HuggingFaceScorer(str(tiny_lm))(prompts)
    for options in ({"batch_tokens": 1}, {"batch_tokens": 7}, {"batch_tokens": 64}, {"memory": 0.002}):
        small = HuggingFaceScorer(str(tiny_lm), **options)(prompts)
        np.testing.assert_allclose(small, whole, atol=1e-4, rtol=0)
        np.testing.assert_array_equal(small.argmax(axis=1), whole.argmax(axis=1))
    scorer = HuggingFaceScorer(str(tiny_lm))
    order = np.random.default_rng(0).permutation(len(prompts))
    np.testing.assert_allclose(scorer([prompts[i] for i in order]), whole[order], atol=1e-4, rtol=0)
    singly = np.concatenate([scorer([prompt]) for prompt in prompts])
    np.testing.assert_allclose(singly, whole, atol=1e-4, rtol=0)


def test_answers_stream_while_the_rest_is_read(tiny_lm, prompts):
    scorer = HuggingFaceScorer(str(tiny_lm), batch_tokens=32)
    told = []
    first = next(scorer.answer(prompts, progress=lambda done, total: told.append((done, total))))
    assert first[0] in range(len(prompts))
    assert not told or told[-1][0] < told[-1][1]
    list(scorer.answer(prompts, progress=lambda done, total: told.append((done, total))))
    assert told[-1][0] == told[-1][1]


def test_ranks_and_split_scores_are_those_of_plain_passes(tiny_lm):
    """Rank 1 exactly where greedy decoding writes the label; split scores from prompt and label cut apart."""
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_lm), AutoModelForCausalLM.from_pretrained(tiny_lm).eval()
    prompts = prompts_of(BUILTIN_TASKS["topic"](), "gold", format="colon", shots=(2,), queries=3, sets=1)
    # Half a word before the label sticks to it; a colon does not.
    glued = [replace(p, parts=(*p.parts, *([Part("input", " spo")] * (i % 2)))) for i, p in enumerate(prompts)]
    glued = [replace(p, candidates=Candidates(replace(c, text="rts" + c.text) for c in p.candidates)) for p in glued]
    seen = {True: 0, False: 0}
    for prompt, (_, row) in zip(glued, sorted(HuggingFaceScorer(str(tiny_lm)).answer(glued))):
        for candidate, answer in zip(prompt.candidates, row):
            joint = tokenizer(prompt.text + candidate.text)["input_ids"]
            given = tokenizer(prompt.text)["input_ids"]
            split = given + tokenizer(candidate.text)["input_ids"]
            clean = joint == split
            seen[clean] += 1
            assert answer.boundary_clean == clean
            with torch.no_grad():
                logprobs = model(torch.tensor([split])).logits.double().log_softmax(-1)[0]
                ranks = [(logprobs[i - 1] > logprobs[i - 1, split[i]]).sum() + 1 for i in range(len(given), len(split))]
            expected = sum(logprobs[i - 1, split[i]].item() for i in range(len(given), len(split)))
            assert answer.logprob_split == pytest.approx(expected, abs=1e-4)
            if clean:
                assert answer.logprob == answer.logprob_split
                assert answer.vocabulary_rank == max(ranks)
    assert min(seen.values()) > 0


def test_running_out_of_memory_makes_passes_smaller_and_goes_on(tiny_lm, prompts, monkeypatch):
    scorer = HuggingFaceScorer(str(tiny_lm))
    whole = scorer(prompts)
    forward, widths = scorer._model.forward, []

    @functools.wraps(forward)
    def short_of_memory(**inputs):
        widths.append(inputs["input_ids"].numel())
        if widths[-1] > 40:
            raise torch.OutOfMemoryError("no more")
        return forward(**inputs)

    monkeypatch.setattr(scorer._model, "forward", short_of_memory)
    np.testing.assert_allclose(scorer(prompts), whole, atol=1e-4, rtol=0)
    assert max(widths) > 40 >= widths[-1]

    @functools.wraps(forward)
    def out_of_memory(**inputs):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(scorer._model, "forward", out_of_memory)
    with pytest.raises(UserError, match="memory ran out even at one token per pass; use a smaller model"):
        scorer(prompts)


def test_a_memory_budget_that_holds_nothing_is_refused(tiny_lm, prompts):
    with pytest.raises(UserError, match=r"a memory budget of 1e-06 GB is too small: .* raise --memory"):
        HuggingFaceScorer(str(tiny_lm), memory=1e-6)(prompts)


def test_curves_cost_little_more_than_their_longest_prompt(tiny_lm):
    """Every shot count of a prompt is on the way to its last one; only the other labels are extra."""
    task = BUILTIN_TASKS["topic"]()
    conditions = {Condition.of("gold", "arrow", n): ("p",) for n in range(9)}
    selection = Selection(num_queries=1, num_demonstration_sets=2, seeds=Seeds.same(0), curve=True)
    curves = build_prompts(task, conditions, selection)
    scorer = HuggingFaceScorer(str(tiny_lm))
    np.testing.assert_allclose(scorer(curves), plain_scores(tiny_lm, curves), atol=2e-5, rtol=0)
    longest = [prompt for prompt in curves if len(prompt.demonstrations) == 8]
    extra = sum(len(cut.label) - 1 for row in tokenise(scorer._tokenizer, curves) for cut in row)
    assert scorer.num_tokens(curves) <= scorer.num_tokens(longest) + extra
    assert scorer.num_tokens(curves) < 0.4 * total_tokens(tiny_lm, curves)


def test_channel_scores_are_those_of_the_input_behind_each_label(tiny_lm):
    task = BUILTIN_TASKS["sentiment"]()
    conditions = {Condition.of("gold", "qa", n, "channel"): ("p",) for n in (0, 2)}
    selection = Selection(num_queries=3, num_demonstration_sets=1, seeds=Seeds.same(0))
    prompts = build_prompts(task, conditions, selection)
    scores = HuggingFaceScorer(str(tiny_lm))(prompts)
    np.testing.assert_allclose(scores, plain_scores(tiny_lm, prompts), atol=1e-4, rtol=0)


@pytest.mark.filterwarnings("ignore:this device")  # one without instructions for bfloat16 says so
def test_reduced_precision_is_measured_against_float32(tiny_lm, prompts):
    found = HuggingFaceScorer(str(tiny_lm), dtype="bfloat16").precision_check(prompts[:5])
    assert found["prompts"] == 5
    assert 0 < found["mean_difference_nats"] <= found["largest_difference_nats"] < 5
    assert HuggingFaceScorer(str(tiny_lm)).precision_check(prompts[:5]) == {}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_precision_that_is_slow_here_is_said_so(tiny_lm, dtype, monkeypatch):
    monkeypatch.setattr(huggingface_precision, "_onednn_takes", lambda dtype: False)
    with pytest.warns(UserWarning, match=rf"^this device \(cpu\) has no instructions for {dtype}, .* --dtype float32"):
        HuggingFaceScorer(str(tiny_lm), dtype=dtype, device="cpu")
    HuggingFaceScorer(str(tiny_lm), device="cpu")


@pytest.mark.parametrize(
    ("units", "fast"),
    [
        ({"avx2": True}, ()),
        ({"avx2": True, "avx512_f": True}, ()),  # oneDNN takes bfloat16 there, but converts it
        ({"avx512_bf16": True}, (torch.bfloat16,)),
        ({"avx512_bf16": True, "avx512_fp16": True}, (torch.bfloat16, torch.float16)),
        ({"amx_tile": True}, (torch.bfloat16,)),
    ],
)
def test_only_a_processor_with_instructions_for_it_has_a_fast_precision(units, fast, monkeypatch):
    monkeypatch.setattr(huggingface_precision, "_onednn_takes", lambda dtype: True)
    monkeypatch.setattr(huggingface_precision.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    cpu = torch.device("cpu")
    known = (torch.float32, torch.bfloat16, torch.float16)
    assert [huggingface_precision.has_fast(dtype, cpu) for dtype in known] == [
        dtype in (torch.float32, *fast) for dtype in known
    ]


@pytest.mark.parametrize(
    "format", [name for name, format in FORMATS.items() if format.world == "text" and not format.option]
)
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
    cut = tokenise(tokenizer, [replace(prompt, parts=glued)])[0][0]
    assert not cut.boundary_clean
    assert tokenizer.decode(cut.label).strip() == word


def test_prompts_beyond_the_context_are_told_before_weights_load(tiny_lm):
    prompts = prompts_of(BUILTIN_TASKS["topic"](), "gold", format="qa", shots=(0, 2, 60))
    scorer = HuggingFaceScorer(str(tiny_lm))
    long = scorer.too_long(prompts)
    assert set(long) == {i for i, prompt in enumerate(prompts) if len(prompt.demonstrations) == 60}
    cuts = tokenise(scorer._tokenizer, [prompts[i] for i in long])
    assert list(long.values()) == [max(len(cut.ids) for cut in row) for row in cuts]
    assert min(long.values()) > 512
    assert "_model" not in scorer.__dict__  # no weights were loaded


def test_nan_logits_are_said_so(tiny_lm, prompts):
    scorer = HuggingFaceScorer(str(tiny_lm))
    scorer._model.lm_head.weight.data[:] = math.nan
    with pytest.raises(UserError, match=r"returned NaN; .* --dtype float32"):
        scorer(prompts)


def test_a_chat_template_surrounds_the_prompt(tiny_lm, tmp_path, prompts):
    shutil.copytree(tiny_lm, tmp_path / "chat")
    tokenizer = AutoTokenizer.from_pretrained(tiny_lm)
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}> {{ m.content }} </>{% endfor %}<assistant>"
    tokenizer.save_pretrained(tmp_path / "chat")
    scorer = HuggingFaceScorer(str(tmp_path / "chat"), chat=True)
    written = [
        replace(
            prompt,
            parts=(Part("prefix", f"<user> {prompt.text} </><assistant>"),),
            candidates=Candidates(replace(c, text=c.text.lstrip()) for c in prompt.candidates),
        )
        for prompt in prompts[:4]
    ]
    np.testing.assert_allclose(scorer(prompts[:4]), plain_scores(tiny_lm, written), atol=2e-5, rtol=0)
    assert scorer.identity() != HuggingFaceScorer(str(tmp_path / "chat")).identity()
    with pytest.raises(UserError, match="has no chat template; leave --chat out"):
        HuggingFaceScorer(str(tiny_lm), chat=True)


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


def test_a_model_without_a_tokenizer_is_refused(tiny_lm, tmp_path):
    shutil.copytree(tiny_lm, tmp_path / "bare", ignore=shutil.ignore_patterns("tokenizer*", "special*"))
    with pytest.raises(UserError, match=r"model 'bare' comes without a tokenizer that can be read .* save the one it"):
        HuggingFaceScorer(str(tmp_path / "bare"))


def test_an_encoder_is_refused(tiny_lm, tmp_path):
    shutil.copytree(tiny_lm, tmp_path / "encoder")
    config = BertConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=500)
    BertForMaskedLM(config).save_pretrained(tmp_path / "encoder")
    with pytest.raises(UserError, match=r"model 'encoder' is not a causal language model \(BertForMaskedLM\)"):
        HuggingFaceScorer(str(tmp_path / "encoder"))


def test_a_model_that_looks_ahead_is_refused(tmp_path, prompts):
    """An encoder behind a causal model's name: only what it does tells."""
    config = BertConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=500)
    ahead = save_model(tmp_path / "ahead", config)
    with pytest.raises(UserError, match="lets later tokens change its predictions for earlier ones"):
        HuggingFaceScorer(str(ahead))(prompts)


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


def test_controls_of_the_catalogue_behave_as_their_names_say(colours):
    prompts = prompts_of(colours, "gold", "flipped", "shuffled", format="arrow", shots=(0, 6))
    said = {name: np.exp(make_scorer(name, colours)(prompts)) for name in CONTROLS}
    for name, table in said.items():
        np.testing.assert_allclose(table.sum(axis=1), 1.0, err_msg=name)
    np.testing.assert_allclose(said["label-prior"], [[4 / 7, 2 / 7, 1 / 7]] * len(prompts))
    flipped = {"red": "green", "green": "blue", "blue": "red"}
    for row, prompt in enumerate(prompts):
        labels = [candidate.label for candidate in prompt.candidates]
        mode = prompt.demonstrations.label_mode if len(prompt.demonstrations) else "zero_shot"
        assert labels[said["gold-follower"][row].argmax()] == prompt.gold_label
        learned = said["mapping-learner"][row]
        if mode == "zero_shot":
            np.testing.assert_allclose([learned, said["recency"][row]], 1 / 3)
            continue
        last = labels.index(prompt.demonstrations.shown_labels[-1])
        others = np.delete(said["recency"][row], last)
        np.testing.assert_allclose(np.log(said["recency"][row][last] / others), 2.0)
        if mode in ("gold", "flipped"):  # two demonstrations of each kind: 3 of 5 for its name
            name = prompt.gold_label if mode == "gold" else flipped[prompt.gold_label]
            assert learned[labels.index(name)] == pytest.approx(3 / 5)


def test_permuting_the_candidates_permutes_the_scores(tiny_lm, prompts):
    scorer = HuggingFaceScorer(str(tiny_lm))
    turned = [replace(p, candidates=Candidates(p.candidates[::-1])) for p in prompts]
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
    with pytest.raises(UserError, match="was trained on a different GINC family"):
        make_scorer("ginc-small", other)
    drawn_elsewhere = replace(default_family(), start=default_family().start * (1 + 4e-16))
    assert drawn_elsewhere.fingerprint != default_family().fingerprint
    assert make_scorer("ginc-small", GincTask(family=drawn_elsewhere, example_length=4)).name == "ginc-small"
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
