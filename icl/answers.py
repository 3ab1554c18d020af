"""From the candidates of a prompt to its answer: the one rule that metrics, fits and reports share.

**The prediction** is the likeliest candidate. Where several are equally likely it is the one that is listed first, as
greedy decoding would take it, so that every answer is right or wrong and metrics and fits count the same prompts. They
are equally likely where they differ by no more than rounding does (`icl.ties.TIED_WITHIN`), so that the same answers
are predicted under every normalisation that changes nothing, and on every machine.

**A candidate without a log-probability** may still be known to lie below a bound (a server that tells the likeliest
tokens only). Where all such bounds lie below the likeliest candidate, by more than equally likely ones differ, the
prediction is known. Otherwise any of them could have won, and the prompt has no answer, for the reason that stands in
its rows. To judge it among the candidates that were told would be to leave out those that the model thinks least
likely.

**Probabilities** are normalised over the candidates. What was not told is taken at half of its bound where all of it
together is at most `MOST_UNTOLD` of what was told, which moves no probability by more than half of that; otherwise
they are missing. The log score needs the gold label's own log-probability. Which prompts lack probabilities hangs on
what the model answers, so `icl.metrics.outcomes` gives them for whole conditions or not at all.

**A prompt whose candidates are all impossible** (−∞) prefers none, and has no answer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

from icl.errors import UserError
from icl.factors import condition_columns
from icl.scores import PROMPT_KEYS, prompt_numbers
from icl.ties import is_as_likely

__all__ = [
    "ANSWER_COLUMNS",
    "GOLD_UNTOLD",
    "MOST_UNTOLD",
    "OF_CANDIDATES",
    "answer_table",
    "left_out",
    "naming_left_out",
    "nothing_known",
    "predicted",
]

_CHANNEL = " (channel)"
"""Behind the name under which a model answers by the channel method."""

MOST_UNTOLD = 0.02
"""Share of the told probability that candidates without one may have at most, if probabilities are to be given."""

ANSWER_COLUMNS: dict[str, str] = {
    "asked_model": "name of the scorer behind `model`, the same whichever the method",
    "prompt_id": "identity of text and candidates",
    "probe": "probes that asked for the prompt, see `icl.scores.asked_by`",
    "num_wrong_shown": "shown labels that differ from gold; missing where no labels are shown",
    "gold": "the query's gold label",
    "prediction": "the likeliest candidate; missing where it is not known",
    "accuracy": "1 where the answer is right, else 0, or the share of num_items; NaN where it is not known",
    "num_items": "prompts that the row stands for: 1, or as many as an imported table counted together",
    "confidence": "probability of the prediction",
    "num_candidates": "candidates",
    "chance": "1 ÷ candidates",
    "gold_probability": "probability of the gold label among the candidates; NaN where not known",
    "log_score": "its logarithm, nats",
    "brier": "squared distance of the probabilities from the gold label",
    "distribution": "probabilities of the candidates, an array, in alphabetical order of their names",
    "candidates": "their names, a tuple, in that order",
    "logprobs": "what is compared between the candidates, nats, an array in the same order; NaN where it was not told",
    "gold_place": "place of the gold label among the candidates as they are listed, from 0",
    "mapped": "what the demonstrations' mapping calls the gold label; missing where they follow none",
    "mapped_probability": "its probability",
    "times_shown": "demonstrations that show each candidate, an array in the same order; missing where not known",
    "last_shown": "candidate that the last demonstration shows; missing where it shows none",
    "prediction_split": "prediction had prompt and candidate been cut into tokens separately; missing where not known",
    "num_boundaries": "scored candidates of which it is known whether they begin at a token boundary",
    "num_unclean": "those of them that do not",
    "reason": "why the prediction is not known; empty where it is",
    "reason_of_probability": "why the probabilities are not known; empty where they are",
}
"""Columns beside `PROMPT_KEYS`."""

OF_CANDIDATES = ("distribution", "candidates", "logprobs", "times_shown")
"""Columns that hold a value for each candidate, and with that most of the memory."""

GOLD_UNTOLD = "the gold label's own log-probability is not known"
"""Why a log score is missing where the probabilities are known."""

_IMPOSSIBLE = "all candidates have probability 0, so the model prefers none"
_NO_REASON = "no reason was given"


def answer_table(scores: pd.DataFrame, *, number: Integer[ndarray, " num_rows"] | None = None) -> pd.DataFrame:
    """Reduce candidates to one row per prompt, prompts without an answer included.

    Parameters
    ----------
    scores
        A score table, its log-probabilities normalised or not (`icl.metrics.normalise`).
    number
        Of each row's prompt, where `icl.scores.prompt_numbers` was asked already.

    Returns
    -------
    DataFrame
        `PROMPT_KEYS` and `ANSWER_COLUMNS`, prompts in the order in which they come. A model that is asked by the
        channel method answers under a name of its own, ``model (channel)``.
    """
    if scores.empty:
        return pd.DataFrame(columns=[*PROMPT_KEYS, *ANSWER_COLUMNS])
    number = prompt_numbers(scores) if number is None else number
    if (np.diff(number) < 0).any():
        order = np.argsort(number, kind="stable")
        scores, number = scores.iloc[order], number[order]
    starts = np.flatnonzero(np.r_[True, np.diff(number) > 0])
    sizes = np.diff(np.r_[starts, len(scores)])
    told = (scores["status"] == "ok").to_numpy()
    logprob = np.where(told, scores["logprob"].to_numpy(dtype=float), -np.inf)
    below = np.where(told, -np.inf, scores["logprob_below"].fillna(np.inf).to_numpy(dtype=float))
    best, possible, known = _likeliest(logprob, below, starts)
    shift = np.repeat(np.where(possible, np.maximum.reduceat(logprob, starts), 0.0), sizes)
    bound = below - shift
    with np.errstate(over="ignore"):  # no bound at all is an infinite one
        untold = np.exp(bound)
    weights = np.where(told, np.exp(logprob - shift), untold / 2)
    total = np.add.reduceat(weights, starts)
    told_mass = np.add.reduceat(np.where(told, weights, 0.0), starts)
    sure = known & (np.add.reduceat(np.where(told, 0.0, untold), starts) <= MOST_UNTOLD * told_mass)
    with np.errstate(invalid="ignore", divide="ignore"):
        probability = np.where(np.repeat(sure, sizes), weights / np.repeat(total, sizes), np.nan)

    is_gold = scores["is_gold"].to_numpy()
    candidate = scores["candidate"].to_numpy(dtype=object)
    is_mapped = scores["is_mapped"].fillna(False).to_numpy(dtype=bool)
    has_mapping = np.add.reduceat(is_mapped, starts) > 0
    gold = starts + _first_true(is_gold, starts)
    mapped = starts + np.minimum(_first_true(is_mapped, starts), sizes - 1)
    alphabetical = np.lexsort((pd.factorize(candidate, sort=True)[0], number))

    table = _as_strings(scores.iloc[starts][[*PROMPT_KEYS, "prompt_id", "probe", "num_wrong_shown"]])
    table.insert(len(PROMPT_KEYS), "asked_model", table["model"])
    channel = table["method"] == "channel"
    table["model"] = table["model"].where(~channel, table["model"] + _CHANNEL)
    with np.errstate(divide="ignore"):
        log_score = np.maximum(np.log(probability[gold]), np.log(np.finfo(float).tiny))
    why = _reasons(scores, told, possible, starts)
    return table.assign(
        gold=candidate[gold],
        prediction=_or_none(known, candidate[best]),
        accuracy=np.where(known, is_gold[best].astype(float), np.nan),
        num_items=np.ones(len(starts), dtype=np.int64),
        confidence=probability[best],
        num_candidates=sizes,
        chance=1 / sizes,
        gold_probability=probability[gold],
        log_score=np.where(told[gold], log_score, np.nan),
        brier=np.add.reduceat((probability - is_gold) ** 2, starts),
        distribution=_arrays(probability[alphabetical], starts),
        candidates=_tuples(candidate[alphabetical], starts),
        logprobs=_arrays(np.where(told, logprob, np.nan)[alphabetical], starts),
        gold_place=gold - starts,
        mapped=_or_none(has_mapping, candidate[mapped]),
        mapped_probability=np.where(has_mapping, probability[mapped], np.nan),
        **_shown(scores, alphabetical, starts),
        **_boundaries(scores, told, starts),
        reason=np.where(known, "", why),
        reason_of_probability=np.where(sure, "", why),
    )


def predicted(logprobs: Float[ndarray, " num_candidates"], below: Float[ndarray, " num_candidates"]) -> int | None:
    """Find the prediction of one prompt, by position; None where it is not known.

    Parameters
    ----------
    logprobs
        Of each candidate, as they are listed; NaN where it was not told.
    below
        Bound of each that was not told; NaN where none is known.
    """
    told = ~np.isnan(logprobs)
    bounds = np.where(told, -np.inf, np.where(np.isnan(below), np.inf, below))
    best, _, known = _likeliest(np.where(told, logprobs, -np.inf), bounds, np.array([0]))
    return int(best[0]) if known[0] else None


def _likeliest(
    logprob: Float[ndarray, " num_rows"], below: Float[ndarray, " num_rows"], starts: Integer[ndarray, " num_prompts"]
) -> tuple[Integer[ndarray, " num_prompts"], Bool[ndarray, " num_prompts"], Bool[ndarray, " num_prompts"]]:
    """Row of each prompt's prediction, whether any candidate is possible, and whether no untold one could have won.

    Parameters
    ----------
    logprob
        Of each candidate; −∞ where it was not told.
    below
        Bound of each that was not told, ∞ where none is known; −∞ of each that was.
    """
    top = np.maximum.reduceat(logprob, starts)
    sizes = np.diff(np.r_[starts, len(logprob)])
    best = starts + _first_true(is_as_likely(logprob, np.repeat(top, sizes)), starts)
    possible = np.isfinite(top)
    return best, possible, possible & ~is_as_likely(np.maximum.reduceat(below, starts), top)


def left_out(answers: pd.DataFrame, *, need: str = "accuracy") -> pd.DataFrame:
    """Count the prompts of every condition whose answer is not known.

    Parameters
    ----------
    answers
        From `answer_table`.
    need
        Column that has to be known: ``accuracy``, ``gold_probability`` or ``log_score``.

    Returns
    -------
    DataFrame
        One row for each condition with prompts left out: model, task, format, label_mode, num_shots, example_length;
        num_left_out, num_prompts; reason, the commonest.
    """
    by = list(condition_columns("balance"))
    why = answers["reason" if need == "accuracy" else "reason_of_probability"].replace("", GOLD_UNTOLD)
    table = answers[by].assign(lacks=answers[need].isna(), why=why)
    rows = []
    for key, found in table.groupby(by, dropna=False, sort=False):
        if found["lacks"].any():
            commonest = found.loc[found["lacks"], "why"].mode().iloc[0]
            counts = {"num_left_out": int(found["lacks"].sum()), "num_prompts": len(found)}
            rows.append(dict(zip(by, key)) | counts | {"reason": commonest})
    return pd.DataFrame(rows, columns=[*by, "num_left_out", "num_prompts", "reason"])


def nothing_known(answers: pd.DataFrame) -> str:
    """Say in one sentence that no prompt has an answer, and the commonest reason."""
    reasons = answers["reason"].value_counts()
    return (
        f"none of the {len(answers):,} prompts has an answer; the commonest reason, {reasons.iloc[0]:,} times: "
        f"{reasons.index[0].rstrip('.')}. Use another scorer, or label words that it can score."
    )


@contextmanager
def naming_left_out(found: Callable[[], pd.DataFrame]) -> Iterator[None]:
    """Add to a refusal of what is made of answers that prompts are left out of it, how many and why.

    Parameters
    ----------
    found
        Gives the answers, from `answer_table`; called only where something is refused.
    """
    try:
        yield
    except UserError as error:
        answers = found()
        reasons = answers.loc[answers["accuracy"].isna(), "reason"].value_counts()
        if reasons.empty or not reasons.sum() < len(answers):
            raise
        raise UserError(
            f"{str(error).rstrip('.')}. {reasons.sum():,} of {len(answers):,} prompts have no answer and are left out, "
            f"most often because: {reasons.index[0]}."
        ) from error


def _as_strings(table: pd.DataFrame) -> pd.DataFrame:
    """Give categorical columns the type of their categories."""
    coded = [name for name, dtype in table.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return table.astype(dict.fromkeys(coded, "str")).reset_index(drop=True)


def _reasons(
    scores: pd.DataFrame,
    told: Bool[ndarray, " num_rows"],
    possible: Bool[ndarray, " num_prompts"],
    starts: Integer[ndarray, " num_prompts"],
) -> ndarray:
    """Why each prompt lacks something: the reason of its first candidate that was not told."""
    found = np.full(len(starts), "", dtype=object)
    if not told.all():
        first = starts + _first_true(~told, starts)
        lacking = first < np.r_[starts[1:], len(told)]
        found[lacking] = scores["reason"].to_numpy(dtype=object)[first[lacking]]
        found[lacking & (found == "")] = _NO_REASON
    found[~possible & np.logical_and.reduceat(told, starts)] = _IMPOSSIBLE
    return found


def _shown(
    scores: pd.DataFrame, alphabetical: Integer[ndarray, " num_rows"], starts: Integer[ndarray, " num_prompts"]
) -> dict[str, ndarray]:
    """How often the demonstrations show each candidate, and which of them last."""
    times = scores["times_shown"].to_numpy(dtype=float, na_value=np.nan)
    is_last = scores["is_last_shown"].fillna(False).to_numpy(dtype=bool)
    last = np.minimum(starts + _first_true(is_last, starts), len(scores) - 1)
    known = ~np.isnan(np.add.reduceat(times, starts))
    return {
        "times_shown": _or_none(known, _arrays(times[alphabetical], starts)),
        "last_shown": _or_none(
            np.logical_or.reduceat(is_last, starts), scores["candidate"].to_numpy(dtype=object)[last]
        ),
    }


def _boundaries(
    scores: pd.DataFrame, told: Bool[ndarray, " num_rows"], starts: Integer[ndarray, " num_prompts"]
) -> dict[str, ndarray]:
    """What would be predicted from tokens cut separately, where all candidates tell, and how many are cut otherwise."""
    split = np.where(told, scores["logprob_split"].to_numpy(dtype=float), np.nan)
    top = np.maximum.reduceat(split, starts)  # NaN where one is
    sizes = np.diff(np.r_[starts, len(split)])
    best = starts + np.minimum(_first_true(is_as_likely(split, np.repeat(top, sizes)), starts), sizes - 1)
    known = scores["boundary_clean"].notna().to_numpy() & told
    unclean = known & ~scores["boundary_clean"].fillna(True).to_numpy(dtype=bool)
    return {
        "prediction_split": _or_none(np.isfinite(top), scores["candidate"].to_numpy(dtype=object)[best]),
        "num_boundaries": np.add.reduceat(known.astype(int), starts),
        "num_unclean": np.add.reduceat(unclean.astype(int), starts),
    }


def _or_none(known: Bool[ndarray, " num_prompts"], values: ndarray) -> ndarray:
    """The values, None where they are not known."""
    found = values.astype(object)
    found[~known] = None
    return found


def _arrays(values: Float[ndarray, " num_rows"], starts: Integer[ndarray, " num_prompts"]) -> ndarray:
    """Values of each prompt's candidates, as one array a prompt."""
    found = np.empty(len(starts), dtype=object)
    for place, part in enumerate(np.split(values, starts[1:])):
        found[place] = part
    return found


def _tuples(candidate: ndarray, starts: Integer[ndarray, " num_prompts"]) -> ndarray:
    """Candidates of each prompt; prompts that have the same share one tuple."""
    known: dict[tuple, tuple] = {}
    found = np.empty(len(starts), dtype=object)
    for place, part in enumerate(np.split(candidate, starts[1:])):
        names = tuple(part)
        found[place] = known.setdefault(names, names)
    return found


def _first_true(
    flags: Bool[ndarray, " num_rows"], starts: Integer[ndarray, " num_prompts"]
) -> Integer[ndarray, " num_prompts"]:
    """Offset of the first true flag within each block; behind everything where none is."""
    at = np.where(flags, np.arange(len(flags)), len(flags))
    return np.minimum.reduceat(at, starts) - starts
