"""The ledger: what every token of a prompt says for the right concept, booked as signal or as noise (Xie §3).

λ_t(θ) = log p(o_t | o_<t, θ*) − log p(o_t | o_<t, θ), exact, under the smoothing of the oracle. The tokens inside an
example bring signal; the joints of a prompt, which no document has, bring noise: they are the first token of an example
and the delimiter. Drift = signal − noise, all in nats per demonstration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

from icl.errors import UserError
from icl.ginc.exact import DEFAULT_SMOOTHING, ExactInference, infer
from icl.ginc.family import GincFamily
from icl.ginc.positions import Role, answer_positions, prompt_tokens, roles
from icl.ginc.sampling import GincExamples

__all__ = ["Ledger", "book", "ledger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Log-likelihood ratios of a batch of prompts; the last example of each is the query, the others demonstrations.

    Attributes
    ----------
    concept : Integer[ndarray, " num_prompts"]
        The right concept θ*.
    competitor : Integer[ndarray, "num_prompts num_competitors"]
        The other concepts of the mixture, in order.
    log_ratio : Float[ndarray, "num_prompts length num_competitors"]
        λ_t(θ) in nats of each token as `icl.ginc.positions.prompt_tokens` lays them out.
    num_examples, example_length : int
        The prompts' layout, query included.
    smoothing : float
        The ε that was used.
    """

    concept: Integer[ndarray, " num_prompts"]
    competitor: Integer[ndarray, "num_prompts num_competitors"]
    log_ratio: Float[ndarray, "num_prompts length num_competitors"]
    num_examples: int
    example_length: int
    smoothing: float

    @property
    def by_role(self) -> Float[ndarray, "num_prompts num_demonstrations num_competitors num_roles"]:
        """Sums of λ in nats over the tokens of each `Role` in each demonstration."""
        period, num_demonstrations = self.example_length + 1, self.num_examples - 1
        num_prompts, _, num_competitors = self.log_ratio.shape
        shown = self.log_ratio[:, : num_demonstrations * period]
        shown = shown.reshape(num_prompts, num_demonstrations, period, num_competitors)
        is_role = roles(2, self.example_length)[:period, None] == np.array(list(Role))
        return np.einsum("bdtc,tr->bdcr", shown, is_role.astype(float))

    @property
    def signal(self) -> Float[ndarray, "num_prompts num_competitors"]:
        """Nats per demonstration from the tokens inside."""
        return self.by_role[..., Role.INSIDE].mean(axis=1)

    @property
    def noise(self) -> Float[ndarray, "num_prompts num_competitors"]:
        """Nats per demonstration that the starts and the delimiters take away."""
        return -(self.by_role[..., Role.START] + self.by_role[..., Role.DELIMITER]).mean(axis=1)

    @property
    def drift(self) -> Float[ndarray, "num_prompts num_competitors"]:
        """Signal − noise in nats per demonstration."""
        return self.signal - self.noise

    @property
    def hardest(self) -> Integer[ndarray, " num_prompts"]:
        """Column of the competitor with the smallest drift."""
        return self.drift.argmin(axis=1)

    @property
    def holds(self) -> Bool[ndarray, " num_prompts"]:
        """Whether signal exceeds noise for every competitor, in this prompt."""
        return (self.drift > 0).all(axis=1)

    @property
    def log_odds(self) -> Float[ndarray, "num_prompts num_examples"]:
        """Log-odds in nats of θ* against all competitors at every answer, hence after 0, 1, … demonstrations.

        log prior odds + evidence: −log Σ_θ exp(−Σ_t λ_t(θ)) under a uniform prior. Their sigmoid is p(θ* | prompt).
        """
        evidence = self.log_ratio.cumsum(axis=1)[:, answer_positions(self.num_examples, self.example_length)]
        return -np.logaddexp.reduce(-evidence, axis=2)

    def to_frame(self) -> pd.DataFrame:
        """One row for each prompt and competitor; signal, noise and drift in nats per demonstration."""
        num_prompts, num_competitors = self.competitor.shape
        by_role, drift = self.by_role.mean(axis=1), self.drift
        columns = {
            "prompt": np.repeat(np.arange(num_prompts), num_competitors),
            "example_length": self.example_length,
            "num_demonstrations": self.num_examples - 1,
            "concept": np.repeat(self.concept, num_competitors),
            "competitor": self.competitor.ravel(),
            "signal": self.signal.ravel(),
            "start_noise": -by_role[..., Role.START].ravel(),
            "delimiter_noise": -by_role[..., Role.DELIMITER].ravel(),
            "noise": self.noise.ravel(),
            "drift": drift.ravel(),
            "hardest": (np.arange(num_competitors) == self.hardest[:, None]).ravel(),
            "holds": (drift > 0).ravel(),
            "log_odds": np.repeat(self.log_odds[:, -1], num_competitors),
        }
        return pd.DataFrame(columns)


