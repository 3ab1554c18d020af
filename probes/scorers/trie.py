"""The prefix trie of everything a run asks: what several sequences share at the start is read once.

Sequences in lexicographic order are the trie in preorder: a sequence adds the nodes behind what it has in common with
the one before it. A pass reads a stretch of that order; all it needs of what was read before is the path that leads to
its first node, so memory is bounded by one path and one pass, however large the trie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

__all__ = ["Questions", "QuestionsBuilder", "Trie", "build_trie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Distinct sequences, and for each scored token where it is predicted.

    Attributes
    ----------
    sequences : list of int32 arrays
        Token ids that the model reads; all distinct, none empty.
    sequence, position, token : Int[ndarray, " num_slots"]
        A slot is one scored token: it follows the token at `position` of its `sequence`.
    """

    sequences: list[ndarray]
    sequence: Int[ndarray, " num_slots"]
    position: Int[ndarray, " num_slots"]
    token: Int[ndarray, " num_slots"]

    @property
    def num_slots(self) -> int:
        """Scored tokens."""
        return len(self.token)

    @property
    def num_tokens(self) -> int:
        """Tokens of all sequences, each read whole."""
        return sum(map(len, self.sequences))


class QuestionsBuilder:
    """Collects questions, each distinct one once."""

    def __init__(self):
        self._sequence_of: dict[bytes, int] = {}
        self._slots_of: dict[tuple[int, tuple[int, ...]], range] = {}
        self._slots: list[tuple[int, int, int]] = []

    def add(self, inputs: Sequence[int], label: Sequence[int]) -> tuple[int, range]:
        """Ask for log p(label | what precedes it); `inputs` are all ids but the last.

        Returns
        -------
        tuple
            Number of the sequence, and the slots of the label's tokens.
        """
        key = np.asarray(inputs, dtype=">u4").tobytes()  # big-endian: bytes sort as the tokens do
        sequence = self._sequence_of.setdefault(key, len(self._sequence_of))
        question = (sequence, tuple(label))
        if question not in self._slots_of:
            first = len(inputs) - len(label)
            begin = len(self._slots)
            self._slots += [(sequence, first + offset, token) for offset, token in enumerate(label)]
            self._slots_of[question] = range(begin, len(self._slots))
        return sequence, self._slots_of[question]

    def build(self) -> Questions:
        """Freeze what was collected."""
        slots = np.array(self._slots, dtype=np.int64).reshape(-1, 3)
        return Questions(
            sequences=[np.frombuffer(key, dtype=">u4").astype(np.int32) for key in self._sequence_of],
            sequence=slots[:, 0],
            position=slots[:, 1],
            token=slots[:, 2],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trie:
    """A prefix trie in preorder.

    Attributes
    ----------
    token, parent, depth : Int[ndarray, " num_nodes"]
        Of each node; a root's parent is −1, its depth 0.
    last : Int[ndarray, " num_sequences"]
        The node that ends each sequence.
    slot_node : Int[ndarray, " num_slots"]
        The node behind which each slot's token is predicted.
    """

    token: Int[ndarray, " num_nodes"]
    parent: Int[ndarray, " num_nodes"]
    depth: Int[ndarray, " num_nodes"]
    last: Int[ndarray, " num_sequences"]
    slot_node: Int[ndarray, " num_slots"]

    @property
    def num_nodes(self) -> int:
        """Tokens that have to be read."""
        return len(self.token)

    def visible(self, start: int, stop: int) -> Bool[ndarray, "num_read num_seen"]:
        """Say what each node of a pass sees: the path above node `start`, then the nodes of the pass.

        The path has depth[start] nodes; every other node that a node of the pass descends from is in the pass, because
        preorder finishes a subtree before it leaves it.
        """
        above = int(self.depth[start])
        seen = np.zeros((stop - start, above + stop - start), dtype=bool)
        parents = self.parent[start:stop]
        begins = np.flatnonzero(parents != np.arange(start - 1, stop - 1))
        begins = np.unique(np.r_[0, begins])
        for begin, end in zip(begins, np.r_[begins[1:], stop - start]):
            parent = int(parents[begin])
            if parent >= start:
                seen[begin:end] = seen[parent - start]
            elif parent >= 0:
                seen[begin:end, : self.depth[parent] + 1] = True
            columns = slice(above + int(begin), above + int(end))
            seen[begin:end, columns] = np.tri(int(end - begin), dtype=bool)
        return seen

    def path_above(self, start: int, stop: int, seen: Bool[ndarray, "num_read num_seen"]) -> Int[ndarray, " num_kept"]:
        """Say which columns of `visible(start, stop)` lie above node `stop`, where the next pass begins."""
        parent = int(self.parent[stop]) if stop < self.num_nodes else -1
        if parent >= start:
            return np.flatnonzero(seen[parent - start])
        return np.arange(self.depth[parent] + 1 if parent >= 0 else 0)


def build_trie(questions: Questions) -> Trie:
    """Lay the sequences out as a trie."""
    keys = [sequence.astype(">u4").tobytes() for sequence in questions.sequences]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    shared = _shared_with_predecessor([questions.sequences[i] for i in order])
    num_nodes = questions.num_tokens - int(shared.sum())
    token, parent, depth = (np.empty(num_nodes, dtype=np.int64) for _ in range(3))
    last = np.empty(len(keys), dtype=np.int64)
    slot_node = np.empty(questions.num_slots, dtype=np.int64)
    slots = np.argsort(questions.sequence, kind="stable")
    bounds = np.searchsorted(questions.sequence[slots], np.arange(len(keys) + 1))
    path = np.empty(max(map(len, questions.sequences), default=0), dtype=np.int64)
    at = 0
    for number, begin in zip(order, shared.tolist()):
        ids = questions.sequences[number]
        end = at + len(ids) - begin
        token[at:end] = ids[begin:]
        depth[at:end] = np.arange(begin, len(ids))
        parent[at:end] = np.arange(at - 1, end - 1)
        parent[at] = path[begin - 1] if begin else -1
        path[begin : len(ids)] = np.arange(at, end)
        last[number] = end - 1
        mine = slots[bounds[number] : bounds[number + 1]]
        slot_node[mine] = path[questions.position[mine]]
        at = end
    return Trie(token=token, parent=parent, depth=depth, last=last, slot_node=slot_node)


def _shared_with_predecessor(ordered: list[ndarray]) -> Int[ndarray, " num_sequences"]:
    """Tokens that each sequence has in common with the one before it."""
    shared = np.zeros(len(ordered), dtype=np.int64)
    for index in range(1, len(ordered)):
        one, other = ordered[index - 1], ordered[index]
        size = min(len(one), len(other))
        differs = one[:size] != other[:size]
        shared[index] = differs.argmax() if differs.any() else size
    return shared
