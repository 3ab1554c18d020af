"""Which sequences share one pass over their common beginning: the cheapest partition, in tokens read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

__all__ = ["Group", "partition"]

type Tokens = tuple[int, ...]

SHORTEST_SHARED = 16
"""Tokens that sequences must have in common before sharing them is worth a pass of its own."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sequences whose first `shared` tokens are read once; 0 where each is read whole."""

    shared: int
    sequences: tuple[Tokens, ...]

    @property
    def cost(self) -> int:
        """Tokens read."""
        return self.shared + sum(len(sequence) - self.shared for sequence in self.sequences)


def partition(shareable: Mapping[Tokens, int]) -> list[Group]:
    """Split sequences into groups that share a beginning and one of those that share none.

    Exact over the prefix trie: at each node the sequences below it either share what leads to the node, or are split
    further, whichever reads fewer tokens.

    Parameters
    ----------
    shareable
        Each sequence with the number of its tokens that may be shared (those before its label).
    """
    groups = _best(sorted(shareable), shareable)
    alone = sorted((sequence for group in groups if not group.shared for sequence in group.sequences), key=len)
    shared = [group for group in groups if group.shared]
    return shared + ([Group(0, tuple(alone))] if alone else [])


def _best(sequences: Sequence[Tokens], shareable: Mapping[Tokens, int]) -> list[Group]:
    """Partition sorted sequences."""
    if len(sequences) < 2:
        return [Group(0, tuple(sequences))] if sequences else []
    common = _common_length(sequences[0], sequences[-1])  # sorted, so all have it
    children = [list(block) for _, block in groupby(sequences, key=lambda s: s[common] if len(s) > common else -1)]
    split = [_best(child, shareable) for child in children]
    closed = [group for groups in split for group in groups]
    shared = min(common, min(shareable[sequence] for sequence in sequences))
    if shared < SHORTEST_SHARED:
        return closed
    kept: list[Group] = []
    joined: list[Tokens] = []
    for child, groups in zip(children, split):
        if sum(group.cost for group in groups) < sum(len(sequence) - shared for sequence in child):
            kept += groups
        else:
            joined += child
    opened = [*kept, Group(shared, tuple(joined))]
    return opened if sum(g.cost for g in opened) < sum(g.cost for g in closed) else closed


def _common_length(first: Tokens, second: Tokens) -> int:
    return next((i for i, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))
