"""Demonstrations and queries: which labelled inputs stand in a prompt, how often each label, in what order."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice, permutations

import numpy as np

from icl.errors import UserError, unknown_name
from icl.prompts.alike import reading_key
from icl.prompts.enough import TooFewRows, numbers_that_work
from icl.prompts.seeds import Seeds, stream
from icl.tasks.task import Example, Task

__all__ = [
    "BALANCES",
    "EXACT_ORDERS",
    "Demonstrations",
    "Episode",
    "draw_curves",
    "draw_episodes",
    "draw_orders",
    "find_query",
    "near_twins",
    "parse_balance",
    "query_order",
]

EXACT_ORDERS = 5
"""Up to so many demonstrations an order's number is its rank among all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrations:
    """Labelled examples shown in a prompt; the gold labels stay beside the shown ones.

    Attributes
    ----------
    set_id : str
        Which drawn set they belong to; nested shot counts share it.
    inputs, gold_labels : tuple of str
        One entry a demonstration.
    shown_labels : tuple of str, or None
        Labels as shown, in the task's label space; None where no labels are shown.
    options : tuple of tuple of str
        Multiple choice: the answers that each demonstration chooses from; else empty.
    label_mode : str
        How the shown labels were made.
    label_draw : int
        Which draw of the labels; 0 is the first.
    mapping : tuple of (str, str), or None
        How each label of the label space is shown, where one mapping makes the shown labels.
    input_mode : "task", "ood" or "none"
        Where the shown inputs come from; under "none" they are not written down.
    order : int
        Which order they stand in; 0 is as drawn.
    balance : str
        How often each label was drawn, see `BALANCES`.
    """

    set_id: str
    inputs: tuple[str, ...]
    gold_labels: tuple[str, ...]
    shown_labels: tuple[str, ...] | None
    options: tuple[tuple[str, ...], ...] = ()
    label_mode: str = "gold"
    label_draw: int = 0
    mapping: tuple[tuple[str, str], ...] | None = None
    input_mode: str = "task"
    order: int = 0
    balance: str = "balanced"

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def num_wrong_shown(self) -> int | None:
        """Shown labels that differ from gold; None where no labels of the task, or no inputs of it, are shown."""
        if self.shown_labels is None or self.label_mode == "random_words" or self.input_mode != "task":
            return None
        return sum(shown != gold for shown, gold in zip(self.shown_labels, self.gold_labels))

    def shown_for(self, gold_label: str) -> str | None:
        """Say what the demonstrations call `gold_label`; None where they follow no mapping of labels to inputs."""
        if self.mapping is None or self.input_mode != "task" or not len(self):
            return None
        if self.label_mode.startswith("flip_after") and self.shown_labels == self.gold_labels:
            return None  # too few demonstrations to show the mapping
        return dict(self.mapping)[gold_label]

    def first(self, num_shots: int) -> "Demonstrations":
        """Keep the first `num_shots` demonstrations."""
        return self._take(range(num_shots))

    def reordered(self, permutation: np.ndarray | tuple[int, ...]) -> "Demonstrations":
        """Put the demonstrations in another order."""
        return self._take(permutation)

    def _take(self, indices) -> "Demonstrations":
        return replace(
            self,
            inputs=tuple(self.inputs[i] for i in indices),
            gold_labels=tuple(self.gold_labels[i] for i in indices),
            shown_labels=None if self.shown_labels is None else tuple(self.shown_labels[i] for i in indices),
            options=tuple(self.options[i] for i in indices) if self.options else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One query with the demonstrations drawn for it, as many as the largest shot count asks for."""

    demonstrations: Demonstrations
    query: Example
    query_id: str


BALANCES: dict[str, str] = {
    "balanced": "every block of m demonstrations (m labels) has each label once, in random order",
    "as-drawn": "as the pool has them",
    "skewed(p)": "about a share p of one label, the next one for each demonstration set, the rest alike",
}
"""How often each label is drawn."""


def parse_balance(text: str) -> float | None:
    """Check the name of a balance; return the share of `skewed(p)`, None for the others.

    Raises
    ------
    UserError
        If there is no such balance, or the share is none between 0 and 1.
    """
    if text in ("balanced", "as-drawn"):
        return None
    found = re.fullmatch(r"skewed\(([^)]*)\)", text)
    if not found:
        if text.startswith("skewed"):
            raise UserError(f"skewed needs a share of one label between 0 and 1, got '{text}'; write skewed(0.75).")
        raise unknown_name("balance of demonstrations", text, BALANCES)
    try:
        share = float(found[1])
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise UserError(f"skewed needs a share of one label between 0 and 1, got '{text}'; write skewed(0.75).")
    return share


def draw_orders(num_shots: int, count: int, *, rng: np.random.Generator) -> dict[int, tuple[int, ...]]:
    """Choose orders of the demonstrations: number → permutation; number 0 is as drawn.

    Parameters
    ----------
    num_shots
        Demonstrations n.
    count
        How many; 0 for all n!. Up to five demonstrations a number is the permutation's rank among all n! in
        lexicographic order; beyond, the others are drawn and counted from 1.

    Raises
    ------
    UserError
        If there are not so many, or all are asked for of more than five demonstrations.
    """
    exist = math.factorial(num_shots)
    if count == 0:
        if num_shots > EXACT_ORDERS:
            raise UserError(
                f"{num_shots} demonstrations have {exist:,} orders, too many to ask all; give a number, e.g. --orders "
                f"24, or at most {EXACT_ORDERS} shots."
            )
        count = exist
    if count > exist:
        raise UserError(
            f"{count} orders were asked for, but {num_shots} demonstration{'s have' if num_shots != 1 else ' has'} "
            f"only {exist}; ask for fewer with --orders, or for more shots."
        )
    identity = tuple(range(num_shots))
    if num_shots <= EXACT_ORDERS:
        ranks = np.sort(rng.choice(np.arange(1, exist), size=count - 1, replace=False)) if count > 1 else ()
        wanted = {0, *map(int, ranks)}
        return {rank: order for rank, order in enumerate(permutations(identity)) if rank in wanted}
    chosen = dict.fromkeys([identity])
    while len(chosen) < count:
        chosen[tuple(rng.permutation(num_shots).tolist())] = None
    return dict(enumerate(islice(chosen, count)))


def draw_episodes(
    task: Task,
    *,
    num_queries: int,
    num_demonstration_sets: int,
    num_demonstrations: int,
    balance: str = "balanced",
    seeds: Seeds,
) -> list[Episode]:
    """Cross queries with demonstration sets; no query, nor a near twin of one, is ever a demonstration.

    Queries share their demonstrations, so the near twins (`icl.prompts.alike`) of all of them are left out.

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
    task: Task, num_queries: int, num_demonstration_sets: int, num_demonstrations: int, balance: str, seeds: Seeds
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


def draw_curves(
    task: Task, *, num_demonstration_sets: int, num_demonstrations: int, seeds: Seeds
) -> list[tuple[Demonstrations, list[tuple[str, Example]]]]:
    """Draw prompts whose every demonstration is also asked, behind those before it.

    An example that is a near twin (`icl.prompts.alike`) of one drawn before it is passed over.

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
                f"task '{task.name}' has {len(distinct)} examples that are no near twins of others, but a curve to "
                f"{num_demonstrations} shots needs {needed}; --shots {len(distinct) - 1} works."
            )
        examples = [(f"pool{i}", task.pool[i]) for i in distinct.values()]
        shown = [example for _, example in examples[:-1]]
        drawn.append((_demonstrations(f"set{number}", shown, "as-drawn"), examples))
    return drawn


def find_query(task: Task, query_id: str) -> Example:
    """Return the example behind the identity of a query."""
    if query_id.startswith("pool"):
        return task.pool[int(query_id.removeprefix("pool"))]
    return task.query_pool[int(query_id.removeprefix("query"))]


def near_twins(task: Task, queries: Iterable[tuple[str, Example]]) -> frozenset[int]:
    """Say at which positions of the pool stand near twins of queries, other than these queries themselves."""
    asked = dict(queries)
    keys = {reading_key(example.input) for example in asked.values()}
    return frozenset(
        i for i, example in enumerate(task.pool) if reading_key(example.input) in keys and f"pool{i}" not in asked
    )


def query_order(task: Task, seeds: Seeds) -> np.ndarray:
    """Rows in the order in which they become queries: of the task's queries where it has some, else of its pool."""
    return stream(seeds.selection, "queries").permutation(len(task.query_pool or task.pool))


def _split(
    task: Task, num_queries: int, num_demonstrations: int, seeds: Seeds
) -> tuple[list[tuple[str, Example]], np.ndarray, frozenset[int]]:
    """Choose the queries, with their identities; say what is left of the pool, and which of it are their near twins."""
    if not task.query_pool:
        _enough(task.name, len(task.pool), num_queries + num_demonstrations, num_queries, num_demonstrations)
        order = query_order(task, seeds)
        queries = [(f"pool{i}", task.pool[i]) for i in order[:num_queries].tolist()]
        return _without_twins(task, queries, order[num_queries:], num_demonstrations)
    if num_queries > len(task.query_pool):
        raise TooFewRows(f"task '{task.name}' has {len(task.query_pool)} queries, but {num_queries} were asked for")
    _enough(task.name, len(task.pool), num_demonstrations, 0, num_demonstrations)
    order = query_order(task, seeds)[:num_queries]
    queries = [(f"query{i}", task.query_pool[i]) for i in order.tolist()]
    rest = stream(seeds.selection, "pool").permutation(len(task.pool))
    return _without_twins(task, queries, rest, num_demonstrations)


def _without_twins(
    task: Task, queries: list[tuple[str, Example]], rest: np.ndarray, num_demonstrations: int
) -> tuple[list[tuple[str, Example]], np.ndarray, frozenset[int]]:
    twins = near_twins(task, queries) if num_demonstrations else frozenset()
    if num_demonstrations > len(rest) - len(twins):
        raise TooFewRows(
            f"task '{task.name}' has {len(rest)} examples beside {len(queries)} queries, but {len(twins)} of them are "
            f"near twins of queries and {num_demonstrations} shots are asked for"
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


def _skewed(task: Task, number: int, share: float, rng: np.random.Generator) -> Callable[[int], list[int]]:
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
    task: Task, shuffled: list[int], count: int, wanted: Callable[[int], list[int]], balance: str
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
