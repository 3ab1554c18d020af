"""The partition against every way to share, on small sets of sequences."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.scorers import sharing
from probes.scorers.sharing import Group, partition


def set_partitions(items: list) -> list[list[list]]:
    if not items:
        return [[]]
    first, rest = items[0], items[1:]
    found = []
    for smaller in set_partitions(rest):
        found.append([[first], *smaller])
        found += [[*smaller[:i], [first, *smaller[i]], *smaller[i + 1 :]] for i in range(len(smaller))]
    return found


def common(sequences: list[tuple]) -> int:
    return next((i for i, column in enumerate(zip(*sequences)) if len(set(column)) > 1), min(map(len, sequences)))


def cheapest_by_enumeration(sequences: list[tuple]) -> int:
    costs = []
    for blocks in set_partitions(sequences):
        options = []
        for block in blocks:
            shared = min(common(block), min(len(s) for s in block) - 1)
            whole = sum(map(len, block))
            options.append([whole, shared + sum(len(s) - shared for s in block)] if shared >= 2 else [whole])
        costs += [sum(choice) for choice in product(*options)]
    return min(costs)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.lists(st.integers(0, 1), min_size=3, max_size=9).map(tuple), min_size=1, max_size=6))
def test_partition_reads_as_few_tokens_as_any(sequences):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "SHORTEST_SHARED", 2)
        groups = partition({sequence: len(sequence) - 1 for sequence in sequences})
    assert sorted(s for group in groups for s in group.sequences) == sorted(sequences)
    for group in groups:
        assert len({sequence[: group.shared] for sequence in group.sequences}) == 1
        assert all(group.shared < len(sequence) for sequence in group.sequences)
    assert sum(group.cost for group in groups) == cheapest_by_enumeration(list(sequences))


def test_nested_shots_do_not_pull_long_prompts_into_short_groups():
    four = tuple(range(100))
    sixteen = (*four, 50, *range(200, 500))
    prompts = [(*four, query, 7, 8) for query in (10, 20, 60, 70)] + [(*sixteen, query, 7, 8) for query in (1, 2, 3)]
    groups = partition({prompt: len(prompt) - 1 for prompt in prompts})
    assert Group(401, tuple((*sixteen, query, 7, 8) for query in (1, 2, 3))) in groups


def test_label_tokens_are_never_shared():
    beginning = tuple(range(40))
    sequences = {(*beginning, 1): 40, (*beginning, 1, 2): 40, (*beginning, 1, 3): 40}
    assert partition(sequences) == [Group(40, tuple(sorted(sequences)))]
