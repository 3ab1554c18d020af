"""Queries and demonstrations drawn from the rows of a task."""

from collections.abc import Callable, Iterable

import numpy as np

from icl.errors import UserError
from icl.seeds import Seeds, stream
from icl.tasks.alike import reading_key
from icl.tasks.demonstrations import Demonstrations, DrawnSet, Episode, parse_balance
from icl.tasks.enough import TooFewRows, numbers_that_work
from icl.tasks.example import Example
from icl.tasks.protocol import AnyTask

__all__ = ["draw_curves", "draw_episodes", "examples_by_id", "near_twins", "query_order"]

_IN_POOL, _IN_QUERY_POOL = "pool{}", "query{}"
"""Identity of an example as a query, by its position."""


def draw_episodes(
    task: AnyTask,
    *,
    num_queries: int,
    num_demonstration_sets: int,
    num_demonstrations: int,
    balance: str = "balanced",
    seeds: Seeds,
) -> list[Episode]:
    """Cross queries with demonstration sets; no query, nor a near duplicate of one, is ever a demonstration.

    Queries share their demonstrations, so the near duplicates (`icl.tasks.alike`) of all of them are left out.

    Parameters
    ----------
    balance
        How often each label is drawn, one of `BALANCES`; multiple choice has no labels to balance and is drawn as it
        comes. Of balanced demonstrations any first n are balanced as well as n allows.

    Raises
    ------
    UserError
        If the pool cannot supply so many queries and demonstrations; names numbers that work.
    """

    def draw(queries: int, demonstrations: int) -> tuple[list[tuple[str, Example]], list[list[int]]]:
        return _draw(task, queries, num_demonstration_sets, demonstrations, balance, seeds)

    try:
        queries, sets = draw(num_queries, num_demonstrations)
    except TooFewRows as error:
        raise UserError(f"{error}; {numbers_that_work(draw, num_queries, num_demonstrations)}.") from None
    prefix = "" if balance == "balanced" else f"{balance}-"
    episodes = []
    for number, chosen in enumerate(sets):
        demonstrations = _demonstrations(f"{prefix}set{number}", [task.pool[i] for i in chosen], balance)
        episodes += [Episode(demonstrations=demonstrations, query=one, query_id=name) for name, one in queries]
    return episodes


def _draw(
    task: AnyTask, num_queries: int, num_demonstration_sets: int, num_demonstrations: int, balance: str, seeds: Seeds
) -> tuple[list[tuple[str, Example]], list[list[int]]]:
    """Draw queries, with their identities, and the rows of each demonstration set."""
    queries, rest, twins = _split(task, num_queries, num_demonstrations, seeds)
    share = parse_balance(balance)
    sets = []
    for number in range(num_demonstration_sets):
        rng = stream(seeds.selection, "demonstrations", number)
        shuffled = [int(i) for i in rng.permutation(rest) if i not in twins]
        if task.is_multiple_choice or balance == "as-drawn":
            chosen = shuffled[:num_demonstrations]
        else:
            wanted = _blocks(len(task.label_space), rng) if share is None else _skewed(task, number, share, rng)
            chosen = _take_labels(task, shuffled, num_demonstrations, wanted, balance)
        sets.append(chosen)
    return queries, sets


def draw_curves(task: AnyTask, *, num_demonstration_sets: int, num_demonstrations: int, seeds: Seeds) -> list[DrawnSet]:
    """Draw prompts whose every demonstration is also asked, behind those before it.

    An example that is a near duplicate (`icl.tasks.alike`) of one drawn before it is passed over.

    Returns
    -------
    list
        For each set its demonstrations, and num_demonstrations + 1 queries by number of shots: (identity, example).

    Raises
    ------
    UserError
        If the pool cannot supply so many.
    """
    needed = num_demonstrations + 1
    if needed > len(task.pool):
        raise UserError(
            f"task '{task.name}' has {len(task.pool)} examples, but a curve to {num_demonstrations} shots needs "
            f"{needed}; --shots {len(task.pool) - 1} works."
        )
    drawn = []
    for number in range(num_demonstration_sets):
        shuffled = stream(seeds.selection, "curve", number).permutation(len(task.pool)).tolist()
        distinct: dict[str, int] = {}
        for i in shuffled:
            distinct.setdefault(reading_key(task.pool[i].input), i)
            if len(distinct) == needed:
                break
        else:
            raise UserError(
                f"task '{task.name}' has {len(distinct)} examples that are not near duplicates of others, but a curve "
                f"to {num_demonstrations} shots needs {needed}; --shots {len(distinct) - 1} works."
            )
        examples = [(_IN_POOL.format(i), task.pool[i]) for i in distinct.values()]
        shown = [example for _, example in examples[:-1]]
        drawn.append((_demonstrations(f"set{number}", shown, "as-drawn"), examples))
    return drawn


