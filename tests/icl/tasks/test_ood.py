"""Corpus sentences in place of inputs: what is kept, what is never drawn, and the law of their lengths."""

from collections import Counter

import numpy as np
import pytest
from chance import ERROR
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from icl.errors import UserError
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.corpus import Corpus, builtin_corpus, num_words
from icl.tasks.ood import draw_ood


def corpus_of(*lengths: int) -> Corpus:
    sentences = tuple(f"{i}" + " w" * (length - 1) for i, length in enumerate(lengths))
    return Corpus(name="c", sentences=sentences, source="test")


@st.composite
def requests(draw):
    """Lengths of a corpus, which of its sentences are barred, and lengths of inputs: no more than can be served."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=40))
    barred = draw(st.sets(st.integers(0, len(lengths) - 1), max_size=len(lengths) - 1))
    return lengths, barred, draw(st.lists(st.integers(0, 16), max_size=len(lengths) - len(barred)))


def answer(request, seed: int, share: float = 1.0) -> tuple[Corpus, set[str], tuple[str, ...]]:
    lengths, barred, asked = request
    corpus = corpus_of(*lengths)
    exclude = {corpus.sentences[i] for i in barred}
    inputs = [" ".join(["x"] * length) for length in asked][: round(share * len(asked))]
    return corpus, exclude, draw_ood(inputs, corpus, exclude=exclude, rng=np.random.default_rng(seed))


@given(requests(), st.integers(0, 2**31))
def test_draws_are_distinct_sentences_of_the_corpus(request_, seed):
    corpus, exclude, drawn = answer(request_, seed)
    assert len(drawn) == len(request_[2]) == len(set(drawn))
    assert set(drawn) <= set(corpus.sentences) - exclude
    assert drawn == answer(request_, seed)[2]


@given(requests(), st.integers(0, 2**31), st.floats(0, 1))
def test_fewer_inputs_get_the_first_of_the_same_sentences(request_, seed, share):
    fewer = answer(request_, seed, share)[2]
    assert fewer == answer(request_, seed)[2][: len(fewer)]


def test_lengths_follow_the_weights(rng):
    corpus = corpus_of(*range(1, 31), *range(1, 31, 2))  # odd lengths twice
    drawn = Counter(num_words(draw_ood(["x " * 9], corpus, rng=rng)[0]) for _ in range(4000))
    expected = np.array([np.exp(-((length - 9) ** 2) / 50) * (1 + length % 2) for length in range(1, 31)])
    expected *= 4000 / expected.sum()
    likely = expected > 5
    observed = np.array([drawn[length] for length in range(1, 31)])
    pooled = [np.append(counts[likely], counts[~likely].sum()) for counts in (observed, expected)]
    assert chisquare(*pooled).pvalue > ERROR


def test_a_second_draw_follows_the_weights_of_what_is_left(rng):
    corpus = corpus_of(3, 6, 9)
    weights = np.exp(-((np.array([3, 6, 9]) - 3) ** 2) / 50)
    first = weights / weights.sum()
    pairs = Counter(draw_ood(["x x x", "x x x"], corpus, rng=rng) for _ in range(6000))
    expected = {
        (corpus.sentences[i], corpus.sentences[j]): 6000 * first[i] * weights[j] / (weights.sum() - weights[i])
        for i in range(3)
        for j in range(3)
        if i != j
    }
    assert chisquare([pairs[pair] for pair in expected], list(expected.values())).pvalue > ERROR


@pytest.mark.parametrize("task", BUILTIN_TASKS)
def test_lengths_are_close_on_the_built_in_tasks(task, rng):
    pool = [example.input for example in BUILTIN_TASKS[task]().pool]
    inputs = pool[:128]
    drawn = draw_ood(inputs, builtin_corpus(), exclude=pool, rng=rng)
    differences = np.array([num_words(new) - num_words(old) for new, old in zip(drawn, inputs)])
    assert abs(differences).mean() < 5
    assert abs(differences).max() < 25
    assert not set(drawn) & set(pool)


def test_too_few_sentences_are_refused(rng):
    corpus = corpus_of(3, 3, 3)
    with pytest.raises(
        UserError,
        match=r"corpus 'c' has 2 sentences that are not inputs of the task, but 3 are needed; give a larger one with "
        "--corpus, or ask for fewer with --shots",
    ):
        draw_ood(["x"] * 3, corpus, exclude=corpus.sentences[:1], rng=rng)


def test_lengths_that_the_corpus_lacks_are_refused(rng):
    corpus = corpus_of(2, 4, 60)
    assert num_words(draw_ood(["x " * 19], corpus, rng=rng)[0]) in (2, 4)
    with pytest.raises(
        UserError,
        match=r"an input has 20 words, but the nearest sentence left in corpus 'c' has 4, more than 15 away; give a "
        "--corpus with sentences of that length",
    ):
        draw_ood(["x " * 20], corpus, rng=rng)
    with pytest.raises(UserError, match="an input has 60 words, but the nearest sentence left in corpus 'c' has 4"):
        draw_ood(["x " * 60] * 2, corpus, rng=rng)
