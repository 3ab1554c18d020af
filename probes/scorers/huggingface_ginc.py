"""Trained GINC checkpoints as predictors: token arrays go in as they are, no text is made of them."""

import copy
import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer
from numpy import ndarray
from transformers import AutoConfig, AutoModelForCausalLM
from transformers import logging as transformers_logging

from icl.errors import UserError
from icl.ginc.exact import check_vocabulary
from icl.ginc.family import load_family
from probes.scorers.ginc import GincPredictor
from probes.scorers.huggingface_known import count_parameters
from probes.scorers.huggingface_lstm import register_lstm
from probes.scorers.huggingface_memory import release_memory
from probes.scorers.huggingface_source import FAMILY_FILE, find_device, find_model

__all__ = ["HuggingFacePredictor"]

register_lstm()


class HuggingFacePredictor(GincPredictor):
    """The next-token distribution of a checkpoint that `probe pretrain` wrote, in float32.

    Parameters
    ----------
    model
        Shipped name or local folder.
    device
        "auto" takes an accelerator where there is one.
    batch_tokens
        Tokens in one forward pass; bounds memory, never changes results.

    Raises
    ------
    UserError
        If there is no such model, or it is not a GINC checkpoint.
    """

    def __init__(self, model: str, *, device: str = "auto", batch_tokens: int = 8192):
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        self._source = find_model(model)
        self.name = self._source.name
        self.batch_tokens = batch_tokens
        self._device = find_device(device)
        self._folder = Path(self._source.location)
        if not (self._source.is_local and (self._folder / FAMILY_FILE).exists()):
            raise UserError(
                f"model '{model}' is not a GINC checkpoint ({FAMILY_FILE} is missing beside its weights); name a "
                "shipped model, or a folder that `probe pretrain` wrote."
            )
        self.family = load_family(self._folder / FAMILY_FILE)
        self._config = AutoConfig.from_pretrained(self._folder)

    def __call__(
        self, tokens: Integer[ndarray, "num_prompts length"], positions: Integer[ndarray, " num_positions"]
    ) -> Float[ndarray, "num_prompts num_positions vocab_size"]:
        """Log-probabilities in nats; the mass on the start-of-document token is left out.

        Raises
        ------
        UserError
            If the prompts are longer than the model's window, or hold tokens outside the vocabulary.
        """
        check_vocabulary(self.family, tokens)
        if positions.size and not (positions.min() >= 0 and positions.max() < tokens.shape[1]):
            raise UserError(
                f"positions must be indices from 0 to {tokens.shape[1] - 1}, the prompts' last token; "
                f"got {positions.tolist()}."
            )
        self.check_length(tokens.shape[1])
        found = np.empty((len(tokens), len(positions), self.family.vocab_size), dtype=np.float32)
        step = max(1, self.batch_tokens // (tokens.shape[1] + 1))
        for first in range(0, len(tokens), step):
            ids = self._behind_start(tokens[first : first + step])
            found[first : first + step] = self._logprobs(ids, positions + 1)
        return found

    def branches(
        self,
        prefixes: Integer[ndarray, "num_prefixes prefix_length"],
        queries: Integer[ndarray, "num_queries query_length"],
    ) -> Float[ndarray, "num_prefixes num_queries vocab_size"]:
        """Log-probabilities in nats after prefix and query; what the model remembers of a prefix is computed once."""
        for part in (prefixes, queries):
            check_vocabulary(self.family, part)
        length = prefixes.shape[1] + queries.shape[1]
        self.check_length(length)
        found = np.empty((len(prefixes), len(queries), self.family.vocab_size), dtype=np.float32)
        step = max(1, self.batch_tokens // (length + 1))
        last = np.array([queries.shape[1] - 1])
        ids = torch.as_tensor(queries.astype(np.int64), device=self._device)
        for row in range(len(prefixes)):
            with torch.inference_mode():
                read = self._model(
                    input_ids=self._behind_start(prefixes[row : row + 1]), use_cache=True, logits_to_keep=1
                ).past_key_values
            for first in range(0, len(queries), step):
                memory = copy.deepcopy(read)
                batch = ids[first : first + step]
                memory.batch_repeat_interleave(len(batch))
                found[row, first : first + step] = self._logprobs(batch, last, memory)[:, 0]
        return found

    def close(self) -> None:
        """Release the weights, on an accelerator its cached memory too."""
        if self.__dict__.pop("_model", None) is not None:
            release_memory(self._device)

    def check_length(self, length: int) -> None:
        """Raise `UserError` if prompts of `length` tokens do not fit the window, the start of document included."""
        if length + 1 > self.window:
            raise UserError(
                f"a prompt has {length} tokens, but model '{self.name}' reads {self.window - 1} behind its start of "
                "document; ask for fewer or shorter examples, or train one with a longer --windows."
            )

    @property
    def window(self) -> int:
        """Tokens that the model reads at most."""
        return self._config.max_position_embeddings

    @cached_property
    def num_parameters(self) -> int | None:
        """Count the weights, from the configuration alone."""
        return count_parameters(self._config)

    @property
    def training_seconds(self) -> float | None:
        """How long training took, as its record says; None where there is no record."""
        record = self._folder / "training.json"
        return json.loads(record.read_text(encoding="utf-8")).get("seconds") if record.exists() else None

    def identity(self) -> dict[str, str]:
        """Weights and family."""
        return {"weights": str(self._source.weights_hash), "family": self.family.fingerprint}

    @cached_property
    def _model(self):
        model = AutoModelForCausalLM.from_pretrained(self._folder, dtype=torch.float32, use_safetensors=True)
        return torch.nn.Module.to(model, self._device).eval()

    def _behind_start(self, tokens: Integer[ndarray, "batch length"]) -> torch.Tensor:
        start = self._config.bos_token_id
        ids = np.pad(tokens.astype(np.int64), ((0, 0), (1, 0)), constant_values=start)
        return torch.as_tensor(ids, device=self._device)

    @torch.inference_mode()
    def _logprobs(self, ids: torch.Tensor, kept: Integer[ndarray, " num_positions"], memory=None) -> ndarray:
        """Log-probabilities (batch, positions, vocab) behind the ids at `kept`; logits are computed only there."""
        options = {"use_cache": memory is not None}
        if memory is not None:
            options["past_key_values"] = memory
        keep = torch.as_tensor(kept, device=self._device)
        logits = self._model(input_ids=ids, logits_to_keep=keep, **options).logits
        return torch.log_softmax(logits.float(), dim=-1)[..., : self.family.vocab_size].cpu().numpy()
