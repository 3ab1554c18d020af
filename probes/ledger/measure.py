"""The exact ledger of a batch of prompts, and what each model made of them: tidy tables, one function each."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy.special import rel_entr

from icl.errors import UserError
from icl.ginc.condition import sampled_condition
from icl.ginc.exact import DEFAULT_SMOOTHING, ExactInference, infer
from icl.ginc.family import GincFamily
from icl.ginc.implied import fit_temperature, implied_posterior
from icl.ginc.ledger import Ledger, book
from icl.ginc.positions import answer_positions, prompt_tokens
from icl.ginc.sampling import GincExamples, sample_examples
from icl.ginc.success import fit_success, score_forecast
from icl.metrics.uncertainty import clustered_mean
from icl.seeds import stream
from icl.ties import likeliest
from probes.scorers.ginc import ExactPredictor, GincPredictor

__all__ = ["LedgerQuestion", "LedgerResults", "check_predictors", "measure_ledger"]

MOST_SHOTS = 64
"""Demonstrations that may be asked for; one pass over the most of them answers every smaller number, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerQuestion:
    """What is asked.

    Attributes
    ----------
    example_lengths, shots : tuple of int
        k, and the n at which predictions are read.
    prompts : int
        Prompts for each k.
    seed : int
        Of prompts and resamples.
    smoothing : float
        ε of exact Bayes.
    """

    example_lengths: tuple[int, ...] = (3, 5, 8, 10)
    shots: tuple[int, ...] = (0, 1, 2, 4, 8, 16, 32, 64)
    prompts: int = 300
    seed: int = 0
    smoothing: float = DEFAULT_SMOOTHING

    def __post_init__(self):
        if self.prompts < 4:
            raise UserError(f"a forecast is fitted on half of the prompts: --prompts ≥ 4, got {self.prompts}.")
        if not self.shots or min(self.shots) < 0 or max(self.shots) > MOST_SHOTS:
            raise UserError(f"--shots takes numbers from 0 to {MOST_SHOTS}, got {', '.join(map(str, self.shots))}.")
        if self.seed < 0:
            raise UserError(f"--seed cannot be negative, got {self.seed}; use 0 or more.")
        if not 0 < self.smoothing <= 1:
            raise UserError(f"--smoothing must lie above 0 and be at most 1, got {self.smoothing}; try 0.01.")
        if not self.example_lengths or min(self.example_lengths) < 2:
            raise UserError(f"--example-lengths takes numbers from 2, got {self.example_lengths}.")

    @property
    def num_examples(self) -> int:
        """Examples of each prompt: demonstrations, at least one, and the query."""
        return max(1, *self.shots) + 1

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt."""
        return self.num_examples * (max(self.example_lengths) + 1) - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerResults:
    """Tidy tables.

    Attributes
    ----------
    books : DataFrame
        One row per k: means over prompts, against each prompt's hardest competitor, of signal, start_noise,
        delimiter_noise and drift (nats per demonstration, with drift_low and drift_high), `holds` (share of prompts
        whose signal exceeds the noise for every competitor), and Xie's Condition 1: its signal, its noise (nats) and
        the share of ordered pairs of concepts that meet it.
    competitors : DataFrame
        One row per k, concept and competitor: num_prompts, mean signal, noise and drift (nats per demonstration), and
        the two sides of Xie's Condition 1 (condition_signal, condition_noise; nats) with condition_holds.
    behaviour : DataFrame
        One row per model, k and n, over all prompts: accuracy, posterior (exact, on the right concept), implied (weight
        that the model gives it, with implied_low and implied_high), implied_kl (KL(model ‖ mixture) that no mixture of
        concepts explains, nats), implied_excess (bound on what a longer search would take off it, nats), mass_outside
        (probability that the model gave to what no concept emits), bayes_kl (KL(exact Bayes ‖ model), nats).
    temperatures : DataFrame
        One row per model and k, and one for all k (example_length NaN): τ with interval and reason, mean
        KL(model ‖ tempered Bayes of that τ) and KL(model ‖ exact Bayes) (nats).
    scores : DataFrame
        One row per model: brier, log_score (nats) and expected_calibration_error of its forecasts, brier_of_mean of a
        forecast that knows only the accuracy of each k on the half that was fitted, and the gain over it (brier_of_mean
        − brier) with gain_low and gain_high.
    forecasts : DataFrame
        One row per model, k, n and prompt of the half that was forecast: probability, mean_accuracy (of that k on the
        other half), correct.
    """

    books: pd.DataFrame
    competitors: pd.DataFrame
    behaviour: pd.DataFrame
    temperatures: pd.DataFrame
    scores: pd.DataFrame
    forecasts: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Prompts of one k, with what exact Bayes makes of them."""

    examples: GincExamples
    ledger: Ledger
    inference: ExactInference
    gold: ndarray
    log_odds: Float[ndarray, "num_prompts num_shots"]


