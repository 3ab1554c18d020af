"""Does the fitted drift agree with the exact one? Accounts fitted to predictors of GINC, beside the exact ledger.

One pass over a prompt of 65 examples answers every number of demonstrations, as in the ledger.
A fit sees the counts of right answers only (tempered Bayes the exact log-odds, too). What it should find is known for
tempered Bayesians, whose drift is τ times the exact one; for trained models τ is measured apart from the counts, from
their next-token distributions (the implied posterior, `icl.ginc.implied`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from icl.concept.accounts import DRIFT_DIFFUSION, TEMPERED_BAYES, Account
from icl.concept.compiled import compile_layout
from icl.concept.curves import quantities_of
from icl.concept.diagnose import largest_rhat
from icl.concept.layout import layout_of
from icl.concept.sampler import Effort
from icl.errors import UserError
from icl.ginc.family import GincFamily, default_family
from icl.ginc.implied import tempered_predictive
from icl.seeds import stream
from probes.recovery.answers import (
    ANSWERS,
    Answered,
    Asked,
    acted_log_odds,
    answers_of,
    ask,
    count_answers,
    growth,
)
from probes.scorers.ginc import GincPredictor

__all__ = ["Agreement", "AgreementQuestion", "measure_agreement"]

_LOW, _HIGH = 0.05, 0.95  # ends of every 90 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementQuestion:
    """What is asked.

    Attributes
    ----------
    temperatures
        τ of the Bayesians of known drift.
    example_lengths, shots
        k and n.
    prompts
        For each k.
    seed
        Of prompts, samplers and resamples.
    """

    temperatures: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    example_lengths: tuple[int, ...] = (3, 5, 8, 10)
    shots: tuple[int, ...] = (0, 1, 2, 4, 8, 16, 32, 64)
    prompts: int = 500
    seed: int = 0

    def __post_init__(self):
        if self.prompts < 20:
            raise UserError(f"agreement with the ledger needs --prompts of 20 or more, got {self.prompts}; try 500.")
        if self.seed < 0:
            raise UserError(f"--seed cannot be negative, got {self.seed}; use 0 or more.")

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt."""
        return (max(1, *self.shots) + 1) * (max(self.example_lengths) + 1) - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Tidy tables.

    Attributes
    ----------
    conditions
        One row per way of counting answers (`answers`), predictor and k: true_temperature (NaN for trained models);
        exact_signal, exact_noise and exact_drift against the hardest competitor, means over prompts, in nats per
        demonstration; implied_temperature of that k; expected_drift, τ times the exact one, with the true τ or the
        implied one; acted_drift, growth of the log-odds against all competitors for the Bayesian of that τ; signal,
        noise and drift of the fitted drift–diffusion account, medians with ends of 90 % intervals (drift_lower, …);
        max_rhat and divergence_share.
    temperatures
        One row per way of counting answers and predictor: true_temperature; implied τ with low and high from
        next-token distributions (mean, least and most over k); fitted τ of the tempered-Bayes account with fitted_low
        and fitted_high; max_rhat and divergence_share.
    counts
        The counts tables that were fitted.
    """

    conditions: pd.DataFrame
    temperatures: pd.DataFrame
    counts: pd.DataFrame


def measure_agreement(
    predictors: Sequence[GincPredictor],
    question: AgreementQuestion,
    *,
    effort: Effort,
    family: GincFamily | None = None,
    progress: Callable[[str], None] | None = None,
) -> Agreement:
    """Ask tempered Bayesians and models, fit both accounts to their answers, and put the exact ledger beside them.

    Parameters
    ----------
    predictors
        Trained models, of any families; each is asked prompts of its own.
    question
        What is asked.
    effort
        How much sampling.
    family
        Of the tempered Bayesians; the lab's own if None.
    progress
        Called with what comes next.

    Raises
    ------
    UserError
        If a window is too short for the prompts.
    """
    say = progress or (lambda what: None)
    home = family or default_family()
    worlds = [home]
    for predictor in predictors:
        if not any(predictor.family.is_same(world) for world in worlds):
            worlds.append(predictor.family)
    parts = []
    for world in worlds:
        own = [predictor for predictor in predictors if predictor.family.is_same(world)]
        parts.append(_of_family(world, own, question, world is home, effort, say))
    return Agreement(
        conditions=pd.concat([part.conditions for part in parts], ignore_index=True),
        temperatures=pd.concat([part.temperatures for part in parts], ignore_index=True),
        counts=pd.concat([part.counts for part in parts], ignore_index=True),
    )


def _of_family(
    family: GincFamily,
    predictors: Sequence[GincPredictor],
    question: AgreementQuestion,
    has_controls: bool,
    effort: Effort,
    say: Callable[[str], None],
) -> Agreement:
    shots = np.array(sorted(set(question.shots)))
    say(f"exact ledger of family {family.fingerprint}")
    asked = {k: ask(family, k, shots, prompts=question.prompts, seed=question.seed) for k in question.example_lengths}
    answered = []
    for temperature in question.temperatures if has_controls else ():
        found = {k: tempered_predictive(prompts.inference, temperature) for k, prompts in asked.items()}
        answered.append(answers_of(f"tempered({temperature:g})", temperature, asked, found, seed=question.seed))
    for predictor in predictors:
        say(f"asking {predictor.name}")
        found = {k: predictor(prompts.tokens, prompts.inference.positions) for k, prompts in asked.items()}
        predictor.close()
        answered.append(answers_of(predictor.name, np.nan, asked, found, seed=question.seed))
    counts, conditions, temperatures = [], [], []
    for answers in ANSWERS:
        tables = [count_answers(one, answers, asked, shots) for one in answered]
        counts += tables
        for one, fitted in zip(answered, _fits(tables, DRIFT_DIFFUSION, question, effort, say)):
            conditions.append(_conditions(one, asked, shots, fitted).assign(answers=answers))
        for one, fitted in zip(answered, _fits(tables, TEMPERED_BAYES, question, effort, say)):
            temperatures.append(_temperature(one, fitted) | {"answers": answers})
    return Agreement(
        conditions=pd.concat(conditions, ignore_index=True),
        temperatures=pd.DataFrame(temperatures),
        counts=pd.concat(counts, ignore_index=True),
    )


def _fits(
    counts: Sequence[pd.DataFrame],
    account: Account,
    question: AgreementQuestion,
    effort: Effort,
    say: Callable[[str], None],
) -> Iterator[xr.Dataset]:
    """Fit an account to each predictor's counts; one compilation serves all, since only the answers differ."""
    machine = compile_layout(layout_of(counts[0], account))
    for table in counts:
        name = table["model"].iloc[0]
        say(f"{account.name}: {name}")
        rng = stream(question.seed, "agreement", account.name, name)
        fitted = machine.fit(effort, seed=int(rng.integers(2**31)), observed=table["num_correct"].to_numpy())
        found = quantities_of(machine.layout, fitted.nodes, effort.chains, rng)["posterior"]
        attrs = {"max_rhat": largest_rhat(found), "divergence_share": float(fitted.diverging.mean())}
        lengths = machine.layout.grid.conditions["example_length"].to_numpy(dtype=int)
        yield found.assign_coords(k=("condition", lengths)).assign_attrs(attrs)


