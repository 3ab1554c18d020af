"""The trie against what a dictionary of prefixes says, and each pass's view against the ancestors one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.scorers.trie import QuestionsBuilder, build_trie

sequences = st.lists(st.integers(0, 2), min_size=1, max_size=7)
questions = st.lists(st.tuples(sequences, st.integers(1, 7)), min_size=1, max_size=8)


def collect(asked):
    builder = QuestionsBuilder()
    told = []
    for ids, size in asked:
        label = tuple(ids[-min(size, len(ids)) :])
        inputs = (9, *ids[:-1])  # what is scored has something before it
        told.append((inputs, label, *builder.add(inputs, label)))
    return builder.build(), told


@settings(max_examples=200, deadline=None)
@given(questions)
def test_every_prefix_is_one_node(asked):
    found, told = collect(asked)
    trie = build_trie(found)
    prefixes = {tuple(ids[: n + 1]) for ids, *_ in told for n in range(len(ids))}
    paths = []
    for node in range(trie.num_nodes):
        above = paths[trie.parent[node]] if trie.parent[node] >= 0 else ()
        paths.append((*above, int(trie.token[node])))
        assert trie.parent[node] < node
        assert trie.depth[node] == len(above)
    assert len(paths) == len(set(paths))
    assert set(paths) == prefixes
    assert paths == sorted(paths)
    for inputs, label, sequence, slots in told:
        assert paths[trie.last[sequence]] == inputs
        assert [found.token[slot] for slot in slots] == list(label)
        for offset, slot in enumerate(slots):
            assert paths[trie.slot_node[slot]] == inputs[: len(inputs) - len(label) + 1 + offset]


@settings(max_examples=200, deadline=None)
@given(questions, st.integers(1, 9))
def test_passes_see_their_ancestors_and_keep_the_path_of_the_next(asked, size):
    trie = build_trie(collect(asked)[0])

    def ancestors(node):
        above = []
        while node >= 0:
            above.append(int(node))
            node = trie.parent[node]
        return above[::-1]

    path = []
    for start in range(0, trie.num_nodes, size):
        stop = min(start + size, trie.num_nodes)
        assert len(path) == trie.depth[start]
        seen = trie.visible(start, stop)
        columns = np.array([*path, *range(start, stop)])
        for node in range(start, stop):
            assert columns[seen[node - start]].tolist() == ancestors(node)
        path = columns[trie.path_above(start, stop, seen)].tolist()
        assert path == (ancestors(trie.parent[stop]) if stop < trie.num_nodes else [])


def test_equal_questions_are_one():
    builder = QuestionsBuilder()
    first = builder.add((1, 2, 3), (3, 4))
    assert builder.add((1, 2, 3), (3, 4)) == first
    assert builder.add((1, 2, 3), (5,))[0] == first[0]
    found = builder.build()
    assert (len(found.sequences), found.num_slots, found.num_tokens) == (1, 3, 3)
