"""The training loop: growing windows, Muon for hidden matrices and AdamW for the rest; an interrupted one resumes."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from icl.errors import UserError
from icl.ginc.family import GincFamily
from probes.pretrain.documents import bayes_loss, training_batches, training_windows, validation_documents
from probes.pretrain.models import build_model, hidden_matrices, use_fast_attention, use_plain_attention
from probes.pretrain.options import PretrainOptions
from probes.pretrain.unfinished import read_unfinished, write_unfinished
from probes.scorers.huggingface_precision import has_fast, warn_of_slow
from probes.scorers.huggingface_source import find_device

__all__ = ["TrainingPoint", "find_dtype", "pretrain"]

_POINTS = 50
"""Points of the loss curve."""

_VALIDATION_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPoint:
    """One point of the loss curve; losses are in nats per token."""

    tokens: int
    seconds: float
    train_loss: float
    validation_loss: float


def pretrain(
    family: GincFamily,
    options: PretrainOptions,
    *,
    progress: Callable[[TrainingPoint], None] | None = None,
    folder: Path | None = None,
    save_every: float = 20.0,
) -> tuple[PreTrainedModel, dict]:
    """Train a model from scratch and return it with the record of its training.

    Parameters
    ----------
    family, options
        The world and the recipe.
    progress
        Called at each point of the loss curve.
    folder
        Where the state is kept while training lasts; a call with the same family and options goes on from there, and
        ends with the weights that an uninterrupted one would have: the same on a CPU with the same number of threads,
        on an accelerator up to the order of its sums.
    save_every
        Seconds between two saved states, at least.

    Returns
    -------
    model, record
        The record holds options, precision, loss curve, and the validation loss of exact Bayes on the same documents,
        below which no model can come but by chance.

    Raises
    ------
    UserError
        If training diverges, or `folder` holds the state of another training.
    """
    device = find_device(options.device)
    torch.manual_seed(options.seed)
    model = build_model(family, options)
    torch.nn.Module.to(model, device)
    optimisers = _optimisers(model, options)
    resumed = read_unfinished(folder, model, optimisers, family, options) if folder else None
    curve = [] if resumed is None else [TrainingPoint(**point) for point in resumed.curve]
    step = 0 if resumed is None else resumed.step
    dtype = (resumed and resumed.dtype) or find_dtype(options, device)
    warn_of_slow(dtype, device)
    schedule = training_windows(options)
    validation = validation_documents(family, options)
    use_fast_attention(model, device)
    points = max(1, len(schedule) // _POINTS)
    recent: list[Tensor] = []
    began = saved = time.perf_counter()
    seconds_before = curve[-1].seconds if curve else 0.0
    for windows in training_batches(family, options, first_step=step):
        _set_rate(optimisers, _rate(step, len(schedule), options))
        recent.append(_train_step(model, optimisers, torch.as_tensor(windows, device=device), dtype))
        step += 1
        if step % points and step < len(schedule):
            continue
        point = TrainingPoint(
            tokens=sum(count * length for count, length in schedule[:step]),
            seconds=round(seconds_before + time.perf_counter() - began, 1),
            train_loss=round(float(torch.stack(recent).mean()), 4),
            validation_loss=round(_validation_loss(model, torch.as_tensor(validation, device=device), dtype), 4),
        )
        recent = []
        if not math.isfinite(point.validation_loss):
            raise UserError(
                f"training diverged after {point.tokens:,} tokens (loss is {point.validation_loss}); "
                "lower --muon-learning-rate or --adam-learning-rate."
            )
        curve.append(point)
        if progress:
            progress(point)
        if folder and time.perf_counter() - saved >= save_every:
            write_unfinished(folder, model, optimisers, family, options, dtype=dtype, step=step, curve=curve)
            saved = time.perf_counter()
    use_plain_attention(model)
    return model.eval(), {
        "options": asdict(options),
        "dtype": str(dtype).removeprefix("torch."),
        "family": family.fingerprint,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": curve[-1].seconds,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "bayes_validation_loss": round(bayes_loss(family, options, validation), 4),
        "curve": [asdict(point) for point in curve],
    }


def find_dtype(options: PretrainOptions, device: torch.device) -> torch.dtype:
    """Choose the precision of matrix products for a new training."""
    if options.dtype == "auto":
        return torch.bfloat16 if has_fast(torch.bfloat16, device) else torch.float32
    return getattr(torch, options.dtype)


def _train_step(
    model: PreTrainedModel, optimisers: list[torch.optim.Optimizer], windows: Tensor, dtype: torch.dtype
) -> Tensor:
    """Take one step and return its loss, a scalar on the device."""
    loss = _loss(model, windows, dtype)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return loss.detach()


def _optimisers(model: PreTrainedModel, options: PretrainOptions) -> list[torch.optim.Optimizer]:
    matrices = hidden_matrices(model)
    inside = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in inside]
    return [
        torch.optim.Muon(matrices, lr=options.muon_learning_rate, momentum=0.95, weight_decay=options.weight_decay),
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


def _loss(model: PreTrainedModel, windows: Tensor, dtype: torch.dtype) -> Tensor:
    """Mean cross-entropy in nats of every token behind the first column."""
    windows = windows.long()
    with torch.autocast(windows.device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = model(input_ids=windows[:, :-1], use_cache=False).logits
    return cross_entropy(logits.flatten(0, 1).float(), windows[:, 1:].flatten())


@torch.inference_mode()
def _validation_loss(model: PreTrainedModel, windows: Tensor, dtype: torch.dtype) -> float:
    model.eval()
    losses = [_loss(model, part, dtype) for part in windows.split(_VALIDATION_BATCH)]
    model.train()
    return float(torch.stack(losses).mean())
