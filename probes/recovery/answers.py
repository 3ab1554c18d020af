"""What predictors of GINC answer, counted by cell, with the exact log-odds of the right concept beside the counts.

Answers are counted in two ways. *Greedy*: the most probable token is right, as everywhere in the lab. *Sampled*: a
token drawn from the prediction is right, so that the expected count is the probability of the gold label, the mixture
over concepts that accounts speak of; a greedy answer turns right as soon as the right concept's token leads, which is a
steeper function of the log-odds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.special import logsumexp

from icl.ginc.exact import ExactInference, infer
from icl.ginc.family import GincFamily
from icl.ginc.implied import fit_temperature
from icl.ginc.ledger import Ledger, book
from icl.ginc.positions import answer_positions, prompt_tokens
from icl.ginc.sampling import sample_examples
from icl.metrics.uncertainty import Estimate
from icl.seeds import stream
from icl.ties import likeliest

__all__ = ["ANSWERS", "Answered", "Asked", "acted_log_odds", "answers_of", "ask", "count_answers", "growth"]

ANSWERS = ("greedy", "sampled")

_SETTLED = 3.0  # nats: 95 %, behind which answers hardly tell more evidence from less


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Prompts of one k, with what exact Bayes makes of them.

    Attributes
    ----------
    tokens : Integer[ndarray, "num_prompts length"]
        The prompts.
    inference : ExactInference
        Exact predictions at the places asked.
    gold : Integer[ndarray, "num_prompts num_shots"]
        Gold labels.
    ledger : Ledger
        Signal and noise of each prompt.
    log_odds : Float[ndarray, "num_prompts num_shots"]
        Exact log-odds of the right concept, nats.
    """

    tokens: ndarray
    inference: ExactInference
    gold: ndarray
    ledger: Ledger
    log_odds: Float[ndarray, "num_prompts num_shots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What one predictor answered.

    Attributes
    ----------
    name
        The predictor's.
    temperature
        Its τ; NaN for a trained model.
    correct
        By way of answering and k: which answers are right.
    implied
        By k: the τ that its next-token distributions imply, see `icl.ginc.implied`.
    """

    name: str
    temperature: float
    correct: Mapping[str, Mapping[int, Bool[ndarray, "num_prompts num_shots"]]]
    implied: Mapping[int, Estimate]


def ask(family: GincFamily, length: int, shots: ndarray, *, prompts: int, seed: int) -> Asked:
    """Draw prompts of k = `length` and let exact Bayes read them; `shots` are rising numbers of demonstrations."""
    num_examples = max(1, *shots.tolist()) + 1
    examples = sample_examples(
        family,
        num_prompts=prompts,
        num_examples=num_examples,
        example_length=length,
        rng=stream(seed, "agreement", length),
    )
    tokens = prompt_tokens(examples)
    inference = infer(family, tokens, positions=answer_positions(num_examples, length)[shots])
    ledger = book(inference, examples)
    gold = examples.gold_labels[:, shots]
    return Asked(tokens=tokens, inference=inference, gold=gold, ledger=ledger, log_odds=ledger.log_odds[:, shots])


def acted_log_odds(asked: Asked, temperature: float) -> Float[ndarray, "num_prompts num_shots"]:
    """Log-odds in nats of the right concept for a Bayesian who uses a share τ of each nat; `asked.log_odds` at τ = 1.

    With several competitors they are not τ times the exact ones: the smaller τ, the more all competitors count, and the
    less the hardest alone.
    """
    evidence = temperature * asked.inference.log_evidence[:, asked.inference.positions]
    is_right = (asked.inference.concepts == asked.ledger.concept[:, None])[:, None]
    others = logsumexp(np.where(is_right, -np.inf, evidence), axis=2)
    return evidence.max(axis=2, where=is_right, initial=-np.inf) - others


def growth(log_odds: Float[ndarray, "num_prompts num_shots"], shots: ndarray) -> float:
    """Growth of the mean log-odds per demonstration, from the fewest until it has passed 3 nats; NaN for one n."""
    if len(shots) < 2:
        return np.nan
    mean = log_odds.mean(axis=0)
    settled = np.flatnonzero(mean[1:] > _SETTLED)
    until = settled[0] + 1 if len(settled) else len(shots) - 1
    return float((mean[until] - mean[0]) / (shots[until] - shots[0]))


def answers_of(
    name: str, temperature: float, asked: Mapping[int, Asked], found: Mapping[int, ndarray], *, seed: int
) -> Answered:
    """Read answers off log-probabilities (num_prompts, num_shots, vocab_size) for each k."""
    greedy, sampled, implied = {}, {}, {}
    for length, prompts in asked.items():
        log_lm = found[length].astype(float)
        greedy[length] = likeliest(log_lm) == prompts.gold
        drawn = stream(seed, "answers", length).uniform(size=prompts.gold.shape)
        sampled[length] = drawn < _gold_probability(log_lm, prompts.gold)
        implied[length] = fit_temperature(log_lm, prompts.inference, rng=stream(seed, "resample")).temperature
    return Answered(name=name, temperature=temperature, correct={"greedy": greedy, "sampled": sampled}, implied=implied)


def count_answers(answered: Answered, answers: str, asked: Mapping[int, Asked], shots: ndarray) -> pd.DataFrame:
    """Counts table of one predictor; the exact log-odds and what exact Bayes would score stand in every cell."""
    rows = []
    for length, prompts in asked.items():
        exact = prompts.inference.log_predictive
        ceiling = likeliest(exact) == prompts.gold if answers == "greedy" else _gold_probability(exact, prompts.gold)
        correct = answered.correct[answers][length]
        for at, num_shots in enumerate(shots.tolist()):
            rows.append(
                {"answers": answers, "model": answered.name, "task": "ginc", "label_mode": "gold", "format": "ginc"}
                | {"example_length": length, "num_shots": num_shots}
                | {"num_correct": int(correct[:, at].sum()), "num_prompts": len(correct)}
                | {"chance": 1 / exact.shape[2], "ceiling": ceiling[:, at].mean()}
                | {"evidence": prompts.log_odds[:, at].mean(), "evidence_deviation": prompts.log_odds[:, at].std()}
            )
    return pd.DataFrame(rows)


def _gold_probability(log_lm: ndarray, gold: ndarray) -> Float[ndarray, "num_prompts num_shots"]:
    return np.exp(np.take_along_axis(log_lm, gold[..., None].astype(int), axis=2)[..., 0])
