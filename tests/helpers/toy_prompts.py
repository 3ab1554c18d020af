"""Prompts for the toy server, and what it says of them in closed form."""

from itertools import pairwise

import numpy as np
from toy_server import cut, logprobs_behind

from icl.prompts.build import Condition, Selection, build_prompts
from icl.seeds import Seeds

__all__ = ["expected", "prompts_of"]


def prompts_of(task, *, format: str = "arrow", shots=(0, 3), queries: int = 4):
    conditions = {Condition.of("gold", format, n): ("p",) for n in shots}
    selection = Selection(num_queries=queries, num_demonstration_sets=1, seeds=Seeds.same(0))
    return build_prompts(task, conditions, selection)


def expected(prompts) -> np.ndarray:
    """Sum the toy's nats over the tokens behind the prompt."""
    table = []
    for prompt in prompts:
        for candidate in prompt.candidates:
            given = prompt.text + candidate.given
            tokens = cut(given + candidate.text)
            ends = np.cumsum([len(token) for token in tokens])
            values = [0.0] + [logprobs_behind(one)[other] for one, other in pairwise(tokens)]
            table.append(sum(value for end, value in zip(ends, values) if end > len(given)))
    return np.array(table).reshape(len(prompts), -1)
