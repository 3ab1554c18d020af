"""Causal language models of Transformers as scorers: every token that prompts have in common is read once."""

import hashlib
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers import logging as transformers_logging
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from icl.errors import UserError, unknown_name
from icl.ginc.family import load_family
from icl.ginc.task import family_of
from icl.prompts.render import Prompt
from icl.tasks.protocol import AnyTask
from icl.ties import likeliest
from probes.scorers.huggingface_attention import use_branching_attention
from probes.scorers.huggingface_check import checked_length, why_read_whole
from probes.scorers.huggingface_failures import LOADING_ERRORS, hub_is_reachable, loading_error
from probes.scorers.huggingface_known import known_of
from probes.scorers.huggingface_labels import check_labels, control_notices
from probes.scorers.huggingface_lstm import register_lstm
from probes.scorers.huggingface_memory import free_memory, pass_limits, release_memory
from probes.scorers.huggingface_precision import warn_of_slow
from probes.scorers.huggingface_reading import Answers, Reader, why_not_shared
from probes.scorers.huggingface_source import FAMILY_FILE, ModelSource, find_device, find_model
from probes.scorers.huggingface_tokens import TokenisedCandidate, cut_lines, most_tokens, tokenise, tokenizer_digest
from probes.scorers.scorer import Answer, Covariates, Progress, Scorer, as_table
from probes.scorers.trie import Questions, QuestionsBuilder, build_trie

__all__ = ["HuggingFaceScorer"]

_TOKENISED_TOGETHER = 128
"""Prompts whose token ids are held as such at a time; afterwards four bytes a token are."""

_NO_CONTENT = ("_name_or_path", "transformers_version", "dtype", "torch_dtype")
"""Entries of a configuration that change no answer, or stand in the identity under a name of their own."""

_BERT_LIKE = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")

register_lstm()


