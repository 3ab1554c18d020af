"""Two accounts small enough for dense integration, and tables for them; they are compiled once for all tests."""

from functools import cache

import numpy as np
import pandas as pd

from icl.concept.accounts.account import Account, Parameter
from icl.concept.compiled import Compiled, compile_layout
from icl.concept.layout import layout_of

RISING = (27, 38, 50, 62, 73, 82, 88)
"""100·sigmoid(−1 + ½·log2(1 + n)), nearly."""

LEVEL = Parameter(
    name="level", unit="logit", meaning="logit of accuracy", location=0.0, spread=1.5, reason="anything goes"
)
SLOPE = Parameter(
    name="slope", unit="logit", meaning="rise per log2 shots", location=0.0, spread=0.5, reason="slow either way"
)


def _account(name: str, *parameters: Parameter) -> Account:
    def accuracy(values, cells, functions):
        z = values["level"] + np.zeros(len(cells.num_shots))
        if "slope" in values:
            z = z + values["slope"] * np.log2(1 + cells.num_shots)
        return functions.sigmoid(z)

    return Account(name=name, title=name, says="", source="", parameters=parameters, accuracy=accuracy)


FLAT, LINE = _account("flat", LEVEL), _account("line", LEVEL, SLOPE)


def cell(**changes: object) -> dict[str, object]:
    fields = {"model": "m", "task": "t", "label_mode": "gold", "format": "arrow", "example_length": pd.NA}
    fields |= {"num_shots": 0, "num_correct": 50, "num_prompts": 100, "chance": 0.5, "ceiling": np.nan}
    return fields | changes


def curve(*correct: int, **changes: object) -> pd.DataFrame:
    """Counts at 0, 1, 2, 4, … shots, of 100 prompts each."""
    shots = [0, *(2**power for power in range(len(correct) - 1))]
    return pd.DataFrame([cell(num_shots=n, num_correct=right, **changes) for n, right in zip(shots, correct)])


@cache
def compiled() -> dict[str, Compiled]:
    """Both accounts, over a table of the shape of ``curve(*RISING)``."""
    return {account.name: compile_layout(layout_of(curve(*RISING), account)) for account in (FLAT, LINE)}
