"""Attention for passes of a trie: each block of tokens reads only keys that one of them sees.

Branches of a trie do not see each other, so most of a pass's attention matrix is masked. Cut into blocks of rows, each
with just the columns it needs, the pass costs what its paths cost, and passes may be long.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from numpy import ndarray
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["branch_mask", "use_branching_attention"]

_NAME = "icl_branching"

_ROWS = {"cpu": 128}
"""Tokens in a block by kind of device; on accelerators fewer, larger blocks keep the kernels busy."""
_ROWS_ON_ACCELERATORS = 512

type _Block = tuple[slice, torch.Tensor, torch.Tensor]
"""Rows, the columns that one of them sees, and the mask between the two."""


def use_branching_attention(model: Any) -> None:
    """Let a model that runs on PyTorch's scaled dot product attend in blocks; others keep their own attention.

    Passes without blocks, and every mask that is not made by `branch_mask`, are as before.
    """
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(_NAME)


def branch_mask(seen: Bool[ndarray, "num_read num_seen"], *, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Make the additive attention mask (1, 1, num_read, num_seen) of a pass, its blocks attached to it."""
    mask = torch.zeros(seen.shape, dtype=dtype, device=device)
    mask.masked_fill_(torch.as_tensor(~seen, device=device), torch.finfo(dtype).min)
    mask = mask[None, None]
    mask.blocks = _blocks(seen, mask)  # type: ignore[attr-defined]
    return mask


def _blocks(seen: Bool[ndarray, "num_read num_seen"], mask: torch.Tensor) -> list[_Block]:
    size = _ROWS.get(mask.device.type, _ROWS_ON_ACCELERATORS)
    blocks = []
    for start in range(0, len(seen), size):
        rows = slice(start, min(start + size, len(seen)))
        columns = torch.as_tensor(np.flatnonzero(seen[rows].any(axis=0)), device=mask.device)
        blocks.append((rows, columns, mask[:, :, rows].index_select(3, columns)))
    return blocks


def _branching_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention over the mask's blocks, or over the whole mask where it has none."""
    blocks: list[_Block] | None = getattr(attention_mask, "blocks", None)
    if blocks is None or options.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    found = [
        sdpa_attention_forward(
            module,
            query[:, :, rows],
            key.index_select(2, columns),
            value.index_select(2, columns),
            mask,
            **options,
        )[0]
        for rows, columns, mask in blocks
    ]
    return torch.cat(found, dim=1), None


AttentionInterface.register(_NAME, _branching_attention)
AttentionMaskInterface.register(_NAME, sdpa_mask)
