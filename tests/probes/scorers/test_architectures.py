"""Shared passes of many kinds of causal models against plain loops; kinds that cannot share say so."""

import warnings

import numpy as np
import pytest
from small_models import CONTEXT, VOCABULARY, plain_scores, prompts_of, save_model
from transformers import (
    BloomConfig,
    FalconConfig,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    OPTConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from icl.prompts.render import label_prior
from icl.tasks.builtin import BUILTIN_TASKS
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_check import why_read_whole
from probes.scorers.huggingface_lstm import LstmConfig

SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
SIZES |= {"max_position_embeddings": CONTEXT, "intermediate_size": 48}
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}

SHARING = {
    "gpt2": GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT, **ENDS),
    "gpt-neox": GPTNeoXConfig(**SIZES, **ENDS),
    "opt": OPTConfig(**SIZES, ffn_dim=48, word_embed_proj_dim=32, bos_token_id=0, eos_token_id=0, pad_token_id=1),
    "falcon": FalconConfig(**SIZES, alibi=False, **ENDS),
    "qwen2": Qwen2Config(**SIZES, num_key_value_heads=2, **ENDS),
    "qwen3": Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=8, **ENDS),
    "phi3": Phi3Config(**SIZES, num_key_value_heads=2, **ENDS),
    "llama-one-key-head": LlamaConfig(**SIZES, num_key_value_heads=1, **ENDS),
    "mistral-window": MistralConfig(**SIZES, num_key_value_heads=2, sliding_window=13, **ENDS),
    "gemma3-windows-and-full": Gemma3TextConfig(
        **SIZES | {"num_hidden_layers": 3},
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=13,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        **ENDS,
    ),
}

WHOLE = {
    "bloom": (BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, **ENDS), "position ids"),
    "mamba": (
        MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=4, **ENDS),
        "no cache of keys and values",
    ),
    "lstm": (LstmConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=1, **ENDS), "position ids"),
}


@pytest.fixture(scope="module")
def prompts():
    return prompts_of(BUILTIN_TASKS["topic"](), "gold", "random", format="qa", shots=(0, 4), queries=3)


@pytest.mark.parametrize("name", SHARING)
def test_shared_passes_say_what_plain_ones_say(name, tmp_path, prompts):
    folder = save_model(tmp_path / name, SHARING[name])
    scorer = HuggingFaceScorer(str(folder), batch_tokens=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = scorer(prompts)
    assert scorer.reading()["tokens_per_node"] == 1.0
    np.testing.assert_allclose(scores, plain_scores(folder, prompts), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", WHOLE)
def test_models_that_cannot_share_are_read_whole_and_say_so(name, tmp_path, prompts):
    config, reason = WHOLE[name]
    folder = save_model(tmp_path / name, config)
    scorer = HuggingFaceScorer(str(folder), batch_tokens=400)
    with pytest.warns(UserWarning, match=rf"model '{name}' does not let prompts share passes \(.*{reason}.*\)"):
        scores = scorer(prompts)
    assert reason in scorer.reading()["read_whole_because"]
    np.testing.assert_allclose(scores, plain_scores(folder, prompts), atol=1e-4, rtol=0)
    np.testing.assert_allclose(scorer(prompts[3:4]), scores[3:4], atol=1e-4, rtol=0)


def test_longer_prompts_are_checked_again(tmp_path, prompts, monkeypatch):
    """Short questions come first in a run; what they show says nothing of a window that only longer ones leave."""
    scorer = HuggingFaceScorer(str(save_model(tmp_path / "m", SHARING["mistral-window"])))
    checked = []
    monkeypatch.setattr(
        "probes.scorers.huggingface.why_read_whole",
        lambda *given: checked.append(given[3]) or why_read_whole(*given),
    )
    short = [label_prior(prompt) for prompt in prompts[:1]]
    for asked in (short, prompts, prompts, short):
        scorer(asked)
    assert len(checked) == 2
    assert checked[0] < 13 < checked[1]


def test_a_model_that_ignores_the_mask_is_found_out(tmp_path, prompts, monkeypatch):
    """What its configuration does not tell, the comparison with a plain pass does."""
    folder = save_model(tmp_path / "deaf", SHARING["gpt-neox"])
    scorer = HuggingFaceScorer(str(folder))
    forward = scorer._model.gpt_neox.forward
    monkeypatch.setattr(
        scorer._model.gpt_neox, "forward", lambda *args, **given: forward(*args, **{**given, "attention_mask": None})
    )
    with pytest.warns(UserWarning, match=r"does not let prompts share passes \(they change its answers by"):
        scores = scorer(prompts[:1])
    np.testing.assert_allclose(scores, plain_scores(folder, prompts[:1]), atol=1e-4, rtol=0)
