"""The world of `coverage.py`: score tables whose truth is known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy import ndarray

from icl.scores import SCORE_COLUMNS, validate_scores

__all__ = ["KINDS", "LABELS", "Kind", "World", "simulate"]

LABELS = ("blue", "green", "red")
SHOTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A condition that is asked of every query with every demonstration set, and what it does to the gold label."""

    lift: float
    label_mode: str = "gold"
    input_mode: str = "task"
    format: str = "a"
    order: int = 0
    option_order: int = 0
    num_shots: int = SHOTS


KINDS = (
    Kind(lift=0.3, label_mode="zero_shot", num_shots=0),
    Kind(lift=1.6),
    Kind(lift=1.3, format="b"),
    Kind(lift=0.7, format="c"),
    Kind(lift=1.6, order=1),
    Kind(lift=1.6, order=2),
    Kind(lift=0.8, option_order=1),
    Kind(lift=1.1, label_mode="random"),
    Kind(lift=0.8, label_mode="symbols"),
    Kind(lift=0.2, label_mode="flipped"),
    Kind(lift=0.5, label_mode="random_words"),
    Kind(lift=0.7, label_mode="random", input_mode="ood"),
    Kind(lift=0.4, label_mode="random", input_mode="none"),
    Kind(lift=0.5, label_mode="none"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Standard deviations of what moves the log-odds of a label, in nats.

    `query`, `query_by_kind`, `demonstrations`, `demonstrations_by_kind` and `order` act on the gold label; `favourite`
    is each set's liking for each label, `prompt` the noise of each prompt and label; `last` and `shown` are the slopes
    of copying.
    """

    query: float = 0.8
    query_by_kind: float = 0.4
    demonstrations: float = 0.3
    demonstrations_by_kind: float = 0.3
    order: float = 0.3
    favourite: float = 0.3
    prompt: float = 0.6
    last: float = 0.4
    shown: float = 0.2
    preference: tuple[float, ...] = (0.3, 0.0, -0.3)


def simulate(
    world: World, *, num_sets: int, num_queries: int, rng: np.random.Generator, kinds: tuple[Kind, ...] = KINDS
) -> pd.DataFrame:
    """Draw queries and sets, ask every query with every set under every kind, and write the score table."""
    labels, spots = np.eye(len(LABELS)), (num_sets, num_queries, len(LABELS))
    gold = rng.integers(len(LABELS), size=num_queries)
    query = world.query * rng.normal(size=num_queries)
    common = world.demonstrations * rng.normal(size=num_sets)
    favourite = world.favourite * rng.normal(size=(num_sets, len(LABELS)))
    drawn = {mode: rng.integers(len(LABELS), size=(num_sets, SHOTS)) for mode in ("gold", "random")}
    blocks = []
    for kind in kinds:
        lift = kind.lift + query + world.query_by_kind * rng.normal(size=num_queries)
        utility = np.array(world.preference) + lift[:, None] * labels[gold]
        if kind.num_shots == 0:  # every set asks the same question
            utility = np.broadcast_to(utility + world.prompt * rng.normal(size=utility.shape), spots)
            shown = None
        else:
            own = common + np.hypot(world.demonstrations_by_kind, world.order) * rng.normal(size=num_sets)
            utility = utility + own[:, None, None] * labels[gold] + favourite[:, None]
            utility = utility + world.prompt * rng.normal(size=spots)
            shown = _shown(kind, drawn)
            if shown is not None:
                counts, last = labels[shown].sum(axis=1), labels[shown[:, -1]]
                utility = utility + (world.shown * counts + world.last * last)[:, None]
        blocks.append(_rows(kind, utility, gold, drawn["gold"], shown))
    scores = pd.concat(blocks, ignore_index=True)
    oracle = scores[(scores["label_mode"] == "gold") & (scores["format"] == "a")]
    oracle = oracle[(oracle["order"] == 0) & (oracle["option_order"] == 0)]
    odds = np.repeat(1.5 + rng.normal(size=len(oracle) // len(LABELS)), len(LABELS))  # for gold against each other
    best = np.where(oracle["is_gold"], odds, 0.0) - np.log(np.exp(odds) + len(LABELS) - 1)
    return validate_scores(pd.concat([scores, oracle.assign(model="oracle", logprob=best)], ignore_index=True))


def _shown(kind: Kind, drawn: dict[str, ndarray]) -> ndarray | None:
    """Labels shown, (set, demonstration): those drawn, in the kind's order; None where they are other words."""
    shown = drawn.get(kind.label_mode)
    if kind.label_mode == "flipped":
        shown = (drawn["gold"] + 1) % len(LABELS)
    return None if shown is None or kind.input_mode != "task" else np.roll(shown, kind.order, axis=1)


def _rows(kind: Kind, utility: ndarray, gold: ndarray, true: ndarray, shown: ndarray | None) -> pd.DataFrame:
    """Three rows a prompt; content-free queries see the labels' pull but not the query."""
    num_sets, num_queries, num_labels = utility.shape
    logprob = utility - np.log(np.exp(utility).sum(axis=-1, keepdims=True))
    s, q, label = (index.ravel() for index in np.indices(utility.shape))
    free = utility.mean(axis=1, keepdims=True)  # queries of all labels alike
    free = np.broadcast_to(free - np.log(np.exp(free).sum(axis=-1, keepdims=True)), utility.shape).ravel()
    table = pd.DataFrame(
        {
            **dict.fromkeys((column.name for column in SCORE_COLUMNS if column.dtype == "Int64"), 0),
            **dict.fromkeys((column.name for column in SCORE_COLUMNS if column.dtype == "str"), ""),
            **dict.fromkeys(("example_length", "is_mapped", "times_shown", "is_last_shown", "num_wrong_shown"), pd.NA),
            **{name: getattr(kind, name) for name in ("label_mode", "input_mode", "format", "order", "option_order")},
            "num_shots": kind.num_shots,
            "model": "model",
            "task": "simulated",
            "probe": "simulated",
            "method": "direct",
            "balance": "balanced",
            "status": "ok",
            "boundary_clean": True,
            "num_label_tokens": pd.NA,
            "num_label_bytes": pd.NA,
            "query_id": np.char.add("q", np.arange(num_queries).astype(str))[q],
            "demonstration_set_id": np.char.add("s", np.arange(num_sets).astype(str))[s],
            "candidate": np.array(LABELS)[label],
            "is_gold": label == gold[q],
            "logprob": logprob.ravel(),
            "logprob_per_token": logprob.ravel(),
            "logprob_split": logprob.ravel(),
            "logprob_prior": np.nan,
            **dict.fromkeys(("logprob_na", "logprob_mask", "logprob_empty"), free),
        },
        index=range(logprob.size),
    )
    if shown is None:
        return table
    if kind.label_mode == "flipped":
        table = table.assign(is_mapped=label == (gold[q] + 1) % num_labels)
    wrong = (shown != np.roll(true, kind.order, axis=1)).sum(axis=1)
    counts, last = np.eye(num_labels)[shown].sum(axis=1), shown[:, -1]
    return table.assign(num_wrong_shown=wrong[s], times_shown=counts[s, label], is_last_shown=last[s] == label)
