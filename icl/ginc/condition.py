"""Xie's own Condition 1: does an example tell the concepts apart by more than the worst joints can cost?

Σ_{j=1..k} KL_j(θ*‖θ) > ε_start + ε_delim (Xie eq. 12 ff.). The left side is an expectation over prompts, the right
side bounds the worst case, hence far above the noise that a ledger finds in prompts.

Deliberately not matched to the paper: prompts come from the family as it is; the concepts that read them are smoothed
as the oracle's, and so are c₁ and c₂. Unsmoothed, exact zeros make c₁ = 0 and the noise infinite.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Integer
from numpy import ndarray
from scipy.special import rel_entr

from icl.errors import UserError
from icl.ginc.exact import DEFAULT_SMOOTHING, smoothed_transition
from icl.ginc.family import DELIMITER, GincFamily
from icl.ginc.forward import forward
from icl.ginc.sampling import sample_examples

__all__ = ["Condition", "enumerated_condition", "sampled_condition"]

_MOST_SEQUENCES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Both sides of Condition 1, in nats, for each ordered pair of concepts of the pretraining mixture.

    Attributes
    ----------
    concept, competitor : Integer[ndarray, " num_pairs"]
        θ* and θ.
    kl : Float[ndarray, "num_pairs num_start_properties example_length"]
        KL_j(θ*‖θ) of prompts whose examples start from property 1, 2, … .
    signal_error : Float[ndarray, " num_pairs"]
        Standard error of `signal`; 0 where it was enumerated, NaN where the signal is infinite.
    start_noise : Float[ndarray, " num_pairs"]
        ε_start = log(1/c₈); c₈ is the smallest start probability of any state under θ*.
    delimiter_noise : Float[ndarray, " num_pairs"]
        ε_delim = 2(log c₂ − log c₁) + log c₄ − log c₃. c₁ and c₂ are the smallest transition probability from any
        state into a delimiter state under θ* and the largest under θ, both smoothed; c₃ and c₄ are the smallest start
        probability of a delimiter state under θ* and the largest under θ.
    smoothing : float
        The ε that was used.
    """

    concept: Integer[ndarray, " num_pairs"]
    competitor: Integer[ndarray, " num_pairs"]
    kl: Float[ndarray, "num_pairs num_start_properties example_length"]
    signal_error: Float[ndarray, " num_pairs"]
    start_noise: Float[ndarray, " num_pairs"]
    delimiter_noise: Float[ndarray, " num_pairs"]
    smoothing: float

    @property
    def signal(self) -> Float[ndarray, " num_pairs"]:
        """Σ_j KL_j, averaged over start properties."""
        return self.kl.sum(axis=2).mean(axis=1)

    @property
    def noise(self) -> Float[ndarray, " num_pairs"]:
        """ε_start + ε_delim."""
        return self.start_noise + self.delimiter_noise

    @property
    def holds(self) -> Bool[ndarray, " num_pairs"]:
        """Whether signal exceeds noise."""
        return self.signal > self.noise

    def to_frame(self) -> pd.DataFrame:
        """One row for each pair; everything in nats."""
        columns = {name: getattr(self, name) for name in ("concept", "competitor", "signal", "signal_error")}
        columns |= {name: getattr(self, name) for name in ("start_noise", "delimiter_noise", "noise", "holds")}
        return pd.DataFrame(columns | {"example_length": self.kl.shape[2], "smoothing": self.smoothing})


def enumerated_condition(family: GincFamily, *, example_length: int, smoothing: float = DEFAULT_SMOOTHING) -> Condition:
    """Compute Condition 1 exactly, by going through every input that the family's tokens can make (tiny families).

    Raises
    ------
    UserError
        If there are more than 20,000 inputs.
    """
    emitted = np.unique(family.emission)
    count = len(emitted) ** (example_length - 1)
    if count > _MOST_SEQUENCES:
        raise UserError(
            f"{len(emitted)} tokens make {count:.1e} inputs of {example_length - 1}, more than {_MOST_SEQUENCES:,}; "
            "use sampled_condition."
        )
    inputs = np.array(list(product(emitted, repeat=example_length - 1)))

    def expected(concept: int, start_property: int) -> tuple[ndarray, ndarray]:
        log_weight, kl = _read(family, concept, start_property, inputs, smoothing)
        possible = np.exp(log_weight) > 0
        mean = np.einsum("b,bcj->cj", np.exp(log_weight[possible]), kl[possible])
        return mean, np.zeros(len(mean))

    return _condition(family, expected, smoothing)