def examples_by_id(task: AnyTask) -> dict[str, Example]:
    """List every example that can be a query: identity of the query → example."""
    pool = {_IN_POOL.format(i): example for i, example in enumerate(task.pool)}
    return pool | {_IN_QUERY_POOL.format(i): example for i, example in enumerate(task.query_pool)}


def near_twins(task: AnyTask, queries: Iterable[tuple[str, Example]]) -> frozenset[int]:
    """Say at which positions of the pool stand near duplicates of queries, other than these queries themselves."""
    asked = dict(queries)
    keys = {reading_key(example.input) for example in asked.values()}
    return frozenset(
        i
        for i, example in enumerate(task.pool)
        if reading_key(example.input) in keys and _IN_POOL.format(i) not in asked
    )


def query_order(task: AnyTask, seeds: Seeds) -> np.ndarray:
    """Rows in the order in which they become queries: of the task's queries where it has some, else of its pool."""
    return stream(seeds.selection, "queries").permutation(len(task.query_pool or task.pool))


def _split(
    task: AnyTask, num_queries: int, num_demonstrations: int, seeds: Seeds
) -> tuple[list[tuple[str, Example]], np.ndarray, frozenset[int]]:
    """Choose the queries, with their identities; say what is left of the pool, and which near duplicates it has."""
    if not task.query_pool:
        _enough(task.name, len(task.pool), num_queries + num_demonstrations, num_queries, num_demonstrations)
        order = query_order(task, seeds)
        queries = [(_IN_POOL.format(i), task.pool[i]) for i in order[:num_queries].tolist()]
        return _without_twins(task, queries, order[num_queries:], num_demonstrations)
    if num_queries > len(task.query_pool):
        raise TooFewRows(f"task '{task.name}' has {len(task.query_pool)} queries, but {num_queries} were asked for")
    _enough(task.name, len(task.pool), num_demonstrations, 0, num_demonstrations)
    order = query_order(task, seeds)[:num_queries]
    queries = [(_IN_QUERY_POOL.format(i), task.query_pool[i]) for i in order.tolist()]
    rest = stream(seeds.selection, "pool").permutation(len(task.pool))
    return _without_twins(task, queries, rest, num_demonstrations)


def _without_twins(
    task: AnyTask, queries: list[tuple[str, Example]], rest: np.ndarray, num_demonstrations: int
) -> tuple[list[tuple[str, Example]], np.ndarray, frozenset[int]]:
    twins = near_twins(task, queries) if num_demonstrations else frozenset()
    if num_demonstrations > len(rest) - len(twins):
        raise TooFewRows(
            f"task '{task.name}' has {len(rest)} examples beside {len(queries)} queries, but {len(twins)} of them are "
            f"near duplicates of queries and {num_demonstrations} shots are asked for"
        )
    return queries, rest, twins


def _enough(name: str, have: int, needed: int, num_queries: int, num_demonstrations: int) -> None:
    if needed > have:
        raise TooFewRows(
            f"task '{name}' has {have} examples, but {num_queries} queries and {num_demonstrations} shots need {needed}"
        )


def _demonstrations(set_id: str, examples: list[Example], balance: str) -> Demonstrations:
    labels = tuple(example.label for example in examples)
    return Demonstrations(
        set_id=set_id,
        inputs=tuple(example.input for example in examples),
        gold_labels=labels,
        shown_labels=labels,
        options=tuple(example.options for example in examples) if examples and examples[0].options else (),
        balance=balance,
    )


def _blocks(num_labels: int, rng: np.random.Generator) -> Callable[[int], list[int]]:
    """Wanted labels, by position in the label space: blocks that have each once, in random order."""

    def wanted(count: int) -> list[int]:
        blocks = [rng.permutation(num_labels).tolist() for _ in range(-(-count // num_labels))]
        return [index for block in blocks for index in block][:count]

    return wanted


def _skewed(task: AnyTask, number: int, share: float, rng: np.random.Generator) -> Callable[[int], list[int]]:
    """Wanted labels: round(share · n) times one label, the rest alike, in random order."""
    num_labels = len(task.label_space)

    def wanted(count: int) -> list[int]:
        often = number % num_labels
        others = [index for index in range(num_labels) if index != often]
        many = round(share * count)
        drawn = [often] * many + [others[i % len(others)] for i in range(count - many)]
        return rng.permutation(drawn).tolist()

    return wanted


def _take_labels(
    task: AnyTask, shuffled: list[int], count: int, wanted: Callable[[int], list[int]], balance: str
) -> list[int]:
    waiting: dict[str, list[int]] = {label: [] for label in task.label_space}
    for i in shuffled:
        waiting[task.pool[i].label].append(i)
    chosen: list[int] = []
    for index in wanted(count):
        label = task.label_space[index]
        if not waiting[label]:
            raise TooFewRows(
                f"task '{task.name}' has too few examples labelled {label!r} for {count} {balance} demonstrations "
                "beside the queries (--balance as-drawn takes them as they come)"
            )
        chosen.append(waiting[label].pop())
    return chosen