def ledger(
    family: GincFamily,
    examples: GincExamples,
    *,
    smoothing: float = DEFAULT_SMOOTHING,
    concepts: Sequence[int] | Integer[ndarray, " num_concepts"] | None = None,
) -> Ledger:
    """Book every token of the prompts that `examples` make.

    Parameters
    ----------
    family
        The GINC family.
    examples
        Two or more for each prompt; the last is the query.
    smoothing
        ε of the transitions. Above 0: unsmoothed, exact zeros make the noise infinite.
    concepts
        θ* and its competitors; the pretraining mixture if None.

    Raises
    ------
    UserError
        If there is no demonstration or no competitor, if a prompt's concept is not among `concepts`, or if a token has
        probability 0 under one of them.
    """
    return book(infer(family, prompt_tokens(examples), smoothing=smoothing, positions=[], concepts=concepts), examples)


def book(inference: ExactInference, examples: GincExamples) -> Ledger:
    """Book every token of prompts that exact Bayes has read: `ledger`, where the inference serves other ends as well.

    Raises
    ------
    UserError
        As `ledger` does.
    """
    num_examples, example_length = examples.tokens.shape[1:]
    if num_examples < 2:
        raise UserError(f"a ledger is kept per demonstration: num_examples ≥ 2 with the query, got {num_examples}.")
    log_ratio, competitor = _against_the_right_one(inference.log_evidence, inference.concepts, examples.concept)
    if not np.isfinite(log_ratio).all():
        raise UserError(
            f"a token has probability 0 under some concept at smoothing {inference.smoothing:g}, so the noise is "
            "infinite; use a smoothing above 0, such as 1e-2, and start distributions without zeros."
        )
    return Ledger(
        concept=examples.concept,
        competitor=competitor,
        log_ratio=log_ratio,
        num_examples=num_examples,
        example_length=example_length,
        smoothing=inference.smoothing,
    )


def _against_the_right_one(
    log_evidence: Float[ndarray, "num_prompts length num_concepts"],
    concepts: Integer[ndarray, " num_concepts"],
    right: Integer[ndarray, " num_prompts"],
) -> tuple[
    Float[ndarray, "num_prompts length num_competitors"],
    Integer[ndarray, "num_prompts num_competitors"],
]:
    """λ_t(θ), NaN where a probability is 0, and the competitors that each prompt's columns stand for."""
    is_right = concepts == right[:, None]
    if not is_right.any(axis=1).all():
        missing = np.setdiff1d(right, concepts).tolist()
        raise UserError(f"the prompts' concepts {missing} are not among the competing ones, {concepts.tolist()}.")
    if len(concepts) < 2:
        raise UserError(f"a ledger needs a competitor, but the only concept is {concepts.tolist()[0]}.")
    num_prompts, num_others = len(right), len(concepts) - 1
    of_right = is_right.argmax(axis=1)
    of_others = np.nonzero(~is_right)[1].reshape(num_prompts, num_others)
    with np.errstate(invalid="ignore"):
        per_token = np.diff(log_evidence, axis=1, prepend=0.0)
        log_ratio = np.take_along_axis(per_token, of_right[:, None, None], axis=2) - np.take_along_axis(
            per_token, of_others[:, None], axis=2
        )
    return log_ratio, concepts[of_others]