def measure_ledger(
    family: GincFamily,
    predictors: Sequence[GincPredictor],
    question: LedgerQuestion,
    *,
    progress: Callable[[str], None] | None = None,
) -> LedgerResults:
    """Book the prompts, ask every model, and say what it inferred; exact Bayes is asked beside them.

    Raises
    ------
    UserError
        If a model belongs to another family, two have one name, or a window is too short for the prompts.
    """
    check_predictors(family, predictors)
    shots = np.array(sorted(set(question.shots)))
    predictors = [*predictors, ExactPredictor(family, smoothing=question.smoothing)]
    say = progress or (lambda what: None)
    asked, books, competitors = {}, [], []
    for length in question.example_lengths:
        say(f"exact ledger, k={length}")
        asked[length] = _ask(family, length, shots, question)
        book, table = _book(family, length, asked[length], question)
        books.append(book)
        competitors.append(table)
    behaviour, temperatures, scores, forecasts = [], [], [], []
    for predictor in predictors:
        answers = {}
        for length, prompts in asked.items():
            say(f"{predictor.name}, k={length}")
            positions = prompts.inference.positions
            answers[length] = predictor(prompt_tokens(prompts.examples), positions).astype(float)
        predictor.close()
        forecast = _forecasts(predictor.name, shots, asked, answers)
        behaviour += _behaviour(predictor.name, shots, asked, answers)
        temperatures += _temperatures(predictor.name, asked, answers, question)
        scores.append(_scores(predictor.name, forecast))
        forecasts.append(forecast)
    return LedgerResults(
        books=pd.DataFrame(books),
        competitors=pd.concat(competitors, ignore_index=True),
        behaviour=pd.DataFrame(behaviour),
        temperatures=pd.DataFrame(temperatures),
        scores=pd.DataFrame(scores),
        forecasts=pd.concat(forecasts, ignore_index=True),
    )


def check_predictors(family: GincFamily, predictors: Sequence[GincPredictor]) -> None:
    """Refuse models of another family, and names that tables could not tell apart.

    Raises
    ------
    UserError
        If there is such a model.
    """
    for predictor in predictors:
        if not predictor.family.is_same(family):
            raise UserError(
                f"model '{predictor.name}' was trained on a different GINC family ({predictor.family.fingerprint}) "
                f"than the prompts come from ({family.fingerprint}); ask models of one family at a time."
            )
    names = [ExactPredictor.name, *(predictor.name for predictor in predictors)]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise UserError(f"two predictors are called '{repeated[0]}'; rename one of the folders.")


def _ask(family: GincFamily, length: int, shots: ndarray, question: LedgerQuestion) -> _Asked:
    rng = stream(question.seed, "ledger", length)
    examples = sample_examples(
        family, num_prompts=question.prompts, num_examples=question.num_examples, example_length=length, rng=rng
    )
    positions = answer_positions(question.num_examples, length)[shots]
    inference = infer(family, prompt_tokens(examples), smoothing=question.smoothing, positions=positions)
    booked = book(inference, examples)
    return _Asked(
        examples=examples,
        ledger=booked,
        inference=inference,
        gold=examples.gold_labels[:, shots],
        log_odds=booked.log_odds[:, shots],
    )


def _book(family: GincFamily, length: int, asked: _Asked, question: LedgerQuestion) -> tuple[dict, pd.DataFrame]:
    """Average the prompts' books against their hardest competitors, and against each competitor of each concept."""
    table = asked.ledger.to_frame()
    condition = sampled_condition(
        family, example_length=length, rng=stream(question.seed, "condition", length), smoothing=question.smoothing
    )
    sides = pd.DataFrame(
        {
            "concept": condition.concept,
            "competitor": condition.competitor,
            "condition_signal": condition.signal,
            "condition_noise": condition.start_noise + condition.delimiter_noise,
            "condition_holds": condition.holds,
        }
    )
    pairs = table.groupby(["concept", "competitor"], as_index=False).agg(
        num_prompts=("drift", "size"), signal=("signal", "mean"), noise=("noise", "mean"), drift=("drift", "mean")
    )
    hardest = table[table["hardest"]]
    prompts = np.arange(len(hardest))
    drift = clustered_mean(hardest["drift"].to_numpy(), prompts, prompts)
    book = (
        {"example_length": length, "num_prompts": len(hardest)}
        | {name: hardest[name].mean() for name in ("signal", "start_noise", "delimiter_noise", "noise")}
        | {"drift": drift.estimate, "drift_low": drift.low, "drift_high": drift.high}
        | {"holds": asked.ledger.holds.mean()}
        | {name: sides[name].mean() for name in ("condition_signal", "condition_noise")}
        | {"condition_pairs": sides["condition_holds"].mean()}
    )
    return book, pairs.merge(sides, how="outer").assign(example_length=length)


