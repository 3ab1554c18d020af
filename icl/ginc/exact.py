"""The exact Bayes predictor on GINC: posterior over concepts and next-token distribution (Xie eq. 1).

p(y | prompt) = Σ_θ p(θ | prompt) · p(y | prompt, θ), by the forward algorithm under each concept. Emission is
deterministic, so the pass carries only the states that can emit the observed token (2 of 100 on average).

Deliberately not matched to the paper: transitions are smoothed, T ← (1 − ε)·T + ε/num_states, since the family
has exact zeros and an unsmoothed predictor finds most prompts impossible under every concept.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

from icl.errors import UserError
from icl.ginc.family import GincFamily

__all__ = ["DEFAULT_SMOOTHING", "ExactInference", "infer"]

DEFAULT_SMOOTHING = 1e-2
"""The ε that the lab's oracle uses unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactInference:
    """What exact Bayes makes of a batch of prompts.

    Attributes
    ----------
    log_evidence : Float[ndarray, "num_prompts length num_concepts"]
        log p(o_1..o_t | θ) in nats, for every position t.
    log_posterior : Float[ndarray, "num_prompts num_concepts"]
        log p(θ | prompt) in nats under a uniform prior over the pretraining concepts.
    log_predictive : Float[ndarray, "num_prompts vocab_size"]
        log p(next token | prompt) in nats.
    log_predictive_by_concept : Float[ndarray, "num_prompts num_concepts vocab_size"]
        log p(next token | prompt, θ) in nats.
    smoothing : float
        The ε that was used.
    """

    log_evidence: Float[ndarray, "num_prompts length num_concepts"]
    log_posterior: Float[ndarray, "num_prompts num_concepts"]
    log_predictive: Float[ndarray, "num_prompts vocab_size"]
    log_predictive_by_concept: Float[ndarray, "num_prompts num_concepts vocab_size"]
    smoothing: float


def infer(
    family: GincFamily, tokens: Integer[ndarray, "num_prompts length"], *, smoothing: float = DEFAULT_SMOOTHING
) -> ExactInference:
    """Run the forward algorithm under each concept of the pretraining mixture.

    Parameters
    ----------
    family
        The GINC family.
    tokens
        Prompts of one common length ≥ 1; the first token is a document's first.
    smoothing
        ε of T ← (1 − ε)·T + ε/num_states.

    Raises
    ------
    UserError
        If a token lies outside the vocabulary, if ε is outside [0, 1], or if a prompt has probability 0 under
        every concept (possible at ε = 0, or when a first token is emitted by no state).
    """
    _check(family, tokens, smoothing)
    num_prompts, length = tokens.shape
    num_concepts = family.num_pretraining_concepts
    states, present = _states_of_token(family)
    start, blocks = _restricted(family, smoothing)

    alpha = start[:, tokens[:, 0]].transpose(1, 0, 2)  # num_prompts, num_concepts, states of the token
    log_evidence = np.empty((num_prompts, length, num_concepts))
    total = np.zeros((num_prompts, num_concepts))
    for position in range(length):
        if position:
            block = blocks[:, tokens[:, position - 1], tokens[:, position]]
            alpha = np.einsum("bci,cbij->bcj", alpha, block)
        scale = alpha.sum(axis=2)
        with np.errstate(divide="ignore"):
            total = total + np.log(scale)
        alpha = np.divide(alpha, scale[..., None], out=np.zeros_like(alpha), where=scale[..., None] > 0)
        log_evidence[:, position] = total

    log_posterior = _normalise(total, smoothing)
    smoothed = _smoothed(family, smoothing)
    by_concept = np.zeros((num_prompts, num_concepts, family.vocab_size))
    for slot in range(states.shape[1]):
        rows = np.flatnonzero(present[tokens[:, -1], slot])
        for concept in range(num_concepts):
            reached = smoothed[concept, states[tokens[rows, -1], slot]]
            by_concept[rows, concept] += alpha[rows, concept, slot, None] * (reached @ _emits(family))
    predictive = np.einsum("bc,bcv->bv", np.exp(log_posterior), by_concept)
    with np.errstate(divide="ignore"):
        return ExactInference(
            log_evidence=log_evidence,
            log_posterior=log_posterior,
            log_predictive=np.log(predictive),
            log_predictive_by_concept=np.log(by_concept),
            smoothing=smoothing,
        )


def _check(family: GincFamily, tokens: ndarray, smoothing: float) -> None:
    if not 0 <= smoothing <= 1:
        raise UserError(f"smoothing must lie in [0, 1], got {smoothing}.")
    if tokens.ndim != 2 or tokens.shape[1] == 0:
        raise UserError(f"prompts must have shape (num_prompts, length ≥ 1), got {tokens.shape}.")
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < family.vocab_size):
        raise UserError(
            f"a prompt holds token {tokens.max() if tokens.max() >= family.vocab_size else tokens.min()}, but the "
            f"family's vocabulary runs from 0 to {family.vocab_size - 1}; was it made from another family?"
        )


def _normalise(log_evidence: ndarray, smoothing: float) -> Float[ndarray, "num_prompts num_concepts"]:
    top = log_evidence.max(axis=1, keepdims=True)
    impossible = np.isneginf(top[:, 0])
    if impossible.any():
        raise UserError(
            f"{impossible.sum()} of {len(top)} prompts have probability 0 under every concept at smoothing "
            f"{smoothing:g} (the first is number {int(np.argmax(impossible))}); use a smoothing above 0, such as 1e-2."
        )
    shifted = log_evidence - top
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _states_of_token(
    family: GincFamily,
) -> tuple[Integer[ndarray, "vocab_size most_states"], Bool[ndarray, "vocab_size most_states"]]:
    """List the states that emit each token, padded to the longest list, with a mask of the real ones."""
    emitted_by = [np.flatnonzero(family.emission == token) for token in range(family.vocab_size)]
    most = max(map(len, emitted_by))
    states = np.zeros((family.vocab_size, most), dtype=int)
    present = np.zeros((family.vocab_size, most), dtype=bool)
    for token, members in enumerate(emitted_by):
        states[token, : len(members)] = members
        present[token, : len(members)] = True
    return states, present


def _smoothed(family: GincFamily, smoothing: float) -> Float[ndarray, "num_concepts num_states num_states"]:
    transition = family.transition[: family.num_pretraining_concepts]
    return (1 - smoothing) * transition + smoothing / family.num_states


def _emits(family: GincFamily) -> Float[ndarray, "num_states vocab_size"]:
    return (family.emission[:, None] == np.arange(family.vocab_size)).astype(float)


@lru_cache(maxsize=4)
def _restricted(
    family: GincFamily, smoothing: float
) -> tuple[
    Float[ndarray, "num_concepts vocab_size most_states"],
    Float[ndarray, "num_concepts vocab_size vocab_size most_states most_states"],
]:
    """Cut start and transitions down to the states of each token, and of each pair of tokens (0 where padded)."""
    states, present = _states_of_token(family)
    start = family.start[: family.num_pretraining_concepts][:, states] * present
    transition = _smoothed(family, smoothing)
    blocks = transition[:, states[:, None, :, None], states[None, :, None, :]]
    return start, blocks * (present[:, None, :, None] & present[None, :, None, :])
