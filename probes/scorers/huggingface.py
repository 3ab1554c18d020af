"""Causal language models of Transformers as scorers.

Sequences that begin alike (the same demonstrations, many queries) share one pass over what they have in common: its
keys and values are computed once and branched. Every other pass is a plain batch, padded on the right.
"""

import copy
import hashlib
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, DynamicCache
from transformers import logging as transformers_logging

from icl.errors import UserError
from icl.ginc.family import load_family
from icl.ginc.task import GincTask
from icl.prompts.render import Prompt
from icl.tasks.task import Task
from probes.pretrain.lstm import register_lstm
from probes.scorers.huggingface_source import FAMILY_FILE, ModelSource, find_device, find_model
from probes.scorers.huggingface_tokens import TokenisedCandidate, most_tokens, tokenise
from probes.scorers.scorer import LabelAudit, Scorer
from probes.scorers.sharing import Group, partition

__all__ = ["HuggingFaceScorer"]

_SHARING_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}
"""Nats by which the first shared pass may differ from a plain one before sharing is given up."""

_COUNTED_TOGETHER = 128
"""Prompts that are tokenised at once when they are only checked or counted: as many as a run scores at once."""

register_lstm()

type Wanted = dict[tuple[int, ...], dict[tuple[int, ...], float]]
"""Input ids → the labels whose tokens are read off their pass → log-probability in nats."""


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
    batch_tokens
        Tokens in one forward pass, padding included; bounds memory, never changes results.
    trust_remote_code
        Whether code of the model's repository may run.

    Raises
    ------
    UserError
        If there is no such model, it is no causal language model, or it has no fast tokenizer.
    """

    def __init__(
        self,
        model: str | ModelSource,
        *,
        revision: str | None = None,
        dtype: str = "float32",
        device: str = "auto",
        batch_tokens: int = 8192,
        trust_remote_code: bool = False,
    ):
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        self.source = find_model(model, revision=revision) if isinstance(model, str) else model
        self.name = self.source.name
        self.batch_tokens = batch_tokens
        self._dtype = _dtype(dtype)
        self._device = find_device(device)
        self._options = {"revision": self.source.revision, "trust_remote_code": trust_remote_code}
        self._last: tuple[tuple[Prompt, ...], list[list[TokenisedCandidate]]] = ((), [])
        self._sharing = True
        self._sharing_checked = False
        self._config = self._load(AutoConfig)
        self._tokenizer = self._load(AutoTokenizer)
        if not getattr(self._tokenizer, "is_fast", False):
            raise UserError(
                f"model '{self.name}' has no fast tokenizer, which character offsets need; save its tokenizer as "
                "tokenizer.json, or use another model."
            )
        if getattr(self._config, "is_encoder_decoder", False):
            raise UserError(f"model '{self.name}' is an encoder-decoder; --model takes causal language models only.")

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Score every candidate of every prompt; nats, summed over the candidate's tokens.

        Raises
        ------
        UserError
            If the model returns NaN.
        """
        if not prompts:
            return np.empty((0, 0))
        tokenised = tokenise(self._tokenizer, prompts)
        self._last = (tuple(prompts), tokenised)
        wanted = _wanted(tokenised)
        for group in self._groups(wanted):
            self._read(group, wanted)
        scores = np.array([[wanted[c.inputs][c.label] for c in candidates] for candidates in tokenised])
        if np.isnan(scores).any():
            raise UserError(
                f"model '{self.name}' returned NaN for {np.isnan(scores).any(axis=1).sum()} of {len(prompts)} prompts; "
                "its weights may be damaged or overflow in this precision, try --dtype float32."
            )
        return scores

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Refuse labels without tokens and prompts longer than the context; loads no weights."""
        context = self.context_length
        distinct = {(prompt.format, prompt.candidates): prompt for prompt in prompts}
        for _ in self._tokenised(list(distinct.values())):
            pass  # labels that tokenise to nothing are refused
        long = [prompt for prompt, most in zip(prompts, most_tokens(self._tokenizer, prompts)) if most > context]
        exact = zip(long, self._tokenised(long))
        lengths = [
            (max(len(c.inputs) + 1 for c in candidates), len(prompt.demonstrations)) for prompt, candidates in exact
        ]
        length, shots = max(lengths, default=(0, 0))
        if length > context:
            raise UserError(
                f"a prompt of {shots} shots has {length} tokens, but model '{self.name}' reads {context}; about "
                f"{shots * context // length} shots fit: ask for fewer with --shots, or use another model."
            )

    def check_family(self, task: Task | GincTask) -> None:
        """Refuse a GINC checkpoint on another family's prompts, or on sentences."""
        saved = Path(self.source.location) / FAMILY_FILE
        if not (self.source.is_local and saved.exists()):
            return
        if not isinstance(task, GincTask):
            raise UserError(f"model '{self.name}' reads GINC only, got task '{task.name}'; use --task ginc.")
        if load_family(saved).fingerprint != task.family.fingerprint:
            raise UserError(
                f"model '{self.name}' was trained on another GINC family ({load_family(saved).fingerprint}) than the "
                f"task's ({task.family.fingerprint}); give its own with --family {FAMILY_FILE} of its folder."
            )

    def audit(self, prompts: Sequence[Prompt]) -> list[list[LabelAudit]]:
        """Count each candidate's tokens, and say whether joint and separate tokenisation agree."""
        scored, tokenised = self._last
        if scored != tuple(prompts):
            tokenised = list(self._tokenised(prompts))
        return [[LabelAudit(len(c.label), c.boundary_clean) for c in candidates] for candidates in tokenised]

    def num_tokens(self, prompts: Sequence[Prompt]) -> int:
        """Count the tokens that a run would forward, shared beginnings once."""
        parts = (prompts[start : start + _COUNTED_TOGETHER] for start in range(0, len(prompts), _COUNTED_TOGETHER))
        return sum(group.cost for part in parts for group in self._groups(_wanted(self._tokenised(part))))

    def estimated_seconds(self, num_tokens: int) -> float:
        """2 · parameters · tokens operations, at twice the time that a matrix product needs for as many."""
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(self._config)
        operations = 2 * sum(parameter.numel() for parameter in model.parameters()) * num_tokens
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
        ((first, *rest),) = tokenise(self._tokenizer, [prompt])
        prefix = first.ids[: first.before_label]
        lines = [f"{len(prefix)} tokens of {self.name}: {self._spell(prefix)}"]
        for candidate, cut in zip(prompt.candidates, (first, *rest)):
            clean = "" if cut.boundary_clean else "  (boundary not clean: cut otherwise when joined)"
            lines.append(f"  {candidate.text!r} → {self._spell(cut.label)}{clean}")
        return lines

    def _spell(self, ids: tuple[int, ...]) -> str:
        return " ".join(repr(self._tokenizer.decode([token])) for token in ids)

    def identity(self) -> dict[str, str]:
        """Weights or revision, tokenizer, precision and device."""
        tokenizer = hashlib.sha256(self._tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:16]
        return {
            "scorer": "Hugging Face causal LM",
            "weights": self.source.weights_hash or f"hub:{getattr(self._config, '_commit_hash', None)}",
            "tokenizer": tokenizer,
            "dtype": str(self._dtype).removeprefix("torch."),
            "device": self._device.type,
            "context_length": str(self.context_length),
        }

    @property
    def context_length(self) -> int:
        """Tokens that the model reads at most."""
        declared = getattr(self._config.get_text_config(), "max_position_embeddings", None)
        return min(declared or 2**31, self._tokenizer.model_max_length)

    @cached_property
    def _model(self):
        model = self._load(AutoModelForCausalLM, dtype=self._dtype, use_safetensors=True)
        return model.to(self._device).eval()

    def _load(self, loader, **options):
        try:
            return loader.from_pretrained(self.source.location, **self._options, **options)
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise UserError(
                f"model '{self.name}' could not be loaded ({reason}); check the name and the network, or name a local "
                "folder or .gguf file."
            ) from error

    def _tokenised(self, prompts: Sequence[Prompt]) -> Iterator[list[TokenisedCandidate]]:
        for start in range(0, len(prompts), _COUNTED_TOGETHER):
            yield from tokenise(self._tokenizer, prompts[start : start + _COUNTED_TOGETHER])

    def _read(self, group: Group, wanted: Wanted) -> None:
        """Run a group and write the log-probabilities of its labels into `wanted`."""
        cache = self._read_shared(group, wanted) if group.shared else None
        if group.shared and cache is None:
            group = Group(0, tuple(sorted(group.sequences, key=len)))
        for sequences in _batches(group, self.batch_tokens):
            self._forward(sequences, wanted, group.shared, cache)

    def _groups(self, wanted: Wanted) -> list[Group]:
        """Say which sequences share a pass over their beginning."""
        if not self._sharing:
            return [Group(0, tuple(sorted(wanted, key=len)))]
        return partition({ids: min(len(ids) + 1 - len(label) for label in wanted[ids]) - 1 for ids in wanted})

    def _read_shared(self, group: Group, wanted: Wanted) -> DynamicCache | None:
        """Compute keys and values of the common beginning; None where this model's cache cannot be branched."""
        ids = torch.tensor([group.sequences[0][: group.shared]], device=self._device)
        try:
            with torch.inference_mode():
                cache = self._model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
            if not self._sharing_checked:
                sequences = list(group.sequences[:2])
                self._forward(sequences, wanted, group.shared, cache)
                branched = [logprob for sequence in sequences for logprob in wanted[sequence].values()]
                self._forward(sequences, wanted, 0, None)
                plain = [logprob for sequence in sequences for logprob in wanted[sequence].values()]
                worst = max(abs(one - other) for one, other in zip(branched, plain))
                if not worst < _SHARING_TOLERANCE[self._dtype]:
                    raise ValueError(f"a branched pass differs from a plain one by {worst:.2g} nats")
                self._sharing_checked = True
            return cache
        except (ValueError, TypeError, AttributeError, RuntimeError, NotImplementedError, IndexError) as error:
            self._sharing = False
            warnings.warn(
                f"model '{self.name}' does not let prompts share a beginning ({error}); each is read whole, "
                "which is slower.",
                stacklevel=2,
            )
            return None

    @torch.inference_mode()
    def _forward(
        self, sequences: list[tuple[int, ...]], wanted: Wanted, shared: int, cache: DynamicCache | None
    ) -> None:
        """Run one batch behind `shared` cached positions; logits are computed only where a label stands."""
        rests = [sequence[shared:] for sequence in sequences]
        longest = max(map(len, rests))
        ids = torch.zeros((len(rests), longest), dtype=torch.long)
        mask = torch.zeros((len(rests), shared + longest), dtype=torch.long)
        for row, rest in enumerate(rests):
            ids[row, : len(rest)] = torch.tensor(rest)
            mask[row, : shared + len(rest)] = 1
        asked = [
            (row, label, [len(rests[row]) - len(label) + offset for offset in range(len(label))])
            for row, sequence in enumerate(sequences)
            for label in wanted[sequence]
        ]
        kept = sorted({position for _, _, positions in asked for position in positions})
        options: dict = {"use_cache": cache is not None}
        if cache is not None:
            options["past_key_values"] = copy.deepcopy(cache)
            options["past_key_values"].batch_repeat_interleave(len(rests))
        if not mask.all():
            options["attention_mask"] = mask.to(self._device)
        keep = torch.tensor(kept, device=self._device)
        logits = self._model(input_ids=ids.to(self._device), logits_to_keep=keep, **options).logits
        if logits.shape[1] != len(kept):  # a model that computes them everywhere
            logits = logits[:, kept]
        column = {position: index for index, position in enumerate(kept)}
        places = {
            place: index
            for index, place in enumerate(dict.fromkeys((row, p) for row, _, positions in asked for p in positions))
        }
        chosen = logits[[row for row, _ in places], [column[position] for _, position in places]]
        logprobs = torch.log_softmax(chosen.float(), dim=-1).cpu().numpy()
        for row, label, positions in asked:
            wanted[sequences[row]][label] = float(
                sum(logprobs[places[row, position], token] for position, token in zip(positions, label))
            )


def _wanted(tokenised: Iterable[list[TokenisedCandidate]]) -> Wanted:
    """Collect what is asked, each distinct question once."""
    wanted: Wanted = {}
    for candidates in tokenised:
        for candidate in candidates:
            wanted.setdefault(candidate.inputs, {})[candidate.label] = np.nan
    return wanted


def _batches(group: Group, batch_tokens: int) -> Iterator[list[tuple[int, ...]]]:
    """Cut a group into batches of at most `batch_tokens` padded tokens, at least one sequence each."""
    batch: list[tuple[int, ...]] = []
    for sequence in group.sequences:
        longest = max(len(s) - group.shared for s in [*batch, sequence])
        if batch and (len(batch) + 1) * longest > batch_tokens:
            yield batch
            batch = []
        batch.append(sequence)
    if batch:
        yield batch


def _dtype(name: str) -> torch.dtype:
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        from icl.errors import unknown_name

        raise unknown_name("dtype", name, known)
    return known[name]