def _conditions(answered: Answered, asked: Mapping[int, Asked], shots: ndarray, found: xr.Dataset) -> pd.DataFrame:
    rows = []
    for length, prompts in asked.items():
        ledger = prompts.ledger
        hardest = (np.arange(len(prompts.gold)), ledger.hardest)
        implied = answered.implied[length].estimate
        drift = float(ledger.drift[hardest].mean())
        row = {"model": answered.name, "example_length": length, "true_temperature": answered.temperature}
        row |= {
            "exact_signal": float(ledger.signal[hardest].mean()),
            "exact_noise": float(ledger.noise[hardest].mean()),
        }
        known = implied if np.isnan(answered.temperature) else answered.temperature
        row |= {"exact_drift": drift, "implied_temperature": implied, "expected_drift": known * drift}
        row["acted_drift"] = growth(acted_log_odds(prompts, known), shots)
        for name in ("signal", "noise", "drift"):
            draws = found[name].isel(model=0, condition=int(np.flatnonzero(found["k"] == length)[0])).to_numpy()
            low, middle, high = np.quantile(draws, [_LOW, 0.5, _HIGH])
            row |= {name: middle, f"{name}_lower": low, f"{name}_upper": high}
        rows.append(row | found.attrs)
    return pd.DataFrame(rows)


def _temperature(answered: Answered, found: xr.Dataset) -> dict:
    draws = found["temperature"].to_numpy()
    low, middle, high = np.quantile(draws, [_LOW, 0.5, _HIGH])
    implied = list(answered.implied.values())
    return {
        "model": answered.name,
        "true_temperature": answered.temperature,
        "implied": float(np.mean([each.estimate for each in implied])),
        "implied_low": min(each.low for each in implied),
        "implied_high": max(each.high for each in implied),
        "fitted": middle,
        "fitted_low": low,
        "fitted_high": high,
    } | found.attrs
