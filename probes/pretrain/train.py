"""The training loop: fresh GINC documents, growing windows, Muon for matrices and AdamW for the rest."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float, Integer
from numpy import ndarray
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import GincFamily
from icl.ginc.sampling import sample_documents
from probes.scorers.huggingface_source import find_device

__all__ = ["PretrainOptions", "pretrain", "training_windows"]

_STEPS_DRAWN_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainOptions:
    """How a model is trained on GINC.

    Attributes
    ----------
    num_layers, width, num_heads : int
        Size of the Llama-style decoder; its feed-forward width is 3 × `width`.
    tokens : int
        Training tokens in all, every document fresh.
    windows : tuple of (share, length)
        The share of the tokens that is read in windows of each length, in order. Every window starts a document.
    batch_tokens : int
        Tokens in one optimiser step.
    muon_learning_rate, adam_learning_rate : float
        Peak rates of the hidden matrices, and of embeddings, output layer and norms.
    warmup, decay : float
        Shares of the steps of linear warm-up, and of the linear way down to zero.
    seed : int
        Of initialisation and documents.
    device : str
        Where to train: "auto", "cpu", "cuda", …
    """

    num_layers: int = 4
    width: int = 128
    num_heads: int = 4
    tokens: int = 12_000_000
    windows: tuple[tuple[float, int], ...] = ((0.5, 128), (0.5, 768))
    batch_tokens: int = 6_144
    muon_learning_rate: float = 0.015
    adam_learning_rate: float = 3e-3
    warmup: float = 0.02
    decay: float = 0.6
    seed: int = 0
    device: str = "auto"

    def __post_init__(self):
        for name in ("num_layers", "width", "num_heads", "tokens"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.width % (2 * self.num_heads):
            raise UserError(f"width must be a multiple of 2 · num_heads, got {self.width} and {self.num_heads}.")
        if self.tokens < self.batch_tokens * len(self.windows):
            raise UserError(f"tokens must be at least {self.batch_tokens * len(self.windows):,}, got {self.tokens:,}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPoint:
    """One point of the loss curve; losses are in nats per token."""

    tokens: int
    seconds: float
    train_loss: float
    validation_loss: float


def training_windows(options: PretrainOptions) -> Iterator[tuple[int, int]]:
    """Yield (number of documents, window length) for each optimiser step."""
    for share, length in options.windows:
        num_documents = max(1, options.batch_tokens // length)
        for _ in range(round(share * options.tokens / (num_documents * length))):
            yield num_documents, length


def pretrain(
    family: GincFamily, options: PretrainOptions, *, progress: Callable[[TrainingPoint], None] | None = None
) -> tuple[PreTrainedModel, dict]:
    """Train a decoder from scratch and return it with the record of its training.

    The record holds the options, the loss curve, and the validation loss of exact Bayes (ε = 0) on the same
    documents, below which no model can come but by chance.
    """
    device = find_device(options.device)
    torch.manual_seed(options.seed)
    model = _decoder(family, options)
    torch.nn.Module.to(model, device)
    optimisers = _optimisers(model, options)
    train_rng, validation_rng = np.random.default_rng(options.seed).spawn(2)
    longest = max(length for _, length in options.windows)
    validation, _ = sample_documents(family, num_documents=40, length=longest, rng=validation_rng)
    schedule = list(training_windows(options))
    curve: list[TrainingPoint] = []
    began, tokens_seen, recent = time.perf_counter(), 0, []
    for step, documents in enumerate(_batches(family, schedule, train_rng)):
        _set_rate(optimisers, _rate(step, len(schedule), options))
        loss = _loss(model, documents, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        tokens_seen += documents.size
        recent.append(loss.detach())
        if (step + 1) % max(1, len(schedule) // 50) == 0 or step + 1 == len(schedule):
            point = TrainingPoint(
                tokens=tokens_seen,
                seconds=round(time.perf_counter() - began, 1),
                train_loss=round(float(torch.stack(recent).mean()), 4),
                validation_loss=round(_validation_loss(model, validation, device), 4),
            )
            recent = []
            if not math.isfinite(point.validation_loss):
                raise UserError(
                    f"training diverged after {tokens_seen:,} tokens (loss is {point.validation_loss}); "
                    "lower --muon-learning-rate or --adam-learning-rate."
                )
            curve.append(point)
            if progress:
                progress(point)
    record = {
        "options": asdict(options),
        "family": family.fingerprint,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": curve[-1].seconds,
        "torch": torch.__version__,
        "bayes_validation_loss": round(_bayes_loss(family, validation), 4),
        "curve": [asdict(point) for point in curve],
    }
    return model.eval(), record


def _batches(
    family: GincFamily, schedule: list[tuple[int, int]], rng: np.random.Generator
) -> Iterator[Integer[ndarray, "num_documents length"]]:
    """Yield fresh documents for each step; drawing those of many steps at once costs little more than those of one."""
    for shape, steps in groupby(schedule):
        num_documents, length = shape
        waiting = len(list(steps))
        while waiting:
            count = min(waiting, _STEPS_DRAWN_AT_ONCE)
            drawn, _ = sample_documents(family, num_documents=count * num_documents, length=length, rng=rng)
            yield from drawn.reshape(count, num_documents, length)
            waiting -= count


def _decoder(family: GincFamily, options: PretrainOptions) -> PreTrainedModel:
    start_of_document = family.vocab_size
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=family.vocab_size + 1,
            hidden_size=options.width,
            intermediate_size=3 * options.width,
            num_hidden_layers=options.num_layers,
            num_attention_heads=options.num_heads,
            max_position_embeddings=max(length for _, length in options.windows),
            bos_token_id=start_of_document,
            eos_token_id=start_of_document,
            pad_token_id=start_of_document,
            tie_word_embeddings=False,
        )
    )


def _optimisers(model: PreTrainedModel, options: PretrainOptions) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    inside = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in inside]
    return [
        torch.optim.Muon(matrices, lr=options.muon_learning_rate, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=options.adam_learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _rate(step: int, num_steps: int, options: PretrainOptions) -> float:
    """Share of the peak learning rate: linear warm-up, plateau, linear to zero."""
    warm = (step + 1) / max(1.0, options.warmup * num_steps)
    cool = (num_steps - step) / max(1.0, options.decay * num_steps)
    return min(1.0, warm, cool)


def _set_rate(optimisers: list[torch.optim.Optimizer], share: float) -> None:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group.setdefault("peak_rate", group["lr"])
            group["lr"] = group["peak_rate"] * share


def _loss(model: PreTrainedModel, documents: Integer[ndarray, "num_documents length"], device: torch.device):
    """Mean cross-entropy in nats of every token of the documents, the first one included."""
    targets = torch.as_tensor(documents, dtype=torch.long, device=device)
    inputs = torch.nn.functional.pad(targets[:, :-1], (1, 0), value=model.config.bos_token_id)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=_bfloat16_pays(device)):
        logits = model(input_ids=inputs, use_cache=False).logits
    return cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def _bfloat16_pays(device: torch.device) -> bool:
    if device.type == "cpu":
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


@torch.inference_mode()
def _validation_loss(model: PreTrainedModel, documents: ndarray, device: torch.device) -> float:
    model.eval()
    losses = [_loss(model, documents[i : i + 8], device).item() for i in range(0, len(documents), 8)]
    model.train()
    return float(np.mean(losses))


def _bayes_loss(family: GincFamily, documents: ndarray) -> float:
    """Nats per token of exact Bayes at ε = 0: −log Σ_θ p(θ)·p(document | θ) ÷ length."""
    evidence: Float[ndarray, "num_documents num_concepts"] = infer(family, documents, smoothing=0.0).log_evidence[:, -1]
    mixture = np.logaddexp.reduce(evidence, axis=1) - np.log(family.num_pretraining_concepts)
    return float(-mixture.mean() / documents.shape[1])
