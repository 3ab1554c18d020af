"""Transformers models that are in memory already as scorers: asked as they are, and left as they were."""

import hashlib
from functools import cached_property
from typing import Any

import torch

from icl.errors import UserError
from probes.scorers.given import GivenModel
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_attention import use_branching_attention
from probes.scorers.huggingface_source import ModelSource
from probes.scorers.scorer import Covariates

__all__ = ["GivenScorer", "weights_digest"]


class GivenScorer(HuggingFaceScorer):
    """log p(candidate | prompt) under a model that the caller holds, on its device and in its precision.

    Parameters
    ----------
    given
        Model, fast tokenizer, and name in tables.
    memory, batch_tokens, chat
        As for `HuggingFaceScorer`.

    Raises
    ------
    UserError
        If it is not a causal language model in memory, or its tokenizer is not a fast one.
    """

    def __init__(
        self, given: GivenModel, *, memory: float | None = None, batch_tokens: int | None = None, chat: bool = False
    ):
        if not (isinstance(given.model, torch.nn.Module) and hasattr(given.model, "config")):
            raise UserError(
                f"model '{given.name}' must be a causal language model of Transformers, got a "
                f"{type(given.model).__name__}; a function of prompts goes to from_callable."
            )
        self._given: Any = given.model
        weights = next(given.model.parameters())
        self.source = ModelSource(name=given.name, location=given.name)
        self._begin(memory=memory, batch_tokens=batch_tokens, chat=chat)
        self._dtype, self._device = weights.dtype, weights.device
        self._options = {"revision": None, "trust_remote_code": True}  # its code runs already
        self._config = given.model.config
        self._check_causal()
        if getattr(given.model, "get_output_embeddings", lambda: None)() is None:
            raise UserError(f"model '{self.name}' has no head that predicts tokens; load it with AutoModelForCausalLM.")
        self._tokenizer = given.tokenizer
        self._check_tokenizer()

    def close(self) -> None:
        """Leave the model as it was given: the caller keeps its weights."""
        model: Any = self.__dict__.pop("_model", None)
        if model is not None:
            attention, was_training = self._before
            if model.config._attn_implementation != attention:
                model.set_attn_implementation(attention)
            model.train(was_training)

    def covariates(self) -> Covariates:
        """Weights as they are in memory."""
        return Covariates(num_parameters=sum(parameter.numel() for parameter in self._given.parameters()))

    def identity(self) -> dict[str, str]:
        """As of a model that was loaded, with a digest of the weights as they are now, and the model's class."""
        kind = type(self._given)
        return super().identity() | {
            "scorer": f"{kind.__module__}.{kind.__qualname__}, given in Python",
            "weights": weights_digest(self._given, self.name),
        }

    def is_reproducible(self) -> bool:
        """False: hooks and code of the caller's may change answers, and no digest sees them."""
        return False

    def precision_check(self, prompts) -> dict[str, object]:
        """Say that there are no weights in float32 to compare with."""
        reduced = self._dtype not in (torch.float32, torch.float64) and prompts
        return {"not_measured": "the model was given in memory"} if reduced else {}

    def _skeleton(self) -> Any:
        return self._given

    @cached_property
    def _model(self) -> Any:
        self._before: tuple[str, bool] = (self._given.config._attn_implementation, self._given.training)
        use_branching_attention(self._given)
        return self._given.eval()


def weights_digest(model: torch.nn.Module, name: str) -> str:
    """Hash every stored tensor of a model, name, type and bytes: 16 hexadecimal digits.

    Half a second a gigabyte or so; no sample of the weights would tell a model from its fine-tuned twin.

    Raises
    ------
    UserError
        If some of them are not in memory.
    """
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        if tensor.is_meta:
            raise UserError(f"weights of model '{name}' are not in memory ({key}); load it without offloading.")
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
