"""The models that are trained on GINC, and how they compute on each device."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import (
    AttentionInterface,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from icl.ginc.family import GincFamily
from probes.pretrain.options import PretrainOptions
from probes.scorers.huggingface_lstm import LstmConfig, LstmForCausalLM

__all__ = ["build_model", "hidden_matrices", "use_fast_attention", "use_plain_attention"]

_FLOAT32_ATTENTION = "causal_float32"


def build_model(family: GincFamily, options: PretrainOptions) -> PreTrainedModel:
    """Build an untrained model; its last token, after the family's own, starts every document."""
    start = family.vocab_size
    common: dict[str, Any] = {"vocab_size": start + 1, "bos_token_id": start, "eos_token_id": start}
    common["tie_word_embeddings"] = False
    if options.architecture == "llama":
        return LlamaForCausalLM(
            LlamaConfig(
                hidden_size=options.width,
                intermediate_size=3 * options.width,
                num_hidden_layers=options.num_layers,
                num_attention_heads=options.num_heads,
                max_position_embeddings=options.longest_window,
                **common,
            )
        )
    if options.architecture == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                n_embd=options.width,
                n_layer=options.num_layers,
                n_head=options.num_heads,
                n_positions=options.longest_window,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                **common,
            )
        )
    return LstmForCausalLM(
        LstmConfig(
            hidden_size=options.width,
            num_hidden_layers=options.num_layers,
            max_position_embeddings=options.longest_window,
            **common,
        )
    )


def hidden_matrices(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    """List the matrices between embeddings and output layer, which Muon trains."""
    outside = {id(p) for p in (*model.get_input_embeddings().parameters(), *model.lm_head.parameters())}
    named = model.named_parameters()
    return [p for name, p in named if p.ndim == 2 and id(p) not in outside and "wpe" not in name]


def use_fast_attention(model: PreTrainedModel, device: torch.device) -> None:
    """On a CPU, let attention be computed in float32 inside a bfloat16 pass.

    On two cores that makes a step of `ginc-small` 1.2 to 1.5 × faster in windows of 128, where PyTorch's bfloat16
    kernel is slow, and a tenth slower in windows of 768. One precision at every length keeps recipes simple.
    """
    if device.type == "cpu" and not isinstance(model, LstmForCausalLM):
        model.set_attn_implementation(_FLOAT32_ATTENTION)


def use_plain_attention(model: PreTrainedModel) -> None:
    """Undo `use_fast_attention`: a trained model reads padded batches and caches."""
    if not isinstance(model, LstmForCausalLM):
        model.set_attn_implementation("sdpa")


def _causal_float32(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: None, **options
) -> tuple[Tensor, None]:
    """Attention over whole windows without padding, the only ones that training reads."""
    with torch.autocast(query.device.type, enabled=False):
        attended = scaled_dot_product_attention(
            query.float(), key.float(), value.float(), is_causal=True, scale=options.get("scaling")
        )
    return attended.to(value.dtype).transpose(1, 2).contiguous(), None


AttentionInterface.register(_FLOAT32_ATTENTION, _causal_float32)
