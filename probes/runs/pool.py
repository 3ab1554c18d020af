"""What a task's rows allow: how many queries beside how many demonstration sets, and how many rows sets share."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.metrics.power import NUM_SETS
from icl.prompts.render import Prompt
from icl.seeds import Seeds
from icl.tasks.alike import reading_key
from icl.tasks.demonstrations import parse_balance
from icl.tasks.draw import query_order
from icl.tasks.protocol import AnyTask

__all__ = ["most_curves", "most_queries", "shared_rows"]

_SAID_FROM = 0.05
"""Two sets that share less than this part of their rows are as good as independent."""


def most_queries(task: AnyTask, prompts: Sequence[Prompt], seeds: Seeds) -> dict[int, int]:
    """Number of demonstration sets → most queries that leave so many sets a row of their own for each demonstration.

    Sets are drawn independently of each other, so they share rows before the pool is used up; beyond these numbers more
    sets bring hardly anything new. Empty where no demonstrations are shown.
    """
    num_shots = _most_shots(prompts)
    if not num_shots:
        return {}
    balances = {prompt.demonstrations.balance for prompt in prompts if len(prompt.demonstrations)}
    sets = np.min([_sets_beside(task, num_shots, balance, seeds) for balance in sorted(balances)], axis=0)
    if task.query_pool:
        return {count: len(task.query_pool) if sets[0] >= count else 0 for count in NUM_SETS}
    return {count: max(int((sets >= count).sum()) - 1, 0) for count in NUM_SETS}


def most_curves(task: AnyTask, prompts: Sequence[Prompt]) -> int:
    """Count the curves that can be drawn without a row in common."""
    rows = len({reading_key(example.input) for example in task.pool})
    return rows // (_most_shots(prompts) + 1)


def shared_rows(prompts: Iterable[Prompt]) -> list[str]:
    """Say how many rows any two demonstration sets share on average, where that is worth a sentence."""
    sets: dict[str, tuple] = {}
    for prompt in prompts:
        shown = prompt.demonstrations
        if shown.input_mode == "task" and len(shown) > len(sets.get(shown.set_id, ())):
            sets[shown.set_id] = tuple(zip(shown.inputs, shown.gold_labels))
    most = max(map(len, sets.values()), default=0)
    rows = [frozenset(shown) for shown in sets.values() if len(shown) == most]
    if len(rows) < 2:
        return []
    shared = float(np.mean([len(first & second) for first, second in combinations(rows, 2)]))
    if shared < _SAID_FROM * most:
        return []
    distinct = len(frozenset().union(*rows))
    return [
        f"The {len(rows)} demonstration sets of {most} rows hold {distinct} different rows in all; two sets share "
        f"{shared:.1f} of {most} on average. Sets that share rows are not independent: intervals say less about other "
        "rows than they seem to."
    ]


def _sets_beside(task: AnyTask, num_shots: int, balance: str, seeds: Seeds) -> Float[ndarray, " num_rows"]:
    """How many sets without a row in common are left beside 0, 1, 2, … queries."""
    left, labels = _first_asked(task, seeds), np.array([example.label for example in task.pool], dtype=object)
    queries = np.arange(1 if task.query_pool else len(task.pool))
    rows = _at_least(left, queries)
    found = (rows // num_shots).astype(float)
    if task.is_multiple_choice or balance == "as-drawn":
        return found
    share, num_labels = parse_balance(balance), len(task.label_space)
    needed = -(-num_shots // num_labels) if share is None else max(round(share * num_shots), 1)
    for label in task.label_space:
        has = _at_least(left[labels == label], queries)
        found = np.minimum(found, np.where(has >= needed, has * num_labels // num_shots, 0))
    return found


def _first_asked(task: AnyTask, seeds: Seeds) -> Float[ndarray, " num_rows"]:
    """Number of queries up to which each row of the pool can be a demonstration: it or a near duplicate is the next."""
    order = query_order(task, seeds).tolist()
    keys = [reading_key(example.input) for example in task.pool]
    if task.query_pool:
        asked = {reading_key(example.input) for example in task.query_pool}
        return np.array([-np.inf if key in asked else np.inf for key in keys])
    first: dict[str, int] = {}
    for place, row in enumerate(order):
        first.setdefault(keys[row], place)
    return np.array([float(first[key]) for key in keys])


def _at_least(values: Float[ndarray, " num_rows"], limits: ndarray) -> ndarray:
    """Count the values that are as large as each limit."""
    return len(values) - np.searchsorted(np.sort(values), limits)


def _most_shots(prompts: Sequence[Prompt]) -> int:
    return max((len(prompt.demonstrations) for prompt in prompts), default=0)
