"""The GINC family: hidden-Markov concepts that share a memory of entities × properties (Xie §4, appendix)."""

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.errors import UserError

__all__ = [
    "DEFAULT_FAMILY_SEED",
    "DELIMITER",
    "GincFamily",
    "chosen_concepts",
    "default_family",
    "load_family",
    "sample_family",
]

DELIMITER = 0
"""The token that every entity emits at property 0, and that stands between the examples of a prompt."""

DEFAULT_FAMILY_SEED = 20220
"""Seed that the default family was drawn from, by `sample_family` with its defaults."""

_DEFAULT_FAMILY = Path(__file__).with_name("default_family.npz")

_SIGNIFICANT_BITS = 24
"""Of each `exp` in a drawn family: processors differ in its last bit, the 53rd."""

_SAME_WITHIN = 1e-6
"""Relative difference of probabilities in families that are the same: drawing rounds to 6e-8."""

_ARRAYS = ("memory", "start", "property_transition", "entity_transition")
_COUNTS = ("num_pretraining_concepts", "vocab_size")


@dataclass(frozen=True, kw_only=True, eq=False)
class GincFamily:
    """A set of concepts over one memory. Hidden state index = entity · num_properties + property.

    Attributes
    ----------
    memory : Integer[ndarray, "num_entities num_properties"]
        Token emitted by each hidden state; column 0 is the delimiter.
    start : Float[ndarray, "num_concepts num_states"]
        Start distribution of each concept.
    property_transition : Float[ndarray, "num_concepts num_properties num_properties"]
        Row-stochastic transitions between properties, one matrix for each concept.
    entity_transition : Float[ndarray, "num_concepts num_entities num_entities"]
        Row-stochastic transitions between entities (equal for all concepts in the default family).
    num_pretraining_concepts : int
        The first so many concepts make up the pretraining mixture, uniformly; the others are unseen.
    vocab_size : int
        Number of tokens, the delimiter included.

    Raises
    ------
    UserError
        If shapes or kinds of numbers disagree, a row is not a distribution, column 0 of the memory is not the
        delimiter, or a token lies outside the vocabulary.
    """

    memory: Integer[ndarray, "num_entities num_properties"]
    start: Float[ndarray, "num_concepts num_states"]
    property_transition: Float[ndarray, "num_concepts num_properties num_properties"]
    entity_transition: Float[ndarray, "num_concepts num_entities num_entities"]
    num_pretraining_concepts: int
    vocab_size: int

    def __post_init__(self):
        self._check_memory()
        self._check_distributions()
        if not 1 <= self.num_pretraining_concepts <= self.num_concepts:
            raise UserError(
                f"num_pretraining_concepts must lie in 1..{self.num_concepts}, got {self.num_pretraining_concepts}."
            )

    def _check_memory(self) -> None:
        memory = self.memory
        if memory.ndim != 2 or memory.size == 0 or memory.dtype.kind not in "iu":
            raise UserError(
                "memory of a GINC family must be a matrix of whole numbers, entities × properties, got shape "
                f"{memory.shape} of {memory.dtype}."
            )
        if memory.min() < 0 or memory.max() >= self.vocab_size:
            outside = memory.min() if memory.min() < 0 else memory.max()
            raise UserError(
                f"memory holds token {outside}, but tokens run from 0 to {self.vocab_size - 1} by vocab_size."
            )
        if (memory[:, 0] != DELIMITER).any():
            raise UserError(f"column 0 of memory must hold the delimiter, {DELIMITER}, got {memory[:, 0].tolist()}.")

    def _check_distributions(self) -> None:
        if self.start.ndim != 2 or len(self.start) == 0:
            raise UserError(f"start must be a matrix, concepts × states, got shape {self.start.shape}.")
        shapes = {
            "start": (self.num_concepts, self.num_states),
            "property_transition": (self.num_concepts, self.num_properties, self.num_properties),
            "entity_transition": (self.num_concepts, self.num_entities, self.num_entities),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype.kind != "f":
                raise UserError(
                    f"{name} of a GINC family must hold floating-point numbers in shape {shape}, got {array.dtype} "
                    f"in {array.shape}."
                )
            if not (array.min() >= 0 and np.allclose(array.sum(axis=-1), 1.0, rtol=0, atol=1e-9)):
                worst = float(np.abs(array.sum(axis=-1) - 1).max())
                raise UserError(
                    f"{name} must hold probabilities whose rows sum to 1; the worst row is off by {worst:.3g}, "
                    f"the smallest entry is {array.min():.3g}; normalise the array first."
                )

    @property
    def num_entities(self) -> int:
        """Rows of the memory."""
        return self.memory.shape[0]

    @property
    def num_properties(self) -> int:
        """Columns of the memory."""
        return self.memory.shape[1]

    @property
    def num_states(self) -> int:
        """Hidden states of each concept."""
        return self.memory.size

    @property
    def num_concepts(self) -> int:
        """Concepts, unseen ones included."""
        return self.start.shape[0]

    @property
    def emission(self) -> Integer[ndarray, " num_states"]:
        """Token emitted by each hidden state."""
        return self.memory.reshape(-1)

    @cached_property
    def transition(self) -> Float[ndarray, "num_concepts num_states num_states"]:
        """Joint transitions T[(v,s) → (v',s')] = T_v[v,v'] · T_s[s,s'] (Xie, appendix: GINC)."""
        joint = np.einsum("cvw,cst->cvswt", self.entity_transition, self.property_transition)
        return joint.reshape(self.num_concepts, self.num_states, self.num_states)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change whenever any array does, be it in the last bit.

        They name the family of a file, and a family that `sample_family` draws, which is the same on every processor.
        Whether two families are the same is a question for `is_same`.
        """
        digest = hashlib.sha256(f"{self.num_pretraining_concepts},{self.vocab_size}".encode())
        for name in _ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()[:16]

    def is_same(self, other: "GincFamily") -> bool:
        """Whether two families differ by rounding alone, as when an earlier version drew one of them."""
        if any(getattr(self, name) != getattr(other, name) for name in _COUNTS):
            return False
        pairs = [(getattr(self, name), getattr(other, name)) for name in _ARRAYS]
        return all(a.shape == b.shape and np.allclose(a, b, rtol=_SAME_WITHIN, atol=0) for a, b in pairs)

    def save(self, path: Path) -> None:
        """Write the arrays to an `.npz` file; `load_family` reads them back exactly."""
        Path(path).write_bytes(self.npz())

    def npz(self) -> bytes:
        """Return what `save` writes."""
        stream = BytesIO()
        np.savez_compressed(
            stream,
            **{name: getattr(self, name) for name in _ARRAYS},
            num_pretraining_concepts=self.num_pretraining_concepts,
            vocab_size=self.vocab_size,
        )
        return stream.getvalue()


def chosen_concepts(
    family: GincFamily, concepts: Sequence[int] | Integer[ndarray, " num_chosen"] | None
) -> Integer[ndarray, " num_chosen"]:
    """Indices of the concepts that were asked for; the pretraining mixture if None.

    Raises
    ------
    UserError
        If none was asked for, one twice, or one that the family does not have.
    """
    if concepts is None:
        return np.arange(family.num_pretraining_concepts)
    chosen = np.asarray(concepts, dtype=int)
    known = chosen.size > 0 and chosen.min() >= 0 and chosen.max() < family.num_concepts
    if not known or len(np.unique(chosen)) < len(chosen):
        raise UserError(
            f"concepts must be different indices from 0 to {family.num_concepts - 1}, at least one; "
            f"got {chosen.tolist()}."
        )
    return chosen


def load_family(path: Path) -> GincFamily:
    """Read a family from an `.npz` file of the arrays of `GincFamily`.

    Raises
    ------
    UserError
        If the file is missing, is no whole `.npz` archive, lacks an array, or its arrays are no family.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"there is no GINC family at {path}; save one with GincFamily.save or name another file.")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in (*_ARRAYS, *_COUNTS)}
    except (KeyError, OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{path} is not a saved GINC family ({error}); it must be a whole .npz file with "
            f"{', '.join((*_ARRAYS, *_COUNTS))}."
        ) from error
    try:
        counts = [_whole_number(name, arrays.pop(name)) for name in _COUNTS]
        return GincFamily(**arrays, num_pretraining_concepts=counts[0], vocab_size=counts[1])
    except UserError as error:
        raise UserError(f"{path} is not a saved GINC family: {error}") from error


