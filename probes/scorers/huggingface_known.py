"""What is known of a language model beside its answers, told without its weights."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from probes.scorers.huggingface_source import FAMILY_FILE, ModelSource
from probes.scorers.scorer import Covariates

__all__ = ["count_parameters", "known_of"]


def known_of(source: ModelSource, config: Any, *, trust_remote_code: bool) -> Covariates:
    """Count the weights, and read the record of `probe pretrain` beside a checkpoint that it wrote."""
    tokens = _training_tokens(source)
    return Covariates(
        num_parameters=count_parameters(config, trust_remote_code=trust_remote_code),
        training_tokens=tokens,
        is_tuned=None if tokens is None else False,
    )


def count_parameters(config: Any, *, trust_remote_code: bool = False) -> int | None:
    """Count the weights of a model by its configuration, those that are shared once; None where it cannot be built so.

    The tensors of a checkpoint would be no measure: there are masks among those of older ones, packed numbers among
    those of quantised ones, and a model of the Hub has them elsewhere.
    """
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError, ImportError, OSError):
        return None
    return sum(parameter.numel() for parameter in model.parameters())


def _training_tokens(source: ModelSource) -> int | None:
    """Tokens of the last entry of a training curve; None for models that `probe pretrain` did not write."""
    folder = Path(source.location)
    if not (source.is_local and (folder / FAMILY_FILE).exists()):
        return None
    try:
        record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        return int(record["curve"][-1]["tokens"])
    except (OSError, ValueError, TypeError, LookupError):
        return None