class HuggingFaceScorer(Scorer):
    """log p(candidate | prompt) under a causal language model, from joint tokenisation of prompt and candidate.

    Parameters
    ----------
    model
        Shipped name, local folder, `.gguf` file or Hub id.
    revision
        Hub revision.
    dtype
        Name of a torch dtype; scores are computed from float32 log-softmax in any case.
    device
        "auto" takes an accelerator where there is one.
    memory
        Gigabytes that reading may take beside the weights; None is half of what is free. Never changes results.
    batch_tokens
        Tokens in one forward pass at most; None is a number that suits the device. Never changes results.
    chat
        Put prompts into the tokenizer's chat template.
    trust_remote_code
        Whether code of the model's repository may run.

    Raises
    ------
    UserError
        If there is no such model, it is not a causal language model, or it has no fast tokenizer.
    """

    unit = "token"
    has_weights = True

    def __init__(
        self,
        model: str | ModelSource,
        *,
        revision: str | None = None,
        dtype: str = "float32",
        device: str = "auto",
        memory: float | None = None,
        batch_tokens: int | None = None,
        chat: bool = False,
        trust_remote_code: bool = False,
    ):
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        self.source = find_model(model, revision=revision) if isinstance(model, str) else model
        self._begin(memory=memory, batch_tokens=batch_tokens, chat=chat)
        self._dtype = _dtype(dtype)
        self._device = find_device(device)
        warn_of_slow(self._dtype, self._device)
        self._options = {"revision": self.source.revision, "trust_remote_code": trust_remote_code}
        self._config = self._load(AutoConfig, "configuration")
        self._check_causal()
        self._tokenizer = self._load(AutoTokenizer, "tokenizer")
        self._check_tokenizer()

    def _begin(self, *, memory: float | None, batch_tokens: int | None, chat: bool) -> None:
        """Take the options of reading, with nothing read yet."""
        self.name, self.revision = self.source.name, self.source.revision
        self.memory = memory
        self.batch_tokens = batch_tokens
        self.chat = chat
        self._why_whole: str | None = None
        self._checked_length = 0
        self.begin_reading()

    def _check_tokenizer(self) -> None:
        """Refuse tokenizers that cannot tell where tokens begin, or have no chat template where one is asked for."""
        if not getattr(self._tokenizer, "is_fast", False):
            raise UserError(
                f"model '{self.name}' has no fast tokenizer, which character offsets need; save its tokenizer as "
                "tokenizer.json, or use another model."
            )
        if self.chat and not getattr(self._tokenizer, "chat_template", None):
            raise UserError(f"model '{self.name}' has no chat template; leave --chat out, or use a chat model.")

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Score every candidate of every prompt; nats, summed over the candidate's tokens."""
        return as_table(self.answer(prompts), len(prompts))

    def answer(self, prompts: Sequence[Prompt], *, progress: Progress | None = None) -> Iterator[tuple[int, Answer]]:
        """Yield prompts as passes finish them; progress counts tokens.

        Raises
        ------
        UserError
            If the model returns NaN, is not causal, or memory runs out whatever the size of a pass.
        """
        if not prompts:
            return
        builder = QuestionsBuilder()
        asked = [
            [_ask(builder, candidate) for candidate in candidates]
            for part in self._tokenised(prompts)
            for candidates in part
        ]
        questions = builder.build()
        waiting = [len({n for candidate in candidates for n in candidate.sequences}) for candidates in asked]
        wanted_by: list[list[int]] = [[] for _ in questions.sequences]
        for number, candidates in enumerate(asked):
            for sequence in {n for candidate in candidates for n in candidate.sequences}:
                wanted_by[sequence].append(number)
        answers = Answers(questions.num_slots)
        for finished in self._reading(questions, answers, progress):
            for sequence in finished:
                for number in wanted_by[sequence]:
                    waiting[number] -= 1
                    if not waiting[number]:
                        yield number, _answer(asked[number], answers, self.name)

    def load(self) -> None:
        """Load the weights."""
        _ = self._model

    def close(self) -> None:
        """Release the weights, on an accelerator its cached memory too."""
        if self.__dict__.pop("_model", None) is not None:
            release_memory(self._device)

    def suits(self, task: AnyTask) -> bool:
        """A model reads any text, but for one of a GINC family, which is checked."""
        self.check_family(task)
        return True

    def weight_bytes(self) -> int:
        """Parameters times the bytes of one."""
        return sum(parameter.numel() for parameter in self._skeleton().parameters()) * self._dtype.itemsize

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Refuse labels that tokens do not tell apart, and channel prompts in a chat template; loads no weights."""
        if self.chat and any(prompt.method == "channel" for prompt in prompts):
            raise UserError("method 'channel' scores the user's part of a chat, which --chat does not open; drop one.")
        check_labels(self._tokenizer, prompts, self.name, chat=self.chat)

    def notices(self, prompts: Sequence[Prompt]) -> list[str]:
        """Say where texts spell control tokens."""
        return control_notices(self._tokenizer, prompts, self.name)

    def too_long(self, prompts: Sequence[Prompt]) -> dict[int, int]:
        """Say which prompts have more tokens with their longest candidate than the model reads; loads no weights."""
        context = self.context_length
        most = most_tokens(self._tokenizer, prompts, chat=self.chat)
        doubtful = [index for index, length in enumerate(most) if length > context]
        parts = self._tokenised([prompts[index] for index in doubtful])
        lengths = [
            max(len(one.inputs) for c in candidates for one in (c, c.split or c)) + 1
            for part in parts
            for candidates in part
        ]
        return {index: length for index, length in zip(doubtful, lengths) if length > context}

    def check_family(self, task: AnyTask) -> None:
        """Refuse a GINC checkpoint on another family's prompts, or on sentences."""
        saved = Path(self.source.location) / FAMILY_FILE
        if not (self.source.is_local and saved.exists()):
            return
        if (family := family_of(task)) is None:
            raise UserError(f"model '{self.name}' reads GINC only, got task '{task.name}'; use --task ginc.")
        own = load_family(saved)
        if not own.is_same(family):
            raise UserError(
                f"model '{self.name}' was trained on a different GINC family ({own.fingerprint}) than the "
                f"task's ({family.fingerprint}); give its own with --family {FAMILY_FILE} of its folder."
            )

    def num_tokens(self, prompts: Sequence[Prompt]) -> int:
        """Count the tokens that a run would forward: the nodes of the prompts' trie, or all where nothing is shared."""
        builder = QuestionsBuilder()
        for part in self._tokenised(prompts):
            for candidates in part:
                for candidate in candidates:
                    _ask(builder, candidate)
        questions = builder.build()
        return questions.num_tokens if why_not_shared(self._skeleton()) else build_trie(questions).num_nodes

    def estimated_seconds(self, num_tokens: int) -> float:
        """2 · parameters · tokens operations, at twice the time that a matrix product needs for as many."""
        operations = 2 * sum(parameter.numel() for parameter in self._skeleton().parameters()) * num_tokens
        size = 1024
        matrix = torch.ones(size, size, device=self._device, dtype=self._dtype)
        (matrix @ matrix).sum().item()
        began = time.perf_counter()
        for _ in range(4):
            product = matrix @ matrix
        product.sum().item()
        return 2 * operations * (time.perf_counter() - began) / (4 * 2 * size**3)

    def token_lines(self, prompt: Prompt) -> list[str]:
        """Show how prompt and candidates are cut."""
        return cut_lines(self._tokenizer, prompt, self.name, chat=self.chat)

    def identity(self) -> dict[str, str]:
        """Weights or revision, tokenizer, precision, device and chat template."""
        return {
            "scorer": "Hugging Face causal LM",
            "weights": self.source.weights_hash or f"hub:{self._commit}",
            "config": _digest(sorted((k, v) for k, v in self._config.to_dict().items() if k not in _NO_CONTENT)),
            "tokenizer": tokenizer_digest(self._tokenizer),
            "dtype": str(self._dtype).removeprefix("torch."),
            "device": self._device.type,
            "context_length": str(self.context_length),
            "chat_template": _digest(self._tokenizer.chat_template) if self.chat else "none",
        }

    def covariates(self) -> Covariates:
        """Weights by the configuration; training tokens where `probe pretrain` recorded them."""
        return known_of(self.source, self._config, trust_remote_code=bool(self._options["trust_remote_code"]))

    def is_reproducible(self) -> bool:
        """Whether weights are known by hash or commit."""
        return bool(self.source.weights_hash or self._commit)

    def begin_reading(self) -> None:
        """Start all counts afresh."""
        self._read: dict[str, float] = {"trie_nodes": 0, "tokens_forwarded": 0, "seconds": 0.0}

    def reading(self) -> dict[str, object]:
        """Nodes of the tries, tokens forwarded, seconds, and why prompts shared no passes where they did not."""
        if not self._read["trie_nodes"]:
            return {}
        ratio = self._read["tokens_forwarded"] / self._read["trie_nodes"]
        return {**self._read, "tokens_per_node": round(ratio, 3), "read_whole_because": self._why_whole or ""}

    def precision_check(self, prompts: Sequence[Prompt]) -> dict[str, object]:
        """Score these prompts in float32 as well; largest and mean difference in nats, and predictions that change.

        The reduced weights are released before those in float32 are loaded.
        """
        if self._dtype == torch.float32 or not prompts:
            return {}
        reduced = self(prompts)
        self.close()
        weights = sum(parameter.numel() for parameter in self._skeleton().parameters())
        if 4 * weights > 0.9 * free_memory(self._device):
            return {"not_measured": f"float32 weights need {4 * weights / 1e9:.1f} GB, which is not free"}
        full = HuggingFaceScorer(
            self.source,
            dtype="float32",
            device=str(self._device),
            memory=self.memory,
            chat=self.chat,
            trust_remote_code=bool(self._options["trust_remote_code"]),
        )
        with closing(full):
            reference = full(prompts)
        difference = np.abs(reduced - reference)
        return {
            "prompts": len(prompts),
            "largest_difference_nats": float(difference.max()),
            "mean_difference_nats": float(difference.mean()),
            "predictions_changed": int((likeliest(reduced) != likeliest(reference)).sum()),
        }

    @property
    def context_length(self) -> int:
        """Tokens that the model reads at most."""
        declared = getattr(self._config.get_text_config(), "max_position_embeddings", None)
        return min(declared or 2**31, self._tokenizer.model_max_length)

    def _skeleton(self):
        """Build the model without its weights."""
        trusted = self._options["trust_remote_code"]
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(self._config, trust_remote_code=trusted)

    @cached_property
    def _model(self):
        model = self._load(AutoModelForCausalLM, "weights", dtype=self._dtype, use_safetensors=True)
        use_branching_attention(model)
        return model.to(self._device).eval()

    @property
    def _commit(self) -> str | None:
        return getattr(self._config, "_commit_hash", None)

    def _load(self, loader, what: str, **options):
        offline = not (self.source.is_local or hub_is_reachable())
        try:
            return loader.from_pretrained(
                self.source.location, **self._options, **options, **({"local_files_only": True} if offline else {})
            )
        except (*LOADING_ERRORS, SafetensorError) as error:
            raise loading_error(self.source, what, error) from error

    def _check_causal(self) -> None:
        """Refuse what the configuration says is not a causal language model; `why_read_whole` looks at what it does."""
        config = self._config
        if getattr(config, "is_encoder_decoder", False):
            raise UserError(f"model '{self.name}' is an encoder-decoder; --model takes causal language models only.")
        known = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type)
        named = getattr(config, "architectures", None) or []
        encoder = any(name.endswith(_BERT_LIKE) for name in named)
        remote = self._options["trust_remote_code"]
        if encoder or (known is None and not remote and config.model_type != "ginc-lstm"):
            raise UserError(
                f"model '{self.name}' is not a causal language model ({', '.join(named) or config.model_type}); "
                "--model takes models that continue a text."
            )

    def _tokenised(self, prompts: Sequence[Prompt]) -> Iterator[list[list[TokenisedCandidate]]]:
        for start in range(0, len(prompts), _TOKENISED_TOGETHER):
            yield tokenise(self._tokenizer, prompts[start : start + _TOKENISED_TOGETHER], chat=self.chat)

    def _reading(self, questions: Questions, answers: Answers, progress: Progress | None) -> Iterator[ndarray]:
        """Read questions the cheapest way that this model allows, and keep count."""
        longest = max(questions.sequences, key=len)
        reader = self._reader(len(longest))
        length = checked_length(self._config.get_text_config(), len(longest))
        if self._why_whole is None or (not self._why_whole and length > self._checked_length):
            self._checked_length = length
            tokens = np.unique(np.concatenate(questions.sequences))
            self._why_whole = why_read_whole(self._model, self.name, tokens, len(longest), reader.limits)
            if self._why_whole:
                warnings.warn(
                    f"model '{self.name}' does not let prompts share passes ({self._why_whole}); each is read whole, "
                    "which is slower.",
                    stacklevel=2,
                )
        trie = build_trie(questions)
        self._read["trie_nodes"] += trie.num_nodes
        if self._why_whole:
            steps = reader.read_whole(questions, answers, progress)
        else:
            steps = reader.read_shared(trie, questions, answers, progress)
        began = time.perf_counter()
        for finished in steps:
            self._read["tokens_forwarded"] += reader.forwarded
            self._read["seconds"] += time.perf_counter() - began
            reader.forwarded = 0
            yield finished
            began = time.perf_counter()

    def _reader(self, longest: int) -> Reader:
        model = self._model
        limits = pass_limits(
            model.config.get_text_config(),
            dtype=self._dtype,
            device=self._device,
            longest=longest,
            budget=None if self.memory is None else int(self.memory * 1e9),
            most=self.batch_tokens,
        )
        return Reader(model, limits)


