"""The forward algorithm where emission is deterministic: each step carries only the states that emit the token.

On average 2 of 100 states emit a token, so a step costs 4 products instead of 10,000. States are sorted by the token
that they emit; those of one token then lie side by side.
"""

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.compiled_loops import compiled

__all__ = ["forward"]


def forward(
    start: Float[ndarray, "num_chains num_states"],
    transition: Float[ndarray, "num_chains num_states num_states"],
    emission: Integer[ndarray, " num_states"],
    vocab_size: int,
    tokens: Integer[ndarray, "num_sequences length"],
    positions: Integer[ndarray, " num_positions"],
) -> tuple[
    Float[ndarray, "num_sequences length num_chains"],
    Float[ndarray, "num_sequences num_positions num_chains vocab_size"],
]:
    """Read each sequence under each hidden Markov chain, in one pass.

    Returns
    -------
    log_evidence, predictive
        log p(o_1..o_t | chain) in nats at every position (−inf from where the chain cannot go on), and the probability
        (not its log) of each token after the token at each of `positions` (0-based); 0 where the chain cannot be there.
    """
    order = np.argsort(emission, kind="stable")
    bounds = np.searchsorted(emission[order], np.arange(vocab_size + 1)).astype(np.int64)
    sorted_transition = np.ascontiguousarray(transition[:, order[:, None], order[None, :]])
    to_token = np.ascontiguousarray(sorted_transition @ np.eye(vocab_size)[emission[order]])
    slot = np.full(tokens.shape[1], -1)
    slot[positions] = np.arange(len(positions))
    log_evidence = np.empty((*tokens.shape, len(start)))
    predictive = np.zeros((len(tokens), len(positions), len(start), vocab_size))
    compiled(_pass)(
        np.ascontiguousarray(start[:, order]),
        sorted_transition,
        to_token,
        bounds,
        np.ascontiguousarray(tokens, dtype=np.int32),
        slot,
        log_evidence,
        predictive,
    )
    return log_evidence, predictive


def _pass(start, transition, to_token, bounds, tokens, slot, log_evidence, predictive):
    """Fill `log_evidence` and `predictive`; plain loops, to be compiled."""
    num_chains, num_states = start.shape
    alpha = np.zeros((num_chains, num_states))  # p(state | o_1..o_t), valid between low and high only
    ahead = np.zeros(num_states)
    for row in range(tokens.shape[0]):
        low_before, high_before = 0, 0
        for position in range(tokens.shape[1]):
            low, high = bounds[tokens[row, position]], bounds[tokens[row, position] + 1]
            for chain in range(num_chains):
                scale = 0.0  # p(o_t | o_1..o_{t−1})
                for state in range(low, high):
                    mass = 0.0
                    if position == 0:
                        mass = start[chain, state]
                    else:
                        for before in range(low_before, high_before):
                            mass += alpha[chain, before] * transition[chain, before, state]
                    ahead[state] = mass
                    scale += mass
                inverse = 1.0 / scale if scale > 0.0 else 0.0
                for state in range(low, high):
                    alpha[chain, state] = ahead[state] * inverse
                so_far = log_evidence[row, position - 1, chain] if position else 0.0
                log_evidence[row, position, chain] = so_far + np.log(scale)
                if slot[position] >= 0:
                    following = predictive[row, slot[position], chain]
                    for state in range(low, high):
                        for token in range(following.shape[0]):
                            following[token] += alpha[chain, state] * to_token[chain, state, token]
            low_before, high_before = low, high
