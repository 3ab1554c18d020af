"""How a causal model reads questions: as a prefix trie, each node once, or, where it cannot, sequence by sequence.

A pass of the trie is one row of tokens in preorder behind the keys and values of the path above them. An attention mask
lets a token see just its own ancestors, position ids give its depth; so branches share a pass without padding and
without seeing each other. Logits are computed only where a label stands.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from transformers import DynamicCache

from probes.scorers.huggingface_attention import branch_mask
from probes.scorers.huggingface_memory import PassLimits, is_out_of_memory
from probes.scorers.trie import Questions, Trie

__all__ = ["Answers", "Reader", "why_not_shared"]

_WINDOWED, _FULL = "sliding_attention", "full_attention"

_RANKED_TOGETHER = 64
"""Tokens whose rank is counted at once: each holds a row of the vocabulary."""

type Progress = Callable[[int, int], None]


class Answers:
    """Log-probability in nats and whole-vocabulary rank (1 is the most probable) of each slot of some questions."""

    def __init__(self, num_slots: int):
        self.logprob: Float[ndarray, " num_slots"] = np.full(num_slots, np.nan)
        self.rank: Int[ndarray, " num_slots"] = np.zeros(num_slots, dtype=np.int64)


def why_not_shared(model: Any) -> str:
    """Say why a model's prompts cannot share passes, as far as its configuration tells; empty where they can."""
    config = model.config.get_text_config()
    takes = inspect.signature(model.forward).parameters
    if "past_key_values" not in takes:
        return "it has no cache of keys and values"
    if "position_ids" not in takes:
        return "it takes no position ids"
    if others := set(getattr(config, "layer_types", None) or ()) - {_FULL, _WINDOWED}:
        return f"it has layers of {', '.join(sorted(others))}"
    return ""


