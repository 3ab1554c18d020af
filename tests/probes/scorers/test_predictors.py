"""Predictors of GINC tokens against the scorers of text, plain inference, and themselves in other batches."""

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import default_family
from icl.ginc.sampling import sample_documents
from icl.ginc.task import GincTask, read_tokens
from icl.prompts.build import Condition, Selection, build_prompts
from icl.seeds import Seeds
from probes.pretrain.checkpoint import save_checkpoint
from probes.scorers.catalogue import make_scorer
from probes.scorers.ginc import ExactPredictor, GincPredictor
from probes.scorers.huggingface_ginc import HuggingFacePredictor
from probes.scorers.huggingface_lstm import LstmConfig, LstmForCausalLM

SIZES = {"vocab_size": 51, "hidden_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 64}
SIZES |= {"bos_token_id": 50, "eos_token_id": 50}


@pytest.fixture(scope="module", params=["llama", "lstm"])
def checkpoint(request, tmp_path_factory) -> str:
    """Random weights, large enough that every token counts."""
    torch.manual_seed(0)
    if request.param == "llama":
        model = LlamaForCausalLM(LlamaConfig(**SIZES, intermediate_size=48, num_attention_heads=2))
    else:
        model = LstmForCausalLM(LstmConfig(**SIZES))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    folder = tmp_path_factory.mktemp("models") / request.param
    save_checkpoint(folder, model, default_family(), {})
    return str(folder)


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    return sample_documents(default_family(), num_documents=7, length=30, rng=np.random.default_rng(0))[0]


def test_predictions_are_the_models_own_behind_a_start_of_document(checkpoint, tokens):
    """One prompt at a time, cut off behind the position, through the plain model."""
    predictor = HuggingFacePredictor(checkpoint)
    positions = np.array([0, 5, 29])
    found = predictor(tokens, positions)
    assert found.shape == (7, 3, 50)
    for row in (0, 6):
        for place, position in enumerate(positions):
            ids = torch.tensor([[50, *tokens[row, : position + 1].tolist()]])
            with torch.inference_mode():
                plain = torch.log_softmax(predictor._model(input_ids=ids).logits[0, -1], dim=-1)
            np.testing.assert_allclose(found[row, place], plain[:50].numpy(), atol=1e-5)
    assert (np.exp(found).sum(axis=2) < 1).all()  # the rest is the start of document's


def test_batches_change_nothing(checkpoint, tokens):
    positions = np.arange(30)
    whole = HuggingFacePredictor(checkpoint)(tokens, positions)
    for batch_tokens in (1, 70, 100):
        np.testing.assert_allclose(
            HuggingFacePredictor(checkpoint, batch_tokens=batch_tokens)(tokens, positions), whole, atol=1e-5
        )
    np.testing.assert_allclose(HuggingFacePredictor(checkpoint)(tokens[3:4], positions[:9])[0], whole[3, :9], atol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 60, 8192])
def test_branches_read_a_prefix_once_and_say_the_same(checkpoint, tokens, batch_tokens, monkeypatch):
    predictor = HuggingFacePredictor(checkpoint, batch_tokens=batch_tokens)
    prefixes, queries = tokens[:3, :20], tokens[:, 20:26]
    joined = GincPredictor.branches(predictor, prefixes, queries)
    widths = []
    read = predictor._model.forward
    monkeypatch.setattr(
        predictor._model, "forward", lambda **given: widths.append(given["input_ids"].shape[1]) or read(**given)
    )
    np.testing.assert_allclose(predictor.branches(prefixes, queries), joined, atol=1e-5)
    assert widths.count(21) == 3
    assert set(widths) == {21, 6}


def test_branches_of_exact_bayes_are_the_joined_prompts(tokens):
    exact = ExactPredictor(default_family())
    found = exact.branches(tokens[:2, :12], tokens[2:5, 12:15])
    for i in range(2):
        for j in range(3):
            joined = np.concatenate([tokens[i, :12], tokens[2 + j, 12:15]])
            np.testing.assert_array_equal(found[i, j], infer(default_family(), joined[None]).log_predictive[0, 0])


@pytest.mark.parametrize("model", ["ginc-small", "oracle"])
def test_predictors_agree_with_the_scorers_of_text(model):
    task = GincTask(family=default_family(), example_length=4)
    conditions = {Condition.of("gold", "ginc", shots): ("p",) for shots in (0, 3)}
    selection = Selection(num_queries=4, num_demonstration_sets=1, seeds=Seeds.same(0))
    prompts = build_prompts(task, conditions, selection)
    scores = make_scorer(model, task)(prompts)
    predictor = ExactPredictor(task.family) if model == "oracle" else HuggingFacePredictor(model)
    for prompt, row in zip(prompts, scores):
        ids = np.array([read_tokens(prompt.text, task.family)])
        found = predictor(ids, np.array([ids.shape[1] - 1]))[0, 0]
        order = [int(candidate.text) for candidate in prompt.candidates]
        finite = np.isfinite(row)
        np.testing.assert_allclose(found[order][finite], row[finite], atol=1e-4)
        np.testing.assert_array_equal(np.isneginf(found[order]), ~finite)


def test_what_cannot_be_asked_is_refused(checkpoint, tokens, tmp_path):
    predictor = HuggingFacePredictor(checkpoint)
    with pytest.raises(UserError, match=r"a prompt has 64 tokens, but model '\w+' reads 63"):
        predictor(np.zeros((1, 64), dtype=int), np.array([3]))
    with pytest.raises(UserError, match=r"a prompt has 64 tokens"):
        predictor.branches(np.zeros((1, 60), dtype=int), np.zeros((2, 4), dtype=int))
    predictor(np.zeros((1, 63), dtype=int), np.array([62]))
    for wrong in (50, -1):
        with pytest.raises(UserError, match=f"holds token {wrong}, but the family's vocabulary runs from 0 to 49"):
            predictor(np.full((1, 3), wrong), np.array([2]))
    with pytest.raises(UserError, match="positions must be indices from 0 to 29"):
        predictor(tokens, np.array([30]))
    with pytest.raises(UserError, match="is not a GINC checkpoint"):
        HuggingFacePredictor("someone/a-model")
    with pytest.raises(UserError, match="no model 'ginc-smal'"):
        HuggingFacePredictor("ginc-smal")
