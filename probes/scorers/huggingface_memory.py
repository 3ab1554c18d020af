"""How much a forward pass may hold: from a memory budget to tokens and output rows."""

import gc
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch

from icl.errors import UserError

__all__ = ["PassLimits", "free_memory", "is_out_of_memory", "pass_limits", "release_memory"]

_FEWEST_TOKENS = 16
_SHARE_OF_FREE_MEMORY = 0.5
_TOKENS = {"cpu": 1024}
"""Tokens in a pass where memory allows, by kind of device: on CPUs more gain nothing."""
_TOKENS_ON_ACCELERATORS = 4096


_SAID_OF_MEMORY = ("allocate memory", "out of memory", "not enough memory", "ALLOC_FAILED")
"""What errors of the several kinds of devices say when memory ran out."""


@dataclass(frozen=True, slots=True)
class PassLimits:
    """What one forward pass may hold: tokens that are read, and positions whose output distribution is computed."""

    tokens: int
    rows: int

    def halved(self) -> "PassLimits":
        """Half as much, after running out of memory.

        Raises
        ------
        UserError
            If there is nothing left to halve.
        """
        if self.tokens == 1:
            raise UserError(
                "memory ran out even at one token per pass; use a smaller model, --dtype bfloat16 or another --device."
            )
        return replace(self, tokens=max(1, self.tokens // 2), rows=max(1, self.rows // 2))


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def release_memory(device: torch.device) -> None:
    """Give memory that nothing refers to any more back: models hold cycles, and accelerators cache what was freed."""
    gc.collect()
    if device.type != "cpu":
        torch.accelerator.empty_cache()


def pass_limits(
    config: Any, *, dtype: torch.dtype, device: torch.device, longest: int, budget: int | None, most: int | None
) -> PassLimits:
    """Choose the largest pass whose estimated memory, beside the weights, stays within the budget.

    Parameters
    ----------
    config
        The model's text configuration.
    longest
        Tokens of the longest sequence: its keys and values are held while what follows it is read.
    budget
        Bytes; None is half of what is free.
    most
        Tokens at most; None is a number that suits the device.

    Raises
    ------
    UserError
        If the budget does not hold the smallest pass.
    """
    allowed = int(_SHARE_OF_FREE_MEMORY * free_memory(device)) if budget is None else budget
    tokens = most or _TOKENS.get(device.type, _TOKENS_ON_ACCELERATORS)
    while tokens > _FEWEST_TOKENS and _bytes(config, dtype, longest, tokens) > allowed:
        tokens = max(_FEWEST_TOKENS, tokens // 2)
    needed = _bytes(config, dtype, longest, min(tokens, _FEWEST_TOKENS))
    if needed > allowed and budget is not None:
        raise UserError(
            f"a memory budget of {budget / 1e9:.3g} GB is too small: prompts of {longest} tokens need "
            f"{needed / 1e9:.2g} GB of memory in addition to the weights; raise --memory, or ask for shorter prompts."
        )
    return PassLimits(tokens, max(1, tokens // 2))


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error says that memory ran out, on an accelerator or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _SAID_OF_MEMORY)


def _bytes(config: Any, dtype: torch.dtype, longest: int, tokens: int) -> int:
    """Estimate what a pass of `tokens` behind a path of `longest` holds beside the weights."""
    size = dtype.itemsize
    hidden = config.hidden_size
    inner = getattr(config, "intermediate_size", None) or 4 * hidden
    heads = getattr(config, "num_attention_heads", None) or 1
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    head_size = getattr(config, "head_dim", None) or hidden // heads
    seen = longest + tokens
    # A token's keys and values are held three times: above the pass, joined with it, and selected for the next one.
    memory = 3 * seen * 2 * config.num_hidden_layers * key_heads * head_size * size
    attention = tokens * seen * (1 + size + 2 * size * (heads if _computes_weights(config) else 1))
    attention += 4 * seen * heads * head_size * size
    activations = tokens * size * (8 * hidden + 3 * inner)
    logits = max(1, tokens // 2) * config.vocab_size * (size + 8)
    return memory + attention + activations + logits


def _computes_weights(config: Any) -> bool:
    return getattr(config, "_attn_implementation", None) not in ("sdpa", "icl_branching")