class _Asked:
    """One candidate's sequences and slots, until they are answered."""

    __slots__ = ("boundary_clean", "sequences", "slots", "split")

    def __init__(self, slots: range, split: range, sequences: tuple[int, ...], boundary_clean: bool):
        self.slots, self.split, self.sequences, self.boundary_clean = slots, split, sequences, boundary_clean


def _answer(asked: list[_Asked], answers: Answers, model: str) -> Answer:
    """Sum over the tokens of each candidate of a prompt."""
    logprob = np.array([answers.logprob[one.slots].sum() for one in asked])
    if np.isnan(logprob).any():
        raise UserError(
            f"model '{model}' returned NaN; its weights may be damaged or overflow in this precision, try --dtype "
            "float32."
        )
    return Answer(
        logprob=logprob,
        num_tokens=np.array([len(one.slots) for one in asked]),
        boundary_clean=np.array([one.boundary_clean for one in asked], dtype=np.int8),
        logprob_split=np.array([answers.logprob[one.split].sum() for one in asked]),
        vocabulary_rank=np.array([answers.rank[one.slots].max() for one in asked]),
    )


def _ask(builder: QuestionsBuilder, candidate: TokenisedCandidate) -> _Asked:
    sequence, slots = builder.add(candidate.inputs, candidate.label)
    if candidate.split is None:
        return _Asked(slots, slots, (sequence,), True)
    other, split = builder.add(candidate.split.inputs, candidate.split.label)
    return _Asked(slots, split, (sequence, other), False)


def _digest(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()[:16]


def _dtype(name: str) -> torch.dtype:
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        raise unknown_name("dtype", name, known)
    return known[name]
