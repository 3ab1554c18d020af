"""The scorer contract: one call that language models, exact Bayes and control scorers all answer."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int8, Integer
from numpy import ndarray

from icl.prompts.render import Prompt
from icl.tasks.protocol import AnyTask

__all__ = ["NO_NUMBER", "UNKNOWN_BOUNDARY", "Answer", "Covariates", "LabelAnswer", "Progress", "Scorer", "as_table"]

type Progress = Callable[[int, int], None]
"""Called with (units done, units in all) while a scorer reads; `Scorer.unit` names the unit."""

UNKNOWN_BOUNDARY = -1
"""In `Answer.boundary_clean`: the scorer has or tells no tokens."""

NO_NUMBER = "the scorer gave no number"
"""Why a log-probability is missing where the scorer does not say."""

_ASKED_TOGETHER = 128
"""Prompts that a scorer without a stream of its own is asked at once."""


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """What a scorer says of one candidate of one prompt: one place of an `Answer`.

    Attributes
    ----------
    logprob : float
        log p(candidate | prompt) in nats, summed over its tokens; NaN where it could not be scored.
    num_tokens : int
        The candidate's tokens in the joint tokenisation of prompt and candidate.
    boundary_clean : bool or None
        Whether joint and separate tokenisation agree; None for scorers that have or tell no tokens.
    logprob_split : float
        Nats of the candidate cut separately from the prompt: `logprob` where the boundary is clean, NaN where that
        was not asked.
    vocabulary_rank : int or None
        The worst rank of its tokens among the whole vocabulary: 1 exactly where greedy decoding would write the
        candidate. None where the scorer does not know the vocabulary.
    reason : str
        Why `logprob` is NaN; empty where it is not.
    logprob_below : float
        Where `logprob` is NaN: nats that it is known to lie below; NaN where no bound is known.
    """

    logprob: float
    num_tokens: int = 1
    boundary_clean: bool | None = None
    logprob_split: float = math.nan
    vocabulary_rank: int | None = None
    reason: str = ""
    logprob_below: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What a scorer says of one prompt: `LabelAnswer` by columns, one entry per candidate.

    A column that is None says the same of every candidate: its default in `LabelAnswer`.

    Attributes
    ----------
    logprob : array of float
        Nats.
    num_tokens : array of int, or None
        None: one token each.
    boundary_clean : array of int8, or None
        1 clean, 0 not, `UNKNOWN_BOUNDARY` where not known.
    logprob_split, logprob_below : array of float, or None
        Nats.
    vocabulary_rank : array of int, or None
        0 where not known.
    reason : tuple of str, or None
        None: nothing is missing.
    """

    logprob: Float[ndarray, " num_candidates"]
    num_tokens: Integer[ndarray, " num_candidates"] | None = None
    boundary_clean: Int8[ndarray, " num_candidates"] | None = None
    logprob_split: Float[ndarray, " num_candidates"] | None = None
    vocabulary_rank: Integer[ndarray, " num_candidates"] | None = None
    reason: tuple[str, ...] | None = None
    logprob_below: Float[ndarray, " num_candidates"] | None = None

    @classmethod
    def of(cls, labels: Sequence[LabelAnswer]) -> "Answer":
        """Put the answers of candidates, in the prompt's order, into columns."""
        unknown = {None: UNKNOWN_BOUNDARY, False: 0, True: 1}
        return cls(
            logprob=np.array([one.logprob for one in labels], dtype=float),
            num_tokens=np.array([one.num_tokens for one in labels]),
            boundary_clean=np.array([unknown[one.boundary_clean] for one in labels], dtype=np.int8),
            logprob_split=np.array([one.logprob_split for one in labels], dtype=float),
            vocabulary_rank=np.array([one.vocabulary_rank or 0 for one in labels]),
            reason=tuple(one.reason for one in labels) if any(one.reason for one in labels) else None,
            logprob_below=np.array([one.logprob_below for one in labels], dtype=float),
        )

    @classmethod
    def missing(cls, num_candidates: int, reason: str) -> "Answer":
        """Say of every candidate that it has no log-probability, and why."""
        return cls(logprob=np.full(num_candidates, np.nan), reason=(reason,) * num_candidates)

    def __len__(self) -> int:
        return len(self.logprob)

    def __getitem__(self, place: int) -> LabelAnswer:
        clean = UNKNOWN_BOUNDARY if self.boundary_clean is None else int(self.boundary_clean[place])
        return LabelAnswer(
            logprob=float(self.logprob[place]),
            num_tokens=1 if self.num_tokens is None else int(self.num_tokens[place]),
            boundary_clean=None if clean == UNKNOWN_BOUNDARY else bool(clean),
            logprob_split=math.nan if self.logprob_split is None else float(self.logprob_split[place]),
            vocabulary_rank=None if self.vocabulary_rank is None else int(self.vocabulary_rank[place]) or None,
            reason="" if self.reason is None else self.reason[place],
            logprob_below=math.nan if self.logprob_below is None else float(self.logprob_below[place]),
        )

    def __iter__(self) -> Iterator[LabelAnswer]:
        return (self[place] for place in range(len(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """What is known of a model beside its answers; None is unknown.

    Attributes
    ----------
    num_parameters : int or None
        Weights, those that are shared counted once.
    training_tokens : int or None
        Tokens that it was trained on.
    is_tuned : bool or None
        Whether it was tuned after pretraining.
    """

    num_parameters: int | None = None
    training_tokens: int | None = None
    is_tuned: bool | None = None


class Scorer(ABC):
    """A `name` and a call are the whole contract; the other methods have answers that suit a scorer of words."""

    name: str

    unit: str = "prompt"
    """What `answer` counts its progress in."""

    has_weights: bool = False
    """Whether `load` takes a while."""

    revision: str | None = None
    """Revision of the weights that was asked for; None where there are none."""

    @abstractmethod
    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Log-probability in nats of each candidate, summed over its tokens; NaN where it could not be scored."""

    def answer(self, prompts: Sequence[Prompt], *, progress: Progress | None = None) -> Iterator[tuple[int, Answer]]:
        """Yield each prompt's position with what is said of its candidates, in the order they become known."""
        for start in range(0, len(prompts), _ASKED_TOGETHER):
            part = prompts[start : start + _ASKED_TOGETHER]
            for offset, row in enumerate(self(part)):
                untold = np.isnan(row)
                reason = tuple(NO_NUMBER if bad else "" for bad in untold) if untold.any() else None
                yield start + offset, Answer(logprob=np.asarray(row, dtype=float), reason=reason)
            if progress:
                progress(start + len(part), len(prompts))

    def check(self, prompts: Sequence[Prompt]) -> None:  # noqa: B027 — most scorers have nothing to refuse
        """Raise `UserError` if these prompts cannot be scored, whatever their length; called before anything is."""

    def notices(self, prompts: Sequence[Prompt]) -> list[str]:
        """Say what this scorer makes of the texts of these prompts that a user should know before it is asked."""
        return []

    def load(self) -> None:  # noqa: B027 — most scorers have none
        """Load the weights now, so that the time this takes is told apart from reading."""

    def close(self) -> None:  # noqa: B027 — most scorers hold nothing
        """Release what was loaded; a scorer that is asked again loads it again."""

    def suits(self, task: AnyTask) -> bool:
        """Tell whether this scorer, opened for one task, may be asked another as it is; else it is opened again.

        Raises
        ------
        UserError
            If the model does not fit the task.
        """
        return False

    def weight_bytes(self) -> int:
        """Bytes of the weights once they are loaded, for plans; 0 where there are none or that is not known."""
        return 0

    @property
    def context_length(self) -> int | None:
        """Tokens that the scorer reads at most; None where there is no such number."""
        return None

    def too_long(self, prompts: Sequence[Prompt]) -> dict[int, int]:
        """Say which prompts are longer than `context_length`: position → tokens, the longest candidate included."""
        return {}

    def num_tokens(self, prompts: Sequence[Prompt]) -> int:
        """Count the tokens that the scorer would read, for plans; 0 where reading costs nothing."""
        return 0

    def estimated_seconds(self, num_tokens: int) -> float:
        """Guess how long reading so many tokens takes on this machine, for plans."""
        return 0.0

    def token_lines(self, prompt: Prompt) -> list[str]:
        """Describe the tokens of one prompt, a line each, for `probe show`."""
        return [f"{self.name} reads text, not tokens"]

    def identity(self) -> dict[str, str]:
        """Everything beside the prompts that the scores depend on."""
        return {"scorer": type(self).__name__}

    def covariates(self) -> Covariates:
        """Say what is known of the model beside its answers; loads no weights."""
        return Covariates()

    def is_reproducible(self) -> bool:
        """Whether `identity` pins the scores down, so that an answer may be kept for other runs.

        False also for scorers that are cheaper to ask than to look up.
        """
        return False

    def begin_reading(self) -> None:  # noqa: B027 — most scorers count nothing
        """Count from now on what `reading` reports: what a scorer read for a run before is not that of the next."""

    def reading(self) -> dict[str, object]:
        """Report what was read so far and how, for the manifest; empty where there is nothing to say."""
        return {}

    def precision_check(self, prompts: Sequence[Prompt]) -> dict[str, object]:
        """Measure on these prompts what reduced precision changes; empty for a scorer that has none."""
        return {}


def as_table(answers: Iterable[tuple[int, Answer]], num_prompts: int) -> Float[ndarray, "num_prompts num_candidates"]:
    """Gather answers into the array of a scorer's call: nats, one row a prompt in the order asked."""
    rows = dict(answers)
    return np.array([rows[i].logprob for i in range(num_prompts)]).reshape(num_prompts, -1)
