"""What a model is and how it is trained on GINC: one frozen record."""

import math
from dataclasses import dataclass

from icl.errors import UserError, unknown_name

__all__ = ["ARCHITECTURES", "DOCUMENTS", "PretrainOptions"]

ARCHITECTURES = {
    "llama": "decoder with rotary positions, RMS norms and gated feed-forward layers",
    "gpt2": "decoder with learned positions, layer norms and GELU layers (the paper's)",
    "lstm": "stacked long short-term memory (the paper's best)",
}
"""Name → what it is."""

DOCUMENTS = {
    "mixture": "each of one concept, uniform over the family's pretraining concepts (Xie §4)",
    "single-concept": "all of the family's first concept (Xie's ablation)",
    "random": "tokens independent and uniform over the vocabulary (Xie's ablation)",
}
"""Name → what the documents are made of."""

_DTYPES = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainOptions:
    """How a model is trained on GINC.

    Attributes
    ----------
    architecture : str
        A name of `ARCHITECTURES`.
    num_layers, width, num_heads : int
        Size of the model. The feed-forward width is 3 × `width` (llama) or 4 × `width` (gpt2); an LSTM has no heads.
    documents : str
        A name of `DOCUMENTS`.
    corpus : tuple of (documents, length) or None
        Read these documents, drawn once, over and over (the paper: 1,000 of 10,240 tokens); None: always fresh ones.
    tokens : int
        Training tokens in all.
    windows : tuple of (share, length)
        The share of the tokens that is read in windows of each length, in order. A window of fresh documents starts
        a document; a window of a corpus is one of the stretches that its documents are cut into.
    batch_tokens : int
        Tokens in one optimiser step.
    muon_learning_rate, adam_learning_rate : float
        Peak rates of the hidden matrices, and of embeddings, output layer, norms and biases.
    weight_decay : float
        Decoupled decay of the hidden matrices.
    warmup, decay : float
        Shares of the steps of linear warm-up, and of the linear way down to zero.
    seed : int
        Of initialisation and documents.
    device : str
        Where to train: "auto", "cpu", "cuda", …
    dtype : str
        Of the matrix products; weights stay float32. "auto" takes bfloat16 where the device has instructions for it; a
        training that is resumed keeps what it began with.
    """

    architecture: str = "llama"
    num_layers: int = 4
    width: int = 128
    num_heads: int = 4
    documents: str = "mixture"
    corpus: tuple[int, int] | None = None
    tokens: int = 14_000_000
    windows: tuple[tuple[float, int], ...] = ((0.4, 128), (0.6, 768))
    batch_tokens: int = 6_144
    muon_learning_rate: float = 0.015
    adam_learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.02
    decay: float = 0.6
    seed: int = 0
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self):
        for name, known in (("architecture", ARCHITECTURES), ("documents", DOCUMENTS), ("dtype", _DTYPES)):
            if getattr(self, name) not in known:
                raise unknown_name(name, getattr(self, name), known)
        for name in ("num_layers", "width", "num_heads", "tokens", "batch_tokens"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.architecture != "lstm" and self.width % (2 * self.num_heads):
            raise UserError(f"width must be a multiple of 2 · num_heads, got {self.width} and {self.num_heads}.")
        self._check_rates()
        self._check_windows()
        if self.corpus is not None:
            count, length = self.corpus
            if count < 1 or length < self.longest_window:
                raise UserError(
                    f"a corpus must hold documents as long as the longest window ({self.longest_window}), got "
                    f"{count} of {length} tokens; lengthen the documents, or shorten --windows."
                )

    def _check_rates(self) -> None:
        if self.seed < 0:
            raise UserError(f"seed cannot be negative, got {self.seed}; use 0 or more.")
        for name in ("muon_learning_rate", "adam_learning_rate"):
            rate = getattr(self, name)
            if not (rate > 0 and math.isfinite(rate)):
                raise UserError(f"{name} must be a number above 0, got {rate}.")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise UserError(f"weight_decay must be a number from 0, got {self.weight_decay}.")
        for name in ("warmup", "decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is a share of the steps and must lie in [0, 1], got {getattr(self, name)}.")

    def _check_windows(self) -> None:
        if not self.windows or any(not share > 0 or length < 2 for share, length in self.windows):
            raise UserError(f"windows take shares above 0 and lengths from 2, got {self.windows}.")
        total = sum(share for share, _ in self.windows)
        if not abs(total - 1) <= 1e-6:
            raise UserError(f"the shares of the windows must add up to 1, got {total:g}.")
        if self.batch_tokens < self.longest_window:
            raise UserError(
                f"a step must hold one window: batch_tokens is {self.batch_tokens:,}, the longest window "
                f"{self.longest_window:,}; raise --batch-tokens, or shorten --windows."
            )
        for share, length in self.windows:
            if self.num_steps(share, length) < 1:
                raise UserError(
                    f"windows of {length:,} are never read: a share of {share:g} of {self.tokens:,} tokens is less "
                    f"than one step of {self.batch_tokens:,}; raise --tokens or the share, or lower --batch-tokens."
                )

    def num_steps(self, share: float, length: int) -> int:
        """Optimiser steps of a phase of `windows`; each reads as many whole windows as `batch_tokens` holds."""
        return round(share * self.tokens / (self.batch_tokens // length * length))

    @property
    def longest_window(self) -> int:
        """Tokens of the longest window: what the model reads at most."""
        return max(length for _, length in self.windows)
