"""The exact Bayes predictor on GINC: posterior over concepts and next-token distribution (Xie eq. 1).

p(y | prompt) = Σ_θ p(θ | prompt) · p(y | prompt, θ), by the forward algorithm under each concept; one pass gives every
position of a prompt.

Deliberately not matched to the paper: transitions are smoothed, T ← (1 − ε)·T + ε/num_states, since the family
has exact zeros and an unsmoothed predictor finds most prompts impossible under every concept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.errors import UserError
from icl.ginc.family import GincFamily, chosen_concepts
from icl.ginc.forward import forward

__all__ = ["DEFAULT_SMOOTHING", "ExactInference", "check_vocabulary", "infer", "smoothed_transition"]

DEFAULT_SMOOTHING = 1e-2
"""The ε that the lab's oracle uses unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactInference:
    """What exact Bayes makes of a batch of prompts.

    Attributes
    ----------
    concepts : Integer[ndarray, " num_concepts"]
        The concepts that compete, under a uniform prior; the axes below follow them.
    positions : Integer[ndarray, " num_positions"]
        Index (from 0) of the tokens after which the next one is predicted.
    log_evidence : Float[ndarray, "num_prompts length num_concepts"]
        log p(o_1..o_t | θ) in nats, for every position t.
    log_predictive : Float[ndarray, "num_prompts num_positions vocab_size"]
        log p(next token | o_1..o_t) in nats.
    log_predictive_by_concept : Float[ndarray, "num_prompts num_positions num_concepts vocab_size"]
        log p(next token | o_1..o_t, θ) in nats; −inf throughout where θ cannot have made the prompt.
    smoothing : float
        The ε that was used.
    """

    concepts: Integer[ndarray, " num_concepts"]
    positions: Integer[ndarray, " num_positions"]
    log_evidence: Float[ndarray, "num_prompts length num_concepts"]
    log_predictive: Float[ndarray, "num_prompts num_positions vocab_size"]
    log_predictive_by_concept: Float[ndarray, "num_prompts num_positions num_concepts vocab_size"]
    smoothing: float

    @property
    def log_posterior(self) -> Float[ndarray, "num_prompts length num_concepts"]:
        """log p(θ | o_1..o_t) in nats, for every position t."""
        return _log_normalise(self.log_evidence)


def infer(
    family: GincFamily,
    tokens: Integer[ndarray, "num_prompts length"],
    *,
    smoothing: float = DEFAULT_SMOOTHING,
    positions: Sequence[int] | Integer[ndarray, " num_positions"] | None = None,
    concepts: Sequence[int] | Integer[ndarray, " num_concepts"] | None = None,
) -> ExactInference:
    """Run the forward algorithm under each competing concept, once over all tokens.

    Parameters
    ----------
    family
        The GINC family.
    tokens
        Prompts of one common length ≥ 1; the first token is a document's first.
    smoothing
        ε of T ← (1 − ε)·T + ε/num_states.
    positions
        Index (from 0) of the tokens after which the next one is to be predicted; the last token alone if None.
        `icl.ginc.positions.answer_positions` lists those of the labels.
    concepts
        The concepts that compete; the pretraining mixture if None.

    Raises
    ------
    UserError
        If a token lies outside the vocabulary, a position outside the prompt or a concept outside the family, if ε is
        outside [0, 1], or if a prompt has probability 0 under every concept (possible at ε = 0, or when a first
        token is emitted by no state).
    """
    _check(family, tokens, smoothing)
    chosen = chosen_concepts(family, concepts)
    wanted = _positions(positions, tokens.shape[1])
    log_evidence, by_concept = forward(
        family.start[chosen],
        smoothed_transition(family, smoothing, chosen),
        family.emission,
        family.vocab_size,
        tokens,
        wanted,
    )
    _refuse_impossible(family, tokens, log_evidence[:, -1], smoothing)
    posterior = np.exp(_log_normalise(log_evidence[:, wanted]))
    with np.errstate(divide="ignore"):
        return ExactInference(
            concepts=chosen,
            positions=wanted,
            log_evidence=log_evidence,
            log_predictive=np.log(np.einsum("bpc,bpcv->bpv", posterior, by_concept)),
            log_predictive_by_concept=np.log(by_concept, out=by_concept),
            smoothing=smoothing,
        )


def smoothed_transition(
    family: GincFamily, smoothing: float, concepts: Integer[ndarray, " num_concepts"]
) -> Float[ndarray, "num_concepts num_states num_states"]:
    """Mix the joint transitions of some concepts with uniform ones: (1 − ε)·T + ε/num_states."""
    return (1 - smoothing) * family.transition[concepts] + smoothing / family.num_states


def _check(family: GincFamily, tokens: ndarray, smoothing: float) -> None:
    if not 0 <= smoothing <= 1:
        raise UserError(f"smoothing must lie in [0, 1], got {smoothing}.")
    if tokens.ndim != 2 or tokens.shape[1] == 0:
        raise UserError(f"prompts must have shape (num_prompts, length ≥ 1), got {tokens.shape}.")
    check_vocabulary(family, tokens)


def check_vocabulary(family: GincFamily, tokens: Integer[ndarray, "num_prompts length"]) -> None:
    """Raise `UserError` if a token lies outside the family's vocabulary."""
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < family.vocab_size):
        raise UserError(
            f"a prompt holds token {tokens.max() if tokens.max() >= family.vocab_size else tokens.min()}, but the "
            f"family's vocabulary runs from 0 to {family.vocab_size - 1}; was it made from another family?"
        )


def _positions(positions: Sequence[int] | ndarray | None, length: int) -> Integer[ndarray, " num_positions"]:
    wanted = np.array([length - 1]) if positions is None else np.asarray(positions, dtype=int)
    if wanted.size and not (wanted.min() >= 0 and wanted.max() < length and len(np.unique(wanted)) == len(wanted)):
        raise UserError(
            f"positions must be different indices from 0 to {length - 1}, the prompt's last token; "
            f"got {wanted.tolist()}."
        )
    return wanted


def _refuse_impossible(
    family: GincFamily, tokens: ndarray, log_evidence: Float[ndarray, "num_prompts num_concepts"], smoothing: float
) -> None:
    impossible = np.isneginf(log_evidence).all(axis=1)
    if not impossible.any():
        return
    first = int(np.argmax(impossible))
    silent = np.setdiff1d(tokens[first], family.emission)
    if silent.size:
        advice = f"no state emits its token {silent[0]}; ask only for tokens of the family's memory."
    else:
        advice = "use a smoothing above 0, such as 1e-2."
    raise UserError(
        f"{impossible.sum()} of {len(impossible)} prompts have probability 0 under every concept at smoothing "
        f"{smoothing:g} (the first is number {first}); {advice}"
    )


def _log_normalise(log_weights: Float[ndarray, "*batch num_concepts"]) -> Float[ndarray, "*batch num_concepts"]:
    """Subtract the log of the sum over the last axis; some entry of it must be finite."""
    shifted = log_weights - log_weights.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
