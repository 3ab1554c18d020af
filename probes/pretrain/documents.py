"""Training text: which windows are read in which step, the same again after an interruption."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from jaxtyping import Integer
from numpy import ndarray

from icl.ginc.exact import infer
from icl.ginc.family import GincFamily
from icl.ginc.sampling import sample_documents, sample_random_documents
from probes.pretrain.options import PretrainOptions

__all__ = ["bayes_loss", "draw_documents", "training_batches", "training_windows", "validation_documents"]

_STEPS_DRAWN_AT_ONCE = 64
_VALIDATION_DOCUMENTS = 40
_TRAINING, _VALIDATION, _CORPUS = range(3)
"""Streams of random numbers. A chunk of steps has its own generator, so that any one is drawn without the others."""

type Windows = Integer[ndarray, "num_windows window"]
"""Windows with the token before each: the start-of-document token, or, inside a document, what stands there."""


def training_windows(options: PretrainOptions) -> list[tuple[int, int]]:
    """List (number of windows, window length) of each optimiser step."""
    steps = []
    for share, length in options.windows:
        steps += [(options.batch_tokens // length, length)] * options.num_steps(share, length)
    return steps


def training_batches(family: GincFamily, options: PretrainOptions, *, first_step: int = 0) -> Iterator[Windows]:
    """Yield the windows of every step from `first_step` on.

    Drawing the documents of many steps at once costs little more than drawing those of one.
    """
    corpus = _corpus(family, options)
    step = 0
    for (num_windows, length), group in groupby(training_windows(options)):
        remaining = len(list(group))
        while remaining:
            count = min(remaining, _STEPS_DRAWN_AT_ONCE)
            if step + count > first_step:
                rng = np.random.default_rng([options.seed, _TRAINING, step])
                if corpus is None:
                    windows = _behind_start(
                        family, draw_documents(family, options, count=count * num_windows, length=length, rng=rng)
                    )
                else:
                    windows = _cut(corpus, count=count * num_windows, length=length, rng=rng)
                yield from windows.reshape(count, num_windows, length + 1)[max(0, first_step - step) :]
            step += count
            remaining -= count


def validation_documents(family: GincFamily, options: PretrainOptions) -> Windows:
    """Draw fresh documents as long as the longest window, with the start-of-document token before each."""
    rng = np.random.default_rng([options.seed, _VALIDATION])
    documents = draw_documents(family, options, count=_VALIDATION_DOCUMENTS, length=options.longest_window, rng=rng)
    return _behind_start(family, documents)


def draw_documents(
    family: GincFamily, options: PretrainOptions, *, count: int, length: int, rng: np.random.Generator
) -> Integer[ndarray, "count length"]:
    """Draw documents of the kind that `options` asks for."""
    if options.documents == "random":
        return sample_random_documents(family, num_documents=count, length=length, rng=rng)
    concepts = [0] if options.documents == "single-concept" else None
    return sample_documents(family, num_documents=count, length=length, concepts=concepts, rng=rng)[0]


def bayes_loss(family: GincFamily, options: PretrainOptions, windows: Windows) -> float:
    """Nats per token of the predictor that knows how the documents were made: −log p(document) ÷ length.

    Exact Bayes at ε = 0 over the concepts that the documents come from; no model does better but by chance.
    """
    documents = windows[:, 1:]
    if options.documents == "random":
        return float(np.log(family.vocab_size))
    concepts = [0] if options.documents == "single-concept" else None
    evidence = infer(family, documents, smoothing=0.0, concepts=concepts).log_evidence[:, -1]
    mixture = np.logaddexp.reduce(evidence, axis=1) - np.log(evidence.shape[1])
    return float(-mixture.mean() / documents.shape[1])


def _behind_start(family: GincFamily, documents: Integer[ndarray, "count length"]) -> Windows:
    return np.pad(documents.astype(np.int32), ((0, 0), (1, 0)), constant_values=family.vocab_size)


def _corpus(family: GincFamily, options: PretrainOptions) -> Integer[ndarray, "num_documents behind_start"] | None:
    if options.corpus is None:
        return None
    count, length = options.corpus
    rng = np.random.default_rng([options.seed, _CORPUS])
    return _behind_start(family, draw_documents(family, options, count=count, length=length, rng=rng))


def _cut(
    corpus: Integer[ndarray, "num_documents behind_start"], *, count: int, length: int, rng: np.random.Generator
) -> Windows:
    """Draw stretches of the corpus's documents, aligned to multiples of the window's length."""
    document = rng.integers(len(corpus), size=count)
    begin = length * rng.integers((corpus.shape[1] - 1) // length, size=count)
    return corpus[document[:, None], begin[:, None] + np.arange(length + 1)]