def sampled_condition(
    family: GincFamily,
    *,
    example_length: int,
    rng: np.random.Generator,
    num_prompts: int = 2_000,
    smoothing: float = DEFAULT_SMOOTHING,
) -> Condition:
    """Estimate Condition 1 from `num_prompts` sampled inputs for each concept; each KL_j given an input is exact."""
    drawn = [
        sample_examples(
            family, num_prompts=num_prompts, num_examples=1, example_length=example_length, rng=rng, concepts=[concept]
        )
        for concept in range(family.num_pretraining_concepts)
    ]

    def expected(concept: int, start_property: int) -> tuple[ndarray, ndarray]:
        rows = drawn[concept].start_property == start_property
        if rows.sum() < 2:
            raise UserError(
                f"num_prompts is too small for {family.num_properties - 1} start properties: {num_prompts}."
            )
        _, kl = _read(family, concept, start_property, drawn[concept].tokens[rows, 0, :-1], smoothing)
        with np.errstate(invalid="ignore"):
            return kl.mean(axis=0), kl.sum(axis=2).var(axis=0, ddof=1) / rows.sum()

    return _condition(family, expected, smoothing)


def _condition(
    family: GincFamily, expected: Callable[[int, int], tuple[ndarray, ndarray]], smoothing: float
) -> Condition:
    """Put the pairs together; `expected` gives mean KLs and the variance of their sum for a θ* and a start property."""
    concepts = np.arange(family.num_pretraining_concepts)
    concept, competitor = np.nonzero(concepts[:, None] != concepts)
    properties = range(1, family.num_properties)
    found = [[expected(theta, start_property) for start_property in properties] for theta in concepts.tolist()]
    kl = np.array([[mean for mean, _ in row] for row in found])  # θ*, start property, θ, position
    variance = np.array([[each for _, each in row] for row in found]).sum(axis=1) / len(properties) ** 2
    start_noise, delimiter_noise = _noise(family, smoothing)
    return Condition(
        concept=concept,
        competitor=competitor,
        kl=kl[concept, :, competitor],
        signal_error=np.sqrt(variance[concept, competitor]),
        start_noise=start_noise[concept, competitor],
        delimiter_noise=delimiter_noise[concept, competitor],
        smoothing=smoothing,
    )


def _noise(family: GincFamily, smoothing: float) -> tuple[ndarray, ndarray]:
    """ε_start and ε_delim in nats, each with axes θ* and θ."""
    concepts = np.arange(family.num_pretraining_concepts)
    is_delimiter = family.emission == DELIMITER
    into_delimiter = smoothed_transition(family, smoothing, concepts)[:, :, is_delimiter]
    start_at_delimiter = family.start[concepts][:, is_delimiter]
    with np.errstate(divide="ignore"):
        log_c1, log_c2 = np.log(into_delimiter.min(axis=(1, 2))), np.log(into_delimiter.max(axis=(1, 2)))
        log_c3, log_c4 = np.log(start_at_delimiter.min(axis=1)), np.log(start_at_delimiter.max(axis=1))
        log_c8 = np.log(family.start[concepts].min(axis=1))
    delimiter = 2 * (log_c2[None, :] - log_c1[:, None]) + log_c4[None, :] - log_c3[:, None]
    return np.broadcast_to(-log_c8[:, None], delimiter.shape), delimiter


def _read(
    family: GincFamily,
    concept: int,
    start_property: int,
    inputs: Integer[ndarray, "num_inputs input_length"],
    smoothing: float,
) -> tuple[Float[ndarray, " num_inputs"], Float[ndarray, "num_inputs num_concepts example_length"]]:
    """Log-probability (nats) of each input in prompts of `concept`, and KL_j to every concept given its tokens."""
    emits = np.eye(family.vocab_size)[family.emission]
    prompt_start = np.zeros((family.num_entities, family.num_properties))
    prompt_start[:, start_property] = 1 / family.num_entities
    prompt_start = prompt_start.reshape(1, -1)
    concepts = np.arange(family.num_pretraining_concepts)
    sides = (
        (prompt_start, family.transition[[concept]]),
        (family.start[concepts], smoothed_transition(family, smoothing, concepts)),
    )
    predictions = []
    for start, transition in sides:
        evidence, after = forward(
            start, transition, family.emission, family.vocab_size, inputs, np.arange(inputs.shape[1])
        )
        first = np.broadcast_to(start @ emits, (len(inputs), 1, len(start), family.vocab_size))
        predictions.append((evidence[:, -1, 0], np.concatenate([first, after], axis=1)))
    (log_weight, ours), (_, theirs) = predictions
    return log_weight, rel_entr(ours, theirs).sum(axis=3).transpose(0, 2, 1)
