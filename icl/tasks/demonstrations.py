"""Demonstrations and queries as records: which labelled inputs a prompt shows, how often each label, in what order."""

import math
import re
from dataclasses import dataclass, replace
from itertools import islice, permutations

import numpy as np

from icl.errors import UserError, unknown_name
from icl.tasks.example import Example

__all__ = [
    "BALANCES",
    "EXACT_ORDERS",
    "Demonstrations",
    "DrawnSet",
    "Episode",
    "draw_orders",
    "parse_balance",
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
    def num_shots(self) -> int:
        """How many there are."""
        return len(self)

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
        mapping = dict(self.mapping)
        if self.shown_labels == self.gold_labels and any(label != shown for label, shown in mapping.items()):
            return None  # it begins behind the last demonstration
        return mapping[gold_label]

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


type DrawnSet = tuple[Demonstrations, list[tuple[str, Example]]]
"""Demonstrations with the queries that are asked behind them, each with its identity; on a curve one for each number of
shots."""

BALANCES: dict[str, str] = {
    "balanced": "every block of m demonstrations (m labels) has each label once, in random order",
    "as-drawn": "as they occur in the pool",
    "skewed(p)": "about a share p of one label, a different one per demonstration set, the others equally often",
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
