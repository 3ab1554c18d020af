"""Ties: against exact arithmetic on whole numbers, with the noise that rounding adds."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from told_scores import table_of

from icl.answers import answer_table, predicted
from icl.metrics.normalise import NORMALISATIONS, normalise
from icl.ties import TIED_WITHIN, is_as_likely, likeliest

NAN, INF = float("nan"), float("inf")
NOISE = 1e-12

LEVELS = [levels for size in (2, 3, 4) for levels in product(range(3), repeat=size)]
"""How many nats each candidate of a prompt lies below 0, exactly: equal numbers are ties."""

FIRST = ["dcba"[levels.index(min(levels))] for levels in LEVELS]
"""The first of the likeliest candidates of each."""


def with_noise(levels: tuple[int, ...], rng: np.random.Generator) -> list[float]:
    return (-np.array(levels) - rng.uniform(0, NOISE, len(levels))).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_rounding_noise_changes_no_prediction(seed):
    rng = np.random.default_rng(seed)
    noisy = [[(value, NAN) for value in with_noise(levels, rng)] for levels in LEVELS]
    assert answer_table(table_of(noisy))["prediction"].tolist() == FIRST
    for candidates, first in zip(noisy, FIRST):
        logprobs, below = (np.array(values) for values in zip(*candidates))
        assert "dcba"[predicted(logprobs, below)] == "dcba"[likeliest(logprobs)] == first


def test_noise_does_not_change_what_tokens_cut_separately_would_predict(rng):
    table = table_of([[(-1.0, NAN)] * len(levels) for levels in LEVELS])
    split = np.concatenate([with_noise(levels, rng) for levels in LEVELS])
    assert answer_table(table.assign(logprob_split=split))["prediction_split"].tolist() == FIRST


def test_noise_on_half_scored_prompts_changes_no_prediction(rng):
    """A candidate that was not told, its bound just below the worst level, stands first and never wins."""
    three = [(levels, first) for levels, first in zip(LEVELS, FIRST) if len(levels) < 4]
    noisy = [
        [(NAN, -3.0 - rng.uniform(0, NOISE)), *((value, NAN) for value in with_noise(levels, rng))]
        for levels, _ in three
    ]
    moved = ["dcba"["dcba".index(first) + 1] for _, first in three]
    assert answer_table(table_of(noisy))["prediction"].tolist() == moved


def test_noise_on_a_bound_as_high_as_the_likeliest_candidate_leaves_the_answer_open(rng):
    noisy = [[(-1.0, NAN), (NAN, -1.0 + rng.uniform(-NOISE, NOISE))] for _ in range(50)]
    assert answer_table(table_of(noisy))["prediction"].isna().all()


@pytest.mark.parametrize(("apart", "first"), [(TIED_WITHIN / 2, True), (2 * TIED_WITHIN, False), (1e-6, False)])
def test_candidates_further_apart_than_rounding_are_not_tied(apart, first):
    row = [(-1.0 - apart, NAN), (-1.0, NAN)]
    assert answer_table(table_of([row]))["prediction"].tolist() == ["d" if first else "c"]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("bound", "known"), [(-1.0, False), (-1.0 - TIED_WITHIN / 2, False), (-1.0 - 2 * TIED_WITHIN, True)]
)
def test_a_bound_is_compared_as_a_log_probability_is(place, bound, known):
    """Half-scored prompts: a candidate that could be as likely as the likeliest leaves the answer open."""
    row = [(-1.0, NAN)]
    row.insert(place, (NAN, bound))
    answer = answer_table(table_of([row])).iloc[0]
    assert answer["prediction"] == "dc"[1 - place] if known else answer["reason"] == "not told"
    logprobs, below = (np.array(values) for values in zip(*row))
    assert predicted(logprobs, below) == (1 - place if known else None)


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_equal_candidates_stay_equal_under_every_normalisation(how):
    """Candidates with equal log-probabilities behind every text: contextual calibration leaves noise of 5e-17."""
    rng = np.random.default_rng(0)
    told = np.repeat(rng.uniform(-9, -1, size=(200, 4)), 3, axis=0)
    table = table_of([[(value, NAN)] * 3 for value in told[::3, 0]])
    columns = ("logprob_prior", "logprob_na", "logprob_mask", "logprob_empty")
    table = table.assign(**{name: told[:, place] for place, name in enumerate(columns)})
    assert set(answer_table(normalise(table, how))["prediction"]) == {"d"}


def test_impossible_candidates_do_not_tie_with_possible_ones():
    assert is_as_likely(np.array([-INF, NAN]), np.array(-700.0)).tolist() == [False, False]
    assert likeliest(np.array([[-INF, -INF, -700.0], [-INF, -INF, -INF]])).tolist() == [2, 0]


def test_ties_do_not_depend_on_what_stands_beside_a_prompt():
    prompts = [[(-1.0, NAN), (-1.0 + 1e-13, NAN)], [(-500.0, NAN), (-500.0 + 1e-12, NAN), (-INF, NAN)]]
    alone = pd.concat([answer_table(table_of([prompt])) for prompt in prompts])
    assert answer_table(table_of(prompts))["prediction"].tolist() == alone["prediction"].tolist() == ["d", "d"]