def sample_family(
    *,
    rng: np.random.Generator,
    num_entities: int = 10,
    num_properties: int = 10,
    vocab_size: int = 50,
    num_concepts: int = 10,
    num_pretraining_concepts: int = 5,
    start_temp: float = 10.0,
    transition_temp: float = 0.1,
    entity_identity: float = 0.9,
    entity_transition_per_concept: bool = False,
) -> GincFamily:
    """Draw a family as the paper does (Xie, appendix: GINC; the defaults are the paper's).

    One seed gives the same bytes on every processor.

    Parameters
    ----------
    rng
        Source of all randomness.
    start_temp, transition_temp
        Temperatures of softmax((u − 0.5) / temp), u ~ U(0, 1), for start distributions and for the weights
        of the permutations that make up a transition matrix.
    entity_identity
        Coefficient c of (1 − c)·T_v + c·I: the larger, the longer an entity stays.
    entity_transition_per_concept
        Draw T_v for each concept anew instead of sharing one.

    Raises
    ------
    UserError
        If a size, a temperature or the coefficient is out of its range.
    """
    if vocab_size < 2:
        raise UserError(f"vocab_size must be at least 2 (a delimiter and a token), got {vocab_size}.")
    if min(num_entities, num_concepts) < 1 or num_properties < 2:
        raise UserError(
            "a family needs at least 1 entity, 1 concept and 2 properties (the first emits the delimiter), got "
            f"{num_entities}, {num_concepts} and {num_properties}."
        )
    if not (start_temp > 0 and transition_temp > 0):
        raise UserError(f"start_temp and transition_temp must be above 0, got {start_temp} and {transition_temp}.")
    if not 0 <= entity_identity <= 1:
        raise UserError(f"entity_identity must lie in [0, 1], got {entity_identity}.")
    memory = rng.integers(1, vocab_size, size=(num_entities, num_properties))
    memory[:, 0] = DELIMITER
    start = _softmax_of_uniform((num_concepts, num_entities * num_properties), start_temp, rng)
    property_transition = np.stack(
        [_permutation_mixture(num_properties, transition_temp, rng) for _ in range(num_concepts)]
    )
    num_entity_matrices = num_concepts if entity_transition_per_concept else 1
    entity_transition = np.stack(
        [_permutation_mixture(num_entities, transition_temp, rng) for _ in range(num_entity_matrices)]
    )
    entity_transition = (1 - entity_identity) * entity_transition + entity_identity * np.eye(num_entities)
    return GincFamily(
        memory=memory,
        start=start,
        property_transition=property_transition,
        entity_transition=np.broadcast_to(entity_transition, (num_concepts, num_entities, num_entities)).copy(),
        num_pretraining_concepts=num_pretraining_concepts,
        vocab_size=vocab_size,
    )


