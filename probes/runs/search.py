"""A budgeted search for the best and the worst format: Thompson sampling, each answer asked once (Sclar §4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icl.answers import predicted
from icl.errors import UserError
from icl.prompts.render import Prompt
from icl.seeds import stream
from probes.scorers.scorer import Answer

__all__ = ["PROMPTS_A_FORMAT", "Search", "is_right", "make_search"]

PROMPTS_A_FORMAT = 10
"""A search may ask so many prompts per format on average, unless its budget says another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which prompts may be asked, and how many.

    Attributes
    ----------
    arms : dict
        Format → positions in the plan of its prompts, in the order they are asked; alike for all formats, so that
        formats are compared on the same queries as far as they go.
    budget : int
        Prompts that may be asked of one model.
    seed : int
        Of the draws.
    shared : frozenset of int
        Positions that other probes ask for as well.
    """

    arms: dict[str, tuple[int, ...]]
    budget: int
    seed: int
    shared: frozenset[int] = frozenset()

    @property
    def places(self) -> tuple[int, ...]:
        """Positions in the plan of every prompt that is asked only if the search chooses it."""
        return tuple(place for places in self.arms.values() for place in places if place not in self.shared)

    @property
    def batch(self) -> int:
        """Prompts asked of a format at one time: half of what is an even share, 16 at most."""
        return max(1, min(16, self.budget // (2 * len(self.arms))))

    def next_prompts(self, answered: dict[int, bool]) -> tuple[int, ...]:
        """Choose what to ask next; nothing when the budget is spent or everything is asked.

        Every format is asked one batch first. From then on each draws a share of right answers from its posterior
        (uniform prior), and the highest and the lowest draw are asked in turn.

        Parameters
        ----------
        answered
            Position of each prompt that was asked → whether it was answered right.
        """
        left = self.budget - len(answered)
        open_arms = {name: [place for place in places if place not in answered] for name, places in self.arms.items()}
        open_arms = {name: places for name, places in open_arms.items() if places}
        if left <= 0 or not open_arms:
            return ()
        right = {name: [answered[place] for place in self.arms[name] if place in answered] for name in open_arms}
        untried = [name for name in open_arms if not right[name]]
        if untried:
            chosen = untried[0]
        else:
            rng = stream(self.seed, "search", len(answered))
            drawn = {name: rng.beta(1 + sum(tries), 1 + len(tries) - sum(tries)) for name, tries in right.items()}
            rounds = len(answered) // self.batch
            chosen = max(drawn, key=drawn.__getitem__) if rounds % 2 == 0 else min(drawn, key=drawn.__getitem__)
        return tuple(open_arms[chosen][: min(self.batch, left)])


def make_search(prompts: Sequence[Prompt], probe: str, *, budget: int | None, seed: int) -> Search | None:
    """Lay out the search over the prompts that `probe` asks for; None where there are none.

    Prompts that other probes ask for as well are asked in any case, and count.

    Raises
    ------
    UserError
        If the budget is smaller than the number of formats, or not the format alone varies.
    """
    searched = [place for place, prompt in enumerate(prompts) if probe in prompt.probes]
    if not searched:
        return None
    varied = {_kind(prompts[place]) for place in searched}
    if len(varied) > 1:
        raise UserError(
            f"probe '{probe}' varies formats only, got {len(varied)} kinds of prompts in each; name one of "
            "--label-modes, --shots, --input-modes, --balances and --methods, one order and one draw of labels."
        )
    by_format: dict[str, dict[str, list[int]]] = {}
    for place in searched:
        prompt = prompts[place]
        by_format.setdefault(prompt.format, {}).setdefault(prompt.demonstrations.set_id, []).append(place)
    if len(by_format) < 2:
        raise UserError(f"probe '{probe}' needs two formats or more, got {next(iter(by_format))}; name more --formats.")
    arms = {name: _in_turn(list(sets.values())) for name, sets in by_format.items()}
    budget = PROMPTS_A_FORMAT * len(arms) if budget is None else budget
    if budget < len(arms):
        raise UserError(
            f"a budget of {budget} prompts cannot ask each of {len(arms)} formats once; give --budget {len(arms)} or "
            "more, or fewer --formats."
        )
    shared = frozenset(place for place in searched if prompts[place].probes != (probe,))
    return Search(arms=arms, budget=budget, seed=seed, shared=shared)


def _kind(prompt: Prompt) -> tuple:
    """All but the format of what may vary."""
    return tuple(value for name, value in prompt.factors.items() if name != "format")


def _in_turn(sets: list[list[int]]) -> tuple[int, ...]:
    """Take one prompt of each demonstration set after the other."""
    longest = max(map(len, sets))
    return tuple(places[i] for i in range(longest) for places in sets if i < len(places))


def is_right(prompt: Prompt, answer: Answer) -> bool:
    """Whether the prediction is known and is the gold label."""
    below = np.full(len(answer), np.nan) if answer.logprob_below is None else answer.logprob_below
    return predicted(answer.logprob, below) == prompt.gold_index