class Reader:
    """Reads questions with one model.

    Parameters
    ----------
    model
        A causal language model of Transformers, on its device.
    limits
        What a pass may hold; halved when memory runs out.

    Attributes
    ----------
    forwarded : int
        Tokens that went through the model so far, padding included.
    """

    def __init__(self, model: Any, limits: PassLimits):
        self._model = model
        self._device = model.device
        self._config = model.config.get_text_config()
        self._keeps_logits = "logits_to_keep" in inspect.signature(model.forward).parameters
        self.limits = limits
        self.forwarded = 0

    def read_shared(
        self, trie: Trie, questions: Questions, answers: Answers, progress: Progress | None = None
    ) -> Iterator[Int[ndarray, " num_finished"]]:
        """Read the questions' trie; fill in `answers`, yield the sequences that each pass finished."""
        slots = np.argsort(trie.slot_node, kind="stable")
        slot_node = trie.slot_node[slots]
        finished = np.argsort(trie.last, kind="stable")
        ends = trie.last[finished]
        path: list[tuple[torch.Tensor, torch.Tensor]] = []
        start = 0
        while start < trie.num_nodes:
            stop = self._end_of_pass(trie.num_nodes, start, slot_node)
            mine = slots[slice(*np.searchsorted(slot_node, (start, stop)))]
            try:
                path = self._pass(trie, start, stop, path, mine, questions, answers)
            except (RuntimeError, MemoryError) as error:
                self._back_off(error)
                continue
            yield finished[slice(*np.searchsorted(ends, (start, stop)))]
            start = stop
            if progress:
                progress(start, trie.num_nodes)

    def read_whole(
        self, questions: Questions, answers: Answers, progress: Progress | None = None
    ) -> Iterator[Int[ndarray, " num_finished"]]:
        """Read each sequence whole, in batches of like lengths padded on the right; otherwise as `read_shared`."""
        lengths = np.array([len(sequence) for sequence in questions.sequences])
        order = np.argsort(lengths, kind="stable")
        slots = np.argsort(questions.sequence, kind="stable")
        bounds = np.searchsorted(questions.sequence[slots], np.arange(len(order) + 1))
        total, at, done = questions.num_tokens, 0, 0
        while at < len(order):
            batch = self._batch(order[at:], lengths)
            mine = [slots[bounds[number] : bounds[number + 1]] for number in batch]
            try:
                self._plain_pass([questions.sequences[number] for number in batch], mine, questions, answers)
            except (RuntimeError, MemoryError) as error:
                self._back_off(error)
                continue
            yield batch
            at, done = at + len(batch), done + int(lengths[batch].sum())
            if progress:
                progress(done, total)

    def _back_off(self, error: Exception) -> None:
        """Make passes smaller where memory ran out; raise every other error."""
        if not is_out_of_memory(error):
            raise error
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # what other sizes of passes left behind
        self.limits = self.limits.halved()

    def _end_of_pass(self, num_nodes: int, start: int, slot_node: Int[ndarray, " num_slots"]) -> int:
        """End a pass where it holds as many tokens, or rows of logits, as the limits allow."""
        stop = min(num_nodes, start + self.limits.tokens)
        rows = np.unique(slot_node[slice(*np.searchsorted(slot_node, (start, stop)))])
        return int(rows[self.limits.rows]) if len(rows) > self.limits.rows else stop

    @torch.inference_mode()
    def _pass(
        self,
        trie: Trie,
        start: int,
        stop: int,
        path: list[tuple[torch.Tensor, torch.Tensor]],
        slots: Int[ndarray, " num_slots"],
        questions: Questions,
        answers: Answers,
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Read nodes start … stop − 1 behind `path`; return keys and values of the path above node `stop`."""
        seen = trie.visible(start, stop)
        cache: Any = DynamicCache()
        for layer, (keys, values) in enumerate(path):
            cache.update(keys, values, layer)
        rows = np.unique(trie.slot_node[slots])
        logits = self._logits(
            rows - start,
            input_ids=self._ids(trie.token[start:stop])[None],
            position_ids=self._ids(trie.depth[start:stop])[None],
            attention_mask=self._mask(seen, trie.depth[start:stop]),
            past_key_values=cache,
            use_cache=True,
        )
        self._score(logits[0], np.searchsorted(rows, trie.slot_node[slots]), slots, questions, answers)
        kept = trie.path_above(start, stop, seen)
        if not len(kept):
            return []
        if kept[-1] == len(kept) - 1:  # a beginning needs no copy; joining it with the next pass makes one
            return [(layer.keys[:, :, : len(kept)], layer.values[:, :, : len(kept)]) for layer in cache.layers]
        columns = self._ids(kept)
        return [(layer.keys.index_select(2, columns), layer.values.index_select(2, columns)) for layer in cache.layers]

    def _mask(self, seen: Bool[ndarray, "num_read num_seen"], depth: Int[ndarray, " num_read"]) -> Any:
        """Additive attention mask of a pass; one for each kind of layer where windowed layers stand beside others."""
        options: dict[str, Any] = {"dtype": self._model.dtype, "device": self._device}
        types = set(getattr(self._config, "layer_types", None) or ())
        window = getattr(self._config, "sliding_window", None)
        if _WINDOWED not in types and (types or not window):
            return branch_mask(seen, **options)
        # What a node sees are its ancestors in order, so the k-th it sees, counted from the last, is k above it.
        age = seen[:, ::-1].cumsum(axis=1)[:, ::-1]
        windowed = branch_mask(seen & (age <= window), **options)
        return {_FULL: branch_mask(seen, **options), _WINDOWED: windowed} if _FULL in types else windowed

    def _batch(self, order: Int[ndarray, " num_waiting"], lengths: Int[ndarray, " num_sequences"]) -> ndarray:
        """Take the next sequences whose padded tokens stay within the limits, at least one."""
        waiting = lengths[order]
        room = waiting * np.arange(1, len(order) + 1) <= max(self.limits.tokens, waiting[0])
        return order[: int(room.argmin()) if not room.all() else len(order)]

    @torch.inference_mode()
    def _plain_pass(
        self, sequences: list[ndarray], slots: list[ndarray], questions: Questions, answers: Answers
    ) -> None:
        longest = max(map(len, sequences))
        ids = np.zeros((len(sequences), longest), dtype=np.int64)
        mask = np.zeros((len(sequences), longest), dtype=np.int64)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        positions = [questions.position[mine] for mine in slots]
        kept = np.unique(np.concatenate(positions))
        options = {} if mask.all() else {"attention_mask": self._ids(mask)}
        logits = self._logits(kept, input_ids=self._ids(ids), use_cache=False, **options)
        for row, mine in enumerate(slots):
            self._score(logits[row], np.searchsorted(kept, positions[row]), mine, questions, answers)

    def _logits(self, kept: Int[ndarray, " num_kept"], **inputs) -> torch.Tensor:
        """Run the model; logits (batch, kept, vocab) at the kept positions only."""
        self.forwarded += inputs["input_ids"].numel()
        # A pass without labels still has to compute something: its last position.
        columns = self._ids(kept if len(kept) else np.array([inputs["input_ids"].shape[1] - 1]))
        if self._keeps_logits:
            return self._model(**inputs, logits_to_keep=columns).logits
        return self._model(**inputs).logits[:, columns]

    def _score(
        self,
        logits: torch.Tensor,
        rows: Int[ndarray, " num_slots"],
        slots: Int[ndarray, " num_slots"],
        questions: Questions,
        answers: Answers,
    ) -> None:
        """Write down logprob and rank of the tokens that `slots` ask for; `rows` says which row predicts each."""
        if not len(slots):
            return
        logprobs = torch.log_softmax(logits.float(), dim=-1)
        row, token = self._ids(rows), self._ids(questions.token[slots])
        chosen = logprobs[row, token]
        answers.logprob[slots] = chosen.cpu().double().numpy()
        every = torch.arange(logprobs.shape[-1], device=self._device)
        parts = zip(*(part.split(_RANKED_TOGETHER) for part in (row, chosen, token)))
        better = [  # of equals the first is taken, as greedy decoding does
            ((logprobs[some] > values[:, None]) | ((logprobs[some] == values[:, None]) & (every < ids[:, None]))).sum(
                -1
            )
            for some, values, ids in parts
        ]
        answers.rank[slots] = 1 + torch.cat(better).cpu().numpy()

    def _ids(self, values: ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(values, dtype=np.int64), device=self._device)