@cache
def default_family() -> GincFamily:
    """Read the family of the shipped models: the paper's sizes, vocabulary 50.

    It is read and not drawn, since processors differ in the last bit of `exp`, and what a model was trained on must be
    the same family everywhere.
    """
    return load_family(_DEFAULT_FAMILY)


def _whole_number(name: str, array: ndarray) -> int:
    if array.shape != () or array.dtype.kind not in "iu":
        raise UserError(f"{name} must be one whole number, got {array.dtype} in shape {array.shape}.")
    return int(array)


def _softmax_of_uniform(shape: tuple[int, ...], temp: float, rng: np.random.Generator) -> ndarray:
    logits = (rng.random(shape) - 0.5) / temp
    return _normalised(_rounded(np.exp(logits - logits.max(axis=-1, keepdims=True))))


def _rounded(values: ndarray) -> ndarray:
    """Keep `_SIGNIFICANT_BITS` of each number."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, _SIGNIFICANT_BITS)), exponent - _SIGNIFICANT_BITS)


def _normalised(weights: ndarray) -> ndarray:
    """Divide rows by their sums; cumulative ones, since the order of a plain sum's terms is the processor's."""
    return weights / np.cumsum(weights, axis=-1)[..., -1:]


def _permutation_mixture(size: int, temp: float, rng: np.random.Generator) -> Float[ndarray, "size size"]:
    """Mix `size` random permutation matrices with weights softmax((u − 0.5) / temp)."""
    weights = _softmax_of_uniform((size,), temp, rng)
    matrix = np.zeros((size, size))
    for weight in weights:
        matrix[np.arange(size), rng.permutation(size)] += weight
    return _normalised(matrix)
