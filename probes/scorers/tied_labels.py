"""Labels that a server cannot tell apart: its tokenizer is not known, but such labels tie on every prompt."""

import math
from itertools import combinations

from icl.errors import UserError
from icl.prompts.render import Prompt
from probes.scorers.scorer import Answer

__all__ = ["TiedLabels"]

_ENOUGH = 8
"""Prompts after which a tie in all of them is no accident."""


class TiedLabels:
    """Keeps the pairs of labels that tied on every prompt so far.

    Parameters
    ----------
    server
        Whose answers these are, for the message.
    """

    def __init__(self, server: str):
        self._server = server
        self._pairs: set[tuple[str, str]] = set()
        self._num_prompts = 0

    def note(self, prompt: Prompt, answer: Answer) -> None:
        """Look at the answer to one prompt.

        Raises
        ------
        UserError
            If some labels have tied on every one of several prompts; all of them are named.
        """
        told = {
            candidate.label: value
            for candidate, value in zip(prompt.candidates, answer.logprob.tolist())
            if math.isfinite(value)
        }
        if not told or (self._num_prompts and not self._pairs):
            return
        by_value: dict[float, list[str]] = {}
        for label, value in told.items():
            by_value.setdefault(value, []).append(label)
        tied = {pair for labels in by_value.values() for pair in combinations(labels, 2)}
        self._pairs = self._pairs & tied if self._num_prompts else tied
        self._num_prompts += 1
        if self._pairs and self._num_prompts >= _ENOUGH:
            named = ", ".join(f"{one!r} and {other!r}" for one, other in sorted(self._pairs))
            raise UserError(
                f"server {self._server} gave the same number to the labels {named} in all of {self._num_prompts} "
                "prompts, as if they were the same tokens to it, so every prompt would end in a tie; rename one of "
                "each pair, or use another model."
            )