def _forecasts(name: str, shots: ndarray, asked: dict[int, _Asked], answers: dict[int, ndarray]) -> pd.DataFrame:
    """Predict success on the second half of the prompts of each k, with hit and miss fitted on the first half."""
    frames = []
    for length, prompts in asked.items():
        correct = likeliest(answers[length]) == prompts.gold
        half = len(correct) // 2
        fitted = fit_success(prompts.log_odds[:half].ravel(), correct[:half].ravel())
        frames.append(
            pd.DataFrame(
                {
                    "model": name,
                    "example_length": length,
                    "num_shots": np.tile(shots, len(correct) - half),
                    "prompt": np.repeat(np.arange(half, len(correct)), len(shots)),
                    "probability": fitted.probability(prompts.log_odds[half:]).ravel(),
                    "mean_accuracy": correct[:half].mean(),
                    "correct": correct[half:].ravel(),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _behaviour(name: str, shots: ndarray, asked: dict[int, _Asked], answers: dict[int, ndarray]) -> list[dict]:
    rows = []
    for length, prompts in asked.items():
        found = answers[length]
        number = np.arange(len(found))
        implied = implied_posterior(found, prompts.inference.log_predictive_by_concept)
        evidence = prompts.inference.log_posterior[:, prompts.inference.positions]
        kl = rel_entr(np.exp(prompts.inference.log_predictive), np.exp(found)).sum(axis=2)
        for at, num_shots in enumerate(shots.tolist()):
            weight = clustered_mean(implied.weights[number, at, prompts.examples.concept], number, number)
            rows.append(
                {"model": name, "example_length": length, "num_shots": num_shots}
                | {"accuracy": (likeliest(found[:, at]) == prompts.gold[:, at]).mean()}
                | {"posterior": np.exp(evidence[number, at, prompts.examples.concept]).mean()}
                | {"implied": weight.estimate, "implied_low": weight.low, "implied_high": weight.high}
                | {"implied_kl": implied.kl[:, at].mean(), "implied_excess": implied.excess[:, at].max()}
                | {"mass_outside": implied.mass_outside[:, at].mean(), "bayes_kl": kl[:, at].mean()}
            )
    return rows


def _temperatures(
    name: str, asked: dict[int, _Asked], answers: dict[int, ndarray], question: LedgerQuestion
) -> list[dict]:
    """Fit one τ to each k, and one to all prompts together."""
    together = (None, np.concatenate(list(answers.values())), _together(list(asked.values())))
    rows = []
    for length, found, inference in [*((k, answers[k], asked[k].inference) for k in asked), together]:
        fit = fit_temperature(found, inference, rng=stream(question.seed, "resample"))
        rows.append(
            {"model": name, "example_length": length, "temperature": fit.temperature.estimate}
            | {"low": fit.temperature.low, "high": fit.temperature.high, "reason": fit.temperature.reason}
            | {"kl": fit.kl, "kl_of_exact_bayes": fit.kl_of_exact_bayes}
        )
    return rows


def _together(asked: list[_Asked]) -> ExactInference:
    """Put the answers of prompts of several lengths into one record that holds nothing but the places asked."""
    parts = [prompts.inference for prompts in asked]
    return replace(
        parts[0],
        positions=np.arange(len(parts[0].positions)),
        log_evidence=np.concatenate([part.log_evidence[:, part.positions] for part in parts]),
        log_predictive=np.concatenate([part.log_predictive for part in parts]),
        log_predictive_by_concept=np.concatenate([part.log_predictive_by_concept for part in parts]),
    )


def _scores(name: str, forecast: pd.DataFrame) -> dict:
    """Score the forecasts of a model's success, beside one that knows only each k's accuracy on the fitted half."""
    correct = forecast["correct"].to_numpy()
    squares = [(forecast[column].to_numpy() - correct) ** 2 for column in ("probability", "mean_accuracy")]
    prompts = forecast.groupby(["example_length", "prompt"]).ngroup().to_numpy()
    gain = clustered_mean(squares[1] - squares[0], prompts, prompts)
    return (
        {"model": name}
        | asdict(score_forecast(forecast["probability"].to_numpy(), correct))
        | {"brier_of_mean": float(squares[1].mean())}
        | {"gain": gain.estimate, "gain_low": gain.low, "gain_high": gain.high}
    )
