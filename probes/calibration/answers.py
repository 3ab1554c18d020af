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

from icl.ginc.exact import ExactInference, infer
from icl.ginc.family import GincFamily
from icl.ginc.implied import fit_temperature
from icl.ginc.layout import answer_positions, prompt_tokens
from icl.ginc.ledger import Ledger, book
from icl.ginc.sampling import sample_examples
from icl.metrics.uncertainty import Estimate
from icl.prompts.seeds import stream

__all__ = ["ANSWERS", "Answered", "Asked", "answers_of", "ask", "count_answers"]

ANSWERS = ("greedy", "sampled")


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


def answers_of(
    name: str, temperature: float, asked: Mapping[int, Asked], found: Mapping[int, ndarray], *, seed: int
) -> Answered:
    """Read answers off log-probabilities (num_prompts, num_shots, vocab_size) for each k."""
    greedy, sampled, implied = {}, {}, {}
    for length, prompts in asked.items():
        log_lm = found[length].astype(float)
        greedy[length] = log_lm.argmax(axis=2) == prompts.gold
        drawn = stream(seed, "answers", length).uniform(size=prompts.gold.shape)
        sampled[length] = drawn < _gold_probability(log_lm, prompts.gold)
        implied[length] = fit_temperature(log_lm, prompts.inference, rng=stream(seed, "resample")).temperature
    return Answered(name=name, temperature=temperature, correct={"greedy": greedy, "sampled": sampled}, implied=implied)


def count_answers(answered: Answered, answers: str, asked: Mapping[int, Asked], shots: ndarray) -> pd.DataFrame:
    """Counts table of one predictor; the exact log-odds and what exact Bayes would score stand in every cell."""
    rows = []
    for length, prompts in asked.items():
        exact = prompts.inference.log_predictive
        ceiling = (
            exact.argmax(axis=2) == prompts.gold if answers == "greedy" else _gold_probability(exact, prompts.gold)
        )
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
