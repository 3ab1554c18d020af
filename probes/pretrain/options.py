"""What a model is and how it is trained on GINC: one frozen record."""

import math
from dataclasses import dataclass

from icl.errors import UserError, unknown_name
from probes.runs.option import option

__all__ = ["ARCHITECTURES", "DOCUMENTS", "GROUPS", "PretrainOptions"]

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

MODEL, TEXT, STEPS = "model", "documents", "training"

GROUPS = (MODEL, TEXT, STEPS)
"""What entries belong to, in the order of `--help`."""


def parse_count(text: str) -> int:
    """Read a number such as 12e6; a `ValueError` says what is taken."""
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise ValueError(f"takes a number such as 12e6, got {text!r}") from None


def parse_corpus(text: str) -> tuple[int, int]:
    """Read documents x tokens; a `ValueError` says what is taken."""
    try:
        count, length = text.split("x")
        return int(count), int(length)
    except ValueError:
        raise ValueError(f"takes documents x tokens such as 1000x10240, got {text!r}") from None


def parse_windows(text: str) -> tuple[tuple[float, int], ...]:
    """Read window lengths with their share of the tokens, (share, length) each; a `ValueError` says what is taken."""
    try:
        phases = [phase.split(":") for phase in text.split(",")]
        return tuple((float(share), int(length)) for length, share in phases)
    except ValueError:
        raise ValueError(f"takes length:share such as 128:0.5,768:0.5, got {text!r}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainOptions:
    """How a model is trained on GINC; `option` says of each entry what it means.

    The feed-forward width is 3 × `width` (llama) or 4 × `width` (gpt2); an LSTM has no heads. A window of fresh
    documents starts a document; a window of a corpus, which is read over and over, is one of the stretches that its
    documents are cut into. Weights stay float32 whatever `dtype` is; a training that is resumed keeps what it began
    with.
    """

    architecture: str = option("llama", help=f"one of {', '.join(ARCHITECTURES)}", group=MODEL)
    num_layers: int = option(4, help="number of layers", group=MODEL, flag="--layers")
    width: int = option(128, help="width of the layers", group=MODEL)
    num_heads: int = option(4, help="number of attention heads", group=MODEL, flag="--heads")
    documents: str = option("mixture", help=f"one of {', '.join(DOCUMENTS)}", group=TEXT)
    corpus: tuple[int, int] | None = option(
        None,
        help="a fixed corpus of documents x tokens, e.g. 1000x10240",
        group=TEXT,
        unset="always fresh documents",
        written=str,
        parse=parse_corpus,
    )
    tokens: int = option(14_000_000, help="training tokens, e.g. 12e6", group=TEXT, parse=parse_count)
    windows: tuple[tuple[float, int], ...] = option(
        ((0.4, 128), (0.6, 768)),
        help="length:share of the tokens, phase by phase",
        group=TEXT,
        unset="128:0.4,768:0.6",
        written=str,
        parse=parse_windows,
    )
    batch_tokens: int = option(6_144, help="tokens per step", group=STEPS, parse=parse_count)
    muon_learning_rate: float = option(0.015, help="peak learning rate of hidden matrices", group=STEPS)
    adam_learning_rate: float = option(3e-3, help="peak learning rate of everything else", group=STEPS)
    weight_decay: float = option(0.01, help="decoupled weight decay of hidden matrices", group=STEPS)
    warmup: float = option(0.02, help="share of the steps over which the learning rate rises", group=STEPS)
    decay: float = option(0.6, help="share of the steps over which the learning rate falls to 0", group=STEPS)
    seed: int = option(0, help="seed of initialisation and documents", group=STEPS)
    device: str = option("auto", help="auto, cpu, cuda, …", group=STEPS)
    dtype: str = option("auto", help=f"of matrix products: {', '.join(_DTYPES)}", group=STEPS)

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
